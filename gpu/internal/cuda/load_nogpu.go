//go:build nogpu

package cuda

import (
	"fmt"

	"github.com/tensorfile/tensorfile/gpu/internal/driver"
)

// Load says that the program was built without.
func Load() (driver.Driver, error) {
	return nil, fmt.Errorf("%w: this program was built with the tag nogpu, which leaves it out", driver.ErrNoDriver)
}
