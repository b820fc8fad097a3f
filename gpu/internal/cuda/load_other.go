//go:build !nogpu && !((linux && !android && (amd64 || arm64)) || (windows && amd64))

package cuda

import (
	"fmt"
	"runtime"

	"github.com/tensorfile/tensorfile/gpu/internal/driver"
)

// Load says that nothing is looked for.
func Load() (driver.Driver, error) {
	return nil, fmt.Errorf("%w: this program loads one on linux/amd64, linux/arm64 and windows/amd64 only, and this is %s/%s", driver.ErrNoDriver, runtime.GOOS, runtime.GOARCH)
}
