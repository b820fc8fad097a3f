//go:build cgo

package main

// #include "tensorfile.h"
import "C"

import (
	"errors"
	"fmt"
	"io/fs"
	"runtime/debug"
	"unicode/utf8"
	"unsafe"

	"github.com/tensorfile/tensorfile"
)

// kinds are those of the engine by the numbers of the header.
var kinds = []struct {
	err  error
	kind C.int32_t
}{
	{tensorfile.ErrTruncated, C.TENSORFILE_TRUNCATED},
	{tensorfile.ErrFormat, C.TENSORFILE_FORMAT},
	{tensorfile.ErrCorrupt, C.TENSORFILE_CORRUPT},
	{tensorfile.ErrOverflow, C.TENSORFILE_OVERFLOW},
	{tensorfile.ErrLimit, C.TENSORFILE_LIMIT},
	{tensorfile.ErrUnsupported, C.TENSORFILE_UNSUPPORTED},
	{tensorfile.ErrDuplicate, C.TENSORFILE_DUPLICATE},
	{tensorfile.ErrPath, C.TENSORFILE_PATH},
	{tensorfile.ErrChanged, C.TENSORFILE_CHANGED},
	{tensorfile.ErrExists, C.TENSORFILE_EXISTS},
	{tensorfile.ErrLocked, C.TENSORFILE_LOCKED},
	{tensorfile.ErrNoSpace, C.TENSORFILE_NO_SPACE},
	{tensorfile.ErrIO, C.TENSORFILE_IO},
	{tensorfile.ErrNotFound, C.TENSORFILE_NOT_FOUND},
	{tensorfile.ErrClosed, C.TENSORFILE_CLOSED},
	{tensorfile.ErrInUse, C.TENSORFILE_IN_USE},
	{tensorfile.ErrDType, C.TENSORFILE_DTYPE},
	{tensorfile.ErrNotContiguous, C.TENSORFILE_NOT_CONTIGUOUS},
	{tensorfile.ErrMisaligned, C.TENSORFILE_MISALIGNED},
	{tensorfile.ErrByteOrder, C.TENSORFILE_BYTE_ORDER},
	{tensorfile.ErrEncoded, C.TENSORFILE_ENCODED},
	{tensorfile.ErrShape, C.TENSORFILE_SHAPE},
	{tensorfile.ErrIndex, C.TENSORFILE_INDEX},
	{tensorfile.ErrNotMapped, C.TENSORFILE_NOT_MAPPED},
	{tensorfile.ErrPoisoned, C.TENSORFILE_POISONED},
}

// argumentError is about what a call was given.
type argumentError struct{ text string }

func (e *argumentError) Error() string { return e.text }

func argument(format string, args ...any) error {
	return &argumentError{"tensorfile: " + fmt.Sprintf(format, args...)}
}

var errNoMemory = errors.New("tensorfile: the C library has no memory")

// kindOf is the number for an error: that of the outermost kind.
func kindOf(err error) C.int32_t {
	var e *tensorfile.Error
	var a *argumentError
	var h *handleError
	switch {
	case err == nil:
		return C.TENSORFILE_OK
	case errors.As(err, &a):
		return C.TENSORFILE_ARGUMENT
	case errors.As(err, &h):
		return C.TENSORFILE_HANDLE
	case errors.Is(err, errNoMemory):
		return C.TENSORFILE_NO_MEMORY
	case errors.Is(err, tensorfile.ErrPoisoned):
		return C.TENSORFILE_POISONED // the cause, which is in the text, was told before
	}
	if errors.As(err, &e) && e.Kind != nil {
		if e.Kind == tensorfile.ErrIO && errors.Is(err, fs.ErrNotExist) {
			return C.TENSORFILE_NOT_FOUND
		}
		for _, k := range kinds {
			if e.Kind == k.err {
				return k.kind
			}
		}
	}
	for _, k := range kinds {
		if errors.Is(err, k.err) {
			return k.kind
		}
	}
	return C.TENSORFILE_INTERNAL
}

// call runs what a function of the header does and tells how it ended. A panic
// is a defect of ours and ends nobody's program.
func call(to *C.tensorfile_error, f func() error) C.int32_t { return report(to, guarded(f)) }

func guarded(f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("tensorfile: panic: %v\n%s", r, debug.Stack())
		}
	}()
	return f()
}

// work is call for what goes through a file.
func work(to *C.tensorfile_error, f func() error) C.int32_t {
	return call(to, func() error { return apart(manyBytes, f) })
}

// manyBytes take as long as several switches of threads.
const manyBytes = 1 << 20

// apart runs f, which moves so many bytes, in a goroutine of its own if they are many:
// goroutines that share work wait for each other, and the one of a caller from C has a
// thread to itself, which the kernel must wake each time.
func apart(bytes int64, f func() error) error {
	if bytes < manyBytes {
		return f()
	}
	done := make(chan error)
	go func() { done <- guarded(f) }()
	return <-done
}

// report fills the caller's error.
func report(to *C.tensorfile_error, err error) C.int32_t {
	kind := kindOf(err)
	if to == nil {
		return kind
	}
	to.kind, to.commit_unknown, to.offset = kind, 0, -1
	rule, message := "", ""
	if err != nil {
		message = err.Error()
		if errors.Is(err, tensorfile.ErrCommitUnknown) {
			to.commit_unknown = 1
		}
		var e *tensorfile.Error
		if errors.As(err, &e) {
			to.offset, rule = C.int64_t(max(e.Offset, -1)), e.Rule
		}
	}
	copyText(unsafe.Slice((*byte)(unsafe.Pointer(&to.rule)), len(to.rule)), rule)
	copyText(unsafe.Slice((*byte)(unsafe.Pointer(&to.message)), len(to.message)), message)
	return kind
}

// copyText copies as many whole characters as dst has room for, and a NUL.
func copyText(dst []byte, s string) {
	if len(s) >= len(dst) {
		s = s[:len(dst)-1]
		for i := 0; i < utf8.UTFMax && len(s) > 0; i++ {
			if r, n := utf8.DecodeLastRuneInString(s); r != utf8.RuneError || n > 1 {
				break
			}
			s = s[:len(s)-1]
		}
	}
	dst[copy(dst, s)] = 0
}
