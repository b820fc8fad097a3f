package jsonl_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/convert/internal/records"
	"github.com/tensorfile/tensorfile/convert/jsonl"
	"github.com/tensorfile/tensorfile/mmap"
	"github.com/tensorfile/tensorfile/tensor"
)

// Blocks are parsed each for itself; what does not go together is found between
// them as it is inside of one.
func TestRefusedBetweenBlocks(t *testing.T) {
	defer func(n int) { records.BlockSize = n }(records.BlockSize)
	keys := func(from, to int) string {
		var b strings.Builder
		for i := from; i < to; i++ {
			fmt.Fprintf(&b, `,"k%05d":1`, i)
		}
		return "{" + b.String()[1:] + "}\n"
	}
	var each strings.Builder
	for i := range 1500 {
		fmt.Fprintf(&each, "{\"k%04d\":1}\n", i) // a block for each
	}
	whole := convert.TableOptions{Missing: convert.MissingError}
	for _, c := range []struct {
		what, text string
		o          convert.TableOptions
		kind       error
		offset     int64
		field      string
		got, want  string
	}{
		{"class", "[1, 2, 3, 4, 5]\n[1, 2, 3, 4, 5]\n[\"a\",\"b\",1,2,3]\n", convert.TableOptions{}, tensor.ErrDType, 41, "line 3, column 10", "a number", "a string, as before"},
		{"class between blocks", "[1, 2, 3, 4, 5]\n[\"a\",\"b\"]       \n", convert.TableOptions{}, tensor.ErrDType, 16, "line 2", "a string", "a number, as in the lines before"},
		{"class of a key", "{\"key\":12345678}\n\n{\"key\":true}    \n", convert.TableOptions{}, tensor.ErrDType, 25, `line 3, key "key"`, "a bool", "a number, as in the lines before"},
		{"shape between blocks", "[1, 2, 3, 4, 5]\n[1, 2, 3, 4]   \n", convert.TableOptions{}, tensor.ErrShape, 16, "line 2", "(4,)", "(5,), the shape in the lines before"},
		{"keys", keys(0, 40_000) + keys(40_000, 80_000), convert.TableOptions{}, tensor.ErrLimit, 0, "", "more than 65536 keys", "fewer"},
		{"keys that lines lack", each.String(), convert.TableOptions{}, tensor.ErrLimit, -1, "values, with those that lines lack", "16796808 bytes", "at most 16777216"},
		{"a new key", "{\"key\":12345678}\n{\"key\":1,\"k\":2} \n", whole, tensor.ErrUnsupported, -1, `line 2, key "k"`, "not there, or not in the lines before", "the same keys in every line"},
		{"a key no more", "{\"a\":12,\"b\":345}\n{\"b\":12345678 } \n", whole, tensor.ErrUnsupported, -1, `line 2, key "a"`, "not there, or not in the lines before", "the same keys in every line"},
	} {
		records.BlockSize = 16
		if c.what == "keys" { // key 65536, of 8 characters more than its value
			c.offset = int64(len(keys(0, 40_000)) + 25_536*len(`"k00000":1,`) + len(`{"k00000":`))
			c.field = `line 2, key "k65536"`
		}
		f, err := openLines(c.text, "t.jsonl", c.o)
		if err == nil {
			f.Close()
		}
		var e *tensor.Error
		if !errors.Is(err, c.kind) || !errors.As(err, &e) || e.Offset != c.offset || e.Field != c.field || e.Got != c.got || e.Want != c.want || e.Path != "t.jsonl" || e.Format != "jsonl" {
			t.Errorf("%s: %v, want offset %d: %s: got %s, want %s", c.what, err, c.offset, c.field, c.got, c.want)
		}
	}
}

// Errors quote at most 20 bytes, of whole characters.
func TestExcerpts(t *testing.T) {
	for text, got := range map[string]string{
		"x" + strings.Repeat("é", 15) + "\n": `"x` + strings.Repeat("é", 9) + `"`,
		"x" + strings.Repeat("y", 30) + "\n": `"x` + strings.Repeat("y", 19) + `"`,
		"x" + strings.Repeat("y", 19) + "\n": `"x` + strings.Repeat("y", 19) + `"`,
		`"\u12`:                              `"\\u12"`,
		`"\u12"`:                             `"\\u12\""`,
		`{"\ud83d":1}`:                       `surrogate \ud83d alone`,
		`"\ud83d\u0041"`:                     `surrogate \ud83d alone`,
		`"\ude00"`:                           `surrogate \ude00 alone`,
		"\"zzz\x01\"":                        "control character 0x01 in a string",
	} {
		f, err := openLines(text, "t.jsonl", convert.TableOptions{})
		if err == nil {
			f.Close()
		}
		var e *tensor.Error
		if !errors.Is(err, tensor.ErrFormat) && !errors.Is(err, tensor.ErrDType) || !errors.As(err, &e) || e.Got != got {
			t.Errorf("%q: %v, want got %s", text, err, got)
		}
	}
}

// What is no UTF-8 is mended on request, U+FFFD for each maximal subpart, and so
// are surrogates without their partners.
func TestReplaceInvalid(t *testing.T) {
	const text = "{\"a\":\"x\xffy\",\"k\xc3\":\"\xe6\xbcz\"}\n{\"a\":\"\\ud83d!\\ude00\\n\xf0\x9f\",\"k\xc3\":\"ok\"}\n"
	o := &convert.OpenOptions{}
	in := func() *mmap.Map {
		return mmap.NewReaderAt(strings.NewReader(text), int64(len(text)), "t.jsonl")
	}
	var e *tensor.Error
	if _, err := convert.OpenMap(t.Context(), in(), o); !errors.Is(err, tensor.ErrFormat) || !errors.As(err, &e) || e.Offset != 7 || e.Field != "line 1, column 8" || e.Got != "ff" || e.Want != "UTF-8" {
		t.Errorf("%v", err)
	}
	o.ReplaceInvalid = true
	f, err := convert.OpenMap(t.Context(), in(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if got := contents(t, f); got != "a string (2) \"x\ufffdy\" \"\ufffd!\ufffd\\n\ufffd\"\nk\ufffd string (2) \"\ufffdz\" \"ok\"" {
		t.Error(got)
	}
}

// One tensor is called like its file, if that is a name.
func TestNames(t *testing.T) {
	for path, want := range map[string]string{"a.jsonl": "a", "dir/b.NDJSON": "b", "c.txt": "c.txt", ".jsonl": ".jsonl", "x\ny.jsonl": "values"} {
		o := &convert.OpenOptions{Format: "jsonl"}
		f, err := convert.OpenMap(t.Context(), mmap.NewReaderAt(strings.NewReader("1\n"), 2, path), o)
		if err != nil {
			t.Fatal(err)
		}
		if got := f.Layout().Tensors[0].Name; got != want {
			t.Errorf("%q is called %q, want %q", path, got, want)
		}
		f.Close()
	}
}

// swapped gives another text from some point on.
type swapped struct {
	text *string
}

func (s swapped) ReadAt(p []byte, at int64) (int, error) {
	return bytes.NewReader([]byte(*s.text)).ReadAt(p, at)
}

// A file that is another one when it is parsed again: what does not fit is an
// error, also in a key that is not wanted.
func TestChangedWhileOpen(t *testing.T) {
	defer jsonl.SetBudget(1)()
	const before = "{\"a\":1,\"b\":2}\n{\"a\":3,\"b\":4}\n"
	for _, c := range []struct {
		after  string
		kind   error
		offset int64
		got    string
	}{
		{"{\"a\":1,\"b\":2}\n{\"a\":3,\"b\":4 \n", tensor.ErrFormat, 27, "the end of the line"},
		{"{\"a\":1,\"b\":2}\n{\"a\":3,\"b\":\"\n\n", tensor.ErrFormat, 25, "a string that is not closed"},
		{"{\"a\":1,\"b\":2}\n{\"a\":3 \"b\":4}\n", tensor.ErrFormat, 21, `"\"b\":4}"`},
		{"{\"a\":1,\"b\":2}\n[\"a\",3,\"b\",4]\n", tensor.ErrDType, 14, `"[\"a\",3,\"b\",4]"`},
		{"{\"a\":1,\"b\":2}\n{\"a\":.,\"b\":4}\n", tensor.ErrFormat, 19, `".,\"b\":4}"`},
		{"{\"a\":1,\"b\":2}\n{\"a\":3,\"b\":4}  ", nil, 0, ""},
		{"{\"a\":1,\"b\":2}\n              ", tensor.ErrChanged, -1, "other values"},
		{"{\"a\":1,\"b\":2}\n{\"c\":3,\"b\":4}\n", tensor.ErrChanged, -1, "other values"},
		{"{\"a\":1,\"b\":2}\n{\"a\":5,\"b\":[{]", tensor.ErrFormat, 28, "the end of the line"},
	} {
		text := before
		f, err := convert.OpenMap(context.Background(), mmap.NewReaderAt(swapped{&text}, int64(len(before)), "t.jsonl"), nil)
		if err != nil {
			t.Fatal(err)
		}
		x, err := f.Tensor("a")
		if err != nil {
			t.Fatal(err)
		}
		text = c.after
		_, err = x.Read(t.Context())
		var e *tensor.Error
		if !errors.Is(err, c.kind) || c.kind != nil && (!errors.As(err, &e) || e.Offset != c.offset || e.Got != c.got) {
			t.Errorf("%q: %v, want offset %d: got %s", c.after, err, c.offset, c.got)
		}
		f.Close()
	}
}
