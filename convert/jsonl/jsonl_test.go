package jsonl_test

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	_ "github.com/tensorfile/tensorfile/convert/jsonl"
	"github.com/tensorfile/tensorfile/mmap"
	"github.com/tensorfile/tensorfile/tensor"
)

func openLines(text, path string, o convert.TableOptions) (*tensorfile.File, error) {
	oo := &convert.OpenOptions{}
	oo.Columns = o
	return convert.OpenMap(context.Background(), mmap.NewReaderAt(strings.NewReader(text), int64(len(text)), path), oo)
}

// contents is each tensor of f as a line of text.
func contents(t testing.TB, f *tensorfile.File) string {
	t.Helper()
	var list []string
	for x, err := range f.Tensors() {
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, content(t, x))
	}
	return strings.ReplaceAll(strings.Join(list, "\n"), ",)", ")")
}

func content(t testing.TB, x *tensorfile.Tensor) string {
	t.Helper()
	var b strings.Builder
	if _, _, ok := x.Composite(); ok {
		fmt.Fprintf(&b, "%s string %v", x.Name(), x.Shape())
		for _, s := range stringsOf(t, x) {
			fmt.Fprintf(&b, " %q", s)
		}
		return b.String()
	}
	fmt.Fprintf(&b, "%s %v %v", x.Name(), x.DType(), x.Shape())
	v, err := x.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	raw, err := v.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	if v, err = tensor.NewView(raw, x.DType(), tensor.Shape{v.NumElements()}, nil, 0, v.Order()); err != nil {
		t.Fatal(err)
	}
	for i := range v.NumElements() {
		var e any
		switch x.DType() {
		case tensor.Bool:
			e = raw[i] != 0
		case tensor.I64:
			e, err = tensor.ReadElem[int64](v, i)
		case tensor.U64:
			e, err = tensor.ReadElem[uint64](v, i)
		default:
			var y float64
			y, err = tensor.ReadElem[float64](v, i)
			e = y
			if y == 0 && math.Signbit(y) {
				e = "-0"
			}
		}
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, " %v", e)
	}
	return b.String()
}

func stringsOf(t testing.TB, x *tensorfile.Tensor) []string {
	t.Helper()
	s, err := x.Strings(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	list, err := s.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestRead(t *testing.T) {
	none := convert.TableOptions{}
	mask := convert.TableOptions{Missing: convert.MissingMask}
	rows := 0
	for _, c := range []struct {
		name, text string
		o          convert.TableOptions
		want       []string
	}{
		{"scalars", "1\n2\n-3\n", none, []string{"t i64 (3) 1 2 -3"}},
		{"no last line end", "1\n2", none, []string{"t i64 (2) 1 2"}},
		{"CR LF and blanks", " 1 \r\n\t2\r\n \r\n\r\n3\r\n", none, []string{"t i64 (3) 1 2 3"}},
		{"a mark", "\ufeff1\n", none, []string{"t i64 (1) 1"}},
		{"floats", "1.5\n2e3\n-0.25E-1\n1\n", none, []string{"t f64 (4) 1.5 2000 -0.025 1"}},
		{"minus zero", "1\n-0\n", none, []string{"t f64 (2) 1 -0"}},
		{"limits", "9223372036854775807\n-9223372036854775808\n", none, []string{"t i64 (2) 9223372036854775807 -9223372036854775808"}},
		{"u64", "0\n18446744073709551615\n", none, []string{"t u64 (2) 0 18446744073709551615"}},
		{"neither", "-1\n18446744073709551615\n", none, []string{"t f64 (2) -1 1.8446744073709552e+19"}},
		{"larger", "123456789012345678901234567890\n1\n", none, []string{"t f64 (2) 1.2345678901234568e+29 1"}},
		{"of Python", "NaN\nInfinity\n-Infinity\n1\n", none, []string{"t f64 (4) NaN +Inf -Inf 1"}},
		{"beyond f64", "1e400\n-1e400\n1e-400\n", none, []string{"t f64 (3) +Inf -Inf 0"}},
		{"bools", "true\nfalse\n", none, []string{"t bool (2) true false"}},
		{"strings", "\"a\"\n\"\"\n\"é漢😀\"\n", none, []string{`t string (3) "a" "" "é漢😀"`}},
		{"escapes", `"\"\\\/\b\f\n\r\t\u00e9\ud83d\uDE00\u0000"` + "\n", none, []string{`t string (1) "\"\\/\b\f\n\r\té😀\x00"`}},
		{"arrays", "[1,2,3]\n[4, 5 ,6]\n", none, []string{"t i64 (2, 3) 1 2 3 4 5 6"}},
		{"nested", "[[1,2],[3,4]]\n[[5,6],[7,8.5]]\n", none, []string{"t f64 (2, 2, 2) 1 2 3 4 5 6 7 8.5"}},
		{"no elements", "[]\n[]\n", none, []string{"t f64 (2, 0)"}},
		{"no elements inside", "[[],[]]\n[[],[]]\n[[],[]]\n", none, []string{"t f64 (3, 2, 0)"}},
		{"arrays of strings", "[\"a\",\"b\"]\n[\"\",\"c\"]\n", none, []string{`t string (2, 2) "a" "b" "" "c"`}},
		{"arrays of bools", "[true,false]\n", none, []string{"t bool (1, 2) true false"}},
		{"null", "1\nnull\n3\n", none, []string{"t f64 (3) 1 NaN 3"}},
		{"null, by a mask", "1\nnull\n3\n", mask, []string{"t i64 (3) 1 0 3", "t.valid bool (3) true false true"}},
		{"null for an array", "null\n[1,2]\nnull\n[3,null]\n", mask, []string{"t i64 (4, 2) 0 0 1 2 0 0 3 0", "t.valid bool (4, 2) false false true true false false true false"}},
		{"nothing but null", "null\nnull\n", none, []string{"t f64 (2) NaN NaN"}},
		{"strings with null", "\"a\"\nnull\n", mask, []string{`t string (2) "a" ""`, "t.valid bool (2) true false"}},
		{"bools with null", "true\nnull\nfalse\n", none, []string{"t f64 (3) 1 NaN 0"}},
		{"objects", `{"a":1,"b":"x","c":[1.5,2]}` + "\n" + `{"c":[3,4],"a":2,"b":"y"}` + "\n", none, []string{"a i64 (2) 1 2", `b string (2) "x" "y"`, "c f64 (2, 2) 1.5 2 3 4"}},
		{"keys that lines lack", `{"a":1}` + "\n{}\n" + `{"b":[1,2],"a":3}` + "\n" + `{"b":null}` + "\n", none, []string{"a f64 (4) 1 NaN 3 NaN", "b f64 (4, 2) NaN NaN NaN NaN 1 2 NaN NaN"}},
		{"keys that lines lack, by masks", `{"a":1}` + "\n{}\n" + `{"b":[1,2],"a":3}` + "\n", mask, []string{"a i64 (3) 1 0 3", "a.valid bool (3) true false true", "b i64 (3, 2) 0 0 0 0 1 2", "b.valid bool (3, 2) false false false false true true"}},
		{"keys with escapes", `{"a":1}` + "\n" + `{"\u0061":2}` + "\n", none, []string{"a i64 (2) 1 2"}},
		{"keys that are no names", `{"":1,"a\nb":2}` + "\n", none, []string{"column1 i64 (1) 1", "column2 i64 (1) 2"}},
		{"blanks in objects", ` { "a" : [ 1 , 2 ] , "b" : true } ` + "\n", none, []string{"a i64 (1, 2) 1 2", "b bool (1) true"}},
		{"objects without keys", "{}\n{}\n", none, nil},
	} {
		rows++
		f, err := openLines(c.text, "t.jsonl", c.o)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		defer f.Close()
		if got, want := contents(t, f), strings.Join(c.want, "\n"); got != want {
			t.Errorf("%s:\n%s\nwant\n%s", c.name, got, want)
		}
		if r, err := f.Verify(t.Context(), nil); err != nil || !r.OK() {
			t.Errorf("%s: Verify: %+v, %v", c.name, r, err)
		}
	}
	t.Logf("%d files", rows)
}
