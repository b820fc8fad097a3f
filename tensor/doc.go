// Package tensor is the vocabulary of tensorfile: dtypes, shapes, byte strides
// and views of memory. It knows no files.
//
// # Lifetime
//
// A [View] owns no memory. It, every view made from it, and every slice that
// [Data], [As], [View.Bytes], [View.Span] or [View.UnitAt] return are windows
// on the bytes that [NewView] was given, and live exactly as long. For memory
// of the Go heap the garbage collector sees to that. Views of a mapped file
// end when the file is closed: whoever hands them out says how long they may
// be kept. [View.Clone], [Make] and the casts return memory of their own.
//
// Shapes and strides are kept, not copied, and returned without a copy. They
// must not be changed.
//
// # Concurrency
//
// A View is a value that no method changes. Any number of goroutines may read
// through views of the same bytes. What writes elements ([Copy], [WriteElem],
// slices from [Data]) needs the care that writing to any memory needs, and
// must not be pointed at a read-only mapping.
//
// # Shapes, units, strides
//
// Extents count elements, strides count bytes. What a stride steps over is a
// unit: one element for most dtypes, several for those below one byte and for
// quantised blocks ([DType.Packed]). Their last axis is packed: its stride is
// the size of a unit, each row starts on a unit, and rows that do not fill
// their last unit are padded. Views of packed dtypes are cut at units or not at
// all (ErrUnsupported); a cast to a wider dtype unpacks them.
//
// Strides may be negative (a flipped axis) or zero (a repeated one). All
// methods that return a View follow NumPy and copy nothing.
//
// # Patterns
//
// [Rearrange], [Repeat] and [Reduce] take a pattern of the einops language,
// which names axes: "b h w c -> b c h w". What strides can express is a view,
// anything else one copy. docs/einops.md has the language.
//
// # Errors
//
// Nothing here panics on a shape, index, selection or file content, except
// [Strided.At] and [Run.At], which are as strict as indexing a slice. Errors
// are of type *[Error] and wrap one of the Err values; all sizes are computed
// in checked arithmetic.
package tensor
