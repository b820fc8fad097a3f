package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/tensorfile/tensorfile/internal/term"
)

// output is the buffered standard output.
type output struct {
	*bufio.Writer
	file   *os.File
	width  func() int
	before func() // called before bytes leave the buffer; nil: nothing is to be done
}

func newOutput(ctx context.Context, f *os.File) *output {
	o := &output{file: f}
	o.Writer = bufio.NewWriterSize(outputWriter{o, interruptibleWriter{ctx, f}}, 64<<10)
	o.width = sync.OnceValue(func() int {
		if !terminal(f) {
			return 0
		}
		s, _ := term.SizeOf(f)
		return s.Columns
	})
	return o
}

// outputWriter is what is behind the buffer.
type outputWriter struct {
	o *output
	w io.Writer
}

func (w outputWriter) Write(p []byte) (int, error) {
	if w.o.before != nil {
		w.o.before()
	}
	return w.w.Write(p)
}

// columns are those of the terminal that results go to, 0 if they go elsewhere.
func (o *output) columns() int {
	if o.width == nil {
		return 0
	}
	return o.width()
}

// terminal reports whether f is a terminal.
func terminal(f *os.File) bool {
	fi, err := f.Stat()
	return err == nil && fi.Mode()&(os.ModeDevice|os.ModeCharDevice) == os.ModeDevice|os.ModeCharDevice && f.Name() != os.DevNull && !isNull(fi)
}

func isNull(fi os.FileInfo) bool {
	null, err := os.Stat(os.DevNull)
	return err == nil && os.SameFile(fi, null)
}

// colored reports whether results may be coloured.
func (t *tool) colored() bool {
	switch t.color {
	case "always":
		return true
	case "never":
		return false
	}
	return os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && terminal(t.out.file)
}

// interruptibleWriter gives up a write that blocks when its context ends, so
// that an interrupt is heard while nobody reads a pipe. The bytes of such a
// write stay in use.
type interruptibleWriter struct {
	ctx context.Context
	w   io.Writer
}

func (w interruptibleWriter) Write(p []byte) (int, error) {
	return interruptible(w.ctx, func() (int, error) { return w.w.Write(p) })
}

// interruptibleReader is the same for reads.
type interruptibleReader struct {
	ctx context.Context
	r   io.Reader
}

func (r interruptibleReader) Read(p []byte) (int, error) {
	return interruptible(r.ctx, func() (int, error) { return r.r.Read(p) })
}

func interruptible(ctx context.Context, fn func() (int, error)) (int, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	type result struct {
		n   int
		err error
	}
	done := make(chan result, 1)
	go func() {
		n, err := fn()
		done <- result{n, err}
	}()
	select {
	case r := <-done:
		return r.n, r.err
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// clean returns s with everything escaped that a terminal might obey or that
// does not show: control characters, marks that turn the direction of text,
// invalid UTF-8. Text that is clean comes back as it is.
func clean(s string) string {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= 0x7f {
			return cleaned(s)
		}
	}
	return s
}

func cleaned(s string) string {
	var b strings.Builder
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\x%02x`, s[0])
		case strconv.IsGraphic(r):
			b.WriteRune(r)
		default:
			q := strconv.QuoteRuneToASCII(r)
			b.WriteString(q[1 : len(q)-1])
		}
		s = s[n:]
	}
	return b.String()
}

// appendSize appends a number of bytes for people: "12 B", "1.5 MiB".
func appendSize(b []byte, n int64) []byte {
	const units = "KMGTPE"
	if n < 1024 {
		return append(strconv.AppendInt(b, n, 10), " B"...)
	}
	x, u := float64(n)/1024, 0
	for x >= 1023.95 && u < len(units)-1 {
		x, u = x/1024, u+1
	}
	b = strconv.AppendFloat(b, x, 'f', 1, 64)
	return append(b, ' ', units[u], 'i', 'B')
}

func sizeText(n int64) string { return string(appendSize(nil, n)) }

// countText writes a number with commas between the thousands.
func countText(n int64) string {
	s := strconv.FormatInt(n, 10)
	first := 3
	if n < 0 {
		first++
	}
	for i := len(s) - 3; i > first-3; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// appendRatio appends a ratio with two decimals, fewer where it is large.
func appendRatio(b []byte, r float64) []byte {
	switch {
	case math.IsNaN(r) || math.IsInf(r, 0):
		return append(b, '-')
	case r >= 1000:
		return strconv.AppendFloat(b, r, 'g', 4, 64)
	case r >= 100:
		return strconv.AppendFloat(b, r, 'f', 0, 64)
	case r > 0 && r < 0.01:
		return strconv.AppendFloat(b, r, 'g', 1, 64)
	}
	return strconv.AppendFloat(b, r, 'f', 2, 64)
}

func itoa[T int | int64 | uint16](n T) string { return strconv.FormatInt(int64(n), 10) }
