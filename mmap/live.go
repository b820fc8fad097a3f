package mmap

import (
	"runtime"
	"sync"
	"weak"

	"github.com/tensorfile/tensorfile/tensor"
)

// live tells the Map of each mapping: *region to weak.Pointer[Map]. One that
// its owner has lost is not kept alive by it.
var live sync.Map

// Caught is for code that was handed memory of unknown origin, set
// debug.SetPanicOnFault and recovered the value r. If r is a fault on the
// mapping of a Map that is open, Caught returns the error that Guard would have
// returned, else nil.
func Caught(r any) error {
	e, ok := r.(interface {
		runtime.Error
		Addr() uintptr
	})
	if !ok {
		return nil
	}
	var err *tensor.Error
	live.Range(func(key, value any) bool {
		off, inside := key.(*region).offset(e.Addr())
		if !inside {
			return true
		}
		m := value.(weak.Pointer[Map]).Value()
		if m != nil && m.enter(1) {
			defer m.leave()
			err = m.faultError(off, nil).(*tensor.Error)
		}
		return false
	})
	if err == nil {
		return nil
	}
	return err
}
