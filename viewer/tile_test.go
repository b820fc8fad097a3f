package viewer

import (
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/tensor"
)

// cellsWanted is a tile by its definition: elements of rows and columns, reduced one
// cell after the other.
func cellsWanted(h, w int64, at func(r, c int64) float64, op string, ly, lx, ty, tx int64) (list []float32) {
	dead, nan := math.Float32frombits(Damaged), math.Float32frombits(NotANumber)
	for y := ty * 256; y < min((ty+1)*256, (h-1)>>ly+1); y++ {
		for x := tx * 256; x < min((tx+1)*256, (w-1)>>lx+1); x++ {
			sum, n, lo, hi := 0.0, 0.0, math.Inf(1), math.Inf(-1)
			damaged, none := false, false
			for r := y << ly; r < min((y+1)<<ly, h); r++ {
				for c := x << lx; c < min((x+1)<<lx, w); c++ {
					v := at(r, c)
					damaged = damaged || isDamaged(v)
					none = none || v != v
					sum, n, lo, hi = sum+v, n+1, min(lo, v), max(hi, v)
				}
			}
			first := at(y<<ly, x<<lx)
			switch {
			case op == "nearest" && isDamaged(first):
				list = append(list, dead)
			case op == "nearest" && first != first:
				list = append(list, nan)
			case op == "nearest":
				list = append(list, float32(first))
			case damaged:
				list = append(list, dead)
			case none || op == "mean" && sum != sum:
				list = append(list, nan)
			case op == "min":
				list = append(list, float32(lo))
			case op == "max":
				list = append(list, float32(hi))
			default:
				list = append(list, float32(sum/n))
			}
		}
	}
	return list
}

// Tiles are what their definition says: of every kind of storage and dtype, at every
// level, at the ends of a plane and beyond NaN and infinities.
func TestTiles(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 7))
	const h, w = 261, 301
	// Whole numbers, so that sums are exact in any order.
	ints := make([]int16, h*w)
	for i := range ints {
		ints[i] = int16(rng.IntN(2001) - 1000)
	}
	all := slice(t, ints, h, w)
	as := func(d tensor.DType) tensor.View {
		v, err := all.Cast(d)
		ok(t, err)
		return v
	}
	odd, err := as(tensor.F32).Clone()
	ok(t, err)
	floats, err := tensor.Data[float32](odd)
	ok(t, err)
	for range 300 {
		floats[rng.IntN(h*w)] = []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1))}[rng.IntN(3)]
	}
	floats[0] = math.Float32frombits(Damaged) // somebody's own NaN is no damage
	turned, err := as(tensor.F64).Transpose()
	ok(t, err)
	cube := make([]float32, 3*h*w)
	for i := range cube {
		cube[i] = float32(ints[i%(h*w)]) + float32(i/(h*w)*4000)
	}
	nibbles, err := tensor.Make(tensor.I4, tensor.Shape{h, w + 1})
	ok(t, err)
	for i, b := 0, nibbles.Span(); i < len(b); i++ {
		b[i] = byte(rng.Uint32())
	}
	const columns = w
	path := write(t, filepath.Join(t.TempDir(), "a.tensor"), func(w *tensorfile.Writer) {
		add := func(name string, v tensor.View, o *tensorfile.TensorOptions) { ok(t, w.Add(ctx, name, v, o)) }
		add("f32", as(tensor.F32), nil)
		add("odd", odd, nil)
		add("i16", all, nil)
		add("f64t", turned, nil)
		add("c64", as(tensor.C64), nil)
		add("cube", slice(t, cube, 3, h, columns), nil)
		add("i4", nibbles, nil)
		add("i4chunks", nibbles, &tensorfile.TensorOptions{Chunk: tensor.Shape{100, 128}, Codec: "zstd"})
		add("chunks", as(tensor.F32), &tensorfile.TensorOptions{Chunk: tensor.Shape{96, 200}, Codec: "shuffle|zstd:1"})
		add("oddchunks", odd, &tensorfile.TensorOptions{Chunk: tensor.Shape{33, columns}, Codec: "zstd"})
		add("row", slice(t, ints[:5000]), nil)
	})
	s := show(t, &Options{Jobs: 3}, path)
	f, err := tensorfile.Open(path, nil)
	ok(t, err)
	defer f.Close()
	defer func(n int64) { directElements = n }(directElements)
	directElements = 1 << 14 // so that most tiles are made of others
	checked, total := 0, 0
	for _, c := range []struct {
		name string
		y, x int
		i    []int64
	}{
		{"f32", 0, 1, nil}, {"f32", 1, 0, nil}, {"odd", 0, 1, nil}, {"i16", 0, 1, nil}, {"f64t", 0, 1, nil}, {"c64", 0, 1, nil}, {"cube", 1, 2, []int64{2, 0, 0}}, {"cube", 0, 2, []int64{0, 5, 0}},
		{"cube", 2, 0, []int64{0, 250, 0}}, {"i4", 0, 1, nil}, {"i4", 1, 0, nil}, {"i4chunks", 0, 1, nil}, {"i4chunks", 1, 0, nil}, {"chunks", 0, 1, nil}, {"chunks", 1, 0, nil}, {"oddchunks", 0, 1, nil}, {"row", -1, 0, nil}, {"row", 0, -1, nil}, {"i4", -1, 1, []int64{9, 0}},
	} {
		x, err := f.Tensor(c.name)
		ok(t, err)
		v, err := x.Read(ctx)
		ok(t, err)
		elements := realOf(t, v)
		at := make([]int64, len(x.Shape()))
		copy(at, c.i)
		index := ""
		rows, columns := int64(1), int64(1)
		for axis := range at {
			switch {
			case axis > 0:
				index += ","
			}
			switch axis {
			case c.y:
				rows, index = x.Shape()[axis], index+"_"
			case c.x:
				columns, index = x.Shape()[axis], index+"_"
			default:
				index += fmt.Sprint(at[axis])
			}
		}
		values := make([]float64, 0, rows*columns)
		read := func(r, k int64) float64 {
			if c.y >= 0 {
				at[c.y] = r
			}
			if c.x >= 0 {
				at[c.x] = k
			}
			n := int64(0)
			for axis, i := range at {
				n = n*x.Shape()[axis] + i
			}
			return elements[n]
		}
		for r := range rows {
			for k := range columns {
				values = append(values, read(r, k))
			}
		}
		element := func(r, k int64) float64 { return values[r*columns+k] }
		for _, op := range []string{"mean", "min", "max", "nearest"} {
			for _, l := range [][2]int64{{0, 0}, {1, 1}, {3, 3}, {4, 4}, {5, 5}, {10, 10}, {0, 3}, {2, 5}, {6, 0}} {
				if len(at) == 1 && l[0] != l[1] || raceBuild && l[0]%2 != 0 {
					continue
				}
				ly, lx := l[0], l[1]
				ty, tx := rng.Int64N((rows-1)>>ly/256+1), rng.Int64N((columns-1)>>lx/256+1)
				level := fmt.Sprintf("%d,%d", ly, lx)
				if ly == lx {
					level = fmt.Sprint(ly)
				}
				got, shape := raw[float32](s, "tile", "t="+c.name, fmt.Sprint("y=", c.y), fmt.Sprint("x=", c.x), "i="+index, "level="+level, fmt.Sprint("ty=", ty), fmt.Sprint("tx=", tx), "reduce="+op)
				want := cellsWanted(rows, columns, element, op, ly, lx, ty, tx)
				if len(want) != shape[0]*shape[1] {
					t.Errorf("%v: shape %v", c, shape)
				}
				what := fmt.Sprintf("%v %s level %s tile %d,%d", c, op, level, ty, tx)
				if op == "mean" {
					near(t, what, got, want)
				} else {
					same(t, what, got, want)
				}
				checked, total = checked+1, total+len(got)
			}
		}
	}
	t.Logf("%d tiles, %d cells", checked, total)
	if !raceBuild && (checked < 600 || total < 1_000_000) {
		t.Error("too few")
	}
}

// realOf are the elements of a view in C order, complex ones by magnitude, and NaN as the
// one that the viewer has.
func realOf(t *testing.T, v tensor.View) []float64 {
	t.Helper()
	d := tensor.F64
	if v.DType().Class == tensor.ClassComplex {
		d = tensor.C128
	}
	v, err := v.Cast(d)
	ok(t, err)
	var list []float64
	if d == tensor.C128 {
		z, err := tensor.Data[complex128](v)
		ok(t, err)
		for _, c := range z {
			list = append(list, math.Hypot(real(c), imag(c)))
		}
	} else {
		x, err := tensor.Data[float64](v)
		ok(t, err)
		list = slices.Clone(x)
	}
	_, nan := marks[float64]()
	for i, x := range list {
		if x != x {
			list[i] = nan
		}
	}
	return list
}

// near compares means, which were rounded in between, and marks bit for bit.
func near(t *testing.T, what string, got, want []float32) {
	t.Helper()
	for i := range want {
		g, w := float64(got[i]), float64(want[i])
		if math.Float32bits(got[i]) != math.Float32bits(want[i]) && !(math.Abs(g-w) <= 2e-4+1e-6*math.Abs(w)) {
			t.Fatalf("%s: cell %d is %v (%08x), want %v", what, i, got[i], math.Float32bits(got[i]), want[i])
		}
	}
}

// Random floats: means differ from the definition by rounding only, however many levels
// are in between, and a tile does not depend on what was asked for before.
func TestTileMeans(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	const h, w = 1501, 1250
	defer func(n int64) { directElements = n }(directElements)
	directElements = 1 << 20 // so that coarse tiles are made of others
	list := make([]float32, h*w)
	for i := range list {
		list[i] = float32(rng.NormFloat64())
	}
	path := write(t, filepath.Join(t.TempDir(), "a.tensor"), func(f *tensorfile.Writer) { ok(t, f.Add(ctx, "x", slice(t, list, h, w), nil)) })
	s := show(t, nil, path)
	for _, level := range []int64{1, 3, 6, 11} {
		got, _ := raw[float32](s, "tile", "t=x", fmt.Sprint("level=", level))
		want := cellsWanted(h, w, func(r, c int64) float64 { return float64(list[r*w+c]) }, "mean", level, level, 0, 0)
		for i := range got {
			if d := math.Abs(float64(got[i] - want[i])); d > 2e-8+2e-7*math.Abs(float64(want[i])) {
				t.Fatalf("level %d, cell %d: %v, want %v", level, i, got[i], want[i])
			}
		}
		again, _ := raw[float32](show(t, &Options{Jobs: 1}, path), "tile", "t=x", fmt.Sprint("level=", level))
		same(t, fmt.Sprintf("level %d, asked for alone", level), again, got)
	}
}

// A chunk that is damaged is marked in its place, and the rest is shown: in tiles at all
// levels, values, range, lines, pictures, sound and the difference of two.
func TestDamage(t *testing.T) {
	const h, w = 70, 90
	list := make([]float32, h*w)
	for i := range list {
		list[i] = float32(i%251) + 1
	}
	dir := t.TempDir()
	file := func(name string) string {
		return write(t, filepath.Join(dir, name), func(f *tensorfile.Writer) {
			ok(t, f.Add(ctx, "x", slice(t, list, h, w), &tensorfile.TensorOptions{Chunk: tensor.Shape{32, 40}, Codec: "zstd"}))
			ok(t, f.Add(ctx, "sound", slice(t, list[:5000]), &tensorfile.TensorOptions{Chunk: tensor.Shape{1000}, Codec: "zstd", Attrs: tensorfile.Attrs{"sample_rate": int64(8000)}}))
		})
	}
	path, sound := file("bad.tensor"), file("good.tensor")
	hurt(t, path, "x", 4)     // rows 32 to 63, columns 40 to 79
	hurt(t, path, "sound", 2) // 2000 to 2999
	s := show(t, nil, path, sound)
	bad := func(r, c int64) bool { return r >= 32 && r < 64 && c >= 40 && c < 80 }
	dead, _ := marks[float64]()
	element := func(r, c int64) float64 {
		if bad(r, c) {
			return dead
		}
		return float64(list[r*w+c])
	}
	for _, op := range []string{"mean", "min", "max", "nearest"} {
		for _, l := range []int64{0, 1, 2, 4, 5, 8} {
			got, _ := raw[float32](s, "tile", "t=x", "reduce="+op, fmt.Sprint("level=", l))
			same(t, fmt.Sprint(op, " ", l), got, cellsWanted(h, w, element, op, l, l, 0, 0))
		}
	}
	got, _ := raw[float32](s, "tile", "t=x", "g=1", "u=x", "op=absdiff", "reduce=max", "level=1")
	same(t, "difference", got, cellsWanted(h, w, func(r, c int64) float64 {
		if bad(r, c) {
			return dead
		}
		return 0
	}, "max", 1, 1, 0, 0))
	cells := s.doc("values", "t=x", "r0=30", "c0=38", "rows=4", "cols=5")["cells"].([]any)
	for r, line := range cells {
		for c, v := range line.([]any) {
			if want := any(fmt.Sprint(list[int64(30+r)*w+int64(38+c)])); (v == nil) != bad(int64(30+r), int64(38+c)) || v != nil && v != want {
				t.Errorf("value %d, %d is %v, want %v", r, c, v, want)
			}
		}
	}
	d := s.doc("range", "t=x", "p=0,100")
	if d["damaged"] != 32.*40 || d["count"] != 1.*h*w || d["exact"] != true || d["min"] != 1. || d["max"] != 251. || d["nan"] != 0. {
		t.Errorf("range: %v", d)
	}
	line, _ := raw[float64](s, "profile", "t=sound", "n=10")
	for i := range 10 {
		lo, hi := line[2*i], line[2*i+1]
		if i == 4 || i == 5 {
			if !isDamaged(lo) || !isDamaged(hi) {
				t.Errorf("bin %d: %v, %v", i, lo, hi)
			}
			continue
		}
		x := list[500*i : 500*i+500]
		if lo != float64(slices.Min(x)) || hi != float64(slices.Max(x)) {
			t.Errorf("bin %d: %v, %v", i, lo, hi)
		}
	}
	pixels, shape := raw[uint8](s, "image", "t=x", "c=-1", "lo=0", "hi=255", "w=100", "h=100")
	if !slices.Equal(shape, []int{h, w, 4}) {
		t.Fatal(shape)
	}
	for i := range int64(h * w) {
		want := []uint8{uint8(list[i]), uint8(list[i]), uint8(list[i]), 255}
		if bad(i/w, i%w) {
			want = []uint8{255, 0, 255, 255}
		}
		if !slices.Equal(pixels[4*i:4*i+4], want) {
			t.Fatalf("pixel %d: %v, want %v", i, pixels[4*i:4*i+4], want)
		}
	}
	wave := s.ask("audio", "t=sound").Body.Bytes()
	if len(wave) != 58+4*5000 {
		t.Fatal(len(wave))
	}
	for i := range 5000 {
		v := math.Float32frombits(uint32(wave[58+4*i]) | uint32(wave[59+4*i])<<8 | uint32(wave[60+4*i])<<16 | uint32(wave[61+4*i])<<24)
		want := list[i]
		if i/1000 == 2 {
			want = 0
		}
		if v != want {
			t.Fatalf("sample %d: %v, want %v", i, v, want)
		}
	}
	// Statistics are those of the rest, with what is left out.
	n, sum := 0, 0.0
	for i := range int64(h * w) {
		if !bad(i/w, i%w) {
			n, sum = n+1, sum+float64(list[i])
		}
	}
	r := s.result("histogram", "t=x", "bins=5")
	if r["count"] != float64(n) || r["lost_elements"] != 32.*40 || r["min"] != 1. || r["max"] != 251. || math.Abs(r["mean"].(float64)-sum/float64(n)) > 1e-9 {
		t.Errorf("%v, want %d elements of mean %v", r, n, sum/float64(n))
	}
	counted := 0.0
	for _, c := range r["histogram"].(map[string]any)["counts"].([]any) {
		counted += c.(float64)
	}
	lost := r["lost"].([]any)
	if len(lost) != 1 || counted != float64(n) {
		t.Fatalf("%v, %v counted", lost, counted)
	}
	one := lost[0].(map[string]any)
	if e := one["error"].(map[string]any); one["selection"] != "[32:64, 40:80]" || one["elements"] != 32.*40 || e["kind"] != "corrupt" || e["chunk"] != "chunk 4" {
		t.Errorf("lost: %v", one)
	}
}

// Chunks of rows that were appended begin anywhere; what lies beside a damaged one is
// shown.
func TestDamageInSlabs(t *testing.T) {
	const columns = 37
	list := make([]int32, 50*columns)
	for i := range list {
		list[i] = int32(i)
	}
	path := write(t, filepath.Join(t.TempDir(), "a.tensor"), func(w *tensorfile.Writer) {
		ok(t, w.Add(ctx, "x", slice(t, list[:7*columns], 7, columns), &tensorfile.TensorOptions{Chunk: tensor.Shape{8, 16}, Codec: "zstd"}))
	})
	for _, n := range [][2]int{{7, 12}, {12, 31}, {31, 50}} {
		w, err := tensorfile.OpenAppend(path, nil)
		ok(t, err)
		_, err = w.Append(ctx, "x", slice(t, list[n[0]*columns:n[1]*columns], int64(n[1]-n[0]), columns), nil)
		ok(t, err)
		ok(t, w.Commit(ctx))
		ok(t, w.Close())
	}
	f, err := tensorfile.Open(path, nil)
	ok(t, err)
	x, err := f.Tensor("x")
	ok(t, err)
	type chunk struct{ r0, c0, r1, c1 int64 }
	var chunks []chunk
	for c, err := range x.Chunks(ctx, nil) {
		ok(t, err)
		s := c.View.Shape()
		chunks = append(chunks, chunk{c.Origin[0], c.Origin[1], c.Origin[0] + s[0], c.Origin[1] + s[1]})
	}
	ok(t, f.Close())
	if len(chunks) < 15 {
		t.Fatalf("%d chunks", len(chunks))
	}
	for n := range chunks {
		hurt(t, path, "x", n)
		dead, seen := int64(0), map[chunk]int64{}
		got, _ := raw[float32](show(t, nil, path), "tile", "t=x")
		for i, v := range got {
			r, c := int64(i)/columns, int64(i)%columns
			if !isDamaged(v) {
				if v != float32(list[i]) {
					t.Fatalf("chunk %d: cell %d is %v", n, i, v)
				}
				continue
			}
			dead++
			for _, k := range chunks {
				if r >= k.r0 && r < k.r1 && c >= k.c0 && c < k.c1 {
					seen[k]++
				}
			}
		}
		for k, cells := range seen {
			if len(seen) != 1 || cells != (k.r1-k.r0)*(k.c1-k.c0) || dead != cells {
				t.Errorf("chunk %d: %d cells are marked, in %v", n, dead, seen)
			}
		}
		if dead == 0 {
			t.Errorf("chunk %d: nothing is marked", n)
		}
		hurt(t, path, "x", n) // back again
	}
}
