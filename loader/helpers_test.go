package loader_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	_ "github.com/tensorfile/tensorfile/convert/npy"
	"github.com/tensorfile/tensorfile/loader"
	"github.com/tensorfile/tensorfile/tensor"
	"go.uber.org/goleak"
)

// No loop may leave a goroutine behind.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var ctx = context.Background()

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
	for _, p := range parts {
		if !strings.Contains(err.Error(), p) {
			t.Errorf("no %q in %q", p, err)
		}
	}
}

// made is a tensor of aperiodic elements.
func made(t testing.TB, seed uint64, d tensor.DType, shape ...int64) tensor.View {
	t.Helper()
	v := must(tensor.Make(d, shape))(t)
	rng := rand.New(rand.NewPCG(seed, 7))
	b := must(v.Bytes())(t)
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	if d.Class == tensor.ClassFloat { // no NaN, which no comparison of values finds
		w := must(tensor.Make(tensor.I16, shape))(t)
		b := must(w.Bytes())(t)
		for i := range b {
			b[i] = byte(rng.Uint32())
		}
		ok(t, tensor.Cast(v, w))
	}
	return v
}

// way is how a tensor of a test is stored.
type way struct {
	name  string
	chunk int64 // rows of a chunk; 0: raw
	codec string
	open  tensorfile.OpenOptions
	npz   string // how NumPy names the dtype of a deflated archive
	turn  bool   // stored with its axes reversed
}

var ways = []way{
	{name: "raw"},
	{name: "turned", turn: true},
	{name: "unmapped", open: tensorfile.OpenOptions{NoMmap: true}},
	{name: "chunked", chunk: 16, codec: "shuffle|lz4"},
	{name: "small chunks", chunk: 3, codec: "zstd:1"},
	{name: "large chunks", chunk: 500, codec: "lz4"},
	{name: "npz", npz: "<"},
	{name: "big npz", npz: ">"},
	{name: "checked", open: tensorfile.OpenOptions{Verify: tensorfile.VerifyOnFirstUse}},
}

// store writes a tensor and opens it. axis is that of the samples.
func store(t testing.TB, v tensor.View, axis int, w way) *tensorfile.Tensor {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x.tensor")
	if w.npz != "" {
		path = filepath.Join(t.TempDir(), "x.npz")
		saveNPZ(t, path, v, w.npz)
	} else {
		saveNative(t, path, v, axis, w)
	}
	f := must(convert.Open(ctx, path, &convert.OpenOptions{OpenOptions: w.open}))(t)
	t.Cleanup(func() { ok(t, f.Close()) })
	return must(f.Tensor("x"))(t)
}

func saveNative(t testing.TB, path string, v tensor.View, axis int, w way) {
	t.Helper()
	o := tensorfile.TensorOptions{Codec: w.codec}
	if w.chunk > 0 {
		o.Chunk = v.Shape().Clone()
		o.Chunk[axis] = max(min(w.chunk, o.Chunk[axis]), 1)
	}
	if w.turn {
		turned := must(v.Transpose())(t)
		v = must(must(turned.Clone())(t).Transpose())(t)
	}
	out := must(tensorfile.Create(path, &tensorfile.CreateOptions{NoSync: true}))(t)
	defer out.Close()
	ok(t, out.Add(ctx, "x", v, &o))
	ok(t, out.Commit(ctx))
}

// saveNPZ writes a deflated archive of one array, as numpy.savez_compressed does.
func saveNPZ(t testing.TB, path string, v tensor.View, order string) {
	t.Helper()
	kind := map[tensor.Class]string{tensor.ClassUint: "u", tensor.ClassInt: "i", tensor.ClassFloat: "f"}[v.DType().Class]
	shape := strings.NewReplacer("[", "(", "]", ",)").Replace(strings.Join(strings.Fields(fmt.Sprint([]int64(v.Shape()))), ", "))
	head := fmt.Sprintf("{'descr': '%s%s%d', 'fortran_order': False, 'shape': %s, }", order, kind, v.DType().UnitBytes, shape)
	head += strings.Repeat(" ", 127-(10+len(head))%128) + "\n"
	f := must(os.Create(path))(t)
	defer f.Close()
	z := zip.NewWriter(f)
	w := must(z.Create("x.npy"))(t)
	fmt.Fprintf(w, "\x93NUMPY\x01\x00%c%c%s", len(head)%256, len(head)/256, head)
	little := tensor.LittleEndian
	if order == ">" {
		little = tensor.BigEndian
	}
	ok(t, v.WriteCOrder(w, little))
	ok(t, z.Close())
}

func mustJSON(t testing.TB, v any) []byte {
	t.Helper()
	return must(json.Marshal(v))(t)
}

func same(t testing.TB, what string, got, want tensor.View) {
	t.Helper()
	if got.DType() != want.DType() || !got.Shape().Equal(want.Shape()) {
		t.Fatalf("%s: %v %v, want %v %v", what, got.DType(), got.Shape(), want.DType(), want.Shape())
	}
	var a, b bytes.Buffer
	ok(t, got.WriteCOrder(&a, tensor.LittleEndian))
	ok(t, want.WriteCOrder(&b, tensor.LittleEndian))
	if !bytes.Equal(a.Bytes(), b.Bytes()) {
		t.Fatalf("%s: other elements", what)
	}
}

// A delivery is a batch that was kept.
type delivery struct {
	epoch, index int64
	samples      []int64
	views        []tensor.View
}

func (d delivery) String() string {
	return fmt.Sprintf("epoch %d batch %d %v", d.epoch, d.index, d.samples)
}

// take takes at most n batches of a loader, all if n is negative.
func take(t testing.TB, l *loader.Loader, n int) (list []delivery) {
	t.Helper()
	if n == 0 {
		return nil
	}
	for b, err := range l.Batches(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		b.Keep()
		list = append(list, delivery{b.Epoch, b.Index, b.Samples, b.Views})
		if len(list) == n {
			break
		}
	}
	return list
}

// equal compares what two loaders delivered.
func equal(t testing.TB, what string, got, want []delivery) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d batches, want %d", what, len(got), len(want))
	}
	for i := range got {
		if got[i].String() != want[i].String() {
			t.Fatalf("%s: %v, want %v", what, got[i], want[i])
		}
		for k := range got[i].views {
			same(t, fmt.Sprintf("%s: batch %d source %d", what, i, k), got[i].views[k], want[i].views[k])
		}
	}
}
