package viewer

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/url"
	"strings"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/internal/survey"
	"github.com/tensorfile/tensorfile/mmap"
	"github.com/tensorfile/tensorfile/tensor"
)

// downloads are the types of what can be downloaded, by the names of formats.
var downloads = map[string]string{"npy": "application/octet-stream", "csv": "text/csv; charset=utf-8", "png": "image/png", "wav": "audio/wav"}

// download answers a tensor, or a selection of one, as a file.
func (c *call) download() error {
	h, p, err := c.pick()
	if err != nil {
		return err
	}
	as := c.text("as", "npy")
	kind, ok := downloads[as]
	if !ok {
		return bad("as", tensor.Quote(as), "npy, csv, png or wav")
	}
	if !numericTensor(p.Tensor) && !(p.DType().Class == tensor.ClassBytes && p.DType().Known() && (as == "csv" || as == "npy")) {
		return wrongView(p.Tensor, "elements that "+as+" can hold")
	}
	if err := c.enter(c.streams, 1); err != nil {
		return err
	}
	c.header().Set("Content-Type", kind)
	out := &attachment{call: c, name: fileName(p.Name()) + "." + as}
	if as == "csv" {
		err = c.csv(out, p)
	} else {
		err = c.foreign(h, out, p, as)
	}
	if err == nil && !c.began { // nothing was written: a file of no bytes
		err = out.begin()
	}
	if err != nil && !c.began {
		c.header().Del("Content-Disposition")
	}
	return survey.Located(err, p.Tensor)
}

// attachment is what is written of a download. It begins with the first byte, so
// that what fails before becomes an error.
type attachment struct {
	*call
	name string
}

func (a *attachment) begin() error {
	a.began = true
	a.header().Set("Content-Disposition", fmt.Sprintf(`attachment; filename="%s"; filename*=UTF-8''%s`, plainName(a.name), url.PathEscape(a.name)))
	return nil
}

func (a *attachment) Write(b []byte) (int, error) {
	if err := a.ctx.Err(); err != nil {
		return 0, err
	}
	if !a.began {
		if err := a.begin(); err != nil {
			return 0, err
		}
	}
	if a.r.Method == "HEAD" {
		return len(b), nil
	}
	return a.out.Write(b)
}

// fileName makes the name of a file of that of a tensor: no separators, no control
// characters, no leading dot.
func fileName(name string) string {
	s := strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || strings.ContainsRune(`/\:*?"<>|`, r) || r == '\ufffd' || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
			return '_'
		}
		return r
	}, strings.ToValidUTF8(name, "_"))
	if len(s) > 120 {
		s = strings.ToValidUTF8(s[:120], "")
	}
	if s = strings.TrimLeft(s, ". "); s == "" {
		return "tensor"
	}
	return s
}

// plainName is a name in ASCII.
func plainName(name string) string {
	return strings.Map(func(r rune) rune {
		if r >= 0x7f || r == '"' || r == '\\' || r < ' ' {
			return '_'
		}
		return r
	}, name)
}

// csv writes a line for each row of the last axis.
func (c *call) csv(w io.Writer, p survey.Pick) error {
	shape, err := p.Extents()
	if err != nil {
		return err
	}
	row := int64(1)
	if len(shape) > 1 {
		row = shape[len(shape)-1]
	}
	out, err := survey.NewElements(w, p.Values(), survey.CSV)
	if err != nil {
		return err
	}
	n := int64(0)
	return survey.InOrder(c.ctx, p, func(v tensor.View) error {
		return out.Each(v, func(b []byte) []byte {
			if n++; n%row == 0 {
				return append(b, '\n')
			}
			return append(b, ',')
		}, nil)
	})
}

// foreign writes a file of another format, from a tensor that is read while it is
// written.
func (c *call) foreign(h *handle, w io.Writer, p survey.Pick, as string) error {
	f, ok := convert.ByName(as)
	if !ok || f.Write == nil {
		return &tensorfile.Error{Kind: tensorfile.ErrUnsupported, Path: h.src.name, Offset: -1, Field: "as", Got: as, Want: "a format that this program has"}
	}
	shape, err := p.Extents()
	if err != nil {
		return err
	}
	attrs, err := p.Attrs()
	if err != nil {
		return err
	}
	if p.Sel != nil {
		attrs = changed(attrs, "dims", nil) // of axes that may be gone
	}
	if _, ok := attrs["sample_rate"]; as == "wav" && !ok {
		attrs = changed(attrs, "sample_rate", int64(otherRate))
	}
	size, err := tensor.ByteSize(p.Values(), shape)
	if err != nil {
		return err
	}
	own, err := tensorfile.OpenLayout(mmap.NewReaderAt(strings.NewReader(""), 0, h.file.Path()), &tensorfile.Layout{
		Format: h.file.Info().Format,
		Storages: []tensorfile.LayoutStorage{{Size: size, Open: func(ctx context.Context) (io.ReadCloser, error) {
			r, w := io.Pipe()
			go func() {
				own := &copier{w: w}
				w.CloseWithError(survey.InOrder(ctx, p, func(v tensor.View) error { return v.WriteCOrder(own, tensor.LittleEndian) }))
			}()
			return r, nil
		}}},
		Tensors: []tensorfile.LayoutTensor{{Name: p.Name(), DType: p.Values(), Shape: shape, Attrs: attrs}},
	}, &tensorfile.OpenOptions{NoMmap: true, MaxBytes: copyBytes})
	if err != nil {
		return err
	}
	defer own.Close()
	t, err := own.Tensor(p.Name())
	if err != nil {
		return err
	}
	return f.Write(c.ctx, w, []convert.Source{{Tensor: t, As: p.Name()}}, nil)
}

// changed is a with another value of a key; nil is none.
func changed(a tensorfile.Attrs, key string, value any) tensorfile.Attrs {
	own := maps.Clone(a)
	if own == nil {
		own = tensorfile.Attrs{}
	}
	if delete(own, key); value != nil {
		own[key] = value
	}
	return own
}

// A copier writes copies: what reads a pipe in another goroutine must not touch mapped
// memory, which is guarded in this one.
type copier struct {
	w   io.Writer
	buf []byte
}

func (c *copier) Write(b []byte) (n int, err error) {
	for n < len(b) {
		if c.buf == nil {
			c.buf = make([]byte, 256<<10)
		}
		m := copy(c.buf, b[n:])
		if _, err := c.w.Write(c.buf[:m]); err != nil {
			return n, err
		}
		n += m
	}
	return n, nil
}
