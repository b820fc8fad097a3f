package bench

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/internal/sampledata"
	"github.com/tensorfile/tensorfile/tensor"
)

// codecData is one of the data sets of the table of compressed tensors.
type codecData struct {
	shape []int64
	view  tensor.View
	path  string // the bytes alone, for the peers
	files map[string]string
}

// codecPeers are other libraries with the settings that people use.
var codecPeers = []struct {
	name, op string
	args     []any
}{
	{"blosc2-zstd1", "blosc", []any{1, "ZSTD"}},
	{"blosc2-zstd5", "blosc", []any{5, "ZSTD"}},
	{"blosc2-lz4", "blosc", []any{5, "LZ4"}},
	{"zstandard3", "zstd", []any{3}},
	{"zipnn", "zip_nn", nil},
	{"hdf5-gzip4", "hdf5", nil},
	{"zarr", "zarr3", nil},
}

// codecs are ours.
var codecs = []string{"fast", "auto", "best"}

// codecSet makes a data set once.
func (e *Env) codecSet(b *testing.B, s sampledata.Set) *codecData {
	return get(b, e, "codec "+s.Name, func() (*codecData, error) {
		shape, data := s.Make(1, int(min(e.Big, 64<<20)))
		v, err := tensor.NewView(data, s.DType, shape, nil, 0, tensor.LittleEndian)
		if err != nil {
			return nil, err
		}
		d := &codecData{shape: shape, view: v, path: e.path(s.Name + ".bin"), files: map[string]string{}}
		return d, os.WriteFile(d.path, data, 0o666)
	})
}

// encoded is the data set in a file of ours.
func (d *codecData) encoded(b *testing.B, codec string) *tensorfile.File {
	path := d.files[codec]
	if path == "" {
		path = filepath.Join(filepath.Dir(d.path), filepath.Base(d.path)+"."+codec+".tensor")
		w, err := tensorfile.Create(path, &tensorfile.CreateOptions{NoSync: true, Overwrite: true})
		check(b, err)
		check(b, w.Add(context.Background(), "x", d.view, &tensorfile.TensorOptions{Codec: codec}))
		check(b, w.Commit(context.Background()))
		check(b, w.Close())
		d.files[codec] = path
	}
	f, err := tensorfile.Open(path, nil)
	check(b, err)
	return f
}

func codecCases(e *Env) []Case {
	var list []Case
	for _, s := range sampledata.Sets() {
		if !s.Goal {
			continue
		}
		size := int64(s.DType.UnitBytes)
		for _, n := range s.Shape(int(min(e.Big, 64<<20))) {
			size *= n
		}
		for _, codec := range codecs {
			name := func(op string) string { return fmt.Sprintf("data=%s/op=%s/impl=%s", s.Name, op, codec) }
			list = append(list, stream("codec", name("encode"), size, func(b *testing.B) {
				d := e.codecSet(b, s)
				var out bytes.Buffer
				out.Grow(len(d.view.Span()) + 1<<20)
				for b.Loop() {
					out.Reset()
					w, err := tensorfile.NewWriter(&out, nil)
					check(b, err)
					check(b, w.Add(context.Background(), "x", d.view, &tensorfile.TensorOptions{Codec: codec}))
					check(b, w.Commit(context.Background()))
				}
				b.ReportMetric(float64(size)/float64(out.Len()), Compression)
			}), stream("codec", name("decode"), size, func(b *testing.B) {
				d := e.codecSet(b, s)
				f := d.encoded(b, codec)
				defer f.Close()
				x, err := f.Tensor("x")
				check(b, err)
				dst := get(b, e, "codec dst "+s.Name, func() (tensor.View, error) { return tensor.Make(s.DType, slices.Clone(d.shape)) })
				check(b, x.ReadInto(context.Background(), dst))
				for b.Loop() {
					check(b, x.ReadInto(context.Background(), dst))
				}
				b.ReportMetric(float64(size)/float64(x.Storage().Stored), Compression)
			}))
		}
		for _, p := range codecPeers {
			for _, op := range []string{"encode", "decode"} {
				list = append(list, stream("codec", fmt.Sprintf("data=%s/op=%s/impl=%s", s.Name, op, p.name), size, func(b *testing.B) {
					if p.op == "zip_nn" && s.DType.Class != tensor.ClassFloat {
						e.skip(b, "ZipNN is for floats")
					}
					d := e.codecSet(b, s)
					e.inPython(b, size, "codec", append([]any{op, p.op, d.path, numpyName(s.DType), d.shape}, p.args...)...)
				}))
			}
		}
	}
	return list
}

// numpyName is the dtype of NumPy with the same words.
func numpyName(d tensor.DType) string {
	switch d {
	case tensor.BF16:
		return "uint16"
	case tensor.Bool:
		return "uint8"
	}
	kinds := map[tensor.Class]string{tensor.ClassInt: "int", tensor.ClassUint: "uint", tensor.ClassFloat: "float"}
	return fmt.Sprintf("%s%d", kinds[d.Class], d.Bits)
}

// codecGoals are the goals of the table of compressed tensors: ratio, and
// speeds beside M.
func codecGoals() []Goal {
	type row struct {
		data                  string
		ratio, encode, decode float64
	}
	var list []Goal
	for _, r := range []row{
		{"f32weights", 1.195, 0.3, 0.6}, {"bf16weights", 1.49, 0.15, 0.35}, {"u8image", 1.8, 0.17, 0.22}, {"i16audio", 1.9, 0.12, 0.3},
		{"i64index", 9.0, 0.5, 0.7}, {"f32field", 2.2, 0.2, 0.45}, {"f32sparse", 140, 0.7, 1.2},
	} {
		peer := func(op, impl string) string { return fmt.Sprintf("codec/data=%s/op=%s/impl=%s", r.data, op, impl) }
		key := func(op string) string { return peer(op, "auto") }
		list = append(list,
			Goal{What: r.data + ", ratio", Ours: key("decode"), Base: Compression, Ratio: r.ratio},
			Goal{What: r.data + ", encode", Ours: key("encode"), Base: M, Ratio: r.encode},
			Goal{What: r.data + ", decode", Ours: key("decode"), Base: M, Ratio: r.decode},
			Goal{What: r.data + ", encode beside Blosc2 zstd 1", Ours: key("encode"), Base: peer("encode", "blosc2-zstd1"), Ratio: 2},
			Goal{What: r.data + ", decode beside Blosc2 zstd 1", Ours: key("decode"), Base: peer("decode", "blosc2-zstd1"), Ratio: 1.5},
			Goal{What: r.data + ", decode beside Blosc2 zstd 5", Ours: key("decode"), Base: peer("decode", "blosc2-zstd5"), Ratio: 1.5})
	}
	return list
}
