package sparse

import (
	"context"
	"math/bits"
	"slices"
	"strconv"

	"github.com/tensorfile/tensorfile/tensor"
)

// Options are the settings of operations that make arrays. Nil means the zero
// value; each operation looks at what concerns it.
type Options struct {
	// Index is the dtype of pointers and indices: tensor.I32 or tensor.I64. The
	// zero DType means I32 if all of them fit, else I64.
	Index tensor.DType
	// Block is the height and width of the blocks of BSR. Zeros mean what
	// EstimateBlock finds.
	Block [2]int64
	// Order holds the axis of each level of CSF. Nil means all in order.
	Order []int
	// DropFill leaves out entries whose value has the bits of the fill value
	// (of BSR, blocks that consist of it): for Canonical and FromDense, whose
	// results then have no such entry.
	DropFill bool
	// MaxBytes bounds the memory of what does not follow from the size of the
	// source: dense elements, masks, blocks, pointers, and the entries of parts
	// that repeat themselves by a stride of 0. 0 means 4 GiB; a negative
	// number means no limit.
	MaxBytes int64
	// MinDensity is the least density that Dense takes, MaxDensity the largest
	// that FromDense makes; 0 means any.
	MinDensity, MaxDensity float64
	// Workers is the number of goroutines; 0 means GOMAXPROCS. Results do not
	// depend on it.
	Workers int
}

// defaultMaxBytes is what MaxBytes is if it is 0.
const defaultMaxBytes = 4 << 30

// plan is Options with the defaults filled in.
type plan struct {
	Options
	limit   budget
	workers int
}

func (o *Options) plan() (plan, error) {
	var p plan
	if o != nil {
		p.Options = *o
	}
	switch p.Index {
	case tensor.DType{}, tensor.I32, tensor.I64:
	default:
		return p, fail(tensor.ErrDType, "index", p.Index.String(), "i32 or i64", "")
	}
	p.limit = budget(p.MaxBytes)
	if p.MaxBytes == 0 {
		p.limit = defaultMaxBytes
	} else if p.MaxBytes < 0 {
		p.limit = maxInt64
	}
	p.workers = workersFor(p.Workers)
	return p, nil
}

// wide reports whether indices below the extents of a shape, and pointers to n
// entries, need 64 bits, or are to have them.
func (p *plan) wide(n int64, s tensor.Shape) (bool, error) {
	fit := n <= maxInt32
	for _, e := range s {
		fit = fit && e-1 <= maxInt32
	}
	if p.Index == tensor.I32 && !fit {
		return false, fail(tensor.ErrOverflow, "index", "i32", "i64 for "+itoa(n)+" entries of shape "+s.String(), "")
	}
	return p.Index == tensor.I64 || !fit, nil
}

// budget is a limit of bytes.
type budget int64

func (b budget) bytes(what string, n int64) error {
	if n > int64(b) {
		return fail(tensor.ErrLimit, what, itoa(n)+" bytes", "at most "+itoa(int64(b)), "")
	}
	return nil
}

// product is bytes of a product of numbers that are not negative.
func (b budget) product(what string, factors ...int64) error {
	n := uint64(1)
	for _, f := range factors {
		hi, lo := bits.Mul64(n, uint64(f))
		if hi != 0 || lo > maxInt64 {
			return fail(tensor.ErrLimit, what, "more than 2^63 bytes", "at most "+itoa(int64(b)), "")
		}
		n = lo
	}
	return b.bytes(what, int64(n))
}

// pointers is bytes of the pointers of n lines.
func (b budget) pointers(n int64) error { return b.product("pointers", n, 8) }

// ready validates the array for an operation that goes through all entries.
func (a *Array) ready(ctx context.Context, p *plan) error {
	if err := workable(a.dtype); err != nil {
		return err
	}
	var real uint64 // bytes that the parts have, each stride of 0 counted once
	for _, part := range a.parts {
		real += uint64(len(part.View.Span()))
	}
	// Entries of 16 bytes and their value bound what any step takes by a factor
	// of two or three.
	if need, each := uint64(a.nnz), uint64(16+a.dtype.UnitBytes); need/32 > real/each && need > uint64(p.limit)/each {
		return fail(tensor.ErrLimit, "entries", itoa(a.nnz)+" in "+strconv.FormatUint(real, 10)+" bytes", "at most "+itoa(int64(p.limit))+" bytes for parts that repeat themselves", "")
	}
	return a.Validate(ctx, &ValidateOptions{Workers: p.workers})
}

// Convert returns the array in another layout, or with other indices, blocks
// or order in the same one. Every layout converts to every other one that has
// the rank, in memory bounded by the entries, Options.MaxBytes aside.
//
// To COO, CSR and CSC entries keep their order as far as it shows, and
// duplicates stay; a structure stays. To CSF, Bitmap and BSR duplicates are
// summed; to Bitmap and BSR a structure is expanded (General). All elements of
// a block are entries. The result may share memory with the array.
//
// Errors are those of Validate, ErrShape for a layout without that rank or
// blocks that do not divide the shape, ErrLimit, ErrOverflow for indices that
// do not fit Options.Index, ErrIndex for an order that is no permutation, and
// ErrDType for values that are packed or no numbers.
func (a *Array) Convert(ctx context.Context, to Layout, o *Options) (*Array, error) {
	p, err := o.plan()
	if err != nil {
		return nil, err
	}
	if err := a.ready(ctx, &p); err != nil {
		return nil, err
	}
	if err := p.fit(to, a.shape); err != nil {
		return nil, err
	}
	if to == BSR && p.Block == [2]int64{} {
		if a.layout == BSR {
			p.Block = a.Block()
		} else if p.Block, err = a.EstimateBlock(ctx, o); err != nil {
			return nil, err
		}
	}
	if to == a.layout && (to != BSR || p.Block == a.Block()) && (to != CSF || p.Order == nil || slices.Equal(p.Order, a.order())) {
		return a.reindex(&p)
	}
	if (to == BSR || to == Bitmap) && a.props.Structure != General {
		if a, err = a.General(ctx, o); err != nil {
			return nil, err
		}
	}
	wide, err := p.wide(a.nnz, a.shape)
	if err != nil {
		return nil, err
	}
	if wide {
		return convertTo[int64](a, to, &p)
	}
	return convertTo[int32](a, to, &p)
}

// fit checks that a shape can have a layout with the blocks and order planned.
func (p *plan) fit(to Layout, s tensor.Shape) error {
	if !to.known() {
		return fail(tensor.ErrUnsupported, "layout", strconv.Itoa(int(to)), "1 to 6", ruleLayout)
	}
	if (to == CSR || to == CSC || to == BSR) && len(s) != 2 {
		return fail(tensor.ErrShape, "rank", strconv.Itoa(len(s)), "2 for "+to.String(), "")
	}
	if b := p.Block; to == BSR && b != [2]int64{} && (b[0] <= 0 || b[1] <= 0 || s[0]%b[0] != 0 || s[1]%b[1] != 0) {
		return fail(tensor.ErrShape, "block", tensor.Shape(b[:]).String(), "above 0 and dividing "+s.String(), "")
	}
	if to == CSF && p.Order != nil {
		return checkOrder(p.Order, len(s))
	}
	return nil
}

// convertTo converts a valid array, of a structure that the layout can have.
func convertTo[I index](a *Array, to Layout, p *plan) (*Array, error) {
	spec := a.spec(to)
	switch to {
	case CSR, CSC:
		m, err := linesOf[I](a, to.major(), p.limit, p.workers)
		if err != nil {
			return nil, err
		}
		return m.array(spec)
	case COO:
		if a.layout == CSR || a.layout == CSC || a.layout == BSR {
			axis := a.layout.major()
			m, err := linesOf[I](a, axis, p.limit, p.workers)
			if err != nil {
				return nil, err
			}
			columns := columnsFor[I](2, len(m.idx))
			m.numbers(columns[axis], p.workers)
			split(len(m.idx), p.workers, func(_, lo, hi int) { copy(columns[1-axis][lo:hi], m.idx[lo:hi]) })
			spec.Sorted, spec.Unique = m.sorted && axis == 0, m.unique
			return cooOf(spec, columns, m.val)
		}
	case BSR:
		if !a.props.Unique {
			var err error
			if a, err = a.canonical(p, CSR); err != nil {
				return nil, err
			}
		}
		m, err := linesOf[I](a, 0, p.limit, p.workers)
		if err != nil {
			return nil, err
		}
		spec.Sorted, spec.Unique = true, true
		parts, err := blocksOf(m, int(p.Block[0]), int(p.Block[1]), a.fillBytes(), p.limit, p.workers)
		return finish(spec, parts, err)
	}
	var order []int
	if to == CSF {
		if order = p.Order; order == nil {
			order = allAxes(len(a.shape))
		}
	}
	k, err := a.keyed(order, p.workers)
	if err != nil {
		return nil, err
	}
	return packKeys[I](&k, spec, order, p)
}

// pack makes an array of any layout but BSR of keys: in C order, for CSC along
// its lines, for CSF by the order of its levels.
func pack(k *keyed, spec Spec, order []int, p *plan) (*Array, error) {
	wide, err := p.wide(int64(len(k.keys)), k.shape)
	if err != nil {
		return nil, err
	}
	if wide {
		return packKeys[int64](k, spec, order, p)
	}
	return packKeys[int32](k, spec, order, p)
}

func packKeys[I index](k *keyed, spec Spec, order []int, p *plan) (*Array, error) {
	switch spec.Layout {
	case COO:
		spec.Sorted, spec.Unique = k.sorted, k.unique
		return cooOf(spec, columnsOf[I](k, p.workers), k.val)
	case CSR, CSC:
		if err := p.limit.pointers(k.shape[0]); err != nil {
			return nil, err
		}
		k.sort(p.workers)
		return linesOfKeys[I](k, p.workers).array(spec)
	}
	k.sum(p.workers)
	spec.Sorted, spec.Unique = true, true
	if spec.Layout == CSF {
		parts, err := treeOf[I](k, order, p.workers)
		return finish(spec, parts, err)
	}
	parts, err := maskParts(k, p.limit)
	return finish(spec, parts, err)
}

// spec describes an array like a in another layout, with the fill value as its
// only part yet.
func (a *Array) spec(l Layout) Spec {
	s := Spec{Layout: l, Shape: a.shape, DType: a.dtype, Properties: a.props}
	if fill := a.fillBytes(); fill != nil {
		v, err := tensor.NewView(fill, a.dtype, tensor.Shape{}, nil, 0, tensor.HostOrder)
		if err != nil {
			panic("sparse: " + err.Error()) // an element has a view
		}
		s.Parts = []Part{{RoleFill, v}}
	}
	return s
}

// fillBytes is the fill value in the byte order of the machine, nil for zero.
func (a *Array) fillBytes() []byte {
	v, ok := a.Fill()
	if !ok {
		return nil
	}
	c, err := v.Clone()
	if err != nil {
		return nil
	}
	b, _ := c.Bytes()
	for _, x := range b {
		if x != 0 {
			return b
		}
	}
	return nil
}

// finish makes an array of parts that are valid by how they were made.
func finish(spec Spec, parts []Part, err error) (*Array, error) {
	if err != nil {
		return nil, err
	}
	spec.Parts = append(parts, spec.Parts...)
	a, err := New(spec)
	if err != nil {
		return nil, err
	}
	a.checked.Store(true)
	return a, nil
}

// array makes an array of lines.
func (m lines[I]) array(spec Spec) (*Array, error) {
	spec.Sorted, spec.Unique = m.sorted, m.unique
	parts, err := m.parts()
	return finish(spec, parts, err)
}

// columnsFor is room for the coordinates of n entries along each axis, one axis
// behind the other in memory.
func columnsFor[I index](rank, n int) [][]I {
	all := fresh[I](rank * n)
	columns := make([][]I, rank)
	for axis := range columns {
		columns[axis] = all[axis*n : (axis+1)*n]
	}
	return columns
}

// cooOf makes an array of coordinates in columns that columnsFor made.
func cooOf[I index](spec Spec, columns [][]I, val words) (*Array, error) {
	rank, n := len(columns), len(columns[0])
	idx, err := tensor.FromSlice(columns[0][:rank*n:rank*n], int64(rank), int64(n))
	if err == nil {
		idx, err = idx.Transpose()
	}
	if err != nil {
		return nil, err
	}
	values, err := val.view(n)
	return finish(spec, []Part{{RoleIndices, idx}, {RoleValues, values}}, err)
}

// columnsOf are the coordinates of keys along each axis.
func columnsOf[I index](k *keyed, workers int) [][]I {
	n, rank := len(k.keys), len(k.shape)
	columns := columnsFor[I](rank, n)
	if n == 0 {
		return columns
	}
	div := dividers(k.shape)
	split(n, workers, func(_, lo, hi int) {
		for e, key := range k.keys[lo:hi] {
			for axis := rank - 1; axis > 0; axis-- {
				q, r := div[axis].of(key)
				key = q
				columns[axis][lo+e] = I(r)
			}
			columns[0][lo+e] = I(key)
		}
	})
	return columns
}

// reindex returns the array with the indices planned, itself if it has them.
func (a *Array) reindex(p *plan) (*Array, error) {
	wide, err := p.wide(a.nnz, a.shape)
	if err != nil {
		return nil, err
	}
	want := tensor.I32
	if wide {
		want = tensor.I64
	}
	spec := a.spec(a.layout)
	changed := false
	var parts []Part
	for _, part := range a.parts {
		v := part.View
		switch part.Role {
		case RoleFill: // spec has it
			changed = changed || v.Order() != tensor.HostOrder
			continue
		case RoleValues, RoleMask, RoleOrder:
			if v.Order() != tensor.HostOrder {
				changed = true
				if v, err = v.Clone(); err != nil {
					return nil, err
				}
			}
		default:
			if v.DType() != want || v.Order() != tensor.HostOrder {
				changed = true
				if v, err = v.Cast(want); err != nil {
					return nil, err
				}
			}
		}
		parts = append(parts, Part{part.Role, v})
	}
	if !changed {
		return a, nil
	}
	return finish(spec, parts, nil)
}

// Canonical returns the array in the same layout with entries sorted and those
// of one coordinate summed, in the order in which they are kept; with
// Options.DropFill also without entries that have the bits of the fill value.
// A structure stays. It returns the array itself if there is nothing to do.
func (a *Array) Canonical(ctx context.Context, o *Options) (*Array, error) {
	p, err := o.plan()
	if err != nil {
		return nil, err
	}
	if err := a.ready(ctx, &p); err != nil {
		return nil, err
	}
	if a.props.Sorted && a.props.Unique && !p.DropFill {
		return a, nil
	}
	if a.layout == BSR {
		return a.canonicalBlocks(&p)
	}
	return a.canonical(&p, a.layout)
}

// canonical is Canonical of a valid array, in any layout but BSR.
func (a *Array) canonical(p *plan, to Layout) (*Array, error) {
	var axes []int
	switch {
	case to == CSC:
		axes = []int{1, 0}
	case to == CSF && a.layout == CSF:
		axes = a.order()
	}
	k, err := a.keyed(axes, p.workers)
	if err != nil {
		return nil, err
	}
	k.sum(p.workers)
	if p.DropFill {
		k.dropEqual(a.fillElement(), p.workers)
	}
	return pack(&k, a.spec(to), axes, p)
}

// fillElement is fillBytes with the zero, too.
func (a *Array) fillElement() []byte {
	if b := a.fillBytes(); b != nil {
		return b
	}
	b := words{dtype: a.dtype, size: int(a.dtype.UnitBytes), per: 1}.like(1).b
	clear(b)
	return b
}

// canonicalBlocks is canonical for blocks, each a single entry of a smaller
// matrix.
func (a *Array) canonicalBlocks(p *plan) (*Array, error) {
	k, err := a.blockKeys(p.workers)
	if err != nil {
		return nil, err
	}
	k.sum(p.workers)
	if p.DropFill {
		k.dropEqual(a.fillElement(), p.workers)
	}
	return packBlocks(&k, a.spec(BSR), a.Block(), p)
}

// Clone returns the array with parts of its own memory, in C order without
// repeated values and in the byte order of the machine. MaxBytes is not
// looked at.
func (a *Array) Clone() (*Array, error) {
	spec := Spec{Layout: a.layout, Shape: a.shape, DType: a.dtype, Properties: a.props}
	for _, part := range a.parts {
		v, err := part.View.Clone()
		if err != nil {
			return nil, err
		}
		spec.Parts = append(spec.Parts, Part{part.Role, v})
	}
	c, err := New(spec)
	if err == nil {
		c.checked.Store(a.checked.Load())
	}
	return c, err
}
