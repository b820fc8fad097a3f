package ptx_test

import (
	"encoding/binary"
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile/gpu/internal/driver"
	"github.com/tensorfile/tensorfile/gpu/internal/ptx"
	"github.com/tensorfile/tensorfile/tensor"
	"github.com/tensorfile/tensorfile/transform/conv"
)

// convCase is a convolution on the device and by package conv.
type convCase struct {
	ptx.Conv2D
	d                 device
	src, weights, out tensor.View
	o                 conv.Options
}

func newConv(t *testing.T, r *rand.Rand, c ptx.Conv2D, behind [2]int64, biased bool) *convCase {
	t.Helper()
	w := &c.Window
	o := conv.Options{Stride: w.Stride[:], Dilation: w.Dilation[:], Groups: c.Groups, Workers: 1}
	for k := range 2 {
		o.Pad = append(o.Pad, [2]int64{w.Pad[k], behind[k]})
	}
	floats := func(s ...int64) tensor.View {
		v, err := tensor.Make(tensor.F32, s)
		if err != nil {
			t.Fatal(err)
		}
		x, err := tensor.Data[float32](v)
		if err != nil {
			t.Fatal(err)
		}
		for i := range x {
			x[i] = float32(r.NormFloat64() * math.Pow(2, float64(r.IntN(30)-15)))
			switch r.IntN(200) {
			case 0:
				x[i] = float32(math.Copysign(0, -1))
			case 1:
				x[i] = float32(math.Copysign(1e-42, float64(x[i])))
			case 2:
				x[i] *= 1e36
			}
		}
		return v
	}
	x := &convCase{src: floats(c.Batch, c.Groups*c.Channels, w.In[0], w.In[1]), weights: floats(c.Groups*c.Filters, c.Channels, w.Kernel[0], w.Kernel[1]), o: o}
	x.Conv2D = c
	x.Src = x.d.put(r, little(x.src), 4*r.IntN(4))
	x.Weights = x.d.put(r, little(x.weights), 4*r.IntN(4))
	if biased {
		x.o.Bias = floats(c.Groups * c.Filters)
		x.Bias = x.d.put(r, little(x.o.Bias), 4*r.IntN(4))
	}
	s, err := conv.OutShape(x.src.Shape(), x.weights.Shape(), &x.o)
	if err != nil {
		t.Fatal(err)
	}
	x.Window.Out = [2]int64{s[2], s[3]}
	correlate := conv.Correlate
	if c.Flip {
		correlate = conv.Convolve
	}
	if x.out, err = correlate(x.src, x.weights, &x.o); err != nil {
		t.Fatal(err)
	}
	return x
}

// little are the bytes of a contiguous f32 view as devices have them.
func little(v tensor.View) []byte {
	var b []byte
	x, _ := tensor.Data[float32](v)
	for _, f := range x {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(f))
	}
	return b
}

// plain is the convolution by the words of package conv.
func (x *convCase) plain() []byte {
	w := &x.Window
	src, _ := tensor.Data[float32](x.src)
	weights, _ := tensor.Data[float32](x.weights)
	bias, _ := tensor.Data[float32](x.o.Bias)
	var out []byte
	for n := range x.Batch {
		for f := range x.Groups * x.Filters {
			for y := range w.Out[0] {
				for z := range w.Out[1] {
					sum := float32(0)
					if bias != nil {
						sum = bias[f]
					}
					for c := range x.Channels {
						for ky := range w.Kernel[0] {
							for kx := range w.Kernel[1] {
								iy, ix := y*w.Stride[0]+ky*w.Dilation[0]-w.Pad[0], z*w.Stride[1]+kx*w.Dilation[1]-w.Pad[1]
								in := float32(0)
								if iy >= 0 && iy < w.In[0] && ix >= 0 && ix < w.In[1] {
									in = src[((n*x.Groups+f/x.Filters)*x.Channels+c)*w.In[0]*w.In[1]+iy*w.In[1]+ix]
								}
								k := ky*w.Kernel[1] + kx
								taps := w.Kernel[0] * w.Kernel[1]
								if x.Flip {
									k = taps - 1 - k
								}
								sum += float32(weights[(f*x.Channels+c)*taps+k] * in)
							}
						}
					}
					out = binary.LittleEndian.AppendUint32(out, math.Float32bits(sum))
				}
			}
		}
	}
	return out
}

// run compares PTX, twin, package conv and the words, and counts kernels.
func (x *convCase) run(t *testing.T, r *rand.Rand, seen map[string]int) {
	t.Helper()
	want := x.plain()
	if err := same(tensor.F32, little(x.out), want); err != nil {
		t.Fatalf("package conv: %v", err)
	}
	dst, out := x.d.alloc(r, len(want), 4*r.IntN(4))
	l, err := x.Launch(dst)
	if err != nil {
		t.Fatal(err)
	}
	agree(t, &x.d, dst, tensor.F32, l)
	if err := same(tensor.F32, out, want); err != nil {
		t.Fatalf("%s %+v: %v", l.Kernel, x.Conv2D, err)
	}
	seen[l.Kernel]++
	if l.Kernel != "conv2d_direct" && r.IntN(3) == 0 {
		l.Kernel, l.Shared, l.Grid, l.Block = "conv2d_direct", 0, driver.Dim{X: 3}, driver.Dim{X: 20}
		agree(t, &x.d, dst, tensor.F32, l)
		seen[l.Kernel]++
	}
}

func TestConv2D(t *testing.T) {
	seed := newSeed(t)
	r := rand.New(rand.NewPCG(seed, 8))
	seen := map[string]int{}
	for i := range some(240) {
		c := ptx.Conv2D{Flip: r.IntN(3) == 0, Batch: 1 + r.Int64N(2), Groups: 1, Channels: 1 + r.Int64N(3), Filters: 1 + r.Int64N(10)}
		if r.IntN(4) == 0 {
			c.Groups, c.Filters = 1+r.Int64N(3), 1+r.Int64N(5)
		}
		w := &c.Window
		var behind [2]int64
		for k := range 2 {
			w.Kernel[k], w.Stride[k], w.Dilation[k] = 1+r.Int64N(4), 1+r.Int64N(2), 1+r.Int64N(2)
			span := (w.Kernel[k]-1)*w.Dilation[k] + 1
			w.Pad[k], behind[k] = r.Int64N(span+1), r.Int64N(span+1)
			w.In[k] = max(span-w.Pad[k]-behind[k], 1) + r.Int64N([]int64{12, 20}[k])
		}
		if i%25 == 0 { // a kernel that no tile has room for
			w.Dilation = [2]int64{70, 3}
			w.Kernel = [2]int64{3, 90}
			w.Pad, behind, w.Stride = [2]int64{140, 200}, [2]int64{}, [2]int64{1, 1}
			w.In = [2]int64{3, 70}
			c.Filters, c.Batch = 1, 1
		}
		newConv(t, r, c, behind, r.IntN(2) == 0).run(t, r, seen)
		if t.Failed() {
			t.Fatalf("seed %d, case %d", seed, i)
		}
	}
	// Results around the extents of a tile.
	for _, n := range []int64{1, 7, 8, 9, 31, 32, 33} {
		c := ptx.Conv2D{Batch: 1, Groups: 1, Channels: 2, Filters: 5, Window: ptx.Window{In: [2]int64{n, n + 2}, Kernel: [2]int64{3, 3}, Stride: [2]int64{1, 1}, Dilation: [2]int64{1, 1}, Pad: [2]int64{1, 0}}}
		newConv(t, r, c, [2]int64{1, 0}, true).run(t, r, seen)
	}
	t.Logf("%v", seen)
	for _, k := range []string{"conv2d_1", "conv2d_4", "conv2d_8", "conv2d_direct"} {
		enough(t, seen[k] > 0)
	}
	c := ptx.Conv2D{Batch: 1, Groups: 1, Channels: 1, Filters: 1, Window: ptx.Window{In: [2]int64{1, 1}, Out: [2]int64{1, 1 << 31}, Kernel: [2]int64{1, 1}, Stride: [2]int64{1, 1}, Dilation: [2]int64{1, 1}}}
	if _, err := c.Launch(0); !errors.Is(err, tensor.ErrUnsupported) {
		t.Errorf("2^31 places: %v", err)
	}
}

// Around the threads of a block, and nothing at all, for the kernels that go through
// results one by one.
func TestConvSizes(t *testing.T) {
	for _, n := range sizes(256) {
		r := rand.New(rand.NewPCG(uint64(n), 11))
		w := ptx.Window{In: [2]int64{1, int64(n)}, Out: [2]int64{1, int64(n)}, Kernel: [2]int64{1, 3}, Stride: [2]int64{1, 1}, Dilation: [2]int64{1, 1}, Pad: [2]int64{0, 1}}
		var d device
		dst, _ := d.alloc(r, 12*n, 4)
		src := d.put(r, elements(t, r, tensor.F32, n), 8)
		for _, size := range []int{1, 2, 4} {
			l, err := ptx.Im2col(dst, src, size, 1, w)
			if err != nil {
				t.Fatal(err)
			}
			agree(t, &d, dst, tensor.U8, l)
		}
		c := ptx.Conv2D{Src: src, Weights: d.put(r, elements(t, r, tensor.F32, 3), 0), Batch: 1, Groups: 1, Channels: 1, Filters: 1, Window: w}
		l, err := c.Launch(dst)
		if err != nil {
			t.Fatal(err)
		}
		agree(t, &d, dst, tensor.F32, l)
		if n > 0 {
			l.Kernel, l.Shared, l.Grid, l.Block = "conv2d_direct", 0, driver.Dim{X: uint32(n+255) / 256}, driver.Dim{X: 256}
			agree(t, &d, dst, tensor.F32, l)
		}
	}
}

// Columns are windows of the padded planes, axes turned.
func TestIm2col(t *testing.T) {
	seed := newSeed(t)
	r := rand.New(rand.NewPCG(seed, 9))
	places := int64(0)
	for i := range some(320) {
		dt := []tensor.DType{tensor.U8, tensor.F16, tensor.F32}[i%3]
		size := int(dt.UnitBytes)
		var w ptx.Window
		for k := range 2 {
			w.Kernel[k], w.Stride[k], w.Dilation[k] = 1+r.Int64N(4), 1+r.Int64N(3), 1+r.Int64N(3)
			span := (w.Kernel[k]-1)*w.Dilation[k] + 1
			w.Pad[k] = r.Int64N(span + 1)
			behind := r.Int64N(span + 1)
			w.In[k] = max(span-w.Pad[k]-behind, 1) + r.Int64N(12)
			w.Out[k] = (w.Pad[k]+w.In[k]+behind-span)/w.Stride[k] + 1
		}
		planes := r.Int64N(4)
		var d device
		src, in := d.alloc(r, int(planes*w.In[0]*w.In[1])*size, size*r.IntN(3))
		taps, out := w.Kernel[0]*w.Kernel[1], w.Out[0]*w.Out[1]
		dst, got := d.alloc(r, int(planes*taps*out)*size, size*r.IntN(3))
		l, err := ptx.Im2col(dst, src, size, planes, w)
		if err != nil {
			t.Fatal(err)
		}
		agree(t, &d, dst, tensor.U8, l)
		agree(t, &d, dst, tensor.U8, small(l, 2, 9))
		for at := range planes * taps * out {
			p, k, y, x := at/(taps*out), at/out%taps, at%out/w.Out[1], at%w.Out[1]
			iy, ix := y*w.Stride[0]+k/w.Kernel[1]*w.Dilation[0]-w.Pad[0], x*w.Stride[1]+k%w.Kernel[1]*w.Dilation[1]-w.Pad[1]
			want := strings.Repeat("\x00", size)
			if iy >= 0 && iy < w.In[0] && ix >= 0 && ix < w.In[1] {
				want = string(in[int((p*w.In[0]+iy)*w.In[1]+ix)*size:][:size])
			}
			if string(got[int(at)*size:][:size]) != want {
				t.Fatalf("seed %d, case %d, %+v: element %d", seed, i, w, at)
			}
			places++
		}
	}
	t.Logf("%d elements", places)
	enough(t, places >= 4000)
}
