package jsonl_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/convert/internal/records"
	"github.com/tensorfile/tensorfile/internal/badinput"
	"github.com/tensorfile/tensorfile/tensor"
)

// leaf is an element as the twin sees it.
type leaf struct {
	what byte // n null, b bool, s string, i whole number, u beyond i64, f
	text string
	f    float64
}

var errUneven = errors.New("uneven")

// flatten appends the elements of a value of encoding/json. shape is that of the
// values before, nil if there are none.
func flatten(x any, shape *[]int64, depth int, list []leaf) ([]leaf, error) {
	fixed := *shape != nil
	switch x := x.(type) {
	case []any:
		if fixed && (depth >= len(*shape) || (*shape)[depth] != int64(len(x))) {
			return nil, errUneven
		}
		var inner []int64
		if fixed {
			inner = *shape
		}
		for i, y := range x {
			var err error
			one := []int64(nil)
			if inner != nil {
				one = inner
			}
			if list, err = flatten(y, &one, depth+1, list); err != nil {
				return nil, err
			}
			if i == 0 && inner == nil {
				inner = one
			}
		}
		if !fixed {
			if inner == nil {
				inner = make([]int64, depth+1)
			}
			inner = slices.Clone(inner)
			inner[depth] = int64(len(x))
			*shape = inner
		}
		return list, nil
	case map[string]any:
		return nil, errUneven
	}
	if fixed && len(*shape) != depth {
		return nil, errUneven
	}
	if !fixed {
		*shape = make([]int64, depth)
	}
	switch x := x.(type) {
	case nil:
		return append(list, leaf{what: 'n'}), nil
	case bool:
		l := leaf{what: 'b'}
		if x {
			l.f = 1
		}
		return append(list, l), nil
	case string:
		return append(list, leaf{what: 's', text: x}), nil
	}
	s := string(x.(json.Number))
	f, _ := strconv.ParseFloat(s, 64)
	l := leaf{what: 'f', text: s, f: f}
	if _, err := strconv.ParseInt(s, 10, 64); err == nil && s != "-0" {
		l.what = 'i'
	} else if _, err := strconv.ParseUint(s, 10, 64); err == nil {
		l.what = 'u'
	}
	return append(list, l), nil
}

// column is what the twin knows of one.
type column struct {
	shape []int64
	rows  [][]leaf // nil: missing
}

// twin reads lines by encoding/json and strconv, by the rules of the package. It
// does not know what is no JSON.
func twin(text string) ([]string, error) {
	columns := map[string]*column{}
	var order []string
	rows := 0
	objects := false
	for line := range strings.SplitSeq(text, "\n") {
		if strings.Trim(line, " \t\r") == "" {
			continue
		}
		d := json.NewDecoder(strings.NewReader(line))
		d.UseNumber()
		var x any
		if err := d.Decode(&x); err != nil {
			return nil, err
		}
		if d.More() || !json.Valid([]byte(line)) {
			return nil, errors.New("more")
		}
		object, ok := x.(map[string]any)
		if rows == 0 {
			objects = ok
		}
		if ok != objects {
			return nil, errUneven
		}
		keys := []string{""}
		if ok {
			keys = keysOf(line)
		} else {
			object = map[string]any{"": x}
		}
		for _, k := range keys {
			c := columns[k]
			if c == nil {
				c = &column{rows: make([][]leaf, rows)}
				columns[k] = c
				order = append(order, k)
			}
			if object[k] == nil && (c.shape == nil || len(c.shape) > 0) {
				c.rows = append(c.rows, nil)
				continue
			}
			list, err := flatten(object[k], &c.shape, 0, []leaf{})
			if err != nil {
				return nil, err
			}
			c.rows = append(c.rows, list)
		}
		rows++
		for _, c := range columns {
			for len(c.rows) < rows {
				c.rows = append(c.rows, nil)
			}
		}
	}
	var out []string
	for i, k := range order {
		s, err := columns[k].describe(rows)
		if err != nil {
			return nil, err
		}
		name := "t"
		if objects {
			if name = k; k == "" || strings.ContainsFunc(k, func(r rune) bool { return r < ' ' || r >= 0x7f && r < 0xa0 }) || len(k) > 1024 {
				name = fmt.Sprintf("column%d", i+1)
			}
		}
		out = append(out, name+" "+s)
	}
	return out, nil
}

// keysOf are the keys of an object in order.
func keysOf(line string) (keys []string) {
	d := json.NewDecoder(strings.NewReader(line))
	d.Token()
	for d.More() {
		k, _ := d.Token()
		keys = append(keys, k.(string))
		var skip json.RawMessage
		d.Decode(&skip)
	}
	return keys
}

func (c *column) describe(rows int) (string, error) {
	width := int64(1)
	for _, n := range c.shape {
		width *= n
	}
	var all []leaf
	for _, row := range c.rows {
		if row == nil {
			row = slices.Repeat([]leaf{{what: 'n'}}, int(width))
			all = append(all, leaf{what: 'm'})
		}
		all = append(all, row...)
	}
	have := map[byte]bool{}
	negative := false
	for _, x := range all {
		have[x.what] = true
		negative = negative || x.what == 'i' && x.f < 0
	}
	numbers := have['i'] || have['u'] || have['f']
	missing := have['n'] || have['m']
	dtype := "f64"
	switch {
	case have['s'] && (numbers || have['b']), have['b'] && numbers:
		return "", errUneven
	case have['s']:
		dtype = "string"
	case missing, have['f'], have['u'] && negative:
	case have['b']:
		dtype = "bool"
	case have['u']:
		dtype = "u64"
	case have['i']:
		dtype = "i64"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s %v", dtype, append(tensor.Shape{int64(rows)}, c.shape...))
	for _, x := range all {
		switch {
		case x.what == 'm':
		case dtype == "string":
			fmt.Fprintf(&b, " %q", x.text)
		case dtype == "bool":
			fmt.Fprintf(&b, " %v", x.f != 0)
		case dtype == "f64" && x.what == 'n':
			fmt.Fprint(&b, " NaN")
		case dtype == "f64" && x.f == 0 && math.Signbit(x.f):
			fmt.Fprint(&b, " -0")
		case dtype == "f64":
			fmt.Fprintf(&b, " %v", x.f)
		default:
			fmt.Fprintf(&b, " %s", x.text)
		}
	}
	return strings.ReplaceAll(b.String(), ",)", ")"), nil
}

// FuzzRead: what encoding/json reads and refuses, this package does, but for what
// the documentation says, and the values are those of strconv, in blocks of any
// size; what was read is written and read again as the same.
func FuzzRead(f *testing.F) {
	for _, x := range badinput.Texts(f, "testdata/bad.json") {
		b, err := x.Bytes()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, uint8(0))
	}
	for _, s := range []string{"1\n2.5\nnull\n", "[[1,2],[3,null]]\nnull\n", `{"a":1,"b":[true]}` + "\n{}\n" + `{"b":[false],"c":"\u00e9\ud83d\ude00"}`, "[]\n[]", "NaN\n-Infinity\n", "[18446744073709551615,-0]\n"} {
		f.Add([]byte(s), uint8(3))
	}
	f.Fuzz(func(t *testing.T, b []byte, size uint8) {
		defer func(n int) { records.BlockSize = n }(records.BlockSize)
		records.BlockSize = 1 + int(size)
		text := string(b)
		g, err := openLines(text, "t.jsonl", convert.TableOptions{})
		if e := new(tensorfile.Error); err != nil && !errors.As(err, &e) {
			t.Fatalf("%T %v", err, err)
		}
		plain := strings.TrimPrefix(text, "\ufeff")
		known := utf8.ValidString(text) && strings.Trim(plain, " \t\r\n") != "" && !strings.Contains(text, "NaN") && !strings.Contains(text, "Infinity") &&
			!errors.Is(err, tensor.ErrLimit) && !errors.Is(err, tensor.ErrDuplicate) && (err == nil || !strings.Contains(err.Error(), "surrogate")) &&
			!strings.Contains(text, "column") && !bytes.Contains(b, []byte("\xef\xbf\xbd"))
		if known {
			want, twinErr := twin(plain)
			if (err != nil) != (twinErr != nil) {
				t.Fatalf("%q: %v; encoding/json: %v", text, err, twinErr)
			}
			if err == nil {
				if got := contents(t, g); got != strings.Join(want, "\n") {
					t.Fatalf("%q:\n%s\nwant\n%s", text, got, strings.Join(want, "\n"))
				}
			}
		}
		if err != nil {
			return
		}
		defer g.Close()
		if len(g.Layout().Tensors) == 0 {
			return
		}
		again, err := written(t, g)
		if err != nil {
			t.Fatal(err)
		}
		h, err := openLines(string(again), "t.jsonl", convert.TableOptions{})
		if err != nil {
			t.Fatalf("%q: %v", again, err)
		}
		defer h.Close()
		one, two := contents(t, g), contents(t, h)
		if len(g.Layout().Tensors) == 1 { // whose name is lost
			_, one, _ = strings.Cut(one, g.Layout().Tensors[0].Name)
			_, two, _ = strings.Cut(two, h.Layout().Tensors[0].Name)
		}
		if one != two {
			t.Fatalf("%q:\n%s\ncame back from %q as\n%s", text, one, again, two)
		}
	})
}

func written(t testing.TB, f *tensorfile.File, names ...string) ([]byte, error) {
	t.Helper()
	var src []convert.Source
	for x, err := range f.Tensors() {
		if err != nil {
			t.Fatal(err)
		}
		if len(names) == 0 || slices.Contains(names, x.Name()) {
			src = append(src, convert.Source{Tensor: x, As: x.Name()})
		}
	}
	fm, _ := convert.ByName("jsonl")
	var out bytes.Buffer
	err := fm.Write(t.Context(), &out, src, nil)
	return out.Bytes(), err
}
