package safetensors

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/internal/strictjson"
	"github.com/tensorfile/tensorfile/tensor"
)

const alignment = 64 // of the data section, and of tensors where that needs no hole

// metadataLosses says what of the file's attributes is not written as it is.
func metadataLosses(a convert.Attrs) (lost []string) {
	for _, k := range slices.Sorted(maps.Keys(a)) {
		if _, ok := a[k].(string); ok {
			continue
		}
		if _, ok := text(a[k]); ok {
			lost = append(lost, fmt.Sprintf("the type of the file's attribute %s, which becomes a text", tensor.Quote(k)))
		} else {
			lost = append(lost, fmt.Sprintf("the file's attribute %s, as metadata are texts", tensor.Quote(k)))
		}
	}
	return lost
}

// text is v as metadata: a string as it is, a number or bool in JSON.
func text(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case bool, int64, uint64, float64:
		b, err := strictjson.Append(nil, map[string]any{"": v})
		b = bytes.TrimSuffix(bytes.TrimPrefix(b, []byte(`{"":`)), []byte("}"))
		return string(b), err == nil && len(b) > 0 && b[0] != '{'
	}
	return "", false
}

// planned is a tensor to write and where.
type planned struct {
	convert.Source
	dtype      string
	begin, end int64
}

// size is the number of bytes of t in the file.
func size(t convert.Source) (int64, error) {
	n, err := t.Shape().NumElements()
	bits := int64(t.DType().Bits)
	if err != nil || n > (1<<63-1)/bits {
		return 0, &tensor.Error{Kind: tensor.ErrOverflow, Format: name, Tensor: t.As, Offset: -1, Field: "shape", Got: t.Shape().String(), Want: "fewer than 2^63 bits"}
	}
	if n *= bits; n%8 != 0 {
		return 0, &tensor.Error{Kind: tensor.ErrUnsupported, Format: name, Tensor: t.As, Offset: -1, Field: "shape", Got: fmt.Sprintf("%v of %v, %d bits", t.Shape(), t.DType(), n), Want: "whole bytes"}
	}
	return n / 8, nil
}

// shown is what a tensor shows: two of one shown have the same elements.
type shown struct {
	file                  *tensorfile.File
	storage               uint64
	offset                int64
	dtype, shape, strides string
	order                 tensor.ByteOrder
}

// plan checks the tensors and gives each its place. Those that show what another
// shows are in tied: name to name.
func plan(src []convert.Source) (list []planned, tied map[string]string, err error) {
	tied = map[string]string{}
	first := map[shown]string{}
	for _, t := range src {
		bad := func(field, got, want string) error {
			return &tensor.Error{Kind: tensor.ErrUnsupported, Format: name, Tensor: t.As, Offset: -1, Field: field, Got: got, Want: want}
		}
		if layout, _, ok := t.Composite(); ok {
			return nil, nil, bad("layout", cmp.Or(format.LayoutName(layout), strconv.Itoa(int(layout))), "a dense tensor")
		}
		if t.As == "__metadata__" {
			return nil, nil, bad("name", tensor.Quote(t.As), "another: it is the format's own (--rename)")
		}
		d, ok := spellings[t.DType()]
		if !ok {
			return nil, nil, bad("dtype", t.DType().String(), "one that the format has (convert with --dtype)")
		}
		n, err := size(t)
		if err != nil {
			return nil, nil, err
		}
		if st := t.Storage(); st.ID != 0 && n > 0 {
			key := shown{t.File(), st.ID, t.Offset(), t.DType().String(), t.Shape().String(), fmt.Sprint(t.Strides()), t.Order()}
			if other, ok := first[key]; ok {
				tied[t.As] = other
				continue
			}
			first[key] = t.As
		}
		list = append(list, planned{Source: t, dtype: d, end: n})
	}
	width := func(p planned) uint32 {
		if d := p.DType(); d.UnitElems == 1 {
			return d.UnitBytes
		}
		return 1 // packed elements stand anywhere
	}
	slices.SortStableFunc(list, func(a, b planned) int {
		if x, y := a.end%alignment == 0, b.end%alignment == 0; x != y {
			return cmp.Compare(btoi(y), btoi(x))
		} else if x {
			return 0
		}
		return cmp.Compare(width(b), width(a))
	})
	at := int64(0)
	for i := range list {
		p := &list[i]
		if p.end > 1<<62-at {
			return nil, nil, &tensor.Error{Kind: tensor.ErrOverflow, Format: name, Tensor: p.As, Offset: -1, Field: "data_offsets", Got: count(p.end) + " at " + strconv.FormatInt(at, 10), Want: "below 2^62"}
		}
		p.begin, p.end = at, at+p.end
		at = p.end
	}
	return list, tied, nil
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// appendHeader appends the length and the header.
func appendHeader(b []byte, list []planned, metadata map[string]any) ([]byte, error) {
	b = append(b, make([]byte, lengthSize)...)
	begin := len(b)
	b = append(b, '{')
	str := func(s string) error {
		q, err := strictjson.AppendString(b, s)
		if err != nil {
			return &tensor.Error{Kind: tensor.ErrUnsupported, Format: name, Tensor: s, Offset: -1, Field: "name", Err: err}
		}
		b = q
		return nil
	}
	if len(metadata) > 0 {
		b = append(b, `"__metadata__":`...)
		var err error
		if b, err = strictjson.Append(b, metadata); err != nil {
			return nil, &tensor.Error{Kind: tensor.ErrUnsupported, Format: name, Offset: -1, Field: "__metadata__", Err: err}
		}
	}
	for i := range list {
		p := &list[i]
		if len(b)-begin > 1 {
			b = append(b, ',')
		}
		if err := str(p.As); err != nil {
			return nil, err
		}
		b = append(b, `:{"dtype":"`+p.dtype+`","shape":[`...)
		for axis, n := range p.Shape() {
			if axis > 0 {
				b = append(b, ',')
			}
			b = strconv.AppendInt(b, n, 10)
		}
		b = append(b, `],"data_offsets":[`...)
		b = strconv.AppendInt(b, p.begin, 10)
		b = append(b, ',')
		b = strconv.AppendInt(b, p.end, 10)
		b = append(b, "]}"...)
	}
	b = append(b, '}')
	for len(b)%alignment != 0 {
		b = append(b, ' ')
	}
	if n := len(b) - begin; n > maxHeader {
		return nil, &tensor.Error{Kind: tensor.ErrLimit, Format: name, Offset: -1, Field: "header", Got: count(int64(n)), Want: "at most " + strconv.Itoa(maxHeader)}
	}
	binary.LittleEndian.PutUint64(b[begin-lengthSize:], uint64(len(b)-begin))
	return b, nil
}

func write(ctx context.Context, w io.Writer, src []convert.Source, o *convert.WriteOptions) error {
	list, tied, err := plan(src)
	if err != nil {
		return err
	}
	metadata := map[string]any{}
	if o != nil {
		for k, v := range o.Attrs {
			if s, ok := text(v); ok {
				metadata[k] = s
			}
		}
	}
	for k, v := range tied {
		metadata[k] = v
	}
	b, err := appendHeader(nil, list, metadata)
	if err != nil {
		return err
	}
	if _, err := w.Write(b); err != nil {
		return err
	}
	for i := range list {
		if err := list[i].write(ctx, w); err != nil {
			return err
		}
	}
	return nil
}

// write writes the elements.
func (p *planned) write(ctx context.Context, w io.Writer) error {
	if p.end == p.begin {
		return nil
	}
	if d := p.DType(); !wholeRows(d, p.Shape()) {
		row := p.Shape()[len(p.Shape())-1]
		in, out := io.Pipe()
		go func() { out.CloseWithError(p.WriteCOrder(ctx, out)) }()
		defer in.Close()
		_, err := io.Copy(w, newRepacker(bufio.NewReaderSize(in, 64<<10), d, row, true))
		return err
	}
	return p.WriteCOrder(ctx, w)
}
