package gpu

import (
	"context"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var ctx = context.Background()

// must is the value of a call that does not fail.
func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func ok(t testing.TB, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// wantKind is for errors about arguments and lives.
func wantKind(t testing.TB, err, kind error, words ...string) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Errorf("got %v, want one that is %v", err, kind)
		return
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%q does not say %q", err, w)
		}
	}
}

// openClean is a device that must end without a leak.
func openClean(t testing.TB, o *Options) *Device {
	t.Helper()
	d := must(OpenHost(o))(t)
	t.Cleanup(func() { ok(t, d.Close()) })
	return d
}

// aperiodic is n bytes that repeat nowhere.
func aperiodic(seed uint64, n int) []byte {
	r := rand.New(rand.NewPCG(seed, 11))
	b := make([]byte, 0, n+8)
	for len(b) < n {
		b = binary.LittleEndian.AppendUint64(b, r.Uint64())
	}
	return b[:n]
}

// testModule has a kernel for each thing that tests need: "add" adds a number to
// each of n bytes, "sum" is told every type of argument, "wild" writes where it
// must not.
func testModule() (m *Module, seen *sync.Map) {
	seen = new(sync.Map)
	return &Module{Name: "test", Kernels: []Kernel{
		{Name: "add", Params: Signature{TypePointer, TypeU64, TypeU32}, Go: func(m Memory, grid, block Dim, a Args) error {
			b, err := m.Bytes(a.Ptr(0), int64(a.U64(1)))
			for i := range b {
				b[i] += byte(a.U32(2))
			}
			return err
		}},
		{Name: "sum", Params: Signature{TypeU32, TypePointer, TypeI32, TypeF32, TypeU64, TypeI32, TypeI64}, Go: func(m Memory, grid, block Dim, a Args) error {
			seen.Store("sum", [7]any{a.U32(0), a.Ptr(1), a.I32(2), a.F32(3), a.U64(4), a.I32(5), a.I64(6)})
			seen.Store("dims", [2]Dim{grid, block})
			return nil
		}},
		{Name: "wild", Params: Signature{TypePointer}, Go: func(m Memory, grid, block Dim, a Args) error {
			_, err := m.Bytes(a.Ptr(0), 1<<40)
			return err
		}},
		{Name: "ptx", Params: Signature{}},
	}}, seen
}

// gate is a kernel that stands still until it is opened.
func gate(t testing.TB, d *Device) (f *Func, release func()) {
	c := make(chan struct{})
	m := &Module{Name: "gate", Kernels: []Kernel{{Name: "gate", Go: func(Memory, Dim, Dim, Args) error { <-c; return nil }}}}
	release = sync.OnceFunc(func() { close(c) })
	t.Cleanup(release)
	return must(d.Func(m, "gate"))(t), release
}

var one = Dim{X: 1, Y: 1, Z: 1}

// bytesOf is a buffer with bytes in it.
func bytesOf(t testing.TB, d *Device, b []byte) *Buffer {
	t.Helper()
	buf := must(d.Alloc(int64(len(b))))(t)
	ok(t, buf.WriteFrom(ctx, b))
	return buf
}

func readAll(t testing.TB, b *Buffer) []byte {
	t.Helper()
	out := make([]byte, b.Len())
	ok(t, b.ReadTo(ctx, out))
	return out
}
