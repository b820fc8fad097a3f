package main

import (
	"bytes"
	"context"
	"encoding/xml"
	"image"
	"image/png"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/tensor"
)

// plotSample makes the file that docs/plot.md draws.
func plotSample(t *testing.T, path string) {
	t.Helper()
	w, err := tensorfile.Create(path, &tensorfile.CreateOptions{Deterministic: true, NoSync: true, Time: time.Unix(1700000000, 0)})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	r := rand.New(rand.NewPCG(2026, 11))
	type attrs = tensorfile.Attrs
	add := func(name string, v tensor.View, err error, a attrs) {
		t.Helper()
		if err == nil {
			err = w.Add(context.Background(), name, v, &tensorfile.TensorOptions{Attrs: a})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	train, validation := make([]float64, 120), make([]float64, 120)
	for i := range train {
		x := float64(i)
		train[i] = 2.3*math.Exp(-x/18) + 0.012 + 0.02*math.Exp(-x/40)*r.NormFloat64()
		validation[i] = 2.3*math.Exp(-x/20) + 0.06 + 0.0009*max(x-60, 0) + 0.03*math.Exp(-x/50)*r.NormFloat64()
	}
	v, err := tensor.FromSlice(train)
	add("train", v, err, nil)
	v, err = tensor.FromSlice(validation)
	add("validation", v, err, nil)

	pressure := make([]float32, 1_000_000)
	walk := 0.0
	for i := range pressure {
		walk = 0.99999*walk + 0.02*r.NormFloat64()
		pressure[i] = float32(1013 + walk + 4*math.Sin(float64(i)/70_000) + 0.7*r.NormFloat64())
		if i > 610_000 && i < 660_000 {
			pressure[i] = float32(math.NaN())
		}
	}
	v, err = tensor.FromSlice(pressure)
	add("pressure", v, err, attrs{"unit": "hPa", "axes": []any{map[string]any{"unit": "h", "start": 0.0, "step": 0.001}}}.WithDims("time"))

	weight := make([]float32, 512*256)
	for i := range weight {
		weight[i] = float32(0.02 * r.NormFloat64())
		if i%40 == 0 {
			weight[i] *= 2.2
		}
	}
	v, err = tensor.FromSlice(weight, 512, 256)
	add("weight", v, err, nil)

	const high, wide = 90, 180
	field := make([]float32, high*wide)
	for i := range field {
		y, x := 2*float64(i/wide), 2*float64(i%wide)
		f := 3*math.Sin(x/40+y/70) + 2*math.Cos(y/24-x/90) + math.Sin((x+2*y)/33)
		if math.Hypot(x-255, 1.4*(y-120)) < 34 {
			f = math.NaN()
		}
		field[i] = float32(f)
	}
	v, err = tensor.FromSlice(field, high, wide)
	degrees := func(start float64) map[string]any { return map[string]any{"unit": "°", "start": start, "step": 2.0} }
	add("field", v, err, attrs{"unit": "K", "axes": []any{degrees(-89), degrees(-179)}}.WithDims("latitude", "longitude"))

	const tokens = 96
	attention := make([]float32, tokens*tokens)
	for q := range tokens {
		sum := 0.0
		row := attention[q*tokens:][:tokens]
		for k := range q + 1 {
			a := math.Exp(-float64(q-k)/9) + 0.3*math.Exp(-math.Abs(float64(k%16)-3)) + 0.02*r.Float64()
			row[k] = float32(a)
			sum += a
		}
		for k := range row {
			row[k] /= float32(sum)
		}
	}
	v, err = tensor.FromSlice(attention, tokens, tokens)
	add("attention", v, err, attrs{}.WithDims("query", "key"))

	const rate, seconds = 16000, 2.5
	sweep := make([]int16, int(2*rate*seconds))
	phase := 0.0
	for i := range len(sweep) / 2 {
		at := float64(i) / rate
		phase += 2 * math.Pi * 150 * math.Pow(24, at/seconds) / rate
		loud := 0.9 * math.Min(1, 8*at) * (0.55 + 0.45*math.Cos(2*math.Pi*1.7*at)) * math.Min(1, 6*(seconds-at))
		left := math.Sin(phase) + 0.3*math.Sin(2*phase) + 0.12*math.Sin(3*phase)
		sweep[2*i] = int16(21000 * loud * left)
		sweep[2*i+1] = int16(12000 * loud * math.Sin(phase+1))
	}
	v, err = tensor.FromSlice(sweep, int64(len(sweep)/2), 2)
	add("sweep", v, err, attrs{"sample_rate": int64(rate)}.WithDims("time", "channel"))

	const side = 32
	shapes := make([]uint8, 18*side*side)
	for i := range 18 {
		n, turn := float64(2+i%6), 0.3*float64(i)
		for j := range side * side {
			y, x := float64(j/side)-15.5, float64(j%side)-15.5
			edge := 9 + 3.5*math.Cos(n*(math.Atan2(y, x)+turn)) - 0.5*float64(i/6)
			shapes[i*side*side+j] = uint8(255 / (1 + math.Exp(1.5*(math.Hypot(x, y)-edge))))
		}
	}
	v, err = tensor.FromSlice(shapes, 18, side, side)
	add("shapes", v, err, attrs{}.WithDims("n", "h", "w"))

	const rows, columns = 240, 320
	photo := make([]uint8, rows*columns*3)
	for i := range rows * columns {
		y, x := float64(i/columns), float64(i%columns)
		sun := math.Exp(-(math.Pow(x-230, 2) + math.Pow(y-90, 2)) / 1800)
		red, green, blue := 70+0.55*y+170*sun, 110+0.25*y+120*sun, 190-0.35*y+20*sun
		for k, ridge := range []float64{150 + 18*math.Sin(x/31) + 7*math.Sin(x/11), 180 + 14*math.Sin(x/47+2) + 5*math.Sin(x/9), 210 + 9*math.Sin(x/70+1)} {
			if y > ridge {
				shade := float64(k)
				red, green, blue = 88-26*shade, 96-22*shade, 120-34*shade
			}
		}
		for k, c := range []float64{red, green, blue} {
			photo[3*i+k] = uint8(min(max(c, 0), 255))
		}
	}
	v, err = tensor.FromSlice(photo, rows, columns, 3)
	add("photo", v, err, attrs{}.WithDims("h", "w", "c"))

	const grid, n = 16, 16 * 16
	laplace := make([]float32, n*n)
	for i := range n {
		at := func(j int, x float32) { laplace[i*n+j] = x }
		at(i, 4)
		if i%grid > 0 {
			at(i-1, -1)
		}
		if i%grid < grid-1 {
			at(i+1, -1)
		}
		if i >= grid {
			at(i-grid, -1)
		}
		if i < n-grid {
			at(i+grid, -1)
		}
	}
	v, err = tensor.FromSlice(laplace, n, n)
	add("laplace", v, err, nil)
	if err := w.Commit(context.Background()); err != nil {
		t.Fatal(err)
	}
}

// maxPicture is how large a picture of the documents may be.
const maxPicture = 60 << 10

var plotBytes = regexp.MustCompile(`, [0-9.]+ (B|KiB|MiB)`)

// plotFiles is what docs/plot.md draws.
func plotFiles(t *testing.T, dir string) {
	t.Helper()
	plotSample(t, filepath.Join(dir, "run.tensor"))
}

// plotPlain leaves out the sizes of pictures, as compressors differ.
func plotPlain(s string) string { return plotBytes.ReplaceAllString(s, "") }

// comparePlots compares what the commands of docs/plot.md have drawn with what it
// shows, by pixels and elements. With -update that is written ("make pictures").
func comparePlots(t *testing.T, dir, text string) {
	t.Helper()
	shown := 0
	for _, m := range regexp.MustCompile(`\]\(pictures/([^)]+)\)`).FindAllStringSubmatch(text, -1) {
		shown++
		kept, made := filepath.Join("../../docs/pictures", m[1]), filepath.Join(dir, m[1])
		got, err := os.ReadFile(made)
		if err != nil {
			t.Errorf("%s: no command draws it: %v", m[1], err)
			continue
		}
		want, err := os.ReadFile(kept)
		if *update {
			if err == nil && samePicture(got, want) {
				continue
			}
			if err := os.WriteFile(kept, got, 0o666); err != nil {
				t.Fatal(err)
			}
			want = got
		} else if err != nil {
			t.Fatal(err)
		}
		if len(want) > maxPicture {
			t.Errorf("%s has %d bytes", m[1], len(want))
		}
		if !samePicture(got, want) {
			t.Errorf("%s shows something else than what is drawn now; make pictures draws it anew", m[1])
		}
	}
	t.Logf("%d pictures", shown)
	if shown < 12 {
		t.Error("too few")
	}
	// And none that is not shown.
	for _, pattern := range []string{"*.png", "*.svg"} {
		files, _ := filepath.Glob(filepath.Join("../../docs/pictures", pattern))
		for _, f := range files {
			if !strings.Contains(text, "pictures/"+filepath.Base(f)) && !strings.HasPrefix(filepath.Base(f), "view") {
				t.Errorf("%s is not shown by docs/plot.md", f)
			}
		}
	}
}

// samePicture compares PNG by pixels, SVG by elements and labels.
func samePicture(a, b []byte) bool {
	if bytes.HasPrefix(a, []byte("<svg")) || bytes.HasPrefix(b, []byte("<svg")) {
		x, okA := svgParts(a)
		y, okB := svgParts(b)
		return okA && okB && slices.Equal(x, y)
	}
	x, err := png.Decode(bytes.NewReader(a))
	y, err2 := png.Decode(bytes.NewReader(b))
	if err != nil || err2 != nil || x.Bounds() != y.Bounds() {
		return false
	}
	return differing(x, y) < 0.002
}

// differing is the share of pixels that are not nearly the same.
func differing(x, y image.Image) float64 {
	b := x.Bounds()
	n := 0
	for j := b.Min.Y; j < b.Max.Y; j++ {
		for i := b.Min.X; i < b.Max.X; i++ {
			r, g, bl, _ := x.At(i, j).RGBA()
			r2, g2, b2, _ := y.At(i, j).RGBA()
			far := func(p, q uint32) bool { return p > q+8<<8 || q > p+8<<8 }
			if far(r, r2) || far(g, g2) || far(bl, b2) {
				n++
			}
		}
	}
	return float64(n) / float64(b.Dx()*b.Dy())
}

// svgParts are the names of the elements of an SVG, and its labels.
func svgParts(b []byte) (parts []string, ok bool) {
	d := xml.NewDecoder(bytes.NewReader(b))
	for {
		token, err := d.Token()
		if err != nil {
			return parts, err == io.EOF
		}
		if e, ok := token.(xml.StartElement); ok {
			part := e.Name.Local
			for _, a := range e.Attr {
				if a.Name.Local == "aria-label" {
					part += " " + a.Value
				}
			}
			parts = append(parts, part)
		}
	}
}

func TestPlotArguments(t *testing.T) {
	for text, want := range map[string][2]int{"800x500": {800, 500}, "32X16384": {32, 16384}} {
		if w, h, ok := plotSize(text); !ok || w != want[0] || h != want[1] {
			t.Errorf("%s: %d x %d, %v", text, w, h, ok)
		}
	}
	for _, text := range []string{"", "x", "800", "800x", "x500", "31x500", "800x16385", "800x500x2", "-800x500", "1e3x500", "99999999999999999999x500"} {
		if w, h, ok := plotSize(text); ok {
			t.Errorf("%q: %d x %d", text, w, h)
		}
	}
	for text, want := range map[string][2]float64{"": {0, 1}, "0": {0, 1}, "2": {0.02, 0.98}, "1,99": {0.01, 0.99}, " 5 , 50 ": {0.05, 0.5}} {
		if got, ok := plotPercentiles(text); !ok || math.Abs(got[0]-want[0]) > 1e-12 || math.Abs(got[1]-want[1]) > 1e-12 {
			t.Errorf("%q: %v, %v", text, got, ok)
		}
	}
	for _, text := range []string{"50", "60", "-1", "x", "1,", "99,1", "0,101", "nan", "1,nan"} {
		if got, ok := plotPercentiles(text); ok {
			t.Errorf("%q: %v", text, got)
		}
	}
}

// Every element comes once, from its place, however a tensor is stored and
// picked.
func TestEachPlaced(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "m.tensor")
	err := makeFile(path, []string{"w=f32(300,400)", "wt=@w.T", "part=@w[::-3, 5:]", "wide=f32(30,500)~:1.5", "i4=i4(7,9):-8,7,3", "bits=bool1(20,40):0,1,1", "big=f64(70,90,300)", "v=i16(100000)", "scalar=f32():2.5", "none=f32(0,4)", "c=u16(64,48)"})
	if err != nil {
		t.Fatal(err)
	}
	chunked := filepath.Join(dir, "chunked.tensor")
	runIn(t, dir, "convert", path, chunked, "--only", "w", "--only", "big", "--codec", "shuffle|zstd", "--chunk", "w=70,90", "--chunk", "big=20,30,100")
	runIn(t, dir, "convert", path, filepath.Join(dir, "m.npz"), "--only", "w", "--only", "c", "--only", "v", "--compress")
	n := 0
	for _, c := range []struct {
		file  string
		names []string
	}{
		{path, []string{"w", "wt", "part", "wide", "i4", "bits", "big", "v", "scalar", "none", "c", "w[3]", "wt[:, ::-7]", "big[::2, 5]", "big[None, 0, ..., -1]", "wide[3:7, 100:]", "i4[2:, :4]"}},
		{chunked, []string{"w", "big", "w[10:200, 100:390]", "big[:, ::11]"}},
		{filepath.Join(dir, "m.npz"), []string{"w", "c", "v", "c[5:9]"}},
	} {
		tl := &tool{jobs: 3, err: io.Discard, progress: "never"}
		in, err := tl.open(context.Background(), c.file)
		if err != nil {
			t.Fatal(err)
		}
		defer in.close()
		for _, name := range c.names {
			_, err := in.find(name, true, func(p pick, err error) error {
				if err != nil {
					return err
				}
				d, err := newPlotted(p)
				if err != nil {
					return err
				}
				want, err := p.ReadAll(context.Background())
				if err == nil {
					want, err = want.Cast(tensor.F64)
				}
				if err != nil {
					return err
				}
				got, err := tensor.Make(tensor.F64, d.size)
				if err != nil {
					return err
				}
				total := int64(0)
				var mu sync.Mutex
				err = tl.eachPlaced(context.Background(), d, func([]region) {}, func(_ int, at []int64, v tensor.View) error {
					mu.Lock()
					defer mu.Unlock()
					sel := make(tensor.Selection, len(at))
					for axis, from := range at {
						sel[axis] = tensor.SelectionItem{Kind: tensor.SelectRange, Start: from, Stop: from + v.Shape()[axis], Step: 1}
					}
					to, err := got.Select(sel)
					if err != nil {
						return err
					}
					total += v.NumElements()
					return tensor.Cast(to, v)
				})
				if err != nil {
					return err
				}
				a, err := got.Bytes()
				if err != nil {
					return err
				}
				b, err := want.Bytes()
				if err != nil {
					return err
				}
				if total != got.NumElements() || !bytes.Equal(a, b) {
					t.Errorf("%s of %s: %d elements of %d, or others", name, filepath.Base(c.file), total, got.NumElements())
				}
				n++
				return nil
			})
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	t.Logf("%d picks", n)
	if n < 24 {
		t.Error("too few")
	}
}

// The kind of a chart by what a tensor is like.
func TestPlotKinds(t *testing.T) {
	dims := func(names ...string) tensorfile.Attrs { return tensorfile.Attrs{}.WithDims(names...) }
	path := filepath.Join(t.TempDir(), "kinds.tensor")
	w, err := tensorfile.Create(path, &tensorfile.CreateOptions{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	want := map[string]string{}
	add := func(name, kind string, d tensor.DType, a tensorfile.Attrs, shape ...int64) {
		t.Helper()
		v, err := tensor.Make(d, shape)
		if err == nil {
			err = w.Add(context.Background(), name, v, &tensorfile.TensorOptions{Attrs: a})
		}
		if err != nil {
			t.Fatal(err)
		}
		want[name] = kind
	}
	rate := tensorfile.Attrs{"sample_rate": int64(8000)}
	add("scalar", plotLine, tensor.F32, nil)
	add("vector", plotLine, tensor.F32, nil, 10)
	add("row", plotLine, tensor.F32, nil, 1, 10)
	add("columns", plotLine, tensor.F32, nil, 100, 3)
	add("few", plotHeat, tensor.F32, nil, 10, 3)
	add("matrix", plotHeat, tensor.F32, nil, 100, 90)
	add("bytes", plotHeat, tensor.U8, nil, 28, 28)
	add("cube", plotHist, tensor.F32, nil, 5, 6, 7)
	add("kernels", plotHist, tensor.F32, nil, 64, 3, 7, 7)
	add("mono", plotWave, tensor.I16, rate, 1000)
	add("stereo", plotWave, tensor.I16, rate, 1000, 2)
	add("planar", plotWave, tensor.F32, rate.WithDims("channel", "time"), 2, 1000)
	add("mnist", plotImage, tensor.U8, nil, 60, 28, 28)
	add("hwc", plotImage, tensor.U8, nil, 28, 28, 3)
	add("chw", plotImage, tensor.U8, nil, 3, 28, 28)
	add("nchw", plotImage, tensor.F32, dims("n", "c", "h", "w"), 5, 3, 28, 28)
	add("grey", plotImage, tensor.U16, tensorfile.Attrs{"image.color_model": "grey"}, 28, 28)
	add("nothing", plotHeat, tensor.F32, nil, 0, 3)
	if err := w.Commit(context.Background()); err != nil {
		t.Fatal(err)
	}
	f, err := tensorfile.Open(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for name, kind := range want {
		x, err := f.Tensor(name)
		if err != nil {
			t.Fatal(err)
		}
		d, err := newPlotted(picked(x, nil))
		if err != nil {
			t.Fatal(err)
		}
		if got := d.kind(&plotFlags{}); got != kind {
			t.Errorf("%s: %s, want %s", name, got, kind)
		}
	}
	t.Logf("%d tensors", len(want))
}
