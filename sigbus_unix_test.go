//go:build unix && !aix

package tensorfile_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/mmap"
	"github.com/tensorfile/tensorfile/tensor"
)

const (
	cutSize = 6 << 20  // bytes of the payload that is cut: several goroutines share what reads it
	cutKeep = 64 << 10 // what is left of the file: whole pages everywhere
)

// torn is a file that another process has cut short since it was opened.
type torn struct {
	path, dir string
	size      int64 // before the cut
	f         *tensorfile.File
	lazy      *tensorfile.File
	other     *tensorfile.File   // with equal content, not cut
	byPread   *mmap.Map          // the file again, not mapped
	first     *tensorfile.Tensor // verified on first use
	ways      map[tensorfile.ReadMode]*tensorfile.Tensor

	// Six megabytes, seen as several dtypes, and the same without a copy.
	bytes, words, floats, pairs, flags *tensorfile.Tensor

	grid, coded *tensorfile.Tensor // in chunks, as they are and encoded

	data    []byte
	numbers []uint64
	reals   []float32
	doubles []complex128
	strided tensor.Strided[float32]
	leased  []uint64
}

// form is a way to touch what the file has lost.
type form func(v *torn) error

// inside is a form of code that a caller runs inside Guard on lost bytes.
func inside(fn func(v *torn, b []byte) error) form {
	return func(v *torn) error {
		return v.bytes.Guard(func(x tensor.View) error {
			b, err := x.Bytes()
			if err != nil {
				return err
			}
			return fn(v, b[cutKeep:])
		})
	}
}

// touch is inside for code without errors.
func touch(fn func(b []byte)) form {
	return inside(func(_ *torn, b []byte) error { fn(b); return nil })
}

// cutTemplate writes the file that all forms work on. The odd generation makes
// sure that the whole catalog lies in what is cut.
func cutTemplate(t testing.TB, path string) {
	t.Helper()
	write(t, path, func(w *tensorfile.Writer) {
		b := make([]byte, cutSize) // fine bools, quiet as numbers, and holes on the disk
		for i := range cutKeep {
			b[i] = byte(i & 1)
		}
		s := must(w.AddStorage(ctx, cutSize, strings.NewReader(string(b))))(t)
		for name, d := range map[string]tensor.DType{"bytes": tensor.U8, "words": tensor.U64, "floats": tensor.F32, "pairs": tensor.C128, "flags": tensor.Bool} {
			ok(t, w.TensorOn(s, name, d, tensor.Shape{cutSize / int64(d.UnitBytes)}, nil, 0, nil))
		}
		ok(t, w.TensorOn(s, "table", tensor.F32, tensor.Shape{512, 512}, nil, 0, nil))
		ok(t, w.TensorOn(s, "back", tensor.I16, tensor.Shape{1 << 18}, tensor.Strides{-4}, cutSize-4, nil))
		ok(t, w.SetAttrs(tensorfile.Attrs{"k": "v"}))
	})
	edit(t, path, func(w *tensorfile.Writer) {
		put(t, w, "second", []byte("of another generation"))
		x := must(tensor.Make(tensor.U16, tensor.Shape{512, 1024}))(t)
		b := must(x.Bytes())(t)
		for i := range b {
			b[i] = byte(i * i >> 9)
		}
		for name, codec := range map[string]string{"grid": "raw", "coded": "shuffle|lz4"} {
			ok(t, w.Add(ctx, name, x, &tensorfile.TensorOptions{Chunk: tensor.Shape{64, 512}, Codec: codec}))
		}
	})
}

// writeSparse writes a file that has holes where b is zero.
func writeSparse(t testing.TB, path string, b []byte) {
	t.Helper()
	f := must(os.Create(path))(t)
	defer f.Close()
	ok(t, f.Truncate(int64(len(b))))
	const block = 64 << 10
	for at := 0; at < len(b); at += block {
		if p := b[at:min(at+block, len(b))]; bytes.IndexFunc(p, func(r rune) bool { return r != 0 }) >= 0 {
			must(f.WriteAt(p, int64(at)))(t)
		}
	}
}

// openTorn opens everything that forms need, and touches every page.
func openTorn(path, other string) (*torn, error) {
	v := &torn{path: path, dir: path + ".d"}
	var err error
	keep := func(e error) {
		if err == nil {
			err = e
		}
	}
	keep(os.Mkdir(v.dir, 0o777))
	v.f, err = tensorfile.Open(path, nil)
	if err != nil {
		return nil, err
	}
	v.size = v.f.Info().Size
	v.other, err = tensorfile.Open(other, nil)
	if err != nil {
		return nil, err
	}
	v.byPread, err = tensorfile.OpenSource(path, &tensorfile.OpenOptions{NoMmap: true})
	if err != nil {
		return nil, err
	}
	v.lazy, err = tensorfile.Open(path, &tensorfile.OpenOptions{Verify: tensorfile.VerifyOnFirstUse})
	if err != nil {
		return nil, err
	}
	v.first, err = v.lazy.Tensor("bytes")
	keep(err)
	v.ways = map[tensorfile.ReadMode]*tensorfile.Tensor{}
	for _, mode := range []tensorfile.ReadMode{tensorfile.ReadMapped, tensorfile.ReadPositioned, tensorfile.ReadDirect} {
		f, err := tensorfile.Open(path, &tensorfile.OpenOptions{ReadMode: mode, ReadWorkers: 4})
		if err != nil {
			return nil, err
		}
		if v.ways[mode], err = f.Tensor("floats"); err != nil {
			return nil, err
		}
	}
	for name, p := range map[string]**tensorfile.Tensor{"bytes": &v.bytes, "words": &v.words, "floats": &v.floats, "pairs": &v.pairs, "flags": &v.flags, "grid": &v.grid, "coded": &v.coded} {
		*p, err = v.f.Tensor(name)
		if err != nil {
			return nil, err
		}
	}
	v.data, err = tensorfile.Data[byte](v.bytes)
	keep(err)
	var lease mmap.Lease
	v.leased, lease, err = tensorfile.AcquireData[uint64](v.words)
	keep(err)
	lease.Release() // Close must work; the mapping stays until then
	v.numbers, err = tensorfile.Data[uint64](v.words)
	keep(err)
	v.reals, err = tensorfile.Data[float32](v.floats)
	keep(err)
	v.doubles, err = tensorfile.Data[complex128](v.pairs)
	keep(err)
	v.strided, err = tensorfile.View[float32](v.floats)
	keep(err)
	for i := 0; i < len(v.data); i += 4096 {
		touched += v.data[i]
	}
	return v, err
}

// bitten says what is wrong with the error of a form; "" if nothing is.
func (v *torn) bitten(err error) string {
	var e *tensorfile.Error
	switch {
	case err == nil:
		return "no error"
	case !errors.As(err, &e) || !errors.Is(err, tensorfile.ErrChanged):
		return fmt.Sprintf("error is %v", err)
	case e.Path != v.path || !strings.Contains(err.Error(), v.path):
		return fmt.Sprintf("path %q in %v", e.Path, err)
	case e.Offset < cutKeep || e.Offset >= v.size:
		return fmt.Sprintf("offset %d in %v, want one in [%d, %d)", e.Offset, err, cutKeep, v.size)
	}
	return ""
}

func init() {
	children["cut"] = cutChild
	children["unfenced"] = unfencedChild
}

func cutChild(arg string) int {
	name, arg, _ := strings.Cut(arg, "|")
	path, other, _ := strings.Cut(arg, "|")
	v, err := openTorn(path, other)
	if err != nil || !v.f.Info().Mapped {
		fmt.Println("cannot map:", err)
		return 4
	}
	before := goleak.IgnoreCurrent()
	fmt.Println("ready")
	bufio.NewReader(os.Stdin).ReadString('\n')

	// Once here, and once more in another goroutine.
	if s := v.bitten(cutForms[name](v)); s != "" {
		fmt.Println(s)
		return 5
	}
	second := make(chan string)
	go func() { second <- v.bitten(cutForms[name](v)) }()
	if s := <-second; s != "" {
		fmt.Println("the second time:", s)
		return 5
	}
	if debug.SetPanicOnFault(false) {
		fmt.Println("the flag stayed set")
		return 5
	}
	for range 3 {
		runtime.GC()
	}
	if err := goleak.Find(before); err != nil {
		fmt.Println(err)
		return 5
	}
	if err := errors.Join(v.f.Close(), v.other.Close(), v.lazy.Close(), v.byPread.Close(), v.ways[tensorfile.ReadMapped].File().Close()); err != nil {
		fmt.Println(err)
		return 5
	}
	fmt.Println("held")
	return 0
}

// TestCutWhileMapped takes every way that the safe calls offer to reach mapped
// bytes, each in a process of its own, while another process cuts the file. No
// process may die, and each way must end with an error of kind ErrChanged that
// tells path and offset. (A page that the disk cannot deliver faults in the same
// way; TestMediaError of package mmap tells the two apart. Here there is no
// disk to break.)
func TestCutWhileMapped(t *testing.T) {
	const floor = 168
	dir := t.TempDir()
	template := filepath.Join(dir, "template.tensor")
	cutTemplate(t, template)
	data := must(os.ReadFile(template))(t)
	names := slices.Sorted(maps.Keys(cutForms))
	if len(names) < floor {
		t.Errorf("%d forms, want at least %d", len(names), floor)
	}
	var died, held atomic.Int64
	want := 0
	t.Run("form", func(t *testing.T) {
		for i, name := range names {
			if testing.Short() && i%3 != 0 {
				continue
			}
			want++
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				path := filepath.Join(dir, fmt.Sprintf("%d.tensor", i))
				writeSparse(t, path, data)
				defer os.RemoveAll(path + ".d")
				defer os.Remove(path)
				c := startChild(t, "cut", name+"|"+path+"|"+template)
				first := c.line()
				if first == "ready" {
					ok(t, os.Truncate(path, cutKeep))
				}
				c.say("go")
				text, err := c.wait()
				switch {
				case err != nil && err.Error() != "exit status 5" && err.Error() != "exit status 4":
					died.Add(1)
					t.Errorf("the process died: %v: %s\n%s", err, first, text)
				case first != "ready" || text != "held\n":
					t.Errorf("%s\n%s", first, text)
				default:
					held.Add(1)
				}
			})
		}
	})
	t.Logf("%d forms of access in %d processes, %d held, %d died", len(names), want, held.Load(), died.Load())
	if held.Load() != int64(want) {
		t.Errorf("%d of %d were held", held.Load(), want)
	}
}

// unfenced are the ways that no fence of a Go program can hold. They exist only
// where callers handle mapped bytes themselves, and the documentation of what
// hands out such bytes tells them. (Foreign code is the third; there is none
// here.)
var unfenced = map[string]form{
	"channel send": inside(func(v *torn, _ []byte) error {
		ch := make(chan complex128, 1)
		ch <- v.doubles[len(v.doubles)-1]
		return nil
	}),
	"goroutine of the caller": inside(func(_ *torn, b []byte) error {
		done := make(chan bool)
		go func() { touched += b[0]; close(done) }()
		select {
		case <-done:
		case <-time.After(time.Minute):
		}
		return nil
	}),
}

func unfencedChild(arg string) int {
	name, arg, _ := strings.Cut(arg, "|")
	path, other, _ := strings.Cut(arg, "|")
	v, err := openTorn(path, other)
	if err != nil {
		fmt.Println(err)
		return 4
	}
	fmt.Println("ready")
	bufio.NewReader(os.Stdin).ReadString('\n')
	fmt.Println("error:", unfenced[name](v))
	return 0
}

// What the documentation warns of is real, and is warned of wherever mapped
// bytes are handed out.
func TestUnfenced(t *testing.T) {
	dir := t.TempDir()
	template := filepath.Join(dir, "template.tensor")
	cutTemplate(t, template)
	data := must(os.ReadFile(template))(t)
	died := 0
	for i, name := range slices.Sorted(maps.Keys(unfenced)) {
		path := filepath.Join(dir, fmt.Sprint(i))
		writeSparse(t, path, data)
		c := startChild(t, "unfenced", name+"|"+path+"|"+template)
		if c.line() != "ready" {
			t.Error("not ready")
		}
		ok(t, os.Truncate(path, cutKeep))
		c.say("go")
		text, err := c.wait()
		if err != nil {
			died++
		} else if !raceBuild && !strings.Contains(text, "error: ") {
			t.Errorf("%s: %s", name, text)
		}
	}
	// A runtime that learns to hold them is no failure, only a reason to warn less.
	t.Logf("%d of %d ways that no fence holds ended their process", died, len(unfenced))
}
