package tensorfile_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"os"
	"slices"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/internal/badinput/forge"
	"github.com/tensorfile/tensorfile/tensor"
)

// A verification of a foreign file looks at what its composites hold, if
// nothing else is wrong; a copy refuses what it finds; who calls it off is told
// so.
func TestForeignCompositeDamage(t *testing.T) {
	var b []byte
	for _, x := range []int32{0, 2, 3, 0, 7, 1} { // indptr, then indices
		b = binary.LittleEndian.AppendUint32(b, uint32(x))
	}
	b = append(b, 1, 2, 3)
	l := &tensorfile.Layout{Format: "made", Storages: []tensorfile.LayoutStorage{{Size: 27}}, Tensors: []tensorfile.LayoutTensor{
		{Name: "dense", DType: tensor.U8, Shape: tensor.Shape{27}},
		{Name: "m", DType: tensor.I8, Shape: tensor.Shape{2, 3}, Layout: format.LayoutCSR, Flags: sortedUnique, Parts: []tensorfile.LayoutTensor{
			{Name: format.RoleValues, Offset: 24, DType: tensor.I8, Shape: tensor.Shape{3}},
			{Name: format.RoleIndptr, DType: tensor.I32, Shape: tensor.Shape{3}},
			{Name: format.RoleIndices, DType: tensor.I32, Offset: 12, Shape: tensor.Shape{3}},
		}}}}
	f := foreign(t, b, l, nil)
	defer f.Close()
	r := must(f.Verify(ctx, nil))(t)
	if len(r.Findings) != 1 || !isRule(r.Findings[0], tensorfile.ErrCorrupt, format.RuleLayoutIndex) {
		t.Errorf("%v", r.Findings)
	}
	w := must(tensorfile.Create(temp(t), nil))(t)
	defer w.Close()
	ok(t, w.Copy(ctx, tensorfile.Item{Tensor: must(f.Tensor("dense"))(t)}))
	if err := w.Copy(ctx, tensorfile.Item{Tensor: must(f.Tensor("m"))(t)}); !isRule(err, tensorfile.ErrCorrupt, format.RuleLayoutIndex) {
		t.Errorf("a copy: %v", err)
	}
	stop, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := f.Verify(stop, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("called off: %v", err)
	}
}

// What is wrong with a composite of a native file is told with the place of its
// record; one of a layout that is not known is copied as it is.
func TestCompositePlaces(t *testing.T) {
	i32 := forge.DT(2, 0, 32, 1, 4)
	part := func(name string, storage, n uint64, d forge.DType, size int64) forge.Tensor {
		return forge.Tensor{Name: "m\x00" + name, Storage: storage, DType: d, Shape: []uint64{n}, Strides: []int64{size}}
	}
	file := func(layout uint16, pointers ...uint32) *forge.Image {
		var b []byte
		for _, x := range pointers {
			b = binary.LittleEndian.AppendUint32(b, x)
		}
		return forge.File([]forge.Tensor{
			{Name: "m", Kind: 2, Layout: layout, DType: forge.U8, Shape: []uint64{2, 3}, Strides: []int64{0, 0}},
			part("indices", 2, 3, i32, 4), part("indptr", 1, 3, i32, 4), part("values", 3, 3, forge.U8, 1),
		}, forge.Storage{ID: 1, Data: b}, forge.Storage{ID: 2, Data: []byte{0, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0}}, forge.Storage{ID: 3, Data: []byte{7, 8, 9}})
	}
	good := must(openImage(file(format.LayoutCSR, 0, 2, 3)))(t)
	defer good.Close()
	if r := must(good.Verify(ctx, nil))(t); !r.OK() {
		t.Fatal(r.Findings)
	}
	im := file(format.LayoutCSR, 0, 4, 3)
	f := must(openImage(im))(t)
	defer f.Close()
	check := func(what string, err error, rule string, at int64) {
		t.Helper()
		var e *tensorfile.Error
		if !errors.As(err, &e) || e.Rule != rule || e.Offset != at || e.Format != format.Name || e.Tensor != "m" {
			t.Errorf("%s: %v, want rule %s at %d", what, err, rule, at)
		}
	}
	r := must(f.Verify(ctx, nil))(t)
	if len(r.Findings) != 1 {
		t.Fatal(r.Findings)
	}
	check("verify", r.Findings[0], format.RuleLayoutPointer, im.Last().Payloads[0]+4)
	_, err := must(f.Tensor("m"))(t).ReadComposite(ctx)
	check("read", err, format.RuleLayoutPointer, im.Last().Tensors[0])
	im = file(format.LayoutCOO, 0, 2, 3)
	odd := must(openImage(im))(t)
	defer odd.Close()
	r = must(odd.Verify(ctx, nil))(t)
	if len(r.Findings) != 1 {
		t.Fatal(r.Findings)
	}
	check("verify of parts", r.Findings[0], format.RuleLayoutPart, im.Last().Tensors[0])
	_, err = must(odd.Tensor("m"))(t).ReadComposite(ctx)
	check("read of parts", err, format.RuleLayoutPart, im.Last().Tensors[0])

	g := must(openImage(file(99, 0, 2, 3)))(t)
	defer g.Close()
	path := temp(t)
	write(t, path, func(w *tensorfile.Writer) { ok(t, w.Copy(ctx, tensorfile.Item{Tensor: must(g.Tensor("m"))(t)})) })
	h := opened(t, path, nil)
	if a, b := must(g.Hash(ctx, nil))(t), must(h.Hash(ctx, nil))(t); a != b {
		t.Errorf("a layout that is not known: hash %v, of the copy %v", a, b)
	}
}

// A run that lies in a chunk is data, as one in plain bytes is.
func TestRecoverIgnoresChunks(t *testing.T) {
	path := temp(t)
	evil := format.TensorRecord{Name: "evil", Kind: format.KindDense, DType: tensor.U8, Shape: tensor.Shape{4}, Strides: tensor.Strides{1}, Storage: 1, Generation: 1}
	trap := someNoise(1 << 16)
	write(t, path, func(w *tensorfile.Writer) {
		put(t, w, "good", []byte("good"))
		ok(t, w.Add(ctx, "trap", must(tensor.FromSlice(trap))(t), &tensorfile.TensorOptions{Chunk: tensor.Shape{1 << 16}}))
	})
	b := must(os.ReadFile(path))(t)
	uuid := [16]byte(b[16:32])
	at := int64(bytes.Index(b, trap))
	if at < 0 {
		t.Fatal("the chunk is not stored as it is")
	}
	run, _, err := format.AppendRun(nil, []format.TensorRecord{evil}, nil, format.RunParams{UUID: uuid, Generation: 1, Begin: at, NextID: 9})
	ok(t, err)
	copy(b[at:], run)
	forge.Reseal(b)
	for _, index := range []bool{true, false} {
		d := bytes.Clone(b)
		if !index {
			clear(d[:12288])
		}
		got, rep, err := rescueDense(t, d)
		ok(t, err)
		if slices.Contains(got, "evil") || !slices.Contains(got, "good") {
			t.Errorf("%q, %+v", got, rep)
		}
	}
}
