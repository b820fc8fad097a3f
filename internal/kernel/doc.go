// Package kernel holds the inner loops that tensor and codec share: byte and
// bit shuffles, differences of words, byte swaps, conversions between element
// types, sums and extremes, weighted sums of neighbours, transposes, copies
// past the cache, and the checksum of the format. It knows bytes and numbers, nothing of files or tensors.
//
// Every kernel has a Go form, which is the reference: it is always built, it
// alone under the build tag noasm, and it finishes what an assembly loop leaves
// over. The levels of assembly that a processor may take are in level.go; the
// loop is chosen in one function per kernel, in the dispatch files. Results are
// the same, bit for bit, at every level.
//
// Words are little-endian in byte slices on every machine. Typed slices are in
// the order of the machine. No function keeps a slice or allocates, all may
// run concurrently. Lengths that do not fit each other are bugs of the caller
// and panic; addresses may have any alignment. Unless it is said otherwise,
// dst and src must not overlap.
//
// A loop in assembly is not interrupted: a call on hundreds of megabytes holds
// its thread, and a garbage collection that wants to begin, as copy does.
//
// Kernels whose results are usually read again at once use plain stores. Those
// with Stream in their name, unshuffles from streamMin bytes on, and those that
// take a stream flag, if it is set, write past the cache, which saves reading the
// lines that will be overwritten.
package kernel

// streamMin is the size of a result from which on it is written past the
// cache: it would not stay in the second level anyway.
const streamMin = 4 << 20

func need(ok bool, what string) {
	if !ok {
		panic("kernel: " + what)
	}
}

const (
	badLength = "dst and src differ in length"
	badSize   = "word size out of range"
	badPlanes = "a plane has the wrong length"
)
