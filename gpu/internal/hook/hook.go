// Package hook lets tests of the packages around gpu open a device over a driver of
// their own: the fake one.
package hook

import "github.com/tensorfile/tensorfile/gpu/internal/driver"

// Open returns a *gpu.Device. Package gpu sets it.
var Open func(d driver.Driver, ordinal int) (any, error)
