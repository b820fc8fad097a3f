package mtx

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"runtime"
	"sync"

	"github.com/tensorfile/tensorfile/internal/cast"
	"github.com/tensorfile/tensorfile/internal/decimal"
	"github.com/tensorfile/tensorfile/tensor"
)

// blockSize is how much text a worker takes at a time.
const blockSize = 1 << 20

// block is what a piece of text holds: coordinates from 0, and values, as the
// bytes of their dtypes in the order of the host.
type block struct {
	rows, cols, values []byte
	entries            int64
	lines              int64 // of text
	err                *tensor.Error
}

// parse reads the entries behind the header from r, which begins with them. The
// text is cut at ends of lines into blocks that workers parse; what they hold
// stays in blocks, so memory follows what is there and not what a header says.
func parse(ctx context.Context, r io.Reader, h *header) ([]block, error) {
	workers := runtime.GOMAXPROCS(0)
	type job struct {
		seq int
		buf []byte
		n   int
	}
	jobs := make(chan job)
	free := make(chan []byte, 2*workers+1)
	for range cap(free) {
		free <- nil
	}
	var mu sync.Mutex
	var blocks []block
	var entries int64
	failed := false
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for j := range jobs {
				b := parseBlock(j.buf[:j.n], h)
				free <- j.buf
				mu.Lock()
				blocks[j.seq] = b
				entries += b.entries
				failed = failed || b.err != nil || entries > h.entries
				mu.Unlock()
			}
		})
	}
	err := func() error {
		defer close(jobs)
		var rest []byte // of the last line of the block before
		lines := h.lines
		for seq := 0; ; seq++ {
			if err := ctx.Err(); err != nil {
				return err
			}
			buf := <-free
			if buf == nil {
				buf = make([]byte, blockSize)
			}
			n := copy(buf, rest)
			m, err := io.ReadFull(r, buf[n:])
			n += m
			end := n
			last := err == io.EOF || err == io.ErrUnexpectedEOF
			if err != nil && !last {
				return err
			}
			if !last {
				end = bytes.LastIndexByte(buf[:n], '\n') + 1
			}
			lines += int64(bytes.Count(buf[:end], []byte{'\n'}))
			if n-end > maxLine {
				return lineError(tensor.ErrLimit, lines+1, "length", fmt.Sprintf("more than %d bytes", maxLine), fmt.Sprintf("at most %d", maxLine))
			}
			rest = append(rest[:0], buf[end:n]...)
			mu.Lock()
			blocks = append(blocks, block{})
			stop := failed
			mu.Unlock()
			jobs <- job{seq, buf, end}
			if last || stop {
				return nil
			}
		}
	}()
	wg.Wait()
	lines := h.lines
	for i := range blocks {
		if e := blocks[i].err; e != nil {
			e.Field = fmt.Sprintf("line %d: %s", lines+blocks[i].lines, e.Field)
			return nil, e
		}
		lines += blocks[i].lines
	}
	switch {
	case err != nil:
		return nil, err
	case entries > h.entries:
		return nil, errSurplus
	case entries < h.entries:
		return nil, lineError(tensor.ErrTruncated, lines, "entries", fmt.Sprintf("%d before the end", entries), fmt.Sprint(h.entries))
	}
	return blocks, nil
}

// errSurplus stands for more entries than announced until their line is known.
var errSurplus = &tensor.Error{Kind: tensor.ErrTruncated, Format: "mtx", Offset: -1, Field: "entries"}

// surplus finds the line of the first entry too many.
func surplus(r io.Reader, h *header) error {
	in := bufio.NewReaderSize(r, maxLine)
	line, entries := h.lines, int64(0)
	for {
		text, err := in.ReadSlice('\n')
		line++
		if text = bytes.TrimSpace(text); len(text) > 0 && text[0] != '%' {
			if entries++; entries > h.entries {
				e := *errSurplus
				e.Field, e.Got, e.Want = fmt.Sprintf("line %d: entries", line), "one more", fmt.Sprintf("the end, after %d", h.entries)
				return &e
			}
		}
		if err != nil {
			return errSurplus
		}
	}
}

// parseBlock reads whole lines.
func parseBlock(b []byte, h *header) block {
	if h.object == array {
		return parseArray(b, h)
	}
	if h.index() == tensor.I32 {
		return parseCoordinates[int32](b, h)
	}
	return parseCoordinates[int64](b, h)
}

func parseCoordinates[I int32 | int64](b []byte, h *header) block {
	most := countLines(b)
	rows, cols := make([]I, 0, most), make([]I, 0, most)
	v := newValues(h.field, most)
	triangle := h.symmetry != general
	p := 0
	lines := int64(0)
	fail := func(kind error, begin int, field, got, want string) block {
		if got == "" {
			got = excerpt(lineAt(b, begin))
		}
		return block{lines: lines + 1, err: &tensor.Error{Kind: kind, Format: "mtx", Offset: -1, Field: field, Got: got, Want: want}}
	}
	for p < len(b) {
		begin := p
		p = blanks(b, p)
		if next, ok := emptyLine(b, p); ok {
			p = next
			lines++
			continue
		}
		i, q := index(b, p)
		j, s := uint64(0), q
		if q > p {
			s = blanks(b, q)
			if s > q {
				q = s
				j, s = index(b, q)
			} else {
				s = q
			}
		}
		if s == q {
			return fail(tensor.ErrFormat, begin, "entry", "", h.form())
		}
		if i-1 >= uint64(h.rows) {
			return fail(outside(b, p), begin, "row", excerpt(b[p:wordEnd(b, p)]), fmt.Sprintf("1..%d", h.rows))
		}
		if j-1 >= uint64(h.cols) {
			return fail(outside(b, q), begin, "column", excerpt(b[q:wordEnd(b, q)]), fmt.Sprintf("1..%d", h.cols))
		}
		if triangle && (j > i || j == i && h.symmetry == skewSymmetric) {
			where := "below the diagonal"
			if h.symmetry != skewSymmetric {
				where = "on or below the diagonal"
			}
			return fail(tensor.ErrFormat, begin, "entry", fmt.Sprintf("(%d, %d)", i, j), where+", for it is "+h.symmetry)
		}
		rows, cols = append(rows, I(i-1)), append(cols, I(j-1))
		p = s
		if v != nil {
			next, err := v.read(b, p)
			if err != nil {
				return fail(err, begin, "value", "", h.form())
			}
			p = next
		}
		next, ok := endOfLine(b, p)
		if !ok {
			return fail(tensor.ErrFormat, begin, "entry", "", h.form())
		}
		p = next
		lines++
	}
	out := block{rows: cast.Bytes(rows), cols: cast.Bytes(cols), entries: int64(len(rows)), lines: lines}
	if v != nil {
		out.values = v.bytes()
	}
	return out
}

func parseArray(b []byte, h *header) block {
	most := countLines(b)
	v := newValues(h.field, most)
	p := 0
	lines, entries := int64(0), int64(0)
	for p < len(b) {
		begin := p
		p = blanks(b, p)
		if next, ok := emptyLine(b, p); ok {
			p = next
			lines++
			continue
		}
		next, err := v.readAt(b, p)
		if err == nil {
			var ok bool
			if next, ok = endOfLine(b, next); !ok {
				err = tensor.ErrFormat
			}
		}
		if err != nil {
			return block{lines: lines + 1, err: &tensor.Error{Kind: err, Format: "mtx", Offset: -1, Field: "value", Got: excerpt(lineAt(b, begin)), Want: h.form()}}
		}
		p = next
		entries++
		lines++
	}
	return block{values: v.bytes(), entries: entries, lines: lines}
}

// form is what an entry looks like, for errors.
func (h *header) form() string {
	s := ""
	if h.object == coordinate {
		s = "row column "
	}
	switch h.field {
	case fieldPattern:
		return "row column"
	case fieldComplex:
		return s + "real imaginary"
	case fieldReal:
		return s + "number"
	}
	return s + h.field
}

func countLines(b []byte) int {
	n := bytes.Count(b, []byte{'\n'})
	if len(b) > 0 && b[len(b)-1] != '\n' {
		n++
	}
	return n
}

// blanks skips spaces and tabs.
func blanks(b []byte, p int) int {
	for p < len(b) && (b[p] == ' ' || b[p] == '\t') {
		p++
	}
	return p
}

// endOfLine is the begin of the next line if nothing but blanks stands before.
func endOfLine(b []byte, p int) (int, bool) {
	p = blanks(b, p)
	if p < len(b) && b[p] == '\r' {
		p++
	}
	if p == len(b) {
		return p, true
	}
	return p + 1, b[p] == '\n'
}

// emptyLine skips a line of nothing, or a comment.
func emptyLine(b []byte, p int) (int, bool) {
	if p < len(b) && b[p] == '%' {
		if n := bytes.IndexByte(b[p:], '\n'); n >= 0 {
			return p + n + 1, true
		}
		return len(b), true
	}
	if p < len(b) && b[p] > ' ' {
		return p, false
	}
	return endOfLine(b, p)
}

// index reads a number of digits, not too long. A number of more digits than
// any extent has is one that is out of range.
func index(b []byte, p int) (uint64, int) {
	x := uint64(0)
	begin := p
	for p < len(b) && b[p]-'0' <= 9 {
		x = x*10 + uint64(b[p]-'0')
		p++
	}
	if p-begin > 19 {
		x = math.MaxUint64
	}
	if p == begin && p < len(b) && (b[p] == '-' || b[p] == '+') { // out of range, and it must be told so
		for p++; p < len(b) && b[p]-'0' <= 9; p++ {
		}
		if p == begin+1 {
			p = begin
		}
		return 0, p
	}
	return x, p
}

// outside is the kind of a coordinate that is not in the matrix, or no integer.
func outside(b []byte, p int) error {
	for _, c := range b[p:wordEnd(b, p)] {
		if c-'0' > 9 && c != '-' {
			return tensor.ErrFormat
		}
	}
	return tensor.ErrCorrupt
}

func wordEnd(b []byte, p int) int {
	for p < len(b) && b[p] > ' ' {
		p++
	}
	return p
}

func lineAt(b []byte, p int) []byte {
	if n := bytes.IndexByte(b[p:], '\n'); n >= 0 {
		return b[p : p+n]
	}
	return b[p:]
}

// values are the numbers of a block.
type values struct {
	field    string
	floats   []float64
	complex  []complex128
	ints     []int64
	unsigned []uint64
}

// newValues has room for n; nil is that of patterns.
func newValues(field string, n int) *values {
	v := &values{field: field}
	switch field {
	case fieldPattern:
		return nil
	case fieldInteger:
		v.ints = make([]int64, 0, n)
	case fieldUnsigned:
		v.unsigned = make([]uint64, 0, n)
	case fieldComplex:
		v.complex = make([]complex128, 0, n)
	default:
		v.floats = make([]float64, 0, n)
	}
	return v
}

// read takes the value that follows a blank and says where it ends, or which
// kind of error it is.
func (v *values) read(b []byte, p int) (int, error) {
	q := blanks(b, p)
	if q == p {
		return p, tensor.ErrFormat
	}
	return v.readAt(b, q)
}

func (v *values) readAt(b []byte, p int) (int, error) {
	var n int
	var err error
	switch v.field {
	case fieldInteger:
		var x int64
		x, n, err = decimal.Int64(b[p:])
		v.ints = append(v.ints, x)
	case fieldUnsigned:
		var x uint64
		x, n, err = decimal.Uint64(b[p:])
		v.unsigned = append(v.unsigned, x)
	case fieldComplex:
		var re, im float64
		if re, n, err = decimal.Float64(b[p:]); n == 0 || err != nil {
			break
		}
		p += n
		q := blanks(b, p)
		if q == p {
			return p, tensor.ErrFormat
		}
		p = q
		im, n, err = decimal.Float64(b[p:])
		v.complex = append(v.complex, complex(re, im))
	default:
		var x float64
		x, n, err = decimal.Float64(b[p:])
		v.floats = append(v.floats, x)
	}
	switch {
	case n == 0:
		return p, tensor.ErrFormat
	case err != nil && v.field == fieldInteger, err != nil && v.field == fieldUnsigned:
		return p, tensor.ErrOverflow
	case err != nil:
		return p, tensor.ErrFormat
	}
	return p + n, nil
}

func (v *values) bytes() []byte {
	switch v.field {
	case fieldInteger:
		return cast.Bytes(v.ints)
	case fieldUnsigned:
		return cast.Bytes(v.unsigned)
	case fieldComplex:
		return cast.Bytes(v.complex)
	}
	return cast.Bytes(v.floats)
}
