package tensorfile

import (
	"context"
	"errors"

	"github.com/tensorfile/tensorfile/format"
)

// copied is a tensor, or a part of one, on its way into a file.
type copied struct {
	t      *Tensor
	rec    format.TensorRecord // but for its place
	chunks *TensorOptions
	part   bool
}

// toCopy lists items with the parts of composites behind them.
func (w *Writer) toCopy(ctx context.Context, items []Item) (list []copied, err error) {
	for _, it := range items {
		t := it.Tensor
		name := it.Name
		if name == "" {
			name = t.name
		}
		if t.kind == format.KindComposite {
			if err = t.wholeComposite(ctx); err == nil {
				err = it.Chunks.forComposite()
			}
			if err != nil {
				return nil, located(err, t.f.Path(), t.name)
			}
		}
		if list, err = appendCopied(list, t, name, it.Attrs, it.Chunks, false); err != nil {
			return nil, located(err, w.path, name)
		}
	}
	return list, nil
}

func appendCopied(list []copied, t *Tensor, key string, attrs Attrs, o *TensorOptions, part bool) ([]copied, error) {
	var err error
	if attrs == nil {
		if attrs, err = t.Attrs(); err != nil {
			return nil, err
		}
	}
	c := copied{t, format.TensorRecord{Name: key, Kind: t.kind, DType: t.dtype, Shape: t.shape.Clone(), Layout: t.layout, LayoutFlags: t.layoutFlags, Generation: 1}, o, part}
	if c.rec.Attrs, err = format.AppendAttrs(nil, attrs, len(t.shape)); err != nil {
		return nil, err
	}
	if t.kind != format.KindComposite {
		if err := describesTensor(t.dtype, t.shape); err != nil {
			return nil, err
		}
		return append(list, c), nil
	}
	c.rec.Strides = make([]int64, len(t.shape))
	list = append(list, c)
	parts, err := t.Parts()
	if err != nil {
		return nil, err
	}
	for _, p := range parts {
		own := o
		if o != nil {
			if own = o.ofPart(format.Part{Role: p.Role, DType: p.dtype, Shape: p.shape}, p.kind == format.KindComposite); own == nil {
				own = &TensorOptions{Codec: PlainCodec}
			}
		}
		if list, err = appendCopied(list, p.Tensor, format.PartKey(key, p.Role), nil, own, true); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// wholeComposite checks that a composite has the parts that its layout needs
// and, in a foreign file, what they say of each other. A layout that is not
// known has nothing to check.
func (t *Tensor) wholeComposite(ctx context.Context) error {
	parts, err := t.openOnce(ctx)
	if errors.Is(err, ErrUnsupported) {
		return nil
	}
	if err != nil || t.f.layout == nil || t.foreign.Sound {
		return err
	}
	for _, p := range parts {
		if p.st.Kind == StorageEncoded { // piece by piece it would be decoded again and again
			_, err := t.ReadComposite(ctx)
			return err
		}
	}
	return t.checkOnce(ctx, storedSource(t, parts))
}
