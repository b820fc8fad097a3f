package agree_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	_ "github.com/tensorfile/tensorfile/convert/aiff"
	_ "github.com/tensorfile/tensorfile/convert/bmp"
	_ "github.com/tensorfile/tensorfile/convert/csv"
	_ "github.com/tensorfile/tensorfile/convert/flac"
	_ "github.com/tensorfile/tensorfile/convert/gguf"
	_ "github.com/tensorfile/tensorfile/convert/gif"
	_ "github.com/tensorfile/tensorfile/convert/hdf5"
	_ "github.com/tensorfile/tensorfile/convert/idx"
	_ "github.com/tensorfile/tensorfile/convert/jpeg"
	_ "github.com/tensorfile/tensorfile/convert/jsonl"
	_ "github.com/tensorfile/tensorfile/convert/mp3"
	_ "github.com/tensorfile/tensorfile/convert/mtx"
	_ "github.com/tensorfile/tensorfile/convert/npy"
	_ "github.com/tensorfile/tensorfile/convert/pfm"
	_ "github.com/tensorfile/tensorfile/convert/png"
	_ "github.com/tensorfile/tensorfile/convert/pnm"
	_ "github.com/tensorfile/tensorfile/convert/safetensors"
	_ "github.com/tensorfile/tensorfile/convert/text"
	_ "github.com/tensorfile/tensorfile/convert/tiff"
	_ "github.com/tensorfile/tensorfile/convert/torch"
	_ "github.com/tensorfile/tensorfile/convert/wav"
	_ "github.com/tensorfile/tensorfile/convert/webp"
	"github.com/tensorfile/tensorfile/tensor"
)

var ctx = context.Background()

// source is a format and where files of it are: those that other libraries wrote.
type source struct {
	format string
	ext    string
	globs  []string
	texts  []string // files themselves
}

// sources are all formats of files that this module reads by itself. SQLite's are
// read by another's engine, and what ffmpeg reads by it.
var sources = []source{
	{format: "npy", ext: ".npy", globs: []string{"../../testdata/npy/*.npy"}},
	{format: "npz", ext: ".npz", globs: []string{"../../testdata/npy/*.npz"}},
	{format: "safetensors", ext: ".safetensors", globs: []string{"../../convert/safetensors/testdata/f*.safetensors"}},
	{format: "gguf", ext: ".gguf", globs: []string{"../../convert/gguf/testdata/g*.gguf"}},
	{format: "hdf5", ext: ".h5", globs: []string{"../../convert/hdf5/testdata/*.h5"}},
	{format: "torch", ext: ".pt", globs: []string{"../../convert/torch/testdata/*.pt", "../../convert/torch/testdata/*.pth"}},
	{format: "mtx", ext: ".mtx", texts: []string{
		"%%MatrixMarket matrix coordinate real general\n% a comment\n3 4 4\n1 1 1.5\n2 3 -2e-3\n3 4 7\n1 2 0.25\n",
		"%%MatrixMarket matrix coordinate integer symmetric\n3 3 4\n1 1 10\n2 1 -3\n3 3 7\n3 2 12\n",
		"%%MatrixMarket matrix coordinate pattern general\n2 5 3\n1 5\n2 2\n1 1\n",
		"%%MatrixMarket matrix coordinate complex hermitian\n2 2 2\n1 1 2 0\n2 1 0.5 -1\n",
		"%%MatrixMarket matrix coordinate real skew-symmetric\n3 3 2\n2 1 4\n3 1 -0.5\n",
		"%%MatrixMarket matrix array real general\n2 3\n1\n2\n3.5\n-4\n5e2\n6\n",
		"%%MatrixMarket matrix array integer symmetric\n2 2\n1\n-2\n3\n",
	}},
	{format: "png", ext: ".png", globs: []string{"../../convert/png/testdata/*.png"}},
	{format: "wav", ext: ".wav", globs: []string{"../../convert/wav/testdata/*.wav"}},
	{format: "bmp", ext: ".bmp"},
	{format: "pnm", ext: ".pnm", texts: []string{
		"P1\n# a comment\n4 2\n0 1 1 0\n1 0 0 1\n", "P2\n3 2\n255\n0 10 20\n30 40 255\n", "P3 2 1 15 1 2 3 4 5 15\n", "P4 10 2\n\xaa\x40\x55\x80", "P5 3 2 255\nabcdef", "P5 2 2 1000\n\x00\x01\x02\x03\x01\x00\x03\xe7", "P6\n2 2\n255\nabcdefghijkl",
		"P7\nWIDTH 2\nHEIGHT 2\nDEPTH 4\nMAXVAL 255\nTUPLTYPE RGB_ALPHA\nENDHDR\nabcdefghijklmnop",
	}},
	{format: "tiff", ext: ".tif", globs: []string{"../../convert/tiff/testdata/*.tif*"}},
	{format: "gif", ext: ".gif", globs: []string{"../../convert/gif/testdata/*.gif"}},
	{format: "webp", ext: ".webp", globs: []string{"../../convert/webp/testdata/*.webp"}},
	{format: "jpeg", ext: ".jpg", globs: []string{"../../convert/jpeg/testdata/*.jpg"}},
	{format: "flac", ext: ".flac", globs: []string{"../../convert/flac/testdata/*.flac"}},
	{format: "aiff", ext: ".aiff", globs: []string{"../../convert/aiff/testdata/*.aiff"}},
	{format: "mp3", ext: ".mp3", globs: []string{"../../convert/mp3/testdata/*.mp3"}},
	{format: "pfm", ext: ".pfm", texts: []string{"Pf\n2 2\n-1.0\n" + "0123456789abcdef", "PF\n1 2\n1\n" + "0123456789abcdef01234567"}},
	{format: "csv", ext: ".csv", texts: []string{"a,b,c\n1,2.5,x\n-3,1e9,\"y, z\"\n,NaN,\n", "1;2\n3;4\n", "x\ty\n0.1\ttrue\n7\tfalse\n", "1,2,3\r\n4,5,6\r\n"}},
	{format: "jsonl", ext: ".jsonl", texts: []string{
		"{\"a\":1,\"b\":[1.5,2],\"c\":\"x\"}\n{\"a\":-2,\"b\":[3,4e2],\"c\":\"\\u00e9\"}\n", "{\"a\":true}\n{\"a\":false}\n", "[1,2]\n[3,4]\n", "1\n2.5\nnull\n",
	}},
	{format: "text", ext: ".txt", texts: []string{"one\ntwo\r\nthree\n", "é\xe2\x82\xac\n\nlast", "\xef\xbb\xbfmark\n", "a\x00b\n"}},
	{format: "tsv", ext: ".tsv", texts: []string{"a\tb\n1\t2.5\n\tx\n", "0.1\ttrue\n7\tfalse\n", "x\n1\n", "1\t2\t3\r\n"}},
	{format: "idx", ext: ".idx", globs: []string{"../../testdata/idx/*.idx"}},
	{format: "idx.gz", ext: ".gz", globs: []string{"../../testdata/idx/*.gz"}},
	{format: "mtx.gz", ext: ".gz"},
}

const largestSeed = 64 << 10

// seeds are the files of a source, and what this module writes in its format.
func (s source) seeds(tb testing.TB) [][]byte {
	tb.Helper()
	var all [][]byte
	for _, pattern := range s.globs {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			tb.Fatal(err)
		}
		for _, path := range paths {
			b, err := os.ReadFile(path)
			if err != nil {
				tb.Fatal(err)
			}
			if len(b) <= largestSeed {
				all = append(all, b)
			}
		}
	}
	for _, text := range s.texts {
		all = append(all, []byte(text))
	}
	f, ok := convert.ByName(s.format)
	if !ok {
		tb.Fatalf("there is no format %q", s.format)
	}
	for _, v := range samples(tb) {
		var out bytes.Buffer
		if f.Write == nil {
			break
		}
		if err := write(&out, f, v); err == nil && out.Len() <= largestSeed {
			all = append(all, out.Bytes())
		}
	}
	if len(all) < 4 {
		tb.Fatalf("%s: %d seeds", s.format, len(all))
	}
	return all
}

// write writes one view, which a native file holds in between.
func write(out *bytes.Buffer, f convert.Format, v tensor.View) error {
	var native bytes.Buffer
	w, err := tensorfile.NewWriter(&native, nil)
	if err != nil {
		return err
	}
	if err := w.Add(ctx, "x", v, nil); err != nil {
		return err
	}
	if err := w.Commit(ctx); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	in, err := tensorfile.OpenReaderAt(bytes.NewReader(native.Bytes()), int64(native.Len()), nil)
	if err != nil {
		return err
	}
	defer in.Close()
	x, err := in.Tensor("x")
	if err != nil {
		return err
	}
	return f.Write(ctx, out, []convert.Source{{Tensor: x, As: "x"}}, nil)
}

// samples are tensors such as one format or another can hold.
func samples(tb testing.TB) (all []tensor.View) {
	tb.Helper()
	k := 0
	for _, d := range []tensor.DType{tensor.Bool, tensor.U8, tensor.I8, tensor.U16, tensor.I16, tensor.I32, tensor.F16, tensor.F32, tensor.F64} {
		for _, shape := range []tensor.Shape{{}, {3}, {5, 2}, {4, 6, 3}, {6, 5, 4}} {
			v, err := tensor.Make(d, shape)
			if err != nil {
				tb.Fatal(err)
			}
			b, err := v.Bytes()
			if err != nil {
				tb.Fatal(err)
			}
			for i := range b {
				k = k*31 + 7
				if b[i] = byte(k >> 3 & 0x3f); d == tensor.Bool {
					b[i] &= 1
				}
			}
			all = append(all, v)
		}
	}
	return all
}

// options bound what one file may cost.
func (s source) options() *convert.OpenOptions {
	o := &convert.OpenOptions{Format: s.format}
	o.MaxBytes, o.MaxDecoded, o.ReadWorkers = 1<<20, 4<<20, 1
	o.NoEXIF = true // readers differ in what they make of a broken one
	return o
}

// kindOf is the error's own, and fails unless it is one of this module.
func kindOf(t *testing.T, err error) error {
	t.Helper()
	var e *tensor.Error
	if !errors.As(err, &e) || e.Kind == nil {
		t.Fatalf("%T %v is no tensor.Error", err, err)
	}
	return e.Kind
}

// An item is one tensor as it was read.
type item struct {
	Name   string  `json:"name"`
	DType  string  `json:"dtype"`
	Shape  []int64 `json:"shape"`
	Sparse bool    `json:"sparse"`
	// Other says that the tensor is a composite of another kind, or too large:
	// only its name, dtype and shape are known.
	Other bool `json:"other"`
	Bytes int  `json:"bytes"`
	large bool
	data  []byte // in C order, little-endian
}

// readAll reads all that is in a file.
func readAll(file *tensorfile.File) ([]item, error) {
	items := []item{}
	for x, err := range file.Tensors() {
		if err != nil {
			return nil, err
		}
		it := item{Name: x.Name(), DType: x.DType().String(), Shape: append([]int64{}, x.Shape()...)}
		_, _, composite := x.Composite()
		if a, err := x.Sparse(ctx); err == nil {
			if n, err := x.Shape().NumElements(); err == nil && n <= 1<<14 {
				v, err := a.Dense(ctx, nil)
				if err != nil {
					return nil, err
				}
				it.data, err = cOrder(v)
				if err != nil {
					return nil, err
				}
				it.Sparse = true
			} else {
				it.Other, it.large = true, true
			}
		} else if composite {
			if _, err := x.ReadComposite(ctx); err != nil {
				return nil, err
			}
			it.Other = true
		} else if x.ByteSize() > 1<<20 {
			it.Other, it.large = true, true
		} else {
			var b bytes.Buffer
			if err := x.WriteCOrder(ctx, &b); err != nil {
				return nil, err
			}
			it.data = b.Bytes()
		}
		it.Bytes = len(it.data)
		items = append(items, it)
	}
	return items, nil
}

func cOrder(v tensor.View) ([]byte, error) {
	c, err := v.Clone()
	if err != nil {
		return nil, err
	}
	return c.Bytes()
}

// said is a file's contents, or its error, as a text.
func said(t *testing.T, s source, open func() (*tensorfile.File, error)) string {
	t.Helper()
	file, err := open()
	if err != nil {
		kindOf(t, err)
		return "open: " + err.Error()
	}
	defer file.Close()
	items, err := readAll(file)
	if err != nil {
		kindOf(t, err)
		return "read: " + err.Error()
	}
	attrs, err := file.Attrs()
	if err != nil {
		kindOf(t, err)
	}
	text := fmt.Sprintln(attrs, err)
	for _, it := range items {
		text += fmt.Sprintf("%q %s %v %v %v %x\n", it.Name, it.DType, it.Shape, it.Sparse, it.Other, it.data)
	}
	return text
}
