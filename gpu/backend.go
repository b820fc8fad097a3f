package gpu

import (
	"fmt"

	"github.com/tensorfile/tensorfile/gpu/internal/driver"
)

// cudaDriver is NVIDIA's driver, which the first call loads.
var cudaDriver = func() (driver.Driver, error) {
	return nil, fmt.Errorf("gpu: %w", driver.ErrNoDriver)
}
