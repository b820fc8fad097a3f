package examples

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// README.md has each folder of the examples, and each program prints what it shows.
func TestReadme(t *testing.T) {
	b, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	readme := string(b)
	folders, err := filepath.Glob("*/*.go")
	if err != nil {
		t.Fatal(err)
	}
	for i := range folders {
		folders[i] = filepath.Dir(folders[i])
	}
	for _, name := range slices.Compact(folders) {
		if !strings.Contains(readme, "["+name+"]("+name+")") {
			t.Errorf("%s is not in README.md", name)
		}
	}
	const begin, end = "<!-- checked by examples/readme_test.go -->\n```text\n", "```\n"
	before, rest, ok := strings.Cut(readme, begin)
	shown, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatal("README.md shows no runs")
	}
	if testing.Short() || runtime.GOARCH != "amd64" || runtime.GOOS == "windows" {
		t.Skip("the programs are run on amd64, without -short")
	}
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("there is no go command")
	}
	var got strings.Builder
	for line := range strings.Lines(shown) {
		command, ok := strings.CutPrefix(line, "$ ")
		if !ok {
			continue
		}
		words := strings.Fields(command)
		if len(words) < 3 || words[0] != "go" || words[1] != "run" || !strings.HasPrefix(words[2], "./examples/") {
			t.Fatalf("%q is no run of an example", command)
		}
		if got.Len() > 0 {
			got.WriteString("\n")
		}
		cmd := exec.Command(words[0], words[1:]...)
		cmd.Dir = ".."
		var errs bytes.Buffer
		cmd.Stderr = &errs
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s%v\n%s", command, err, errs.String())
		}
		got.WriteString(line + string(out))
	}
	if n := strings.Count(shown, "$ go run"); n != 8 {
		t.Errorf("%d programs", n)
	}
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile("README.md", []byte(before+begin+got.String()+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if got.String() != shown {
		t.Errorf("README.md shows\n%s\n\nthe programs print\n%s\n\n(UPDATE=1 go test ./examples writes it)", shown, got.String())
	}
}
