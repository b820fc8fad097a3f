package csv_test

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	_ "github.com/tensorfile/tensorfile/convert/csv"
	"github.com/tensorfile/tensorfile/mmap"
	"github.com/tensorfile/tensorfile/tensor"
)

// openCSV opens a text as a file of that name.
func openCSV(text, path string, o convert.TableOptions) (*tensorfile.File, error) {
	oo := &convert.OpenOptions{}
	oo.Columns = o
	return convert.OpenMap(context.Background(), mmap.NewReaderAt(strings.NewReader(text), int64(len(text)), path), oo)
}

// contents is each tensor of f as a line of text: its name, dtype, shape and
// elements, floats by their bits where it matters.
func contents(t testing.TB, f *tensorfile.File) (list []string) {
	t.Helper()
	for x, err := range f.Tensors() {
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, content(t, x))
	}
	return list
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
			e, err = raw[i] != 0, nil
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
	var (
		none   = convert.TableOptions{}
		mask   = convert.TableOptions{Missing: convert.MissingMask}
		matrix = convert.TableOptions{Matrix: convert.Yes}
		single = convert.TableOptions{Matrix: convert.No}
		bare   = convert.TableOptions{Header: convert.No}
		head   = convert.TableOptions{Header: convert.Yes}
	)
	rows := 0
	for _, c := range []struct {
		name, text string
		o          convert.TableOptions
		want       []string
	}{
		{"columns", "a,b,c\n1,2.5,x\n3,4,y\n", none, []string{"a i64 (2) 1 3", "b f64 (2) 2.5 4", `c string (2) "x" "y"`}},
		{"no last line end", "a,b\n1,2", none, []string{"a i64 (1) 1", "b i64 (1) 2"}},
		{"CR LF", "a,b\r\n1,2\r\n3,4\r\n", none, []string{"a i64 (2) 1 3", "b i64 (2) 2 4"}},
		{"CR at the end", "a,b\r\n1,2\r", none, []string{"a i64 (1) 1", "b i64 (1) 2"}},
		{"a mark", "\ufeffa,b\n1,2\n", none, []string{"a i64 (1) 1", "b i64 (1) 2"}},
		{"matrix of integers", "1,2,3\n4,5,6\n", none, []string{"t i64 (2, 3) 1 2 3 4 5 6"}},
		{"matrix of floats", "1,2\n3.5,4\n", none, []string{"t f64 (2, 2) 1 2 3.5 4"}},
		{"matrix of bools", "true,false\nFALSE,True\n", none, []string{"t bool (2, 2) true false false true"}},
		{"matrix of one column", "1\n2\n\n3\n", none, []string{"t i64 (3, 1) 1 2 3"}},
		{"bools and numbers", "1,true\n2,false\n", none, []string{"column1 i64 (2) 1 2", "column2 bool (2) true false"}},
		{"numbers and text", "1,x\n2,y\n", none, []string{"column1 i64 (2) 1 2", `column2 string (2) "x" "y"`}},
		{"matrix below a header", "a,b\n1,2\n3,4\n", matrix, []string{"t i64 (2, 2) 1 2 3 4"}},
		{"columns of numbers alone", "1,2\n3,4\n", single, []string{"column1 i64 (2) 1 3", "column2 i64 (2) 2 4"}},
		{"no header", "a,b\nc,d\n", bare, []string{`column1 string (2) "a" "c"`, `column2 string (2) "b" "d"`}},
		{"a header of numbers", "1,2\n3,4\n", head, []string{"1 i64 (1) 3", "2 i64 (1) 4"}},
		{"a header alone", "a,b\n", none, []string{"a f64 (0)", "b f64 (0)"}},
		{"an index without a name", ",a\n0,5\n1,6\n", none, []string{"column1 i64 (2) 0 1", "a i64 (2) 5 6"}},
		{"names twice", "a,a,a.2,a\n1,2,3,4\n", none, []string{"a i64 (1) 1", "a.3 i64 (1) 2", "a.2 i64 (1) 3", "a.4 i64 (1) 4"}},
		{"blanks in the header", " a , b\n1,2\n", none, []string{"a i64 (1) 1", "b i64 (1) 2"}},
		{"a header in quotes", "\"1990\",\"a,b\"\n1,2\n", none, []string{"1990 i64 (1) 1", "a,b i64 (1) 2"}},
		{"a header of three lines", "\"a\nb\nc\",d\n1,2\n", none, []string{"column1 i64 (1) 1", "d i64 (1) 2"}},
		{"limits of i64", "x\n9223372036854775807\n-9223372036854775808\n", none, []string{"x i64 (2) 9223372036854775807 -9223372036854775808"}},
		{"u64", "x\n1\n18446744073709551615\n", none, []string{"x u64 (2) 1 18446744073709551615"}},
		{"neither", "x\n-1\n9223372036854775808\n", none, []string{"x f64 (2) -1 9.223372036854776e+18"}},
		{"too large for u64", "x\n1\n18446744073709551616\n", none, []string{"x f64 (2) 1 1.8446744073709552e+19"}},
		{"signs and zeros", "x\n+5\n007\n-0012\n", none, []string{"x i64 (3) 5 7 -12"}},
		{"minus zero", "x\n1\n-0\n", none, []string{"x f64 (2) 1 -0"}},
		{"floats", "x\n.5\n5.\n1e3\n-2.5E-3\n+1.5\n", none, []string{"x f64 (5) 0.5 5 1000 -0.0025 1.5"}},
		{"no finite floats", "x\ninf\n-Infinity\nNaN\nnan\n1e999\n", none, []string{"x f64 (5) +Inf -Inf NaN NaN +Inf"}},
		{"blanks", "x,y\n 1 , a \n\t2,b\n", none, []string{"x i64 (2) 1 2", `y string (2) " a " "b"`}},
		{"no numbers", "x\n0x10\n", none, []string{`x string (1) "0x10"`}},
		{"more that is none", "a,b,c,d,e\n1_000,1 2,--1,1e,infx\n", none, []string{`a string (1) "1_000"`, `b string (1) "1 2"`, `c string (1) "--1"`, `d string (1) "1e"`, `e string (1) "infx"`}},
		{"bools and text", "x\ntrue\nyes\n", none, []string{`x string (2) "true" "yes"`}},
		{"a bool among numbers", "x\n1\ntrue\n", none, []string{`x string (2) "1" "true"`}},
		{"text that begins as numbers", "x,y\n007,1\n1.50,2\nend,3\n", none, []string{`x string (3) "007" "1.50" "end"`, "y i64 (3) 1 2 3"}},
		{"missing", "a,b,c,d\n1,2.5,true,x\n,,,\n3,NA,null,NA\n", none, []string{"a f64 (3) 1 NaN 3", "b f64 (3) 2.5 NaN NaN", "c f64 (3) 1 NaN NaN", `d string (3) "x" "" "NA"`}},
		{"missing, by masks", "a,b,c,d,e\n1,2.5,true,x,1\n,,,,2\n3,NA,null,NA,3\n", mask, []string{
			"a i64 (3) 1 0 3", "a.valid bool (3) true false true", "b f64 (3) 2.5 NaN NaN", "b.valid bool (3) true false false",
			"c bool (3) true false false", "c.valid bool (3) true false false", `d string (3) "x" "" "NA"`, "d.valid bool (3) true false true", "e i64 (3) 1 2 3"}},
		{"nothing but missing", "a,b\n,NA\n,NA\n", none, []string{"a f64 (2) NaN NaN", "b f64 (2) NaN NaN"}},
		{"all words", "x\n5\n" + strings.Join([]string{"NA", "N/A", "n/a", "#N/A", "<NA>", "NULL", "Null", "null", "None", "none", `\N`, " NA "}, "\n") + "\n", none, []string{"x f64 (13) 5" + strings.Repeat(" NaN", 12)}},
		{"a matrix with gaps", "1,\n,4\n", none, []string{"t f64 (2, 2) 1 NaN NaN 4"}},
		{"a matrix with gaps, by a mask", "1,\n,4\n", mask, []string{"t i64 (2, 2) 1 0 0 4", "t.valid bool (2, 2) true false false true"}},
		{"quotes", "a,b\n\"x,y\",1\n\"say \"\"no\"\"\",2\n\"two\nlines\r\n\",3\n\"\",4\n", none, []string{`a string (4) "x,y" "say \"no\"" "two\nlines\r\n" ""`, "b i64 (4) 1 2 3 4"}},
		{"quotes make text", "a,b\n\"1\",2\n\"NA\",3\n", none, []string{`a string (2) "1" "NA"`, "b i64 (2) 2 3"}},
		{"quotes around all", "\"a\",\"b\"\n\"1\",\"x\"\n\"\",\"\"\n\"2\",\"y\"\n", none, []string{"a f64 (3) 1 NaN 2", `b string (3) "x" "" "y"`}},
		{"text later", "a\n1\n\"1\"\n", none, []string{`a string (2) "1" "1"`}},
		{"empty lines", "\n\na,b\n\n1,2\r\n\r\n3,4\n\n", none, []string{"a i64 (2) 1 3", "b i64 (2) 2 4"}},
		{"NUL and others", "a\nx\x00y\n\x01\n", none, []string{`a string (2) "x\x00y" "\x01"`}},
		{"characters", "é,漢\n😀,\u2028\n", none, []string{`é string (1) "😀"`, `漢 string (1) "\u2028"`}},
		{"semicolons", "a;b\n1;2,5\n", convert.TableOptions{Delimiter: ';'}, []string{"a i64 (1) 1", `b string (1) "2,5"`}},
	} {
		rows++
		f, err := openCSV(c.text, "t.csv", c.o)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		defer f.Close()
		if got, want := strings.ReplaceAll(strings.Join(contents(t, f), "\n"), ",)", ")"), strings.Join(c.want, "\n"); got != want {
			t.Errorf("%s:\n%s\nwant\n%s", c.name, got, want)
		}
		if r, err := f.Verify(t.Context(), nil); err != nil || !r.OK() {
			t.Errorf("%s: Verify: %+v, %v", c.name, r, err)
		}
	}
	t.Logf("%d tables", rows)
	f, err := openCSV("a\tb\n1\t2,5\n", "t.tsv", none)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if got := strings.ReplaceAll(strings.Join(contents(t, f), "\n"), ",)", ")"); got != "a i64 (1) 1\nb string (1) \"2,5\"" {
		t.Error(got)
	}
}

// native makes a .tensor file in memory.
func native(t testing.TB, add func(w *tensorfile.Writer) error) *tensorfile.File {
	t.Helper()
	var out bytes.Buffer
	w, err := tensorfile.NewWriter(&out, nil)
	if err == nil {
		err = add(w)
	}
	if err == nil {
		err = w.Commit(context.Background())
	}
	if err != nil {
		t.Fatal(err)
	}
	f, err := tensorfile.OpenReaderAt(bytes.NewReader(out.Bytes()), int64(out.Len()), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}
