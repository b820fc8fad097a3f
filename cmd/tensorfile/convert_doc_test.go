package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// What docs/convert.md shows is what the tool prints. With -update it is written
// there.
func TestConvertDoc(t *testing.T) {
	const path = "../../docs/convert.md"
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, args := range [][]string{
		{"a.tensor", "a=u8(4,6,3)"}, {"c.tensor", "b=u8(4,6,3)"}, {"m.tensor", "m=f32(3,6)"}, {"wave.tensor", `wave:{"sample_rate":48000}`, "wave=i16(4800,2)"},
	} {
		if err := makeFile(filepath.Join(dir, args[0]), args[1:]); err != nil {
			t.Fatal(err)
		}
	}
	run := func(args ...string) string {
		cmd := exec.Command("tensorfile", args...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if _, failed := err.(*exec.ExitError); err != nil && !failed {
			t.Fatal(err)
		}
		return string(out)
	}
	run("convert", "a.tensor", "a.npy")
	run("convert", "c.tensor", "b.npy", "--scale", "1,100")
	run("convert", "m.tensor", "m.npy")
	const begin, end = "<!-- run -->\n```text\n", "```\n"
	parts := strings.Split(string(text), begin)
	out, n := parts[0], 0
	for i, part := range parts[1:] {
		old, rest, ok := strings.Cut(part, end)
		if !ok {
			t.Fatal("a block without an end")
		}
		var b strings.Builder
		for line := range strings.Lines(old) {
			command, ok := strings.CutPrefix(line, "$ tensorfile ")
			if !ok {
				continue
			}
			if b.Len() > 0 {
				b.WriteByte('\n')
			}
			n++
			b.WriteString(line + run(words(strings.TrimSpace(command))...))
		}
		if got := b.String(); got != old && !*update {
			t.Errorf("block %d shows\n%s\nthe tool prints\n%s\n(-update writes it)", i+1, old, got)
		}
		out += begin + b.String() + end + rest
	}
	t.Logf("%d commands", n)
	if n < 20 {
		t.Error("too few")
	}
	for _, h := range operatorHelp {
		if !strings.Contains(string(text), "| `--"+h.name) || !strings.Contains(out, " --"+h.name+" ") && !strings.Contains(out, " --"+h.name+"\n") {
			t.Errorf("--%s is not in %s", h.name, path)
		}
	}
	if *update && out != string(text) {
		if err := os.WriteFile(path, []byte(out), 0o666); err != nil {
			t.Fatal(err)
		}
	}
}
