package sql

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"math"
	"testing"
	"time"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/tensor"
)

// script is a database whose one answer is made of bytes: the number of columns,
// their types, and a byte of kind and what it needs for each value.
type script []byte

func (s *script) next() byte {
	if len(*s) == 0 {
		return 0
	}
	b := (*s)[0]
	*s = (*s)[1:]
	return b
}

func (s *script) word() (v uint64) {
	for range 8 {
		v = v<<8 | uint64(s.next())
	}
	return v
}

func (s *script) text() string {
	n := min(int(s.next()), len(*s))
	text := string((*s)[:n])
	*s = (*s)[n:]
	return text
}

func (s *script) Connect(context.Context) (driver.Conn, error) { return s, nil }
func (s *script) Driver() driver.Driver                        { return nil }
func (s *script) Prepare(string) (driver.Stmt, error)          { return nil, driver.ErrSkip }
func (s *script) Close() error                                 { return nil }
func (s *script) Begin() (driver.Tx, error)                    { return nil, driver.ErrSkip }

func (s *script) QueryContext(context.Context, string, []driver.NamedValue) (driver.Rows, error) {
	a := &answer{s: s}
	types := []string{"", "", "JSON", "BOOLEAN", "_INT4", "_FLOAT8", "_BOOL", "_TEXT", "BLOB", "xml"}
	for range s.next() % 5 {
		a.types = append(a.types, types[int(s.next())%len(types)])
	}
	return a, nil
}

type answer struct {
	s     *script
	types []string
	rows  int
}

func (a *answer) Columns() []string {
	names := make([]string, len(a.types))
	for i := range names {
		names[i] = string(rune('a' + i))
	}
	return names
}
func (a *answer) ColumnTypeDatabaseTypeName(i int) string { return a.types[i] }
func (a *answer) Close() error                            { return nil }

func (a *answer) Next(dst []driver.Value) error {
	if a.rows++; len(*a.s) == 0 || a.rows > 1000 {
		return io.EOF
	}
	for i := range dst {
		switch a.s.next() % 10 {
		case 0:
			dst[i] = nil
		case 1:
			dst[i] = int64(a.s.word())
		case 2:
			dst[i] = int64(int8(a.s.next()))
		case 3:
			dst[i] = math.Float64frombits(a.s.word())
		case 4:
			dst[i] = a.s.next()&1 == 0
		case 5:
			dst[i] = a.s.text()
		case 6:
			dst[i] = []byte(a.s.text())
		case 7:
			dst[i] = time.Unix(int64(a.s.word())>>(a.s.next()%64), 0)
		case 8:
			dst[i] = "{" + a.s.text() + "}"
		case 9:
			return errors.New("the connection broke")
		}
	}
	return nil
}

// FuzzRead reads any answer of a driver. What is read has a row for each row, and
// its bytes are those that its shape asks for.
func FuzzRead(f *testing.F) {
	f.Add([]byte("\x02\x00\x01\x02\x05\x05\x01a\x02\x06\x05\x02bc"), uint8(0))
	f.Add([]byte("\x01\x04\x08\x031,2\x08\x033,4\x00"), uint8(1))
	f.Add([]byte("\x01\x05\x08\x09{1.5,NaN}\x08\x09{0,1},{2}"), uint8(2))
	f.Add([]byte("\x03\x03\x02\x08\x02\x01\x05\x02{}\x06\x02\x00\xff\x02\x00\x05\x01\x80\x00"), uint8(0))
	f.Add([]byte("\x01\x00\x07\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x01"), uint8(4))
	f.Fuzz(func(t *testing.T, b []byte, how uint8) {
		s := script(b)
		db := sql.OpenDB(&s)
		defer db.Close()
		o := &convert.ReadOptions{ReplaceInvalid: how&4 != 0}
		o.Columns.Missing = convert.Missing(how % 3)
		file, err := Read(t.Context(), db, "SELECT", o)
		if err != nil {
			var e *tensor.Error
			if !errors.As(err, &e) || e.Kind == nil {
				t.Fatalf("%v is no tensor.Error", err)
			}
			return
		}
		defer file.Close()
		for x, err := range file.Tensors() {
			if err != nil {
				t.Fatal(err)
			}
			if _, _, composite := x.Composite(); composite {
				_, err = x.ReadComposite(t.Context())
			} else {
				err = x.WriteCOrder(t.Context(), io.Discard)
			}
			if err != nil {
				t.Fatalf("%s %v %v: %v", x.Name(), x.DType(), x.Shape(), err)
			}
		}
	})
}
