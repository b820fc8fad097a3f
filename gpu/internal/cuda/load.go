//go:build !nogpu && ((linux && !android && (amd64 || arm64)) || (windows && amd64))

package cuda

import (
	"fmt"
	"sync"

	"github.com/tensorfile/tensorfile/gpu/internal/driver"
)

var loaded struct {
	sync.Mutex
	lib *library
}

// Load finds the driver, loads it and starts it, once for the process; after a
// failure the next call tries again. Errors wrap driver.ErrNoDriver: the library is
// not there, or it does not start; driver.ErrDriverTooOld: it lacks a function, which
// the error names, or has no compiler for our kernels; driver.ErrNoDevice: it runs,
// but there is nothing to run it on. A library that is loaded stays.
func Load() (driver.Driver, error) {
	loaded.Lock()
	defer loaded.Unlock()
	if loaded.lib == nil {
		lib, err := open(candidates...)
		if err != nil {
			return nil, err
		}
		loaded.lib = lib
	}
	return loaded.lib, nil
}

// FromTable is the driver that is made of functions at the addresses, by their
// exported names. A name that is absent, or at 0, is a function that the driver does
// not have. Errors are those of Load.
func FromTable(table map[string]uintptr) (driver.Driver, error) {
	l := &library{where: "the table"}
	for s := range symbols {
		l.fn[s] = table[symbols[s].name]
	}
	if err := l.start(); err != nil {
		return nil, err
	}
	return l, nil
}

// start looks whether all is there that must be, and initializes the driver.
func (l *library) start() error {
	f := newFrame()
	defer f.done()
	of := "of unknown version"
	// May be asked before cuInit: CUDA_ERROR_NOT_INITIALIZED is not among its results.
	if l.fn[cuDriverGetVersion] != 0 {
		if err := l.call(f, cuDriverGetVersion, f.result(0)); err != nil {
			return fmt.Errorf("%w that works: %s: %w", driver.ErrNoDriver, l.where, err)
		}
		l.version = f.int(0)
		of = "of CUDA " + version(l.version)
	}
	for s := range symbols {
		if l.fn[s] == 0 && !symbols[s].optional {
			return fmt.Errorf("%w: %s is %s and lacks %s; needed is CUDA %s or later", driver.ErrDriverTooOld, l.where, of, symbols[s].name, version(minVersion))
		}
	}
	if l.version < minVersion {
		return fmt.Errorf("%w: %s is %s; needed is CUDA %s or later", driver.ErrDriverTooOld, l.where, of, version(minVersion))
	}
	switch c := l.code(f, cuInit, 0); c {
	case driver.Success:
	case driver.NoDevice:
		return fmt.Errorf("%w: %s, %s: %w", driver.ErrNoDevice, l.where, of, l.fail(cuInit, c))
	default:
		return fmt.Errorf("%w that works: %s, %s: %w", driver.ErrNoDriver, l.where, of, l.fail(cuInit, c))
	}
	switch n, err := l.Count(); {
	case err != nil:
		return fmt.Errorf("%w that works: %s, %s: %w", driver.ErrNoDriver, l.where, of, err)
	case n == 0:
		return fmt.Errorf("%w: %s, %s, counts none", driver.ErrNoDevice, l.where, of)
	}
	return nil
}

// version is 12.8 of 12080.
func version(n int) string { return fmt.Sprintf("%d.%d", n/1000, n%1000/10) }
