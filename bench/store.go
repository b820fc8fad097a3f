package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/internal/cast"
	"github.com/tensorfile/tensorfile/tensor"
)

// storeCodec is the plainest pipeline that ours and the peers have: shuffle and
// zstd at level 1, in chunks of a megabyte. h5py has deflate instead.
const storeCodec = "shuffle|zstd:1"

var (
	storeChunk = tensor.Shape{256, 1024}
	storeSlice = tensor.Selection{{Kind: tensor.SelectRange, Start: 100, Stop: 200, Step: 1}, {Kind: tensor.SelectRange, Start: 500, Stop: 600, Step: 1}}
)

// field is a matrix of measurements to a tenth, in rows of 1024: a quarter of a
// large tensor.
func (e *Env) field(b *testing.B) tensor.View {
	x := e.floats(b)
	return get(b, e, "field", func() (tensor.View, error) {
		y := make([]float32, len(x)/4)
		for i := range y { // steps of a tenth around a slow wave
			y[i] = float32(int(500*x[i])+(i>>12)%50) / 10
		}
		return tensor.FromSlice(y, int64(len(y))/1024, 1024)
	})
}

// fieldNpy is the field as a .npy file.
func (e *Env) fieldNpy(b *testing.B) string {
	v := e.field(b)
	return get(b, e, "field npy", func() (string, error) {
		x, err := tensor.Data[float32](v)
		if err != nil {
			return "", err
		}
		path := e.path("field.npy")
		head := fmt.Sprintf("%-117s\n", fmt.Sprintf("{'descr': '<f4', 'fortran_order': False, 'shape': (%d, 1024), }", v.Shape()[0]))
		return path, os.WriteFile(path, append([]byte("\x93NUMPY\x01\x00\x76\x00"+head), cast.Bytes(x)...), 0o666)
	})
}

// smallFile holds the elements of n small tensors, and their names beside it.
func (e *Env) smallFile(b *testing.B, n int) string {
	return get(b, e, fmt.Sprint("small file", n), func() (string, error) {
		path := e.path(fmt.Sprintf("many-%d.bin", n))
		return path, errors.Join(os.WriteFile(path, cast.Bytes(smallData(n)), 0o666), os.WriteFile(path+".names", []byte(strings.Join(names(n), "\n")), 0o666))
	})
}

// writeField writes the field in chunks.
func writeField(path string, v tensor.View) error {
	w, err := tensorfile.Create(path, &tensorfile.CreateOptions{NoSync: true, Overwrite: true})
	if err != nil {
		return err
	}
	err = w.Add(context.Background(), "x", v, &tensorfile.TensorOptions{Codec: storeCodec, Chunk: storeChunk})
	return errors.Join(err, w.Commit(context.Background()), w.Close())
}

// storeCases are plain and compressed arrays in files, beside the libraries that
// keep them so.
func storeCases(e *Env) []Case {
	const appended = 256 // rows
	var list []Case
	peer := func(group, name, impl string, bytes int64, want func(b *testing.B) outcome, op string, args func(b *testing.B) []any) {
		list = append(list, stream(group, name+impl, bytes, func(b *testing.B) {
			e.inPythonAs(b, bytes, want, "store", append([]any{op, impl, e.path(strings.NewReplacer("/", "-", "=", "-").Replace(group + "-" + name))}, args(b)...)...)
		}))
	}
	plain := func(b *testing.B) []any { return []any{e.npyFile(b)} }
	for _, impl := range []string{"h5py", "zarr", "tensorstore", "blosc2", "safetensors", "ztensor"} {
		peer("save", "size="+size(e.Big)+"/sync=no/impl=", impl, e.Big, e.weightsOutcome, "save", plain)
		peer("read", "op=load/size="+size(e.Big)+"/impl=", impl, e.Big, e.weightsOutcome, "load", plain)
	}
	bytes := e.Big / 4
	name := func(op string) string { return "op=" + op + "/size=" + size(bytes) + "/impl=" }
	field := func(b *testing.B) outcome { return e.outcome(e.field(b), nil) }
	file := func(b *testing.B) string {
		v := e.field(b)
		return get(b, e, "field file", func() (string, error) { path := e.path("field.tensor"); return path, writeField(path, v) })
	}
	read := func(sel ...tensor.Selection) func(b *testing.B) {
		return func(b *testing.B) {
			path := file(b)
			for b.Loop() {
				f := mustOpen(b, path)
				t, err := f.Tensor("x")
				check(b, err)
				_, err = t.Read(ctx, sel...)
				check(b, err)
				check(b, f.Close())
			}
		}
	}
	list = append(list,
		stream("store", name("write")+"tensorfile", bytes, func(b *testing.B) {
			v, path := e.field(b), e.path("field-out.tensor")
			fresh(b, path, func() error { return writeField(path, v) })
		}),
		stream("store", name("load")+"tensorfile", bytes, read()),
		once("store", name("slice")+"tensorfile", read(storeSlice)),
		once("store", name("append/sync=yes")+"tensorfile", func(b *testing.B) {
			v := e.field(b)
			rows, err := v.Slice(0, 0, appended, 1)
			check(b, err)
			path := e.path("field-grown.tensor")
			for b.Loop() { // durable, as ours always is
				b.StopTimer()
				check(b, writeField(path, v))
				b.StartTimer()
				w, err := tensorfile.OpenAppend(path, nil)
				check(b, err)
				_, err = w.Append(ctx, "x", rows, nil)
				check(b, err)
				check(b, w.Commit(ctx))
				check(b, w.Close())
			}
			check(b, os.Remove(path))
		}))
	chunked := func(b *testing.B) []any { return []any{e.fieldNpy(b), storeChunk} }
	cut := func(b *testing.B) outcome {
		v, err := e.field(b).Select(storeSlice)
		check(b, err)
		return e.outcome(v.Clone())
	}
	grown := func(b *testing.B) outcome {
		x, err := tensor.Data[float32](e.field(b))
		check(b, err)
		x = append(x[:len(x):len(x)], x[:appended*1024]...)
		return e.outcome(tensor.FromSlice(x, int64(len(x))/1024, 1024))
	}
	for _, impl := range []string{"h5py", "zarr", "tensorstore", "blosc2", "ztensor"} {
		peer("store", name("write"), impl, bytes, field, "save", chunked)
		peer("store", name("load"), impl, bytes, field, "load", chunked)
		if impl == "ztensor" {
			continue // whole tensors alone
		}
		peer("store", name("slice"), impl, 0, cut, "slice", func(b *testing.B) []any {
			return append(chunked(b), [][2]int64{{100, 200}, {500, 600}})
		})
		peer("store", name("append"), impl, 0, grown, "append", func(b *testing.B) []any { return append(chunked(b), appended) })
	}
	// Many small tensors: all names and shapes, and the elements of one.
	n := e.Tensors[0]
	at := fmt.Sprintf("tensors=%d/op=", n)
	list = append(list, run("open", at+"open+read-one/impl=tensorfile", func(b *testing.B) {
		path, name := e.manyFile(b, n), names(n)[n/2]
		for b.Loop() {
			f := mustOpen(b, path)
			t, err := f.Tensor(name)
			check(b, err)
			_, err = t.Read(ctx)
			check(b, err)
			check(b, f.Close())
		}
	}))
	described := func(b *testing.B) outcome {
		m := map[string]tensor.Shape{}
		for i, name := range names(n) {
			m[name] = smallShape(i)
		}
		return outcome{list: m}
	}
	one := func(b *testing.B) outcome {
		return e.outcome(tensor.FromSlice(smallData(n)[16*(n/2):16*(n/2)+16], smallShape(n/2)...))
	}
	for _, impl := range []string{"h5py", "zarr", "safetensors", "ztensor", "numpy"} {
		args := func(b *testing.B) []any { return []any{e.smallFile(b, n)} }
		if impl != "numpy" { // whose names have no shapes
			peer("open", at+"open+shapes/impl=", impl, 0, described, "list", args)
		}
		peer("open", at+"open+read-one/impl=", impl, 0, one, "one", func(b *testing.B) []any { return append(args(b), names(n)[n/2]) })
	}
	return list
}
