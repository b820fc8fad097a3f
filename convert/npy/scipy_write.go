package npy

import (
	"context"
	"io"
	"strings"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/convert/internal/zipfile"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/sparse"
	"github.com/tensorfile/tensorfile/tensor"
)

// isSparse reports whether s is a sparse tensor.
func isSparse(s convert.Source) bool {
	layout, _, ok := s.Composite()
	return ok && format.IsSparse(layout)
}

// member is an array of an archive of SciPy.
type member struct {
	name  string
	descr string
	view  tensor.View
}

// writeScipy writes one sparse tensor as scipy.sparse.save_npz does.
func writeScipy(ctx context.Context, w io.Writer, s convert.Source, method uint16) error {
	members, err := scipyMembers(ctx, s)
	if err != nil {
		return named(err, s.As)
	}
	z := zipfile.NewWriter(w)
	for _, m := range members {
		head, err := encodeHeader(string(appendRepr(nil, m.descr)), false, m.view.Shape())
		if err != nil {
			return err
		}
		out, err := z.Create(m.name+".npy", zipfile.MemberOptions{Size: int64(len(head)) + m.view.ByteSize(), Method: method, Align: align})
		if err == nil {
			_, err = out.Write(head)
		}
		if err == nil {
			err = m.view.WriteCOrder(contextWriter{ctx, out}, tensor.LittleEndian)
		}
		if err != nil {
			return named(err, s.As)
		}
	}
	return z.Close()
}

// contextWriter ends with its context.
type contextWriter struct {
	ctx context.Context
	w   io.Writer
}

func (c contextWriter) Write(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.w.Write(p)
}

func scipyMembers(ctx context.Context, s convert.Source) ([]member, error) {
	descr := descrOf(s.DType())
	if descr == "" || s.DType().Class == tensor.ClassBytes {
		return nil, headerError(tensor.ErrUnsupported, -1, "dtype", s.DType().String()+", which SciPy does not have", "one of NumPy's numbers (convert with --dtype)")
	}
	attrs, err := s.Attrs()
	if err != nil {
		return nil, err
	}
	a, err := s.Sparse(ctx)
	if err == nil {
		a, err = plainSciPy(ctx, a)
	}
	if err != nil {
		return nil, err
	}
	var list []member
	add := func(name string, v tensor.View) {
		list = append(list, member{name, descrOf(v.DType()), v})
	}
	part := func(role string) tensor.View {
		v, _ := a.Part(role)
		return v
	}
	switch a.Layout() {
	case sparse.COO:
		indices := part(sparse.RoleIndices)
		if a.Rank() == 2 { // as SciPy itself still does
			for axis, name := range []string{"row", "col"} {
				v, err := indices.Index(1, int64(axis))
				if err != nil {
					return nil, err
				}
				add(name, v)
			}
			break
		}
		coords, err := indices.Transpose()
		if err != nil {
			return nil, err
		}
		add("coords", coords)
	default:
		add("indices", part(sparse.RoleIndices))
		add("indptr", part(sparse.RoleIndptr))
	}
	word := []byte(a.Layout().String())
	v, err := tensor.NewView(word, tensor.Text(len(word)), nil, nil, 0, tensor.LittleEndian)
	if err != nil {
		return nil, err
	}
	add("format", v)
	if v, err = tensor.FromSlice([]int64(a.Shape())); err != nil {
		return nil, err
	}
	add("shape", v)
	list = append(list, member{"data", descr, part(sparse.RoleValues)})
	if isArray(attrs, a.Rank()) {
		if v, err = tensor.NewView([]byte{1}, tensor.Bool, nil, nil, 0, tensor.LittleEndian); err != nil {
			return nil, err
		}
		add("_is_array", v)
	}
	return list, nil
}

// isArray says whether SciPy is to make a sparse array of what is written, which
// is the default, or a matrix, which is what it was.
func isArray(attrs convert.Attrs, rank int) bool {
	m, _ := attrs["source"].(map[string]any)
	class, _ := m["class"].(string)
	return rank != 2 || m["format"] != "scipy" || !strings.HasSuffix(class, "_matrix")
}

// plainSciPy is a as SciPy can say it: no structure, no fill value, a layout that
// it saves, and indices of 32 or 64 bits.
func plainSciPy(ctx context.Context, a *sparse.Array) (*sparse.Array, error) {
	if !a.ZeroFill() {
		v, _ := a.Fill()
		return nil, headerError(tensor.ErrUnsupported, -1, "fill value", v.String(), "0, for SciPy has no other")
	}
	o := &sparse.Options{MaxBytes: -1}
	var err error
	if a.Properties().Structure != sparse.General {
		if a, err = a.General(ctx, o); err != nil {
			return nil, err
		}
	}
	switch a.Layout() {
	case sparse.COO, sparse.CSR, sparse.CSC, sparse.BSR:
	default:
		if a, err = a.Convert(ctx, sparse.COO, o); err != nil {
			return nil, err
		}
	}
	if err := a.Validate(ctx, nil); err != nil {
		return nil, err
	}
	return narrow(a)
}

// narrow gives the indices of a SciPy's dtypes.
func narrow(a *sparse.Array) (*sparse.Array, error) {
	spec := sparse.Spec{Layout: a.Layout(), Shape: a.Shape(), DType: a.DType(), Properties: a.Properties()}
	same := true
	for _, p := range a.Parts() {
		if d := p.View.DType(); p.Role == sparse.RoleIndices || p.Role == sparse.RoleIndptr {
			to := d
			switch d {
			case tensor.I32, tensor.I64:
			case tensor.U32, tensor.U64:
				to = tensor.I64 // what is valid fits
			default:
				to = tensor.I32
			}
			if to != d {
				v, err := p.View.Cast(to)
				if err != nil {
					return nil, err
				}
				p.View, same = v, false
			}
		}
		spec.Parts = append(spec.Parts, p)
	}
	if same {
		return a, nil
	}
	return sparse.New(spec)
}
