package gpu

import (
	"errors"
	"strconv"
	"strings"

	"github.com/tensorfile/tensorfile/gpu/internal/driver"
	"github.com/tensorfile/tensorfile/tensor"
)

// Why there is no CUDA device. The errors that wrap one name the library, the
// symbol that it lacks, or its version.
var (
	ErrNoDriver     = driver.ErrNoDriver
	ErrNoDevice     = driver.ErrNoDevice
	ErrDriverTooOld = driver.ErrDriverTooOld
)

// What an *Error is, for errors.Is.
var (
	ErrLost        = errors.New("device lost")          // sticky: nothing works on the device any more
	ErrOutOfMemory = errors.New("out of device memory") // CUDA_ERROR_OUT_OF_MEMORY
)

// Error is what the driver, or the host backend in its place, answered.
type Error struct {
	Op   string // the driver's function, "cuMemAlloc_v2"
	Code int    // CUresult
	Name string // "CUDA_ERROR_OUT_OF_MEMORY"
	Text string // in the driver's words
	Log  string // of its compiler, if a module could not be loaded

	// Sticky: the context is lost. Every later call on the device returns this
	// error.
	Sticky bool
	// Deferred: Op only reports it; the cause is work enqueued earlier.
	Deferred bool

	driver *driver.Error
}

// Error implements error.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("gpu: " + e.Op + ": " + e.Name + " (" + strconv.Itoa(e.Code) + ")")
	if e.Text != "" {
		b.WriteString(": " + e.Text)
	}
	switch {
	case e.Deferred:
		b.WriteString("; of work that was enqueued earlier, the device is lost")
	case e.Sticky:
		b.WriteString("; the device is lost")
	}
	if e.Log != "" {
		b.WriteString("\n" + strings.TrimRight(e.Log, "\n\x00"))
	}
	return b.String()
}

// Is reports whether e is of a kind: ErrLost or ErrOutOfMemory.
func (e *Error) Is(kind error) bool {
	switch kind {
	case ErrLost:
		return e.Sticky
	case ErrOutOfMemory:
		return e.Code == int(driver.OutOfMemory)
	}
	return false
}

// Unwrap is for the tests of this module.
func (e *Error) Unwrap() error {
	if e.driver == nil {
		return nil
	}
	return e.driver
}

func newError(e *driver.Error) *Error {
	sticky := e.Code.Sticky()
	return &Error{
		driver: e,
		Op:     e.Op, Code: int(e.Code), Name: e.Name, Text: e.Text, Log: e.Log,
		Sticky:   sticky,
		Deferred: sticky && e.Code != driver.ContextDestroyed,
	}
}

// wrap makes an error of a driver public, whatever it is.
func wrap(err error) error {
	if e, ok := err.(*driver.Error); ok {
		return newError(e)
	}
	var e *driver.Error
	if errors.As(err, &e) {
		return &inner{err, newError(e)}
	}
	return err
}

// inner is an error with one of the driver somewhere inside.
type inner struct {
	error
	driver *Error
}

func (e *inner) Unwrap() []error { return []error{e.error, e.driver} }

// bad is an error about an argument.
func bad(kind error, field, got, want string) error {
	return &tensor.Error{Kind: kind, Format: "gpu", Offset: -1, Field: field, Got: got, Want: want}
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }
