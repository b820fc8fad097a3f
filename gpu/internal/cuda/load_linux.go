//go:build !nogpu && !android && (amd64 || arm64)

package cuda

import (
	"fmt"
	"runtime"
	"strings"

	"github.com/ebitengine/purego"

	"github.com/tensorfile/tensorfile/gpu/internal/driver"
)

// candidates are where the library may be: where the loader finds libraries, which
// LD_LIBRARY_PATH changes, and where WSL 2 has it, which not every distribution
// tells the loader.
var candidates = []string{"libcuda.so.1", "/usr/lib/wsl/lib/libcuda.so.1"}

// open loads and starts the first library that is there.
func open(names ...string) (*library, error) {
	// dlerror is of the thread.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var why []string
	for _, name := range names {
		h, err := purego.Dlopen(name, purego.RTLD_NOW|purego.RTLD_LOCAL)
		if err != nil {
			why = append(why, err.Error())
			continue
		}
		l := &library{where: name}
		for s := range symbols {
			l.fn[s], _ = purego.Dlsym(h, symbols[s].name)
		}
		if err := l.start(); err != nil {
			return nil, err
		}
		return l, nil
	}
	return nil, fmt.Errorf("%w: %s", driver.ErrNoDriver, strings.Join(why, "; "))
}
