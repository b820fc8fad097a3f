package main

import (
	"regexp"
	"strings"
	"testing"
)

// What docs/gpu.md shows is what the tool prints, but for numbers, and for what is
// of the machine. With -update it is written there.
func TestGPUDoc(t *testing.T) {
	dir := t.TempDir()
	writeSamples(t, dir+"/raw.tensor", 1, map[string]string{"weights": "f32weights", "image": "u8image"})
	if out := runIn(t, dir, "convert", "raw.tensor", "weights.tensor", "--codec", "image=zstd:1"); !strings.Contains(out, "2 tensors") {
		t.Fatal(out)
	}
	plain := func(s string) string {
		for _, r := range []struct{ from, to string }{
			{`this machine, \w+, \d+ cores`, "this machine"},
			{`(?m)^disk .*\n|^tensorfile: note: .*\n`, ""}, // not every file system tells
			{` the lowest`, ""},
			{`\d+(\.\d+)?(ns|µs|ms|s)\b`, "0s"},
			{`\d+(\.\d+)?`, "0"},
			{` +\n`, "\n"},
			{` +`, " "},
		} {
			s = regexp.MustCompile(r.from).ReplaceAllString(s, r.to)
		}
		return s
	}
	docShowsAs(t, "../../docs/gpu.md", dir, 4, plain)
}
