package mtx

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/tensorfile/tensorfile/internal/decimal"
	"github.com/tensorfile/tensorfile/sparse"
	"github.com/tensorfile/tensorfile/tensor"
)

const banner = "%%MatrixMarket"

// The words of the first line.
const (
	coordinate = "coordinate"
	array      = "array"

	fieldReal     = "real" // "double" is read as the same
	fieldInteger  = "integer"
	fieldUnsigned = "unsigned-integer" // as SciPy writes uint64
	fieldComplex  = "complex"
	fieldPattern  = "pattern"

	general       = "general"
	symmetric     = "symmetric"
	skewSymmetric = "skew-symmetric"
	hermitian     = "hermitian"
)

const (
	maxComments = 1 << 20  // bytes of comments
	maxLine     = 64 << 10 // bytes of a line behind the comments
)

// header is what stands above the entries of a file.
type header struct {
	object, field, symmetry string
	rows, cols              int64
	entries                 int64 // lines that follow
	comment                 string
	lines                   int64 // of the header
	size                    int64 // bytes of the header
}

// lineError is an error about a line of the text, from 1.
func lineError(kind error, line int64, field, got, want string) *tensor.Error {
	return &tensor.Error{Kind: kind, Format: "mtx", Offset: -1, Field: fmt.Sprintf("line %d: %s", line, field), Got: got, Want: want}
}

// excerpt is the begin of a line, for errors.
func excerpt(b []byte) string {
	b = bytes.TrimRight(b, "\r\n")
	if len(b) > 80 {
		b = b[:80]
	}
	return tensor.Quote(string(b))
}

// readHeader reads up to the line of sizes.
func readHeader(r *bufio.Reader) (*header, error) {
	h := &header{}
	next := func() ([]byte, error) {
		line, err := r.ReadSlice('\n')
		h.size += int64(len(line))
		h.lines++
		if err == bufio.ErrBufferFull {
			return line, lineError(tensor.ErrLimit, h.lines, "length", fmt.Sprintf("more than %d bytes", len(line)), fmt.Sprintf("at most %d", r.Size()))
		}
		if err == io.EOF && len(line) > 0 {
			err = nil
		}
		return line, err
	}
	first, err := next()
	if err != nil && err != io.EOF {
		return nil, err
	}
	words := strings.Fields(strings.ToLower(string(first)))
	if len(words) == 0 || words[0] != strings.ToLower(banner) {
		return nil, lineError(tensor.ErrFormat, 1, "banner", excerpt(first), banner)
	}
	word := func(i int, name string, known ...string) (string, error) {
		if i < len(words) {
			for _, k := range known {
				if words[i] == k {
					return k, nil
				}
			}
		}
		got := "none"
		if i < len(words) {
			got = tensor.Quote(words[i])
		}
		return "", lineError(tensor.ErrFormat, 1, name, got, strings.Join(known, ", "))
	}
	if _, err := word(1, "object", "matrix"); err != nil {
		return nil, err
	}
	if h.object, err = word(2, "format", coordinate, array); err != nil {
		return nil, err
	}
	if h.field, err = word(3, "field", fieldReal, "double", fieldInteger, fieldUnsigned, fieldComplex, fieldPattern); err != nil {
		return nil, err
	}
	if h.field == "double" {
		h.field = fieldReal
	}
	if h.symmetry, err = word(4, "symmetry", general, symmetric, skewSymmetric, hermitian); err != nil {
		return nil, err
	}
	switch {
	case len(words) > 5:
		return nil, lineError(tensor.ErrFormat, 1, "banner", excerpt(first), "five words")
	case h.object == array && h.field == fieldPattern:
		return nil, lineError(tensor.ErrFormat, 1, "field", fieldPattern, "one with values for "+array)
	case h.symmetry == hermitian && h.field != fieldComplex:
		return nil, lineError(tensor.ErrFormat, 1, "symmetry", hermitian+" of field "+h.field, "field "+fieldComplex)
	case h.symmetry == skewSymmetric && (h.field == fieldPattern || h.field == fieldUnsigned):
		return nil, lineError(tensor.ErrFormat, 1, "symmetry", skewSymmetric+" of field "+h.field, "a field with negative values")
	}
	var comments strings.Builder
	for {
		line, err := next()
		text := bytes.TrimSpace(line)
		switch {
		case err == io.EOF:
			return nil, lineError(tensor.ErrTruncated, h.lines, "sizes", "the end of the file", "a line of sizes")
		case err != nil:
			return nil, err
		case len(text) == 0:
			continue
		case text[0] != '%':
			return h, h.sizes(text)
		}
		if comments.Len()+len(text) > maxComments {
			return nil, lineError(tensor.ErrLimit, h.lines, "comments", "more", fmt.Sprintf("at most %d bytes", maxComments))
		}
		if comments.Len() > 0 {
			comments.WriteByte('\n')
		}
		comments.Write(bytes.TrimSpace(text[1:]))
		h.comment = strings.ToValidUTF8(strings.TrimSpace(comments.String()), "\uFFFD")
	}
}

// sizes reads the line of sizes.
func (h *header) sizes(line []byte) error {
	want := "rows, columns and entries"
	if h.object == array {
		want = "rows and columns"
	}
	var list []int64
	for _, w := range bytes.Fields(line) {
		x, n, err := decimal.Int64(w)
		switch {
		case n != len(w) || n == 0 || x < 0 && err == nil:
			return lineError(tensor.ErrFormat, h.lines, "sizes", excerpt(line), want)
		case err != nil:
			return lineError(tensor.ErrOverflow, h.lines, "sizes", excerpt(line), "numbers below 2^63")
		}
		list = append(list, x)
	}
	if h.object == coordinate && len(list) != 3 || h.object == array && len(list) != 2 {
		return lineError(tensor.ErrFormat, h.lines, "sizes", excerpt(line), want)
	}
	h.rows, h.cols = list[0], list[1]
	if h.symmetry != general && h.rows != h.cols {
		return lineError(tensor.ErrFormat, h.lines, "sizes", fmt.Sprintf("%d x %d", h.rows, h.cols), "a square for "+h.symmetry)
	}
	shape := tensor.Shape{h.rows, h.cols}
	n, err := shape.NumElements()
	if err != nil {
		return lineError(tensor.ErrOverflow, h.lines, "sizes", excerpt(line), "fewer than 2^63 elements")
	}
	if h.object == coordinate {
		h.entries = list[2]
		return nil
	}
	h.entries = n
	if h.symmetry != general { // n is a square: halves are exact
		h.entries = h.rows / 2 * (h.rows + 1)
		if h.rows%2 == 1 {
			h.entries = (h.rows + 1) / 2 * h.rows
		}
		if h.symmetry == skewSymmetric {
			h.entries -= h.rows
		}
	}
	return nil
}

// fits reports an error if so many entries cannot stand in so many bytes, before
// memory is taken for them.
func (h *header) fits(bytes int64) error {
	least := int64(2) // a digit and what ends it
	switch {
	case h.object == coordinate && h.field == fieldPattern, h.object == array && h.field == fieldComplex:
		least = 4
	case h.object == coordinate && h.field == fieldComplex:
		least = 8
	case h.object == coordinate:
		least = 6
	}
	most := bytes/least + 1 // the last line may have no end
	if h.entries <= most {
		return nil
	}
	kind := tensor.ErrTruncated
	if h.object == array {
		kind = tensor.ErrLimit
	}
	return lineError(kind, h.lines, "entries", fmt.Sprint(h.entries), fmt.Sprintf("at most %d, for there are %d bytes", most, bytes))
}

// dtype is that of the values.
func (h *header) dtype() tensor.DType {
	switch h.field {
	case fieldInteger:
		return tensor.I64
	case fieldUnsigned:
		return tensor.U64
	case fieldComplex:
		return tensor.C128
	case fieldPattern:
		return tensor.Bool
	}
	return tensor.F64
}

// index is the dtype of coordinates.
func (h *header) index() tensor.DType {
	if max(h.rows, h.cols) <= math.MaxInt32 {
		return tensor.I32
	}
	return tensor.I64
}

// flags are the layout flags of the composite.
func (h *header) flags() uint32 {
	structure, _ := sparse.ParseStructure(h.symmetry) // the words are the same
	return sparse.Properties{Structure: structure}.Flags()
}
