package viewer

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/quant"
	"github.com/tensorfile/tensorfile/tensor"
)

// Files of other formats, deflated ones too, files that are not mapped and files behind
// HTTP show the same tiles.
func TestSources(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	const h, w = 300, 410
	list := make([]float32, h*w)
	pixels := make([]uint8, h*w*3)
	for i := range list {
		list[i] = float32(rng.IntN(1 << 16))
	}
	for i := range pixels {
		pixels[i] = uint8(rng.Uint32())
	}
	dir := t.TempDir()
	path := write(t, filepath.Join(dir, "a.tensor"), func(f *tensorfile.Writer) {
		ok(t, f.Add(ctx, "a", slice(t, list, h, w), &tensorfile.TensorOptions{Chunk: tensor.Shape{64, 100}, Codec: "zstd"}))
	})
	picture := write(t, filepath.Join(dir, "p.tensor"), func(f *tensorfile.Writer) { ok(t, f.Add(ctx, "a", slice(t, pixels, h, w, 3), nil)) })
	for _, c := range []struct {
		in, out  string
		compress bool
	}{{path, "a.npy", false}, {path, "b.npz", true}, {path, "c.npz", false}, {picture, "a.png", false}} {
		_, err := convert.Files(ctx, []string{c.in}, filepath.Join(dir, c.out), &convert.Options{NoSync: true, Write: convert.WriteOptions{Compress: c.compress}})
		ok(t, err)
	}
	remote := httptest.NewServer(http.FileServer(http.Dir(dir)))
	defer remote.Close()
	defer remote.CloseClientConnections()
	plain := &convert.OpenOptions{}
	plain.NoMmap = true
	at := func(r, c int64) float64 { return float64(list[r*w+c]) }
	for _, name := range []string{filepath.Join(dir, "a.tensor"), filepath.Join(dir, "a.npy"), filepath.Join(dir, "b.npz"), filepath.Join(dir, "c.npz"), remote.URL + "/a.tensor", remote.URL + "/b.npz"} {
		for _, o := range []*Options{nil, {Open: plain, Jobs: 1}} {
			s := show(t, o, name)
			for _, op := range []string{"max", "nearest"} {
				for _, l := range []int64{0, 2, 7} {
					got, _ := raw[float32](s, "tile", "t=a", "reduce="+op, fmt.Sprint("level=", l))
					same(t, fmt.Sprint(name, op, l), got, cellsWanted(h, w, at, op, l, l, 0, 0))
				}
			}
			if d := s.doc("files")["files"].([]any)[0].(object); d["error"] != nil || strings.Contains(d["name"].(string), "http") == (name[0] == '/') {
				t.Error(d)
			}
			cells := s.doc("values", "t=a", "r0=130", "c0=200", "rows=2", "cols=2")["cells"]
			if want := fmt.Sprintf("[[%v %v] [%v %v]]", at(130, 200), at(130, 201), at(131, 200), at(131, 201)); fmt.Sprint(cells) != want {
				t.Error(name, cells, want)
			}
			if d := s.doc("bytes"); d["size"].(float64) <= 0 || len(d["segments"].([]any)) == 0 {
				t.Error(name, d)
			}
			if d := s.doc("tensor", "t=a"); d["ratio"] == nil || d["storage"].(object)["kind"] == "" {
				t.Error(name, d)
			}
			s.status(400, "tensors", "limit=x")
		}
	}
	s := show(t, nil, filepath.Join(dir, "a.png"))
	got, shape := raw[uint8](s, "image", "t=a")
	if fmt.Sprint(shape) != fmt.Sprint([]int{h, w, 4}) {
		t.Fatal(shape)
	}
	for i := range h * w {
		if got[4*i] != pixels[3*i] || got[4*i+1] != pixels[3*i+1] || got[4*i+2] != pixels[3*i+2] || got[4*i+3] != 255 {
			t.Fatal(i, got[4*i:4*i+4], pixels[3*i:3*i+3])
		}
	}
	s.status(400, "generations") // a foreign file has none
}

// Quantised tensors are shown as the numbers that they stand for.
func TestQuantised(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 9))
	const h, w = 40, 64
	codes, err := tensor.Make(tensor.I4, tensor.Shape{h, w})
	ok(t, err)
	for i, b := 0, codes.Span(); i < len(b); i++ {
		b[i] = byte(rng.Uint32())
	}
	scales := make([]float32, h*2)
	for i := range scales {
		scales[i] = float32(i+1) / 4
	}
	a, err := quant.New(quant.Spec{DType: tensor.F32, Values: codes, Scales: slice(t, scales, h, 2), Group: []int64{1, 32}})
	ok(t, err)
	path := write(t, filepath.Join(t.TempDir(), "q.tensor"), func(f *tensorfile.Writer) {
		ok(t, f.AddQuantised(ctx, "q", a, nil))
		ok(t, f.AddQuantised(ctx, "chunks", a, &tensorfile.TensorOptions{Chunk: tensor.Shape{16}, Codec: "zstd"}))
	})
	s := show(t, nil, path)
	wide, err := codes.Cast(tensor.I8)
	ok(t, err)
	whole, err := tensor.Data[int8](wide)
	ok(t, err)
	at := func(r, c int64) float64 { return float64(whole[r*w+c]) * float64(scales[r*2+c/32]) }
	for _, name := range []string{"q", "chunks"} {
		for _, l := range []int64{0, 1, 4} {
			got, _ := raw[float32](s, "tile", "t="+name, "reduce=max", fmt.Sprint("level=", l))
			same(t, fmt.Sprint(name, l), got, cellsWanted(h, w, at, "max", l, l, 0, 0))
		}
		if got := fmt.Sprint(s.doc("values", "t="+name, "r0=3", "c0=31", "rows=1", "cols=2")["cells"]); got != fmt.Sprintf("[[%v %v]]", at(3, 31), at(3, 32)) {
			t.Error(got)
		}
	}
}

// Blocks of ggml are shown as the numbers that they stand for, too, and what is
// downloaded of them is these.
func TestBlocks(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 9))
	const h, w = 40, 96
	d, known := tensor.Block(8) // q8_0: a scale and 32 bytes
	if !known {
		t.Fatal("there is no q8_0")
	}
	v, err := tensor.Make(d, tensor.Shape{h, w})
	ok(t, err)
	b := v.Span()
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	for i := 0; i < len(b); i += 34 {
		b[i], b[i+1] = 0, 0x38+4*byte(i/34%2) // 0.5 and 1 as f16
	}
	at := func(r, c int64) float64 {
		block := b[(r*w+c)/32*34:]
		return float64(int8(block[2+c%32])) * []float64{0.5, 1}[(r*w+c)/32%2]
	}
	path := write(t, filepath.Join(t.TempDir(), "g.tensor"), func(f *tensorfile.Writer) {
		ok(t, f.Add(ctx, "raw", v, nil))
		ok(t, f.Add(ctx, "chunks", v, &tensorfile.TensorOptions{Chunk: tensor.Shape{16, 64}, Codec: "zstd"}))
	})
	s := show(t, nil, path)
	for _, name := range []string{"raw", "chunks"} {
		doc := s.doc("tensor", "t="+name)
		if doc["numeric"] != true || fmt.Sprint(doc["views"]) != "[heat values line hist image]" || doc["dtype"] != "q8_0" {
			t.Errorf("%s: %v %v %v", name, doc["numeric"], doc["views"], doc["dtype"])
		}
		for _, l := range []int64{0, 1, 4} {
			for _, op := range []string{"min", "mean", "nearest"} {
				got, _ := raw[float32](s, "tile", "t="+name, "reduce="+op, fmt.Sprint("level=", l))
				same(t, fmt.Sprint(name, op, l), got, cellsWanted(h, w, at, op, l, l, 0, 0))
			}
		}
		if got := fmt.Sprint(s.doc("values", "t="+name, "r0=3", "c0=31", "rows=1", "cols=2")["cells"]); got != fmt.Sprintf("[[%v %v]]", at(3, 31), at(3, 32)) {
			t.Error(got)
		}
		most := -1e9
		for i := range int64(h * w) {
			most = max(most, at(i/w, i%w))
		}
		if r := s.result("histogram", "t="+name, "bins=3"); r["numeric"] != true || r["max"] != most || r["count"] != float64(h*w) {
			t.Errorf("%s: %v", name, r)
		}
		if got, want := s.ask("download", "t="+name, "as=csv", "sel=3, 31:33").Body.String(), fmt.Sprintf("%.1f\n%.1f\n", at(3, 31), at(3, 32)); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
		bins, _ := raw[float64](s, "profile", "t="+name, "axis=1", "i=5,_", "n=96")
		for c := range int64(w) {
			if bins[2*c] != at(5, c) {
				t.Fatalf("%s: element %d is %v, want %v", name, c, bins[2*c], at(5, c))
			}
		}
	}
}

// FuzzQuery asks for anything of a small file: whatever it is, the answer is one that
// the page understands, and nothing is left behind.
func FuzzQuery(f *testing.F) {
	for name := range routes {
		f.Add(name, "f=0&t=x&y=0&x=1&i=_,_")
	}
	f.Add("tile", "t=x&level=2,5&ty=0&tx=0&reduce=min")
	f.Add("tile", "t=x&g=0&u=x&op=absdiff")
	f.Add("values", "t=s&rows=2&cols=2&i=1")
	f.Add("image", "t=p&c=2&w=3&h=2&lo=0&hi=1&r0=1&c1=2")
	f.Add("thumbs", "t=p&axis=2&y=0&x=1&c=-1&count=3&size=5")
	f.Add("profile", "t=x&axis=1&i=1,_&from=1&to=3&n=2")
	f.Add("download", "t=x&sel=[:, ::-1]&as=csv")
	f.Add("sparserow", "t=c&row=1&offset=0&limit=9")
	dir, err := os.MkdirTemp("", "viewer-fuzz")
	ok(f, err)
	f.Cleanup(func() { os.RemoveAll(dir) })
	path := write(f, filepath.Join(dir, "a.tensor"), func(w *tensorfile.Writer) {
		ok(f, w.Add(ctx, "x", slice(f, []float32{1, 2, 3, 4, 5, 6}, 2, 3), &tensorfile.TensorOptions{Chunk: tensor.Shape{2, 2}, Codec: "zstd"}))
		ok(f, w.Add(ctx, "p", slice(f, make([]uint8, 60), 4, 5, 3), nil))
		ok(f, w.Add(ctx, "s", slice(f, []int16{1, 2, 3}), &tensorfile.TensorOptions{Attrs: tensorfile.Attrs{"sample_rate": int64(8)}}))
		ok(f, w.Add(ctx, "n", slice(f, []float64{}, 0, 3), nil))
		ok(f, w.Add(ctx, "e", slice(f, []complex64{1}, 1, 1, 1, 1), nil))
	})
	s := show(f, nil, path)
	f.Fuzz(func(t *testing.T, name, query string) {
		if _, ok := routes[name]; !ok {
			return
		}
		r := httptest.NewRequest("GET", "http://127.0.0.1"+s.Path()+"api/"+name, nil)
		r.URL.RawQuery = query
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		switch w.Code {
		case 200, 400, 404, 413:
		case 500:
			if name != "download" { // a format that cannot hold the elements
				t.Errorf("%s?%s: %d %.300s", name, query, w.Code, w.Body.String())
			}
		default:
			t.Errorf("%s?%s: %d %.300s", name, query, w.Code, w.Body.String())
		}
		if w.Body.Len() > 80<<20 {
			t.Errorf("%s?%s: %d bytes", name, query, w.Body.Len())
		}
		if !s.work.idle() || !s.light.idle() || !s.streams.idle() || !s.long.idle() {
			t.Errorf("%s?%s: something is left behind", name, query)
		}
	})
}
