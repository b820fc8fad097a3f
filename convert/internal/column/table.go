package column

import (
	"cmp"
	"context"
	"encoding/binary"
	"iter"
	"os"
	"slices"
	"sync"

	"github.com/tensorfile/tensorfile/internal/atomicfile"
	"github.com/tensorfile/tensorfile/internal/cast"
)

// Budget is how many bytes of values a table keeps in memory, by default.
const Budget = 256 << 20

// A Block is rows of a table: a piece for each column that was asked for. A
// piece of the kind None may be shorter than the others, and stands for rows
// that are all missing. Pieces must not be changed.
type Block struct {
	Rows   int
	Pieces []Piece
}

// Size is about how much memory a block takes.
func (b *Block) Size() int64 {
	n := int64(0)
	for i := range b.Pieces {
		n += b.Pieces[i].size()
	}
	return n
}

// A Table holds blocks of rows: in memory as long as they take no more than
// Keep, all that comes then in a temporary file. Blocks are added by one
// goroutine; then any number may read. The file has no name, or goes when it is
// closed, which the garbage collector does.
type Table struct {
	// Keep is the budget in bytes. Negative: nothing is kept. Default: Budget.
	Keep int64

	blocks []Block // in memory, the first ones
	held   int64
	file   *os.File
	at     int64 // end of the file
	groups []group
	wait   []Block // for the file
	waits  int64
	buf    []byte
}

// group is blocks that were written together: the pieces of a column one behind
// the other, so that a column is read in few calls.
type group struct {
	rows []int   // of each block
	at   []int64 // where the pieces of a column begin, and where the last ends
}

// A group is written when it holds so much, and so much for each column.
const (
	groupBytes  = 4 << 20
	columnBytes = 32 << 10
)

// Add adds a block, which the table owns from now on. Later blocks may have more
// columns.
func (t *Table) Add(b Block) error {
	size := b.Size()
	keep := t.Keep
	if keep == 0 {
		keep = Budget
	}
	if t.file == nil && t.wait == nil && t.held+size <= keep {
		t.blocks = append(t.blocks, b)
		t.held += size
		return nil
	}
	t.wait = append(t.wait, b)
	t.waits += size
	if t.waits >= max(groupBytes, columnBytes*int64(len(b.Pieces))) {
		return t.flush()
	}
	return nil
}

// Finish ends adding.
func (t *Table) Finish() error {
	err := t.flush()
	t.buf = nil
	return err
}

// Kept is about how many bytes are in memory.
func (t *Table) Kept() int64 { return t.held }

func (t *Table) flush() (err error) {
	if len(t.wait) == 0 {
		return nil
	}
	if t.file == nil {
		if t.file, err = temporary(); err != nil {
			return atomicfile.Fail(err, os.TempDir(), "temporary file", -1)
		}
	}
	var g group
	columns := 0
	for _, b := range t.wait {
		g.rows = append(g.rows, b.Rows)
		columns = max(columns, len(b.Pieces))
	}
	g.at = append(make([]int64, 0, columns+1), t.at)
	for c := range columns {
		for _, b := range t.wait {
			p := Piece{}
			if c < len(b.Pieces) {
				p = b.Pieces[c]
			}
			t.buf = p.encode(t.buf)
			if len(t.buf) >= groupBytes {
				if err := t.write(); err != nil {
					return err
				}
			}
		}
		g.at = append(g.at, t.at+int64(len(t.buf)))
	}
	t.groups = append(t.groups, g)
	t.wait, t.waits = nil, 0
	return t.write()
}

func (t *Table) write() error {
	n, err := t.file.Write(t.buf)
	t.at += int64(n)
	t.buf = t.buf[:0]
	if err != nil {
		return atomicfile.Fail(err, t.file.Name(), "temporary file", -1)
	}
	return nil
}

// encode appends p: kind, length, the lengths of its parts, and these, each
// padded to 8 bytes, in the order of the host.
func (p *Piece) encode(b []byte) []byte {
	for _, n := range [...]int{int(p.Kind), p.Len, len(p.Words), len(p.Bytes), len(p.Ends), len(p.Valid)} {
		b = binary.NativeEndian.AppendUint64(b, uint64(n))
	}
	for _, part := range [...][]byte{cast.Bytes(p.Words), p.Bytes, cast.Bytes(p.Ends), p.Valid} {
		b = append(b, part...)
		b = append(b, make([]byte, -len(part)&7)...)
	}
	return b
}

// decodePiece is the piece that b, which is aligned, begins with, as slices of b,
// and what follows.
func decodePiece(b []byte) (p Piece, rest []byte) {
	var n [6]int
	for i := range n {
		n[i] = int(binary.NativeEndian.Uint64(b[8*i:]))
	}
	b = b[8*len(n):]
	part := func(size int) []byte {
		if size == 0 {
			return nil
		}
		s := b[:size]
		b = b[size+-size&7:]
		return s
	}
	p.Kind, p.Len = Kind(n[0]), n[1]
	p.Words, _ = cast.Slice[uint64](part(8 * n[2]))
	p.Bytes = part(n[3])
	p.Ends, _ = cast.Slice[uint32](part(4 * n[4]))
	p.Valid = part(n[5])
	return p, b
}

// Blocks gives the rows of the table in order, with the columns of want. Those
// that lie in the file are good until the next.
func (t *Table) Blocks(ctx context.Context, want []int) iter.Seq2[Block, error] {
	return func(yield func(Block, error) bool) {
		out := Block{Pieces: make([]Piece, len(want))}
		give := func(rows int, piece func(i, c int) Piece) bool {
			out.Rows = rows
			for i, c := range want {
				out.Pieces[i] = piece(i, c)
			}
			return yield(out, nil)
		}
		for _, b := range t.blocks {
			if err := ctx.Err(); err != nil {
				yield(Block{}, err)
				return
			}
			if !give(b.Rows, func(_, c int) Piece {
				if c < len(b.Pieces) {
					return b.Pieces[c]
				}
				return Piece{}
			}) {
				return
			}
		}
		bufs := make([][]byte, len(want))
		rest := make([][]byte, len(want))
		for _, g := range t.groups {
			if err := ctx.Err(); err != nil {
				yield(Block{}, err)
				return
			}
			for i, c := range want {
				if rest[i] = nil; c+1 >= len(g.at) {
					continue // it had no value yet
				}
				n := g.at[c+1] - g.at[c]
				if int64(len(bufs[i])) < n {
					bufs[i] = cast.Bytes(make([]uint64, n/8))
				}
				rest[i] = bufs[i][:n]
				if _, err := t.file.ReadAt(rest[i], g.at[c]); err != nil {
					yield(Block{}, atomicfile.Fail(err, t.file.Name(), "temporary file", g.at[c]))
					return
				}
			}
			for _, rows := range g.rows {
				if !give(rows, func(i, _ int) (p Piece) {
					if rest[i] != nil {
						p, rest[i] = decodePiece(rest[i])
					}
					return p
				}) {
					return
				}
			}
		}
	}
}

// Summary is what the values of a column are together.
type Summary struct {
	Kind    Kind
	Missing int64
	Bytes   int64 // of Text and Blob
	Longest int64 // bytes of the longest value of these
	mixed   bool  // some values of Text or Blob began as something else
}

// Summaries looks at the blocks that are added and says what the columns are.
type Summaries struct {
	Rows    int64
	Columns []Summary
}

// Add counts a block. Kinds of pieces are joined.
func (s *Summaries) Add(b Block) {
	for c := range b.Pieces {
		if c == len(s.Columns) {
			s.Columns = append(s.Columns, Summary{Missing: s.Rows})
		}
		p, x := &b.Pieces[c], &s.Columns[c]
		was := x.Kind
		x.Kind = Join(was, p.Kind)
		x.mixed = x.mixed || x.Kind >= Text && (was != None && was < Text || p.Kind != None && p.Kind < Text)
		x.texts(p)
		switch {
		case p.Kind == None:
			x.Missing += int64(b.Rows)
		case p.Valid != nil:
			x.Missing += int64(len(p.Valid) - sum(p.Valid))
		}
	}
	for c := len(b.Pieces); c < len(s.Columns); c++ {
		s.Columns[c].Missing += int64(b.Rows)
	}
	s.Rows += int64(b.Rows)
}

// texts counts the bytes of a piece.
func (x *Summary) texts(p *Piece) {
	x.Bytes += int64(len(p.Bytes))
	before := uint32(0)
	for _, end := range p.Ends {
		x.Longest = max(x.Longest, int64(end-before))
		before = end
	}
}

func sum(b []byte) (n int) {
	for _, x := range b {
		n += int(x)
	}
	return n
}

// Texts counts the bytes of columns that are Text or Blob and began as something
// else, for which t, which holds all rows, is read once more.
func (s *Summaries) Texts(ctx context.Context, t *Table) error {
	var want []int
	for c, x := range s.Columns {
		if x.mixed {
			want = append(want, c)
		}
	}
	if len(want) == 0 {
		return nil
	}
	for _, c := range want {
		s.Columns[c].Bytes, s.Columns[c].Longest = 0, 0
	}
	for b, err := range t.Blocks(ctx, want) {
		if err != nil {
			return err
		}
		for i, c := range want {
			p := b.Pieces[i]
			p.Convert(s.Columns[c].Kind)
			s.Columns[c].texts(&p)
		}
	}
	return nil
}

// Lazy gives the rows of a table that lies as text in a file: from memory; parsed
// anew, for what is read alone; or from a temporary file with all columns, which
// is written when a second tensor is asked for.
type Lazy struct {
	// Kept holds all rows, or is nil.
	Kept *Table
	// One says that there is one tensor, so that no column is read for another.
	One bool
	// Parse gives the rows with the columns of want, or all if that is nil.
	Parse func(ctx context.Context, want []int) iter.Seq2[Block, error]
	// Keep is the budget of what is in memory beside the temporary file. Default:
	// a quarter of Budget.
	Keep int64

	mu    sync.Mutex
	alone []int // the columns that were read first
	times int   // and how often
	whole sync.Mutex
	table *Table
}

// Blocks is a Source.
func (l *Lazy) Blocks(ctx context.Context, want []int) iter.Seq2[Block, error] {
	if l.Kept != nil {
		return l.Kept.Blocks(ctx, want)
	}
	if l.direct(want) {
		return l.Parse(ctx, want)
	}
	t, err := l.spill(ctx)
	if err != nil {
		return func(yield func(Block, error) bool) { yield(Block{}, err) }
	}
	return t.Blocks(ctx, want)
}

// direct reports whether the columns of want are to be parsed for this reader.
func (l *Lazy) direct(want []int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.alone == nil {
		l.alone = want
	}
	if l.One {
		return true
	}
	if l.times < 2 && slices.Equal(want, l.alone) { // strings are two storages
		l.times++
		return true
	}
	return false
}

// spill makes the table when it is first asked for. What fails is tried again.
func (l *Lazy) spill(ctx context.Context) (*Table, error) {
	l.whole.Lock()
	defer l.whole.Unlock()
	if l.table != nil {
		return l.table, nil
	}
	t := &Table{Keep: cmp.Or(l.Keep, Budget/4)}
	for b, err := range l.Parse(ctx, nil) {
		if err == nil {
			err = t.Add(b)
		}
		if err != nil {
			return nil, err
		}
	}
	if err := t.Finish(); err != nil {
		return nil, err
	}
	l.table = t
	return t, nil
}

// cloned is p with words of its own, which may be changed.
func (p Piece) cloned() Piece {
	p.Words = slices.Clone(p.Words)
	return p
}
