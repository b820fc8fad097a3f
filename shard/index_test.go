package shard_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile/shard"
	"github.com/tensorfile/tensorfile/tensor"
)

const (
	uuidA  = "01234567-89ab-cdef-0123-456789abcdef"
	sumA   = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
	shardA = `{"file":"a.tensor","bytes":9000,"uuid":"` + uuidA + `","sha256":"` + sumA + `"}`
	shardB = `{"file":"b.tensor","bytes":9001,"uuid":"` + uuidA + `","sha256":"` + sumA + `"}`
)

// text is an index of two shards with these tensors.
func text(tensors string) string {
	return `{"schema":"tensorfile/shards/1","shards":[` + shardA + `,` + shardB + `],"tensors":{` + tensors + `}}`
}

func TestParse(t *testing.T) {
	x, err := shard.Parse([]byte(text(`"w":{"dtype":"f32","shape":[5,3],"shards":[0,1],"rows":[2,3],"stored":60,"codec":"zstd\nraw","attrs":{"unit":"m"}},"s":{"dtype":"u8","shape":[],"shards":[1]},"r":{"dtype":"f32","shape":[4,9],"layout":"csr","shards":[0]}`)))
	if err != nil {
		t.Fatal(err)
	}
	if len(x.Shards) != 2 || x.Shards[0].Name != "a.tensor" || x.Shards[1].Size != 9001 || x.Shards[0].UUID != uuidA || x.Shards[0].SHA256[31] != 0x1f {
		t.Errorf("%+v", x.Shards)
	}
	want := `[r f32 (4, 9) csr map[] 0 "" [{0 0}]] [s u8 ()  map[] 0 "" [{1 0}]] [w f32 (5, 3)  map[unit:m] 60 "zstd\nraw" [{0 2} {1 3}]]`
	var got []string
	for _, y := range x.Tensors {
		got = append(got, fmt.Sprintf("[%s %v %v %s %v %d %q %v]", y.Name, y.DType, y.Shape, y.Layout, y.Attrs, y.Stored, y.Codec, y.Parts))
	}
	if strings.Join(got, " ") != want {
		t.Errorf("%s, want %s", strings.Join(got, " "), want)
	}
	b, err := x.AppendJSON([]byte("before"))
	if err != nil {
		t.Fatal(err)
	}
	again, err := shard.Parse(b[len("before"):])
	if err != nil || fmt.Sprint(again) != fmt.Sprint(x) {
		t.Errorf("%v, %v", again, err)
	}
	if n := bytes.Count(b, []byte("\n")); n != 8 {
		t.Errorf("%d lines:\n%s", n, b)
	}
}

// bad are texts that are no index, each for one reason.
var bad = []struct {
	name, text string
	kind       error
	says       string
}{
	{"empty", "", tensor.ErrFormat, "the end of the text"},
	{"no object", "[]", tensor.ErrFormat, "an object"},
	{"cut", text("")[:100], tensor.ErrFormat, ""},
	{"bytes behind", text("") + "x", tensor.ErrFormat, "the end of the text"},
	{"a key twice", `{"schema":"tensorfile/shards/1","schema":"tensorfile/shards/1"}`, tensor.ErrDuplicate, "twice"},
	{"no UTF-8", "{\"schema\":\"\xff\"}", tensor.ErrFormat, "0xff"},
	{"deep", strings.Repeat(`{"a":`, 100), tensor.ErrLimit, "depth"},
	{"no schema", `{"shards":[],"tensors":{}}`, tensor.ErrFormat, "schema: got none"},
	{"another schema", `{"schema":"x","shards":[],"tensors":{}}`, tensor.ErrFormat, `schema: got "x"`},
	{"a later version", `{"schema":"tensorfile/shards/2"}`, tensor.ErrUnsupported, "tensorfile/shards/2"},
	{"a key too many", `{"schema":"tensorfile/shards/1","shards":[],"tensors":{},"more":1}`, tensor.ErrFormat, `key: got "more"`},
	{"no shards", `{"schema":"tensorfile/shards/1","tensors":{}}`, tensor.ErrFormat, "shards: got none"},
	{"no tensors", `{"schema":"tensorfile/shards/1","shards":[]}`, tensor.ErrFormat, "tensors: got none"},
	{"attributes", `{"schema":"tensorfile/shards/1","attrs":[],"shards":[],"tensors":{}}`, tensor.ErrFormat, "attrs: got an array"},
	{"a shard twice", strings.Replace(text(""), "b.tensor", "a.tensor", 1), tensor.ErrDuplicate, `shard 1: file: got "a.tensor", as shard 0`},
	{"a path", strings.Replace(text(""), "b.tensor", "../b.tensor", 1), tensor.ErrFormat, `shard 1: file: got "../b.tensor", want a plain name`},
	{"an absolute path", strings.Replace(text(""), "b.tensor", "/etc/passwd", 1), tensor.ErrFormat, "plain name"},
	{"a path of Windows", strings.Replace(text(""), "b.tensor", `c:\\b.tensor`, 1), tensor.ErrFormat, "plain name"},
	{"an address", strings.Replace(text(""), "b.tensor", `http://h/b.tensor`, 1), tensor.ErrFormat, "plain name"},
	{"the folder", strings.Replace(text(""), "b.tensor", `..`, 1), tensor.ErrFormat, "plain name"},
	{"no name", strings.Replace(text(""), "b.tensor", ``, 1), tensor.ErrFormat, "plain name"},
	{"a size below 0", strings.Replace(text(""), "9001", "-1", 1), tensor.ErrFormat, "shard 1: bytes: got -1"},
	{"half a byte", strings.Replace(text(""), "9001", "1.5", 1), tensor.ErrFormat, "shard 1: bytes: got 1.5"},
	{"a size of 2^63", strings.Replace(text(""), "9001", "9223372036854775808", 1), tensor.ErrFormat, "bytes: got 9223372036854775808"},
	{"no UUID", strings.Replace(text(""), uuidA, strings.ToUpper(uuidA), 1), tensor.ErrFormat, "shard 0: uuid"},
	{"a short hash", strings.Replace(text(""), sumA, sumA[:62], 1), tensor.ErrFormat, "shard 0: sha256"},
	{"a long hash", strings.Replace(text(""), sumA, sumA+"00", 1), tensor.ErrFormat, "shard 0: sha256"},
	{"an odd hash", strings.Replace(text(""), sumA, "z"+sumA[1:], 1), tensor.ErrFormat, "shard 0: sha256"},
	{"a key of a shard", strings.Replace(text(""), `"bytes"`, `"size":1,"bytes"`, 1), tensor.ErrFormat, `shard 0: key: got "size"`},
	{"a shard that is a text", `{"schema":"tensorfile/shards/1","shards":["a"],"tensors":{}}`, tensor.ErrFormat, `shard 0: value: got "a"`},
	{"a name", text(`"":{"dtype":"f32","shape":[],"shards":[0]}`), tensor.ErrFormat, "name"},
	{"a tensor that is a number", text(`"w":7`), tensor.ErrFormat, `tensor "w": value: got 7`},
	{"a dtype", text(`"w":{"dtype":"f31","shape":[],"shards":[0]}`), tensor.ErrUnsupported, `tensor "w": dtype: got "f31"`},
	{"another name of a dtype", text(`"w":{"dtype":"float32","shape":[],"shards":[0]}`), tensor.ErrUnsupported, `dtype: got "float32"`},
	{"no shape", text(`"w":{"dtype":"f32","shards":[0]}`), tensor.ErrFormat, "shape: got none"},
	{"an extent below 0", text(`"w":{"dtype":"f32","shape":[-1],"shards":[0]}`), tensor.ErrFormat, "shape: got -1"},
	{"too large", text(`"w":{"dtype":"f32","shape":[4611686018427387904,2],"shards":[0]}`), tensor.ErrOverflow, `tensor "w": shape`},
	{"too many axes", text(`"w":{"dtype":"f32","shape":[` + strings.TrimSuffix(strings.Repeat("1,", 65), ",") + `],"shards":[0]}`), tensor.ErrLimit, "65 axes"},
	{"in no shard", text(`"w":{"dtype":"f32","shape":[2],"shards":[]}`), tensor.ErrFormat, "rows: got 0 for 0 shards"},
	{"a shard that is not there", text(`"w":{"dtype":"f32","shape":[2],"shards":[2]}`), tensor.ErrFormat, "ascending numbers below 2"},
	{"shards backwards", text(`"w":{"dtype":"f32","shape":[2],"shards":[1,0],"rows":[1,1]}`), tensor.ErrFormat, "shards: got [1 0]"},
	{"a shard twice for a tensor", text(`"w":{"dtype":"f32","shape":[2],"shards":[1,1],"rows":[1,1]}`), tensor.ErrFormat, "shards: got [1 1]"},
	{"no rows", text(`"w":{"dtype":"f32","shape":[2],"shards":[0,1]}`), tensor.ErrFormat, "rows: got 0 for 2 shards"},
	{"rows of one shard", text(`"w":{"dtype":"f32","shape":[2],"shards":[0],"rows":[2]}`), tensor.ErrFormat, "rows: got 1 for 1 shards"},
	{"too few rows", text(`"w":{"dtype":"f32","shape":[4],"shards":[0,1],"rows":[1,2]}`), tensor.ErrFormat, "rows: got 1 fewer"},
	{"too many rows", text(`"w":{"dtype":"f32","shape":[4],"shards":[0,1],"rows":[1,4]}`), tensor.ErrFormat, "rows: got 4 of the 3"},
	{"no row of a shard", text(`"w":{"dtype":"f32","shape":[4],"shards":[0,1],"rows":[0,4]}`), tensor.ErrFormat, "rows: got 0 of the 4"},
	{"rows that wrap around", text(`"w":{"dtype":"u8","shape":[4],"shards":[0,1],"rows":[9223372036854775807,9223372036854775807]}`), tensor.ErrFormat, "rows: got 9223372036854775807"},
	{"rows of a scalar", text(`"w":{"dtype":"f32","shape":[],"shards":[0,1],"rows":[1,1]}`), tensor.ErrFormat, "a dense tensor with an axis 0"},
	{"rows of a composite", text(`"w":{"dtype":"f32","shape":[2,2],"layout":"csr","shards":[0,1],"rows":[1,1]}`), tensor.ErrFormat, "a dense tensor with an axis 0"},
	{"half a unit", text(`"w":{"dtype":"i4","shape":[4],"shards":[0,1],"rows":[1,3]}`), tensor.ErrFormat, "whole units"},
	{"a layout", text(`"w":{"dtype":"f32","shape":[2],"layout":"","shards":[0]}`), tensor.ErrFormat, "layout"},
	{"attributes of a tensor", text(`"w":{"dtype":"f32","shape":[2],"attrs":7,"shards":[0]}`), tensor.ErrFormat, "attrs: got 7"},
	{"stored bytes", text(`"w":{"dtype":"f32","shape":[2],"stored":-7,"shards":[0]}`), tensor.ErrFormat, "stored: got -7"},
	{"no codec", text(`"w":{"dtype":"f32","shape":[2],"codec":"","shards":[0]}`), tensor.ErrFormat, `codec: got ""`},
	{"a codec by its number", text(`"w":{"dtype":"f32","shape":[2],"codec":7,"shards":[0]}`), tensor.ErrFormat, "codec: got 7"},
	{"a key of a tensor", text(`"w":{"dtype":"f32","shape":[2],"offset":0,"shards":[0]}`), tensor.ErrFormat, `key: got "offset"`},
}

func TestParseRefuses(t *testing.T) {
	for _, c := range bad {
		x, err := shard.Parse([]byte(c.text))
		var e *tensor.Error
		if err == nil || !errors.Is(err, c.kind) || !strings.Contains(err.Error(), c.says) || !errors.As(err, &e) {
			t.Errorf("%s: %v, %v", c.name, x, err)
		}
	}
}

// FuzzParse reads any text. What is an index is the same one when it is written and
// read again, and what it says holds.
func FuzzParse(f *testing.F) {
	f.Add([]byte(text(`"w":{"dtype":"f32","shape":[5,3],"shards":[0,1],"rows":[2,3]},"s":{"dtype":"u8","shape":[],"shards":[1]}`)))
	for _, c := range bad {
		f.Add([]byte(c.text))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		x, err := shard.Parse(b)
		if err != nil {
			var e *tensor.Error
			if !errors.As(err, &e) {
				t.Fatalf("%T: %v", err, err)
			}
			return
		}
		if !slices.IsSortedFunc(x.Tensors, func(a, b shard.Tensor) int { return strings.Compare(a.Name, b.Name) }) {
			t.Fatal("names are not ascending")
		}
		for _, y := range x.Tensors {
			rows := int64(0)
			for _, p := range y.Parts {
				if p.Shard < 0 || p.Shard >= len(x.Shards) {
					t.Fatalf("%q is in shard %d", y.Name, p.Shard)
				}
				rows += p.Rows
			}
			if len(y.Parts) > 1 && rows != y.Shape[0] {
				t.Fatalf("%q: %d rows of %d", y.Name, rows, y.Shape[0])
			}
		}
		for _, s := range x.Shards {
			if strings.ContainsAny(s.Name, `/\:`) || s.Name == ".." || s.Size < 0 {
				t.Fatalf("shard %+v", s)
			}
		}
		first, err := x.AppendJSON(nil)
		if err != nil {
			t.Fatalf("%v\n%s", err, b)
		}
		again, err := shard.Parse(first)
		if err != nil {
			t.Fatalf("%v\n%s", err, first)
		}
		second, err := again.AppendJSON(nil)
		if err != nil || !bytes.Equal(first, second) {
			t.Fatalf("%v\n%s\n%s", err, first, second)
		}
		if _, err := shard.Join(x, x); err != nil {
			var e *tensor.Error
			if !errors.As(err, &e) {
				t.Fatalf("%T: %v", err, err)
			}
		}
	})
}
