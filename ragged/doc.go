// Package ragged is tensors whose rows differ in length, in memory: rows of
// values (Array), and UTF-8 strings (Strings). It knows no files.
//
// Both are elements one behind the other, and offsets that say where each row
// begins: row i is elements offsets[i] to offsets[i+1].
//
//	rows     [1 2 3] [] [4] [5 6]
//	offsets  0 3 3 4 6
//	values   1 2 3 4 5 6
//
// Offsets and elements are views that an array does not own: of a mapped file,
// or of memory, of any strides and byte order. New and NewStrings look at dtypes
// and shapes alone and take the same time for any array. Rows, slices and
// selections are views of the same elements; what copies says so, and returns
// memory of its own.
//
// # Checks
//
// Offsets are never trusted. Whatever takes a row checks the two offsets of it,
// and of a string that it is UTF-8. Validate checks everything, in parallel and
// once, and is what tells that offsets begin at 0 and end where the elements do.
// Errors are *tensor.Error with the rule of the file format that is broken:
// composite.part, composite.pointer or composite.utf8. Nothing panics on
// content.
//
// # Concurrency
//
// Arrays are never changed, and safe for concurrent use as long as nobody writes
// to the memory of their parts. They live as long as that memory.
package ragged
