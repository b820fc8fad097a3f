// Package sparse is sparse tensors in memory: coordinates (COO), compressed
// rows and columns (CSR, CSC), compressed rows of blocks (BSR), trees of fibres
// (CSF), and a mask with values (Bitmap). It knows no files.
//
// An Array describes parts that it does not own: pointers, indices and values
// are views, of a mapped file or of memory.
package sparse
