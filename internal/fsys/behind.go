package fsys

// Allocate asks the system for the room of n bytes of f from off on, which are
// written next, where that makes the write faster. The size of the file stays. It
// promises nothing: a disk that is full is the error of the write.
func Allocate(f File, off, n int64) {
	if a, ok := f.(interface{ allocate(off, n int64) }); ok {
		a.allocate(off, n)
	}
}

// WriteBehind asks the system to begin to write n bytes of f from off on to the
// disk, where it can. It waits for nothing and promises nothing: it only leaves
// less to do for the sync to come, during which the disk would otherwise have
// all of the work and the processor none.
func WriteBehind(f File, off, n int64) {
	if w, ok := f.(interface{ writeBehind(off, n int64) }); ok {
		w.writeBehind(off, n)
	}
}

func (f steadyFile) allocate(off, n int64)    { Allocate(f.File, off, n) }
func (f steadyFile) writeBehind(off, n int64) { WriteBehind(f.File, off, n) }
