package examples

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// What docs/tour.md shows is what the tour prints.
func TestTourIsInTheDocs(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the tour is a shell script")
	}
	tool := filepath.Join(t.TempDir(), "tensorfile")
	if out, err := exec.Command("go", "build", "-o", tool, "../cmd/tensorfile").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var out, errs bytes.Buffer
	cmd := exec.Command("./tour.sh", tool)
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, errs.String())
	}
	got := strings.TrimSpace(out.String())
	b, err := os.ReadFile("../docs/tour.md")
	if err != nil {
		t.Fatal(err)
	}
	const begin, end = "<!-- checked by examples/tour_test.go -->\n```text\n", "```\n"
	page := string(b)
	i := strings.Index(page, begin)
	if i < 0 {
		t.Fatal("docs/tour.md has no tour")
	}
	i += len(begin)
	j := i + strings.Index(page[i:], end)
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile("../docs/tour.md", []byte(page[:i]+got+"\n"+page[j:]), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if want := strings.TrimSpace(page[i:j]); got != want {
		t.Errorf("docs/tour.md shows\n%s\n\nthe tour prints\n%s\n\n(UPDATE=1 go test ./examples writes it)", want, got)
	}
}
