//go:build unix

package badinput

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	_ "github.com/tensorfile/tensorfile/convert/npy"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/internal/badinput/forge"
	"github.com/tensorfile/tensorfile/tensor"
)

func at(path string) func(t testing.TB, dir string) string {
	return func(testing.TB, string) string { return path }
}

// special makes something that is no file.
func special(fn func(path string) error) func(t testing.TB, dir string) string {
	return func(t testing.TB, dir string) string {
		path := filepath.Join(dir, "x.tensor")
		if err := fn(path); err != nil {
			t.Skip(err)
		}
		return path
	}
}

func fileRows() []Row {
	irregular := Row{ID: "E01", Kind: tensorfile.ErrFormat, NoOffset: true, Says: []string{"not a regular file"}}
	gone := Row{ID: "E02", Kind: tensorfile.ErrIO, NoOffset: true}
	row := func(r Row, what string, mk func(t testing.TB, dir string) string) Row {
		r.What, r.Make = what, mk
		return r
	}
	rows := []Row{
		row(irregular, "directory", special(func(p string) error { return os.Mkdir(p, 0o777) })),
		row(irregular, "FIFO", special(func(p string) error { return syscall.Mkfifo(p, 0o666) })),
		row(irregular, "socket", func(t testing.TB, dir string) string {
			// Names of sockets are short.
			dir, err := os.MkdirTemp("", "s")
			if err != nil {
				t.Skip(err)
			}
			t.Cleanup(func() { os.RemoveAll(dir) })
			path := filepath.Join(dir, "x.tensor")
			l, err := net.Listen("unix", path)
			if err != nil {
				t.Skip(err)
			}
			t.Cleanup(func() { l.Close() })
			return path
		}),
		row(irregular, "device", at("/dev/zero")),
		row(irregular, "null device", at("/dev/null")),
		row(irregular, "link to a directory", special(func(p string) error { return os.Symlink(filepath.Dir(p), p) })),
		row(gone, "missing", special(func(string) error { return nil })),
		row(gone, "dangling link", special(func(p string) error { return os.Symlink("nowhere", p) })),
		row(gone, "looping link", special(func(p string) error { return os.Symlink(filepath.Base(p), p) })),
		row(gone, "file for a directory", func(t testing.TB, dir string) string {
			return filepath.Join(text("x")(t, dir), "y.tensor")
		}),
	}
	if _, err := os.Stat("/proc/self/status"); err == nil {
		rows = append(rows, row(irregular, "proc file", at("/proc/self/status")))
	}
	// E16: names of files that a terminal would obey; the message escapes them.
	for what, name := range map[string]string{"newline": "a\nb.tensor", "ESC": "\x1b[31mred.tensor", "invalid UTF-8": "caf\xe9.tensor", "255 bytes": strings.Repeat("n", 255), "leading dash": "-rf.tensor"} {
		good := Row{ID: "E16", What: what + ", good", Make: func(t testing.TB, dir string) string {
			path := filepath.Join(dir, name)
			if err := os.WriteFile(path, plain().B, 0o666); err != nil {
				t.Skip(err)
			}
			return path
		}, Good: []string{"t", "u"}}
		bad := native(Row{ID: "E16", What: what + ", bad", Make: func(t testing.TB, dir string) string {
			path := filepath.Join(dir, name)
			if err := os.WriteFile(path, []byte("not a tensor file"), 0o666); err != nil {
				t.Skip(err)
			}
			return path
		}, Kind: tensorfile.ErrFormat, Rule: format.RuleHeaderMagic})
		rows = append(rows, good, bad)
	}
	slices.SortFunc(rows, func(a, b Row) int { return strings.Compare(a.Name(), b.Name()) })
	return rows
}

func TestFiles(t *testing.T) { Run(t, fileRows()) }

// good writes a good file.
func good(t testing.TB, path string) string {
	t.Helper()
	if err := os.WriteFile(path, plain().B, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func wants(t testing.TB, err, kind error, parts ...string) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Errorf("got %v, want %v", err, kind)
		return
	}
	for _, p := range parts {
		if !strings.Contains(err.Error(), p) {
			t.Errorf("no %q in %q", p, err)
		}
	}
}

func run(in, out string, o convert.Options) error {
	o.NoSync = true
	_, err := convert.Files(ctx, []string{in}, out, &o)
	return err
}

// E03: a destination that is there needs to be given away; a directory never is.
func TestE03Exists(t *testing.T) {
	dir := t.TempDir()
	in, out := good(t, filepath.Join(dir, "in.tensor")), good(t, filepath.Join(dir, "out.tensor"))
	before := stateOf(t, out)
	for _, to := range []string{"", "npz"} {
		wants(t, run(in, out, convert.Options{To: to}), tensorfile.ErrExists, out)
		for _, force := range []bool{false, true} {
			wants(t, run(in, dir, convert.Options{To: cmpOr(to, "tensorfile"), Overwrite: force}), tensorfile.ErrExists, dir, "directory")
		}
	}
	if !stateOf(t, out).same(before) || len(list(t, dir)) != 2 {
		t.Errorf("touched: %v", list(t, dir))
	}
}

func cmpOr(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// E04: an output that is the input, under whatever name.
func TestE04SameFile(t *testing.T) {
	dir := t.TempDir()
	in := good(t, filepath.Join(dir, "in.tensor"))
	hard, soft := filepath.Join(dir, "hard.tensor"), filepath.Join(dir, "soft.tensor")
	if err := errors.Join(os.Link(in, hard), os.Symlink("in.tensor", soft)); err != nil {
		t.Skip(err)
	}
	before := stateOf(t, in)
	dotted := filepath.Join(dir, ".", "x", "..", "in.tensor")
	os.Mkdir(filepath.Join(dir, "x"), 0o777)
	for _, pair := range [][2]string{{in, in}, {in, hard}, {in, soft}, {soft, in}, {hard, soft}, {in, dir + "/x/../in.tensor"}, {in, dotted}} {
		for _, force := range []bool{false, true} {
			wants(t, run(pair[0], pair[1], convert.Options{Overwrite: force}), tensorfile.ErrPath, "same file", pair[1])
		}
	}
	if !stateOf(t, in).same(before) || len(list(t, dir)) != 4 {
		t.Errorf("touched: %v", list(t, dir))
	}
}

// E05: a link at the destination stays; what it leads to is replaced.
func TestE05Link(t *testing.T) {
	dir := t.TempDir()
	in := good(t, filepath.Join(dir, "in.tensor"))
	for _, ext := range []string{".tensor", ".npz"} {
		target, link := filepath.Join(dir, "target"+ext), filepath.Join(dir, "link"+ext)
		if err := errors.Join(os.WriteFile(target, []byte("old"), 0o600), os.Symlink("target"+ext, link)); err != nil {
			t.Skip(err)
		}
		wants(t, run(in, link, convert.Options{}), tensorfile.ErrExists, link)
		if err := run(in, link, convert.Options{Overwrite: true}); err != nil {
			t.Fatal(err)
		}
		fi, err := os.Lstat(link)
		if err != nil || fi.Mode()&fs.ModeSymlink == 0 {
			t.Errorf("%v, %v: the link is gone", fi, err)
		}
		if fi, err := os.Stat(target); err != nil || fi.Size() < 100 || fi.Mode().Perm() != 0o600 {
			t.Errorf("%v, %v", fi, err)
		}
	}
}

// E06: a directory that is not there, or is a file.
func TestE06Directory(t *testing.T) {
	dir := t.TempDir()
	in := good(t, filepath.Join(dir, "in.tensor"))
	for _, out := range []string{filepath.Join(dir, "no", "out.tensor"), filepath.Join(in, "out.tensor"), filepath.Join(dir, "no", "out.npz")} {
		wants(t, run(in, out, convert.Options{}), tensorfile.ErrIO, out)
	}
	if l := list(t, dir); len(l) != 1 {
		t.Errorf("left behind: %v", l)
	}
	// The temporary file stands beside the target, so that the rename never
	// crosses file systems.
	if dev := "/dev/shm"; os.MkdirAll(filepath.Join(dev), 0o777) == nil {
		there, err := os.MkdirTemp(dev, "badinput")
		if err != nil {
			t.Skip(err)
		}
		defer os.RemoveAll(there)
		if err := run(in, filepath.Join(there, "out.tensor"), convert.Options{}); err != nil {
			t.Error(err)
		}
	}
}

// N22: aliases may add up to more than any disk. Sharing them costs nothing;
// writing them out is refused before a byte is written.
func TestN22Aliases(t *testing.T) {
	count := 100_000
	if testing.Short() || raceBuild {
		count = 10_000
	}
	var ts []forge.Tensor
	for i := range count {
		ts = append(ts, u8s(fmt.Sprintf("t%06d", i), 1, 1<<20))
	}
	dir := t.TempDir()
	in := filepath.Join(dir, "in.tensor")
	if err := forge.File(ts, bytesOf(1, 1<<20)).Write(in); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "out.npz")
	wants(t, run(in, out, convert.Options{}), tensorfile.ErrLimit, out, fmt.Sprint(int64(count)<<20))
	if l := list(t, dir); len(l) != 1 {
		t.Errorf("left behind: %v", l)
	}
	shared := filepath.Join(dir, "out.tensor")
	if err := run(in, shared, convert.Options{}); err != nil {
		t.Fatal(err)
	}
	if fi, err := os.Stat(shared); err != nil || fi.Size() > 1<<20+int64(count)*400 {
		t.Errorf("%v, %v", fi, err)
	}
}

// N29: what is broadcast to 8 TiB is shared, and not written out.
func TestN29Broadcast(t *testing.T) {
	dir := t.TempDir()
	in := filepath.Join(dir, "in.tensor")
	if err := one(forge.Tensor{DType: forge.F64, Shape: []uint64{1 << 40}, Strides: []int64{0}}).Write(in); err != nil {
		t.Fatal(err)
	}
	for _, out := range []string{"out.npy", "out.npz"} {
		wants(t, run(in, filepath.Join(dir, out), convert.Options{}), tensorfile.ErrLimit, out, "8796093022208")
	}
	if l := list(t, dir); len(l) != 1 {
		t.Errorf("left behind: %v", l)
	}
}

// N34: a name that is harmless inside must not become a path.
func TestN34Export(t *testing.T) {
	for _, name := range []string{"../../x", "/etc/x", "C:\\x", "a/../b", "a\\..\\..\\b", ".."} {
		dir := t.TempDir()
		in := filepath.Join(dir, "in.tensor")
		if err := named(name).Write(in); err != nil {
			t.Fatal(err)
		}
		out := filepath.Join(dir, "out.npz")
		wants(t, run(in, out, convert.Options{}), tensorfile.ErrPath, tensor.Quote(name))
		if l := list(t, dir); len(l) != 1 {
			t.Errorf("left behind: %v", l)
		}
		// A file of one array has no name to become a path.
		if err := run(in, filepath.Join(dir, "out.npy"), convert.Options{}); err != nil {
			t.Error(err)
		}
	}
}

// N55, N56: an input that is cut short while it is converted is told as such,
// and no output appears.
func TestN55Truncated(t *testing.T) {
	for _, left := range []int64{0, 4096, 12288 + 40000, 12288 + 70000 + 4096 + 100} {
		for _, ext := range []string{".tensor", ".npz"} {
			for _, noMmap := range []bool{false, true} {
				if !noMmap && runtime.GOARCH == "s390x" {
					continue // an emulator does not tell the address of a fault on this machine
				}
				dir := t.TempDir()
				in := filepath.Join(dir, "in.tensor")
				if err := forge.File([]forge.Tensor{u8s("a", 1, 70000), u8s("b", 2, 3<<20)}, bytesOf(1, 70000), bytesOf(2, 3<<20)).Write(in); err != nil {
					t.Fatal(err)
				}
				o := convert.Options{NoSync: true}
				o.Open.NoMmap = noMmap
				cut := false
				o.Progress = func(done, total int64) {
					if !cut {
						cut = true
						if err := os.Truncate(in, left); err != nil {
							t.Error(err)
						}
					}
				}
				_, err := convert.Files(ctx, []string{in}, filepath.Join(dir, "out"+ext), &o)
				wants(t, err, tensorfile.ErrChanged, in)
				if l := list(t, dir); len(l) != 1 {
					t.Errorf("left behind: %v", l)
				}
			}
		}
	}
}
