// Package hook is what the packages around gpu know of its devices: tests open them
// over a driver of their own, the fake one, and package measure times the driver.
package hook

import "github.com/tensorfile/tensorfile/gpu/internal/driver"

// Open returns a *gpu.Device. Package gpu sets it.
var Open func(d driver.Driver, ordinal int) (any, error)

// Driver calls fn with what is below a *gpu.Device, whose context is current then.
// Package gpu sets it.
var Driver func(d any, fn func(driver.Device) error) error
