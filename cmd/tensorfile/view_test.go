package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"
)

// The viewer prints where it is, answers who has the token, and ends when it is
// interrupted.
func TestView(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a process cannot be interrupted there")
	}
	path := filepath.Join(t.TempDir(), "m.tensor")
	sampleFile(t, path)
	for _, c := range []struct {
		args []string
		note string
	}{
		{[]string{"--no-open"}, ""},
		{nil, "no browser can be opened (no display)"},
		{[]string{"--no-open", "--addr", ":0"}, "can be reached from other machines"},
	} {
		cmd := exec.Command("tensorfile", append([]string{"view", path}, c.args...)...)
		cmd.Env = append(os.Environ(), "DISPLAY=", "WAYLAND_DISPLAY=", "GORACE="+noSleep)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		var errs bytes.Buffer
		cmd.Stderr = &errs
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		kill := time.AfterFunc(time.Minute, func() { cmd.Process.Kill() })
		address, err := bufio.NewReader(out).ReadString('\n')
		address = strings.TrimSpace(address)
		if err != nil || !regexp.MustCompile(`^http://127\.0\.0\.1:\d+/[A-Za-z0-9_-]{22}/$`).MatchString(address) {
			t.Fatalf("%q: %v %s", address, err, errs.String())
		}
		get := func(address string) (int, []byte) {
			r, err := http.Get(address)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Body.Close()
			b, err := io.ReadAll(r.Body)
			if err != nil {
				t.Fatal(err)
			}
			return r.StatusCode, b
		}
		if code, b := get(address); code != 200 || !bytes.Contains(b, []byte("<title>")) {
			t.Errorf("%d %.200s", code, b)
		}
		var d struct {
			Version string
			Files   []struct {
				Path   string
				Format string
			}
		}
		if code, b := get(address + "api/files"); code != 200 || json.Unmarshal(b, &d) != nil || len(d.Files) != 1 || d.Files[0].Path != path || d.Files[0].Format != "tensorfile" || d.Version == "" {
			t.Errorf("%d %.300s", code, b)
		}
		if code, _ := get(address[:strings.LastIndexByte(strings.TrimSuffix(address, "/"), '/')+1]); code != 404 {
			t.Errorf("without the token: %d", code)
		}
		if err := cmd.Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
		cmd.Wait()
		kill.Stop()
		if code := cmd.ProcessState.ExitCode(); code != exitInterrupted || !strings.Contains(errs.String(), c.note) || c.note == "" && errs.Len() > 0 {
			t.Errorf("%v: status %d, %s", c.args, code, errs.String())
		}
	}
}
