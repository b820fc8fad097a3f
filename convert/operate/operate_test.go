package operate_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	_ "github.com/tensorfile/tensorfile/convert/npy"
	"github.com/tensorfile/tensorfile/convert/operate"
	"github.com/tensorfile/tensorfile/tensor"
	"github.com/tensorfile/tensorfile/transform"
	"github.com/tensorfile/tensorfile/transform/image"
)

var ctx = context.Background()

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// noise is a view of values without a period, small enough for every dtype.
func noise(t testing.TB, r *rand.Rand, d tensor.DType, s tensor.Shape) tensor.View {
	t.Helper()
	n, err := s.NumElements()
	must(t, err)
	x := make([]float64, n)
	for i := range x {
		x[i] = float64(r.IntN(200))
		if d.Class == tensor.ClassFloat {
			x[i] = r.NormFloat64()
		}
	}
	v, err := tensor.FromSlice(x, s...)
	must(t, err)
	out, err := v.Cast(d)
	must(t, err)
	return out
}

// forms are the ways in which a tensor can be a source.
var forms = []string{"mapped", "read", "chunked", "strided", "deflated", "big-endian"}

// opened writes a tensor in a form and opens it.
func opened(t testing.TB, form string, v tensor.View) *tensorfile.Tensor {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "in.tensor")
	w, err := tensorfile.Create(path, &tensorfile.CreateOptions{NoSync: true})
	must(t, err)
	defer w.Close()
	var o *tensorfile.TensorOptions
	switch form {
	case "chunked":
		if v.Rank() == 0 {
			break
		}
		chunk := v.Shape().Clone()
		for i := range chunk {
			chunk[i] = max(chunk[i]*2/3, 1)
		}
		o = &tensorfile.TensorOptions{Chunk: chunk, Codec: "shuffle|lz4"}
	case "strided":
		turned, err := v.Transpose()
		must(t, err)
		turned, err = turned.Clone()
		must(t, err)
		v, err = turned.Transpose()
		must(t, err)
	}
	must(t, w.Add(ctx, "x", v, o))
	must(t, w.Commit(ctx))
	open := &convert.OpenOptions{}
	switch form {
	case "read":
		open.NoMmap = true
	case "deflated":
		npz := filepath.Join(dir, "in.npz")
		_, err := convert.Files(ctx, []string{path}, npz, &convert.Options{NoSync: true, Write: convert.WriteOptions{Compress: true}})
		must(t, err)
		path = npz
	}
	if form == "big-endian" {
		return bigEndian(t, v)
	}
	f, err := convert.Open(ctx, path, open)
	must(t, err)
	t.Cleanup(func() { f.Close() })
	x, err := f.Tensor("x")
	must(t, err)
	return x
}

// derive applies steps to tensors called a, b, c.
func derive(t testing.TB, p *operate.Pipeline, src ...*tensorfile.Tensor) ([]convert.Source, error) {
	t.Helper()
	var list []convert.Source
	for i, x := range src {
		list = append(list, convert.Source{Tensor: x, As: string(rune('a' + i))})
	}
	d, err := p.Derive(ctx, list)
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { must(t, d.Close()) })
	return d.Tensors, nil
}

// bytesOf reads a tensor as a stream.
func bytesOf(t testing.TB, x *tensorfile.Tensor) []byte {
	t.Helper()
	var b bytes.Buffer
	must(t, x.WriteCOrder(ctx, &b))
	return b.Bytes()
}

func steps(t testing.TB, list ...string) []operate.Step {
	t.Helper()
	var out []operate.Step
	for _, s := range list {
		name, value, _ := strings.Cut(s, " ")
		step, err := operate.Parse(name, value)
		must(t, err)
		out = append(out, step)
	}
	return out
}

// eager computes a step of a whole tensor in memory.
func eager(t testing.TB, v tensor.View, s operate.Step) (tensor.View, error) {
	t.Helper()
	switch o := s.Operator.(type) {
	case operate.Select:
		return v.Select(o.Selection)
	case operate.Cast:
		return v.Cast(o.To)
	case operate.Scale:
		return transform.ScaleBias(v, v.DType(), &transform.Scaling{Scale: []float64{o.Scale}, Bias: []float64{o.Bias}, Clamp: o.Clamp, Min: o.Min, Max: o.Max})
	case operate.Flip:
		for _, a := range o.Axes {
			var axis int
			fmt.Sscan(a, &axis)
			var err error
			if v, err = v.Flip(axis); err != nil {
				return v, err
			}
		}
		return v, nil
	case operate.Rearrange:
		out, _, err := tensor.Rearrange(v, o.Pattern.String(), o.Sizes)
		return out, err
	case operate.Reduce:
		return tensor.Reduce(v, o.Pattern.String(), o.Reduction, o.Sizes)
	case operate.Resize:
		return image.Resize(v, image.HWC, o.Height, o.Width, &image.ResizeOptions{Filter: o.Filter, Fit: o.Fit})
	case operate.Pad:
		return transform.Pad(v, o.Amounts, &transform.PadOptions{Mode: o.Mode})
	case operate.Crop:
		return image.CropCentre(v, image.HWC, o.Height, o.Width)
	}
	t.Fatalf("%T", s.Operator)
	return v, nil
}

// randomStep is a step that fits a shape of channels last, or nearly fits.
func randomStep(r *rand.Rand, s tensor.Shape) string {
	pick := func(list ...string) string { return list[r.IntN(len(list))] }
	rank := len(s)
	switch r.IntN(10) {
	case 0:
		items := make([]string, r.IntN(rank+1))
		for i := range items {
			items[i] = pick(":", "1:", ":-1", "::2", "::-1", "-1::-2", "1:3")
			if rank > 3 && r.IntN(6) == 0 {
				items[i] = "0"
			}
		}
		if r.IntN(6) == 0 && rank < 5 {
			items = append(items, "newaxis")
		}
		return "select " + strings.Join(items, ",")
	case 1:
		return "dtype " + pick("f32", "f16", "f64", "u8", "i16", "i32")
	case 2:
		return "scale " + pick("2", "0.5,3", "1,-2,0:100")
	case 3:
		return fmt.Sprint("flip ", r.IntN(rank))
	case 4:
		names := []string{"a", "b", "c", "d", "e", "f"}[:min(rank, 6)]
		left, sizes := slices.Clone(names), ""
		right := slices.Clone(names)
		if i := r.IntN(len(names)); s[i]%2 == 0 && s[i] > 0 {
			left[i] = "(" + names[i] + " z)"
			if r.IntN(2) == 0 {
				left[i] = "(z " + names[i] + ")"
			}
			right, sizes = append(right, "z"), "; z=2"
		}
		r.Shuffle(len(right), func(i, j int) { right[i], right[j] = right[j], right[i] })
		if len(right) > 2 {
			i := r.IntN(len(right) - 1)
			right[i] = "(" + right[i] + " " + right[i+1] + ")"
			right = slices.Delete(right, i+1, i+2)
		}
		if len(right) < 3 {
			right = append(right, "1")
		}
		return "rearrange " + strings.Join(left, " ") + " -> " + strings.Join(right, " ") + sizes
	case 5:
		if s[rank-1] > 4 || s[rank-1] < 1 || rank > 4 {
			break
		}
		return fmt.Sprintf("resize %dx%d; %s; %s", 1+r.IntN(9), 1+r.IntN(9), pick("nearest", "bilinear", "bicubic"), pick("stretch", "crop", "pad"))
	case 6:
		list := make([]string, rank)
		for i := range list {
			list[i] = pick("0", "0", "1", "2:0", "0:3")
		}
		return "pad " + strings.Join(list, ",") + pick("", "; edge", "; reflect")
	case 8:
		if rank < 4 || rank > 6 {
			break
		}
		left := strings.Fields("a b c d e f")[:rank]
		right := slices.Clone(left)
		r.Shuffle(rank, func(i, j int) { right[i], right[j] = right[j], right[i] })
		if k := r.IntN(rank); s[k]%2 == 0 {
			left[k] = "(" + left[k] + " 2)"
		}
		// Of these the order in which elements are taken makes no difference.
		return "reduce " + pick("max", "min", "any", "all") + " " + strings.Join(left, " ") + " -> " + strings.Join(right[:3], " ")
	case 7:
		if s[rank-1] > 4 || s[rank-1] < 1 || rank > 4 {
			break
		}
		return fmt.Sprintf("crop %dx%d", 1+r.IntN(int(max(s[rank-2], 1))), 1+r.IntN(int(max(s[rank-3], 1))))
	}
	return "flip 0"
}

// Chains of operators give, box by box, what they give in memory one after the
// other, of sources of every form.
func TestChains(t *testing.T) {
	rounds := 400
	if testing.Short() {
		rounds = 100
	}
	const seed = 7
	r := rand.New(rand.NewPCG(seed, 1))
	done, joins, refused := 0, 0, 0
	for round := range rounds {
		restore := operate.SetBlock(int64(16 << r.IntN(10)))
		shape := tensor.Shape{int64(1 + r.IntN(6)), int64(1 + r.IntN(9)), int64(1 + r.IntN(9)), int64(1 + r.IntN(4))}[r.IntN(2):]
		d := []tensor.DType{tensor.U8, tensor.F32, tensor.F64, tensor.U16}[r.IntN(4)]
		form := forms[round%len(forms)]
		want := []tensor.View{noise(t, r, d, shape)}
		src := []*tensorfile.Tensor{opened(t, form, want[0])}
		for r.IntN(3) == 0 {
			other := shape.Clone()
			other[r.IntN(len(other)-1)] += int64(r.IntN(2) * r.IntN(4))
			want = append(want, noise(t, r, d, other))
			src = append(src, opened(t, forms[r.IntN(len(forms))], want[len(want)-1]))
		}
		var list []operate.Step
		var chain []string
		fits := true
		for left := 1 + r.IntN(4); fits && (left > 0 || len(want) > 1); left-- {
			text := randomStep(r, want[0].Shape())
			if len(want) > 1 && (left <= 0 || r.IntN(3) == 0) {
				text = []string{"stack", fmt.Sprint("concat ", r.IntN(want[0].Rank()))}[r.IntN(2)]
			}
			wide := slices.ContainsFunc(want, func(v tensor.View) bool { return v.Shape()[v.Rank()-1] > 4 })
			if wide && (strings.HasPrefix(text, "resize") || strings.HasPrefix(text, "crop")) {
				text = "flip 0" // it would be another layout to some
			}
			step := steps(t, text)[0]
			list, chain = append(list, step), append(chain, text)
			next, err := eagerAll(t, want, step)
			if fits = err == nil; fits {
				want = next
			}
			if fits && slices.ContainsFunc(want, func(v tensor.View) bool { return v.Rank() < 3 || v.Rank() > 6 }) {
				break
			}
		}
		got, err := derive(t, &operate.Pipeline{Steps: list, Workers: 1 + r.IntN(3)}, src...)
		if err != nil || !fits {
			empty := slices.ContainsFunc(want, func(v tensor.View) bool { return v.NumElements() == 0 }) // the operators then know any dtype
			if fits && !empty || err == nil {
				t.Fatalf("round %d, %s %v, %q: refused %v, in memory fits %v", round, form, shape, chain, err, fits)
			}
			refused++
			restore()
			continue
		}
		if len(got) != len(want) {
			t.Fatalf("round %d, %q: %d results, want %d", round, chain, len(got), len(want))
		}
		for i, want := range want {
			same(t, got[i].Tensor, want, fmt.Sprintf("round %d, %s %v %v, %q, %d", round, form, d, shape, chain, i))
		}
		joins += min(len(src)-1, 1)
		done++
		restore()
	}
	t.Logf("seed %d: %d chains, %d of several tensors, %d refused", seed, done, joins, refused)
	if done < rounds*6/10 || joins < rounds/8 || refused == 0 {
		t.Error("too few")
	}
}

// same compares a tensor with what it must hold.
func same(t *testing.T, got *tensorfile.Tensor, want tensor.View, what string) {
	t.Helper()
	if got.DType() != want.DType() || !got.Shape().Equal(want.Shape()) {
		t.Fatalf("%s: %v %v, want %v %v", what, got.DType(), got.Shape(), want.DType(), want.Shape())
	}
	var b bytes.Buffer
	must(t, want.WriteCOrder(&b, tensor.LittleEndian))
	if !bytes.Equal(bytesOf(t, got), b.Bytes()) {
		t.Fatalf("%s: other elements", what)
	}
}

// eagerAll is eager of several tensors.
func eagerAll(t testing.TB, vs []tensor.View, s operate.Step) ([]tensor.View, error) {
	t.Helper()
	var one tensor.View
	var err error
	switch o := s.Operator.(type) {
	case operate.Stack:
		one, err = tensor.Stack(0, vs...)
	case operate.Concat:
		var axis int
		fmt.Sscan(o.Axis, &axis)
		one, err = tensor.Concatenate(axis, vs...)
	default:
		out := make([]tensor.View, len(vs))
		for i, v := range vs {
			if out[i], err = eager(t, v, s); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
	return []tensor.View{one}, err
}
