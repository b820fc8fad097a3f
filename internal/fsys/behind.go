package fsys

// WriteBehind asks the system to begin to write n bytes of f from off on to the
// disk, where it can. It waits for nothing and promises nothing: it only leaves
// less to do for the sync to come, during which the disk would otherwise have
// all of the work and the processor none.
func WriteBehind(f File, off, n int64) {
	if w, ok := f.(interface{ writeBehind(off, n int64) }); ok {
		w.writeBehind(off, n)
	}
}

func (f steadyFile) writeBehind(off, n int64) { WriteBehind(f.File, off, n) }
