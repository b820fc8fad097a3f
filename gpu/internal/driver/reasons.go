package driver

import "errors"

// Why there is no device. Errors that wrap one say more: where the library was
// looked for, which symbol it lacks, which version it is.
var (
	ErrNoDriver     = errors.New("no CUDA driver")
	ErrNoDevice     = errors.New("no CUDA device")
	ErrDriverTooOld = errors.New("CUDA driver too old")
)
