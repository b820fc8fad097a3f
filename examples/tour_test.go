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

// What the README shows is what the tour prints.
func TestTourIsInTheReadme(t *testing.T) {
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
	b, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	const begin, end = "<!-- tour -->\n```text\n", "```\n"
	readme := string(b)
	i := strings.Index(readme, begin)
	if i < 0 {
		t.Fatal("README.md has no tour")
	}
	i += len(begin)
	j := i + strings.Index(readme[i:], end)
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile("../README.md", []byte(readme[:i]+got+"\n"+readme[j:]), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if want := strings.TrimSpace(readme[i:j]); got != want {
		t.Errorf("README.md shows\n%s\n\nthe tour prints\n%s\n\n(UPDATE=1 go test ./examples writes it)", want, got)
	}
}
