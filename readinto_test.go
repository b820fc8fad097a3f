package tensorfile_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/tensor"
)

// readWays are ways to open a file for reading.
var readWays = []struct {
	name     string
	o        tensorfile.OpenOptions
	readerAt bool
}{
	{name: "auto"},
	{name: "one worker", o: tensorfile.OpenOptions{ReadWorkers: 1}},
	{name: "mapped", o: tensorfile.OpenOptions{ReadMode: tensorfile.ReadMapped, ReadWorkers: 3}},
	{name: "positioned", o: tensorfile.OpenOptions{ReadMode: tensorfile.ReadPositioned, ReadWorkers: 3}},
	{name: "direct", o: tensorfile.OpenOptions{ReadMode: tensorfile.ReadDirect, ReadWorkers: 3}},
	{name: "not mapped", o: tensorfile.OpenOptions{NoMmap: true, ReadWorkers: 2}},
	{name: "not mapped, direct", o: tensorfile.OpenOptions{NoMmap: true, ReadMode: tensorfile.ReadDirect, ReadWorkers: 2}},
	{name: "checked", o: tensorfile.OpenOptions{Verify: tensorfile.VerifyOnFirstUse, ReadWorkers: 3}},
	{name: "checked, direct", o: tensorfile.OpenOptions{Verify: tensorfile.VerifyOnFirstUse, ReadMode: tensorfile.ReadDirect}},
	{name: "reader", readerAt: true},
	{name: "reader, shared", o: tensorfile.OpenOptions{ReadWorkers: 3}, readerAt: true},
}

// eachWay opens path in every way.
func eachWay(t *testing.T, path string, fn func(way string, f *tensorfile.File)) {
	t.Helper()
	for _, way := range readWays {
		o := way.o
		var f *tensorfile.File
		if way.readerAt {
			b := must(os.ReadFile(path))(t)
			f = must(tensorfile.OpenReaderAt(shortReaderAt{bytes.NewReader(b)}, int64(len(b)), &o))(t)
		} else {
			f = must(tensorfile.Open(path, &o))(t)
		}
		fn(way.name, f)
		ok(t, f.Close())
	}
}

// pick is a selection and what it takes, as lists of indices: the naive model.
type pick struct {
	text string
	take func(n int64) []int64 // nil: the axis goes
	drop bool
}

var picks = []pick{
	{text: ":", take: func(n int64) []int64 { return upTo(0, n, 1) }},
	{text: "1:-1", take: func(n int64) []int64 { return upTo(1, n-1, 1) }},
	{text: "::2", take: func(n int64) []int64 { return upTo(0, n, 2) }},
	{text: "::-1", take: func(n int64) []int64 { return upTo(n-1, -1, -1) }},
	{text: "-2::-3", take: func(n int64) []int64 { return upTo(n-2, -1, -3) }},
	{text: "3:3", take: func(int64) []int64 { return nil }},
	{text: "-2", take: func(n int64) []int64 { return []int64{n - 2} }, drop: true},
}

func upTo(from, to, step int64) (list []int64) {
	for i := from; step > 0 && i < to || step < 0 && i > to; i += step {
		list = append(list, i)
	}
	return list
}

// layouts are strides of a source of a shape, in elements, and its offset.
var layouts = []struct {
	name    string
	strides func(s tensor.Shape) (st []int64, offset int64)
}{
	{"C", func(s tensor.Shape) ([]int64, int64) { return []int64{s[1] * s[2], s[2], 1}, 0 }},
	{"Fortran", func(s tensor.Shape) ([]int64, int64) { return []int64{1, s[0], s[0] * s[1]}, 0 }},
	{"backward", func(s tensor.Shape) ([]int64, int64) { return []int64{s[1] * s[2], -s[2], -1}, s[1]*s[2] - 1 }},
	{"gaps", func(s tensor.Shape) ([]int64, int64) { return []int64{s[1]*2*s[2] + 5, 2 * s[2], 1}, 3 }},
	{"repeated rows", func(s tensor.Shape) ([]int64, int64) { return []int64{s[2], 0, 1}, 0 }},
	{"repeated elements", func(s tensor.Shape) ([]int64, int64) { return []int64{s[1], 1, 0}, 0 }},
}

// targets are memory to read into.
var targets = []struct {
	name    string
	strides func(s tensor.Shape) (st []int64, offset int64)
	order   tensor.ByteOrder
}{
	{"C", cOrder, tensor.LittleEndian},
	{"Fortran", func(s tensor.Shape) ([]int64, int64) {
		st, n := make([]int64, len(s)), int64(1)
		for i, e := range s {
			st[i] = n
			n *= max(e, 1)
		}
		return st, 0
	}, tensor.LittleEndian},
	{"backward", func(s tensor.Shape) ([]int64, int64) {
		st, _ := cOrder(s)
		off := int64(0)
		for i := range st {
			off += st[i] * max(s[i]-1, 0)
			st[i] = -st[i]
		}
		return st, off
	}, tensor.LittleEndian},
	{"gaps, big-endian", func(s tensor.Shape) ([]int64, int64) {
		st, _ := cOrder(s)
		for i := range st {
			st[i] *= 3
		}
		return st, 2
	}, tensor.BigEndian},
}

func cOrder(s tensor.Shape) ([]int64, int64) {
	st, n := make([]int64, len(s)), int64(1)
	for i := len(s) - 1; i >= 0; i-- {
		st[i] = n
		n *= max(s[i], 1)
	}
	return st, 0
}

// into makes memory of a target, filled with what no element is.
func into(t testing.TB, k int, d tensor.DType, s tensor.Shape) tensor.View {
	t.Helper()
	st, off := targets[k].strides(s)
	unit, need := int64(d.UnitBytes), off
	bytes := make(tensor.Strides, len(st))
	for i := range st {
		bytes[i] = st[i] * unit
		need += max(st[i], 0) * max(s[i]-1, 0)
	}
	return must(tensor.NewView(slices.Repeat([]byte{0xee}, int((need+1)*unit)), d, s, bytes, off*unit, targets[k].order))(t)
}

// TestReadIntoMatrix reads every kind of selection of every layout into every
// target by every way, in pieces so small that all of them take part, and
// compares each element with the one that plain arithmetic finds.
func TestReadIntoMatrix(t *testing.T) {
	defer tensorfile.SmallReads()()
	shape := tensor.Shape{7, 13, 11}
	dtypes := []tensor.DType{tensor.U8, tensor.I16, tensor.F32, tensor.C128}
	if testing.Short() {
		dtypes = dtypes[1:3]
	}
	rng := rand.New(rand.NewPCG(31, 32))
	path := temp(t)
	sources := map[string][]byte{}
	write(t, path, func(w *tensorfile.Writer) {
		for _, d := range dtypes {
			for _, l := range layouts {
				st, off := l.strides(shape)
				unit := int64(d.UnitBytes)
				n, b := off, make(tensor.Strides, 3)
				for i := range st {
					b[i] = st[i] * unit
					n += max(st[i], 0) * (shape[i] - 1)
				}
				name := d.String() + " " + l.name
				data := make([]byte, (n+1)*unit)
				for i := range data {
					data[i] = byte(rng.Uint32())
				}
				sources[name] = data
				id := must(w.AddStorage(ctx, int64(len(data)), bytes.NewReader(data)))(t)
				ok(t, w.TensorOn(id, name, d, shape, b, off*unit, nil))
			}
		}
	})
	reads, elements := 0, 0
	eachWay(t, path, func(way string, f *tensorfile.File) {
		rng := rand.New(rand.NewPCG(33, 34))
		for _, d := range dtypes {
			for _, l := range layouts {
				tn := must(f.Tensor(d.String() + " " + l.name))(t)
				data := sources[tn.Name()]
				st, off := l.strides(shape)
				unit := int64(d.UnitBytes)
				for range 3 * len(picks) {
					p := [3]pick{picks[rng.IntN(len(picks))], picks[rng.IntN(len(picks))], picks[rng.IntN(len(picks))]}
					var lists [3][]int64
					var out tensor.Shape
					for i := range p {
						lists[i] = p[i].take(shape[i])
						if !p[i].drop {
							out = append(out, int64(len(lists[i])))
						}
					}
					text := p[0].text + "," + p[1].text + "," + p[2].text
					k := rng.IntN(len(targets))
					dst := into(t, k, d, out)
					what := fmt.Sprintf("%s: %s[%s] into %s", way, tn.Name(), text, targets[k].name)
					if err := tn.ReadInto(ctx, dst, must(tensor.ParseSelection(text))(t)); err != nil {
						t.Fatalf("%s: %v", what, err)
					}
					reads++
					eachIndex(lists, func(at [3]int) {
						var to []int64
						from := off
						for i := range at {
							from += lists[i][at[i]] * st[i]
							if !p[i].drop {
								to = append(to, int64(at[i]))
							}
						}
						got := slices.Clone(must(dst.UnitAt(to...))(t))
						if dst.Order() == tensor.BigEndian {
							swapParts(got, d)
						}
						if want := data[from*unit : from*unit+unit]; !bytes.Equal(got, want) {
							t.Fatalf("%s: element %v is %x, want %x", what, to, got, want)
						}
						elements++
					})
				}
			}
		}
	})
	t.Logf("%d reads, %d elements compared", reads, elements)
	if reads < 1000 || elements < 200_000 {
		t.Error("too few to tell")
	}
}

func eachIndex(lists [3][]int64, fn func([3]int)) {
	for i := range lists[0] {
		for j := range lists[1] {
			for k := range lists[2] {
				fn([3]int{i, j, k})
			}
		}
	}
}

// swapParts reverses the bytes of a number, or of the parts of a complex one.
func swapParts(b []byte, d tensor.DType) {
	if d.Class == tensor.ClassComplex {
		slices.Reverse(b[:len(b)/2])
		b = b[len(b)/2:]
	}
	slices.Reverse(b)
}

// randomBytes have no period.
func randomBytes(n int, seed byte) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{seed}).Read(b)
	return b
}

// TestReadIntoEdges reads ranges that begin and end anywhere between blocks and
// pages, to addresses that lie anywhere, in the sizes that programs have.
func TestReadIntoEdges(t *testing.T) {
	size, rounds := 9<<20+777, 12
	if testing.Short() || raceBuild {
		size, rounds = 3<<20+777, 4
	}
	data := randomBytes(size, 1)
	path := temp(t)
	write(t, path, func(w *tensorfile.Writer) {
		ok(t, w.AddReader(ctx, "pad", tensor.U8, tensor.Shape{1001}, bytes.NewReader(data[:1001]), nil))
		ok(t, w.AddReader(ctx, "x", tensor.U8, tensor.Shape{int64(size)}, bytes.NewReader(data), nil))
	})
	n := int64(size)
	eachWay(t, path, func(way string, f *tensorfile.File) {
		rng := rand.New(rand.NewPCG(35, 36))
		x := must(f.Tensor("x"))(t)
		if b := must(must(x.Read(ctx))(t).Bytes())(t); !bytes.Equal(b, data) {
			t.Fatalf("%s: Read gave other bytes", way)
		}
		mem := make([]byte, n+8192)
		for i := range rounds {
			a := rng.Int64N(9000)
			b := n - rng.Int64N(9000)
			switch i % 3 {
			case 1:
				a = b - 1 - rng.Int64N(1<<uint(rng.IntN(22)))
			case 2:
				b = a + 1 + rng.Int64N(1<<uint(rng.IntN(22)))
			}
			a = max(a, 0)
			skew := rng.Int64N(8192)
			dst := must(tensor.FromSlice(mem[skew:skew+b-a:skew+b-a], b-a))(t)
			if err := x.ReadInto(ctx, dst, must(tensor.ParseSelection(fmt.Sprintf("%d:%d", a, b)))(t)); err != nil {
				t.Fatalf("%s [%d:%d]: %v", way, a, b, err)
			}
			if !bytes.Equal(mem[skew:skew+b-a], data[a:b]) {
				t.Fatalf("%s [%d:%d]: other bytes", way, a, b)
			}
		}
		s := f.ReadStats()
		if strings.Contains(way, "direct") {
			if s.NoDirect != "" {
				t.Logf("%s: %s", way, s.NoDirect)
			} else if s.Direct < n {
				t.Errorf("%s: only %d bytes past the page cache", way, s.Direct)
			}
		} else if s.Direct != 0 {
			t.Errorf("%s: %d bytes past the page cache of a warm file", way, s.Direct)
		}
		if way == "positioned" && (s.Mapped != 0 || s.Positioned < n) || way == "mapped" && (s.Positioned != 0 || s.Mapped < n) {
			t.Errorf("%s: %+v", way, s)
		}
	})
}

// A block that is bad is told by a read of the whole storage, whatever its way,
// and known from then on; other failures are not held against the storage.
func TestReadIntoChecks(t *testing.T) {
	const damage = 3<<20 + 12345
	for _, mode := range []tensorfile.ReadMode{tensorfile.ReadMapped, tensorfile.ReadPositioned, tensorfile.ReadDirect} {
		for _, bad := range []bool{false, true} {
			size := 5<<20 + 3
			data := randomBytes(size, 2)
			path := temp(t)
			write(t, path, func(w *tensorfile.Writer) {
				ok(t, w.AddReader(ctx, "x", tensor.U8, tensor.Shape{int64(size)}, bytes.NewReader(data), nil))
			})
			plain := must(tensorfile.Open(path, nil))(t)
			at := must(plain.Tensor("x"))(t).Storage().Offset + damage
			ok(t, plain.Close())
			put := func(b byte) {
				f := must(os.OpenFile(path, os.O_RDWR, 0))(t)
				must(f.WriteAt([]byte{b}, at))(t)
				ok(t, f.Close())
			}
			if bad {
				put(data[damage] ^ 4)
			}
			f := must(tensorfile.Open(path, &tensorfile.OpenOptions{Verify: tensorfile.VerifyOnFirstUse, ReadMode: mode, ReadWorkers: 2}))(t)
			x := must(f.Tensor("x"))(t)
			c, cancel := context.WithCancel(ctx)
			cancel()
			_, err := x.Read(c)
			wantErr(t, err, context.Canceled)
			late := &endingContext{Context: ctx}
			late.left.Store(3)
			_, err = x.Read(late)
			if !bad || !errors.Is(err, tensorfile.ErrCorrupt) { // whichever is seen first
				wantErr(t, err, context.Canceled)
			}
			for range 2 {
				v, err := x.Read(ctx)
				if bad {
					wantErr(t, err, tensorfile.ErrCorrupt, `"x"`, "block 3", "offset")
					if v.NumElements() != 0 {
						t.Error("bytes came with the error")
					}
					continue
				}
				ok(t, err)
				if b := must(v.Bytes())(t); !bytes.Equal(b, data) {
					t.Errorf("%v: other bytes", mode)
				}
				put(data[damage] ^ 8) // was looked at once: not again
				data[damage] ^= 8
			}
			if _, err := x.View(); (err != nil) != bad {
				t.Errorf("%v: View after the read: %v", mode, err)
			}
			ok(t, f.Close())
		}
	}
}

// endingContext ends when it has been asked so many times.
type endingContext struct {
	context.Context
	left, after atomic.Int64
}

func (c *endingContext) Err() error {
	if c.left.Add(-1) < 0 {
		c.after.Add(1)
		return context.Canceled
	}
	return nil
}

// A context that ends stops each goroutine before its next piece.
func TestReadIntoCancel(t *testing.T) {
	defer tensorfile.SmallReads()()
	data := randomBytes(1<<20, 3)
	path := temp(t)
	write(t, path, func(w *tensorfile.Writer) {
		ok(t, w.AddReader(ctx, "x", tensor.F32, tensor.Shape{512, 512}, bytes.NewReader(data), nil))
	})
	stopped := 0
	eachWay(t, path, func(way string, f *tensorfile.File) {
		x := must(f.Tensor("x"))(t)
		for k := range targets {
			for _, left := range []int64{0, 1, 2, 5, 17} {
				c := &endingContext{Context: ctx}
				c.left.Store(left)
				before := f.ReadStats()
				err := x.ReadInto(c, into(t, k, tensor.F32, x.Shape()))
				if c.after.Load() == 0 {
					ok(t, err) // it was done before
					continue
				}
				wantErr(t, err, context.Canceled)
				after := f.ReadStats()
				// Each look precedes one piece of at most 1/4 of the whole.
				if n := after.Mapped + after.Positioned + after.Direct - before.Mapped - before.Positioned - before.Direct; n > left*int64(len(data))/4 {
					t.Errorf("%s into %s: %d bytes after %d looks", way, targets[k].name, n, left)
				}
				if n := c.after.Load(); n > 8 {
					t.Errorf("%s: asked %d times after the end", way, n)
				}
				stopped++
			}
		}
	})
	t.Logf("%d reads stopped", stopped)
	if stopped < 150 {
		t.Error("too few")
	}
}

// What a read allocates does not grow with what it reads.
func TestReadIntoMemory(t *testing.T) {
	if raceBuild {
		t.Skip("the race detector allocates")
	}
	const small, large = 8 << 20, 48 << 20
	path := temp(t)
	write(t, path, func(w *tensorfile.Writer) {
		for _, n := range []int64{small, large} {
			ok(t, w.AddReader(ctx, fmt.Sprint(n), tensor.F32, tensor.Shape{n / 4096, 1024}, zeros{}, nil))
		}
	})
	mem := make([]byte, large)
	for _, way := range readWays {
		if way.readerAt {
			continue
		}
		f := must(tensorfile.Open(path, &way.o))(t)
		for _, across := range []bool{false, true} {
			var got [2]int64
			for i, n := range []int64{small, large} {
				x := must(f.Tensor(fmt.Sprint(n)))(t)
				dst := must(tensor.NewView(mem[:n], tensor.F32, x.Shape(), nil, 0, tensor.LittleEndian))(t)
				if across {
					dst = must(tensor.NewView(mem[:n], tensor.F32, x.Shape(), tensor.Strides{4, n / 1024}, 0, tensor.LittleEndian))(t)
				}
				got[i] = allocated(func() { ok(t, x.ReadInto(ctx, dst)) })
			}
			t.Logf("%s, across %v: %d KiB, %d KiB", way.name, across, got[0]>>10, got[1]>>10)
			if got[1] > 12<<20 || !across && got[1] > 4<<20 {
				t.Errorf("%s, across %v: %d KiB allocated", way.name, across, got[1]>>10)
			}
		}
		ok(t, f.Close())
	}
}

// failingReader fails at one place.
type failingReader struct {
	io.ReaderAt
	at  int64
	err error
}

func (r failingReader) ReadAt(p []byte, off int64) (int, error) {
	if off <= r.at && r.at < off+int64(len(p)) {
		return 0, r.err
	}
	return r.ReaderAt.ReadAt(p, off)
}

// One piece that fails ends the others; the error is that of the piece, and of
// several that of the first.
func TestReadIntoFails(t *testing.T) {
	defer tensorfile.SmallReads()()
	data := randomBytes(300_000, 4)
	path := temp(t)
	write(t, path, func(w *tensorfile.Writer) {
		ok(t, w.AddReader(ctx, "x", tensor.U8, tensor.Shape{300, 1000}, bytes.NewReader(data), nil))
	})
	b := must(os.ReadFile(path))(t)
	boom := errors.New("boom")
	for at := int64(8192); at < 300_000; at += 40_961 {
		r := &failingReader{bytes.NewReader(b), -1, boom}
		f := must(tensorfile.OpenReaderAt(r, int64(len(b)), &tensorfile.OpenOptions{ReadWorkers: 4}))(t)
		x := must(f.Tensor("x"))(t)
		r.at = x.Storage().Offset + at
		for k := range targets {
			wantErr(t, x.ReadInto(ctx, into(t, k, tensor.U8, x.Shape())), boom, `"x"`, "offset")
		}
		if v, err := x.Read(ctx); err == nil || v.NumElements() != 0 {
			t.Error(v, err)
		}
		ok(t, f.Close())
	}
}

// A destination that shows memory twice is filled by one goroutine, or refused.
func TestReadIntoOverlap(t *testing.T) {
	defer tensorfile.SmallReads()()
	path := temp(t)
	data := randomBytes(64<<10, 5)
	write(t, path, func(w *tensorfile.Writer) {
		ok(t, w.AddReader(ctx, "x", tensor.U8, tensor.Shape{256, 256}, bytes.NewReader(data), nil))
	})
	eachWay(t, path, func(way string, f *tensorfile.File) {
		x := must(f.Tensor("x"))(t)
		mem := make([]byte, 256+255)
		dst := must(tensor.NewView(mem, tensor.U8, x.Shape(), tensor.Strides{1, 1}, 0, tensor.LittleEndian))(t)
		ok(t, x.ReadInto(ctx, dst)) // the race detector looks on
		dst = must(tensor.NewView(mem, tensor.U8, x.Shape(), tensor.Strides{0, 1}, 0, tensor.LittleEndian))(t)
		wantErr(t, x.ReadInto(ctx, dst), tensorfile.ErrUnsupported, `"x"`, "repeat")
	})
}
