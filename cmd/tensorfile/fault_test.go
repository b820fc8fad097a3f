//go:build unix

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/internal/faultfs"
	"github.com/tensorfile/tensorfile/internal/fsys"
)

var hard = []error{syscall.EIO, syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG}

// faultDir is a directory of a test and what its files are at the start.
type faultDir struct {
	dir   string
	files map[string][]byte
}

func (d *faultDir) path(name string) string { return filepath.Join(d.dir, name) }

// reset makes the files what they were and removes all others.
func (d *faultDir) reset(t *testing.T) {
	t.Helper()
	for _, name := range d.names(t) {
		if d.files[name] == nil {
			if err := os.Remove(d.path(name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, b := range d.files {
		if old, err := os.ReadFile(d.path(name)); err == nil && bytes.Equal(old, b) {
			continue
		}
		os.Remove(d.path(name))
		if err := os.WriteFile(d.path(name), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func (d *faultDir) names(t *testing.T) (names []string) {
	entries, err := os.ReadDir(d.dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func (d *faultDir) args(args []string) []string {
	args = slices.Clone(args)
	for i, a := range args {
		if strings.Contains(a, ".") && !strings.ContainsAny(a, "=*") {
			args[i] = d.path(a)
		}
	}
	return args
}

// newFaultDir makes the files that commands are tried on.
func newFaultDir(t *testing.T) *faultDir {
	t.Helper()
	t.Setenv("SOURCE_DATE_EPOCH", "1700000000")
	d := &faultDir{t.TempDir(), map[string][]byte{}}
	m, in := d.path("m.tensor"), d.path("in.tensor")
	for path, args := range map[string][]string{
		m:  {`:{"title":"t"}`, `w:{"unit":"m"}`, "w=f32(30,40)", "wt=@w.T", "b=bool(3):0,1", "s=S5(2):ab,cde", "v=f64(900)"},
		in: {"x=i8(20)", "v=f64(500)"}, d.path("old.tensor"): {"old=u8(30)"},
	} {
		if err := makeFile(path, args); err != nil {
			t.Fatal(err)
		}
	}
	commitOn(t, m, "more")
	for _, args := range [][]string{{"convert", "in.tensor", "chunks.tensor", "--codec", "v=shuffle|zstd:1", "--chunk", "v=128"}, {"convert", "in.tensor", "in.npz"}, {"convert", "in.tensor", "one.npy", "--only", "v"}, {"convert", "in.tensor", "two.npy", "--only", "v", "--flip", "0"}, {"convert", "old.tensor", "old.npz"}, {"cp", "m.tensor", "w", "w2"}, {"rm", "m.tensor", "w2"}, {"rm", "chunks.tensor", "x"},
		{"convert", "m.tensor", "sparse.tensor", "--only", "w", "--layout", "csr", "--codec", "zstd:1", "--chunk", "300"}, {"convert", "m.tensor", "sparse.npz", "--only", "w", "--layout", "csr"}, {"convert", "sparse.npz", "w.mtx", "--layout", "coo", "--select", ":3"},
		{"split", "in.tensor", "set.shards.json", "--parts", "2"}} {
		if _, stderr, code := inProcess(t, d.args(args)...); code != 0 {
			t.Fatal(args, stderr)
		}
	}
	for _, name := range d.names(t) {
		b, err := os.ReadFile(d.path(name))
		if err != nil {
			t.Fatal(err)
		}
		d.files[name] = b
	}
	d.files["old.csv"] = []byte("1,2\n")
	broken := bytes.Clone(d.files["m.tensor"])
	copy(broken, "no magic")
	d.files["broken.tensor"] = broken
	d.reset(t)
	return d
}

// holding is what a file of any format holds, as text.
func holding(path string) (text string, err error) {
	f, err := convert.Open(context.Background(), path, &convert.OpenOptions{OpenOptions: tensorfile.OpenOptions{NoMmap: true, Verify: tensorfile.VerifyOnFirstUse}})
	if err != nil {
		return "", err
	}
	defer f.Close()
	var b strings.Builder
	a, err := f.Attrs()
	fmt.Fprintln(&b, a)
	if err != nil {
		return "", err
	}
	for g, err := range f.Generations(context.Background()) {
		if err != nil {
			break // a foreign file has none
		}
		fmt.Fprintln(&b, g.Number)
	}
	for x, err := range f.Tensors() {
		if err != nil {
			return "", err
		}
		a, err := x.Attrs()
		if err != nil {
			return "", err
		}
		if layout, flags, ok := x.Composite(); ok {
			h, err := x.Hash(context.Background())
			if err != nil {
				return "", err
			}
			fmt.Fprintf(&b, "%q %v %v %v %v %b %x\n", x.Name(), x.DType(), x.Shape(), a, layout, flags, h)
			continue
		}
		v, err := x.Read(context.Background())
		if err != nil {
			return "", err
		}
		elems, err := v.Bytes()
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&b, "%q %v %v %v %x\n", x.Name(), x.DType(), x.Shape(), a, elems)
	}
	return b.String(), nil
}

// faultCase is a command that writes, and the file that it writes.
type faultCase struct {
	args []string
	dst  string
	edit bool // in place, by a commit
	raw  bool // no file of tensors
}

var writing = []faultCase{
	{[]string{"convert", "in.tensor", "new.tensor"}, "new.tensor", false, false},
	{[]string{"convert", "-f", "in.npz", "old.tensor"}, "old.tensor", false, false},
	{[]string{"convert", "in.tensor", "new.npz"}, "new.npz", false, false},
	{[]string{"convert", "-f", "in.npz", "old.npz"}, "old.npz", false, false},
	{[]string{"convert", "in.tensor", "new.tensor", "--dtype", "f32", "--flip", "0", "--codec", "v=shuffle|zstd:1"}, "new.tensor", false, false},
	{[]string{"convert", "-f", "in.npz", "old.npz", "--select", "v=::3", "--pad", "2"}, "old.npz", false, false},
	{[]string{"convert", "-f", "in.tensor", "chunks.tensor", "old.tensor", "--only", "v", "--stack", "--rearrange", "a b -> b a"}, "old.tensor", false, false},
	{[]string{"convert", "-f", "one.npy", "two.npy", "one.npy", "old.tensor", "--stack", "--dtype", "f32"}, "old.tensor", false, false},
	{[]string{"convert", "sparse.tensor", "new.tensor", "--layout", "csc", "--codec", "zstd:1"}, "new.tensor", false, false},
	{[]string{"convert", "-f", "w.mtx", "old.tensor"}, "old.tensor", false, false},
	{[]string{"convert", "-f", "sparse.npz", "old.npz", "--select", ":9"}, "old.npz", false, false},
	{[]string{"convert", "-f", "sparse.npz", "w.mtx", "--layout", "csf"}, "w.mtx", false, false},
	{[]string{"append", "sparse.tensor", "w", "sparse.npz"}, "sparse.tensor", true, false},
	{[]string{"append", "m.tensor", "sparse.npz", "--name", "new"}, "m.tensor", true, false},
	{[]string{"append", "m.tensor", "in.npz", "--only", "x"}, "m.tensor", true, false},
	{[]string{"append", "m.tensor", "in.tensor", "--replace"}, "m.tensor", true, false},
	{[]string{"append", "m.tensor", "in.npz", "--only", "v", "--name", "new", "--codec", "new=shuffle|zstd:1", "--chunk", "new=128"}, "m.tensor", true, false},
	{[]string{"append", "m.tensor", "v", "in.tensor", "--only", "v", "--codec", "v=delta|bitpack", "--chunk", "v=256"}, "m.tensor", true, false},
	{[]string{"append", "chunks.tensor", "v", "in.npz", "--only", "v"}, "chunks.tensor", true, false},
	{[]string{"rm", "m.tensor", "w*"}, "m.tensor", true, false},
	{[]string{"mv", "m.tensor", "w", "y"}, "m.tensor", true, false},
	{[]string{"cp", "-f", "m.tensor", "w", "b"}, "m.tensor", true, false},
	{[]string{"attr", "set", "m.tensor", "a=1"}, "m.tensor", true, false},
	{[]string{"attr", "set", "m.tensor", "w", "unit=s"}, "m.tensor", true, false},
	{[]string{"attr", "rm", "m.tensor", "title"}, "m.tensor", true, false},
	{[]string{"revert", "m.tensor", "1"}, "m.tensor", true, false},
	{[]string{"repack", "m.tensor", "new.tensor", "--keep-all"}, "new.tensor", false, false},
	{[]string{"repack", "-f", "m.tensor", "old.tensor"}, "old.tensor", false, false},
	{[]string{"repack", "-i", "m.tensor"}, "m.tensor", false, false},
	{[]string{"convert", "in.tensor", "new.tensor", "--codec", "x=auto", "--codec", "v=shuffle|zstd:1"}, "new.tensor", false, false},
	{[]string{"repack", "-i", "chunks.tensor", "--codec", "v=planes"}, "chunks.tensor", false, false},
	{[]string{"recover", "broken.tensor", "-o", "new.tensor"}, "new.tensor", false, false},
	{[]string{"split", "in.tensor", "new.shards.json", "--size", "1000"}, "new.shards.json", false, false},
	{[]string{"merge", "set.shards.json", "new.tensor"}, "new.tensor", false, false},
	{[]string{"merge", "-f", "set.shards.json", "old.npz"}, "old.npz", false, false},
	{[]string{"recover", "-f", "broken.tensor", "-o", "old.tensor"}, "old.tensor", false, false},
	{[]string{"show", "m.tensor", "w", "--as", "csv", "-f", "-o", "old.csv"}, "old.csv", false, true},
	{[]string{"show", "m.tensor", "w", "--as", "npy", "-o", "new.npy"}, "new.npy", false, true},
}

// state is what a case is about: the bytes of its file, or what it holds.
func (c *faultCase) state(t *testing.T, path string) string {
	b, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return "nothing"
	}
	if err != nil {
		t.Fatal(err)
	}
	if c.raw {
		return string(b)
	}
	text, err := holding(path)
	if err != nil {
		t.Errorf("the file: %v", err)
	}
	return text
}

// sweepStride is 1 where every fault is tried, as make crash does. Otherwise it is a
// prime, so that all kinds have their turn.
func sweepStride() int {
	switch {
	case os.Getenv("TENSORFILE_FAULTS") == "all":
		return 1
	case testing.Short():
		return 37
	}
	return 5
}

// TestFaults fails every operation of every command that writes with every
// error. The destination is as it was, or new where the tool says that it does
// not know; status and message are those of the design.
func TestFaults(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(1000)) // a command leaves little, and there are thousands
	d := newFaultDir(t)
	stride, reads := sweepStride(), 9
	total := map[string]int{}
	for i := range writing {
		c := &writing[i]
		name := c.args[0]
		t.Run(strings.Join(c.args, " "), func(t *testing.T) {
			n, unknown, done := c.sweep(t, d, stride, reads)
			total[name] += n
			t.Logf("%d faults: %d survived, %d commit unknown", n, done, unknown)
			if stride == 1 && (unknown == 0 || done == 0) {
				t.Error("a sweep without any of these")
			}
		})
	}
	all := 0
	for _, name := range slices.Sorted(maps.Keys(total)) {
		t.Logf("%-8s %5d faults", name, total[name])
		if all += total[name]; total[name] < 150/stride {
			t.Errorf("%s: too few", name)
		}
	}
	t.Logf("%d in all", all)
	if all < 4500/stride {
		t.Error("too few")
	}
}

func (c *faultCase) sweep(t *testing.T, d *faultDir, stride, reads int) (n, unknown, survived int) {
	args, dst := d.args(c.args), d.path(c.dst)
	run := func(fault faultfs.Fault) (f *faultfs.FS, stdout, stderr string, code int) {
		d.reset(t)
		f = faultfs.New(fsys.OS, fault)
		f.NoSync = true
		defer fsys.Replace(fsys.Steady(f), func(path string, r io.ReaderAt) io.ReaderAt { return f.Reader(path, r) })()
		stdout, stderr, code = inProcess(t, args...)
		return f, stdout, stderr, code
	}
	d.reset(t)
	old := c.state(t, dst)
	f, wantOut, stderr, wantCode := run(faultfs.Fault{N: -1})
	if wantCode != exitOK || stderr != "" {
		t.Fatalf("%d %s", wantCode, stderr)
	}
	now := c.state(t, dst)
	nowBytes, err := os.ReadFile(dst)
	if err != nil || old == now {
		t.Fatal(err, "nothing was done")
	}
	faults := []faultfs.Fault{{N: 0, Mode: faultfs.Every, Err: syscall.EINTR}, {N: 0, Mode: faultfs.Every}}
	skipped := 0
	for i, op := range f.Ops() {
		for _, fault := range faultfs.Faults(i, op, hard, syscall.EINTR) {
			if op.Kind == "ReadAt" {
				if skipped++; skipped%reads != 0 {
					continue
				}
			}
			faults = append(faults, fault)
		}
	}
	ops := f.Ops()
	for i := 0; i < len(faults); i += stride {
		fault := faults[i]
		n++
		f, stdout, stderr, code := run(fault)
		hit, _, fired := f.Hit()
		bad := func(format string, a ...any) {
			t.Helper()
			t.Errorf("%d %v %v %v: %s\nstatus %d\n%s%s", fault.N, ops[fault.N], fault.Mode, fault.Err, fmt.Sprintf(format, a...), code, stdout, stderr)
		}
		if !fired {
			bad("nothing was hit")
		}
		got := c.state(t, dst)
		told := strings.Contains(stderr, "removal of the temporary file")
		isUnknown := strings.Contains(stderr, "commit unknown")
		recovering := c.args[0] == "recover" && hit.Kind == "ReadAt"
		switch {
		case fault.Soft(syscall.EINTR):
			b, err := os.ReadFile(dst)
			if code != wantCode || stdout != wantOut || stderr != "" || err != nil || !bytes.Equal(b, nowBytes) && !strings.HasSuffix(c.dst, "npz") {
				bad("a signal or a short transfer shows")
			}
			survived++
		case code == exitOK:
			if got != now || stdout != wantOut {
				bad("done, but not what was to be done")
			}
			survived++
		case recovering && (code == exitPartly || code == exitBad):
			if code == exitBad && got != old {
				bad("the destination changed")
			}
		case code != exitBad:
			bad("the status is wrong")
		default:
			if isUnknown {
				unknown++
			}
			if got != old && !(isUnknown && got == now) {
				bad("the destination changed")
			}
			if stdout != "" {
				bad("something on standard output")
			}
			if !strings.HasPrefix(stderr, "tensorfile: ") || !strings.Contains(stderr, d.dir) || !strings.Contains(stderr, fault.Err.Error()) {
				bad("the message does not say what failed")
			}
			if strings.Contains(stderr, fsys.TempSuffix) && !told {
				bad("the message names a temporary file")
			}
			if hit.Transfer() && !strings.Contains(stderr, "offset ") {
				bad("the message has no offset")
			}
			if b, err := os.ReadFile(dst); c.edit && (err != nil || !isUnknown && !bytes.HasPrefix(b, d.files[c.dst])) {
				bad("committed bytes changed")
			}
		}
		for _, name := range d.names(t) {
			switch {
			case strings.HasSuffix(name, fsys.TempSuffix) && c.args[0] == "split" && fault.Mode == faultfs.Dead: // the first of what is left is told
			case strings.HasSuffix(name, fsys.TempSuffix):
				if fault.Mode != faultfs.Dead && hit.Kind != "Remove" || !told && !isUnknown && slices.ContainsFunc(f.Ops(), faultfs.Op.Writes) {
					bad("%s was left", name)
				}
			case c.args[0] == "split" && strings.HasPrefix(name, "new-") && (code == exitOK || isUnknown || fault.Mode == faultfs.Dead || hit.Kind == "Remove"): // a shard
			case name != c.dst && d.files[name] == nil:
				bad("%s is new", name)
			case name != c.dst:
				if b, err := os.ReadFile(d.path(name)); err != nil || !bytes.Equal(b, d.files[name]) {
					bad("%s changed", name)
				}
			}
		}
	}
	return n, unknown, survived
}

// An output that is the input, by another name, is refused also when the disk
// does not let us see at once that it is.
func TestFaultsSameFile(t *testing.T) {
	d := newFaultDir(t)
	n := 0
	for _, args := range [][]string{
		{"convert", "-f", "m.tensor", "same.tensor"}, {"repack", "-f", "m.tensor", "same.tensor"}, {"recover", "-f", "m.tensor", "-o", "same.tensor"},
		{"show", "m.tensor", "w", "--as", "csv", "-f", "-o", "same.tensor"}, {"plot", "m.tensor", "w", "--to", "svg", "-f", "-o", "same.tensor", "--size", "64x48"},
	} {
		d.reset(t)
		same := d.path("same.tensor")
		os.Remove(same)
		if err := os.Symlink("m.tensor", same); err != nil {
			t.Skip(err)
		}
		for at := 0; ; at++ {
			f := faultfs.New(fsys.OS, faultfs.Fault{N: at, Err: syscall.EIO})
			f.NoSync = true
			restore := fsys.Replace(fsys.Steady(f), nil)
			stdout, stderr, code := inProcess(t, d.args(args)...)
			restore()
			b, err := os.ReadFile(d.path("m.tensor"))
			if code != exitBad || stdout != "" || err != nil || !bytes.Equal(b, d.files["m.tensor"]) {
				t.Fatalf("%v, fault %d: status %d %s%s", args, at, code, stdout, stderr)
			}
			n++
			if _, _, hit := f.Hit(); !hit {
				break
			}
		}
		os.Remove(same)
	}
	t.Logf("%d faults", n)
	if n < 15 {
		t.Error("too few")
	}
}

// readers are commands that only read, of a file of several generations.
var readers = [][]string{
	{"info", "m.tensor"}, {"info", "--json", "m.tensor"}, {"ls", "m.tensor"}, {"ls", "-l", "m.tensor"}, {"ls", "--json", "m.tensor"}, {"ls", "m.tensor", "w*"},
	{"show", "m.tensor", "w"}, {"show", "m.tensor", "v[::7]", "s"}, {"show", "m.tensor", "w", "--as", "csv"}, {"show", "m.tensor", "v", "--json"},
	{"stats", "m.tensor"}, {"stats", "--json", "m.tensor"}, {"plot", "m.tensor", "w", "-o", "-", "--to", "svg", "--size", "64x48"}, {"verify", "m.tensor"}, {"verify", "--json", "m.tensor"}, {"hash", "m.tensor"}, {"hash", "--tensors", "m.tensor"},
	{"diff", "m.tensor", "in.tensor"}, {"diff", "m.tensor", "copy.tensor"}, {"log", "m.tensor"}, {"log", "--json", "m.tensor"}, {"inspect", "m.tensor"},
	{"attr", "ls", "m.tensor"}, {"attr", "get", "m.tensor", "w", "unit"}, {"info", "in.npz"}, {"ls", "in.npz"}, {"show", "in.npz", "v"}, {"stats", "in.npz"}, {"verify", "in.npz"}, {"hash", "in.npz"},
	{"info", "chunks.tensor"}, {"ls", "-l", "chunks.tensor"}, {"show", "chunks.tensor", "v"}, {"show", "chunks.tensor", "v[100:300]"}, {"stats", "chunks.tensor"}, {"plot", "chunks.tensor", "v", "--kind", "hist", "-o", "-", "--to", "svg", "--size", "64x48"}, {"verify", "chunks.tensor"},
	{"info", "sparse.tensor"}, {"ls", "-l", "sparse.tensor"}, {"show", "sparse.tensor", "w"}, {"show", "sparse.tensor", "w[3:7]"}, {"stats", "sparse.tensor"}, {"plot", "sparse.tensor", "w", "-o", "-", "--to", "svg", "--size", "64x48"}, {"verify", "sparse.tensor"}, {"hash", "sparse.tensor"},
	{"ls", "sparse.npz"}, {"show", "sparse.npz", "sparse"}, {"verify", "sparse.npz"}, {"ls", "w.mtx"}, {"show", "w.mtx", "w"}, {"stats", "w.mtx"}, {"verify", "w.mtx"}, {"hash", "w.mtx"},
	{"hash", "chunks.tensor"}, {"diff", "chunks.tensor", "in.tensor"}, {"inspect", "chunks.tensor"}, {"recover", "-n", "chunks.tensor"}, {"repack", "-n", "chunks.tensor", "no.tensor", "--codec", "v=lz4"},
	{"ls", "-l", "set.shards.json"}, {"show", "set.shards.json", "v"}, {"verify", "set.shards.json"}, {"hash", "set.shards.json"}, {"merge", "-n", "set.shards.json", "no.tensor"}, {"split", "-n", "in.tensor", "no.shards.json", "--parts", "2"},
	{"repack", "-n", "m.tensor", "no.tensor"}, {"convert", "-n", "m.tensor", "no.npz"}, {"convert", "-n", "m.tensor", "no.npz", "--only", "w", "--flip", "0"}, {"recover", "-n", "m.tensor"},
}

// TestReadFaults fails every read of every command that reads (E12): the answer
// is the right one, or an error that names the file and the offset.
func TestReadFaults(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(1000)) // a command leaves little, and there are thousands
	d := newFaultDir(t)
	d.files["copy.tensor"] = d.files["m.tensor"]
	d.reset(t)
	stride := sweepStride()
	total := map[string]int{}
	for _, args := range readers {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			n, failed := d.sweepReads(t, append(d.args(args), "--no-mmap", "-j1"), stride)
			total[args[0]] += n
			t.Logf("%d faults, %d told", n, failed)
			if failed == 0 && stride == 1 {
				t.Error("no read failed")
			}
		})
	}
	all := 0
	for _, name := range slices.Sorted(maps.Keys(total)) {
		t.Logf("%-8s %5d faults of reads", name, total[name])
		all += total[name]
	}
	t.Logf("%d in all", all)
	if all < 2500/stride {
		t.Error("too few")
	}
}

// A loader reads ahead, so that which read fails is not the same in each run:
// whatever it is, the message names the file, or nothing failed.
func TestLoaderReadFaults(t *testing.T) {
	d := newFaultDir(t)
	told := 0
	for _, file := range []string{"m.tensor", "chunks.tensor"} {
		for n := range 60 {
			f := faultfs.New(fsys.OS, faultfs.Fault{N: n, Mode: faultfs.Dead, Err: syscall.EIO})
			restore := fsys.Replace(nil, func(path string, r io.ReaderAt) io.ReaderAt { return f.Reader(path, r) })
			stdout, stderr, code := inProcess(t, append(d.args([]string{"bench", "--loader", file}), "v", "--batch", "9", "--time", "1us", "--mem", "1MiB", "--no-mmap")...)
			restore()
			_, _, fired := f.Hit()
			switch {
			case !fired && code == exitOK:
			case code != exitBad || stdout != "" || !strings.Contains(stderr, d.path(file)) || !strings.Contains(stderr, "input/output error") || !strings.Contains(stderr, "offset "):
				t.Fatalf("%s, fault %d: status %d\n%s%s", file, n, code, stdout, stderr)
			default:
				told++
			}
		}
	}
	t.Logf("%d faults told", told)
	if told < 10 {
		t.Error("too few")
	}
}

func (d *faultDir) sweepReads(t *testing.T, args []string, stride int) (n, failed int) {
	run := func(fault faultfs.Fault) (f *faultfs.FS, stdout, stderr string, code int) {
		f = faultfs.New(fsys.OS, fault)
		defer fsys.Replace(nil, func(path string, r io.ReaderAt) io.ReaderAt { return f.Reader(path, r) })()
		stdout, stderr, code = inProcess(t, args...)
		return f, stdout, stderr, code
	}
	ref, wantOut, wantErr, wantCode := run(faultfs.Fault{N: -1})
	if wantCode > exitNo {
		t.Fatal(wantCode, wantErr)
	}
	known := map[string]bool{}
	for _, word := range strings.Fields(wantOut) {
		known[word] = true
	}
	faults := []faultfs.Fault{{N: 0, Mode: faultfs.Every, Err: syscall.EINTR}, {N: 0, Mode: faultfs.Every}}
	for i, op := range ref.Ops() {
		faults = append(faults, faultfs.Faults(i, op, hard[:1], syscall.EINTR)...)
	}
	for i := 0; i < len(faults); i += stride {
		fault := faults[i]
		n++
		f, stdout, stderr, code := run(fault)
		op, _, fired := f.Hit()
		bad := func(format string, a ...any) {
			t.Helper()
			t.Errorf("%v of %v, %v %v: %s\nstatus %d\n%s%s", fault.N, op, fault.Mode, fault.Err, fmt.Sprintf(format, a...), code, stdout, stderr)
		}
		if !fired {
			bad("nothing was hit")
		}
		if code == wantCode && stdout == wantOut && stderr == wantErr {
			continue // survived, by another try
		}
		failed++
		switch says := stdout + stderr; {
		case fault.Soft(syscall.EINTR):
			bad("a signal or a short transfer shows")
		case code != exitBad && !(code == exitNo && args[0] == "verify") && !(code <= exitPartly && args[0] == "recover"):
			bad("the status is wrong")
		case args[0] == "recover":
		case !strings.Contains(says, d.dir) || !strings.Contains(says, syscall.EIO.Error()) || !strings.Contains(says, "offset"):
			bad("the message does not say what failed")
		}
		// What was printed before is a part of the answer.
		if slices.Contains([]string{"show", "hash", "attr", "log", "diff", "convert"}, args[0]) && args[1] != "--json" && !strings.HasPrefix(wantOut, stdout) {
			for _, word := range strings.Fields(stdout) {
				if !known[word] && word != "?" {
					bad("wrong data: %q", word)
				}
			}
		}
	}
	return n, failed
}

// A standard output that is full is an error of every command that prints.
func TestFullOutput(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip(err)
	}
	defer full.Close()
	d := newFaultDir(t)
	d.files["copy.tensor"] = d.files["m.tensor"]
	d.reset(t)
	list := slices.Concat(readers, [][]string{{"completion", "bash"}, {"completion", "zsh"}, {"completion", "fish"}, {"completion", "powershell"}, {"formats"}, {"version"}, {"help"}})
	for _, args := range list {
		if args[0] == "diff" && args[2] == "copy.tensor" {
			continue // it has nothing to say
		}
		var errs bytes.Buffer
		tl := &tool{in: strings.NewReader(""), out: newOutput(context.Background(), full), err: &errs}
		if code := tl.run(context.Background(), d.args(args)); code != exitBad || !strings.Contains(errs.String(), syscall.ENOSPC.Error()) {
			t.Errorf("%v: status %d, %s", args, code, &errs)
		}
	}
}
