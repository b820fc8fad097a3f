package format

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/tensorfile/tensorfile/tensor"
)

// Layouts of composites (spec, "Composites").
const (
	LayoutCOO       = 1
	LayoutCSR       = 2
	LayoutCSC       = 3
	LayoutBSR       = 4
	LayoutCSF       = 5
	LayoutBitmap    = 6
	LayoutRagged    = 7
	LayoutString    = 8
	LayoutQuantised = 9
)

// Flags of layouts.
const (
	FlagSorted    = 1 << 0
	FlagUnique    = 1 << 1
	FlagStructure = 3 << 4 // the bits of a structure
	FlagUpper     = 1 << 6

	StructureGeneral   = 0 << 4
	StructureSymmetric = 1 << 4
	StructureSkew      = 2 << 4
	StructureHermitian = 3 << 4
)

// Roles of parts. Those of csf with a level are "ptr0", "idx0" and so on.
const (
	RoleIndptr  = "indptr"
	RoleIndices = "indices"
	RoleValues  = "values"
	RoleFill    = "fill"
	RoleMask    = "mask"
	RoleOrder   = "order"
	RoleOffsets = "offsets"
	RoleBytes   = "bytes"
	RoleScales  = "scales"
	RoleZeros   = "zeros"
	RoleGroup   = "group"
)

var layoutNames = [...]string{
	LayoutCOO: "coo", LayoutCSR: "csr", LayoutCSC: "csc", LayoutBSR: "bsr", LayoutCSF: "csf", LayoutBitmap: "bitmap",
	LayoutRagged: "ragged", LayoutString: "string", LayoutQuantised: "quantised",
}

// LayoutName is the name of a layout, or "" for a number that is not known.
func LayoutName(layout uint16) string {
	if int(layout) < len(layoutNames) {
		return layoutNames[layout]
	}
	return ""
}

// IsSparse reports whether layout is one of elements with coordinates.
func IsSparse(layout uint16) bool { return layout >= LayoutCOO && layout <= LayoutBitmap }

// Part describes a part of a composite, but for its elements.
type Part struct {
	Role  string
	DType tensor.DType
	Shape tensor.Shape
}

// Composite describes a composite tensor and its parts, but for their elements.
type Composite struct {
	Layout uint16
	Flags  uint32
	DType  tensor.DType
	Shape  tensor.Shape
	Parts  []Part
	// Group holds the elements of the part of that role, on which the shapes of
	// others depend. nil: not known.
	Group []uint32
}

// Part returns the part of that role, or nil.
func (c *Composite) Part(role string) *Part {
	for i := range c.Parts {
		if c.Parts[i].Role == role {
			return &c.Parts[i]
		}
	}
	return nil
}

// Roles are the roles of a layout for a composite of that rank, in the order of
// the specification; nil if the layout is not known.
func Roles(layout uint16, rank int) []string {
	var roles []string
	switch layout {
	case LayoutCOO:
		roles = []string{RoleIndices, RoleValues, RoleFill}
	case LayoutCSR, LayoutCSC, LayoutBSR:
		roles = []string{RoleIndptr, RoleIndices, RoleValues, RoleFill}
	case LayoutCSF:
		roles = []string{RoleOrder}
		for k := range max(rank-1, 0) {
			roles = append(roles, levelRole("ptr", k))
		}
		for k := range rank {
			roles = append(roles, levelRole("idx", k))
		}
		roles = append(roles, RoleValues, RoleFill)
	case LayoutBitmap:
		roles = []string{RoleMask, RoleValues, RoleFill}
	case LayoutRagged:
		roles = []string{RoleOffsets, RoleValues}
	case LayoutString:
		roles = []string{RoleOffsets, RoleBytes}
	case LayoutQuantised:
		roles = []string{RoleValues, RoleScales, RoleZeros, RoleGroup}
	}
	return roles
}

// levelRole is the role of a level of csf.
func levelRole(what string, level int) string { return what + strconv.Itoa(level) }

// LevelRoles are the roles of the pointers and of the coordinates of a level of
// csf. The last level has no pointers.
func LevelRoles(level int) (ptr, idx string) { return levelRole("ptr", level), levelRole("idx", level) }

// IsIndex reports whether a part of this dtype may hold indices or pointers.
func IsIndex(d tensor.DType) bool {
	return (d.Class == tensor.ClassInt || d.Class == tensor.ClassUint) && d.UnitElems == 1 && d.Bits >= 8 && d.Bits <= 64
}

// isQuantity reports whether a part of this dtype may hold what a quantised tensor
// is made of.
func isQuantity(d tensor.DType) bool {
	return d.Class == tensor.ClassInt || d.Class == tensor.ClassUint || d.Class == tensor.ClassFloat
}

// CheckComposite reports an error unless flags suit layout, shape and dtype, and
// the parts that the layout needs are there with the dtypes and shapes that the
// specification gives. It looks at no element. Parts with other roles are
// ignored.
func CheckComposite(c *Composite) error {
	if LayoutName(c.Layout) == "" {
		return fail(tensor.ErrUnsupported, RuleLayoutKnown, -1, "layout", fmt.Sprint(c.Layout), fmt.Sprintf("1..%d", len(layoutNames)-1))
	}
	k := &compositeChecker{Composite: c}
	least, most := k.ranks()
	if rank := len(c.Shape); rank < least || rank > most {
		want := fmt.Sprint(least)
		if most > least {
			want = fmt.Sprintf("%d..%d", least, most)
		}
		return k.bad("rank", fmt.Sprint(rank), fmt.Sprintf("%s for %s", want, LayoutName(c.Layout)))
	}
	if none := c.DType.Class == tensor.ClassNone; none != (c.Layout == LayoutString) {
		want := "a dtype"
		if !none {
			want = "none for strings"
		}
		return fail(tensor.ErrCorrupt, RuleDTypeNone, -1, "dtype", c.DType.String(), want)
	}
	if err := k.flags(); err != nil {
		return err
	}
	k.parts()
	return k.err
}

// compositeChecker checks the parts of a composite. After an error the further
// ones are left out.
type compositeChecker struct {
	*Composite
	err error
}

// ranks are the smallest and the largest rank of a layout.
func (c *compositeChecker) ranks() (least, most int) {
	switch c.Layout {
	case LayoutCSR, LayoutCSC, LayoutBSR:
		return 2, 2
	case LayoutRagged:
		return 2, MaxRank
	case LayoutString, LayoutQuantised:
		return 0, MaxRank
	}
	return 1, MaxRank
}

func (c *compositeChecker) bad(field, got, want string) error {
	return fail(tensor.ErrFormat, RuleLayoutPart, -1, field, got, want)
}

func (c *compositeChecker) flags() error {
	bad := func(want string) error {
		return fail(tensor.ErrCorrupt, RuleLayoutFlags, -1, "layout flags", fmt.Sprintf("%#x", c.Flags), want)
	}
	allowed := uint32(0)
	if IsSparse(c.Layout) {
		allowed = FlagSorted | FlagUnique
		if c.Layout != LayoutBSR && c.Layout != LayoutBitmap {
			allowed |= FlagStructure | FlagUpper
		}
	}
	structure := c.Flags & FlagStructure
	const both = FlagSorted | FlagUnique
	switch {
	case c.Flags&^allowed != 0:
		return bad(fmt.Sprintf("only bits of %#x for %s", allowed, LayoutName(c.Layout)))
	case (c.Layout == LayoutCSF || c.Layout == LayoutBitmap) && c.Flags&both != both:
		return bad(fmt.Sprintf("sorted and unique for %s", LayoutName(c.Layout)))
	case structure != 0 && (len(c.Shape) != 2 || c.Shape[0] != c.Shape[1]):
		return bad(fmt.Sprintf("no structure for shape %v", c.Shape))
	case structure == StructureHermitian && c.DType.Class != tensor.ClassComplex:
		return bad(fmt.Sprintf("a Hermitian structure for complex numbers only, not %v", c.DType))
	case structure == 0 && c.Flags&FlagUpper != 0:
		return bad("a triangle of a structure only")
	}
	return nil
}

// anyLength stands for an extent that nothing decides.
const anyLength = -1

// part finds the part of a role and checks dtype and shape. It returns the
// part's shape, of the wanted rank, or nil after an error.
func (c *compositeChecker) part(role, dtype string, ok func(tensor.DType) bool, shape ...int64) tensor.Shape {
	if c.err != nil {
		return nil
	}
	p := c.Part(role)
	if p == nil {
		c.err = c.bad("part "+role, "none", "one, as "+LayoutName(c.Layout)+" needs it")
		return nil
	}
	if !ok(p.DType) {
		c.err = c.bad("dtype of part "+role, p.DType.String(), dtype)
		return nil
	}
	same := len(p.Shape) == len(shape)
	for i := 0; same && i < len(shape); i++ {
		same = shape[i] == anyLength || shape[i] == p.Shape[i]
	}
	if !same {
		c.err = c.bad("shape of part "+role, p.Shape.String(), strings.ReplaceAll(tensor.Shape(shape).String(), strconv.Itoa(anyLength), "n"))
		return nil
	}
	return p.Shape
}

func (c *compositeChecker) index(role string, shape ...int64) tensor.Shape {
	return c.part(role, "an int or uint of 8 to 64 bits", IsIndex, shape...)
}

func (c *compositeChecker) parent(role string, shape ...int64) tensor.Shape {
	return c.part(role, c.DType.String()+", as the composite", func(d tensor.DType) bool { return d == c.DType }, shape...)
}

func (c *compositeChecker) exactly(role string, want tensor.DType, shape ...int64) tensor.Shape {
	return c.part(role, want.String(), func(d tensor.DType) bool { return d == want }, shape...)
}

func (c *compositeChecker) number(role string, shape ...int64) tensor.Shape {
	return c.part(role, "an int, uint or float", isQuantity, shape...)
}

// length is the extent of axis 0, or 0 after an error.
func length(s tensor.Shape) int64 {
	if len(s) == 0 {
		return 0
	}
	return s[0]
}

// plusOne is the length of pointers to n things.
func plusOne(n int64) int64 { return n + min(1, math.MaxInt64-n) }

// parts checks dtypes and shapes.
func (c *compositeChecker) parts() {
	rank := len(c.Shape)
	switch c.Layout {
	case LayoutCOO:
		c.parent(RoleValues, length(c.index(RoleIndices, anyLength, int64(rank))))
	case LayoutCSR, LayoutCSC:
		c.index(RoleIndptr, plusOne(c.Shape[CompressedAxis(c.Layout)]))
		c.parent(RoleValues, length(c.index(RoleIndices, anyLength)))
	case LayoutBSR:
		v := c.parent(RoleValues, anyLength, anyLength, anyLength)
		if c.err != nil {
			return
		}
		if h, w := v[1], v[2]; h < 1 || w < 1 || c.Shape[0]%h != 0 || c.Shape[1]%w != 0 {
			c.err = c.bad("blocks", fmt.Sprintf("%d by %d", h, w), fmt.Sprintf("extents that divide the shape %v", c.Shape))
			return
		}
		c.index(RoleIndptr, plusOne(c.Shape[0]/v[1]))
		c.index(RoleIndices, v[0])
	case LayoutCSF:
		c.exactly(RoleOrder, tensor.U8, int64(rank))
		for k := range rank {
			ptr, idx := LevelRoles(k)
			nodes := length(c.index(idx, anyLength))
			if k < rank-1 {
				c.index(ptr, plusOne(nodes))
			} else {
				c.parent(RoleValues, nodes)
			}
		}
	case LayoutBitmap:
		c.exactly(RoleMask, tensor.Bool1, c.Shape...)
		c.parent(RoleValues, anyLength)
	case LayoutRagged:
		c.index(RoleOffsets, plusOne(c.Shape[0]))
		c.parent(RoleValues, append([]int64{anyLength}, c.Shape[2:]...)...)
	case LayoutString:
		n, err := c.Shape.NumElements()
		if c.err = err; err == nil {
			c.index(RoleOffsets, plusOne(n))
			c.exactly(RoleBytes, tensor.U8, anyLength)
		}
	case LayoutQuantised:
		c.quantised()
	}
	if IsSparse(c.Layout) && c.Part(RoleFill) != nil {
		c.parent(RoleFill)
	}
}

func (c *compositeChecker) quantised() {
	rank := len(c.Shape)
	c.exactly(RoleGroup, tensor.U32, int64(rank))
	c.number(RoleValues, c.Shape...)
	groups := slices.Repeat(tensor.Shape{anyLength}, rank)
	if c.err == nil && c.Group != nil {
		for i, g := range c.Group {
			if g == 0 {
				c.err = fail(tensor.ErrCorrupt, RuleLayoutIndex, -1, fmt.Sprintf("element %d of part %s", i, RoleGroup), "0", "1 or more")
				return
			}
			n := c.Shape[i]
			groups[i] = n/int64(g) + min(1, n%int64(g))
		}
	}
	scales := c.number(RoleScales, groups...)
	if c.Part(RoleZeros) != nil && c.err == nil {
		c.number(RoleZeros, scales...)
	}
}

// CompressedAxis is the axis whose steps the pointers of csr, csc and bsr count.
func CompressedAxis(layout uint16) int {
	if layout == LayoutCSC {
		return 1
	}
	return 0
}
