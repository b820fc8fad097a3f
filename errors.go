package tensorfile

import (
	"errors"

	"github.com/tensorfile/tensorfile/tensor"
)

// Error says what is wrong with a file and where: path, tensor, chunk, offset,
// field, what was found and what was wanted. Its kind answers errors.Is.
type Error = tensor.Error

// Kinds of error; see package tensor for what each means.
var (
	ErrTruncated   = tensor.ErrTruncated
	ErrFormat      = tensor.ErrFormat
	ErrCorrupt     = tensor.ErrCorrupt
	ErrOverflow    = tensor.ErrOverflow
	ErrLimit       = tensor.ErrLimit
	ErrUnsupported = tensor.ErrUnsupported
	ErrDuplicate   = tensor.ErrDuplicate
	ErrPath        = tensor.ErrPath
	ErrChanged     = tensor.ErrChanged
	ErrExists      = tensor.ErrExists
	ErrLocked      = tensor.ErrLocked
	ErrNoSpace     = tensor.ErrNoSpace
	ErrIO          = tensor.ErrIO

	// ErrCommitUnknown says that a commit failed in its last step: the file holds
	// the generation before it or the new one, whole. The next writer settles which;
	// until then a power cut may bring the new one where the old one was seen.
	// Of a new file it says that the destination is as it was, or the new file,
	// whole. The kind of what failed is in the error, too.
	ErrCommitUnknown = tensor.ErrCommitUnknown

	ErrNotFound = tensor.ErrNotFound
	ErrClosed   = tensor.ErrClosed
	ErrInUse    = tensor.ErrInUse

	ErrDType         = tensor.ErrDType
	ErrNotContiguous = tensor.ErrNotContiguous
	ErrMisaligned    = tensor.ErrMisaligned
	ErrByteOrder     = tensor.ErrByteOrder
	ErrEncoded       = tensor.ErrEncoded
	ErrShape         = tensor.ErrShape
	ErrIndex         = tensor.ErrIndex

	// ErrNotMapped is what a view of a file gets that is read, not mapped.
	ErrNotMapped = errors.New("not mapped")
	// ErrPoisoned is what a Writer returns after one of its operations failed:
	// what it has written so far is not to be trusted.
	ErrPoisoned = errors.New("the writer has failed before")
)

// located adds the path, and the tensor's name if it has one, to an error that
// came from below, where neither is known.
func located(err error, path, name string) error {
	if err != nil {
		locate(err, path, name)
	}
	return err
}

func locate(err error, path, name string) {
	var e *Error
	if !errors.As(err, &e) {
		return
	}
	if e.Path == "" {
		e.Path = path
	}
	if e.Tensor == "" {
		e.Tensor = name
	}
}

// partError says in which part of a composite something went wrong. Its text is
// made when it is asked for: path and tensor are added further up.
type partError struct {
	role string
	err  error
}

func inPart(role string, err error) error { return &partError{role, err} }

func (e *partError) Error() string { return "part " + e.role + ": " + e.err.Error() }
func (e *partError) Unwrap() error { return e.err }
