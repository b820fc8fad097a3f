package kernels_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/gpu"
	"github.com/tensorfile/tensorfile/gpu/kernels"
	"github.com/tensorfile/tensorfile/tensor"
)

// stored is a file of tensors with the sizes that matter to slots of a size, each
// raw and in chunks, and what is in them.
func stored(t testing.TB, r *rand.Rand, slot int64) (path string, views []tensor.View) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "m.tensor")
	w := get(tensorfile.Create(path, &tensorfile.CreateOptions{NoSync: true}))(t)
	defer w.Close()
	for _, d := range []tensor.DType{tensor.U8, tensor.F16, tensor.F32, tensor.C128, tensor.I4} {
		for _, n := range []int64{0, 1, slot - 1, slot, slot + 1, 3*slot + 7} {
			n = max(n/int64(d.UnitBytes), min(n, 1)) * int64(max(d.UnitElems, 1))
			for _, codec := range []string{"", "shuffle|zstd:1", "lz4"} {
				var o *tensorfile.TensorOptions
				if codec != "" {
					o = &tensorfile.TensorOptions{Codec: codec, Chunk: tensor.Shape{3000 * int64(max(d.UnitElems, 1)) / int64(d.UnitBytes)}}
				}
				v := random(t, r, d, tensor.Shape{n})
				fine(t, w.Add(t.Context(), fmt.Sprintf("%03d", len(views)), v, o))
				views = append(views, v)
			}
		}
	}
	// Two axes, in boxes that are no rows.
	v := random(t, r, tensor.F32, tensor.Shape{130, 70})
	fine(t, w.Add(t.Context(), fmt.Sprintf("%03d", len(views)), v, &tensorfile.TensorOptions{Codec: "zstd:1", Chunk: tensor.Shape{16, 33}}))
	views = append(views, v)
	fine(t, w.Commit(t.Context()))
	return path, views
}

// sourcesOf are the tensors of an open file by their names.
func sourcesOf(t testing.TB, f *tensorfile.File, n int) (list []gpu.Source) {
	t.Helper()
	for i := range n {
		list = append(list, gpu.FromTensor(get(f.Tensor(fmt.Sprintf("%03d", i)))(t)))
	}
	return list
}

// What is uploaded arrives: through many slots and through two, from the page cache
// and past it, checked on the device, whole and block by block.
func TestUploads(t *testing.T) {
	const slot = 4 << 10
	each(t, func(t *testing.T, d *gpu.Device, on *gpu.Stream, r *rand.Rand) {
		path, views := stored(t, r, slot)
		f := get(tensorfile.Open(path, nil))(t)
		defer f.Close()
		sources := sourcesOf(t, f, len(views))
		for name, o := range map[string]gpu.UploadOptions{
			"usual":     {},
			"two slots": {SlotBytes: slot, Slots: 2, Workers: 3},
			"verified":  {SlotBytes: slot, Slots: 5, Workers: 4, Verify: true, Staged: true},
			"direct":    {SlotBytes: slot, Direct: gpu.DirectAlways, Staged: true},
			"cached":    {SlotBytes: 4 * slot, Direct: gpu.DirectNever, Staged: true},
		} {
			sources, views := sources, views
			if interpreted(t) && o.Verify {
				sources, views = sources[3:9], views[3:9]
			}
			u := get(d.NewUploader(&o))(t)
			up := get(u.Upload(t.Context(), sources...))(t)
			for i, x := range up.Tensors {
				if err := same(t, on, x, views[i]); err != nil {
					t.Errorf("%s, tensor %d, %v: %v", name, i, views[i].DType(), err)
				}
			}
			if s := up.Stats; s.Pinned > int64(s.Slots)*s.SlotBytes || s.Bytes == 0 {
				t.Errorf("%s: %+v", name, s)
			}
			t.Logf("%s: %d copies, %s %q", name, up.Stats.Copies, up.Stats.Path, up.Stats.Notes)
			fine(t, up.Buffer.Free())
			if !interpreted(t) {
				sums(t, u, on, sources, views)
			} else if name == "two slots" {
				sums(t, u, on, sources[3:9], views[3:9])
			}
			fine(t, u.Close())
		}
	})
}

// interpreted reports whether kernels are, which takes its time.
func interpreted(t testing.TB) bool { return strings.HasSuffix(t.Name(), "/ptx") }

// sums streams the sources and lets the device make the CRC-32C of each block, which
// the next block would spoil if memory were used again too early.
func sums(t testing.TB, u *gpu.Uploader, on *gpu.Stream, sources []gpu.Source, views []tensor.View) {
	t.Helper()
	d := on.Device()
	const most = 4096
	results, scratch := get(d.Alloc(4*most))(t), get(d.Alloc(kernels.ChecksumScratch(8<<20)))(t)
	var want []uint32
	for b, err := range u.Stream(t.Context(), on, sources...) {
		fine(t, err)
		x := b.Tensor()
		bytes := get(x.Buffer().Slice(x.Offset(), x.ByteSize()))(t)
		fine(t, kernels.Checksum(on, get(results.Slice(4*b.Index, 4))(t), bytes, scratch))
		v := views[b.Source]
		for axis, first := range b.Origin {
			v = get(v.Slice(axis, first, first+x.Shape()[axis], 1))(t)
		}
		image := get(tensor.NewView(make([]byte, x.ByteSize()), v.DType(), v.Shape(), nil, 0, x.Order()))(t)
		fine(t, tensor.Copy(image, v))
		want = append(want, format.Checksum(image.Span()))
	}
	got := make([]byte, 4*len(want))
	fine(t, on.Read(t.Context(), got, get(results.Slice(0, int64(len(got))))(t)))
	for i, w := range want {
		if g := binary.LittleEndian.Uint32(got[4*i:]); g != w {
			t.Errorf("block %d of %d: CRC-32C %08x, want %08x", i, len(want), g, w)
		}
	}
	fine(t, errors.Join(results.Free(), scratch.Free()))
}

// More than there is is refused, and the device goes on.
func TestTooMuch(t *testing.T) {
	each(t, func(t *testing.T, d *gpu.Device, on *gpu.Stream, r *rand.Rand) {
		_, total, err := d.Memory()
		fine(t, err)
		_, err = d.Alloc(total + 1<<30)
		wants(t, err, gpu.ErrOutOfMemory)
		v := random(t, r, tensor.F32, tensor.Shape{1000})
		x := put(t, d, v, 0)
		if err := same(t, on, x, v); err != nil {
			t.Error(err)
		}
		free(t, x)
	})
}

// Streams run apart from each other but for events.
func TestStreamsAndEvents(t *testing.T) {
	const n, rounds = 1 << 16, 50
	each(t, func(t *testing.T, d *gpu.Device, on *gpu.Stream, r *rand.Rand) {
		other := get(d.NewStream())(t)
		e, back := get(d.NewEvent(&gpu.EventOptions{Timing: true}))(t), get(d.NewEvent(&gpu.EventOptions{Timing: true}))(t)
		a, b := get(d.Alloc(n))(t), get(d.Alloc(n))(t)
		for i := range rounds {
			fine(t, on.Wait(back)) // a is copied before it changes
			fine(t, on.Fill(a, byte(i+1)))
			fine(t, e.Record(on))
			fine(t, other.Wait(e))
			fine(t, other.Copy(b, a))
			fine(t, back.Record(other))
		}
		if took, err := back.Since(e); err != nil || took < 0 {
			t.Error(took, err)
		}
		got := make([]byte, n)
		fine(t, other.Read(t.Context(), got, b))
		for i, x := range got {
			if x != rounds {
				t.Fatalf("byte %d is %d, want %d", i, x, rounds)
			}
		}
		fine(t, errors.Join(other.Free(), e.Free(), back.Free(), a.Free(), b.Free()))
	})
}

// A context, memory and a stream can be those of somebody else.
func TestShared(t *testing.T) {
	each(t, func(t *testing.T, d *gpu.Device, on *gpu.Stream, r *rand.Rand) {
		if d.Backend() == "host" || interpreted(t) {
			t.Log("there is no context that others could find")
			return
		}
		restore := get(d.MakeCurrent())(t)
		mine := get(gpu.AttachCurrent(nil))(t)
		fine(t, restore())
		if mine.Context() != d.Context() {
			t.Fatalf("context %#x, want %#x", mine.Context(), d.Context())
		}
		v := random(t, r, tensor.I32, tensor.Shape{777})
		x := put(t, d, v, 0)
		wrapped := get(mine.WrapPtr(x.Ptr(), x.ByteSize(), x))(t)
		stream := get(mine.WrapStream(on.Handle()))(t)
		look := get(gpu.NewTensor(wrapped, tensor.I32, v.Shape(), nil, 0, tensor.LittleEndian))(t)
		if err := same(t, stream, look, v); err != nil {
			t.Error(err)
		}
		fine(t, errors.Join(stream.Free(), wrapped.Free(), mine.Close()))
		if err := same(t, on, x, v); err != nil { // it is there still
			t.Error(err)
		}
		free(t, x)
	})
}
