// Package sparse is sparse tensors in memory: coordinates (COO), compressed
// rows and columns (CSR, CSC), compressed rows of blocks (BSR), trees of fibres
// (CSF), and a mask with values (Bitmap). It knows no files.
//
// An Array describes parts that it does not own: pointers, indices and values
// are views, of a mapped file or of memory, of any strides and byte order. New
// costs nothing whatever they hold; what could lead astray is validated before
// it is used, once (Array.Validate).
//
// # What the entries mean
//
// The same in every operation:
//
//   - Fill. An element without an entry has the fill value, zero unless there is
//     a part for it. Entries may hold that value, too. Where entries are told
//     from it, they are by their bits: negative zero is no zero.
//   - Duplicates. If a coordinate occurs several times the element is the sum of
//     its values, added one by one in the order in which they are kept, each sum
//     rounded to the dtype. Integers wrap, bools are or'ed.
//   - Structure. Of a symmetric, skew-symmetric or Hermitian matrix one triangle
//     has entries. The element at (j, i) is that at (i, j), its negative or its
//     conjugate, the fill value included: one that differs from its own mirror
//     as a number is mirrored in the other triangle. The negative of an unsigned
//     number wraps, that of a bool is itself.
//   - One value. Values with a stride of 0 are the same for all entries, and stay
//     so where nothing has to be added.
//
// # Results
//
// Results have the byte order of the machine and indices of 32 bits, or of 64
// where 32 do not hold them or Options.Index asks for it. They are the same for
// any number of workers. They may share memory with their source, and then live
// as long as it: Array.Clone returns one of its own. Entries that a layout does
// not put in order stay in the order that they had.
//
// Memory is bounded by the entries and, for compressed layouts, the lines; no
// operation but Dense makes the dense form. What does not follow from the size
// of the source is limited (Options.MaxBytes).
//
// Values are of any bool, int, uint, float or complex dtype of 8 bits or more.
// New takes packed dtypes and bytes as well, but nothing that moves them.
//
// An ended context ends a validation or a product within milliseconds, and a
// conversion before it begins. The error is the context's own.
//
// # Errors
//
// Errors are *tensor.Error. Those about parts carry the rule of the file format
// that is broken: composite.part, composite.flags, composite.pointer or
// composite.index. Nothing panics on the content of parts, except that memory
// which somebody changes after it was validated may be noticed in that way.
package sparse
