package viewer

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"sort"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/internal/survey"
	"github.com/tensorfile/tensorfile/sparse"
	"github.com/tensorfile/tensorfile/tensor"
)

const (
	// sparsePiece is how many indices are read at a time.
	sparsePiece = 256 << 10
	// mostEntries bounds the entries of what must be loaded as a whole to be looked at:
	// layouts other than coo, csr, csc and bsr, and symmetric matrices.
	mostEntries = 2 << 20
)

// A matrix is a sparse tensor of two axes.
type matrix struct {
	t          *tensorfile.Tensor
	layout     uint16
	rows, cols int64
	block      [2]int64 // of bsr
	whole      bool     // it has to be loaded
}

// matrix is the sparse tensor that is asked for.
func (c *call) matrix() (*matrix, error) {
	_, t, err := c.picked()
	if err != nil {
		return nil, err
	}
	layout, flags, composite := t.Composite()
	if !composite || !format.IsSparse(layout) || len(t.Shape()) != 2 {
		return nil, wrongView(t, "a sparse matrix")
	}
	m := &matrix{t: t, layout: layout, rows: t.Shape()[0], cols: t.Shape()[1], block: [2]int64{1, 1}}
	switch layout {
	case format.LayoutBSR:
		v, err := t.Part(format.RoleValues)
		if err != nil {
			return nil, err
		}
		s := v.Shape()
		if len(s) != 3 || s[1] < 1 || s[2] < 1 {
			return nil, &tensorfile.Error{Kind: tensorfile.ErrCorrupt, Path: t.File().Path(), Tensor: t.Name(), Offset: -1, Field: "part " + format.RoleValues, Got: s.String(), Want: "blocks", Rule: format.RuleLayoutPart}
		}
		m.block = [2]int64{s[1], s[2]}
	case format.LayoutCOO, format.LayoutCSR, format.LayoutCSC:
	default:
		m.whole = true
	}
	m.whole = m.whole || flags&format.FlagStructure != 0
	if n, _ := survey.EntriesOf(t); m.whole && n > mostEntries {
		return nil, tooMuch("sparse", fmt.Sprintf("%d entries of layout %s", n, survey.LayoutName(t)), fmt.Sprintf("at most %d; coo, csr, csc and bsr have no such limit", mostEntries))
	}
	return m, nil
}

// part is a part of indices, open.
func (m *matrix) part(role string) (*tensorfile.Tensor, error) {
	p, err := m.t.Part(role)
	if err != nil {
		return nil, err
	}
	if _, _, composite := p.Composite(); composite || len(p.Shape()) == 0 {
		return nil, wrongView(m.t, "indices of a dense part")
	}
	return p, nil
}

// ints reads rows [a, b) of a part as whole numbers.
func ints(ctx context.Context, p *tensorfile.Tensor, a, b int64) ([]int64, error) {
	if a >= b {
		return nil, nil
	}
	v, err := p.Read(ctx, tensor.Selection{{Kind: tensor.SelectRange, Start: a, Stop: b, Step: 1}})
	if err != nil {
		return nil, err
	}
	if v, err = v.Cast(tensor.I64); err != nil {
		return nil, err
	}
	return tensor.Data[int64](v)
}

// wrong is an index or a pointer that leads out of the matrix.
func (m *matrix) wrong(role string, got int64, want string) error {
	return &tensorfile.Error{Kind: tensorfile.ErrCorrupt, Path: m.t.File().Path(), Tensor: m.t.Name(), Offset: -1, Field: "part " + role, Got: fmt.Sprint(got), Want: want, Rule: format.RuleLayoutIndex}
}

// each calls fn with the places of entries: of bsr, of the first element of blocks,
// between blocks of rows a and b and columns c and d as far as that can be told
// without looking at all entries.
func (m *matrix) each(ctx context.Context, a, b, c, d int64, fn func(row, column int64)) error {
	if m.whole {
		return m.eachWhole(ctx, fn)
	}
	indices, err := m.part(format.RoleIndices)
	if err != nil {
		return err
	}
	n := indices.Shape()[0]
	if m.layout == format.LayoutCOO {
		if len(indices.Shape()) != 2 || indices.Shape()[1] != 2 {
			return m.wrong(format.RoleIndices, indices.Shape()[0], "two coordinates of each entry")
		}
		for at := int64(0); at < n; at += sparsePiece {
			list, err := ints(ctx, indices, at, min(at+sparsePiece, n))
			if err != nil {
				return err
			}
			for i := 0; i+1 < len(list); i += 2 {
				fn(list[i], list[i+1])
			}
		}
		return nil
	}
	pointers, err := m.part(format.RoleIndptr)
	if err != nil {
		return err
	}
	first, last, unit := a, b, m.block[0]
	turned := m.layout == format.LayoutCSC
	if turned {
		first, last, unit = c, d, 1
	}
	first, last = first/unit, (last+unit-1)/unit
	if last > pointers.Shape()[0]-1 {
		return m.wrong(format.RoleIndptr, pointers.Shape()[0], fmt.Sprintf("more than %d pointers", last))
	}
	for run := first; run < last; run += sparsePiece {
		end := min(run+sparsePiece, last)
		ptr, err := ints(ctx, pointers, run, end+1)
		if err != nil {
			return err
		}
		for i, p := range ptr {
			if p < 0 || p > n || i > 0 && p < ptr[i-1] {
				return m.wrong(format.RoleIndptr, p, fmt.Sprintf("pointers that never fall, up to %d", n))
			}
		}
		line := 0
		for at := ptr[0]; at < ptr[len(ptr)-1]; at += sparsePiece {
			list, err := ints(ctx, indices, at, min(at+sparsePiece, ptr[len(ptr)-1]))
			if err != nil {
				return err
			}
			for i, x := range list {
				for ptr[line+1] <= at+int64(i) {
					line++
				}
				if r := run + int64(line); turned {
					fn(x, r)
				} else {
					fn(r*m.block[0], x*m.block[1])
				}
			}
		}
	}
	return nil
}

// eachWhole is each of a matrix that is loaded.
func (m *matrix) eachWhole(ctx context.Context, fn func(row, column int64)) error {
	return m.loaded(ctx, func(a *sparse.Array) error {
		list, err := coordinates(a)
		if err != nil {
			return err
		}
		for i := 0; i+1 < len(list); i += 2 {
			fn(list[i], list[i+1])
		}
		return nil
	})
}

// loaded calls fn with the matrix in memory, as coo with all its entries. What lies on the mapping is touched
// in this goroutine alone, under guard.
func (m *matrix) loaded(ctx context.Context, fn func(a *sparse.Array) error) error {
	a, err := m.t.Sparse(ctx)
	if err != nil {
		return err
	}
	return m.t.File().Map().Guard(func() error {
		if err := a.Validate(ctx, &sparse.ValidateOptions{Workers: 1}); err != nil {
			return err
		}
		if a.Properties().Structure != sparse.General {
			if a, err = a.General(ctx, &sparse.Options{Workers: 1}); err != nil {
				return err
			}
		}
		if a.Layout() != sparse.COO {
			if a, err = a.Convert(ctx, sparse.COO, &sparse.Options{Workers: 1}); err != nil {
				return err
			}
		}
		return fn(a)
	})
}

// coordinates are those of the entries of coo, one after the other.
func coordinates(a *sparse.Array) ([]int64, error) {
	v, _ := a.Part(format.RoleIndices)
	v, err := v.Cast(tensor.I64)
	if err != nil {
		return nil, err
	}
	return tensor.Data[int64](v)
}

// pattern answers how many entries lie in each cell of a grid over a part of a
// sparse matrix.
func (c *call) pattern() error {
	m, err := c.matrix()
	if err != nil {
		return err
	}
	// The part may go beyond the matrix: cells of the same size are laid over it.
	at := [4]int64{0, m.rows, 0, m.cols}
	for i, name := range []string{"r0", "r1", "c0", "c1"} {
		if at[i], err = c.int(name, at[i], 0, math.MaxInt64); err != nil {
			return err
		}
	}
	r0, r1, c0, c1 := at[0], at[1], at[2], at[3]
	if r0 > r1 || c0 > c1 || r0 > m.rows || c0 > m.cols {
		return bad("r0 and c0", fmt.Sprintf("%d and %d", r0, c0), "at most r1 and c1, in the matrix")
	}
	height, err := c.int("h", 512, 1, mostPixels)
	if err != nil {
		return err
	}
	width, err := c.int("w", 512, 1, mostPixels)
	if err != nil {
		return err
	}
	height, width = min(height, max(r1-r0, 1)), min(width, max(c1-c0, 1))
	if saturated(height, width) > mostPixels {
		return tooMuch("h and w", fmt.Sprintf("%d x %d", height, width), fmt.Sprintf("at most %d cells", mostPixels))
	}
	if err := c.hold(8<<20 + 8*height*width + m.memory()); err != nil {
		return err
	}
	counts := make([]uint32, height*width)
	h, w := m.block[0], m.block[1]
	down, across := cells{r1 - r0, height}, cells{c1 - c0, width}
	rows, columns := min(r1, m.rows), min(c1, m.cols)
	err = m.each(c.ctx, r0, rows, c0, columns, func(row, column int64) {
		for r := max(row, r0); r < min(row+h, rows); r++ {
			y := down.of(r - r0)
			for k := max(column, c0); k < min(column+w, columns); k++ {
				if n := &counts[y*width+across.of(k-c0)]; *n < math.MaxUint32 {
					*n++
				}
			}
		}
	})
	if err != nil {
		return survey.Located(err, m.t)
	}
	b := make([]byte, 0, 4*len(counts))
	for _, n := range counts {
		b = binary.LittleEndian.AppendUint32(b, n)
	}
	return c.raw("u32", []int64{height, width}, b)
}

// memory is what loading the matrix takes, if it must be loaded.
func (m *matrix) memory() int64 {
	if !m.whole {
		return 0
	}
	n, _ := survey.EntriesOf(m.t)
	return n * 48
}

// cells are laid over n elements, at most as many: element i lies in that of number
// floor(i * cells / n), as sparse.Array.Image has it.
type cells struct{ n, cells int64 }

func (c cells) of(i int64) int64 {
	if c.n <= math.MaxInt64/max(c.cells, 1) {
		return i * c.cells / c.n
	}
	return min(int64(float64(i)/float64(c.n)*float64(c.cells)), c.cells-1)
}

// sparseRow answers the entries of a row of a sparse matrix, by column.
func (c *call) sparseRow() error {
	m, err := c.matrix()
	if err != nil {
		return err
	}
	row, err := c.int("row", 0, 0, math.MaxInt64)
	if err != nil {
		return err
	}
	if row >= m.rows {
		return bad("row", fmt.Sprint(row), fmt.Sprintf("less than %d", m.rows))
	}
	offset, err := c.int("offset", 0, 0, math.MaxInt64)
	if err != nil {
		return err
	}
	limit, err := c.int("limit", 100, 0, mostRows)
	if err != nil {
		return err
	}
	if err := c.hold(24<<20 + m.memory()); err != nil {
		return err
	}
	columns, values, total, err := m.row(c.ctx, row, offset, limit)
	if err != nil {
		return survey.Located(err, m.t)
	}
	doc := struct {
		Schema  string   `json:"schema"`
		Row     number   `json:"row"`
		Total   number   `json:"total"`
		Entries [][2]any `json:"entries"` // column, text
	}{schema("sparserow"), number(row), number(total), [][2]any{}}
	for i, col := range columns {
		doc.Entries = append(doc.Entries, [2]any{number(col), values[i]})
	}
	return c.json(doc)
}

// entry is the number of an entry, and of the element in its block, in a column.
type entry struct{ column, value, inside int64 }

// mostInRow bounds the entries of a row that are sorted.
const mostInRow = 1 << 20

// row finds entries of a row.
func (m *matrix) row(ctx context.Context, row, offset, limit int64) (columns []int64, texts []string, total int64, err error) {
	if m.whole || m.layout == format.LayoutCSC {
		return m.rowOf(ctx, row, offset, limit)
	}
	values, err := m.part(format.RoleValues)
	if err != nil {
		return nil, nil, 0, err
	}
	indices, err := m.part(format.RoleIndices)
	if err != nil {
		return nil, nil, 0, err
	}
	var list []entry
	add := func(e entry) error {
		if list = append(list, e); len(list) > mostInRow {
			return tooMuch("row", "more entries", fmt.Sprintf("at most %d", mostInRow))
		}
		return nil
	}
	if m.layout == format.LayoutCOO {
		i, failed := int64(0), error(nil)
		err = m.each(ctx, 0, m.rows, 0, m.cols, func(r, c int64) {
			if r == row && failed == nil {
				failed = add(entry{c, i, 0})
			}
			i++
		})
		if err == nil {
			err = failed
		}
	} else {
		pointers, e := m.part(format.RoleIndptr)
		if e != nil {
			return nil, nil, 0, e
		}
		var ptr, idx []int64
		if ptr, err = ints(ctx, pointers, row/m.block[0], row/m.block[0]+2); err == nil && len(ptr) == 2 {
			if ptr[0] < 0 || ptr[1] < ptr[0] || ptr[1] > indices.Shape()[0] {
				return nil, nil, 0, m.wrong(format.RoleIndptr, ptr[1], "pointers that never fall")
			}
			if (ptr[1]-ptr[0])*m.block[1] > mostInRow {
				return nil, nil, 0, tooMuch("row", fmt.Sprint(ptr[1]-ptr[0]), fmt.Sprintf("at most %d entries", mostInRow))
			}
			idx, err = ints(ctx, indices, ptr[0], ptr[1])
		}
		for i, x := range idx {
			for k := range m.block[1] {
				list = append(list, entry{x*m.block[1] + k, ptr[0] + int64(i), row%m.block[0]*m.block[1] + k})
			}
		}
	}
	if err != nil {
		return nil, nil, 0, err
	}
	sort.SliceStable(list, func(i, j int) bool { return list[i].column < list[j].column })
	for k := min(offset, int64(len(list))); k < min(offset+limit, int64(len(list))); k++ {
		e := list[k]
		text, err := elementText(ctx, values, e.value, e.inside)
		if err != nil {
			return nil, nil, 0, err
		}
		columns, texts = append(columns, e.column), append(texts, text)
	}
	return columns, texts, int64(len(list)), nil
}

// elementText is the text of element number inside of row i of a part.
func elementText(ctx context.Context, values *tensorfile.Tensor, i, inside int64) (string, error) {
	unit := int64(values.DType().UnitElems)
	a := i
	if len(values.Shape()) == 1 {
		a = i / unit * unit
	}
	v, err := values.Read(ctx, tensor.Selection{{Kind: tensor.SelectRange, Start: a, Stop: min(a+max(unit, 1), values.Shape()[0]), Step: 1}})
	if err != nil {
		return "", err
	}
	if v, err = unpacked(v); err != nil {
		return "", err
	}
	list, err := survey.Texts(v, values.DType(), mostText)
	if err != nil {
		return "", err
	}
	k := i - a + inside
	if k >= int64(len(list)) {
		return "", &tensorfile.Error{Kind: tensorfile.ErrCorrupt, Offset: -1, Field: "part " + format.RoleValues, Got: fmt.Sprintf("%d values", len(list)), Want: fmt.Sprintf("more than %d", k)}
	}
	return list[k], nil
}

// rowOf finds entries of a row of a matrix whose entries lie by columns, or must be
// loaded.
func (m *matrix) rowOf(ctx context.Context, row, offset, limit int64) (columns []int64, texts []string, total int64, err error) {
	if n, _ := survey.EntriesOf(m.t); n > mostEntries {
		return nil, nil, 0, tooMuch("row", fmt.Sprintf("%d entries by columns", n), fmt.Sprintf("at most %d", mostEntries))
	}
	err = m.loaded(ctx, func(a *sparse.Array) error {
		at, err := coordinates(a)
		if err != nil {
			return err
		}
		values, _ := a.Part(format.RoleValues)
		var list []entry
		for i := 0; i+1 < len(at); i += 2 {
			if at[i] == row {
				list = append(list, entry{at[i+1], int64(i / 2), 0})
			}
		}
		sort.SliceStable(list, func(i, j int) bool { return list[i].column < list[j].column })
		all, err := unpacked(values)
		if err != nil {
			return err
		}
		total = int64(len(list))
		for k := min(offset, total); k < min(offset+limit, total); k++ {
			one, err := all.Slice(0, list[k].value, list[k].value+1, 1)
			if err != nil {
				return err
			}
			text, err := survey.Texts(one, values.DType(), mostText)
			if err != nil {
				return err
			}
			columns, texts = append(columns, list[k].column), append(texts, text[0])
		}
		return nil
	})
	return columns, texts, total, err
}
