package tensorfile_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/tensor"
	"go.uber.org/goleak"
)

// No test may leave a goroutine behind.
func TestMain(m *testing.M) {
	runChild()
	goleak.VerifyTestMain(m)
}

var ctx = context.Background()

// hostOfFiles says that numbers in files have the byte order of this machine, so
// that typed slices of them are to be had without a copy.
var hostOfFiles = tensor.HostOrder == tensor.LittleEndian

// must returns v and stops the test if there is an error.
func must[T any](v T, err error) func(t testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wantErr demands an error of a kind whose text has all the parts.
func wantErr(t testing.TB, err, kind error, parts ...string) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Errorf("got %v, want %v", err, kind)
		return
	}
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		t.Errorf("a bare %v", err)
	}
	for _, p := range parts {
		if !strings.Contains(err.Error(), p) {
			t.Errorf("no %q in %q", p, err)
		}
	}
}

// write makes a file at path; its bytes are synced by chance.
func write(t testing.TB, path string, fn func(w *tensorfile.Writer)) {
	t.Helper()
	w := must(tensorfile.Create(path, &tensorfile.CreateOptions{Overwrite: true, NoSync: true}))(t)
	defer w.Close()
	fn(w)
	ok(t, w.Commit(ctx))
}

func temp(t testing.TB) string { return filepath.Join(t.TempDir(), "x.tensor") }

// shortReaderAt gives at most 1000 bytes at a time, as a remote source may.
type shortReaderAt struct{ r io.ReaderAt }

func (s shortReaderAt) ReadAt(p []byte, off int64) (int, error) {
	if len(p) <= 1000 {
		return s.r.ReadAt(p, off)
	}
	n, err := s.r.ReadAt(p[:1000], off)
	return n, err
}

// sources opens a file in the three ways that there are.
func sources(t testing.TB, path string, o tensorfile.OpenOptions, fn func(name string, f *tensorfile.File)) {
	t.Helper()
	for _, way := range []string{"mapped", "pread", "readerat"} {
		var f *tensorfile.File
		var err error
		switch way {
		case "mapped":
			f, err = tensorfile.Open(path, &o)
		case "pread":
			o.NoMmap = true
			f, err = tensorfile.Open(path, &o)
		default:
			b := must(os.ReadFile(path))(t)
			f, err = tensorfile.OpenReaderAt(shortReaderAt{bytes.NewReader(b)}, int64(len(b)), &o)
		}
		if err != nil {
			t.Fatalf("%s: %v", way, err)
		}
		fn(way, f)
		if err := f.Close(); err != nil {
			t.Errorf("%s: %v", way, err)
		}
	}
}

// names lists a directory.
func names(t testing.TB, dir string) []string {
	t.Helper()
	var list []string
	for _, e := range must(os.ReadDir(dir))(t) {
		list = append(list, e.Name())
	}
	return list
}

// partBytes is how many bytes of a unit are one number.
func partBytes(d tensor.DType) int {
	switch {
	case d == tensor.C64, d.Class == tensor.ClassBytes && d.Variant == tensor.VariantUTF32:
		return 4
	case d == tensor.C128:
		return 8
	case !d.Known(), d.Packed(), d.Class == tensor.ClassBytes, d.Class == tensor.ClassBlock:
		return 1
	}
	return int(d.UnitBytes)
}

// little are the elements of a view in C order, little-endian.
func little(t testing.TB, v tensor.View) []byte {
	t.Helper()
	var b bytes.Buffer
	ok(t, v.WriteCOrder(&b, tensor.LittleEndian))
	return b.Bytes()
}

// image is the C-order image of a view, little-endian, by the plainest way.
func image(t testing.TB, v tensor.View) []byte {
	t.Helper()
	shape, d := v.Shape(), v.DType()
	units := slices.Clone(shape)
	if d.Packed() {
		n := len(units) - 1
		units[n] = (units[n] + int64(d.UnitElems) - 1) / int64(d.UnitElems)
	}
	var out []byte
	var walk func(axis int, idx []int64)
	walk = func(axis int, idx []int64) {
		if axis == len(units) {
			b := slices.Clone(must(v.UnitAt(idx...))(t))
			if v.Order() == tensor.BigEndian {
				for part := range slices.Chunk(b, partBytes(d)) {
					slices.Reverse(part)
				}
			}
			out = append(out, b...)
			return
		}
		for i := range units[axis] {
			if d.Packed() && axis == len(units)-1 {
				i *= int64(d.UnitElems)
			}
			walk(axis+1, append(idx, i))
		}
	}
	if v.NumElements() > 0 {
		walk(0, nil)
	}
	return out
}

// sameView demands that two views hold the same elements.
func sameView(t testing.TB, what string, got, want tensor.View) {
	t.Helper()
	if eq, err := tensor.Equal(got, want); err != nil || !eq {
		t.Fatalf("%s: %v %v with strides %v differs from %v %v with strides %v (%v)", what, got.DType(), got.Shape(), got.Strides(), want.DType(), want.Shape(), want.Strides(), err)
	}
}

// randomView is a view of random bytes with strides of any kind: gaps, any
// order of axes, backward, repeated.
func randomView(rng *rand.Rand, d tensor.DType) tensor.View {
	rank := rng.IntN(5)
	if d.Packed() {
		rank = max(rank, 1)
	}
	shape, strides := make(tensor.Shape, rank), make(tensor.Strides, rank)
	for i := range shape {
		shape[i] = []int64{0, 1, 1, 2, 2, 3, 3, 4, 5, 7}[rng.IntN(10)]
		if rng.IntN(3) > 0 && shape[i] == 0 {
			shape[i] = 2
		}
	}
	order := rng.Perm(rank)
	if d.Packed() {
		i := slices.Index(order, rank-1)
		order[0], order[i] = order[i], order[0]
	}
	step := int64(d.UnitBytes)
	var offset int64
	for k, axis := range order {
		packed := d.Packed() && k == 0
		n := shape[axis]
		if packed {
			n = (n + int64(d.UnitElems) - 1) / int64(d.UnitElems)
		} else {
			step += int64(d.UnitBytes) * rng.Int64N(3) * rng.Int64N(2)
		}
		strides[axis] = step
		if !packed {
			switch rng.IntN(6) {
			case 0:
				strides[axis] = 0
				continue
			case 1:
				strides[axis] = -step
				offset += step * max(n-1, 0)
			}
		}
		step *= max(n, 1)
	}
	extra := int64(d.UnitBytes) * rng.Int64N(3)
	data := make([]byte, offset+step+extra+int64(d.UnitBytes))
	for i := range data {
		data[i] = byte(rng.Uint32())
	}
	if d.Class == tensor.ClassBool && !d.Packed() {
		for i := range data {
			data[i] &= 1
		}
	}
	v, err := tensor.NewView(data, d, shape, strides, offset+extra, tensor.LittleEndian)
	if err != nil {
		panic(fmt.Sprint(d, shape, strides, offset, len(data), err))
	}
	return v
}

var someDTypes = []tensor.DType{
	tensor.U8, tensor.Bool, tensor.I16, tensor.F32, tensor.F64, tensor.C64, tensor.C128, tensor.BF16, tensor.I4, tensor.F6E3M2, tensor.Bool1,
	tensor.Opaque(3), tensor.UTF32(2), tensor.Text(5),
}

// randomSelection fits shape; whole units along a packed axis.
func randomSelection(rng *rand.Rand, d tensor.DType, shape tensor.Shape) tensor.Selection {
	var sel tensor.Selection
	axes := len(shape)
	if rng.IntN(3) == 0 {
		axes = rng.IntN(axes + 1)
	}
	for i, n := range shape[:axes] {
		if rng.IntN(6) == 0 {
			sel = append(sel, tensor.SelectionItem{Kind: tensor.SelectNewAxis})
		}
		bound := func() int64 {
			if rng.IntN(3) == 0 {
				return tensor.None
			}
			return rng.Int64N(2*n+3) - n - 1
		}
		switch {
		case d.Packed() && i == len(shape)-1:
			e := int64(d.UnitElems)
			a := rng.Int64N(n/e+1) * e
			b := a + rng.Int64N((n-a)/e+1)*e
			if rng.IntN(2) == 0 {
				b = tensor.None
			}
			sel = append(sel, tensor.SelectionItem{Kind: tensor.SelectRange, Start: a, Stop: b, Step: 1})
		case n > 0 && rng.IntN(4) == 0:
			sel = append(sel, tensor.SelectionItem{Kind: tensor.SelectIndex, Start: rng.Int64N(2*n) - n})
		default:
			step := []int64{tensor.None, 1, 2, 3, -1, -2, 1 << 62, -1 << 62}[rng.IntN(8)]
			sel = append(sel, tensor.SelectionItem{Kind: tensor.SelectRange, Start: bound(), Stop: bound(), Step: step})
		}
	}
	if rng.IntN(4) == 0 {
		at := rng.IntN(len(sel) + 1)
		if at == len(sel) || axes == len(shape) && !d.Packed() {
			sel = slices.Insert(sel, at, tensor.SelectionItem{Kind: tensor.SelectEllipsis})
		}
	}
	return sel
}
