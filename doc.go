// Package tensorfile stores tensors in one file and maps them back without a
// copy: many named tensors of any dtype, shape and byte strides, with
// attributes, every byte under a checksum.
//
//	f, err := tensorfile.Open("model.tensor", nil)
//	if err != nil {
//		return err
//	}
//	defer f.Close()
//	t, err := f.Tensor("layers.0.weight")
//	if err != nil {
//		return err
//	}
//	w, err := tensorfile.Data[float32](t) // a slice of the mapping
//
// To read there are [Open], [File.Tensor] and then [Data] or [View], which copy nothing, or
// [Tensor.Read] and [Tensor.ReadInto], which do. To write there is [Save], or [Create] with a
// [Writer]; to change a file, [OpenAppend]; to look after one, [File.Verify], [Recover] and
// [Repack].
//
// # How long a view lives
//
// What View, Data and Tensor.View return is borrowed: it points into the
// mapping and is valid until File.Close. Close refuses with ErrInUse while a
// Lease is held (Tensor.Lease, AcquireData) or a call is under way; Shutdown
// waits. After Close the addresses stay reserved for a while, so that a stale
// slice faults instead of showing another file's bytes. Read copies, and its
// result is the caller's.
//
// # When the file changes underneath
//
// A mapping shows the file as it is. If another process cuts it short, a touch
// of what is gone would kill the process; inside Tensor.Guard it becomes an
// error of kind ErrChanged with tensor and offset. Every function of this
// library that reads elements works that way. Files written by this library
// are never changed in place: they are replaced or appended to.
//
// Some uses of mapped bytes no Go program can protect, inside Guard or not. They
// arise only where a caller handles mapped bytes itself, that is, what View,
// Data, AcquireData, Tensor.View, Tensor.ReadComposite, Tensor.ReadRows,
// Tensor.Sparse, Tensor.SparseRows, File.Map and the function given to Guard have
// in hand:
//
//   - a value sent on a channel straight from the mapping (ch <- s[i]): assign it
//     to a variable first;
//   - a goroutine that the caller starts: each makes a Guard call of its own, or
//     Lease.Guard under a lease of the one that started it;
//   - foreign code (C, drivers, GPU libraries): hand it a copy, made by Read;
//   - a lock that is released without defer stays locked.
//
// Read, ReadInto and the Write methods never need a thought about any of this.
//
// # Chunks
//
// TensorOptions with Chunk, Codec or Fill stores a tensor as a grid of chunks,
// each encoded by itself. Such a tensor has no view: Read and ReadInto decode
// the chunks that a selection touches, several at a time and where they can
// straight into the destination, and Tensor.Chunks walks over all of them. It
// can grow by rows (Writer.Append), be changed in parts (Writer.WriteRegion) and
// cut (Writer.Shrink) by commits that write what changes and little more.
//
// # Composites
//
// A sparse array, rows of different lengths, strings and numbers with scales are
// one tensor of several parts, written by Writer.AddComposite and AddSparse, all
// or none. Tensor.Part opens a part, ReadComposite and Sparse give all of them,
// ReadRows and SparseRows those of some rows. Rows are appended to all parts in
// one commit (AppendComposite, AppendSparse). Names, copies, history, repack,
// recovery, hashes and Verify take a composite as one.
//
// # Hostile files
//
// A file from a stranger can make a call fail with an Error that names path,
// offset, field and rule. It cannot make one panic, read outside the file, or
// allocate without bound: OpenOptions.MaxBytes limits what is copied out.
//
// # Concurrency
//
// A File and its Tensors are safe for many goroutines; a Writer belongs to one.
// The library starts goroutines only inside a call and ends them before it
// returns. It prints nothing.
//
// Other formats are opened by package convert. The format is specified in
// spec/tensorfile-1.0.md.
package tensorfile
