package badinput

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/tensorfile/tensorfile/tensor"
)

// A Text is a row of a catalogue of texts, which is a JSON file that tests of a
// format and of the tool share.
type Text struct {
	What string
	File string   // its name
	Text string   // as between the quotes of a string of Go
	Kind string   // the text of the error's kind
	Says []string // as in Row
}

// Bytes is the content of the file.
func (x *Text) Bytes() ([]byte, error) {
	s, err := strconv.Unquote(`"` + x.Text + `"`)
	return []byte(s), err
}

// Texts reads a catalogue.
func Texts(t testing.TB, path string) (list []Text) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(b, &list)
	}
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// TextRows are the rows of a catalogue, with ids that begin with prefix.
func TextRows(t testing.TB, path, prefix string) (rows []Row) {
	t.Helper()
	kinds := map[string]error{}
	for _, k := range []error{tensor.ErrTruncated, tensor.ErrFormat, tensor.ErrUnsupported, tensor.ErrDType, tensor.ErrShape, tensor.ErrLimit, tensor.ErrDuplicate} {
		kinds[k.Error()] = k
	}
	for i, x := range Texts(t, path) {
		kind := kinds[x.Kind]
		if kind == nil {
			t.Fatal(errors.New("no kind " + x.Kind))
		}
		rows = append(rows, Row{ID: fmt.Sprintf("%s%02d", prefix, i+1), What: x.What, Format: filepath.Ext(x.File)[1:], Kind: kind, Says: x.Says, Make: func(t testing.TB, dir string) string {
			b, err := x.Bytes()
			path := filepath.Join(dir, x.File)
			if err == nil {
				err = os.WriteFile(path, b, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
			return path
		}})
	}
	return rows
}
