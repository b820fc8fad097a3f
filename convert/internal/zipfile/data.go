package zipfile

import (
	"bufio"
	"context"
	"errors"
	"hash/crc32"
	"io"
	"sync"

	"github.com/klauspost/compress/flate"

	"github.com/tensorfile/tensorfile/internal/inflate"
	"github.com/tensorfile/tensorfile/tensor"
)

// Open returns the decoded bytes of e, which must be an entry of a: exactly
// e.Size of them, checked against the declared size and CRC-32. What is found
// wrong at the end comes in place of io.EOF, and from Close for a caller that
// stops reading after e.Size bytes; one that closes earlier gets no verdict.
// Reads fail once ctx is done.
func (a *Archive) Open(ctx context.Context, e *Entry) (io.ReadCloser, error) {
	if e.Err != nil {
		return nil, e.Err
	}
	r := &stream{ctx: ctx, a: a, e: e, src: io.NewSectionReader(a.r, e.Offset, e.StoredSize)}
	if e.Method == Deflated {
		r.inf = inflaters.Get().(*inflater)
		r.inf.fast.Reset(r.src, e.StoredSize)
	}
	if e.Size == 0 {
		r.err = r.finish()
	}
	return r, nil
}

// inflater is a decompressor with its buffers, reused because one costs more memory
// than most members hold. The library takes over where a stream is odd, and says why.
type inflater struct {
	fast    inflate.Reader
	in      bufio.Reader // of the library
	library io.ReadCloser
	odd     bool
}

var inflaters = sync.Pool{New: func() any { return new(inflater) }}

// read decodes on. The library begins where the stream does, and passes over what was
// decoded.
func (r *stream) read(p []byte) (int, error) {
	z := r.inf
	if z == nil {
		return r.src.Read(p)
	}
	if !z.odd {
		n, err := z.fast.Read(p)
		if err != inflate.ErrOdd {
			return n, err
		}
		if _, err := r.src.Seek(0, io.SeekStart); err != nil {
			return 0, err
		}
		z.in.Reset(r.src)
		if z.odd = true; z.library == nil {
			z.library = flate.NewReader(&z.in)
		} else if err := z.library.(flate.Resetter).Reset(&z.in, nil); err != nil {
			return 0, err
		}
		if _, err := io.CopyN(io.Discard, z.library, r.n); err != nil {
			return 0, err
		}
	}
	return z.library.Read(p)
}

type stream struct {
	ctx context.Context
	a   *Archive
	e   *Entry
	src *io.SectionReader
	inf *inflater // nil: stored
	n   int64     // decoded bytes so far
	crc uint32
	err error // sticky; io.EOF after a good end
}

// Read implements io.Reader.
func (r *stream) Read(p []byte) (int, error) {
	if r.err != nil {
		return 0, r.err
	}
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	if len(p) == 0 {
		return 0, nil
	}
	if rest := r.e.Size - r.n; int64(len(p)) > rest {
		p = p[:rest]
	}
	n, err := r.read(p)
	r.crc = crc32.Update(r.crc, crc32.IEEETable, p[:n])
	r.n += int64(n)
	switch {
	case r.n == r.e.Size && (err == nil || err == io.EOF):
		r.err = r.finish()
	case err != nil:
		r.err = r.fault(err)
	}
	if n > 0 {
		return n, nil
	}
	return 0, r.err
}

// finish checks what must hold once all declared bytes are out: the stream
// ends here, nothing is left of the stored bytes, the CRC is right.
func (r *stream) finish() error {
	a, e := r.a, r.e
	if r.inf != nil {
		var one [1]byte
		for {
			n, err := r.read(one[:])
			if n > 0 {
				return a.memberError(e, tensor.ErrCorrupt, -1, "size", "more than "+count(e.Size)+" bytes", count(e.Size)+" as declared", nil)
			}
			if err == io.EOF {
				break
			}
			if err != nil {
				return r.fault(err)
			}
		}
		if left := r.left(); left != 0 {
			return a.memberError(e, tensor.ErrFormat, -1, "bytes after the end of the deflate stream", count(left), "0", nil)
		}
	}
	if r.crc != e.CRC32 {
		return a.memberError(e, tensor.ErrCorrupt, -1, "CRC-32", hex(uint64(r.crc), 8), hex(uint64(e.CRC32), 8), nil)
	}
	return io.EOF
}

// left counts the stored bytes that the decompressor has not consumed.
func (r *stream) left() int64 {
	pos, _ := r.src.Seek(0, io.SeekCurrent)
	ahead := r.inf.fast.Buffered()
	if r.inf.odd {
		ahead = r.inf.in.Buffered()
	}
	return r.e.StoredSize - pos + int64(ahead)
}

// fault turns an error of the source into one about the member.
func (r *stream) fault(err error) error {
	a, e := r.a, r.e
	var te *tensor.Error
	var corrupt flate.CorruptInputError
	switch {
	case errors.As(err, &te):
		return err
	case errors.As(err, &corrupt):
		return a.memberError(e, tensor.ErrCorrupt, r.n, "deflate stream", "an invalid code at byte "+count(int64(corrupt))+" of the stored bytes", "DEFLATE", nil)
	case err == io.EOF && r.inf != nil: // the stream ends, before its time
		return a.memberError(e, tensor.ErrCorrupt, r.n, "size", count(r.n)+" bytes", count(e.Size)+" as declared", nil)
	case err == io.ErrUnexpectedEOF && r.inf != nil:
		return a.memberError(e, tensor.ErrCorrupt, r.n, "deflate stream", "an end within the stream, after "+count(r.n)+" bytes", count(e.Size)+" as declared", nil)
	case err == io.EOF || err == io.ErrUnexpectedEOF: // the file shrank
		return a.memberError(e, tensor.ErrTruncated, r.n, "data", count(r.n)+" bytes", count(e.Size), nil)
	}
	return a.memberError(e, tensor.ErrIO, r.n, "data", "", "", err)
}

// Close implements io.Closer.
func (r *stream) Close() error {
	err := r.err
	if err == io.EOF || err == errClosed {
		err = nil
	}
	if r.inf != nil {
		r.inf.fast.Reset(nil, 0)
		r.inf.in.Reset(nil)
		r.inf.odd = false
		inflaters.Put(r.inf)
		r.inf = nil
	}
	r.err = errClosed
	return err
}

var errClosed = &tensor.Error{Kind: tensor.ErrClosed, Offset: -1, Field: "stream of a zip member"}

// memberError makes an error about the content of a member; the offset counts
// decoded bytes.
func (a *Archive) memberError(e *Entry, kind error, offset int64, field, got, want string, cause error) *tensor.Error {
	return &tensor.Error{Kind: kind, Path: a.opts.Path, Format: a.opts.Format, Member: e.Name, Offset: offset, Field: field, Got: got, Want: want, Err: cause}
}

// Verify reads e whole and reports the first thing wrong with it. For a
// stored member this is the only way to check its CRC-32 without a copy.
func (a *Archive) Verify(ctx context.Context, e *Entry) error {
	r, err := a.Open(ctx, e)
	if err != nil {
		return err
	}
	buf := make([]byte, min(e.Size+1, 256<<10))
	for {
		if _, err := r.Read(buf); err != nil {
			closeErr := r.Close()
			if err == io.EOF {
				err = closeErr
			}
			return err
		}
	}
}
