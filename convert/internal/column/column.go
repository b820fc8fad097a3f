// Package column builds tensors of the columns of tables: of CSV, JSON lines and
// SQL. What a source holds goes block by block, a Piece for each column, into a
// Table, which keeps it in memory up to a budget and in a temporary file beyond;
// Layout makes tensors of it that are decoded, in the kind that the whole column
// has, when their elements are asked for.
//
// # Kinds
//
// A column has the least kind that holds all its values: bool, i64, u64 if it
// has a number from 2^63 to 2^64-1 and none below zero, f64, text. Whole numbers
// beyond these, or of both ends, make it f64 and are rounded. Join has the table.
//
// # Missing values
//
// By convert.MissingNaN a column of numbers or bools in which values are missing
// is f64, with NaN where they are and 0 and 1 for false and true; a text that is
// missing is the empty string. By convert.MissingMask each column keeps its
// kind, what is missing is zero, false or empty, and NAME.valid, a tensor of
// bools, says which values there are; a column that is whole has none. By
// convert.MissingError a missing value is an error. A column without any value
// is f64.
package column

import (
	"fmt"
	"strconv"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/tensor"
)

// Kind is what the values of a column are.
type Kind uint8

// The kinds. Nat and Int are both i64.
const (
	None  Kind = iota // no value, all are missing
	Bool              // 0 or 1
	Nat               // whole numbers from 0 to 2^63-1
	Int               // whole numbers from -2^63 to 2^63-1
	Uint              // whole numbers from 0 to 2^64-1
	Float             // f64, by its bits
	Text              // UTF-8
	Blob              // bytes
)

var kindNames = [...]string{"none", "bool", "i64", "i64", "u64", "f64", "text", "bytes"}

// String is the name of the dtype, or "text" or "bytes".
func (k Kind) String() string { return kindNames[k] }

// Number reports whether values are numbers.
func (k Kind) Number() bool { return k >= Nat && k <= Float }

// dtype is that of values that are words.
func (k Kind) dtype() tensor.DType {
	switch k {
	case Bool:
		return tensor.Bool
	case Nat, Int:
		return tensor.I64
	case Uint:
		return tensor.U64
	}
	return tensor.F64
}

// Join is the least kind that holds values of both:
//
//	        bool  i64  u64  f64  text
//	bool    bool  text text text text
//	i64           i64  *    f64  text     * u64 if none is below zero, else f64
//	u64                u64  f64  text
//	f64                     f64  text
//
// Bytes with anything else but text are bytes of its text.
func Join(a, b Kind) Kind {
	if a > b {
		a, b = b, a
	}
	switch {
	case a == b, a == None, b == Blob, a == Nat:
		return b
	case b == Text, a == Bool:
		return Text
	}
	return Float // Int and Uint, or a whole number and Float
}

// Final is what a column becomes that has values of the kind k and, if missing
// is more than 0, so many that are missing.
func Final(k Kind, missing int64, rule convert.Missing) Kind {
	if k == None || missing > 0 && rule == convert.MissingNaN && k < Float {
		return Float
	}
	return k
}

// Column describes a column as a whole.
type Column struct {
	Name    string
	Kind    Kind         // of the values
	Missing int64        // rows without a value
	Bytes   int64        // of all values, of Text and Blob
	Longest int64        // bytes of the longest value, of Blob
	Shape   tensor.Shape // of the values of a row. nil: one
}

// width is how many values a row has.
func (c *Column) width() int64 {
	n := int64(1)
	for _, e := range c.Shape {
		n *= e
	}
	return n
}

// Distinct gives columns of one name others, "x", "x.2", "x.3", and those
// without one, or with one that no tensor may have, "column3" by their place
// from 1. It returns notes about what it did.
func Distinct(columns []Column, valid func(string) error) (notes []string) {
	taken := make(map[string]bool, len(columns))
	for i := range columns {
		taken[columns[i].Name] = true
	}
	seen := make(map[string]bool, len(columns))
	next := map[string]int{} // the number to try
	for i := range columns {
		name := &columns[i].Name
		was := *name
		base := was
		if valid(was) != nil {
			base = "column" + strconv.Itoa(i+1)
			*name = base
		}
		for seen[*name] || *name != was && taken[*name] {
			next[base] = max(next[base]+1, 2)
			*name = base + "." + strconv.Itoa(next[base])
		}
		seen[*name] = true
		if *name != was && len(notes) < 8 {
			notes = append(notes, fmt.Sprintf("column %d, %s in the file, is called %s", i+1, tensor.Quote(was), tensor.Quote(*name)))
		}
	}
	return notes
}
