package sql

import (
	"bufio"
	"cmp"
	"context"
	"database/sql"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"sync"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/convert/internal/utf8text"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/tensor"
)

// DefaultTable is the name of a table that was given none.
const DefaultTable = "tensors"

// table is columns to write.
type table struct {
	d       *Dialect
	columns []output
	rows    int64
	matrix  bool
}

// output is a column.
type output struct {
	name string
	typ  string
	t    convert.Source
	as   elementKind
}

type elementKind uint8

const (
	bools elementKind = iota
	ints
	uints
	numbers
	strs
	blobs
)

// Plan reports an error if a table cannot hold the tensors.
func (d *Dialect) Plan(src []convert.Source) error {
	_, err := d.plan(src)
	return err
}

func (d *Dialect) plan(src []convert.Source) (*table, error) {
	out := &table{d: d, rows: -1}
	names := map[string]string{}
	for _, s := range src {
		bad := func(kind error, field, got, want string) error {
			return &tensor.Error{Kind: kind, Format: d.Format, Tensor: s.As, Offset: -1, Field: field, Got: got, Want: want}
		}
		as, typ, ok := d.element(s)
		shape := s.Shape()
		if as == blobs && len(shape) == 2 {
			shape = shape[:1] // the other is that of the longest
		}
		switch {
		case !ok:
			return nil, bad(tensor.ErrUnsupported, "dtype", describe(s), "bool, i8 to i64, u8 to u64, f16, bf16, f32, f64, strings, or ragged rows of u8")
		case len(shape) != 1 && len(src) > 1:
			return nil, bad(tensor.ErrUnsupported, "shape", shape.String(), "rank 1, as all columns of a table, or one matrix alone")
		case len(shape) != 1 && (len(shape) != 2 || as >= strs):
			return nil, bad(tensor.ErrUnsupported, "shape", shape.String(), "rank 1, or a matrix of numbers")
		case out.rows >= 0 && shape[0] != out.rows:
			return nil, bad(tensor.ErrShape, "shape", shape.String(), fmt.Sprintf("(%d,), as the other columns have", out.rows))
		}
		out.rows = shape[0]
		if len(shape) == 2 {
			if shape[1] > 1<<16 {
				return nil, bad(tensor.ErrUnsupported, "shape", shape.String(), "at most 65,536 columns")
			}
			out.matrix = true
			for c := range shape[1] {
				out.columns = append(out.columns, output{"c" + strconv.FormatInt(c, 10), typ, s, as})
			}
			continue
		}
		if strings.Contains(s.As, "\x00") {
			return nil, bad(tensor.ErrUnsupported, "name", "NUL in it", "none")
		}
		folded := strings.ToLower(s.As)
		if other, taken := names[folded]; taken {
			return nil, bad(tensor.ErrDuplicate, "name", "one that "+tensor.Quote(other)+" is equal to but for its case", "others")
		}
		names[folded] = s.As
		out.columns = append(out.columns, output{s.As, typ, s, as})
	}
	if len(out.columns) == 0 {
		return nil, d.Bad(tensor.ErrUnsupported, "tensors", "no column", "one or more")
	}
	return out, nil
}

func describe(s convert.Source) string {
	layout, _, ok := s.Composite()
	if !ok {
		return s.DType().String()
	}
	return cmp.Or(format.LayoutName(layout), strconv.Itoa(int(layout))) + " of " + s.DType().String()
}

// element says what the elements of a tensor are in a database.
func (d *Dialect) element(s convert.Source) (as elementKind, typ string, ok bool) {
	types := d.Types
	if types == (Types{}) {
		types = Types{"BOOLEAN", "BIGINT", "DOUBLE PRECISION", "TEXT", "BYTEA"}
	}
	if layout, _, ok := s.Composite(); ok {
		switch {
		case layout == format.LayoutString:
			return strs, types.Text, true
		case layout == format.LayoutRagged && s.DType() == tensor.U8:
			return blobs, types.Bytes, true
		}
		return 0, "", false
	}
	switch s.DType() {
	case tensor.Bool:
		return bools, types.Bool, true
	case tensor.I8, tensor.I16, tensor.I32, tensor.I64:
		return ints, types.Int, true
	case tensor.U8, tensor.U16, tensor.U32, tensor.U64:
		return uints, types.Int, true
	case tensor.F16, tensor.BF16, tensor.F32, tensor.F64:
		return numbers, types.Float, true
	}
	return 0, "", false
}

// create makes the table in the transaction. What is there under its name is
// ErrExists, or with overwrite a table that is dropped.
func (o *table) create(ctx context.Context, tx *sql.Tx, table string, overwrite bool) error {
	d := o.d
	if err := d.Free(ctx, tx, table, overwrite); err != nil {
		return err
	}
	if overwrite {
		if _, err := tx.ExecContext(ctx, "DROP TABLE IF EXISTS "+d.quoted(table)); err != nil {
			return d.Fail(ctx, err, "table")
		}
	}
	var b strings.Builder
	b.WriteString("CREATE TABLE " + d.quoted(table) + " (")
	for i, c := range o.columns {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(Quote(c.name) + " " + c.typ)
	}
	_, err := tx.ExecContext(ctx, b.String()+")")
	return d.Fail(ctx, err, "table")
}

// Free reports an error if the table could not be made for what is there under
// its name.
func (d *Dialect) Free(ctx context.Context, tx *sql.Tx, table string, overwrite bool) error {
	if strings.Contains(table, "\x00") || table == "" {
		return d.Bad(tensor.ErrUnsupported, "table", tensor.Quote(table), "a name without NUL")
	}
	if d.Exists == nil {
		return nil // CREATE TABLE tells
	}
	what, err := d.Exists(ctx, tx, table)
	switch {
	case err != nil:
		return d.Fail(ctx, err, "table")
	case what != "" && !overwrite:
		return d.Bad(tensor.ErrExists, "table "+tensor.Quote(table), "a "+what+" that is there", "none, or leave to overwrite it")
	case what != "" && what != "table":
		return d.Bad(tensor.ErrExists, "table "+tensor.Quote(table), "a "+what, "a table, or none")
	}
	return nil
}

func (d *Dialect) quoted(table string) string {
	if d.Name != nil {
		return d.Name(table)
	}
	return Quote(table)
}

// Insert makes a table of the tensors and writes their rows, in the transaction tx,
// which the caller commits or rolls back. An empty table name is DefaultTable.
func (d *Dialect) Insert(ctx context.Context, tx *sql.Tx, name string, src []convert.Source, to convert.Target) (err error) {
	defer d.recovered(&err)
	out, err := d.plan(src)
	if err != nil {
		return err
	}
	name = cmp.Or(name, DefaultTable)
	if err := out.create(ctx, tx, name, to.Overwrite); err != nil {
		return err
	}
	r := out.read(ctx, to.Progress)
	defer r.close()
	insert := func() error { return d.insert(ctx, tx, name, out, r) }
	if d.Copy != nil {
		names := make([]string, len(out.columns))
		for i, c := range out.columns {
			names[i] = c.name
		}
		insert = func() error { return d.Copy(ctx, names, r.next) }
	}
	if err = insert(); err != nil && r.err != nil {
		err = r.err // of which the database has made words
	}
	return d.Fail(ctx, err, "rows")
}

// insert writes rows by statements that take several each.
func (d *Dialect) insert(ctx context.Context, tx *sql.Tx, name string, out *table, r *rowReader) error {
	width := len(out.columns)
	most := max(cmp.Or(d.MaxArguments, 900)/width, 1)
	var stmt *sql.Stmt
	defer func() {
		if stmt != nil {
			stmt.Close()
		}
	}()
	prepared := 0
	args := make([]any, 0, most*width)
	flush := func() (err error) {
		n := len(args) / width
		if n != prepared {
			if stmt != nil {
				stmt.Close()
			}
			if stmt, err = tx.PrepareContext(ctx, d.statement(name, width, n)); err != nil {
				stmt = nil
				return err
			}
			prepared = n
		}
		_, err = stmt.ExecContext(ctx, args...)
		args = args[:0]
		return err
	}
	size := 0
	for {
		row, err := r.next()
		if err != nil {
			return err
		}
		if row == nil {
			break
		}
		args = append(args, row...)
		size += r.size
		if len(args) == most*width || size > blockBytes {
			size = 0
			if err := flush(); err != nil {
				return err
			}
		}
	}
	if len(args) > 0 {
		return flush()
	}
	return nil
}

// statement inserts n rows.
func (d *Dialect) statement(table string, width, n int) string {
	argument := d.Argument
	if argument == nil {
		argument = func(int) string { return "?" }
	}
	var b strings.Builder
	b.WriteString("INSERT INTO " + d.quoted(table) + " VALUES ")
	for i := range n {
		for c := range width {
			if c == 0 {
				b.WriteByte('(')
			} else {
				b.WriteByte(',')
			}
			b.WriteString(argument(i*width + c + 1))
		}
		b.WriteByte(')')
		if i < n-1 {
			b.WriteByte(',')
		}
	}
	return b.String()
}

// rowReader reads the columns side by side, as streams, whatever way they are
// stored.
type rowReader struct {
	out      *table
	cancel   context.CancelFunc
	wg       sync.WaitGroup
	ends     []*io.PipeReader
	columns  []columnReader
	row      []any
	at       int64
	size     int   // bytes of texts of the row
	done     int64 // bytes of all
	progress func(int64)
	err      error // of the last call of next
}

// columnReader reads a column.
type columnReader struct {
	in      *bufio.Reader // elements, or offsets
	content *bufio.Reader // of strings and blobs
	dtype   tensor.DType
	before  int64 // offset that was read last
	left    int64 // bytes of the content
}

// streamBytes is the buffer of a stream; a table has at most some thousand.
const streamBytes = 64 << 10

func (o *table) read(ctx context.Context, progress func(int64)) *rowReader {
	r := &rowReader{out: o, progress: progress, row: make([]any, len(o.columns))}
	ctx, r.cancel = context.WithCancel(ctx)
	open := func(t *convert.Tensor) *bufio.Reader {
		in, end := io.Pipe()
		r.ends = append(r.ends, in)
		r.wg.Go(func() { end.CloseWithError(t.WriteCOrder(ctx, end)) })
		return bufio.NewReaderSize(in, streamBytes)
	}
	for i, c := range o.columns {
		if o.matrix && i > 0 {
			r.columns = append(r.columns, r.columns[0])
			continue
		}
		cr := columnReader{dtype: c.t.DType()}
		if c.as < strs {
			cr.in = open(c.t.Tensor)
		} else {
			role := format.RoleBytes
			if c.as == blobs {
				role = format.RoleValues
			}
			offsets, err := c.t.Part(format.RoleOffsets)
			content, err2 := c.t.Part(role)
			if err == nil {
				err = err2
			}
			if err != nil {
				cr.in = bufio.NewReader(failing{err})
			} else {
				cr.in, cr.content = open(offsets), open(content)
				cr.dtype, cr.left, cr.before = offsets.DType(), content.NumElements(), -1
			}
		}
		r.columns = append(r.columns, cr)
	}
	return r
}

// failing is a reader of an error.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func (r *rowReader) close() {
	r.cancel()
	for _, in := range r.ends {
		in.Close()
	}
	r.wg.Wait()
}

// next returns the next row, which is good until it is called again, and nil
// behind the last.
func (r *rowReader) next() (row []any, err error) {
	defer func() { r.err = err }()
	if r.at == r.out.rows {
		return nil, r.finish()
	}
	r.size = 0
	for i := range r.columns {
		c := &r.columns[i]
		if r.out.matrix {
			c = &r.columns[0]
		}
		v, err := c.next(r, &r.out.columns[i])
		if err != nil {
			return nil, err
		}
		r.row[i] = v
	}
	r.at++
	if r.done += int64(r.size); r.progress != nil && r.at%4096 == 0 {
		r.progress(r.done)
	}
	return r.row, nil
}

// finish looks at what is behind the last row, which may be an error.
func (r *rowReader) finish() error {
	for i := range r.columns {
		c := &r.columns[i]
		if r.out.matrix && i > 0 {
			break
		}
		if c.content != nil && r.out.rows == 0 {
			if err := c.first(r, &r.out.columns[i]); err != nil {
				return err
			}
		}
		if c.left > 0 {
			return r.wrong(&r.out.columns[i], tensor.ErrCorrupt, fmt.Sprintf("%d bytes behind the last", c.left), "none")
		}
		for _, in := range []*bufio.Reader{c.in, c.content} {
			if in == nil {
				continue
			}
			if _, err := in.Peek(1); err != io.EOF {
				return err
			}
		}
	}
	return nil
}

func (r *rowReader) wrong(o *output, kind error, got, want string) error {
	return &tensor.Error{Kind: kind, Format: r.out.d.Format, Tensor: o.t.As, Offset: -1, Field: "row " + strconv.FormatInt(r.at, 10), Got: got, Want: want}
}

func (c *columnReader) next(r *rowReader, o *output) (any, error) {
	if o.as >= strs {
		return c.text(r, o)
	}
	n := int(c.dtype.UnitBytes)
	b, err := c.in.Peek(n)
	if err != nil {
		return nil, unexpected(err)
	}
	r.size += n
	bits := littleEndian(b)
	var v any
	switch o.as {
	case bools:
		v = bits != 0
	case ints:
		shift := 64 - 8*n
		v = int64(bits<<shift) >> shift
	case uints:
		if bits > math.MaxInt64 {
			return nil, r.wrong(o, tensor.ErrOverflow, strconv.FormatUint(bits, 10), "at most 2^63-1")
		}
		v = int64(bits)
	default:
		x := float(c.dtype, bits)
		v = x
		if math.IsNaN(x) && r.out.d.NaNIsNull {
			v = nil
		}
	}
	_, err = c.in.Discard(n)
	return v, err
}

func float(d tensor.DType, bits uint64) float64 {
	switch d {
	case tensor.F16:
		return tensor.Float16(bits).Float64()
	case tensor.BF16:
		return tensor.BFloat16(bits).Float64()
	case tensor.F32:
		return float64(math.Float32frombits(uint32(bits)))
	}
	return math.Float64frombits(bits)
}

func littleEndian(b []byte) (v uint64) {
	if len(b) == 8 {
		return binary.LittleEndian.Uint64(b)
	}
	for i, x := range b {
		v |= uint64(x) << (8 * i)
	}
	return v
}

// unexpected is the error of a stream that ends before its elements do.
func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// offset is the next one, negative if it is beyond 63 bits.
func (c *columnReader) offset() (int64, error) {
	n := int(c.dtype.UnitBytes)
	b, err := c.in.Peek(n)
	if err != nil {
		return 0, unexpected(err)
	}
	v := littleEndian(b)
	if c.dtype.Class == tensor.ClassInt {
		shift := 64 - 8*n
		v = uint64(int64(v<<shift) >> shift)
	}
	_, err = c.in.Discard(n)
	return int64(v), err
}

// first reads the offset before the first row.
func (c *columnReader) first(r *rowReader, o *output) error {
	at, err := c.offset()
	if err == nil && at != 0 {
		err = r.wrong(o, tensor.ErrCorrupt, "offset "+strconv.FormatInt(at, 10), "0")
	}
	c.before = 0
	return err
}

func (c *columnReader) text(r *rowReader, o *output) (any, error) {
	corrupt := func(got, want string) error { return r.wrong(o, tensor.ErrCorrupt, got, want) }
	if c.before < 0 {
		if err := c.first(r, o); err != nil {
			return nil, err
		}
	}
	end, err := c.offset()
	if err != nil {
		return nil, err
	}
	n := end - c.before
	switch {
	case n < 0 || end < 0 || n > c.left:
		return nil, corrupt(fmt.Sprintf("offsets %d, %d", c.before, end), fmt.Sprintf("an end from %d to %d", c.before, c.before+c.left))
	case n > MaxValue:
		return nil, r.wrong(o, tensor.ErrLimit, strconv.FormatInt(n, 10)+" bytes", "at most "+strconv.Itoa(MaxValue))
	}
	c.before, c.left = end, c.left-n
	b := make([]byte, n)
	if _, err := io.ReadFull(c.content, b); err != nil {
		return nil, unexpected(err)
	}
	r.size += int(n) + int(c.dtype.UnitBytes)
	if o.as == blobs {
		return b, nil
	}
	if at := utf8text.Invalid(b); at < len(b) {
		return nil, corrupt("text that is no UTF-8", "UTF-8")
	}
	return string(b), nil
}
