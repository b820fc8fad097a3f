package tensorfile_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"sync"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/tensor"
)

// onFirstUse opens a file of one tensor of 19 MiB, checked on first use, and
// returns its bytes.
func onFirstUse(t *testing.T, damage int64) (*tensorfile.Tensor, []byte) {
	t.Helper()
	var seed [32]byte
	data := make([]byte, 19<<20+5)
	rand.NewChaCha8(seed).Read(data)
	path := temp(t)
	write(t, path, func(w *tensorfile.Writer) {
		ok(t, w.AddReader(ctx, "x", tensor.U8, tensor.Shape{int64(len(data))}, bytes.NewReader(data), nil))
	})
	if damage >= 0 {
		f := must(os.OpenFile(path, os.O_RDWR, 0))(t)
		plain := must(tensorfile.Open(path, nil))(t)
		at := must(plain.Tensor("x"))(t).Storage().Offset + damage
		ok(t, plain.Close())
		must(f.WriteAt([]byte{data[damage] ^ 1}, at))(t)
		ok(t, f.Close())
	}
	f := must(tensorfile.Open(path, &tensorfile.OpenOptions{Verify: tensorfile.VerifyOnFirstUse}))(t)
	t.Cleanup(func() { ok(t, f.Close()) })
	return must(f.Tensor("x"))(t), data
}

func TestFirstUseIsAWrite(t *testing.T) {
	x, data := onFirstUse(t, -1)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			var b bytes.Buffer
			if err := x.WriteCOrder(ctx, &b); err != nil || !bytes.Equal(b.Bytes(), data) {
				t.Errorf("%d bytes, %v", b.Len(), err)
			}
		})
	}
	wg.Wait()
}

// What is bad is not written, and known from then on.
func TestFirstUseIsAWriteOfDamage(t *testing.T) {
	const damage = 13<<20 + 100
	x, data := onFirstUse(t, damage)
	for range 2 {
		var b bytes.Buffer
		wantErr(t, x.WriteCOrder(ctx, &b), tensorfile.ErrCorrupt, `"x"`, "block 13", "storage.crc")
		if b.Len() > 13<<20 || !bytes.Equal(b.Bytes(), data[:b.Len()]) {
			t.Errorf("%d bytes were written", b.Len())
		}
	}
	_, err := x.View()
	wantErr(t, err, tensorfile.ErrCorrupt, "block 13")
	// By several at once the first block counts, too.
	x, _ = onFirstUse(t, damage)
	_, err = x.View()
	wantErr(t, err, tensorfile.ErrCorrupt, "block 13")
}

// A check that was given up says nothing about the payload.
func TestFirstUseGivenUp(t *testing.T) {
	x, data := onFirstUse(t, -1)
	stop, cancel := context.WithCancel(ctx)
	wantErr(t, x.WriteCOrder(stop, writerFunc(func(p []byte) (int, error) { cancel(); return len(p), nil })), context.Canceled)
	full := errors.New("full")
	wantErr(t, x.WriteCOrder(ctx, writerFunc(func(p []byte) (int, error) { return 0, full })), full)
	// A writer may use the tensor that it is given.
	n := 0
	ok(t, x.WriteCOrder(ctx, writerFunc(func(p []byte) (int, error) {
		n += len(p)
		_, err := x.View()
		return len(p), err
	})))
	if n != len(data) {
		t.Errorf("%d bytes", n)
	}
	ok(t, x.WriteCOrder(ctx, io.Discard))
}
