package convert

import (
	"context"
	"fmt"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/tensor"
)

// Members say what the rows of a set are, in their order: row i is Files[i]. What
// the file does not say is nil.
type Members struct {
	// Files are the names of the files, as they were given to Set, with slashes.
	Files []string
	// Sizes are the shapes of their tensors, where they are not those of the rows.
	// Of files of different ranks those of lower rank may have ones behind.
	Sizes []tensor.Shape
	// Shapes are those of the rows of a ragged set.
	Shapes []tensor.Shape
	// Labels are the classes of the rows, by their place in Classes.
	Labels  []int64
	Classes []string
}

// memberKeys are the attributes of a set that Members come from. Each is what it
// says, or the name of the tensor of the same file that holds it.
var memberKeys = []string{"files", "sizes", "shapes", "labels", "classes"}

// MembersOf reads what Set noted of the rows of t. Errors are those of reading,
// and ErrFormat if what is noted is not what Set writes.
func MembersOf(ctx context.Context, t *tensorfile.Tensor) (*Members, error) {
	attrs, err := t.Attrs()
	if err != nil {
		return nil, err
	}
	if len(t.Shape()) == 0 {
		return &Members{}, nil
	}
	r := memberReader{ctx: ctx, t: t, n: t.Shape()[0]}
	m := &Members{Files: r.texts(attrs, "files", r.n), Sizes: r.shapes(attrs, "sizes"), Shapes: r.shapes(attrs, "shapes")}
	if name, ok := attrs["labels"].(string); ok && r.err == nil {
		if x := r.tensor("labels", name); x != nil {
			m.Labels = r.numbers(x, "labels", tensor.Shape{r.n})
			if own, err := x.Attrs(); err != nil {
				r.err = err
			} else {
				m.Classes = r.texts(own, "classes", -1)
			}
		}
	}
	if r.err != nil {
		return nil, r.err
	}
	for _, c := range m.Labels {
		if c < 0 || c >= int64(len(m.Classes)) {
			return nil, r.bad("labels", fmt.Sprint(c), fmt.Sprintf("one of %d classes", len(m.Classes)))
		}
	}
	return m, nil
}

// memberReader reads attributes of a set, or the tensors that they name. The first
// error is kept.
type memberReader struct {
	ctx context.Context
	t   *tensorfile.Tensor
	n   int64 // rows
	err error
}

func (r *memberReader) bad(key, got, want string) error {
	return &Error{Kind: tensorfile.ErrFormat, Path: r.t.File().Path(), Tensor: r.t.Name(), Offset: -1, Field: "attribute " + key, Got: got, Want: want}
}

func (r *memberReader) fail(key, got, want string) {
	if r.err == nil {
		r.err = r.bad(key, got, want)
	}
}

// tensor opens the tensor that holds what an attribute says.
func (r *memberReader) tensor(key, name string) *tensorfile.Tensor {
	x, err := r.t.File().Tensor(name)
	if err != nil && r.err == nil {
		r.err = err
	}
	return x
}

// texts reads strings, n of them if n is not negative.
func (r *memberReader) texts(attrs Attrs, key string, n int64) (list []string) {
	if r.err != nil {
		return nil
	}
	switch v := attrs[key].(type) {
	case nil:
		return nil
	case []any:
		for _, x := range v {
			s, ok := x.(string)
			if !ok {
				r.fail(key, fmt.Sprintf("a %T", x), "strings")
				return nil
			}
			list = append(list, s)
		}
	case string:
		x := r.tensor(key, v)
		if x == nil {
			return nil
		}
		s, err := x.Strings(r.ctx)
		if err == nil {
			list, err = s.List(r.ctx)
		}
		if err != nil {
			r.err = err
			return nil
		}
	default:
		r.fail(key, fmt.Sprintf("a %T", v), "strings, or the name of a tensor")
		return nil
	}
	if n >= 0 && int64(len(list)) != n {
		r.fail(key, fmt.Sprint(len(list)), fmt.Sprintf("%d, as there are rows", n))
	}
	return list
}

// numbers reads a tensor of i64 of a shape.
func (r *memberReader) numbers(x *tensorfile.Tensor, key string, want tensor.Shape) []int64 {
	if x.DType() != tensor.I64 || !x.Shape().Equal(want) {
		r.fail(key, fmt.Sprintf("%v %v", x.DType(), x.Shape()), fmt.Sprintf("i64 %v", want))
		return nil
	}
	v, err := x.Read(r.ctx)
	if err == nil {
		v, err = v.Clone()
	}
	if err != nil {
		r.err = err
		return nil
	}
	list, err := tensor.Data[int64](v)
	if err != nil {
		r.err = err
	}
	return list
}

// shapes reads one shape for each row.
func (r *memberReader) shapes(attrs Attrs, key string) (list []tensor.Shape) {
	if r.err != nil {
		return nil
	}
	add := func(s tensor.Shape) bool {
		if _, err := s.NumElements(); err != nil || len(s) > tensor.MaxRank {
			r.fail(key, s.String(), "a shape")
			return false
		}
		list = append(list, s)
		return true
	}
	switch v := attrs[key].(type) {
	case nil:
		return nil
	case []any:
		for _, x := range v {
			extents, _ := x.([]any)
			s := make(tensor.Shape, len(extents))
			for k, e := range extents {
				n, ok := e.(int64)
				if !ok || n < 0 {
					r.fail(key, fmt.Sprint(e), "an extent")
					return nil
				}
				s[k] = n
			}
			if !add(s) {
				return nil
			}
		}
	case string:
		x := r.tensor(key, v)
		if x == nil {
			return nil
		}
		rank := int64(0)
		if s := x.Shape(); len(s) == 2 {
			rank = s[1]
		}
		all := r.numbers(x, key, tensor.Shape{r.n, rank})
		if r.err != nil {
			return nil
		}
		for i := range r.n {
			if !add(all[i*rank : (i+1)*rank : (i+1)*rank]) {
				return nil
			}
		}
	default:
		r.fail(key, fmt.Sprintf("a %T", v), "shapes, or the name of a tensor")
		return nil
	}
	if int64(len(list)) != r.n {
		r.fail(key, fmt.Sprint(len(list)), fmt.Sprintf("%d, as there are rows", r.n))
	}
	return list
}
