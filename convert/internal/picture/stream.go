package picture

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/tensor"
)

// stream is the decoded bytes of pictures. Who reads all of them at once has
// them decoded to its own memory.
type stream struct {
	ctx    context.Context
	size   int64
	decode func(ctx context.Context, dst []byte) error
	rest   []byte
	done   bool
	err    error
}

func (s *stream) Close() error { return nil }

func (s *stream) Read(p []byte) (int, error) {
	if s.err == nil {
		s.err = s.ctx.Err()
	}
	if s.err != nil {
		return 0, s.err
	}
	if !s.done && len(p) > 0 {
		s.done = true
		whole := int64(len(p)) >= s.size
		var dst []byte
		if whole {
			dst = p[:s.size]
		} else {
			dst = make([]byte, s.size)
		}
		if s.err = s.decode(s.ctx, dst); s.err != nil {
			return 0, s.err
		}
		if whole {
			return len(dst), nil
		}
		s.rest = dst
	}
	n := copy(p, s.rest)
	if s.rest = s.rest[n:]; n == 0 && len(p) > 0 {
		return 0, io.EOF
	}
	return n, nil
}

// Borrowed calls a decoder of others for the pixels at an offset of a file. Its
// panics become errors, and its errors get the kind and the place that they lack.
func Borrowed(format, path string, at int64, fn func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = &tensor.Error{Kind: tensor.ErrCorrupt, Path: path, Format: format, Offset: at, Field: "pixels", Got: fmt.Sprintf("decoder failed: %v", r)}
		}
	}()
	if err = fn(); err == nil {
		return nil
	}
	var own *tensor.Error
	switch {
	case errors.As(err, &own):
		if own.Offset < 0 {
			own.Offset = at
		}
		if own.Path == "" {
			own.Path = path
		}
		if own.Format == "" {
			own.Format = format
		}
		return err
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case err == io.EOF, errors.Is(err, io.ErrUnexpectedEOF):
		return &tensor.Error{Kind: tensor.ErrTruncated, Path: path, Format: format, Offset: at, Field: "pixels", Got: "the end of the data", Want: "the rest of the picture", Err: err}
	}
	return &tensor.Error{Kind: tensor.ErrCorrupt, Path: path, Format: format, Offset: at, Field: "pixels", Err: err}
}

// Reader reads a file in order, and stops when a context ends.
type Reader struct {
	ctx context.Context
	in  convert.Input
	at  int64
}

// NewReader reads in from at on.
func NewReader(ctx context.Context, in convert.Input, at int64) *Reader { return &Reader{ctx, in, at} }

func (r *Reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	n := int64(len(p))
	if n = min(n, r.in.Size()-r.at); n <= 0 {
		if len(p) == 0 {
			return 0, nil
		}
		return 0, io.EOF
	}
	k, err := r.in.ReadAt(p[:n], r.at)
	r.at += int64(k)
	if err == io.EOF && k > 0 {
		err = nil
	}
	return k, err
}

// At is the offset of the next byte.
func (r *Reader) At() int64 { return r.at }

// ReadAt reads all of b. The end of the file is ErrTruncated.
func ReadAt(in convert.Input, format string, b []byte, at int64, field string) error {
	if have := in.Size() - at; at < 0 || have < int64(len(b)) {
		return &tensor.Error{Kind: tensor.ErrTruncated, Format: format, Offset: at, Field: field, Got: fmt.Sprintf("%d bytes", max(have, 0)), Want: fmt.Sprint(len(b))}
	}
	n, err := in.ReadAt(b, at)
	if n == len(b) {
		err = nil
	}
	return err
}

// Product multiplies sizes above 0. It is math.MaxInt64 where that is too large.
func Product(list ...int64) int64 {
	n := int64(1)
	for _, x := range list {
		if n > math.MaxInt64/x {
			return math.MaxInt64
		}
		n *= x
	}
	return n
}
