package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"encoding/xml"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tensorfile/tensorfile"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// An archive has the bytes that follow from its files and the time, and unpacks to
// what went in.
func TestArchives(t *testing.T) {
	files := []file{
		{"LICENSE", 0o644, []byte("terms\n")},
		{"man/man1/tensorfile.1", 0o644, bytes.Repeat([]byte("a page\n"), 1000)},
		{"tensorfile", 0o755, []byte{0x7f, 'E', 'L', 'F', 0, 1, 2, 3}},
	}
	for _, to := range []target{{"linux", "amd64", false}, {"windows", "arm64", false}} {
		first, err := pack(to, "tensorfile-1", files, noon)
		if err != nil {
			t.Fatal(err)
		}
		second, err := pack(to, "tensorfile-1", files, noon.In(time.FixedZone("east", 3600)))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(first, second) {
			t.Errorf("%s: the time zone is in the archive", to)
		}
		c := &commit{revision: "0123456789abcdef", when: noon}
		dir := t.TempDir()
		path := filepath.Join(dir, c.archive(to))
		if err := os.WriteFile(path, first, 0o666); err != nil {
			t.Fatal(err)
		}
		if err := unpack(path, dir); err != nil {
			t.Fatal(err)
		}
		names, err := tree(filepath.Join(dir, "tensorfile-1"))
		if err != nil {
			t.Fatal(err)
		}
		if want := []string{"LICENSE", "man/man1/tensorfile.1", "tensorfile"}; !slices.Equal(names, want) {
			t.Errorf("%s: %q", to, names)
		}
		for _, f := range files {
			got, err := os.ReadFile(filepath.Join(dir, "tensorfile-1", filepath.FromSlash(f.name)))
			if err != nil || !bytes.Equal(got, f.data) {
				t.Errorf("%s: %s came back as %q (%v)", to, f.name, got, err)
			}
		}
		if _, err := exec.LookPath("tar"); err == nil && to.goos == "linux" { // another reader of the same
			out, err := exec.Command("tar", "tvzf", path, "--utc").CombinedOutput()
			if err != nil || !strings.Contains(string(out), "-rwxr-xr-x 0/0") || !strings.Contains(string(out), "2026-11-21 12:00 tensorfile-1/tensorfile\n") {
				t.Errorf("%v\n%s", err, out)
			}
		}
	}
	bad, err := tarred("..", files[:1], noon)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "bad.tar.gz")
	if err := os.WriteFile(path, bad, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := unpack(path, t.TempDir()); err == nil {
		t.Error("a name led out of the folder")
	}
}

func TestNames(t *testing.T) {
	c := &commit{revision: "0123456789abcdef0123456789abcdef01234567", when: noon}
	for _, step := range []struct {
		tag      string
		modified bool
		want     string
	}{
		{"v" + tensorfile.Version, false, "tensorfile-0.1.0-linux-arm64-static.tar.gz"},
		{"", false, "tensorfile-0.1.0-dev.0123456789ab-linux-arm64-static.tar.gz"},
		{"", true, "tensorfile-0.1.0-dev.0123456789ab.modified-linux-arm64-static.tar.gz"},
	} {
		c.tag, c.modified = step.tag, step.modified
		want := strings.ReplaceAll(step.want, "0.1.0", tensorfile.Version)
		if got := c.archive(target{"linux", "arm64", true}); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	if got := c.archive(target{"windows", "amd64", false}); !strings.HasSuffix(got, "-windows-amd64.zip") {
		t.Error(got)
	}
	if list := allTargets(); len(list) != 8 {
		t.Errorf("%v", list)
	}
}

// A document has the fields that CycloneDX wants; one that lacks something is
// refused.
func TestSBOM(t *testing.T) {
	info := &debug.BuildInfo{
		GoVersion: "go1.26.8", Path: modulePath + "/cmd/tensorfile", Main: debug.Module{Path: modulePath, Version: "v0.1.0"},
		Deps: []*debug.Module{
			{Path: "modernc.org/sqlite", Version: "v1.60.1", Sum: "h1:abc="},
			{Path: "github.com/klauspost/compress", Version: "v1.20.3", Sum: "h1:def="},
		},
		Settings: []debug.BuildSetting{{Key: "GOOS", Value: "linux"}, {Key: "vcs.revision", Value: "0123"}},
	}
	page, err := os.ReadFile("../../docs/licences.md")
	if err != nil {
		t.Fatal(err)
	}
	known := termsOf(string(page))
	for key, want := range map[string][]terms{
		"github.com/klauspost/compress v1.20.3": {{ID: "Apache-2.0"}, {ID: "BSD-3-Clause"}, {ID: "MIT"}},
		"github.com/edsrzf/mmap-go v1.2.0":      {{ID: "BSD-3-Clause"}},
		"uPlot 1.6.32":                          {{ID: "MIT"}},
	} {
		if !slices.Equal(known[key], want) {
			t.Errorf("%s: %v, want %v", key, known[key], want)
		}
	}
	sum := sha256.Sum256([]byte("the tool"))
	known["modernc.org/sqlite v1.60.1"] = []terms{{ID: "BSD-3-Clause"}, {Name: "a list"}}
	known["github.com/klauspost/compress v1.20.3"] = []terms{{ID: "MIT"}}
	d, err := billOf(info, sum, "0.1.0", noon, known)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.check(); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		BomFormat, SpecVersion, SerialNumber string
		Version                              int
		Metadata                             struct {
			Timestamp string
			Component map[string]any
		}
		Components   []map[string]any
		Dependencies []struct{ DependsOn []string }
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	if doc.BomFormat != "CycloneDX" || doc.SpecVersion != "1.6" || doc.Version != 1 || doc.Metadata.Timestamp != "2026-11-21T12:00:00Z" || doc.SerialNumber[:9] != "urn:uuid:" || doc.SerialNumber[23] != '8' {
		t.Errorf("%+v", doc)
	}
	if c := doc.Metadata.Component; c["type"] != "application" || c["version"] != "0.1.0" || c["bom-ref"] != "pkg:golang/"+modulePath+"@0.1.0" {
		t.Errorf("%v", c)
	}
	var purls []string
	for _, c := range doc.Components {
		purls = append(purls, c["purl"].(string))
	}
	want := []string{"pkg:golang/github.com/klauspost/compress@v1.20.3", "pkg:golang/modernc.org/sqlite@v1.60.1", "pkg:golang/std@go1.26.8", "pkg:npm/uplot@1.6.32"}
	if !slices.Equal(purls, want) || !slices.Equal(doc.Dependencies[0].DependsOn, want) {
		t.Errorf("%q", purls)
	}

	for name, spoil := range map[string]func(){
		"format": func() { d.Format = "SPDX" }, "serial": func() { d.Serial = "urn:uuid:1" }, "time": func() { d.Metadata.Timestamp = "noon" },
		"hash": func() { d.Metadata.Component.Hashes = nil }, "nothing": func() { d.Components = d.Components[:1] },
		"purl": func() { d.Components[1].Purl = "sqlite" }, "licence": func() { d.Components[0].Licences = nil },
		"twice": func() { d.Components[0].Ref = d.Components[1].Ref }, "dependencies": func() { d.Dependencies[0].DependsOn[0] = "pkg:golang/x@1" },
	} {
		if d, err = billOf(info, sum, "0.1.0", noon, known); err != nil {
			t.Fatal(err)
		}
		if spoil(); d.check() == nil {
			t.Errorf("%s is not missed", name)
		}
	}
	info.Deps[0].Version = "v9.9.9"
	if _, err := billOf(info, sum, "0.1.0", noon, known); err == nil || !strings.Contains(err.Error(), "no row") {
		t.Error(err)
	}
}

// The entry for file(1) is that of the specification, knows the files of the corpus,
// and not one with another beginning.
func TestMagic(t *testing.T) {
	entry, err := installed.ReadFile("files/tensorfile.magic")
	if err != nil {
		t.Fatal(err)
	}
	spec, err := os.ReadFile("../../spec/tensorfile-1.0.md")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(entry)) {
		if !strings.HasPrefix(line, "#") && !strings.Contains(string(spec), "    "+line) {
			t.Errorf("%q is not in the specification", line)
		}
	}
	if _, err := exec.LookPath("file"); err != nil {
		t.Skip("there is no file command")
	}
	ask := func(name string, options ...string) string {
		out, err := exec.Command("file", append(append([]string{"-b", "-m", "files/tensorfile.magic"}, options...), name)...).CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return strings.TrimSpace(string(out))
	}
	accept, err := filepath.Glob("../../testdata/accept/*.tensor")
	if err != nil || len(accept) < 10 {
		t.Fatalf("%d files (%v)", len(accept), err)
	}
	for _, name := range accept {
		if got := ask(name); got != "tensorfile tensors, format version 1" {
			t.Errorf("%s: %s", name, got)
		}
	}
	if got := ask(accept[0], "--mime-type"); got != "application/vnd.tensorfile" {
		t.Error(got)
	}
	if got := ask("../../testdata/reject/header.magic.tensor"); strings.Contains(got, "tensor") {
		t.Errorf("header.magic.tensor: %s", got)
	}
}

// The entry for desktops is XML with the same type, bytes and extension, and
// update-mime-database takes it.
func TestSharedMIMEInfo(t *testing.T) {
	b, err := installed.ReadFile("files/tensorfile.xml")
	if err != nil {
		t.Fatal(err)
	}
	var info struct {
		XMLName xml.Name `xml:"http://www.freedesktop.org/standards/shared-mime-info mime-info"`
		Types   []struct {
			Type  string `xml:"type,attr"`
			Match []struct {
				Offset string `xml:"offset,attr"`
				Value  string `xml:"value,attr"`
			} `xml:"magic>match"`
			Glob []struct {
				Pattern string `xml:"pattern,attr"`
			} `xml:"glob"`
		} `xml:"mime-type"`
	}
	if err := xml.Unmarshal(b, &info); err != nil {
		t.Fatal(err)
	}
	if len(info.Types) != 1 || info.Types[0].Type != "application/vnd.tensorfile" || info.Types[0].Match[0].Value != `\x89TSR\r\n\x1a\n` || info.Types[0].Match[0].Offset != "0" || info.Types[0].Glob[0].Pattern != "*.tensor" {
		t.Errorf("%+v", info)
	}
	text, err := installed.ReadFile("files/media-type.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"Subtype name: vnd.tensorfile", "89 54 53 52 0D 0A 1A 0A", "File extension(s): .tensor", "Security considerations:", "Change controller:"} {
		if !bytes.Contains(text, []byte(line)) {
			t.Errorf("the registration lacks %q", line)
		}
	}
	if _, err := exec.LookPath("update-mime-database"); err != nil {
		t.Skip("there is no update-mime-database")
	}
	dir := t.TempDir()
	if err := errors.Join(os.Mkdir(filepath.Join(dir, "packages"), 0o777), os.WriteFile(filepath.Join(dir, "packages", "tensorfile.xml"), b, 0o666)); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("update-mime-database", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	globs, err := os.ReadFile(filepath.Join(dir, "globs2"))
	if err != nil || !strings.Contains(string(globs), ":application/vnd.tensorfile:*.tensor\n") {
		t.Errorf("%v\n%s", err, globs)
	}
	magic, err := os.ReadFile(filepath.Join(dir, "magic"))
	if err != nil || !bytes.Contains(magic, []byte("[60:application/vnd.tensorfile]\n>0=\x00\x08\x89TSR\r\n\x1a\n\n")) {
		t.Errorf("%v\n%q", err, magic)
	}
}

// A file of NumPy that the smoke test makes is one.
func TestNpy(t *testing.T) {
	b := npy(37, 5)
	if len(b) != 128+37*5*8 || !bytes.HasPrefix(b, []byte("\x93NUMPY\x01\x00\x76\x00{'descr': '<f8'")) || b[127] != '\n' {
		t.Errorf("%d bytes, %q", len(b), b[:128])
	}
}

// Two runs that differ are told apart.
func TestSame(t *testing.T) {
	a, b := t.TempDir(), t.TempDir()
	put := func(dir, name, content string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	put(a, "x", "1")
	put(b, "x", "1")
	if n, err := same(a, b); n != 1 || err != nil {
		t.Error(n, err)
	}
	put(b, "x", "2")
	if _, err := same(a, b); err == nil || !strings.Contains(err.Error(), "x differs") {
		t.Error(err)
	}
	put(b, "x", "1")
	put(b, "y", "1")
	if _, err := same(a, b); err == nil {
		t.Error("a file more")
	}
	put(a, "tensorfile-0.0.1-linux-amd64.tar.gz", "")
	if err := replace(a, b); err != nil {
		t.Fatal(err)
	}
	if n, err := same(a, b); n != 2 || err != nil {
		t.Error(n, err)
	}
}

// Two runs do not meet among the modules of the go command.
func TestAlone(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	first, err := alone()
	if err != nil {
		t.Fatal(err)
	}
	in := make(chan error)
	go func() {
		second, err := alone()
		if err == nil {
			err = second()
		}
		in <- err
	}()
	select {
	case err := <-in:
		t.Errorf("a second run did not wait (%v)", err)
	case <-time.After(250 * time.Millisecond):
		if err := first(); err != nil {
			t.Error(err)
		}
		if err := <-in; err != nil {
			t.Error(err)
		}
	}
}
