//go:build !nogpu && amd64

package cuda

import (
	"fmt"

	"golang.org/x/sys/windows"

	"github.com/tensorfile/tensorfile/gpu/internal/driver"
)

var candidates = []string{"nvcuda.dll"}

// open loads and starts the library of the system's directory. It is built, and has
// never been run.
func open(names ...string) (*library, error) {
	var err error
	for _, name := range names {
		dll := windows.NewLazySystemDLL(name)
		if err = dll.Load(); err != nil {
			continue
		}
		l := &library{where: name}
		for s := range symbols {
			if p := dll.NewProc(symbols[s].name); p.Find() == nil {
				l.fn[s] = p.Addr()
			}
		}
		if err := l.start(); err != nil {
			return nil, err
		}
		return l, nil
	}
	return nil, fmt.Errorf("%w: %w", driver.ErrNoDriver, err)
}
