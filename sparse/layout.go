package sparse

import (
	"strconv"

	"github.com/tensorfile/tensorfile/tensor"
)

// Layout is how the entries of an Array are kept; the numbers are those of the
// file format.
type Layout uint16

// The layouts. CSR, CSC and BSR are of rank 2, the others of rank 1 to 32.
const (
	COO    Layout = 1 + iota // coordinates and values
	CSR                      // compressed rows
	CSC                      // compressed columns
	BSR                      // compressed rows of dense blocks
	CSF                      // compressed fibres: a tree over the axes
	Bitmap                   // a mask and the values under it
)

var layoutNames = [...]string{COO: "coo", CSR: "csr", CSC: "csc", BSR: "bsr", CSF: "csf", Bitmap: "bitmap"}

// String is the name in the file format: "coo", "csr" ...
func (l Layout) String() string {
	if l.known() {
		return layoutNames[l]
	}
	return "layout" + strconv.Itoa(int(l))
}

func (l Layout) known() bool { return l >= COO && l <= Bitmap }

// ParseLayout reads a layout's name; the error is ErrFormat.
func ParseLayout(s string) (Layout, error) {
	for l := COO; l <= Bitmap; l++ {
		if layoutNames[l] == s {
			return l, nil
		}
	}
	return 0, fail(tensor.ErrFormat, "layout", tensor.Quote(s), "coo, csr, csc, bsr, csf or bitmap", "")
}

// Structure says how the triangles of a square matrix mirror each other, so
// that one of them need not be kept.
type Structure uint8

// The structures; the numbers are those of the file format.
const (
	General       Structure = iota // every entry is kept
	Symmetric                      // the element at (j, i) is that at (i, j)
	SkewSymmetric                  // its negative; the diagonal has no entries
	Hermitian                      // its conjugate
)

var structureNames = [...]string{"general", "symmetric", "skew-symmetric", "hermitian"}

// String is the structure as MatrixMarket names it: "general", "symmetric",
// "skew-symmetric" or "hermitian".
func (s Structure) String() string {
	if int(s) < len(structureNames) {
		return structureNames[s]
	}
	return "structure" + strconv.Itoa(int(s))
}

// ParseStructure reads a structure's name; the error is ErrFormat.
func ParseStructure(s string) (Structure, error) {
	for i, name := range structureNames {
		if name == s {
			return Structure(i), nil
		}
	}
	return 0, fail(tensor.ErrFormat, "structure", tensor.Quote(s), "general, symmetric, skew-symmetric or hermitian", "")
}

// Properties are what an array declares about its entries. The zero value
// declares nothing.
type Properties struct {
	Sorted    bool // entries ascend: see Array
	Unique    bool // no coordinate occurs twice
	Structure Structure
	Upper     bool // of a structure the upper triangle is kept, else the lower
}

// The layout flags of the file format.
const (
	flagSorted     = 1 << 0
	flagUnique     = 1 << 1
	structureShift = 4
	flagStructure  = 3 << structureShift
	flagUpper      = 1 << 6
	flagsKnown     = flagSorted | flagUnique | flagStructure | flagUpper
)

// Flags are the properties as the layout flags of the file format.
func (p Properties) Flags() uint32 {
	f := uint32(p.Structure) << structureShift & flagStructure
	if p.Sorted {
		f |= flagSorted
	}
	if p.Unique {
		f |= flagUnique
	}
	if p.Upper {
		f |= flagUpper
	}
	return f
}

// FromFlags reads layout flags of the file format. Bits that are not known are
// ErrCorrupt (rule composite.flags); New checks that they suit an array.
func FromFlags(flags uint32) (Properties, error) {
	if unknown := flags &^ flagsKnown; unknown != 0 {
		return Properties{}, fail(tensor.ErrCorrupt, "layout_flags", hex(unknown), "bits of "+hex(flagsKnown), ruleFlags)
	}
	return Properties{
		Sorted:    flags&flagSorted != 0,
		Unique:    flags&flagUnique != 0,
		Structure: Structure(flags & flagStructure >> structureShift),
		Upper:     flags&flagUpper != 0,
	}, nil
}

// check reports properties that do not suit a layout, shape or dtype.
func (p Properties) check(l Layout, s tensor.Shape, d tensor.DType) error {
	bad := func(got, want string) error { return fail(tensor.ErrCorrupt, "layout_flags", got, want, ruleFlags) }
	switch {
	case p.Structure > Hermitian:
		return bad(p.Structure.String(), "a known structure")
	case (l == CSF || l == Bitmap) && !(p.Sorted && p.Unique):
		return bad(hex(p.Flags()), "sorted and unique for "+l.String())
	case p.Structure == General && p.Upper:
		return bad("upper without a structure", "a structure")
	case p.Structure == General:
		return nil
	case l == BSR || l == Bitmap:
		return bad(p.Structure.String()+" for "+l.String(), "general")
	case len(s) != 2 || s[0] != s[1]:
		return bad(p.Structure.String()+" for shape "+s.String(), "rank 2 and equal extents")
	case p.Structure == Hermitian && d.Class != tensor.ClassComplex:
		return bad("hermitian for "+d.String(), "a complex dtype")
	}
	return nil
}

func hex(x uint32) string { return "0x" + strconv.FormatUint(uint64(x), 16) }
