package bench

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/tensor"
)

// sparseFile is a whole and valid file of one f32 tensor of zeros, of which the
// file system holds next to nothing: the payload is a hole.
func (e *Env) sparseFile(b *testing.B, bytes int64) string {
	return get(b, e, "sparse"+size(bytes), func() (string, error) {
		path := e.path("sparse-" + size(bytes) + ".tensor")
		return path, writeSparse(path, bytes)
	})
}

const (
	sparseRow   = 4000 // bytes
	sparseSmall = 8_000_000
)

func writeSparse(path string, bytes int64) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	uuid := format.UUID{6: 0x80, 8: 0x80, 15: 1}
	s := format.StorageRecord{ID: 1, Kind: format.StorageRaw, Size: bytes, Stored: bytes, Payload: format.DataStart, Block: format.BlockExp(bytes)}
	sums := make([]uint32, s.Blocks())
	zeros := make([]byte, min(bytes, s.BlockSize()))
	for i, left := 0, bytes; i < len(sums); i, left = i+1, left-s.BlockSize() {
		if i == 0 || left < s.BlockSize() {
			sums[i] = format.Checksum(zeros[:min(left, s.BlockSize())])
		} else {
			sums[i] = sums[0]
		}
	}
	at := format.AlignUp(s.Payload+bytes, format.Align)
	tail := format.AppendSums(nil, sums)
	s.Ref = format.Ref{Offset: uint64(at), Length: uint32(len(tail)), CRC: format.Checksum(tail)}
	if len(sums) == 1 {
		tail = nil
		s.Ref = format.Ref{Offset: uint64(s.Payload), Length: uint32(bytes), CRC: sums[0]}
	}
	tail = append(tail, make([]byte, format.AlignUp(int64(len(tail)), format.Align)-int64(len(tail)))...)
	t := format.TensorRecord{Name: "weights", Kind: format.KindDense, Storage: 1, DType: tensor.F32, Shape: tensor.Shape{bytes / sparseRow, sparseRow / 4}, Strides: tensor.Strides{sparseRow, 4}, Generation: 1}
	tail, ref, err := format.AppendRun(tail, []format.TensorRecord{t}, []format.StorageRecord{s}, format.RunParams{UUID: uuid, Generation: 1, Begin: at + int64(len(tail)), NextID: 2})
	if err != nil {
		return err
	}
	root := format.Root{UUID: uuid, Generation: 1, Time: time.Unix(0, 0), Catalog: ref, Live: uint64(bytes + 4*s.Blocks()), Minor: format.Minor, Created: true, AlignExp: format.MinAlignExp, Writer: "bench"}
	root.Length = format.AlignUp(at+int64(len(tail))+format.RootSize, format.PageSize)
	rec := root.AppendTo(nil)
	for _, p := range []struct {
		b  []byte
		at int64
	}{{format.Header{UUID: uuid}.AppendTo(nil), 0}, {rec, format.SlotA}, {rec, format.SlotB}, {tail, at}, {rec, root.TrailerAt()}} {
		if _, err := f.WriteAt(p.b, p.at); err != nil {
			return err
		}
	}
	return nil
}

func sparseCases(e *Env) []Case {
	var list []Case
	for _, bytes := range []int64{sparseSmall, e.Sparse} {
		add := func(op string, fn func(b *testing.B, path string)) {
			list = append(list, run("sparse", "size="+size(bytes)+"/op="+op, func(b *testing.B) { fn(b, e.sparseFile(b, bytes)) }))
		}
		add("open", func(b *testing.B, path string) {
			for b.Loop() {
				check(b, mustOpen(b, path).Close())
			}
		})
		add("open+list", func(b *testing.B, path string) {
			for b.Loop() {
				f := mustOpen(b, path)
				for _, err := range f.Tensors() {
					check(b, err)
				}
				check(b, f.Close())
			}
		})
		add("open+read-slice", func(b *testing.B, path string) {
			sel, err := tensor.ParseSelection("[500:510, ::10]")
			check(b, err)
			for b.Loop() {
				f := mustOpen(b, path)
				t, err := f.Tensor("weights")
				check(b, err)
				_, err = t.Read(context.Background(), sel)
				check(b, err)
				check(b, f.Close())
			}
		})
		add("open+view-last", func(b *testing.B, path string) {
			for b.Loop() {
				f := mustOpen(b, path)
				t, err := f.Tensor("weights")
				check(b, err)
				x, err := tensorfile.Data[float32](t)
				check(b, err)
				sink = x[len(x)-1]
				check(b, f.Close())
			}
		})
	}
	return list
}
