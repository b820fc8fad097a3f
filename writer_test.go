package tensorfile_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/internal/fsys"
	"github.com/tensorfile/tensorfile/tensor"
)

// fill adds a bit of everything.
func fill(t testing.TB, w *tensorfile.Writer) {
	t.Helper()
	rng := rand.New(rand.NewPCG(5, 6))
	ok(t, w.SetAttrs(tensorfile.Attrs{"title": "sample", "n": 3}))
	for i, d := range someDTypes {
		ok(t, w.Add(ctx, fmt.Sprintf("t%02d/%v", i, d), randomView(rng, d), &tensorfile.TensorOptions{Attrs: tensorfile.Attrs{"i": i}}))
	}
	big := make([]byte, 3<<20+77)
	for i := range big {
		big[i] = byte(rng.Uint32())
	}
	id := must(w.AddStorage(ctx, int64(len(big)), bytes.NewReader(big)))(t)
	ok(t, w.TensorOn(id, "big", tensor.U8, tensor.Shape{int64(len(big))}, nil, 0, nil))
	ok(t, w.TensorOn(id, "big alias", tensor.F32, tensor.Shape{100, 7}, tensor.Strides{-32, 4}, 32*99, &tensorfile.TensorOptions{Dims: []string{"y", ""}}))
	ok(t, w.AddReader(ctx, "reader", tensor.I16, tensor.Shape{3, 2}, strings.NewReader("abcdefghijklmnop"), nil))
	ok(t, w.AddReader(ctx, "empty", tensor.I16, tensor.Shape{3, 0}, nil, nil))
}

func TestStreamEqualsFile(t *testing.T) {
	for _, o := range []tensorfile.CreateOptions{
		{Deterministic: true, NoSync: true},
		{Deterministic: true, Time: time.Unix(1234567890, 5), Align: 2 << 20},
	} {
		path := temp(t)
		file := must(tensorfile.Create(path, &o))(t)
		var out bytes.Buffer
		stream := must(tensorfile.NewWriter(&out, &o))(t)
		for _, w := range []*tensorfile.Writer{file, stream} {
			fill(t, w)
			ok(t, w.Commit(ctx))
			ok(t, w.Close())
		}
		b := must(os.ReadFile(path))(t)
		// The slots are the trailer twice, which a stream cannot have.
		trailer := b[len(b)-format.RootSize:]
		for _, at := range []int{format.SlotA, format.SlotB} {
			if !bytes.Equal(b[at:at+format.RootSize], trailer) {
				t.Errorf("slot at %d is not the trailer", at)
			}
			clear(b[at : at+format.RootSize])
		}
		if !bytes.Equal(b, out.Bytes()) {
			t.Errorf("file of %d bytes and stream of %d differ beyond the slots", len(b), out.Len())
		}
		// And a second writing gives the same bytes.
		var again bytes.Buffer
		w := must(tensorfile.NewWriter(&again, &o))(t)
		fill(t, w)
		ok(t, w.Commit(ctx))
		if !bytes.Equal(again.Bytes(), out.Bytes()) {
			t.Error("not deterministic")
		}
		f := must(tensorfile.OpenReaderAt(bytes.NewReader(out.Bytes()), int64(out.Len()), nil))(t)
		if i := f.Info(); !i.Streamed || i.Generation != 1 || i.Length != int64(out.Len()) || i.Writer != tensorfile.WriterName || len(i.Notes) != 0 {
			t.Errorf("%+v", i)
		}
		if r := must(f.Verify(ctx, nil))(t); !r.OK() {
			t.Error(r.Findings)
		}
		ok(t, f.Close())
	}
}

func TestWritersDiffer(t *testing.T) {
	var a, b bytes.Buffer
	for _, out := range []*bytes.Buffer{&a, &b} {
		w := must(tensorfile.NewWriter(out, nil))(t)
		ok(t, w.Commit(ctx))
	}
	if bytes.Equal(a.Bytes()[16:32], b.Bytes()[16:32]) || a.Len() != format.MinLength {
		t.Errorf("UUIDs %x and %x, %d bytes", a.Bytes()[16:32], b.Bytes()[16:32], a.Len())
	}
}

func TestWrittenFile(t *testing.T) {
	path := temp(t)
	before := time.Now()
	write(t, path, func(w *tensorfile.Writer) { fill(t, w) })
	sources(t, path, tensorfile.OpenOptions{}, func(way string, f *tensorfile.File) {
		i := f.Info()
		if i.Format != "tensorfile" || i.Version != "1.0" || i.Streamed || i.Leftover != 0 || i.AlignExp != 12 || i.Time.Before(before.Add(-time.Second)) || i.ReadOnly || len(i.Notes) > 0 || (way == "mapped") != i.Mapped {
			t.Errorf("%+v", i)
		}
		if n := must(f.Len())(t); n != len(someDTypes)+4 {
			t.Errorf("%d tensors", n)
		}
		a := must(f.Attrs())(t)
		if a["title"] != "sample" || a["n"] != int64(3) {
			t.Error(a)
		}
		tn := must(f.Tensor("big alias"))(t)
		if d := tn.Dims(); !slices.Equal(d, []string{"y", ""}) || tn.Offset() != 32*99 || tn.Storage().ID != must(f.Tensor("big"))(t).Storage().ID || tn.Generation() != 1 || tn.File() != f {
			t.Error(d, tn.Storage())
		}
		if tn := must(f.Tensor("empty"))(t); tn.NumElements() != 0 || tn.ByteSize() != 0 || tn.Storage().Kind != tensorfile.StorageNone {
			t.Error(tn.Storage())
		}
		var got bytes.Buffer
		ok(t, must(f.Tensor("reader"))(t).WriteCOrder(ctx, &got))
		if got.String() != "abcdefghijkl" {
			t.Errorf("%q", got.String())
		}
		var sorted []string
		for n, err := range f.Names() {
			ok(t, err)
			sorted = append(sorted, n)
		}
		if !slices.IsSorted(sorted) || len(sorted) != len(someDTypes)+4 {
			t.Error(sorted)
		}
		for range f.Names() {
			break // leaves no trace
		}
		for tn, err := range f.Tensors() {
			ok(t, err)
			if tn.Name() == "big" {
				break
			}
		}
		_, err := f.Tensor("nope")
		wantErr(t, err, tensorfile.ErrNotFound, `"nope"`)
		for _, n := range []string{"", "big\x00values"} {
			_, err = f.Tensor(n)
			wantErr(t, err, tensorfile.ErrNotFound)
		}
		for _, o := range []*tensorfile.VerifyOptions{nil, {Quick: true}, {Sample: 0.5}, {Workers: 1}, {Workers: 64}} {
			if r := must(f.Verify(ctx, o))(t); !r.OK() || r.Tensors != len(someDTypes)+4 || r.Generations != 1 || o == nil && r.Blocks < 10 {
				t.Errorf("%+v", r)
			}
		}
		ok(t, f.Check())
	})
}

// Add keeps every element and the order in memory, and leaves out what the
// view does not reach.
func TestAddAnyStrides(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var views []tensor.View
	path := temp(t)
	write(t, path, func(w *tensorfile.Writer) {
		for i := range 600 {
			v := randomView(rng, someDTypes[i%len(someDTypes)])
			views = append(views, v)
			ok(t, w.Add(ctx, fmt.Sprintf("%04d", i), v, nil))
		}
	})
	f := must(tensorfile.Open(path, nil))(t)
	defer f.Close()
	for i, want := range views {
		tn := must(f.Tensor(fmt.Sprintf("%04d", i)))(t)
		got := must(tn.View())(t)
		sameView(t, tn.Name(), got, want)
		if tn.NumElements() == 0 {
			continue
		}
		// Broadcast axes cost nothing, all others what they hold; all strides
		// are of the same order, none backward.
		size := int64(tn.DType().UnitBytes)
		type axis struct{ old, now, n int64 }
		var axes []axis
		for a, n := range want.Shape() {
			if tn.DType().Packed() && a == want.Rank()-1 {
				n = (n + int64(tn.DType().UnitElems) - 1) / int64(tn.DType().UnitElems)
			} else if old, now := want.Strides()[a], tn.Strides()[a]; n > 1 {
				if old == 0 {
					if now != 0 {
						t.Errorf("%d: a broadcast axis was written out: %v of %v", i, tn.Strides(), tn.Shape())
					}
					continue
				}
				axes = append(axes, axis{max(old, -old), now, n})
			}
			size *= n
		}
		if st := tn.Storage(); st.Size != size || st.Stored != size || tn.Offset() != 0 {
			t.Errorf("%d: %d bytes at %d for %v with strides %v, want %d", i, st.Size, tn.Offset(), want.Shape(), want.Strides(), size)
		}
		slices.SortFunc(axes, func(a, b axis) int { return int(a.old - b.old) })
		for k := 1; k < len(axes); k++ {
			if axes[k].old > axes[k-1].old && axes[k].now <= axes[k-1].now {
				t.Errorf("%d: order lost: %v with strides %v became %v", i, want.Shape(), want.Strides(), tn.Strides())
			}
		}
	}
	if r := must(f.Verify(ctx, nil))(t); !r.OK() {
		t.Error(r.Findings)
	}
}

// Elements in the other byte order become little-endian.
func TestAddForeignOrder(t *testing.T) {
	path := temp(t)
	shape := tensor.Shape{2, 3}
	write(t, path, func(w *tensorfile.Writer) {
		for _, d := range someDTypes {
			if d.Packed() {
				continue
			}
			n := must(tensor.ByteSize(d, shape))(t)
			v := must(tensor.NewView(make([]byte, n), d, shape, nil, 0, tensor.BigEndian))(t)
			b := must(v.Bytes())(t)
			for i := range b {
				b[i] = byte(i)
				if d == tensor.Bool {
					b[i] &= 1
				}
			}
			ok(t, w.Add(ctx, d.String(), v, nil))
		}
	})
	f := must(tensorfile.Open(path, nil))(t)
	defer f.Close()
	var b bytes.Buffer
	ok(t, must(f.Tensor("i16"))(t).WriteCOrder(ctx, &b))
	if want := []byte{1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10}; !bytes.Equal(b.Bytes(), want) {
		t.Errorf("% x", b.Bytes())
	}
	c := must(tensor.Data[complex64](must(must(f.Tensor("c64"))(t).Read(ctx))(t)))(t)
	if math.Float32bits(real(c[1])) != 0x08090a0b || math.Float32bits(imag(c[1])) != 0x0c0d0e0f {
		t.Errorf("%x", c[1])
	}
	b.Reset()
	ok(t, must(f.Tensor("V3"))(t).WriteCOrder(ctx, &b))
	if b.Bytes()[1] != 1 {
		t.Errorf("opaque bytes were swapped: % x", b.Bytes())
	}
}

func TestAlignment(t *testing.T) {
	sizes := []int{1, 63, 64, 65, 4096, 65535, 65536, 65537, 100_000, 1 << 20, 1<<20 + 1}
	for _, align := range []int{0, 4096, 16384, 65536, 2 << 20} {
		var out holed
		w := must(tensorfile.NewWriter(&out, &tensorfile.CreateOptions{Align: align}))(t)
		for i, n := range sizes {
			ok(t, w.AddReader(ctx, fmt.Sprint(i), tensor.U8, tensor.Shape{int64(n)}, zeros{}, nil))
		}
		ok(t, w.Commit(ctx))
		f := must(tensorfile.OpenReaderAt(&out, out.size, nil))(t)
		want := max(align, 4096)
		if got := 1 << f.Info().AlignExp; got != want {
			t.Errorf("alignment %d, want %d", got, want)
		}
		last := int64(0)
		for i, n := range sizes {
			st := must(f.Tensor(fmt.Sprint(i)))(t).Storage()
			a := int64(64)
			if n >= 65536 {
				a = int64(want)
			}
			if st.Offset%a != 0 || st.Offset < last || st.Size != int64(n) {
				t.Errorf("%d bytes at %d, want a multiple of %d", n, st.Offset, a)
			}
			last = st.Offset + st.Size
		}
		if r := must(f.Verify(ctx, nil))(t); !r.OK() {
			t.Error(r.Findings)
		}
		f.Close()
	}
	for _, align := range []int{1, 64, 2048, 4097, 12288, 4 << 20, -4096} {
		_, err := tensorfile.NewWriter(io.Discard, &tensorfile.CreateOptions{Align: align})
		wantErr(t, err, tensorfile.ErrLimit, fmt.Sprint(align))
		_, err = tensorfile.Create(temp(t), &tensorfile.CreateOptions{Align: align})
		wantErr(t, err, tensorfile.ErrLimit, "x.tensor")
	}
}

func TestCreateRefuses(t *testing.T) {
	dir := t.TempDir()
	there := filepath.Join(dir, "there")
	ok(t, os.WriteFile(there, []byte("precious"), 0o600))
	before := must(os.Stat(there))(t)
	_, err := tensorfile.Create(there, nil)
	wantErr(t, err, tensorfile.ErrExists, there, "leave to overwrite")
	_, err = tensorfile.Create(dir, &tensorfile.CreateOptions{Overwrite: true})
	wantErr(t, err, tensorfile.ErrExists, dir, "a directory")
	missing := filepath.Join(dir, "no", "file")
	_, err = tensorfile.Create(missing, nil)
	wantErr(t, err, tensorfile.ErrIO, missing)
	if !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	_, err = tensorfile.Create(filepath.Join(there, "x"), nil)
	wantErr(t, err, tensorfile.ErrIO)
	_, err = tensorfile.Create("", nil)
	wantErr(t, err, tensorfile.ErrPath, "empty name")
	after := must(os.Stat(there))(t)
	if !os.SameFile(before, after) || !before.ModTime().Equal(after.ModTime()) || string(must(os.ReadFile(there))(t)) != "precious" {
		t.Error("the destination was touched")
	}
	if l := names(t, dir); !slices.Equal(l, []string{"there"}) {
		t.Errorf("left behind: %v", l)
	}
}

func TestAbandon(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x.tensor")
	ok(t, os.WriteFile(path, []byte("precious"), 0o600))
	before := must(os.Stat(path))(t)
	w := must(tensorfile.Create(path, &tensorfile.CreateOptions{Overwrite: true}))(t)
	fill(t, w)
	if l := names(t, dir); len(l) != 2 {
		t.Errorf("while writing: %v", l)
	}
	ok(t, w.Close())
	ok(t, w.Close())
	wantErr(t, w.Add(ctx, "x", must(tensor.FromSlice([]int8{1}))(t), nil), tensorfile.ErrClosed, path)
	wantErr(t, w.Commit(ctx), tensorfile.ErrClosed)
	wantErr(t, w.SetAttrs(nil), tensorfile.ErrClosed)
	if l := names(t, dir); !slices.Equal(l, []string{"x.tensor"}) || !os.SameFile(before, must(os.Stat(path))(t)) {
		t.Errorf("left behind: %v", l)
	}
	w = must(tensorfile.Create(path+"2", nil))(t)
	ok(t, w.Commit(ctx))
	wantErr(t, w.Commit(ctx), tensorfile.ErrClosed)
	ok(t, w.Close())
	if l := names(t, dir); len(l) != 2 {
		t.Errorf("%v", l)
	}
}

// A destination that appears while the file is written is not replaced.
func TestCommitRace(t *testing.T) {
	path := temp(t)
	w := must(tensorfile.Create(path, nil))(t)
	ok(t, os.WriteFile(path, []byte("first"), 0o600))
	err := w.Commit(ctx)
	wantErr(t, err, tensorfile.ErrExists, path)
	wantErr(t, w.Commit(ctx), tensorfile.ErrPoisoned)
	ok(t, w.Close())
	if l := names(t, filepath.Dir(path)); len(l) != 1 || string(must(os.ReadFile(path))(t)) != "first" {
		t.Error(l)
	}
}

// What is refused before a byte is written does no harm.
func TestAddRefuses(t *testing.T) {
	path := temp(t)
	v := must(tensor.FromSlice([]int32{1, 2, 3, 4}, 2, 2))(t)
	var other bytes.Buffer
	foreign := must(must(tensorfile.NewWriter(&other, nil))(t).AddStorage(ctx, 4, zeros{}))(t)
	write(t, path, func(w *tensorfile.Writer) {
		ok(t, w.Add(ctx, "a", v, nil))
		id := must(w.AddStorage(ctx, 16, zeros{}))(t)
		deep := tensorfile.Attrs{}
		for m, i := deep, 0; i < 33; i++ {
			n := map[string]any{}
			m["x"], m = n, n
		}
		ones := func(n int) tensor.Shape {
			s := make(tensor.Shape, n)
			for i := range s {
				s[i] = 1
			}
			return s
		}
		for _, c := range []struct {
			err   error
			kind  error
			parts []string
		}{
			{w.Add(ctx, "a", v, nil), tensorfile.ErrDuplicate, []string{path, `"a"`}},
			{w.Add(ctx, "", v, nil), tensorfile.ErrFormat, []string{path, "0 bytes"}},
			{w.Add(ctx, "x\x00values", v, nil), tensorfile.ErrFormat, []string{`\x00`}},
			{w.Add(ctx, "x\n", v, nil), tensorfile.ErrFormat, []string{`\n`}},
			{w.Add(ctx, strings.Repeat("x", 1025), v, nil), tensorfile.ErrFormat, []string{"1025"}},
			{w.Add(ctx, "b", tensor.View{}, nil), tensorfile.ErrDType, nil},
			{w.Add(ctx, "b", v, &tensorfile.TensorOptions{Dims: []string{"x"}}), tensorfile.ErrFormat, []string{"dims"}},
			{w.Add(ctx, "b", v, &tensorfile.TensorOptions{Attrs: deep}), tensorfile.ErrLimit, []string{"depth"}},
			{w.Add(ctx, "b", v, &tensorfile.TensorOptions{Attrs: tensorfile.Attrs{"c": make(chan int)}}), tensorfile.ErrFormat, nil},
			{w.SetAttrs(tensorfile.Attrs{"x": "\xff"}), tensorfile.ErrFormat, []string{path}},
			{w.AddReader(ctx, "b", tensor.U8, ones(33), zeros{}, nil), tensorfile.ErrLimit, []string{"33"}},
			{w.AddReader(ctx, "b", tensor.DType{Class: 4}, tensor.Shape{1}, zeros{}, nil), tensorfile.ErrCorrupt, nil},
			{w.AddReader(ctx, "b", tensor.DType{}, tensor.Shape{1}, zeros{}, nil), tensorfile.ErrDType, nil},
			{w.AddReader(ctx, "b", tensor.F64, tensor.Shape{1 << 61}, zeros{}, nil), tensorfile.ErrOverflow, []string{path}},
			{w.AddReader(ctx, "b", tensor.F64, tensor.Shape{1 << 32, 1 << 32, 3}, zeros{}, nil), tensorfile.ErrOverflow, nil},
			{w.AddReader(ctx, "b", tensor.F64, tensor.Shape{0, 1 << 62, 4}, zeros{}, nil), tensorfile.ErrOverflow, nil},
			{w.AddReader(ctx, "b", tensor.F64, tensor.Shape{-1}, zeros{}, nil), tensorfile.ErrOverflow, nil},
			{w.AddReader(ctx, "b", tensor.I4, nil, zeros{}, nil), tensorfile.ErrCorrupt, []string{"pack"}},
			{w.TensorOn(id, "b", tensor.F32, tensor.Shape{5}, nil, 0, nil), tensorfile.ErrCorrupt, []string{"b", "view.reach"}},
			{w.TensorOn(id, "b", tensor.F32, tensor.Shape{2}, tensor.Strides{-4}, 0, nil), tensorfile.ErrCorrupt, []string{"view.reach"}},
			{w.TensorOn(id, "b", tensor.F32, tensor.Shape{2}, tensor.Strides{4}, -4, nil), tensorfile.ErrCorrupt, []string{"view.reach"}},
			{w.TensorOn(id, "b", tensor.F32, tensor.Shape{2}, tensor.Strides{4}, 2, nil), tensorfile.ErrCorrupt, []string{"view.aligned"}},
			{w.TensorOn(id, "b", tensor.F32, tensor.Shape{2}, tensor.Strides{6}, 0, nil), tensorfile.ErrCorrupt, []string{"view.aligned"}},
			{w.TensorOn(id, "b", tensor.F32, tensor.Shape{2}, tensor.Strides{4, 4}, 0, nil), tensorfile.ErrShape, nil},
			{w.TensorOn(id, "b", tensor.I4, tensor.Shape{4}, tensor.Strides{2}, 0, nil), tensorfile.ErrCorrupt, []string{"view.packed"}},
			{w.TensorOn(id, "b", tensor.F32, tensor.Shape{2}, tensor.Strides{math.MinInt64}, 0, nil), tensorfile.ErrCorrupt, nil},
			{w.TensorOn(tensorfile.StorageID{}, "b", tensor.F32, tensor.Shape{2}, nil, 0, nil), tensorfile.ErrCorrupt, nil},
			{w.TensorOn(foreign, "b", tensor.U8, tensor.Shape{2}, nil, 0, nil), tensorfile.ErrIndex, []string{"this writer"}},
		} {
			wantErr(t, c.err, c.kind, c.parts...)
		}
		if _, err := w.AddStorage(ctx, -1, zeros{}); !errors.Is(err, tensorfile.ErrShape) {
			t.Error(err)
		}
		if _, err := w.AddStorage(ctx, 1<<62, zeros{}); !errors.Is(err, tensorfile.ErrLimit) {
			t.Error(err)
		}
		ok(t, w.Add(ctx, "b", v, nil))
		ok(t, w.TensorOn(id, "no elements", tensor.F32, tensor.Shape{0, 1 << 40}, nil, 16, nil))
	})
	f := must(tensorfile.Open(path, nil))(t)
	defer f.Close()
	if n := must(f.Len())(t); n != 3 {
		t.Errorf("%d tensors", n)
	}
	if r := must(f.Verify(ctx, nil))(t); !r.OK() {
		t.Error(r.Findings)
	}
}

// A reader that ends early, or fails, makes the writer useless and leaves
// nothing behind.
func TestShortReader(t *testing.T) {
	boom := errors.New("boom")
	for _, c := range []struct {
		n    int64
		r    io.Reader
		kind error
	}{
		{10, strings.NewReader("123456789"), tensorfile.ErrTruncated},
		{9 << 20, io.LimitReader(zeros{}, 9<<20-1), tensorfile.ErrTruncated},
		{9 << 20, io.LimitReader(zeros{}, 3<<20), tensorfile.ErrTruncated},
		{9 << 20, strings.NewReader(""), tensorfile.ErrTruncated},
		{10, io.MultiReader(strings.NewReader("123"), failing{boom}), boom},
		{9 << 20, io.MultiReader(io.LimitReader(zeros{}, 5<<20), failing{boom}), boom},
		{1 << 60, strings.NewReader("x"), tensorfile.ErrTruncated},
	} {
		path := temp(t)
		w := must(tensorfile.Create(path, nil))(t)
		err := w.AddReader(ctx, "t", tensor.U8, tensor.Shape{c.n}, c.r, nil)
		wantErr(t, err, c.kind, path, `"t"`)
		wantErr(t, w.Commit(ctx), tensorfile.ErrPoisoned)
		wantErr(t, w.Commit(ctx), c.kind)
		ok(t, w.Close())
		if l := names(t, filepath.Dir(path)); len(l) != 0 {
			t.Errorf("left behind: %v", l)
		}
	}
	// What comes behind the elements is not read.
	r := strings.NewReader("12345678rest")
	w := must(tensorfile.NewWriter(io.Discard, nil))(t)
	ok(t, w.AddReader(ctx, "t", tensor.U8, tensor.Shape{8}, r, nil))
	if r.Len() != 4 {
		t.Errorf("%d bytes left", r.Len())
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// zeros never ends.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// holed keeps what is not zero of what is written to it.
type holed struct {
	blocks map[int64][]byte
	size   int64
	calls  []int64 // ends of the writes
}

const sparseBlock = 64 << 10

func (s *holed) Write(p []byte) (int, error) {
	if s.blocks == nil {
		s.blocks = map[int64][]byte{}
	}
	for i := 0; i < len(p); {
		at := s.size + int64(i)
		n := min(len(p)-i, int(sparseBlock-at%sparseBlock))
		if b := p[i : i+n]; s.blocks[at/sparseBlock] != nil || !allZero(b) {
			if s.blocks[at/sparseBlock] == nil {
				s.blocks[at/sparseBlock] = make([]byte, sparseBlock)
			}
			copy(s.blocks[at/sparseBlock][at%sparseBlock:], b)
		}
		i += n
	}
	s.size += int64(len(p))
	s.calls = append(s.calls, s.size)
	return len(p), nil
}

func allZero(b []byte) bool {
	var z [4096]byte
	for len(b) > 0 {
		n := min(len(b), len(z))
		if !bytes.Equal(b[:n], z[:n]) {
			return false
		}
		b = b[n:]
	}
	return true
}

func (s *holed) ReadAt(p []byte, off int64) (int, error) {
	for i := 0; i < len(p); {
		at := off + int64(i)
		if at >= s.size {
			return i, io.EOF
		}
		n := min(len(p)-i, int(sparseBlock-at%sparseBlock), int(s.size-at))
		if b := s.blocks[at/sparseBlock]; b != nil {
			copy(p[i:i+n], b[at%sparseBlock:])
		} else {
			clear(p[i : i+n])
		}
		i += n
	}
	return len(p), nil
}

// Journal runs: every record stands twice, and after each 64 MiB of payload the
// records so far are in the file.
func TestJournal(t *testing.T) {
	if testing.Short() {
		t.Skip("210 MiB")
	}
	var out holed
	w := must(tensorfile.NewWriter(&out, nil))(t)
	ok(t, w.SetAttrs(tensorfile.Attrs{"a": 1}))
	for i := range 22 {
		ok(t, w.AddReader(ctx, fmt.Sprintf("t%02d", i), tensor.U8, tensor.Shape{10 << 20}, zeros{}, nil))
	}
	ok(t, w.Commit(ctx))
	f := must(tensorfile.OpenReaderAt(&out, out.size, nil))(t)
	defer f.Close()
	if r := must(f.Verify(ctx, &tensorfile.VerifyOptions{Quick: true}))(t); !r.OK() {
		t.Fatal(r.Findings)
	}
	// Look for run heads as recover would: by magic and own offset.
	var tensors, storages, journals int
	last := int64(0)
	for at := int64(format.DataStart); at+96 <= out.size; at += 64 {
		if out.blocks[at/sparseBlock] == nil {
			at += sparseBlock - at%sparseBlock - 64
			continue
		}
		var h [96]byte
		must(out.ReadAt(h[:], at))(t)
		if string(h[:4]) != "TSRC" || le64(h[24:]) != uint64(at) {
			continue
		}
		if h[75] == 1 {
			journals++
			tensors += int(le32(h[60:]))
			storages += int(le32(h[64:]))
			if at-last > tensorfile.JournalEvery()+11<<20 {
				t.Errorf("no journal run between %d and %d", last, at)
			}
			last = at
		} else if le32(h[60:]) != 23 || le32(h[64:]) != 22 {
			t.Errorf("the run has %d tensors and %d storages", le32(h[60:]), le32(h[64:]))
		}
	}
	if journals != 4 || tensors != 23 || storages != 22 {
		t.Errorf("%d journal runs with %d tensors and %d storages, want 4, 23, 22", journals, tensors, storages)
	}
}

func le64(b []byte) uint64 { return uint64(le32(b)) | uint64(le32(b[4:]))<<32 }
func le32(b []byte) uint32 {
	return uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 | uint32(b[3])<<24
}

// recordingFS notes the writes of a writer.
type recordingFS struct {
	fsys.FS
	ends *[]int64 // of the stream's writes
	at   *[]int64 // places of the others
	ops  *[]string
}

type recordingFile struct {
	fsys.File
	fs  recordingFS
	off *int64
}

func newRecordingFS() recordingFS {
	return recordingFS{fsys.OS, new([]int64), new([]int64), new([]string)}
}

func (r recordingFS) op(s string) { *r.ops = append(*r.ops, s) }

func (r recordingFS) CreateTemp(path string, perm fs.FileMode) (fsys.File, error) {
	f, err := r.FS.CreateTemp(path, perm)
	r.op("create")
	return recordingFile{f, r, new(int64)}, err
}

func (r recordingFS) Rename(a, b string) error {
	r.op("rename")
	return r.FS.Rename(a, b)
}

func (r recordingFS) RenameNew(a, b string) error {
	r.op("renamenew")
	return r.FS.RenameNew(a, b)
}

func (r recordingFS) SyncDir(d string) error { r.op("syncdir"); return r.FS.SyncDir(d) }

func (f recordingFile) Write(p []byte) (int, error) {
	n, err := f.File.Write(p)
	*f.off += int64(n)
	*f.fs.ends = append(*f.fs.ends, *f.off)
	return n, err
}

func (f recordingFile) WriteAt(p []byte, off int64) (int, error) {
	*f.fs.at = append(*f.fs.at, off, int64(len(p)))
	return f.File.WriteAt(p, off)
}

func (f recordingFile) Sync() error  { f.fs.op("sync"); return f.File.Sync() }
func (f recordingFile) Close() error { f.fs.op("close"); return f.File.Close() }

// The stream goes out in pieces that end at multiples of 2 MiB of the file.
func TestAlignedWrites(t *testing.T) {
	rec := newRecordingFS()
	path := temp(t)
	w := must(tensorfile.Create(path, tensorfile.CreateOptions{}.On(rec)))(t)
	for i, n := range []int64{5, 1 << 20, 3<<20 + 1, 100, 2 << 20, 9<<20 + 12345, 70_000, 70_000} {
		ok(t, w.AddReader(ctx, fmt.Sprint("r", i), tensor.U8, tensor.Shape{n}, zeros{}, nil))
		ok(t, w.Add(ctx, fmt.Sprint("v", i), must(tensor.Make(tensor.U8, tensor.Shape{n}))(t), nil))
	}
	ok(t, w.Commit(ctx))
	ends := *rec.ends
	size := must(os.Stat(path))(t).Size()
	if ends[len(ends)-1] != size {
		t.Errorf("the last write ends at %d of %d", ends[len(ends)-1], size)
	}
	for _, e := range ends[:len(ends)-1] {
		if e%tensorfile.HugePage != 0 {
			t.Errorf("a write ends at %d", e)
		}
	}
	if !slices.Equal(*rec.at, []int64{4096, 4096, 8192, 4096}) {
		t.Errorf("slots written as %v", *rec.at)
	}
	if !slices.Equal(*rec.ops, []string{"create", "sync", "close", "renamenew", "syncdir"}) {
		t.Errorf("%v", *rec.ops)
	}
	rec = newRecordingFS()
	w = must(tensorfile.Create(path, tensorfile.CreateOptions{NoSync: true, Overwrite: true}.On(rec)))(t)
	ok(t, w.Commit(ctx))
	if !slices.Equal(*rec.ops, []string{"create", "close", "rename"}) {
		t.Errorf("%v", *rec.ops)
	}
}

// A stream's pieces are as large, whatever is written.
func TestAlignedStream(t *testing.T) {
	var out holed
	w := must(tensorfile.NewWriter(&out, nil))(t)
	for i := range 300 {
		ok(t, w.AddReader(ctx, fmt.Sprint(i), tensor.U8, tensor.Shape{int64(i * 317 % 90_000)}, zeros{}, nil))
	}
	ok(t, w.Commit(ctx))
	for _, e := range out.calls[:len(out.calls)-1] {
		if e%tensorfile.HugePage != 0 {
			t.Errorf("a write ends at %d", e)
		}
	}
}

func TestSaveLoad(t *testing.T) {
	path := temp(t)
	m := map[string]any{
		"bool": true, "i8": int8(-1), "i16": int16(-2), "i32": int32(3), "i64": int64(4), "u8": uint8(5), "u16": uint16(6), "u32": uint32(7), "u64": uint64(8),
		"f32": float32(1.5), "f64": 2.5, "c64": complex64(1i), "c128": complex(1, 2),
		"bools": []bool{true, false}, "i8s": []int8{1, 2}, "i16s": []int16{1}, "i32s": []int32{1}, "i64s": []int64{}, "u8s": []uint8{9}, "u16s": []uint16{9}, "u32s": []uint32{9}, "u64s": []uint64{9},
		"f32s": []float32{1, 2, 3}, "f64s": []float64{1}, "c64s": []complex64{2i}, "c128s": []complex128{3}, "f16s": []tensor.Float16{1}, "bf16s": []tensor.BFloat16{2},
		"view": randomView(rand.New(rand.NewPCG(3, 4)), tensor.C64),
	}
	ok(t, tensorfile.Save(path, m))
	ok(t, tensorfile.Save(path, m)) // replaces
	got := must(tensorfile.Load(path))(t)
	if len(got) != len(m) {
		t.Errorf("%d tensors, want %d", len(got), len(m))
	}
	if x := must(tensor.ReadElem[complex128](got["c128"]))(t); x != complex(1, 2) || got["c128"].Rank() != 0 {
		t.Error(x)
	}
	if s := must(tensor.Data[float32](got["f32s"]))(t); !slices.Equal(s, []float32{1, 2, 3}) {
		t.Error(s)
	}
	sameView(t, "view", got["view"], m["view"].(tensor.View))
	if !got["i64s"].Shape().Equal(tensor.Shape{0}) {
		t.Error(got["i64s"].Shape())
	}
	wantErr(t, tensorfile.Save(path, map[string]any{"x": "text"}), tensorfile.ErrDType, path, `"x"`, "string")
	wantErr(t, tensorfile.Save(path, map[string]any{"": 1.0}), tensorfile.ErrFormat, path)
	if _, err := tensorfile.Load(path); err != nil {
		t.Errorf("a failed Save harmed the file: %v", err)
	}
	if l := names(t, filepath.Dir(path)); len(l) != 1 {
		t.Error(l)
	}
	b := must(os.ReadFile(path))(t)
	b[format.DataStart] ^= 1
	ok(t, os.WriteFile(path, b, 0o600))
	_, err := tensorfile.Load(path)
	wantErr(t, err, tensorfile.ErrCorrupt, path, "checksum", "offset 12288", "storage.crc")
	_, err = tensorfile.Load(path + "no")
	wantErr(t, err, tensorfile.ErrIO, path+"no")
}

// A context that has ended stops every operation that takes one.
func TestCancelledWriter(t *testing.T) {
	done, cancel := context.WithCancel(ctx)
	cancel()
	path := temp(t)
	w := must(tensorfile.Create(path, nil))(t)
	v := must(tensor.FromSlice([]int32{1}))(t)
	wantErr(t, w.Add(done, "a", v, nil), context.Canceled)
	wantErr(t, w.AddReader(done, "a", tensor.U8, tensor.Shape{5}, zeros{}, nil), context.Canceled)
	_, err := w.AddStorage(done, 5, zeros{})
	wantErr(t, err, context.Canceled)
	wantErr(t, w.Commit(done), context.Canceled)
	// Nothing was begun, so nothing is lost.
	ok(t, w.Add(ctx, "a", v, nil))
	// In the middle of a payload it is.
	mid, stop := context.WithCancel(ctx)
	r := &cancelAfter{n: 10 << 20, cancel: stop}
	wantErr(t, w.AddReader(mid, "b", tensor.U8, tensor.Shape{1 << 40}, r, nil), context.Canceled)
	wantErr(t, w.Commit(ctx), tensorfile.ErrPoisoned)
	ok(t, w.Close())
	if l := names(t, filepath.Dir(path)); len(l) != 0 {
		t.Error(l)
	}
	// Strided and foreign elements go through a goroutine that must end too.
	big := must(must(tensor.Make(tensor.I32, tensor.Shape{3000, 3000}))(t).Slice(1, 0, 2999, 2))(t)
	mid, stop = context.WithCancel(ctx)
	w = must(tensorfile.NewWriter(writerFunc(func(p []byte) (int, error) { stop(); return len(p), nil }), nil))(t)
	wantErr(t, w.Add(mid, "b", big, nil), context.Canceled)
}

type cancelAfter struct {
	n      int64
	cancel func()
}

func (c *cancelAfter) Read(p []byte) (int, error) {
	if c.n -= int64(len(p)); c.n < 0 {
		c.cancel()
	}
	clear(p)
	return len(p), nil
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// An output that fails is told as it is, from whatever goroutine.
func TestFailingOutput(t *testing.T) {
	boom := errors.New("boom")
	for limit := int64(0); limit < 24<<20; limit += 2 << 20 {
		var n int64
		out := writerFunc(func(p []byte) (int, error) {
			if n += int64(len(p)); n > limit {
				return 0, boom
			}
			return len(p), nil
		})
		w, err := tensorfile.NewWriter(out, nil)
		if err == nil {
			err = w.AddReader(ctx, "a", tensor.U8, tensor.Shape{15 << 20}, zeros{}, nil)
		}
		if err == nil {
			big := must(must(tensor.Make(tensor.I32, tensor.Shape{1500, 2000}))(t).Transpose())(t)
			err = w.Add(ctx, "b", must(big.Flip(0))(t), nil)
		}
		if err == nil {
			err = w.Commit(ctx)
		}
		if limit < 22<<20 {
			wantErr(t, err, boom, "offset")
			wantErr(t, err, tensorfile.ErrIO)
			wantErr(t, w.Commit(ctx), tensorfile.ErrPoisoned)
		}
	}
	short := writerFunc(func(p []byte) (int, error) { return len(p) / 2, nil })
	w := must(tensorfile.NewWriter(short, nil))(t)
	wantErr(t, w.Commit(ctx), io.ErrShortWrite)
}
