package loader

import (
	"context"
	"errors"
	"io"
	"sync"
)

// A stream decodes the samples of a column from the first to the last.
type stream struct {
	r     *io.PipeReader
	wg    sync.WaitGroup
	at    int64 // the next sample
	bytes int64 // of one
	err   error // nothing more comes
}

// stream opens a column at its first sample.
func (c *column) stream(ctx context.Context) *stream {
	r, w := io.Pipe()
	s := &stream{r: r, bytes: c.bytes}
	s.wg.Go(func() { w.CloseWithError(c.t.WriteCOrder(ctx, w)) })
	return s
}

var errStreamClosed = errors.New("closed")

func (s *stream) close() {
	s.r.CloseWithError(errStreamClosed)
	s.wg.Wait()
}

// read reads n samples from first on, which is not behind what was read.
func (s *stream) read(mem []byte, first, n int64) error {
	if s.err != nil {
		return s.err
	}
	_, err := io.CopyN(io.Discard, s.r, (first-s.at)*s.bytes)
	if err == nil {
		_, err = io.ReadFull(s.r, mem[:n*s.bytes])
	}
	s.at, s.err = first+n, err
	return err
}
