package ptx

import (
	"math"
	"strconv"

	"github.com/tensorfile/tensorfile/gpu/internal/driver"
	"github.com/tensorfile/tensorfile/tensor"
	"github.com/tensorfile/tensorfile/transform/conv"
)

// Convolutions of planes, f32, and windows as columns:
//
//	conv2d_1, _4, _8    tiles through shared memory, by how many filters a thread takes
//	conv2d_direct       without shared memory
//	im2col_b8, 16, 32   what each element of a kernel sees at each place
//
// Order of additions and roundings are those of package transform/conv, which is
// their reference: one sum for each result, channels outermost, then the kernel in
// C order, each product and each sum rounded. Which NaN a result is is not said.
var convModule = module("conv", convKernels()...)

func convKernels() (list []driver.Kernel) {
	for _, name := range []string{"conv2d_1", "conv2d_4", "conv2d_8", "conv2d_direct"} {
		list = append(list, driver.Kernel{Name: name, Params: params("ppppwwwwwwwwwwwwwwwwww"), Go: conv2d})
	}
	for _, t := range moveSizes[:3] {
		list = append(list, driver.Kernel{Name: "im2col_" + t.name, Params: params("ppwwwwwwwwwwwww"), Go: im2col(int64(t.size))})
	}
	return list
}

// window reads the arguments from number at on.
func (r *reach) window(a driver.Args, at int) (w Window) {
	for i, x := range []*[2]int64{&w.In, &w.Out, &w.Kernel, &w.Stride, &w.Dilation, &w.Pad} {
		for k := range x {
			x[k] = int64(a.U32(at + 2*i + k))
		}
	}
	for k := range 2 {
		if w.Kernel[k] < 1 || w.Stride[k] < 1 || w.Dilation[k] < 1 {
			r.fail("a kernel of %v, %v apart, every %v", w.Kernel, w.Dilation, w.Stride)
		}
	}
	return w
}

func conv2d(m driver.Memory, _, _ driver.Dim, a driver.Args) error {
	r := reach{m: m}
	biased, flip := a.U32(4) != 0, a.U32(5) != 0
	batch, groups, channels, filters := int64(a.U32(6)), int64(a.U32(7)), int64(a.U32(8)), int64(a.U32(9))
	w := r.window(a, 10)
	shape := tensor.Shape{batch, groups * filters, w.Out[0], w.Out[1]}
	if n, err := shape.NumElements(); err != nil || n == 0 || r.err != nil {
		return r.err
	}
	src := r.view(a.Ptr(1), tensor.F32, tensor.Shape{batch, groups * channels, w.In[0], w.In[1]}, nil)
	weights := r.view(a.Ptr(2), tensor.F32, tensor.Shape{groups * filters, channels, w.Kernel[0], w.Kernel[1]}, nil)
	o := &conv.Options{Stride: w.Stride[:], Dilation: w.Dilation[:], Groups: groups}
	for k := range 2 {
		// As many zeros behind the input as the last place needs.
		behind := (w.Out[k]-1)*w.Stride[k] + (w.Kernel[k]-1)*w.Dilation[k] + 1 - w.Pad[k] - w.In[k]
		o.Pad = append(o.Pad, [2]int64{w.Pad[k], max(behind, 0)})
	}
	if biased {
		o.Bias = r.view(a.Ptr(3), tensor.F32, tensor.Shape{groups * filters}, nil)
	}
	dst := r.view(a.Ptr(0), tensor.F32, shape, nil)
	if r.err != nil {
		return r.err
	}
	if flip {
		return conv.ConvolveInto(dst, src, weights, o)
	}
	return conv.CorrelateInto(dst, src, weights, o)
}

func im2col(size int64) func(driver.Memory, driver.Dim, driver.Dim, driver.Args) error {
	return func(m driver.Memory, _, _ driver.Dim, a driver.Args) error {
		r := reach{m: m}
		planes := uint64(a.U32(2))
		w := r.window(a, 3)
		in, out := w.In[0]*w.In[1]*size, w.Out[0]*w.Out[1]*size
		taps := w.Kernel[0] * w.Kernel[1]
		src := r.bytes(a.Ptr(1), planes, uint64(in))
		if r.err != nil || out == 0 || planes == 0 {
			return r.err
		}
		dst := r.bytes(a.Ptr(0), planes*uint64(taps), uint64(out))
		if r.err != nil {
			return r.err
		}
		return r.share(planes, 1, func(lo, hi uint64) {
			for p := int64(lo); p < int64(hi); p++ {
				for k := range taps {
					w.column(dst[(p*taps+k)*out:][:out], src[p*in:][:in], k/w.Kernel[1], k%w.Kernel[1], size)
				}
			}
		})
	}
}

// column writes what element (ky, kx) of the kernel sees of a plane.
func (w *Window) column(dst, src []byte, ky, kx, size int64) {
	for oy := range w.Out[0] {
		row := dst[oy*w.Out[1]*size:][:w.Out[1]*size]
		y := oy*w.Stride[0] + ky*w.Dilation[0] - w.Pad[0]
		if y < 0 || y >= w.In[0] {
			clear(row)
			continue
		}
		line := src[y*w.In[1]*size:][:w.In[1]*size]
		for ox := range w.Out[1] {
			to := row[ox*size:][:size]
			if x := ox*w.Stride[1] + kx*w.Dilation[1] - w.Pad[1]; x >= 0 && x < w.In[1] {
				copy(to, line[x*size:])
			} else {
				clear(to)
			}
		}
	}
}

// A Window is how kernels lie on planes: [0] is down, [1] across. Pad is the zeros
// before the input.
type Window struct {
	In, Out, Kernel, Stride, Dilation, Pad [2]int64
}

// fits reports whether places are numbers of 32 bits, also those of a tile that
// reaches beyond the result.
func (w *Window) fits() bool {
	for k := range 2 {
		for _, n := range []int64{w.In[k], w.Out[k], w.Kernel[k], w.Stride[k], w.Dilation[k], w.Pad[k]} {
			if n < 0 || n > math.MaxInt32 {
				return false
			}
		}
		reach := float64(w.Out[k]+maxTile)*float64(w.Stride[k]) + float64(w.Kernel[k])*float64(w.Dilation[k]) + float64(w.Pad[k])
		if reach > math.MaxInt32 {
			return false
		}
	}
	return true
}

func (w *Window) args(args []driver.Arg) []driver.Arg {
	for _, x := range [][2]int64{w.In, w.Out, w.Kernel, w.Stride, w.Dilation, w.Pad} {
		args = append(args, argU32(uint32(x[0])), argU32(uint32(x[1])))
	}
	return args
}

// Conv2D is a convolution of f32 in C order.
type Conv2D struct {
	Src, Weights, Bias driver.Ptr // Bias is 0 where there is none
	Flip               bool       // kernels along both axes
	Batch, Groups      int64
	Channels, Filters  int64 // of a group
	Window             Window
}

// tiles are the blocks of threads to choose from, best first: rows of 32 read and
// write whole lines, and large tiles share more of the input.
var tiles = []driver.Dim{{X: 32, Y: 8}, {X: 16, Y: 16}, {X: 16, Y: 8}, {X: 8, Y: 8}}

const (
	maxTile   = 32
	maxShared = 48 << 10
)

// Launch is the convolution to dst. Numbers beyond 32 bits are ErrUnsupported.
func (c *Conv2D) Launch(dst driver.Ptr) (Launch, error) {
	w := &c.Window
	taps := float64(w.Kernel[0]) * float64(w.Kernel[1])
	fits := w.fits() && taps*float64(c.Channels) <= math.MaxInt32
	for _, n := range []int64{c.Batch, c.Groups, c.Channels, c.Filters} {
		fits = fits && n >= 0 && n <= math.MaxInt32
	}
	fits = fits && float64(c.Groups)*float64(max(c.Channels, c.Filters)) <= math.MaxInt32
	if !fits {
		return Launch{}, &tensor.Error{Kind: tensor.ErrUnsupported, Offset: -1, Field: "conv2d", Got: "extents beyond 32 bits", Want: "less than 2^31"}
	}
	flag := func(b bool) driver.Arg {
		if b {
			return argU32(1)
		}
		return argU32(0)
	}
	args := w.args([]driver.Arg{argPtr(dst), argPtr(c.Src), argPtr(c.Weights), argPtr(c.Bias), flag(c.Bias != 0), flag(c.Flip),
		argU32(uint32(c.Batch)), argU32(uint32(c.Groups)), argU32(uint32(c.Channels)), argU32(uint32(c.Filters))})
	best, waste := Launch{}, math.Inf(1)
	for _, per := range []int64{8, 4, 1} {
		if per > 1 && (c.Filters <= per/2 || c.Filters == 1) {
			continue
		}
		for _, b := range tiles {
			tile := [2]int64{int64(b.Y), int64(b.X)}
			patch, blocks := 1.0, float64(c.Batch*c.Groups)*float64((c.Filters+per-1)/per)
			for k := range 2 {
				patch *= float64((tile[k]-1)*w.Stride[k] + (w.Kernel[k]-1)*w.Dilation[k] + 1)
				blocks *= float64((w.Out[k] + tile[k] - 1) / tile[k])
			}
			shared := 4 * (taps*float64(per) + patch)
			if shared > maxShared || blocks > math.MaxInt32 || blocks < 1 {
				continue
			}
			if threads := blocks * float64(b.Size()); threads < waste {
				waste = threads
				best = Launch{Module: convModule, Kernel: "conv2d_" + strconv.Itoa(int(per)), Grid: driver.Dim{X: uint32(blocks)}, Block: b, Shared: uint32(shared), Args: args}
			}
		}
		if best.Module != nil {
			return best, nil
		}
	}
	return launch(convModule, "conv2d_direct", c.Batch*c.Groups*c.Filters*w.Out[0]*w.Out[1], 1, args...), nil
}

// Im2col writes what each element of a kernel sees of planes of elements of 1, 2 or
// 4 bytes. Numbers beyond 32 bits are ErrUnsupported.
func Im2col(dst, src driver.Ptr, size int, planes int64, w Window) (Launch, error) {
	if !w.fits() || planes > math.MaxInt32 {
		return Launch{}, &tensor.Error{Kind: tensor.ErrUnsupported, Offset: -1, Field: "im2col", Got: "extents beyond 32 bits", Want: "less than 2^31"}
	}
	args := w.args([]driver.Arg{argPtr(dst), argPtr(src), argU32(uint32(planes))})
	return launch(convModule, moved("im2col_", size), planes*w.Out[0]*w.Out[1], 1, args...), nil
}
