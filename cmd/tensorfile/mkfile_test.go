package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/tensor"
)

// mkfile writes a native file, the same bytes for the same arguments:
//
//	mkfile OUT w=f32(2,3)            0, 1, 2 ... in C order
//	           w=f32(2,3):1,nan,-inf these values, repeated
//	           s=S5(2):ab,cde        text
//	           t=@w[:, ::2]          a view of w on its storage
//	           t=@w.T                w with its axes turned round
//	           b=f32(9,9)~:1         one element for all
//	           :{"a":1}              attributes of the file
//	           w:{"unit":"m"}        attributes of a tensor, before it
func mkfile() {
	if err := makeFile(os.Args[1], os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, "mkfile:", err)
		os.Exit(2)
	}
}

func makeFile(out string, args []string) error {
	w, err := tensorfile.Create(out, &tensorfile.CreateOptions{Overwrite: true, Deterministic: true, NoSync: true})
	if err != nil {
		return err
	}
	defer w.Close()
	ctx := context.Background()
	type made struct {
		id tensorfile.StorageID
		v  tensor.View
	}
	all := map[string]made{}
	attrs := map[string]tensorfile.Attrs{}
	for _, arg := range args {
		if name, text, ok := strings.Cut(arg, ":{"); ok && !strings.Contains(name, "=") {
			var a tensorfile.Attrs
			if err := json.Unmarshal([]byte("{"+text), &a); err != nil {
				return err
			}
			if attrs[name] = a; name == "" {
				if err := w.SetAttrs(a); err != nil {
					return err
				}
			}
			continue
		}
		name, def, ok := strings.Cut(arg, "=")
		if !ok {
			return fmt.Errorf("%q has no =", arg)
		}
		o := &tensorfile.TensorOptions{Attrs: attrs[name]}
		if src, ok := strings.CutPrefix(def, "@"); ok {
			sel := ""
			if i := strings.IndexByte(src, '['); i >= 0 {
				src, sel = src[:i], src[i:]
			}
			src, turned := strings.CutSuffix(src, ".T")
			m := all[src]
			v := m.v
			if turned {
				if v, err = v.Transpose(); err != nil {
					return err
				}
			}
			s, err := tensor.ParseSelection(sel)
			if err != nil {
				return err
			}
			if v, err = v.Select(s); err != nil {
				return err
			}
			if err := w.TensorOn(m.id, name, v.DType(), v.Shape(), v.Strides(), v.Offset(), o); err != nil {
				return err
			}
			continue
		}
		v, err := parseTensor(def)
		if err != nil {
			return err
		}
		if strings.Contains(def, ")~") || v.NumElements() == 0 {
			if err := w.Add(ctx, name, v, o); err != nil {
				return err
			}
			continue
		}
		b, err := v.Bytes()
		if err != nil {
			return err
		}
		id, err := w.AddStorage(ctx, int64(len(b)), strings.NewReader(string(b)))
		if err != nil {
			return err
		}
		if err := w.TensorOn(id, name, v.DType(), v.Shape(), nil, 0, o); err != nil {
			return err
		}
		all[name] = made{id, v}
	}
	return w.Commit(ctx)
}

// parseTensor makes what stands behind the = of an argument.
func parseTensor(def string) (tensor.View, error) {
	var none tensor.View
	def, list, given := strings.Cut(def, ":")
	def, wide := strings.CutSuffix(def, "~")
	name, dims, ok := strings.Cut(strings.TrimSuffix(def, ")"), "(")
	if !ok {
		return none, fmt.Errorf("%q has no shape", def)
	}
	d, err := tensor.ParseDType(name)
	if err != nil {
		return none, err
	}
	shape := tensor.Shape{}
	for _, s := range strings.FieldsFunc(dims, func(r rune) bool { return r == ',' }) {
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return none, err
		}
		shape = append(shape, n)
	}
	full := shape
	if wide {
		shape = make(tensor.Shape, len(full))
		for i := range shape {
			shape[i] = 1
		}
	}
	v, err := tensor.Make(d, shape)
	if err != nil {
		return none, err
	}
	values := strings.Split(list, ",")
	if d.Class == tensor.ClassBytes || d.Class == tensor.ClassBlock {
		b, err := v.Bytes()
		if err != nil {
			return none, err
		}
		for i, n := 0, int(d.UnitBytes); i*n < len(b); i++ {
			copy(b[i*n:(i+1)*n], values[i%len(values)])
		}
	} else {
		all, err := tensor.Make(tensor.F64, shape)
		if err != nil {
			return none, err
		}
		x, err := tensor.Data[float64](all)
		if err != nil {
			return none, err
		}
		for i := range x {
			x[i] = float64(i)
			if given {
				if x[i], err = strconv.ParseFloat(values[i%len(values)], 64); err != nil {
					return none, err
				}
			}
		}
		if err := tensor.Cast(v, all); err != nil {
			return none, err
		}
	}
	if wide {
		return v.BroadcastTo(full)
	}
	return v, nil
}
