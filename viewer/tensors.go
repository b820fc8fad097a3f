package viewer

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/internal/survey"
	"github.com/tensorfile/tensorfile/tensor"
)

const (
	// mostRows bounds the rows of lists.
	mostRows = 1000
	// listTime is how long a page of names waits for a list that is being made.
	listTime = 40 * time.Millisecond
	// sortTime is the same for one that needs all names.
	sortTime = 5 * time.Second
)

type rowDoc struct {
	Name     string       `json:"name"`
	DType    string       `json:"dtype"`
	Shape    []number     `json:"shape"`
	Layout   string       `json:"layout"`
	Codec    string       `json:"codec"`
	Elements number       `json:"elements"`
	Bytes    number       `json:"bytes"`
	Stored   number       `json:"stored"`
	Ratio    survey.Float `json:"ratio"`
	Error    *errorDoc    `json:"error,omitempty"`
}

func rowOf(t *tensorfile.Tensor) rowDoc {
	d := rowDoc{
		Name: t.Name(), DType: t.DType().String(), Shape: numbers(t.Shape()), Layout: survey.LayoutWord(t),
		Codec: survey.CodecOf(t), Elements: number(t.NumElements()), Bytes: number(t.ByteSize()), Stored: number(survey.StoredBytes(t)),
	}
	d.Ratio = survey.Float(survey.Ratio(int64(d.Bytes), int64(d.Stored)))
	return d
}

// tensors answers a page of the list of tensors.
func (c *call) tensors() error {
	h, err := c.file()
	if err != nil {
		return err
	}
	offset, err := c.int("offset", 0, 0, math.MaxInt32)
	if err != nil {
		return err
	}
	limit, err := c.int("limit", 200, 0, mostRows)
	if err != nil {
		return err
	}
	by := order(c.text("sort", string(byFile)))
	switch by {
	case byFile, byName, byDType, byShape, byBytes, byRatio:
	default:
		return bad("sort", tensor.Quote(string(by)), "name, dtype, shape, bytes, ratio or order")
	}
	descending := c.q.Get("desc") == "1"
	filter := c.q.Get("filter")
	x := h.index
	if by == byFile && !descending && filter == "" {
		err = x.wait(c.ctx, int(offset+limit), listTime)
	} else {
		err = x.wait(c.ctx, math.MaxInt, sortTime)
	}
	if err != nil {
		return err
	}
	names, errs, matched, total, err := x.page(c.ctx, filter, by, descending, int(offset), int(limit))
	if err != nil {
		return err
	}
	_, done := x.len()
	d := struct {
		Schema   string    `json:"schema"`
		Total    number    `json:"total"`
		Matched  number    `json:"matched"`
		Building bool      `json:"building,omitempty"` // there will be more
		Offset   number    `json:"offset"`
		Rows     []rowDoc  `json:"rows"`
		Error    *errorDoc `json:"error,omitempty"` // that ended the list early
	}{Schema: schema("tensors"), Total: number(total), Matched: number(matched), Building: !done, Offset: number(offset), Rows: []rowDoc{}}
	if done && x.err != nil {
		e, _ := describeError(x.err)
		d.Error = &e
	}
	for i, name := range names {
		if err := c.ctx.Err(); err != nil {
			return err
		}
		failed := errs[i]
		if failed == nil {
			var t *tensorfile.Tensor
			if t, failed = h.file.Tensor(name); failed == nil {
				d.Rows = append(d.Rows, rowOf(t))
				continue
			}
		}
		e, _ := describeError(failed)
		d.Rows = append(d.Rows, rowDoc{Name: name, Shape: []number{}, Error: &e})
	}
	return c.json(d)
}

// tree answers what lies below a path of names.
func (c *call) tree() error {
	h, err := c.file()
	if err != nil {
		return err
	}
	offset, err := c.int("offset", 0, 0, math.MaxInt32)
	if err != nil {
		return err
	}
	limit, err := c.int("limit", 200, 0, mostRows)
	if err != nil {
		return err
	}
	path := c.q.Get("path")
	if path != "" && !strings.HasSuffix(path, ".") && !strings.HasSuffix(path, "/") {
		return bad("path", tensor.Quote(path), `nothing, or one that ends with "." or "/"`)
	}
	if err := h.index.wait(c.ctx, math.MaxInt, listTime); err != nil {
		return err
	}
	children, total, err := h.index.children(c.ctx, path, int(offset), int(limit))
	if err != nil {
		return err
	}
	if children == nil {
		children = []child{}
	}
	for i := range children {
		if x := &children[i]; x.Leaf {
			if t, err := h.file.Tensor(x.Path); err == nil {
				x.DType, x.Shape = t.DType().String(), numbers(t.Shape())
			} else {
				e, _ := describeError(err)
				x.Error = &e
			}
		}
	}
	_, done := h.index.len()
	return c.json(struct {
		Schema   string  `json:"schema"`
		Total    number  `json:"total"`
		Building bool    `json:"building,omitempty"`
		Offset   number  `json:"offset"`
		Children []child `json:"children"`
	}{schema("tree"), number(total), !done, number(offset), children})
}

type partDoc struct {
	Role   string   `json:"role"`
	DType  string   `json:"dtype"`
	Shape  []number `json:"shape"`
	Codec  string   `json:"codec"`
	Bytes  number   `json:"bytes"`
	Stored number   `json:"stored"`
}

type animationDoc struct {
	Delays any `json:"delays"` // milliseconds that each picture stays
	Loop   any `json:"loop"`   // how often; 0: without end
}

type storageDoc struct {
	Kind   string `json:"kind"` // none, raw, grid, encoded
	Offset number `json:"offset"`
	Size   number `json:"size"`
	Stored number `json:"stored"`
	Member string `json:"member,omitempty"`
}

type axesDoc struct {
	Y *int     `json:"y"` // null: there is none
	X *int     `json:"x"`
	C *int     `json:"c,omitempty"` // of a picture
	I []*int64 `json:"i"`           // null for the axes above
}

type audioDoc struct {
	Rate     number `json:"rate"`
	Frames   int    `json:"frames"`             // the axis
	Channels *int   `json:"channels,omitempty"` // the axis
}

type tensorDoc struct {
	Schema string `json:"schema"`
	rowDoc
	Order      string               `json:"order,omitempty"` // of a dense tensor: C, F, strided, broadcast
	ByteOrder  string               `json:"byte_order"`
	Strides    []number             `json:"strides"`
	Dims       []string             `json:"dims"`
	Chunk      []number             `json:"chunk,omitempty"`
	Chunks     *number              `json:"chunks,omitempty"`
	Storage    storageDoc           `json:"storage"`
	Offset     *number              `json:"offset,omitempty"` // in the file, of element (0, ..., 0)
	Align      number               `json:"align"`            // that offsets and strides need
	Misaligned bool                 `json:"misaligned,omitempty"`
	Generation number               `json:"generation,omitempty"`
	NNZ        *number              `json:"nnz,omitempty"`
	Density    *survey.Float        `json:"density,omitempty"`
	Quantised  *survey.Quantisation `json:"quantised,omitempty"`
	Parts      []partDoc            `json:"parts,omitempty"`
	Shared     []string             `json:"shared,omitempty"`
	SharedBy   number               `json:"shared_by,omitempty"` // how many others
	Attrs      any                  `json:"attrs"`
	AttrsError *errorDoc            `json:"attrs_error,omitempty"`
	Audio      *audioDoc            `json:"audio,omitempty"`
	Image      *animationDoc        `json:"image,omitempty"` // of an animation
	Numeric    bool                 `json:"numeric"`
	Complex    bool                 `json:"complex"`
	Views      []string             `json:"views"` // that there are, in the order of use
	Axes       axesDoc              `json:"axes"`
}

// mostShared is how many names of tensors with the same bytes are told.
const mostShared = 16

// tensor answers all about one tensor but its elements.
func (c *call) tensor() error {
	h, t, err := c.picked()
	if err != nil {
		return err
	}
	st := t.Storage()
	l := lookAt(t)
	d := tensorDoc{
		Schema: schema("tensor"), rowDoc: rowOf(t), ByteOrder: t.Order().String(), Strides: numbers(t.Strides()), Dims: t.Dims(),
		Storage: storageDoc{st.Kind.String(), number(st.Offset), number(st.Size), number(st.Stored), st.Member}, Align: number(t.DType().Align()), Misaligned: survey.Misaligned(t), Generation: number(t.Generation()),
		Numeric: l.numeric, Complex: t.DType().Class == tensor.ClassComplex, Views: l.views, Audio: l.audio,
	}
	if d.Dims == nil {
		d.Dims = []string{}
	}
	if _, _, composite := t.Composite(); !composite {
		d.Order = survey.OrderName(t)
	} else if n, ok := survey.EntriesOf(t); ok {
		entries, share := number(n), survey.Float(survey.Density(t, n))
		d.NNZ, d.Density = &entries, &share
	}
	if survey.Quantised(t) {
		d.Quantised = survey.QuantisationOf(t)
	}
	if chunk := t.ChunkShape(); chunk != nil {
		n := int64(1)
		for i, e := range t.Shape() {
			n = saturated(n, (e+chunk[i]-1)/max(chunk[i], 1))
		}
		count := number(n)
		d.Chunk, d.Chunks = numbers(chunk), &count
	}
	if st.Kind == tensorfile.StorageRaw || st.Kind == tensorfile.StorageEncoded {
		at := number(st.Offset)
		if st.Kind == tensorfile.StorageRaw {
			at += number(t.Offset())
		}
		d.Offset = &at
	}
	a, err := t.Attrs()
	if err != nil {
		e, _ := describeError(err)
		d.AttrsError = &e
	}
	d.Attrs = survey.Attributes(a)
	if delays := a["image.delays"]; delays != nil {
		d.Image = &animationDoc{survey.Value(delays), survey.Value(a["image.loop"])}
	}
	parts, err := t.Parts()
	if err != nil {
		return err
	}
	for _, p := range parts {
		d.Parts = append(d.Parts, partDoc{p.Role, p.DType().String(), numbers(p.Shape()), survey.CodecOf(p.Tensor), number(p.ByteSize()), number(survey.StoredBytes(p.Tensor))})
	}
	shared, n := h.index.sharing(t, mostShared)
	d.Shared, d.SharedBy = shared, number(n)
	axis := func(i int) *int {
		if i < 0 {
			return nil
		}
		return &i
	}
	d.Axes = axesDoc{Y: axis(l.y), X: axis(l.x), C: axis(l.c), I: make([]*int64, len(t.Shape()))}
	for i := range d.Axes.I {
		if i != l.y && i != l.x {
			d.Axes.I[i] = new(int64)
		}
	}
	return c.json(d)
}

func saturated(a, b int64) int64 {
	if a != 0 && b > math.MaxInt64/a {
		return math.MaxInt64
	}
	return a * b
}

// looks is how a tensor is shown at first.
type looks struct {
	numeric bool
	y, x, c int // axes; -1: none
	audio   *audioDoc
	views   []string
}

// roles of axes by their names.
var roleOf = map[string]byte{
	"height": 'y', "h": 'y', "y": 'y', "row": 'y', "rows": 'y', "lat": 'y', "latitude": 'y',
	"width": 'x', "w": 'x', "x": 'x', "col": 'x', "column": 'x', "columns": 'x', "lon": 'x', "longitude": 'x',
	"channel": 'c', "channels": 'c', "c": 'c', "colour": 'c', "color": 'c', "band": 'c', "rgb": 'c',
	"time": 't', "t": 't', "frame": 't', "frames": 't', "sample": 't', "samples": 't',
}

// lookAt chooses axes and views by the names of axes, attributes, dtype and shape.
func lookAt(t *tensorfile.Tensor) looks {
	shape, d := t.Shape(), t.DType()
	rank := len(shape)
	l := looks{y: rank - 2, x: rank - 1, c: -1, numeric: numericTensor(t)}
	if l.y < 0 {
		l.y = -1
	}
	_, _, composite := t.Composite()
	switch {
	case composite && survey.Uneven(t):
		l.views = []string{"rows", "hist"}
		return l
	case composite && !survey.Quantised(t):
		if _, sparse := survey.EntriesOf(t); sparse && rank == 2 {
			l.views = append(l.views, "sparse")
		}
		l.views = append(l.views, "hist")
		return l
	case !l.numeric && d.Class == tensor.ClassBytes && d.Known():
		l.views = []string{"values"}
		return l
	case !l.numeric:
		l.views = []string{}
		return l
	}
	named := map[byte]int{}
	for axis, name := range t.Dims() {
		if r := roleOf[strings.ToLower(name)]; r != 0 && axis < rank {
			if _, twice := named[r]; !twice {
				named[r] = axis
			}
		}
	}
	picture := false
	y, yes := named['y']
	x, also := named['x']
	switch {
	case yes && also:
		l.y, l.x, picture = y, x, true
		if c, ok := named['c']; ok && shape[c] <= 4 {
			l.c = c
		}
	case rank >= 3 && (shape[rank-1] == 3 || shape[rank-1] == 4) && shape[rank-2] >= 8 && shape[rank-3] >= 8 && d.Class != tensor.ClassComplex:
		l.y, l.x, l.c, picture = rank-3, rank-2, rank-1, true
	case rank >= 3 && (shape[rank-3] == 1 || shape[rank-3] == 3 || shape[rank-3] == 4) && shape[rank-2] >= 8 && shape[rank-1] >= 8 && d.Class != tensor.ClassComplex:
		l.c, picture = rank-3, d == tensor.U8 || d == tensor.U16
	case rank >= 2 && d == tensor.U8 && shape[rank-2] >= 8 && shape[rank-1] >= 8:
		picture = true
	}
	if rate, ok := sampleRate(t); ok && rank >= 1 && rank <= 2 {
		frames := 0
		if f, ok := named['t']; ok {
			frames = f
		} else if rank == 2 && shape[1] > shape[0] {
			frames = 1
		}
		l.audio = &audioDoc{Rate: number(rate), Frames: frames}
		if rank == 2 {
			channels := 1 - frames
			l.audio.Channels = &channels
		}
	}
	switch {
	case rank == 0:
		l.views = []string{"values"}
	case l.audio != nil:
		l.views = []string{"audio", "line", "values", "hist"}
		if rank == 2 {
			l.views = append(l.views, "heat")
		}
	case rank == 1:
		l.views = []string{"line", "values", "hist"}
	case picture:
		l.views = []string{"image", "heat", "values", "hist", "line"}
	default:
		l.views = []string{"heat", "values", "line", "hist"}
		if shape[l.y] >= 2 && shape[l.x] >= 2 && d.Class != tensor.ClassComplex {
			l.views = append(l.views, "image")
		}
	}
	return l
}

// sampleRate is the attribute that says how many samples a second has.
func sampleRate(t *tensorfile.Tensor) (int64, bool) {
	a, err := t.Attrs()
	if err != nil {
		return 0, false
	}
	var rate float64
	switch v := a["sample_rate"].(type) {
	case int64:
		rate = float64(v)
	case uint64:
		rate = float64(v)
	case float64:
		rate = v
	case float32:
		rate = float64(v)
	}
	if !(rate >= 1 && rate <= 1<<30) {
		return 0, false
	}
	return int64(math.Round(rate)), true
}

// wrongView is the error for a tensor that has no such view.
func wrongView(t *tensorfile.Tensor, want string) error {
	return &tensorfile.Error{Kind: tensorfile.ErrUnsupported, Path: t.File().Path(), Tensor: t.Name(), Offset: -1, Field: "view", Got: fmt.Sprintf("%v of layout %s", t.DType(), survey.LayoutName(t)), Want: want}
}
