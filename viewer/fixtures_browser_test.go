package viewer_test

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/ragged"
	"github.com/tensorfile/tensorfile/sparse"
	"github.com/tensorfile/tensorfile/tensor"
)

// noise is a sequence without a period: numbers in [0, 1).
func noise(seed uint64) func() float64 {
	x := seed*0x9e3779b97f4a7c15 + 1
	return func() float64 {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		return float64(x>>11) / (1 << 53)
	}
}

func viewOf[T tensor.Elem](t testing.TB, data []T, shape ...int64) tensor.View {
	t.Helper()
	v, err := tensor.FromSlice(data, shape...)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// A builder writes a file of a test.
type builder struct {
	t    testing.TB
	path string
	w    *tensorfile.Writer
}

func build(t testing.TB, path string) *builder {
	t.Helper()
	w, err := tensorfile.Create(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	return &builder{t, path, w}
}

func (b *builder) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *builder) add(name string, v tensor.View, o *tensorfile.TensorOptions) {
	b.t.Helper()
	b.must(b.w.Add(context.Background(), name, v, o))
}

func (b *builder) commit() {
	b.t.Helper()
	b.must(b.w.Commit(context.Background()))
	b.must(b.w.Close())
}

// gridData is a matrix of rows x cols: a ridge with noise, NaN at [2, 3], infinities at
// [4, 5] and [6, 7].
func gridData(rows, cols int64, seed uint64) []float32 {
	next := noise(seed)
	x := make([]float32, rows*cols)
	for r := range rows {
		for c := range cols {
			x[r*cols+c] = float32(math.Sin(float64(r)/7)*math.Cos(float64(c)/11) + 0.2*next() - 0.1)
		}
	}
	x[2*cols+3] = float32(math.NaN())
	x[4*cols+5] = float32(math.Inf(1))
	x[6*cols+7] = float32(math.Inf(-1))
	return x
}

// picture is a coloured image of height x width with a disc at an angle.
func pictureData(height, width int64, angle float64) []uint8 {
	x := make([]uint8, 0, height*width*3)
	cy, cx := float64(height)*(0.5+0.3*math.Sin(angle)), float64(width)*(0.5+0.3*math.Cos(angle))
	for r := range height {
		for c := range width {
			d := math.Hypot(float64(r)-cy, float64(c)-cx) / float64(min(height, width))
			disc := 255 * math.Max(0, 1-4*d)
			x = append(x, uint8(math.Min(255, disc+float64(255*r/height))), uint8(math.Min(255, disc*0.7+float64(200*c/width))), uint8(90+disc*0.6))
		}
	}
	return x
}

// demo makes a folder with a file of every kind of tensor in two generations, another
// one that differs in some, and a recording.
func demo(t testing.TB) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for _, name := range []string{"demo.tensor", "other.tensor"} {
		b := build(t, filepath.Join(dir, name))
		other := name == "other.tensor"
		b.must(b.w.SetAttrs(tensorfile.Attrs{"title": "tensors to look at", "source": map[string]any{"made": "by a test", "runs": int64(3)}}))
		for layer := range 6 {
			prefix := "layers." + string(rune('0'+layer)) + "."
			data := gridData(96, 128, uint64(layer+1))
			if other && layer == 2 {
				for k := 40 * 128; k < 44*128; k += 3 {
					data[k] += 0.25
				}
				data[50*128+60] = 4
			}
			b.add(prefix+"attention.weight", viewOf(t, data, 96, 128), &tensorfile.TensorOptions{Codec: "shuffle|zstd", Chunk: tensor.Shape{32, 64}, Dims: []string{"out", "in"}})
			b.add(prefix+"attention.bias", viewOf(t, data[:96], 96), nil)
			b.add(prefix+"norm.scale", viewOf(t, gridData(8, 16, uint64(layer+90)), 128), nil)
		}
		next := noise(7)
		cube := make([]float64, 12*40*50)
		for k := range cube {
			z, y, x := k/2000, k/50%40, k%50
			cube[k] = math.Exp(-math.Hypot(float64(y-20), float64(x-25))/6) * float64(z+1) * (1 + 0.1*next())
		}
		b.add("volume", viewOf(t, cube, 12, 40, 50), &tensorfile.TensorOptions{Dims: []string{"depth", "y", "x"}, Attrs: tensorfile.Attrs{"unit": "K", "note": `<script>alert("no")</script> & "quotes"`}})
		table := make([]float32, 5000*6)
		for k := range table {
			table[k] = float32(math.Sin(float64(k/6)/float64(40*(k%6+1)))*float64(k%6+1) + 0.4*next())
		}
		b.add("series", viewOf(t, table, 5000, 6), &tensorfile.TensorOptions{Dims: []string{"time", "sensor"}})
		times := make([]int64, 5000)
		for k := range times {
			times[k] = 1_700_000_000_000 + int64(k)*60_000 + int64(20_000*next())
		}
		b.add("clock", viewOf(t, times, 5000), &tensorfile.TensorOptions{Attrs: tensorfile.Attrs{"unit": "ms"}})
		b.add("photo", viewOf(t, pictureData(240, 320, 1), 240, 320, 3), nil)
		var frames []uint8
		for k := range 24 {
			frames = append(frames, pictureData(48, 64, float64(k)/24*2*math.Pi)...)
		}
		b.add("animation", viewOf(t, frames, 24, 48, 64, 3), &tensorfile.TensorOptions{Dims: []string{"frame", "height", "width", "channel"}})
		digits := make([]uint8, 300*28*28)
		labels := make([]uint8, 300)
		for k := range 300 {
			labels[k] = uint8(k * 7 % 10)
			for p := range 28 * 28 {
				d := math.Abs(math.Hypot(float64(p/28)-14, float64(p%28)-14) - float64(labels[k]) - 2)
				digits[k*784+p] = uint8(math.Max(0, 255-110*d) * (0.8 + 0.2*next()))
			}
		}
		b.add("digits.images", viewOf(t, digits, 300, 28, 28), nil)
		b.add("digits.labels", viewOf(t, labels, 300), nil)
		sound := make([]int16, 2*48000*2)
		for k := range 2 * 48000 {
			at := float64(k) / 48000
			envelope := math.Exp(-2 * math.Mod(at, 0.5))
			sound[2*k] = int16(20000 * envelope * math.Sin(2*math.Pi*(300+500*at)*at))
			sound[2*k+1] = int16(12000 * envelope * (next()*2 - 1))
		}
		b.add("sound", viewOf(t, sound, 96000, 2), &tensorfile.TensorOptions{Dims: []string{"time", "channel"}, Attrs: tensorfile.Attrs{"sample_rate": int64(48000), "encoding": "i16"}})
		big := make([]int64, 400)
		for k := range big {
			big[k] = 1<<60 + int64(k*k)
		}
		b.add("exact", viewOf(t, big, 20, 20), nil)
		ptr, idx, val := []int64{0}, []int32{}, []float32{}
		for r := range 2000 {
			for c := range 3000 {
				if (c*7+r*13)%997 == 0 || c == r && r%3 == 0 {
					idx, val = append(idx, int32(c)), append(val, float32(r)+float32(c)/1000)
				}
			}
			ptr = append(ptr, int64(len(idx)))
		}
		a, err := sparse.New(sparse.Spec{Layout: sparse.CSR, Shape: tensor.Shape{2000, 3000}, Properties: sparse.Properties{Sorted: true, Unique: true}, Parts: []sparse.Part{
			{Role: sparse.RoleIndptr, View: viewOf(t, ptr, int64(len(ptr)))},
			{Role: sparse.RoleIndices, View: viewOf(t, idx, int64(len(idx)))},
			{Role: sparse.RoleValues, View: viewOf(t, val, int64(len(val)))},
		}})
		b.must(err)
		b.must(b.w.AddSparse(context.Background(), "adjacency", a, nil))
		var rows [][]float32
		for k := range 500 {
			row := make([]float32, k*13%37)
			for j := range row {
				row[j] = float32(k) + float32(j)/10
			}
			rows = append(rows, row)
		}
		r, err := ragged.FromSlices(rows)
		b.must(err)
		b.must(b.w.AddRagged(context.Background(), "tokens", r, nil))
		s, err := ragged.FromStrings([]string{"first", "", "третий", "<b>not bold</b>", "a longer text that goes on for a while so that a narrow list has to cut it somewhere", "sixth"}, 6)
		b.must(err)
		b.must(b.w.AddStrings(context.Background(), "words", s, nil))
		b.commit()
	}
	ctx := context.Background()
	w, err := tensorfile.OpenAppend(filepath.Join(dir, "demo.tensor"), nil)
	if err != nil {
		t.Fatal(err)
	}
	b := &builder{t, filepath.Join(dir, "demo.tensor"), w}
	b.must(w.Add(ctx, "layers.0.norm.scale", viewOf(t, gridData(8, 16, 1234), 128), &tensorfile.TensorOptions{Replace: true}))
	b.must(w.Add(ctx, "added.later", viewOf(t, []float32{1, 2, 3}, 3), nil))
	b.must(w.Delete("layers.5.attention.bias"))
	b.commit()
	return dir
}

// damaged writes a matrix of 64 x 64 in chunks of 16 x 16, the one at [16:32, 32:48]
// with a byte changed.
func damaged(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "damaged.tensor")
	b := build(t, path)
	next := noise(3)
	x := make([]float32, 64*64)
	for k := range x {
		x[k] = float32(next())
	}
	b.add("m", viewOf(t, x, 64, 64), &tensorfile.TensorOptions{Chunk: tensor.Shape{16, 16}, Codec: "raw"})
	b.commit()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	b.must(err)
	defer f.Close()
	all, err := os.ReadFile(path)
	b.must(err)
	// The first row of that chunk, as it lies in the file.
	want := make([]byte, 0, 64)
	for c := range 16 {
		v := math.Float32bits(x[16*64+32+c])
		want = append(want, byte(v), byte(v>>8), byte(v>>16), byte(v>>24))
	}
	at := -1
	for k := 0; k+len(want) <= len(all); k++ {
		if string(all[k:k+len(want)]) == string(want) {
			at = k
			break
		}
	}
	if at < 0 {
		t.Fatal("the chunk is not in the file")
	}
	_, err = f.WriteAt([]byte{all[at] ^ 0xff}, int64(at))
	b.must(err)
	return path
}
