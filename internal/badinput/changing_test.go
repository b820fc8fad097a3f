//go:build unix

package badinput

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/internal/badinput/forge"
	"github.com/tensorfile/tensorfile/mmap"
	"github.com/tensorfile/tensorfile/tensor"
)

// tornSlots is a file of three generations, and the page of slot A before and
// after the write that committed the third.
func tornSlots() (file []byte, before, after []byte) {
	gen := func(name string, id uint64) forge.Gen {
		return forge.Gen{Tensors: []forge.Tensor{u8s(name, id, 10)}, Storages: []forge.Storage{bytesOf(id, 10)}, Journal: true}
	}
	two := forge.Build(false, gen("a", 1), gen("b", 2))
	three := forge.Build(false, gen("a", 1), gen("b", 2), gen("c", 3))
	return three.B, two.B[4096:8192], three.B[4096:8192]
}

// N09 as rows: whatever is torn, the file reads, and Verify names the slot.
func TestN09Rows(t *testing.T) {
	file, before, after := tornSlots()
	with := func(page []byte, tail bool) func(t testing.TB, dir string) string {
		return made(func() []byte {
			b := slices.Concat(file[:4096], page, file[8192:])
			if !tail {
				b = b[:len(b)-4096] // the commit's trailer is not there, or not yet
			}
			return b
		})
	}
	noise := func(seed uint64) []byte {
		page := bytes.Clone(after)
		rng := rand.New(rand.NewPCG(seed, 9))
		for i := range page[:512] {
			page[i] = byte(rng.Uint32())
		}
		return page
	}
	mixed := slices.Concat(after[:60], before[60:])
	info := func(generation uint64) func(t testing.TB, f *tensorfile.File) {
		return func(t testing.TB, f *tensorfile.File) {
			if i := f.Info(); i.Generation != generation || len(i.Notes) != 1 || !strings.Contains(i.Notes[0], "slot A is not usable") {
				t.Errorf("%+v", i)
			}
		}
	}
	row := func(what string, page []byte, tail bool, generation uint64, rule string, good ...string) Row {
		return native(Row{ID: "N09", What: what, Make: with(page, tail), Kind: tensorfile.ErrCorrupt, At: Verify, Rule: rule, Converts: true, Check: info(generation), Good: good})
	}
	Run(t, []Row{
		row("half a record", mixed, true, 3, format.RuleRootCRC, "a", "b", "c"),
		row("half a record, trailer lost", mixed, false, 2, format.RuleRootCRC, "a", "b"),
		row("sector of noise", noise(1), true, 3, format.RuleRootMagic, "a", "b", "c"),
		row("sector of noise, trailer lost", noise(2), false, 2, format.RuleRootMagic, "a", "b"),
		row("sector of zeros", slices.Concat(make([]byte, 512), after[512:]), true, 3, format.RuleRootMagic, "a", "b", "c"),
	})
}

// N09 by the tool: info says which slot is not usable and what it read instead.
func TestN09Info(t *testing.T) {
	bin := build(t)
	file, before, after := tornSlots()
	n := 0
	for cut := 6; cut < 100; cut += 13 {
		for _, tail := range []bool{true, false} {
			b := slices.Concat(file[:4096], after[:cut], before[cut:], file[8192:])
			want := []string{"Generation : 3", "slot A is not usable", "read from trailer"}
			if !tail {
				b = b[:len(b)-4096]
				want = []string{"Generation : 2", "slot A is not usable", "read from slot B"}
			}
			path := filepath.Join(t.TempDir(), "x.tensor")
			if err := os.WriteFile(path, b, 0o666); err != nil {
				t.Fatal(err)
			}
			r := call(t, exec.Command(bin, "info", path))
			text := strings.Join(strings.Fields(r.stdout+r.stderr), " ")
			for _, w := range want {
				if r.status != 0 || !strings.Contains(text, strings.Join(strings.Fields(w), " ")) {
					t.Errorf("cut %d, trailer %v: no %q in %+v", cut, tail, w, r)
				}
			}
			n++
		}
	}
	t.Logf("%d files", n)
}

// overwrite lets another process write into a file.
func overwrite(t testing.TB, path string, off int64, b []byte) {
	t.Helper()
	cmd := exec.Command("dd", "of="+path, "conv=notrunc", "bs=1", fmt.Sprint("seek=", off))
	cmd.Stdin = bytes.NewReader(b)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Skipf("dd: %v: %s", err, out)
	}
}

// N57: another process writes over data in place while the file is open. What
// was parsed is private; nothing panics; Verify reports the tensor, or the
// structure, and that the file has changed.
func TestN57Overwritten(t *testing.T) {
	im := forge.Build(false,
		forge.Gen{Tensors: []forge.Tensor{u8s("a", 1, 70000), u8s("b", 2, 3<<20)}, Storages: []forge.Storage{bytesOf(1, 70000), bytesOf(2, 3<<20)}, Journal: true},
		forge.Gen{Tensors: []forge.Tensor{u8s("c", 3, 100)}, Storages: []forge.Storage{bytesOf(3, 100)}, Journal: true})
	last, first := im.Last(), im.Gens[0]
	noise := bytes.Repeat([]byte{0xa5, 0x5a, 0xff}, 40)
	cases := []struct {
		what   string
		off    int64
		tensor string
		rule   string
	}{
		{"payload", first.Payloads[0] + 100, "a", format.RuleRawCRC},
		{"second block", first.Payloads[1] + 1<<20 + 5, "b", format.RuleRawCRC},
		{"payload of the last commit", last.Payloads[0], "c", format.RuleRawCRC},
		{"records of the newest run", last.Run.Body, "", format.RulePageCRC},
		{"records of the older run", first.Run.Body, "", format.RulePageCRC},
		{"both slots", forge.SlotA, "", format.RuleRootMagic},
		{"trailer", last.Trailer, "", format.RuleRootTrailer},
	}
	checked := 0
	for _, noMmap := range []bool{false, true} {
		for _, c := range cases {
			t.Run(fmt.Sprintf("%s, noMmap %v", c.what, noMmap), func(t *testing.T) {
				path := filepath.Join(t.TempDir(), "x.tensor")
				old := time.Now().Add(-time.Hour)
				if err := errors.Join(os.WriteFile(path, im.B, 0o666), os.Chtimes(path, old, old)); err != nil {
					t.Fatal(err)
				}
				f, err := tensorfile.Open(path, &tensorfile.OpenOptions{NoMmap: noMmap})
				if err != nil {
					t.Fatal(err)
				}
				defer f.Close()
				of := func(x *tensorfile.Tensor) string {
					return fmt.Sprintf("%q %v %v %v %+v", x.Name(), x.DType(), x.Shape(), x.Strides(), x.Storage())
				}
				var list []*tensorfile.Tensor
				var before []string
				for x, err := range f.Tensors() { // now every page of the catalog has been seen
					if err != nil {
						t.Fatal(err)
					}
					list, before = append(list, x), append(before, of(x))
				}
				overwrite(t, path, c.off, noise)
				if c.what == "both slots" {
					overwrite(t, path, forge.SlotB, noise)
				}
				for i, x := range list {
					if of(x) != before[i] {
						t.Errorf("%s, was %s", of(x), before[i])
					}
					if _, err := x.Read(ctx); err != nil {
						t.Error(err) // bytes are bytes; only Verify compares them
					}
				}
				for _, name := range []string{"a", "b", "c"} {
					var e *tensorfile.Error
					if _, err := f.Tensor(name); err != nil && !errors.As(err, &e) {
						t.Errorf("%q: %v", name, err)
					}
				}
				rep, err := f.Verify(ctx, nil)
				if err != nil {
					t.Fatal(err)
				}
				found, changed := false, false
				for _, err := range rep.Findings {
					var e *tensorfile.Error
					if !errors.As(err, &e) || e.Path != path {
						t.Errorf("%v", err)
						continue
					}
					found = found || e.Rule == c.rule && e.Tensor == c.tensor
					changed = changed || errors.Is(err, tensorfile.ErrChanged)
				}
				if !found || !changed {
					t.Errorf("found %v, changed %v: %v", found, changed, rep.Findings)
				}
				wants(t, f.Check(), tensorfile.ErrChanged, path)
				checked++
			})
		}
	}
	t.Logf("%d places written over", checked)
}

// badDisk gives bytes, but for a range that it cannot read.
type badDisk struct {
	b        []byte
	from, to int64
}

func (d badDisk) ReadAt(p []byte, off int64) (int, error) {
	if off < d.to && off+int64(len(p)) > d.from {
		n := 0
		if off < d.from {
			n = copy(p, d.b[off:d.from])
		}
		return n, syscall.EIO
	}
	n := copy(p, d.b[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// E12: a read error of the disk. By positioned reads it is EIO, told with path,
// tensor and offset, and what lies elsewhere reads. By a mapping it is SIGBUS,
// which only a page that the file has lost can make here: told likewise, and
// the process lives. (TestMediaError of package mmap has a page that is there
// and does not read.)
func TestE12Media(t *testing.T) {
	im := forge.File([]forge.Tensor{u8s("a", 1, 70000), u8s("b", 2, 9000)}, bytesOf(1, 70000), bytesOf(2, 9000))
	p := im.Last()
	for _, c := range []struct {
		what string
		at   int64
		open bool // it opens
		good string
	}{
		{"header", 0, false, ""}, {"slot", forge.SlotB, false, ""}, {"run head", p.Head, false, ""},
		{"catalog page", p.Run.Body, true, ""}, {"payload of a", p.Payloads[0] + 8192, true, "b"}, {"payload of b", p.Payloads[1] + 512, true, "a"},
	} {
		t.Run(c.what, func(t *testing.T) {
			const path = "/media/bad disk/x.tensor"
			from, to := c.at, c.at+512
			check := func(what string, err error) {
				t.Helper()
				var e *tensorfile.Error
				if !errors.As(err, &e) || !errors.Is(err, tensorfile.ErrIO) || !errors.Is(err, syscall.EIO) || e.Path != path || e.Offset < 0 || e.Offset > to {
					t.Errorf("%s: %v", what, err)
				}
			}
			f, err := convert.OpenMap(ctx, mmap.NewReaderAt(badDisk{im.B, from, to}, int64(len(im.B)), path), nil)
			if !c.open {
				check("open", err)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if c.good == "" {
				_, err := f.Tensor("a")
				check("lookup", err)
				_, err = f.Hash(ctx, nil)
				check("hash", err)
				return
			}
			for _, name := range []string{"a", "b"} {
				x, err := f.Tensor(name)
				if err != nil {
					t.Fatal(err)
				}
				_, err = x.Read(ctx)
				werr := x.WriteCOrder(ctx, io.Discard)
				if name == c.good {
					if err = errors.Join(err, werr); err != nil {
						t.Error(err)
					}
					continue
				}
				check("read", err)
				check("write", werr)
				_, err = x.Hash(ctx)
				check("hash", err)
				w, err := tensorfile.NewWriter(io.Discard, nil)
				if err != nil {
					t.Fatal(err)
				}
				check("copy", w.Copy(ctx, tensorfile.Item{Tensor: x}))
				w.Close()
			}
			rep, err := f.Verify(ctx, nil)
			if err == nil && len(rep.Findings) > 0 {
				err = rep.Findings[0]
			}
			check("verify", err)
		})
	}
	t.Run("SIGBUS", func(t *testing.T) {
		if runtime.GOARCH == "s390x" {
			t.Skip("an emulator does not tell the address of a fault on this machine")
		}
		path := filepath.Join(t.TempDir(), "x.tensor")
		if err := im.Write(path); err != nil {
			t.Fatal(err)
		}
		f, err := tensorfile.Open(path, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if !f.Info().Mapped {
			t.Skip(f.Info().MapReason)
		}
		a, err := f.Tensor("a")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(path, 4096*int64(os.Getpagesize()/4096)); err != nil {
			t.Fatal(err)
		}
		for what, read := range map[string]func() error{
			"Guard": func() error {
				return a.Guard(func(v tensor.View) error {
					b, err := v.Bytes()
					if err == nil && bytes.Count(b, []byte{1}) < 0 {
						err = errors.New("less than nothing")
					}
					return err
				})
			},
			"Read":  func() error { _, err := a.Read(ctx); return err },
			"Hash":  func() error { _, err := a.Hash(ctx); return err },
			"Write": func() error { return a.WriteCOrder(ctx, io.Discard) },
		} {
			err := read()
			var e *tensorfile.Error
			if !errors.As(err, &e) || e.Kind != tensorfile.ErrChanged || e.Path != path || e.Tensor != "a" || e.Offset < 4096 {
				t.Errorf("%s: %v", what, err)
			}
		}
	})
}
