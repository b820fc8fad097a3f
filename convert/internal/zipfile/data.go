package zipfile

import (
	"bufio"
	"context"
	"errors"
	"hash/crc32"
	"io"
	"sync"

	"github.com/klauspost/compress/flate"

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
		r.inf, _ = inflaters.Get().(*inflater)
		if r.inf == nil {
			br := bufio.NewReaderSize(r.src, 32<<10)
			r.inf = &inflater{in: br, out: flate.NewReader(br)}
		} else {
			r.inf.in.Reset(r.src)
			if err := r.inf.out.(flate.Resetter).Reset(r.inf.in, nil); err != nil {
				return nil, a.memberError(e, tensor.ErrIO, -1, "deflate stream", "", "", err)
			}
		}
	}
	if e.Size == 0 {
		r.err = r.finish()
	}
	return r, nil
}

// inflater is a decompressor with its input buffer, reused because one costs
// more memory than most members hold.
type inflater struct {
	in  *bufio.Reader
	out io.ReadCloser
}

var inflaters sync.Pool

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
	n, err := r.source().Read(p)
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

func (r *stream) source() io.Reader {
	if r.inf != nil {
		return r.inf.out
	}
	return r.src
}

// finish checks what must hold once all declared bytes are out: the stream
// ends here, nothing is left of the stored bytes, the CRC is right.
func (r *stream) finish() error {
	a, e := r.a, r.e
	if r.inf != nil {
		var one [1]byte
		for {
			n, err := r.inf.out.Read(one[:])
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
	return r.e.StoredSize - pos + int64(r.inf.in.Buffered())
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
