// Package mmap holds a file open for reading: one descriptor, at most one
// read-only mapping, and the rules that make the mapping safe to use.
//
// # How long a view lives
//
// A slice from [Map.Bytes] or [Map.Fetch] is borrowed. It is good while its
// user holds a lease ([Map.Acquire]) or runs inside a guarded call
// ([Map.Guard], [Map.Enter]); holding the slice itself keeps nothing alive.
// [Map.Close] refuses with ErrInUse while leases are held, and
// [Map.Shutdown] waits for them. Nothing unmaps behind the caller's back: there
// is no finalizer, so a Map that is never closed keeps its mapping.
//
// A slice that outlives its lease never reads another file's bytes: on 64-bit
// Unix a closed mapping is replaced by an inaccessible reservation of the same
// addresses, so that touching it faults. Reservations cost address space only
// and leave in order of age, when there are more than 1024 of them or they
// exceed a bound in bytes (1 TiB on amd64, 64 GiB elsewhere, an eighth of the
// address space limit if one is set), or when a new mapping finds no room. A
// mapping larger than the bound is unmapped at once, and so is every mapping on
// Windows and on 32-bit machines. With the build tag "invariants" reservations
// are never given back, and 32-bit Unix has them too.
//
// # When the file changes
//
// Touching a mapped page that the file no longer has (it was truncated, or the
// disk cannot deliver it) is a fault, which ends a Go program. Inside a guarded
// call it becomes a *tensor.Error with the offset, kind ErrChanged, or ErrIO if
// the file still has the page and reading it fails. The fault is caught
// wherever it happens in Go code or in Go's assembly (copy, bytes.Equal, crc32,
// sha256, map access with a mapped key, sort, encoding/json), with these
// exceptions, which no Go program can hold:
//
//   - a goroutine started inside the guarded function: the protection belongs
//     to one goroutine and is not inherited, so every goroutine that touches
//     the mapping makes its own guarded call ([Lease.Guard]);
//   - a channel send straight from the mapping (ch <- b[i] where the compiler
//     hands the runtime the mapped address): assign to a local variable first;
//   - C code, drivers and libraries called without Go: hand them a private copy;
//   - a lock that the guarded function takes and does not release by defer
//     stays locked.
//
// System calls do not fault: given a mapped buffer they fail with EFAULT, which
// [Map.FaultError] translates.
//
// Not every change is a fault. Bytes past the new end of a truncated file but
// inside its last page read as zeros, and a write by another program shows
// through at once: [Map.Check] finds what size, time and identity tell, and
// checksums find the rest. Values that decide something must be copied out
// once, checked, and used from the copy.
//
// # Where there is no mapping
//
// A file that is not mapped (mapping turned off or impossible, a network file
// system, a file larger than the address space, an io.ReaderAt) is read with
// positioned reads: [Map.Reason] says why, [Map.Fetch] returns private bytes,
// and everything else works the same.
//
// A Map may be used from many goroutines. The package starts none, prints
// nothing, and never writes to a file.
package mmap
