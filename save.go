package tensorfile

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/tensorfile/tensorfile/internal/atomicfile"
	"github.com/tensorfile/tensorfile/tensor"
)

// Save writes tensors to a new file at path, which is replaced in one step if
// it is there. A value is a tensor.View, or a slice or single value of a Go
// type that is an element; slices become 1-D, single values 0-D.
//
//	err := tensorfile.Save("m.tensor", map[string]any{"bias": []float32{1, 2, 3}, "step": int64(7)})
func Save(path string, tensors map[string]any) (err error) {
	views := make(map[string]tensor.View, len(tensors))
	for name, x := range tensors {
		v, err := viewOf(x)
		if err != nil {
			return located(err, path, name)
		}
		views[name] = v
	}
	w, err := Create(path, &CreateOptions{Overwrite: true})
	if err != nil {
		return err
	}
	defer func() { err = atomicfile.Also(err, w.Close()) }()
	ctx := context.Background()
	for _, name := range slices.Sorted(maps.Keys(views)) {
		if err := w.Add(ctx, name, views[name], nil); err != nil {
			return err
		}
	}
	return w.Commit(ctx)
}

// Load reads all tensors of the native file at path into memory of their own,
// C order, with payload checksums verified.
func Load(path string) (map[string]tensor.View, error) {
	f, err := Open(path, &OpenOptions{Verify: VerifyOnFirstUse})
	if err != nil {
		return nil, err
	}
	defer f.Close()
	views := map[string]tensor.View{}
	for t, err := range f.Tensors() {
		if err != nil {
			return nil, err
		}
		if views[t.Name()], err = t.Read(context.Background()); err != nil {
			return nil, err
		}
	}
	return views, nil
}

func viewOf(x any) (tensor.View, error) {
	switch x := x.(type) {
	case tensor.View:
		return x, nil
	case bool:
		return one(x)
	case int8:
		return one(x)
	case int16:
		return one(x)
	case int32:
		return one(x)
	case int64:
		return one(x)
	case uint8:
		return one(x)
	case uint16:
		return one(x)
	case uint32:
		return one(x)
	case uint64:
		return one(x)
	case float32:
		return one(x)
	case float64:
		return one(x)
	case complex64:
		return one(x)
	case complex128:
		return one(x)
	case []bool:
		return tensor.FromSlice(x)
	case []int8:
		return tensor.FromSlice(x)
	case []int16:
		return tensor.FromSlice(x)
	case []int32:
		return tensor.FromSlice(x)
	case []int64:
		return tensor.FromSlice(x)
	case []uint8:
		return tensor.FromSlice(x)
	case []uint16:
		return tensor.FromSlice(x)
	case []uint32:
		return tensor.FromSlice(x)
	case []uint64:
		return tensor.FromSlice(x)
	case []float32:
		return tensor.FromSlice(x)
	case []float64:
		return tensor.FromSlice(x)
	case []complex64:
		return tensor.FromSlice(x)
	case []complex128:
		return tensor.FromSlice(x)
	case []tensor.Float16:
		return tensor.FromSlice(x)
	case []tensor.BFloat16:
		return tensor.FromSlice(x)
	}
	return tensor.View{}, &Error{Kind: ErrDType, Offset: -1, Field: "value", Got: fmt.Sprintf("a %T", x), Want: "a tensor.View, or a slice or value of an element type"}
}

// one makes a 0-D view of a value.
func one[T tensor.Elem](x T) (tensor.View, error) {
	v, err := tensor.FromSlice([]T{x})
	if err != nil {
		return v, err
	}
	return v.Index(0, 0)
}
