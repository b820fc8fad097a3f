package viewer

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"image/png"
	"math"
	"math/rand/v2"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/plot/colour"
	"github.com/tensorfile/tensorfile/ragged"
	"github.com/tensorfile/tensorfile/sparse"
	"github.com/tensorfile/tensorfile/tensor"
)

// Texts are the shortest that read back the same, of every dtype, and text as it is.
func TestValues(t *testing.T) {
	text, err := tensor.NewView([]byte("ab\x00c\"<\xff\x00\x00"), tensor.Text(3), tensor.Shape{3}, nil, 0, tensor.LittleEndian)
	ok(t, err)
	opaque, err := tensor.NewView([]byte{0, 1, 0xfe, 0xff}, tensor.Opaque(2), tensor.Shape{2}, nil, 0, tensor.LittleEndian)
	ok(t, err)
	nibbles, err := tensor.NewView([]byte{0x98, 0x7f}, tensor.I4, tensor.Shape{3}, nil, 0, tensor.LittleEndian)
	ok(t, err)
	path := write(t, filepath.Join(t.TempDir(), "a.tensor"), func(w *tensorfile.Writer) {
		add := func(name string, v tensor.View) { ok(t, w.Add(ctx, name, v, nil)) }
		add("f32", slice(t, []float32{0.1, -0, 1e30, 16777216, float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1)), math.SmallestNonzeroFloat32}))
		add("f64", slice(t, []float64{0.1, 1.0 / 3, 1e300}))
		add("f16", slice(t, []tensor.Float16{tensor.ToFloat16(0.1), tensor.ToFloat16(2.0)}))
		add("bf16", slice(t, []tensor.BFloat16{tensor.ToBFloat16(0.1), tensor.ToBFloat16(3.0)}))
		add("i64", slice(t, []int64{math.MinInt64, -1, math.MaxInt64}))
		add("u64", slice(t, []uint64{math.MaxUint64, 0}))
		add("bool", slice(t, []bool{true, false}))
		add("c64", slice(t, []complex64{1 - 2i, complex(0.5, 0)}))
		add("text", text)
		add("opaque", opaque)
		add("i4", nibbles)
		add("scalar", slice(t, []int32{42}, []int64{}...))
		add("m", slice(t, []int32{1, 2, 3, 4, 5, 6}, 1, 2, 3))
		add("none", slice(t, []int32{}, 0, 3))
	})
	s := show(t, nil, path)
	for name, want := range map[string]string{
		"f32": "0.1 0 1e+30 1.6777216e+07 nan inf -inf 1e-45", "f64": "0.1 0.3333333333333333 1e+300", "f16": "0.1 2", "bf16": "0.1 3",
		"i64": "-9223372036854775808 -1 9223372036854775807", "u64": "18446744073709551615 0", "bool": "true false", "c64": "1-2j 0.5+0j",
		"text": "ab c\"< \ufffd", "opaque": "0001 feff", "i4": "-8 -7 -1",
	} {
		cells := s.doc("values", "t="+name)["cells"].([]any)
		if got := fmt.Sprint(cells); got != "[["+want+"]]" {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	for _, c := range [][]string{
		{"[[1 2 3] [4 5 6]]", "t=m"}, {"[[1 4] [2 5] [3 6]]", "t=m", "y=2", "x=1"}, {"[[5 6]]", "t=m", "r0=1", "c0=1", "rows=9", "cols=9"}, {"[[4 5 6]]", "t=m", "y=-1", "x=2", "i=0,1,_"},
		{"[[3]]", "t=m", "y=-1", "x=-1", "i=0,0,2"}, {"[[42]]", "t=scalar"}, {"[]", "t=none"}, {"[]", "t=m", "r0=2"}, {"[[] []]", "t=m", "c0=3"},
	} {
		if got := fmt.Sprint(s.doc("values", c[1:]...)["cells"]); got != c[0] {
			t.Errorf("%v: %s", c, got)
		}
	}
	for _, c := range [][]string{{"t=m", "y=3"}, {"t=m", "y=1", "x=1"}, {"t=m", "i=0,0"}, {"t=m", "i=1,_,_"}, {"t=m", "i=a,_,_"}, {"t=m", "rows=0"}, {"t=m", "r0=-1"}, {"t=m", "y=x"}} {
		s.status(400, "values", c...)
	}
	s.status(413, "values", "t=m", "rows=101", "cols=100")
	s.status(413, "values", "t=m", "rows=9223372036854775807", "cols=9223372036854775807")
	s.status(404, "values", "t=nobody")
	s.status(400, "tile", "t=text")
}

// The range of a small plane is that of all its elements.
func TestRange(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 1))
	list := make([]float64, 40*50)
	for i := range list {
		list[i] = rng.NormFloat64()
	}
	finite := slices.Clone(list[3:])
	list[0], list[1], list[2] = math.NaN(), math.Inf(1), math.Inf(-1)
	large := make([]int32, 2000*1500)
	for i := range large {
		large[i] = int32(i % 1009)
	}
	path := write(t, filepath.Join(t.TempDir(), "a.tensor"), func(w *tensorfile.Writer) {
		ok(t, w.Add(ctx, "x", slice(t, list, 40, 50), nil))
		ok(t, w.Add(ctx, "large", slice(t, large, 2000, 1500), nil))
		ok(t, w.Add(ctx, "chunks", slice(t, large, 2000, 1500), &tensorfile.TensorOptions{Chunk: tensor.Shape{300, 300}, Codec: "zstd"}))
		ok(t, w.Add(ctx, "none", slice(t, []float32{}, 0, 4), nil))
	})
	s := show(t, nil, path)
	d := s.doc("range", "t=x", "p=0,25,50,100")
	slices.Sort(finite)
	at := func(q float64) float64 {
		k := q * float64(len(finite)-1)
		i := int(k)
		if i == len(finite)-1 {
			return finite[i]
		}
		return finite[i] + (finite[i+1]-finite[i])*(k-float64(i))
	}
	if d["min"] != finite[0] || d["max"] != finite[len(finite)-1] || d["nan"] != 1. || d["posinf"] != 1. || d["neginf"] != 1. || d["count"] != 2000. || d["exact"] != true {
		t.Errorf("%v", d)
	}
	for i, q := range []float64{0, 0.25, 0.5, 1} {
		if got := d["p"].([]any)[i].(float64); math.Abs(got-at(q)) > 1e-12 {
			t.Errorf("percentile %v: %v, want %v", q, got, at(q))
		}
	}
	for _, name := range []string{"large", "chunks"} {
		d := s.doc("range", "t="+name, "p=10,50,90")
		if d["exact"] != false || d["count"].(float64) < 500_000 || d["min"] != 0. || d["max"] != 1008. {
			t.Errorf("%s: %v", name, d)
		}
		for i, want := range []float64{100.8, 504, 907.2} {
			if got := d["p"].([]any)[i].(float64); math.Abs(got-want) > 20 {
				t.Errorf("%s: percentile %v, want about %v", name, got, want)
			}
		}
	}
	if d := s.doc("range", "t=none"); d["min"] != nil || d["count"] != 0. || d["exact"] != true {
		t.Errorf("%v", d)
	}
	s.status(400, "range", "t=x", "p=101")
	s.status(400, "range", "t=x", "p=a")
}

// Bins hold the least and the greatest of their elements: by elements, and by pairs that
// are kept where bins are large.
func TestProfile(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 2))
	n := 2_300_017
	if raceBuild {
		n = 1_100_017
	}
	list := make([]int16, n)
	for i := range list {
		list[i] = int16(rng.IntN(65536) - 32768)
	}
	frames := make([]float32, 3000*2)
	for i := range frames {
		frames[i] = rng.Float32()
	}
	frames[10], frames[21] = float32(math.NaN()), float32(math.Inf(1))
	path := write(t, filepath.Join(t.TempDir(), "a.tensor"), func(w *tensorfile.Writer) {
		ok(t, w.Add(ctx, "x", slice(t, list), nil))
		ok(t, w.Add(ctx, "chunks", slice(t, list), &tensorfile.TensorOptions{Chunk: tensor.Shape{100_000}, Codec: "lz4"}))
		ok(t, w.Add(ctx, "frames", slice(t, frames, 3000, 2), nil))
		ok(t, w.Add(ctx, "none", slice(t, []float32{}), nil))
	})
	for _, jobs := range []int{1, 4} {
		s := show(t, &Options{Jobs: jobs}, path)
		for _, name := range []string{"x", "chunks", "x"} { // again, of what was kept
			for _, c := range [][3]int{{0, n, 7}, {0, n, 300}, {0, n, 1300}, {12_345, n - 299_999, 64}, {n - 5, n, 100}, {1_048_570, 1_048_590, 9}, {0, 1, 1}} {
				from, to, bins := c[0], c[1], min(c[2], c[1]-c[0])
				got, shape := raw[float64](s, "profile", "t="+name, fmt.Sprint("from=", from), fmt.Sprint("to=", to), fmt.Sprint("n=", c[2]))
				if !slices.Equal(shape, []int{bins, 2}) {
					t.Fatal(shape)
				}
				start := func(i int) int {
					at := from + (i*(to-from)+bins-1)/bins
					if (to-from)/bins >= 16*1024 && i > 0 && i < bins {
						at = (at + 512) / 1024 * 1024
					}
					return at
				}
				for i := range bins {
					x := list[start(i):start(i+1)]
					if got[2*i] != float64(slices.Min(x)) || got[2*i+1] != float64(slices.Max(x)) {
						t.Fatalf("%s %v: bin %d is %v, %v, want %v, %v", name, c, i, got[2*i], got[2*i+1], slices.Min(x), slices.Max(x))
					}
				}
			}
		}
	}
	s := show(t, nil, path)
	got, _ := raw[float64](s, "profile", "t=frames", "axis=0", "i=_,0", "n=3000")
	if got[10] == got[10] || got[11] == got[11] || got[0] != float64(frames[0]) || got[12] != float64(frames[12]) {
		t.Error(got[:16])
	}
	got, _ = raw[float64](s, "profile", "t=frames", "axis=0", "i=_,1", "n=1")
	if !math.IsInf(got[1], 1) || math.IsNaN(got[0]) {
		t.Error(got)
	}
	if _, shape := raw[float64](s, "profile", "t=none"); !slices.Equal(shape, []int{0, 2}) {
		t.Error(shape)
	}
	s.status(413, "profile", "t=x", "n=8193")
	s.status(400, "profile", "t=x", "from=9", "to=3")
}

// Pictures: HWC, CHW, one channel and four, reduced and in parts, and atlases.
func TestImages(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 4))
	rgb := make([]uint8, 5*20*30*3)
	for i := range rgb {
		rgb[i] = uint8(rng.Uint32())
	}
	planar := make([]float32, 3*20*30)
	for i := range planar {
		c, p := i/600, i%600
		planar[i] = float32(rgb[p*3+c]) / 255
	}
	path := write(t, filepath.Join(t.TempDir(), "a.tensor"), func(w *tensorfile.Writer) {
		ok(t, w.Add(ctx, "hwc", slice(t, rgb[:1800], 20, 30, 3), nil))
		ok(t, w.Add(ctx, "batch", slice(t, rgb, 5, 20, 30, 3), nil))
		ok(t, w.Add(ctx, "chw", slice(t, planar, 3, 20, 30), &tensorfile.TensorOptions{Attrs: tensorfile.Attrs{}.WithDims("channel", "height", "width")}))
		ok(t, w.Add(ctx, "alpha", slice(t, rgb[:20*30*4], 20, 30, 4), nil))
	})
	s := show(t, nil, path)
	pixel := func(k int) []uint8 { return []uint8{rgb[3*k], rgb[3*k+1], rgb[3*k+2], 255} }
	for _, name := range []string{"hwc", "chw"} {
		got, shape := raw[uint8](s, "image", "t="+name)
		if !slices.Equal(shape, []int{20, 30, 4}) {
			t.Fatal(name, shape)
		}
		for k := range 600 {
			if !slices.Equal(got[4*k:4*k+4], pixel(k)) {
				t.Fatalf("%s: pixel %d is %v, want %v", name, k, got[4*k:4*k+4], pixel(k))
			}
		}
	}
	got, _ := raw[uint8](s, "image", "t=alpha")
	if !slices.Equal(got, rgb[:2400]) {
		t.Error("alpha")
	}
	// Four rows and two columns become one pixel: means, rounded.
	got, shape := raw[uint8](s, "image", "t=hwc", "r0=4", "r1=20", "c0=2", "c1=29", "h=4", "w=14")
	if !slices.Equal(shape, []int{4, 14, 4}) {
		t.Fatal(shape)
	}
	for y := range 4 {
		for x := range 14 {
			for c := range 3 {
				sum, n := 0, 0
				for r := 4 + 4*y; r < 8+4*y; r++ {
					for k := 2 + 2*x; k < min(4+2*x, 30); k++ {
						sum, n = sum+int(rgb[(r*30+k)*3+c]), n+1
					}
				}
				if want := uint8(math.Round(float64(float32(float64(sum) / float64(n))))); got[(y*14+x)*4+c] != want {
					t.Fatalf("pixel %d, %d, channel %d: %d, want %d", y, x, c, got[(y*14+x)*4+c], want)
				}
			}
		}
	}
	w := s.ask("thumbs", "t=batch", "axis=0", "from=1", "count=3", "size=64")
	if w.Code != 200 || w.Header().Get("X-Grid") != "2,2" || w.Header().Get("X-Shape") != "128,128,4" {
		t.Fatal(w.Code, w.Header())
	}
	atlas := w.Body.Bytes()
	for k := range 4 {
		y0, x0 := k/2*64, k%2*64
		for y := range 64 {
			for x := range 64 {
				at := ((y0+y)*128 + x0 + x) * 4
				want := []uint8{0, 0, 0, 0}
				// 20 x 30 pixels, twice as large, in the middle of 64 x 64.
				if k < 3 && y >= 12 && y < 52 && x >= 2 && x < 62 {
					want = pixel((k+1)*600 + (y-12)/2*30 + (x-2)/2)
				}
				if !slices.Equal(atlas[at:at+4], want) {
					t.Fatalf("picture %d, %d, %d: %v, want %v", k, y, x, atlas[at:at+4], want)
				}
			}
		}
	}
	s.status(400, "image", "t=batch", "c=1")
	s.status(400, "image", "t=batch", "y=0", "x=1", "c=2")
	s.status(400, "thumbs", "t=batch", "axis=1")
	s.status(413, "thumbs", "t=batch", "count=1025")
}

// Sound: the samples of the range in the file's own precision, and a tone in its bin.
func TestAudio(t *testing.T) {
	list := make([]int16, 4000*2)
	for i := range list {
		list[i] = int16(i*37 - 12000)
	}
	tone := make([]float32, 8000)
	for i := range tone {
		tone[i] = float32(math.Sin(2 * math.Pi * 1000 * float64(i) / 8000))
	}
	attrs := tensorfile.Attrs{"sample_rate": int64(8000)}
	path := write(t, filepath.Join(t.TempDir(), "a.tensor"), func(w *tensorfile.Writer) {
		ok(t, w.Add(ctx, "stereo", slice(t, list, 4000, 2), &tensorfile.TensorOptions{Attrs: attrs}))
		ok(t, w.Add(ctx, "u8", slice(t, []uint8{0, 128, 255, 129}), &tensorfile.TensorOptions{Attrs: attrs}))
		ok(t, w.Add(ctx, "tone", slice(t, tone), &tensorfile.TensorOptions{Attrs: attrs}))
		v, err := slice(t, []uint8{0}).BroadcastTo(tensor.Shape{8000*600 + 1})
		ok(t, err)
		ok(t, w.Add(ctx, "long", v, &tensorfile.TensorOptions{Attrs: attrs}))
	})
	s := show(t, nil, path)
	open := func(b []byte) *tensorfile.Tensor {
		p := filepath.Join(t.TempDir(), "a.wav")
		ok(t, os.WriteFile(p, b, 0o600))
		f, err := convert.Open(ctx, p, nil)
		ok(t, err)
		t.Cleanup(func() { f.Close() })
		x, err := f.Tensor("a")
		ok(t, err)
		return x
	}
	w := s.ask("audio", "t=stereo", "from=1000", "to=3000")
	x := open(w.Body.Bytes())
	a, err := x.Attrs()
	ok(t, err)
	v, err := x.Read(ctx)
	ok(t, err)
	got, err := tensor.Data[int16](v)
	ok(t, err)
	if !slices.Equal(got, list[2000:6000]) || fmt.Sprint(a["sample_rate"]) != "8000" || w.Header().Get("Content-Length") != fmt.Sprint(w.Body.Len()) {
		t.Error(len(got), a, w.Header())
	}
	v, err = open(s.ask("audio", "t=stereo", "c=-1", "i=_,1").Body.Bytes()).Read(ctx)
	ok(t, err)
	if got, err = tensor.Data[int16](v); err != nil || len(got) != 4000 || got[17] != list[35] {
		t.Error(len(got), err)
	}
	v, err = open(s.ask("audio", "t=u8").Body.Bytes()).Read(ctx)
	ok(t, err)
	if got, err = tensor.Data[int16](v); err != nil || !slices.Equal(got, []int16{-32768, 0, 127 << 8, 1 << 8}) {
		t.Error(got, err)
	}
	s.status(413, "audio", "t=long")
	// 1000 Hz of 8000 is bin 32 of 256.
	levels, shape := raw[float32](s, "spectrogram", "t=tone", "window=256", "columns=20")
	if !slices.Equal(shape, []int{20, 129}) {
		t.Fatal(shape)
	}
	for c := range 20 {
		column := levels[c*129 : (c+1)*129]
		if d := math.Abs(float64(column[32])); d > 1e-3 || column[30] > -100 || column[0] > -100 || slices.Max(column) != column[32] {
			t.Fatalf("column %d: %v dB at the tone, %v beside it", c, column[32], column[30])
		}
	}
	s.status(400, "spectrogram", "t=tone", "window=100")
	s.status(413, "spectrogram", "t=tone", "columns=2049")
}

// The pattern counts entries as sparse.Array.Image does, for every layout, and rows are
// those of the dense matrix.
func TestSparse(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 9))
	const rows, columns = 120, 88
	dense := make([]float32, rows*columns)
	for range 900 {
		dense[rng.IntN(rows*columns)] = float32(rng.IntN(99) + 1)
	}
	coo, err := sparse.FromDense(ctx, slice(t, dense, rows, columns), tensor.View{}, sparse.COO, nil)
	ok(t, err)
	layouts := []sparse.Layout{sparse.COO, sparse.CSR, sparse.CSC, sparse.BSR, sparse.CSF, sparse.Bitmap}
	path := write(t, filepath.Join(t.TempDir(), "a.tensor"), func(w *tensorfile.Writer) {
		for _, l := range layouts {
			a, err := coo.Convert(ctx, l, &sparse.Options{Block: [2]int64{4, 2}})
			ok(t, err)
			ok(t, w.AddSparse(ctx, l.String(), a, nil))
			ok(t, w.AddSparse(ctx, l.String()+"/chunks", a, &tensorfile.TensorOptions{Chunk: tensor.Shape{100}, Codec: "zstd"}))
		}
	})
	s := show(t, nil, path)
	f, err := tensorfile.Open(path, nil)
	ok(t, err)
	defer f.Close()
	for _, l := range layouts {
		for _, name := range []string{l.String(), l.String() + "/chunks"} {
			x, err := f.Tensor(name)
			ok(t, err)
			a, err := x.Sparse(ctx)
			ok(t, err)
			v, err := a.Image(ctx, 50, 33, tensor.U32, nil)
			ok(t, err)
			want, err := tensor.Data[uint32](v)
			ok(t, err)
			codec := ""
			if name != l.String() {
				codec = "zstd"
			}
			if d := s.doc("tensor", "t="+name); d["codec"] != codec {
				t.Errorf("%s: codec %v, want %q", name, d["codec"], codec)
			}
			got, shape := raw[uint32](s, "sparse", "t="+name, "h=50", "w=33")
			if !slices.Equal(shape, []int{50, 33}) || !slices.Equal(got, want) {
				t.Fatalf("%s: another picture, %v", name, shape)
			}
			// A part that goes beyond the matrix, in cells of 4 x 8.
			part, _ := raw[uint32](s, "sparse", "t="+name, "r0=64", "r1=128", "c0=32", "c1=96", "h=16", "w=8")
			var sum, all uint32
			for _, n := range part {
				sum += n
			}
			stored := func(r, c int) bool {
				if l == sparse.BSR { // all elements of a block are there
					for y := r / 4 * 4; y < r/4*4+4; y++ {
						if dense[y*columns+c/2*2] != 0 || dense[y*columns+c/2*2+1] != 0 {
							return true
						}
					}
				}
				return dense[r*columns+c] != 0
			}
			for r := 64; r < rows; r++ {
				for c := 32; c < columns; c++ {
					if stored(r, c) {
						all++
						if part[(r-64)/4*8+(c-32)/8] == 0 {
							t.Fatalf("%s: nothing at %d, %d", name, r, c)
						}
					}
				}
			}
			if sum != all {
				t.Errorf("%s: %d entries in a part, want %d", name, sum, all)
			}
			for _, row := range []int{0, 3, 57, rows - 1} {
				want := []any{}
				for c := range columns {
					if stored(row, c) {
						want = append(want, []any{float64(c), fmt.Sprint(dense[row*columns+c])})
					}
				}
				d := s.doc("sparserow", "t="+name, fmt.Sprint("row=", row))
				if !reflect.DeepEqual(d["entries"], want) || d["total"] != float64(len(want)) {
					t.Errorf("%s: row %d is %v, want %v", name, row, d["entries"], want)
				}
				if page := s.doc("sparserow", "t="+name, fmt.Sprint("row=", row), "offset=1", "limit=2")["entries"].([]any); len(want) >= 3 && !reflect.DeepEqual(page, want[1:3]) {
					t.Errorf("%s: %v", name, page)
				}
			}
		}
	}
	s.status(400, "sparserow", "t=coo", fmt.Sprint("row=", rows))
	s.status(413, "sparse", "t=coo", "h=1000000000", "w=4")
	s.status(400, "tile", "t=coo")
}

// Rows of different lengths, and strings.
func TestRows(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	offsets := []int64{0}
	var values []int32
	for range 300 {
		for range rng.IntN(100) {
			values = append(values, int32(len(values)))
		}
		offsets = append(offsets, int64(len(values)))
	}
	rows, err := ragged.New(slice(t, offsets), slice(t, values), 100)
	ok(t, err)
	words := make([]string, 240)
	for i := range words {
		words[i] = strings.Repeat("ä<", i%7) + fmt.Sprint(i)
	}
	words[5] = strings.Repeat("é", 5000)
	list, err := ragged.FromStrings(words, 80, 3)
	ok(t, err)
	path := write(t, filepath.Join(t.TempDir(), "a.tensor"), func(w *tensorfile.Writer) {
		ok(t, w.AddRagged(ctx, "rows", rows, nil))
		ok(t, w.AddStrings(ctx, "words", list, nil))
		ok(t, w.AddRagged(ctx, "bad", rows, &tensorfile.TensorOptions{Chunk: tensor.Shape{500}, Codec: "zstd"}))
	})
	s := show(t, nil, path)
	d := s.doc("rows", "t=rows", "from=3", "count=290")
	if d["total"] != 300. {
		t.Error(d["total"])
	}
	for i, r := range d["rows"].([]any) {
		o := r.(object)
		a, b := offsets[i+3], offsets[i+4]
		var want []any
		for k := a; k < min(b, a+rowValues); k++ {
			want = append(want, fmt.Sprint(k))
		}
		got, _ := o["values"].([]any)
		if o["length"] != float64(b-a) || !reflect.DeepEqual(got, want) || (o["cut"] == true) != (b-a > rowValues) {
			t.Fatalf("row %d: %v, want %v", i+3, o, want)
		}
	}
	for i, r := range s.doc("rows", "t=words", "from=4", "count=200")["rows"].([]any) {
		o, want := r.(object), words[i+4]
		if o["length"] != float64(len(want)) {
			t.Fatalf("string %d: %v", i+4, o["length"])
		}
		if len(want) > rowText {
			want = want[:rowText]
		}
		if o["text"] != want || (o["cut"] == true) != (i+4 == 5) {
			t.Fatalf("string %d: %v, want %q", i+4, o["text"], want)
		}
	}
	if n := len(s.doc("rows", "t=rows", "from=300")["rows"].([]any)); n != 0 {
		t.Error(n)
	}
	s.status(400, "tile", "t=rows")
	s.status(413, "rows", "t=rows", "count=1001")
}

// Statistics and histograms are those of all elements, told once and kept.
func TestStats(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 6))
	list := make([]float64, 300*70)
	for i := range list {
		list[i] = float64(rng.IntN(4000)-2000) / 8
	}
	path := write(t, filepath.Join(t.TempDir(), "a.tensor"), func(w *tensorfile.Writer) {
		ok(t, w.Add(ctx, "x", slice(t, list, 300, 70), nil))
		ok(t, w.Add(ctx, "chunks", slice(t, list, 300, 70), &tensorfile.TensorOptions{Chunk: tensor.Shape{64, 64}, Codec: "zstd"}))
	})
	s := show(t, nil, path)
	sum, squares := 0.0, 0.0
	for _, x := range list {
		sum, squares = sum+x, squares+x*x
	}
	mean := sum / float64(len(list))
	sorted := slices.Sorted(slices.Values(list))
	for _, name := range []string{"x", "chunks", "x"} {
		d := s.result("stats", "t="+name)
		if d["min"] != sorted[0] || d["max"] != sorted[len(sorted)-1] || math.Abs(d["mean"].(float64)-mean) > 1e-9 || math.Abs(d["std"].(float64)-math.Sqrt(squares/float64(len(list))-mean*mean)) > 1e-9 || d["count"] != 21000. || d["quantiles_exact"] != true {
			t.Errorf("%s: %v", name, d)
		}
		h := s.result("histogram", "t="+name, "bins=10", "lo=-100", "hi=100")["histogram"].(object)
		want := make([]any, 10)
		for i := range want {
			n := 0
			for _, x := range list {
				lo := -100 + 20*float64(i)
				if x >= lo && (x < lo+20 || i == 9 && x == 100) {
					n++
				}
			}
			want[i] = float64(n)
		}
		if !reflect.DeepEqual(h["counts"], want) || h["min"] != -100. || h["max"] != 100. {
			t.Errorf("%s: %v, want %v", name, h, want)
		}
	}
	row := s.result("stats", "t=x", "sel=[7, ::2]")
	part := []float64{}
	for c := 0; c < 70; c += 2 {
		part = append(part, list[7*70+c])
	}
	if row["count"] != 35. || row["min"] != slices.Min(part) || row["max"] != slices.Max(part) {
		t.Errorf("%v", row)
	}
	s.status(400, "stats", "t=x", "sel=[900]")
	s.status(400, "stats", "t=x", "sel=[a]")
	s.status(413, "histogram", "t=x", "bins=5000")
	s.status(400, "histogram", "t=x", "lo=2", "hi=1")
}

// Downloads are the elements, whatever is selected, in files that the library reads
// back.
func TestDownload(t *testing.T) {
	list := make([]float32, 6*5*4)
	for i := range list {
		list[i] = float32(i) / 8
	}
	pixels := make([]uint8, 9*7*3)
	for i := range pixels {
		pixels[i] = uint8(i * 11)
	}
	path := write(t, filepath.Join(t.TempDir(), "a.tensor"), func(w *tensorfile.Writer) {
		ok(t, w.Add(ctx, "x", slice(t, list, 6, 5, 4), &tensorfile.TensorOptions{Chunk: tensor.Shape{4, 4, 4}, Codec: "zstd"}))
		ok(t, w.Add(ctx, "picture", slice(t, pixels, 9, 7, 3), &tensorfile.TensorOptions{Attrs: tensorfile.Attrs{}.WithDims("height", "width", "channel")}))
		ok(t, w.Add(ctx, "sound", slice(t, []int16{1, -2, 3}), nil))
		ok(t, w.Add(ctx, "none", slice(t, []float32{}, 0), nil))
		ok(t, w.Add(ctx, "../../e vil\"\u202e<x>.npy", slice(t, list[:2]), nil))
	})
	s := show(t, nil, path)
	read := func(w *httptest.ResponseRecorder, name string) tensor.View {
		t.Helper()
		if w.Code != 200 {
			t.Fatal(w.Code, w.Body.String())
		}
		p := filepath.Join(t.TempDir(), name)
		ok(t, os.WriteFile(p, w.Body.Bytes(), 0o600))
		f, err := convert.Open(ctx, p, nil)
		ok(t, err)
		t.Cleanup(func() { f.Close() })
		for x, err := range f.Tensors() {
			ok(t, err)
			v, err := x.Read(ctx)
			ok(t, err)
			return v
		}
		t.Fatal("no tensor")
		return tensor.View{}
	}
	all := slice(t, list, 6, 5, 4)
	for _, sel := range []string{"", "[1:5, ::-2, 3]", "[2]", "[..., newaxis]"} {
		want := all
		if sel != "" {
			parsed, err := tensor.ParseSelection(sel)
			ok(t, err)
			want, err = all.Select(parsed)
			ok(t, err)
		}
		got := read(s.ask("download", "t=x", "sel="+sel), "a.npy")
		if equal, err := tensor.Equal(got, want); err != nil || !equal {
			t.Errorf("%s: %v %v", sel, got.Shape(), err)
		}
	}
	if got := s.ask("download", "t=x", "sel=[0, :2, :]", "as=csv").Body.String(); got != "0.0,0.125,0.25,0.375\n0.5,0.625,0.75,0.875\n" {
		t.Errorf("%q", got)
	}
	w := s.ask("download", "t=picture", "as=png")
	m, err := png.Decode(bytes.NewReader(w.Body.Bytes()))
	ok(t, err)
	for y := range 9 {
		for x := range 7 {
			r, g, b, _ := m.At(x, y).RGBA()
			at := (y*7 + x) * 3
			if uint8(r>>8) != pixels[at] || uint8(g>>8) != pixels[at+1] || uint8(b>>8) != pixels[at+2] {
				t.Fatal(y, x)
			}
		}
	}
	if v := read(s.ask("download", "t=sound", "as=wav"), "a.wav"); v.String() != "[ 1 -2  3]" {
		t.Error(v)
	}
	if w := s.ask("download", "t=none", "as=csv"); w.Code != 200 || w.Body.Len() != 0 || w.Header().Get("Content-Disposition") == "" {
		t.Error(w.Code, w.Body.String())
	}
	// A name is a file of that name and nothing else.
	w = s.ask("download", "t=../../e vil\"\u202e<x>.npy")
	if d := w.Header().Get("Content-Disposition"); w.Code != 200 || d != `attachment; filename="_.._e vil___x_.npy.npy"; filename*=UTF-8''_.._e%20vil___x_.npy.npy` {
		t.Errorf("%d %q", w.Code, d)
	}
	if w := s.ask("download", "t=sound", "as=png"); w.Code < 400 || w.Header().Get("Content-Disposition") != "" {
		t.Error(w.Code, w.Header())
	}
	s.status(400, "download", "t=x", "as=exe")
	s.status(404, "download", "t=nobody")
}

// The history of a file, older generations, and what differs between two.
func TestGenerations(t *testing.T) {
	path := write(t, filepath.Join(t.TempDir(), "a.tensor"), func(w *tensorfile.Writer) {
		ok(t, w.Add(ctx, "x", slice(t, []float32{1, 2, 3, 4}, 2, 2), nil))
		ok(t, w.Add(ctx, "y", slice(t, []int32{1}), nil))
	})
	edit := func(fn func(w *tensorfile.Writer)) {
		w, err := tensorfile.OpenAppend(path, nil)
		ok(t, err)
		defer w.Close()
		fn(w)
		ok(t, w.Commit(ctx))
	}
	edit(func(w *tensorfile.Writer) {
		ok(t, w.Delete("x"))
		ok(t, w.Add(ctx, "x", slice(t, []float32{1, 2.5, 3, -4}, 2, 2), nil))
		ok(t, w.Add(ctx, "z", slice(t, []int32{7}), nil))
	})
	edit(func(w *tensorfile.Writer) { ok(t, w.Delete("y")) })
	s := show(t, nil, path)
	d := s.doc("generations")
	list := d["generations"].([]any)
	if len(list) != 3 || d["next"] != nil {
		t.Fatal(d)
	}
	g := list[1].(object)
	if g["generation"] != 2. || fmt.Sprint(g["added"], g["replaced"], g["removed"]) != "[z] [x] []" || fmt.Sprint(list[0].(object)["removed"]) != "[y]" {
		t.Error(list)
	}
	if d := s.doc("generations", "offset=1", "limit=1"); d["next"] != 2. || len(d["generations"].([]any)) != 1 {
		t.Error(d)
	}
	if got := fmt.Sprint(s.doc("values", "t=x", "at=1")["cells"], s.doc("values", "t=x")["cells"]); got != "[[1 2] [3 4]] [[1 2.5] [3 -4]]" {
		t.Error(got)
	}
	s.status(404, "values", "t=x", "at=9")
	s.status(404, "values", "t=y")
	files := s.result("difffiles", "at=1", "g=0", "bt=3")
	if fmt.Sprint(files["same"], files["different"], files["only_a"], files["only_b"], files["failed"]) != "0 1 1 1 0" || len(files["rows"].([]any)) != 3 {
		t.Error(files)
	}
	one := s.result("diff", "t=x", "at=1", "g=0", "bt=3")
	top := one["top"].([]any)[0].(object)
	if one["status"] != "different" || one["different"] != 2. || one["count"] != 4. || one["maxabs"] != 8. || fmt.Sprint(top["index"], top["a"], top["b"], top["abs"]) != "[1 1] 4 -4 8" {
		t.Error(one)
	}
	cells, _ := raw[float32](s, "tile", "t=x", "at=1", "g=0", "bt=3", "u=x", "op=absdiff", "reduce=max")
	same(t, "differences", cells, []float32{0, 0.5, 0, 8})
	// What is committed meanwhile shows when the list of files is asked for again.
	edit(func(w *tensorfile.Writer) { ok(t, w.Delete("z")) })
	if s.ask("values", "t=z").Code != 200 {
		t.Error("an open file has changed")
	}
	if got := s.doc("files")["files"].([]any)[0].(object); got["generation"] != 4. || got["generations"] != 4. {
		t.Error(got)
	}
	s.status(404, "values", "t=z")
}

// The bytes of a file: every one in one segment.
func TestBytes(t *testing.T) {
	path := small(t)
	s := show(t, nil, path)
	fi, err := os.Stat(path)
	ok(t, err)
	d := s.doc("bytes")
	at, payload := 0.0, -1.0
	for i, x := range d["segments"].([]any) {
		g := x.(object)
		if g["offset"] != at {
			t.Errorf("segment %d begins at %v, want %v", i, g["offset"], at)
		}
		at += g["length"].(float64)
		if g["kind"] == "payload" {
			payload = g["offset"].(float64)
			if fmt.Sprint(g["tensors"]) != "[x]" || g["length"] != 24. {
				t.Error(g)
			}
		}
	}
	if at != float64(fi.Size()) || d["size"] != at || d["sound"] != true || payload < 0 {
		t.Error(at, d["size"], d["sound"])
	}
	found := s.doc("bytes", fmt.Sprint("byte=", int(payload)+23), "limit=1")
	if g := found["segments"].([]any)[0].(object); g["offset"] != payload || found["index"] != found["offset"] {
		t.Error(found)
	}
	w := s.ask("bytemap", "cells=1000000")
	kinds := strings.Split(w.Header().Get("X-Kinds"), ",")
	if w.Body.Len() != int(fi.Size()) || kinds[w.Body.Bytes()[0]] != "header" || kinds[w.Body.Bytes()[int(payload)+3]] != "payload" {
		t.Error(w.Body.Len(), kinds)
	}
	list, shape := raw[uint8](s, "bytemap", "cells=3")
	if !slices.Equal(shape, []int{3}) || len(list) != 3 {
		t.Error(shape)
	}
}

// Axes and views are chosen by names of axes, attributes and shapes.
func TestLooks(t *testing.T) {
	one := func(d tensor.DType, dims []string, attrs tensorfile.Attrs, shape ...int64) object {
		t.Helper()
		v, err := tensor.Make(tensor.U8, tensor.Shape{})
		ok(t, err)
		if d != tensor.U8 {
			v, err = tensor.Make(d, tensor.Shape{})
			ok(t, err)
		}
		v, err = v.BroadcastTo(shape)
		ok(t, err)
		if dims != nil {
			attrs = attrs.WithDims(dims...)
		}
		path := write(t, filepath.Join(t.TempDir(), "a.tensor"), func(w *tensorfile.Writer) {
			ok(t, w.Add(ctx, "x", v, &tensorfile.TensorOptions{Attrs: attrs}))
		})
		return show(t, nil, path).doc("tensor", "t=x")
	}
	for _, c := range []struct {
		d     object
		want  string
		audio string
	}{
		{one(tensor.F32, nil, nil), "<nil> <nil> <nil> [values]", "<nil>"},
		{one(tensor.F32, nil, nil, 9), "<nil> 0 <nil> [line values hist]", "<nil>"},
		{one(tensor.F32, nil, nil, 9, 8), "0 1 <nil> [heat values line hist image]", "<nil>"},
		{one(tensor.F32, nil, nil, 2, 9, 8), "1 2 <nil> [heat values line hist image]", "<nil>"},
		{one(tensor.U8, nil, nil, 100, 90, 3), "0 1 2 [image heat values hist line]", "<nil>"},
		{one(tensor.U8, nil, nil, 7, 100, 90, 4), "1 2 3 [image heat values hist line]", "<nil>"},
		{one(tensor.U8, nil, nil, 3, 100, 90), "1 2 0 [image heat values hist line]", "<nil>"},
		{one(tensor.F32, []string{"width", "height", "channel"}, nil, 90, 100, 3), "1 0 2 [image heat values hist line]", "<nil>"},
		{one(tensor.I16, []string{"time", "channel"}, tensorfile.Attrs{"sample_rate": int64(44100)}, 5000, 2), "0 1 <nil> [audio line values hist heat]", "map[channels:1 frames:0 rate:44100]"},
		{one(tensor.F32, nil, tensorfile.Attrs{"sample_rate": 8000.0}, 5000), "<nil> 0 <nil> [audio line values hist]", "map[frames:0 rate:8000]"},
		{one(tensor.Text(4), nil, nil, 5, 6), "0 1 <nil> [values]", "<nil>"},
		{one(tensor.C64, nil, nil, 5, 6), "0 1 <nil> [heat values line hist]", "<nil>"},
	} {
		a := c.d["axes"].(object)
		if got := fmt.Sprint(a["y"], " ", a["x"], " ", a["c"], " ", c.d["views"]); got != c.want || fmt.Sprint(c.d["audio"]) != c.audio {
			t.Errorf("%v %v: %s, %v, want %s, %s", c.d["dtype"], c.d["shape"], got, c.d["audio"], c.want, c.audio)
		}
	}
}

// The maps are those of charts.
func TestColourMaps(t *testing.T) {
	s := show(t, nil, small(t))
	maps := s.doc("colormaps")["maps"].([]any)
	if len(maps) != len(colour.Names()) {
		t.Fatal(len(maps))
	}
	for m, name := range colour.Names() {
		d := maps[m].(object)
		rgb, err := base64.StdEncoding.DecodeString(d["rgb"].(string))
		if ok(t, err); d["name"] != name || len(rgb) != 256*3 {
			t.Fatal(d["name"], len(rgb))
		}
		for k := range 256 {
			c := colour.ByName(name).At(float64(k) / 255)
			if got := rgb[k*3:][:3]; !slices.Equal(got, []byte{c.R, c.G, c.B}) {
				t.Fatalf("%s %d: %v, want %v", name, k, got, c)
			}
		}
	}
}
