//go:build unix

package main

import (
	"bytes"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tensorfile/tensorfile"
)

// E10: SIGTERM and Ctrl-C at any moment. The destination is the old file or the
// new one, complete, and on the signal the temporary file goes.
func TestInterruptedWriters(t *testing.T) {
	runs := 4
	switch {
	case os.Getenv("TENSORFILE_FAULTS") == "all":
		runs = 40
	case testing.Short():
		runs = 2
	}
	dir := t.TempDir()
	in := filepath.Join(dir, "in.tensor")
	if err := makeFile(in, []string{"w=f32(4000,1000)", "b=f32(100)"}); err != nil {
		t.Fatal(err)
	}
	w, err := tensorfile.OpenAppend(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	w.Delete("b")
	if err := w.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.Close()
	small := filepath.Join(dir, "small.tensor")
	if err := makeFile(small, []string{"x=i8(2)"}); err != nil {
		t.Fatal(err)
	}
	one, two := filepath.Join(dir, "one.npy"), filepath.Join(dir, "two.npy")
	for path, args := range map[string][]string{one: nil, two: {"--flip", "0"}} {
		if out, err := exec.Command("tensorfile", append([]string{"convert", in, path}, args...)...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	set := filepath.Join(dir, "set.shards.json")
	if out, err := exec.Command("tensorfile", "split", in, set, "--parts", "3").CombinedOutput(); err != nil {
		t.Fatalf("%s", out)
	}
	read := func(path string) []byte {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	type command struct {
		args []string
		old  string // what the destination holds before; "": nothing
	}
	rng := rand.New(rand.NewPCG(1, 2))
	interrupted, finished := 0, 0
	for _, c := range []command{
		{[]string{"convert", in, "OUT.tensor"}, ""},
		{[]string{"convert", "-f", in, "OUT.tensor"}, small},
		{[]string{"convert", "-f", in, "OUT.npz"}, small},
		{[]string{"convert", in, "OUT.tensor", "--rearrange", "a b -> b a", "--dtype", "f64"}, ""},
		{[]string{"convert", "-f", in, "OUT.npy", "--pad", "1,0", "--dtype", "f16"}, small},
		{[]string{"convert", in, "OUT.tensor", "--layout", "csr", "--dtype", "f64"}, ""},
		{[]string{"convert", "-f", in, "OUT.mtx", "--layout", "coo"}, small},
		{[]string{"convert", one, two, one, "OUT.tensor", "--stack", "--labels", "dir", "--dtype", "f64", "--skip-bad"}, ""},
		{[]string{"convert", "-f", two, one, "OUT.npy", "--stack"}, small},
		{[]string{"repack", in, "OUT.tensor"}, ""},
		{[]string{"repack", "-f", in, "OUT.tensor"}, small},
		{[]string{"repack", "-i", "OUT.tensor"}, in},
		{[]string{"recover", "-f", in, "-o", "OUT.tensor"}, small},
		{[]string{"merge", set, "OUT.tensor"}, ""},
	} {
		args := slices.Clone(c.args)
		var out, outDir string
		prepare := func() {
			outDir = t.TempDir()
			for i, a := range c.args {
				if strings.HasPrefix(a, "OUT") {
					out = filepath.Join(outDir, a)
					args[i] = out
				}
			}
			if c.old != "" {
				if err := os.WriteFile(out, read(c.old), 0o666); err != nil {
					t.Fatal(err)
				}
			}
		}
		command := func() (*exec.Cmd, *bytes.Buffer) {
			cmd := exec.Command("tensorfile", args...)
			cmd.Env = append(os.Environ(), "SOURCE_DATE_EPOCH=1700000000")
			errs := &bytes.Buffer{}
			cmd.Stderr = errs
			return cmd, errs
		}
		prepare()
		cmd, errs := command()
		begin := time.Now()
		if err := cmd.Run(); err != nil {
			t.Fatalf("%v: %v\n%s", args, err, errs)
		}
		whole, complete := time.Since(begin), read(out)
		for i := range runs {
			prepare()
			cmd, errs := command()
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Duration(rng.Float64() * float64(whole)))
			sig := []os.Signal{os.Interrupt, syscall.SIGTERM}[i%2]
			sent := cmd.Process.Signal(sig)
			err := cmd.Wait()
			state := cmd.ProcessState
			ws := state.Sys().(syscall.WaitStatus)
			switch {
			case err == nil:
				finished++
			case sent == nil && (state.ExitCode() == exitInterrupted || ws.Signaled() && ws.Signal() == sig): // the latter before it listened
				interrupted++
			default:
				t.Errorf("%v, %v: %v\n%s", args, sig, state, errs)
			}
			list, err := os.ReadDir(outDir)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range list {
				if e.Name() != filepath.Base(out) {
					t.Errorf("%v, %v: left %s", args, sig, e.Name())
				}
			}
			switch {
			case len(list) == 0 && c.old == "" && !state.Success():
			case len(list) == 0:
				t.Errorf("%v, %v: the destination is gone", args, sig)
			default:
				got := read(out)
				if !bytes.Equal(got, complete) && (state.Success() || c.old == "" || !bytes.Equal(got, read(c.old))) {
					t.Errorf("%v, %v, %v: the destination is neither the old file nor the new one (%d bytes)", args, sig, state, len(got))
				}
			}
		}
	}
	t.Logf("%d commands interrupted, %d finished before", interrupted, finished)
	if interrupted < runs {
		t.Errorf("only %d of %d commands were interrupted", interrupted, interrupted+finished)
	}
}

// A split that is interrupted leaves the set that was there, whole, or the new one, and
// nothing besides.
func TestInterruptedSplit(t *testing.T) {
	runs := 20
	if testing.Short() {
		runs = 6
	}
	dir := t.TempDir()
	inputs := []string{filepath.Join(dir, "old.tensor"), filepath.Join(dir, "in.tensor")}
	for i, tensors := range [][]string{{"x=i8(9)"}, {"w=f32(4000,1000)", "b=f32(100)"}} {
		if err := makeFile(inputs[i], tensors); err != nil {
			t.Fatal(err)
		}
	}
	split := func(in, out string) (*exec.Cmd, *bytes.Buffer) {
		cmd := exec.Command("tensorfile", "split", "-f", in, filepath.Join(out, "set.shards.json"), "--parts", "3")
		cmd.Env = append(os.Environ(), "SOURCE_DATE_EPOCH=1700000000")
		errs := &bytes.Buffer{}
		cmd.Stderr = errs
		return cmd, errs
	}
	contents := func(dir string) map[string]string {
		list, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		all := map[string]string{}
		for _, e := range list {
			b, err := os.ReadFile(filepath.Join(dir, e.Name()))
			if err != nil {
				t.Fatal(err)
			}
			all[e.Name()] = string(b)
		}
		return all
	}
	var sets [2]map[string]string
	var whole time.Duration
	for i, in := range inputs {
		out := t.TempDir()
		begin := time.Now()
		cmd, errs := split(in, out)
		if err := cmd.Run(); err != nil {
			t.Fatalf("%v\n%s", err, errs)
		}
		if whole, sets[i] = time.Since(begin), contents(out); len(sets[i]) != 4 {
			t.Fatalf("%d files", len(sets[i]))
		}
	}
	rng := rand.New(rand.NewPCG(3, 4))
	interrupted := 0
	for i := range runs {
		out, before := t.TempDir(), map[string]string{}
		if i%2 == 1 {
			before = sets[0]
			for name, b := range before {
				if err := os.WriteFile(filepath.Join(out, name), []byte(b), 0o666); err != nil {
					t.Fatal(err)
				}
			}
		}
		cmd, errs := split(inputs[1], out)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(rng.Float64() * float64(whole)))
		cmd.Process.Signal([]os.Signal{os.Interrupt, syscall.SIGTERM}[i/2%2])
		err := cmd.Wait()
		if err != nil {
			interrupted++
		}
		got := contents(out)
		if !maps.Equal(got, sets[1]) && (err == nil || !maps.Equal(got, before)) {
			t.Errorf("%v: %q are there, %d before\n%s", err, slices.Sorted(maps.Keys(got)), len(before), errs)
		}
	}
	t.Logf("%d of %d interrupted", interrupted, runs)
	if interrupted == 0 {
		t.Error("none was interrupted")
	}
}
