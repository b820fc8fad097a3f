package tensorfile

import (
	"bytes"
	"context"
	"io"
	"slices"
	"strings"

	"github.com/tensorfile/tensorfile/codec"
	"github.com/tensorfile/tensorfile/tensor"
)

// PlainCodec is the codec of TensorOptions that means plain bytes, without
// chunks.
const PlainCodec = "none"

// objectives are the codecs that are looked for in samples.
var objectives = []codec.Objective{codec.Auto, codec.Fast, codec.Best}

func objective(name string) (codec.Objective, bool) {
	i := slices.IndexFunc(objectives, func(o codec.Objective) bool { return o.String() == name })
	if i < 0 {
		return 0, false
	}
	return objectives[i], true
}

// sampler fills dst with the elements of a box that begins at an index, as
// codec.Choose asks for them.
type sampler func(dst []byte, box codec.Box, at []int64) error

// chosen says how a tensor is stored whose options ask for a codec that is
// looked for: nil means as plain bytes, which is what becomes of data that does
// not become smaller, unless chunks were asked for.
func (o *TensorOptions) chosen(d tensor.DType, shape tensor.Shape, read sampler) (*TensorOptions, error) {
	if o == nil || o.Codec == PlainCodec || len(shape) == 0 {
		return nil, nil
	}
	goal, ok := objective(o.Codec)
	if !ok {
		return o, nil
	}
	own := *o
	own.Codec = "raw"
	if n := shape.Clone(); !slices.Contains(n, 0) {
		c, err := codec.Choose(d, n, read, goal)
		if err != nil {
			return nil, err
		}
		if len(c.Pipelines) > 0 {
			own.Codec = strings.Join(c.Pipelines, "\n")
			// Chunk stays as it is: that of Choose ends with the rows that are there,
			// and rows may follow.
			if own.Fill == nil {
				own.Fill = c.Fill
			}
		}
	}
	if own.Codec == "raw" && own.Chunk == nil && own.Fill == nil {
		return nil, nil
	}
	return &own, nil
}

// boxView is dst as the memory of a box.
func boxView(dst []byte, box codec.Box) (tensor.View, error) {
	return tensor.NewView(dst, box.DType, box.Shape, nil, 0, tensor.LittleEndian)
}

// viewSampler takes samples of a view, whose memory may be a mapping of the
// caller.
func viewSampler(v tensor.View) sampler {
	return func(dst []byte, box codec.Box, at []int64) error {
		part, err := cutBox(v, at, box.Shape)
		if err != nil {
			return err
		}
		to, err := boxView(dst, box)
		if err != nil {
			return err
		}
		return guarded(func() error { return tensor.Copy(to, part) })
	}
}

// sampler takes samples of a stored tensor.
func (t *Tensor) sampler(ctx context.Context) sampler {
	return func(dst []byte, box codec.Box, at []int64) error {
		sel := make(tensor.Selection, len(at))
		for i := range at {
			sel[i] = tensor.SelectionItem{Kind: tensor.SelectRange, Start: at[i], Stop: at[i] + box.Shape[i], Step: 1}
		}
		to, err := boxView(dst, box)
		if err != nil {
			return err
		}
		return t.ReadInto(ctx, to, sel)
	}
}

// streamSample is how much of a stream is looked at.
const streamSample = 4 << 20

// chosenStream is chosen for elements that come from a stream, of which the
// beginning is looked at. It returns the whole stream.
func (o *TensorOptions) chosenStream(d tensor.DType, shape tensor.Shape, r io.Reader) (*TensorOptions, io.Reader, error) {
	if o == nil {
		return nil, r, nil
	}
	if _, ok := objective(o.Codec); !ok || slices.Contains(shape, 0) {
		own, err := o.chosen(d, shape, nil)
		return own, r, err
	}
	// The beginning, as a box: the whole inner axes that fit, a part of the next
	// one, and one step of all others.
	head := shape.Clone()
	for axis := range head {
		rest := head[axis]
		head[axis] = 1
		one, err := tensor.ByteSize(d, head)
		if err != nil {
			return nil, r, err
		}
		if axis == len(head)-1 {
			one = int64(d.UnitBytes)
			rest = min(rest, streamSample/one*int64(d.UnitElems))
			head[axis] = max(rest, min(shape[axis], int64(d.UnitElems)))
			break
		}
		if one <= streamSample {
			head[axis] = min(rest, streamSample/max(one, 1))
			break
		}
	}
	size, err := tensor.ByteSize(d, head)
	if err != nil {
		return nil, r, err
	}
	buf := make([]byte, size)
	n, err := io.ReadFull(r, buf)
	r = io.MultiReader(bytes.NewReader(buf[:n]), r)
	if err != nil {
		// Too few, or an error: who reads the elements will say so.
		own := *o
		own.Codec = "raw"
		return &own, r, nil
	}
	v, err := tensor.NewView(buf, d, head, nil, 0, tensor.LittleEndian)
	if err != nil {
		return nil, r, err
	}
	own, err := o.chosen(d, head, viewSampler(v))
	return own, r, err
}
