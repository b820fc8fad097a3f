package tensorfile_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/tensor"
)

// manyThings is a file of 24 KiB with what a small file can have: attributes,
// three names on one storage, an empty tensor, packed elements.
func manyThings(t testing.TB, streamed bool) []byte {
	t.Helper()
	ctx := context.Background()
	o := &tensorfile.CreateOptions{Deterministic: true, Time: time.Unix(1700000000, 0), NoSync: true}
	var out bytes.Buffer
	path := filepath.Join(t.TempDir(), "many.tensor")
	var w *tensorfile.Writer
	var err error
	if streamed {
		w, err = tensorfile.NewWriter(&out, o)
	} else {
		w, err = tensorfile.Create(path, o)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	rng := rand.New(rand.NewPCG(1, 2))
	noise := func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(rng.Uint32())
		}
		return b
	}
	must(w.SetAttrs(tensorfile.Attrs{"title": "every byte", "seed": int64(1)}))
	for i, shape := range []tensor.Shape{{}, {7}, {3, 5}, {0, 4}, {2, 3, 4}} {
		n, err := shape.NumElements()
		must(err)
		v, err := tensor.NewView(noise(int(n)*4), tensor.F32, shape, nil, 0, tensor.LittleEndian)
		must(err)
		must(w.Add(ctx, fmt.Sprintf("plain/%d", i), v, &tensorfile.TensorOptions{Attrs: tensorfile.Attrs{"rank": int64(len(shape))}}))
	}
	shared, err := w.AddStorage(ctx, 6000, bytes.NewReader(noise(6000)))
	must(err)
	must(w.TensorOn(shared, "shared", tensor.I16, tensor.Shape{50, 60}, nil, 0, nil))
	must(w.TensorOn(shared, "shared, transposed", tensor.I16, tensor.Shape{60, 50}, tensor.Strides{2, 120}, 0, nil))
	must(w.TensorOn(shared, "shared, backwards", tensor.I16, tensor.Shape{3000}, tensor.Strides{-2}, 5998, nil))
	packed, err := w.AddStorage(ctx, 9, bytes.NewReader(noise(9)))
	must(err)
	must(w.TensorOn(packed, "packed", tensor.I4, tensor.Shape{3, 5}, nil, 0, nil))
	must(w.Commit(ctx))
	if streamed {
		return out.Bytes()
	}
	b, err := os.ReadFile(path)
	must(err)
	return b
}

// damaged reports whether opening or verifying finds anything wrong with b.
func damaged(b []byte) (bool, error) {
	f, err := tensorfile.OpenReaderAt(bytes.NewReader(b), int64(len(b)), nil)
	if err != nil {
		return true, err
	}
	defer f.Close()
	rep, err := f.Verify(context.Background(), &tensorfile.VerifyOptions{Workers: 1})
	if err != nil {
		return true, err
	}
	if !rep.OK() {
		return true, rep.Findings[0]
	}
	if len(rep.Unknown) > 0 {
		return true, rep.Unknown[0]
	}
	return false, nil
}

// eachChange calls fn for 0..n-1 on all processors, with a copy of b of its own
// that fn leaves as it found it.
func eachChange(b []byte, n int, fn func(b []byte, i int)) {
	step := 1
	if raceBuild {
		step = 23
	}
	var wg sync.WaitGroup
	var next atomic.Int64
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			b := bytes.Clone(b)
			const batch = 64
			for {
				begin := int(next.Add(batch)) - batch
				if begin >= n {
					return
				}
				for i := begin; i < min(begin+batch, n); i++ {
					if i%step == 0 {
						fn(b, i)
					}
				}
			}
		})
	}
	wg.Wait()
}

// typed reports an error unless err says where and names its kind.
func typed(t *testing.T, what string, err error) {
	var e *tensorfile.Error
	if !errors.As(err, &e) || e.Kind == nil || e.Field == "" {
		t.Errorf("%s: %v is not an error with kind and field", what, err)
	}
}

// Verify finds any one changed byte below the committed length.
func TestVerifyFindsEveryByte(t *testing.T) {
	for _, streamed := range []bool{false, true} {
		b := manyThings(t, streamed)
		if bad, err := damaged(b); bad {
			t.Fatalf("streamed %v: the whole file: %v", streamed, err)
		}
		t.Logf("streamed %v: %d bytes", streamed, len(b))
		var missed atomic.Int64
		eachChange(b, len(b), func(b []byte, at int) {
			flip := byte(0xff)
			if at%3 == 0 {
				flip = 1 << (at % 8)
			}
			b[at] ^= flip
			bad, err := damaged(b)
			b[at] ^= flip
			if bad {
				typed(t, fmt.Sprintf("byte %d", at), err)
			} else if missed.Add(1) < 20 {
				t.Errorf("streamed %v: byte %d ^ %#02x is not found", streamed, at, flip)
			}
		})
		if n := missed.Load(); n > 0 {
			t.Errorf("%d changes are not found", n)
		}
	}
}

// N53: each block of 4 KiB zeroed or randomised in turn.
func TestVerifyFindsEveryBlock(t *testing.T) {
	b := manyThings(t, false)
	rng := rand.New(rand.NewPCG(3, 4))
	noise := make([]byte, 4096)
	for i := range noise {
		noise[i] = byte(rng.Uint32())
	}
	for at := 0; at < len(b); at += 4096 {
		block := b[at : at+4096]
		old := bytes.Clone(block)
		for name, with := range map[string][]byte{"zeros": make([]byte, 4096), "noise": noise} {
			copy(block, with)
			bad, err := damaged(b)
			copy(block, old)
			if bad {
				typed(t, fmt.Sprintf("block at %d: %s", at, name), err)
			} else if !bytes.Equal(old, with) {
				t.Errorf("block at %d: %s are not found", at, name)
			}
		}
	}
}

// N54: each single bit of the control pages and the catalog.
func TestVerifyFindsEveryBit(t *testing.T) {
	b := manyThings(t, false)
	var places []int
	catalog := 0
	{
		f, err := tensorfile.OpenReaderAt(bytes.NewReader(b), int64(len(b)), nil)
		if err != nil {
			t.Fatal(err)
		}
		for x, err := range f.Tensors() {
			if err != nil {
				t.Fatal(err)
			}
			if st := x.Storage(); st.Size > 0 {
				catalog = max(catalog, int(st.Offset+st.Size))
			}
		}
		f.Close()
	}
	for i := range b {
		// Of the zeros behind the records every byte is tried above.
		if i < format.DataStart && i%format.PageSize < 256 || i >= catalog {
			places = append(places, i)
		}
	}
	if testing.Short() { // one bit a byte, each of the eight in turn
		eachChange(b, len(places), func(b []byte, i int) { bit(t, b, places[i], i%8) })
		return
	}
	eachChange(b, len(places)*8, func(b []byte, i int) { bit(t, b, places[i/8], i%8) })
}

func bit(t *testing.T, b []byte, at, n int) {
	b[at] ^= 1 << n
	bad, err := damaged(b)
	b[at] ^= 1 << n
	if !bad {
		t.Errorf("bit %d of byte %d is not found", n, at)
	} else {
		typed(t, fmt.Sprintf("bit %d of byte %d", n, at), err)
	}
}

// N02: every proper prefix is refused, and says where it ends or that no root
// is there (a streamed file that is cut; format-decisions 52).
func TestEveryPrefixIsRefused(t *testing.T) {
	for _, streamed := range []bool{false, true} {
		b := manyThings(t, streamed)
		eachChange(b, len(b), func(b []byte, n int) {
			f, err := tensorfile.OpenReaderAt(bytes.NewReader(b[:n]), int64(n), nil)
			if err == nil {
				f.Close()
				t.Errorf("streamed %v: a prefix of %d bytes opens", streamed, n)
				return
			}
			typed(t, fmt.Sprintf("prefix of %d bytes", n), err)
			kinds := []error{tensorfile.ErrTruncated}
			if streamed {
				kinds = append(kinds, tensorfile.ErrCorrupt)
			}
			if !slices.ContainsFunc(kinds, func(k error) bool { return errors.Is(err, k) }) {
				t.Errorf("streamed %v: a prefix of %d bytes: %v", streamed, n, err)
			}
		})
	}
}
