// Package records reads files of text records, such as lines, on all cores: the
// file is cut at ends of records into blocks, workers parse them, and the results
// come in order.
package records

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"runtime"
	"sync"

	"github.com/tensorfile/tensorfile/tensor"
)

// BlockSize is how much text a worker takes at a time. A record that is longer
// makes a longer block. Tests make it smaller.
var BlockSize = 1 << 20

// MaxRecord is the longest record that is read: the memory of a reader is bounded
// by a few of them. Tests make it smaller.
var MaxRecord = 64 << 20

// Input is a file.
type Input interface {
	io.ReaderAt
	Size() int64
	Path() string
}

// Block is whole records. The last one of a file may lack its end, and gets a
// line feed. The text is good while it is parsed.
type Block struct {
	Text   []byte
	Offset int64 // of the text in the file
	Line   int64 // number of its first line, from 1
	Lines  int   // line feeds
	// Cut says that a record goes on behind the text, which has MaxRecord bytes.
	Cut bool
}

// Scan reads in from offset at, which is in the line of that number, to its end.
// cut returns where the last record that ends in a text ends, and 0 if none does;
// the text begins with a record. parse is called by any number of goroutines at
// once, each with what it returns in order in the caller's. The first error in
// the order of the file ends it.
func Scan[R any](ctx context.Context, in Input, at, line int64, cut func(text []byte) int, parse func(b *Block) (R, error), each func(R) error) error {
	type job struct {
		Block
		buf    []byte
		result R
		err    error
		done   chan struct{}
	}
	workers := runtime.GOMAXPROCS(0)
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer func() {
		cancel()
		wg.Wait()
	}()
	work := make(chan *job)
	queue := make(chan *job, workers+1) // in order
	free := make(chan []byte, workers+2)
	for range cap(free) {
		free <- nil
	}
	for range workers {
		wg.Go(func() {
			for j := range work {
				if j.err == nil {
					j.result, j.err = parse(&j.Block)
				}
				j.Text = nil
				free <- j.buf
				close(j.done)
			}
		})
	}
	wg.Go(func() {
		defer close(queue)
		defer close(work)
		r := reader{ctx: ctx, in: in, at: at, line: line, cut: cut}
		for {
			j := &job{done: make(chan struct{})}
			select {
			case j.buf = <-free:
			case <-ctx.Done():
				return
			}
			var more bool
			if j.buf, more, j.err = r.next(j.buf, &j.Block); !more && j.err == nil {
				return
			}
			end := j.err != nil || j.Cut
			select {
			case queue <- j:
			case <-ctx.Done():
				return
			}
			select {
			case work <- j:
			case <-ctx.Done():
				return
			}
			if end {
				return
			}
		}
	})
	for j := range queue {
		select {
		case <-j.done:
		case <-ctx.Done():
			return ctx.Err()
		}
		if j.err != nil {
			return j.err
		}
		if err := each(j.result); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// reader makes blocks.
type reader struct {
	ctx  context.Context
	in   Input
	at   int64  // of the next block
	line int64  // its first
	rest []byte // of the file from there on, that was read already
	cut  func([]byte) int
}

// next makes the next block in buf, which may grow.
func (r *reader) next(buf []byte, b *Block) (_ []byte, more bool, err error) {
	if err := r.ctx.Err(); err != nil {
		return buf, false, err
	}
	left := r.in.Size() - r.at
	if left <= 0 {
		return buf, false, nil
	}
	want := int64(max(BlockSize, len(r.rest)))
	n := 0
	for {
		want = min(want, int64(MaxRecord), left)
		if int64(len(buf)) <= want { // with room for a line feed
			grown := make([]byte, want+1)
			copy(grown, buf[:n])
			buf = grown
		}
		if n == 0 {
			n = copy(buf[:want], r.rest)
		}
		if m, err := r.in.ReadAt(buf[n:want], r.at+int64(n)); n+m < int(want) {
			if err == io.EOF {
				err = &tensor.Error{Kind: tensor.ErrChanged, Path: r.in.Path(), Offset: r.at, Field: "text", Got: "fewer bytes", Want: fmt.Sprint(r.in.Size())}
			}
			return buf, false, err
		}
		n = int(want)
		end := n
		last := want == left
		if !last {
			end = r.cut(buf[:n])
		}
		if end == 0 && n < MaxRecord {
			want *= 2
			continue
		}
		if end == 0 {
			end, b.Cut = n, true
		}
		r.rest = append(r.rest[:0], buf[end:n]...)
		b.Offset, b.Line, b.Text = r.at, r.line, buf[:end]
		if (last || b.Cut) && b.Text[end-1] != '\n' {
			b.Text = append(b.Text, '\n')
		}
		b.Lines = bytes.Count(b.Text, lineFeed)
		r.at += int64(end)
		r.line += int64(b.Lines)
		return buf, true, nil
	}
}

var lineFeed = []byte{'\n'}
