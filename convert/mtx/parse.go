package mtx

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"runtime"
	"sync"

	"github.com/tensorfile/tensorfile/internal/cast"
	"github.com/tensorfile/tensorfile/internal/decimal"
	"github.com/tensorfile/tensorfile/tensor"
)

// blockSize is how much text a worker takes at a time, and firstBlock the first: most
// files are small.
const (
	blockSize  = 1 << 20
	firstBlock = 32 << 10
)

// arrays are entries: coordinates from 0, and values, as the bytes of their
// dtypes in the order of the host.
type arrays struct {
	indices            []byte // all rows, then all columns
	rows, cols, values []byte
}

// newArrays has room for n entries, with anything in it.
func (h *header) newArrays(n int64) arrays {
	var a arrays
	if h.object == coordinate {
		width := int64(h.index().UnitBytes)
		a.indices = words(2 * n * width)
		a.rows, a.cols = a.indices[:n*width], a.indices[n*width:]
	}
	if h.field != fieldPattern {
		a.values = words(n * int64(h.dtype().UnitBytes))
	}
	return a
}

// words is n bytes, aligned for any number.
func words(n int64) []byte {
	if n >= 1<<20 {
		return cast.Fresh(int(n))
	}
	return cast.Bytes(make([]uint64, (n+7)/8))[:n]
}

// from is a without its first n entries, limited to the next m.
func (a arrays) from(h *header, n, m int64) arrays {
	width, size := int64(h.index().UnitBytes), int64(h.dtype().UnitBytes)
	cut := func(b []byte, w int64) []byte {
		if b == nil {
			return nil
		}
		return b[n*w : (n+m)*w]
	}
	return arrays{rows: cut(a.rows, width), cols: cut(a.cols, width), values: cut(a.values, size)}
}

// move copies b to the begin of a.
func (a arrays) move(b arrays) {
	copy(a.rows, b.rows)
	copy(a.cols, b.cols)
	copy(a.values, b.values)
}

// block is what a piece of text holds.
type block struct {
	arrays
	at      int64 // where in the result it lies, or -1 if it is not there
	entries int64
	lines   int64 // of text, up to an error
	err     *tensor.Error
}

// parse reads the entries behind the header from r, which begins with them. The
// text is cut at ends of lines into blocks that workers parse. If the header may
// be believed, there is memory for all entries at once, and a block is parsed to
// where it lies if no line before is empty; all else is put together at the end.
func parse(ctx context.Context, r io.Reader, h *header, believe bool) (arrays, error) {
	workers := runtime.GOMAXPROCS(0)
	type job struct {
		seq   int
		text  []byte
		buf   []byte
		lines int64
		room  arrays
		at    int64
	}
	var result arrays
	room := int64(0)
	if believe {
		room = h.entries
		result = h.newArrays(room)
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
				if j.at < 0 {
					j.room = h.newArrays(j.lines)
				}
				b := h.parseBlock(j.text, j.room)
				b.arrays, b.at = j.room.from(h, 0, b.entries), j.at
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
		lines := int64(0)
		for seq := 0; ; seq++ {
			if err := ctx.Err(); err != nil {
				return err
			}
			buf := <-free
			switch {
			case seq == 0:
				buf = make([]byte, firstBlock)
			case len(buf) < blockSize:
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
			j := job{seq: seq, text: buf[:end], buf: buf, lines: int64(countLines(buf[:end])), at: -1}
			if lines+j.lines <= room {
				j.at, j.room = lines, result.from(h, lines, j.lines)
			}
			lines += j.lines
			if n-end > maxLine {
				return lineError(tensor.ErrLimit, h.lines+lines+1, "length", fmt.Sprintf("more than %d bytes", maxLine), fmt.Sprintf("at most %d", maxLine))
			}
			rest = append(rest[:0], buf[end:n]...)
			mu.Lock()
			blocks = append(blocks, block{})
			stop := failed
			mu.Unlock()
			jobs <- j
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
			return result, e
		}
		lines += blocks[i].lines
	}
	switch {
	case err != nil:
		return result, err
	case entries > h.entries:
		return result, errSurplus
	case entries < h.entries:
		return result, lineError(tensor.ErrTruncated, lines, "entries", fmt.Sprintf("%d before the end", entries), fmt.Sprint(h.entries))
	}
	if !believe {
		result = h.newArrays(entries)
	}
	at := int64(0)
	for i := range blocks {
		b := &blocks[i]
		if b.at != at { // never before what is still to be moved
			result.from(h, at, b.entries).move(b.arrays)
		}
		at += b.entries
		b.arrays = arrays{}
	}
	return result, nil
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

// parseBlock reads whole lines to out, which has room for an entry in each.
func (h *header) parseBlock(b []byte, out arrays) block {
	if h.object == coordinate && h.index() == tensor.I32 {
		return parseLines[int32](b, h, out)
	}
	return parseLines[int64](b, h, out)
}

func parseLines[I int32 | int64](b []byte, h *header, out arrays) block {
	sparse := h.object == coordinate
	rows, _ := cast.Slice[I](out.rows)
	cols, _ := cast.Slice[I](out.cols)
	v := newValues(h.field, out.values)
	triangle := h.symmetry != general
	height, width := uint64(h.rows), uint64(h.cols)
	p, k := 0, 0
	lines := int64(0)
	fail := func(kind error, begin int, field, got, want string) block {
		if got == "" {
			got = excerpt(lineAt(b, begin))
		}
		return block{lines: lines + 1, err: &tensor.Error{Kind: kind, Format: "mtx", Offset: -1, Field: field, Got: got, Want: want}}
	}
	for p < len(b) {
		begin := p
		if b[p]-'1' > 8 { // most lines begin with a digit
			p = blanks(b, p)
			if next, ok := emptyLine(b, p); ok {
				p = next
				lines++
				continue
			}
		}
		if sparse {
			i, q := decimal.Index(b, p)
			s := blanks(b, q)
			j, e := decimal.Index(b, s)
			if q == p || s == q || e == s || i-1 >= height || j-1 >= width {
				field, got, want, kind := h.place(b, p)
				return fail(kind, begin, field, got, want)
			}
			if triangle && (j > i || j == i && h.symmetry == skewSymmetric) {
				where := "below the diagonal"
				if h.symmetry != skewSymmetric {
					where = "on or below the diagonal"
				}
				return fail(tensor.ErrFormat, begin, "entry", fmt.Sprintf("(%d, %d)", i, j), where+", for it is "+h.symmetry)
			}
			rows[k], cols[k] = I(i-1), I(j-1)
			p = e
			if v.kind != patterns {
				if p = blanks(b, e); p == e {
					return fail(tensor.ErrFormat, begin, "value", "", h.form())
				}
			}
		}
		next, err := v.read(b, p, k)
		if err != nil {
			return fail(err, begin, "value", "", h.form())
		}
		next, ok := endOfLine(b, next)
		if !ok {
			return fail(tensor.ErrFormat, begin, "entry", "", h.form())
		}
		p = next
		k++
		lines++
	}
	return block{entries: int64(k), lines: lines}
}

// place says what is wrong with the coordinates at b[p:].
func (h *header) place(b []byte, p int) (field, got, want string, kind error) {
	q := wordEnd(b, p)
	s := blanks(b, q)
	for _, c := range []struct {
		name   string
		at     int
		extent int64
	}{{"row", p, h.rows}, {"column", s, h.cols}} {
		word := b[c.at:wordEnd(b, c.at)]
		x, n, err := decimal.Int64(word)
		if n == 0 || n < len(word) {
			break
		}
		if err != nil || x < 1 || x > c.extent {
			return c.name, excerpt(word), fmt.Sprintf("1..%d", c.extent), tensor.ErrCorrupt
		}
	}
	return "entry", "", h.form(), tensor.ErrFormat
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

// kind is what values are.
type kind uint8

const (
	patterns kind = iota // none
	ints
	unsigneds
	floats
	complexes
)

// values are where the numbers of a block go.
type values struct {
	kind     kind
	floats   []float64
	complex  []complex128
	ints     []int64
	unsigned []uint64
}

func newValues(field string, b []byte) (v values) {
	switch field {
	case fieldPattern:
	case fieldInteger:
		v.kind = ints
		v.ints, _ = cast.Slice[int64](b)
	case fieldUnsigned:
		v.kind = unsigneds
		v.unsigned, _ = cast.Slice[uint64](b)
	case fieldComplex:
		v.kind = complexes
		v.complex, _ = cast.Slice[complex128](b)
	default:
		v.kind = floats
		v.floats, _ = cast.Slice[float64](b)
	}
	return v
}

// read takes value k at b[p:] and says where it ends, or which kind of error it
// is.
func (v *values) read(b []byte, p, k int) (int, error) {
	var n int
	var err error
	switch v.kind {
	case patterns:
		return p, nil
	case ints:
		v.ints[k], n, err = decimal.Int64(b[p:])
	case unsigneds:
		v.unsigned[k], n, err = decimal.Uint64(b[p:])
	case complexes:
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
		v.complex[k] = complex(re, im)
	default:
		v.floats[k], n, err = decimal.Float64(b[p:])
	}
	switch {
	case n == 0:
		return p, tensor.ErrFormat
	case err != nil && (v.kind == ints || v.kind == unsigneds):
		return p, tensor.ErrOverflow
	case err != nil:
		return p, tensor.ErrFormat
	}
	return p + n, nil
}
