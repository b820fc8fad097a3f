package bench

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	_ "github.com/tensorfile/tensorfile/convert/idx"
	_ "github.com/tensorfile/tensorfile/convert/sql/sqlite"
	_ "github.com/tensorfile/tensorfile/convert/text"
	"github.com/tensorfile/tensorfile/tensor"
)

// databaseRows is how many rows the table of the SQL cases has: of 16 bytes each.
func (e *Env) databaseRows() int64 { return e.Big / 256 }

// databaseFile is a native file of two columns, i64 and f64, and a database of it.
func (e *Env) databaseFile(b *testing.B, ext string) string {
	return get(b, e, "table"+ext, func() (string, error) {
		path := e.path("table" + ext)
		if ext == ".sqlite" {
			_, err := convert.Files(context.Background(), []string{e.databaseFile(b, ".tensor")}, path, &convert.Options{NoSync: true, Overwrite: true})
			return path, err
		}
		data := e.bytesOf(b, 16*e.databaseRows())
		w, err := tensorfile.Create(path, &tensorfile.CreateOptions{NoSync: true, Overwrite: true})
		if err != nil {
			return "", err
		}
		defer w.Close()
		whole := make([]int64, e.databaseRows())
		half := make([]float64, len(whole))
		for i := range whole {
			bits := binary.LittleEndian.Uint64(data[16*i:])
			whole[i] = int64(bits)
			half[i] = float64(bits>>11) / (1 << 53)
		}
		v, err := tensor.FromSlice(whole)
		if err == nil {
			err = w.Add(context.Background(), "n", v, nil)
		}
		if err != nil {
			return "", err
		}
		if v, err = tensor.FromSlice(half); err == nil {
			err = w.Add(context.Background(), "x", v, nil)
		}
		if err != nil {
			return "", err
		}
		return path, w.Commit(context.Background())
	})
}

// idxFile is an IDX file of images.
func (e *Env) idxFile(b *testing.B) string {
	return get(b, e, "idx", func() (string, error) {
		n := e.Big / 784
		head := binary.BigEndian.AppendUint32([]byte{0, 0, 8, 3}, uint32(n))
		head = append(head, 0, 0, 0, 28, 0, 0, 0, 28)
		path := e.path("images.idx")
		return path, os.WriteFile(path, append(head, e.bytesOf(b, n*784)...), 0o666)
	})
}

// textFile is lines of words, a quarter of the size.
func (e *Env) textFile(b *testing.B) string {
	return get(b, e, "text", func() (string, error) {
		const letters = "abcdefghijklmnopqrstuvwxyz     \n"
		text := append([]byte{}, e.bytesOf(b, e.Big/4)...)
		for i, c := range text {
			text[i] = letters[c%32]
		}
		path := e.path("lines.txt")
		return path, os.WriteFile(path, text, 0o666)
	})
}

// sqlCases read and write tables of SQLite, and import IDX and text.
func sqlCases(e *Env) []Case {
	ctx := context.Background()
	rows := fmt.Sprintf("rows=%d/", e.databaseRows())
	bytes := 16 * e.databaseRows()
	to := func(source func(*testing.B) string, ext string) func(b *testing.B) {
		return func(b *testing.B) {
			in, out := source(b), e.path("imported"+ext)
			fresh(b, out, func() error {
				_, err := convert.Files(ctx, []string{in}, out, &convert.Options{NoSync: true})
				return err
			})
		}
	}
	big, quarter := "size="+size(e.Big)+"/", "size="+size(e.Big/4)+"/"
	columns := func(b *testing.B) outcome { return e.readAll(tensorfile.Open(e.databaseFile(b, ".tensor"), nil)) }
	return []Case{
		stream("convert", rows+"op=sqlite-read/impl=tensorfile", bytes, func(b *testing.B) {
			path := e.databaseFile(b, ".sqlite")
			o := &convert.OpenOptions{}
			o.Table = "tensors"
			for b.Loop() {
				f, err := convert.Open(ctx, path, o)
				check(b, err)
				for x, err := range f.Tensors() {
					check(b, err)
					_, err = x.Read(ctx)
					check(b, err)
				}
				check(b, f.Close())
			}
		}),
		stream("convert", rows+"op=sqlite-read/impl=python", bytes, func(b *testing.B) { e.inPythonAs(b, bytes, columns, "sqlite_read", e.databaseFile(b, ".sqlite")) }),
		stream("convert", rows+"op=sqlite-write/impl=tensorfile", bytes, to(func(b *testing.B) string { return e.databaseFile(b, ".tensor") }, ".sqlite")),
		stream("convert", rows+"op=sqlite-write/impl=python", bytes, func(b *testing.B) {
			e.inPythonAs(b, bytes, columns, "sqlite_write", e.databaseFile(b, ".sqlite"), e.path("written.sqlite"))
		}),
		stream("convert", big+"op=idx-to-tensor/impl=tensorfile", e.Big, to(e.idxFile, ".tensor")),
		stream("convert", big+"op=copy-idx/impl=io.Copy", e.Big, func(b *testing.B) {
			source, path := e.idxFile(b), e.path("copied.idx")
			fresh(b, path, func() error { return copyFile(path, source) })
		}),
		stream("convert", quarter+"op=text-to-tensor/impl=tensorfile", e.Big/4, to(e.textFile, ".tensor")),
		stream("convert", quarter+"op=text-to-lines/impl=python", e.Big/4, func(b *testing.B) {
			e.inPythonAs(b, e.Big/4, func(b *testing.B) outcome {
				text, err := os.ReadFile(e.textFile(b))
				check(b, err)
				return e.outcome(tensor.FromSlice(text))
			}, "text_lines", e.textFile(b))
		}),
	}
}

// sqlGoals put them beside Python's sqlite3 with NumPy, and a plain copy.
func (e *Env) sqlGoals() []Goal {
	rows := fmt.Sprintf("convert/rows=%d/op=", e.databaseRows())
	big, quarter := "convert/size="+size(e.Big)+"/op=", "convert/size="+size(e.Big/4)+"/op="
	return []Goal{
		{"columns of SQLite beside sqlite3 and NumPy", rows + "sqlite-read/impl=tensorfile", rows + "sqlite-read/impl=python", 1, 0, false},
		{"columns to SQLite beside sqlite3 and NumPy", rows + "sqlite-write/impl=tensorfile", rows + "sqlite-write/impl=python", 1, 0, false},
		{"IDX to tensor beside a plain copy", big + "idx-to-tensor/impl=tensorfile", big + "copy-idx/impl=io.Copy", 0.8, 0, false},
		{"text to a file of strings beside Python's lines in memory", quarter + "text-to-tensor/impl=tensorfile", quarter + "text-to-lines/impl=python", 1, 0, false},
	}
}
