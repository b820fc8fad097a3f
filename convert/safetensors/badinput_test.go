package safetensors_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/internal/badinput"
	"github.com/tensorfile/tensorfile/tensor"
)

// TestBadInput goes through rows S01 to S25 of the catalogue.
func TestBadInput(t *testing.T) {
	var rows []badinput.Row
	add := func(id, what string, b []byte, kind error, says ...string) *badinput.Row {
		rows = append(rows, badinput.Row{ID: id, What: what, Format: "safetensors", From: "safetensors", Kind: kind, Says: says, Make: func(t testing.TB, dir string) string {
			path := filepath.Join(dir, "a.safetensors")
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
			return path
		}})
		return &rows[len(rows)-1]
	}
	u64 := func(n uint64, more ...byte) []byte {
		b := make([]byte, 8)
		for i := range b {
			b[i] = byte(n >> (8 * i))
		}
		return append(b, more...)
	}
	shapes := func(want map[string]string) func(t testing.TB, f *tensorfile.File) {
		return func(t testing.TB, f *tensorfile.File) {
			t.Helper()
			for name, w := range want {
				if x, err := f.Tensor(name); err != nil || x.Shape().String() != w {
					t.Errorf("%s: %v, want shape %s, %v", name, x, w, err)
				}
			}
		}
	}
	// one is a tensor of four bytes whose object has the text.
	one := func(object string) []byte { return file(`{"a":{`+object+`}}`, 1, 2, 3, 4) }
	with := func(key, value string) []byte {
		m := map[string]string{"dtype": `"U8"`, "shape": "[4]", "data_offsets": "[0,4]"}
		m[key] = value
		return one(fmt.Sprintf(`"dtype":%s,"shape":%s,"data_offsets":%s`, m["dtype"], m["shape"], m["data_offsets"]))
	}
	const good = `"dtype":"U8","shape":[4],"data_offsets":[0,4]`

	for n := range 8 {
		add("S01", fmt.Sprintf("%d bytes", n), make([]byte, n), tensor.ErrTruncated, "offset 0: header length: got", "want 8 bytes")
	}
	add("S02", "100,000,001", u64(100_000_001, []byte("{}")...), tensor.ErrLimit, "header length: got 100000001, want at most 100000000")
	add("S02", "2^63", u64(1<<63, []byte("{}")...), tensor.ErrLimit, "got 9223372036854775808")
	add("S02", "2^64-1", u64(1<<64-1, []byte("{}")...), tensor.ErrLimit, "got 18446744073709551615")
	add("S03", "one more than there is", u64(3, []byte("{}")...), tensor.ErrTruncated, "header length: got 3, want at most the 2 bytes behind it")
	add("S03", "99,999,999 in ten bytes", u64(99_999_999, []byte("{}")...), tensor.ErrTruncated, "got 99999999")
	add("S04", "nothing", file(""), tensor.ErrFormat, "offset 8: header: got the end of the header, want '{'")
	add("S04", "an array", file("[]"), tensor.ErrFormat, `offset 8: header: got "[", want '{'`)
	add("S04", "leading space", file(` {}`), tensor.ErrFormat, `offset 8: header: got " "`)
	add("S04", "a byte order mark", file("\xef\xbb\xbf{}"), tensor.ErrFormat, "offset 8: header")
	add("S04", "a tab behind", file("{} \t"), tensor.ErrFormat, "offset 11: header", "want spaces up to its end")
	add("S04", "a NUL behind", file("{}\x00"), tensor.ErrFormat, "offset 10: header")
	add("S04", "two objects", file("{}{}"), tensor.ErrFormat, "offset 10: header")
	add("S04", "no end", file(`{"a":{`+good+`}`, 1, 2, 3, 4), tensor.ErrFormat, "header: got the end of the header, want ',' or '}'")
	add("S04", "a comma before the end", file(`{"a":{`+good+`},}`, 1, 2, 3, 4), tensor.ErrFormat, `got "}", want a string`)
	add("S05", "no UTF-8", file("{\"\xff\":{"+good+"}}", 1, 2, 3, 4), tensor.ErrFormat, "offset 10: name: got byte 0xff, want UTF-8")
	add("S05", "a lone surrogate", file(`{"\ud800":{`+good+`}}`, 1, 2, 3, 4), tensor.ErrFormat, `offset 10: name: got the lone surrogate`)
	add("S05", "two that a repair would make one", file("{\"a\xfe\":{"+good+"},\"a\xff\":{"+good+"}}", 1, 2, 3, 4), tensor.ErrFormat, "offset 11: name: got byte 0xfe")
	add("S05", "a surrogate in UTF-8", file("{\"\xed\xa0\x80\":{"+good+"}}", 1, 2, 3, 4), tensor.ErrFormat, "offset 10: name")
	add("S06", "one name twice", file(`{"a":{`+good+`},"a":{"dtype":"U8","shape":[0],"data_offsets":[4,4]}}`, 1, 2, 3, 4), tensor.ErrDuplicate, "it at offsets 9 and")
	add("S06", "in two spellings", file(`{"a":{`+good+`},"\u0061":{"dtype":"U8","shape":[0],"data_offsets":[4,4]}}`, 1, 2, 3, 4), tensor.ErrDuplicate, "it at offsets 9 and")
	for _, key := range []string{`"dtype":"U8"`, `"shape":[4]`, `"data_offsets":[0,4]`, `"sh\u0061pe":[4]`} {
		add("S07", key+" twice", one(good+","+key), tensor.ErrDuplicate, "twice, want it once")
	}
	add("S07", "a key more", one(good+`,"strides":[1]`), tensor.ErrFormat, `key: got "strides", want dtype, shape or data_offsets`).Note = "unknown, not twice"
	add("S08", "DTYPE", one(`"DTYPE":"U8","shape":[4],"data_offsets":[0,4]`), tensor.ErrFormat, `key: got "DTYPE"`)
	add("S08", "Shape", one(`"dtype":"U8","Shape":[4],"data_offsets":[0,4]`), tensor.ErrFormat, `key: got "Shape"`)
	for _, key := range []string{"dtype", "shape", "data_offsets"} {
		all := strings.Split(`"dtype":"U8" "shape":[4] "data_offsets":[0,4]`, " ")
		var rest []string
		for _, k := range all {
			if !strings.Contains(k, key) {
				rest = append(rest, k)
			}
		}
		add("S08", "no "+key, one(strings.Join(rest, ",")), tensor.ErrFormat, key+": got none, want one")
	}
	add("S08", "an empty object", one(""), tensor.ErrFormat, "dtype: got none")
	add("S08", "a tensor that is a number", file(`{"a":7}`), tensor.ErrFormat, `tensor: got "7", want an object`)
	for _, v := range []string{"[4]", "[0,4,9]", "[]"} {
		add("S09", v, with("data_offsets", v), tensor.ErrFormat, "data_offsets: got", "want 2")
	}
	for _, v := range []string{"null", "{}", "7", `"0,4"`, "[0,4", "[0,,4]", "[0,4,]", "[-1,4]", "[0,4.0]", "[0,0x4]", "[00,4]"} {
		add("S09", v, with("data_offsets", v), tensor.ErrFormat, "data_offsets")
	}
	for _, v := range []string{"null", "[1.0]", "[4e0]", "[-1]", "[18446744073709551616]", `["4"]`, "[true]", "[04]", "[4,]", "[9223372036854775808]", "4", "[[4]]", "[NaN]", "[4 4]"} {
		add("S10", v, with("shape", v), tensor.ErrFormat, "shape: got")
	}
	add("S11", "begin behind end", with("data_offsets", "[4,0]"), tensor.ErrCorrupt, "data_offsets: got [4, 0)")
	add("S11", "end behind the file", file(`{"a":{"dtype":"U8","shape":[5],"data_offsets":[0,5]}}`, 1, 2, 3, 4), tensor.ErrTruncated, "data_offsets: got [0, 5) of 4 bytes").Note = "as S23: nothing tells the two apart"
	add("S11", "2^64-1", with("data_offsets", "[0,18446744073709551615]"), tensor.ErrFormat, `data_offsets: got "18446744073709551615"`)
	add("S11", "2^63-1", file(`{"a":{"dtype":"U8","shape":[9223372036854775807],"data_offsets":[0,9223372036854775807]}}`, 1), tensor.ErrOverflow, "fewer than 2^63 bits")
	add("S12", "before", file(`{"a":{"dtype":"U8","shape":[3],"data_offsets":[1,4]}}`, 1, 2, 3, 4), tensor.ErrCorrupt, "got [1, 4) behind a hole, want a begin of 0")
	add("S12", "between", file(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"U8","shape":[2],"data_offsets":[2,4]}}`, 1, 2, 3, 4), tensor.ErrCorrupt, "got [2, 4) behind a hole, want a begin of 1")
	add("S12", "of one without bytes", file(`{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[0],"data_offsets":[5,5]}}`, 1, 2, 3, 4), tensor.ErrCorrupt, "behind a hole")
	add("S13", "overlap", file(`{"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]},"b":{"dtype":"U8","shape":[2],"data_offsets":[2,4]}}`, 1, 2, 3, 4), tensor.ErrCorrupt, `got [2, 4), which overlaps [0, 3) of "a"`)
	var many strings.Builder
	for i := range 20000 {
		fmt.Fprintf(&many, `,"t%d":{%s}`, i, good)
	}
	add("S13", "20,000 of one range", file("{"+many.String()[1:]+"}", 1, 2, 3, 4), tensor.ErrCorrupt, "which overlaps [0, 4)")
	add("S13", "no bytes inside another", file(`{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[0],"data_offsets":[2,2]}}`, 1, 2, 3, 4), tensor.ErrCorrupt, "which overlaps")
	add("S14", "more than the shape", with("shape", "[3]"), tensor.ErrCorrupt, "got [0, 4), 4 bytes, want 3 for u8 (3,)")
	add("S14", "less than the shape", with("shape", "[2,3]"), tensor.ErrCorrupt, "want 6 for u8 (2, 3)")
	add("S14", "more than the dtype", with("dtype", `"F32"`), tensor.ErrCorrupt, "want 16 for f32 (4,)")
	add("S14", "a scalar", file(`{"a":{"dtype":"F64","shape":[],"data_offsets":[0,4]}}`, 1, 2, 3, 4), tensor.ErrCorrupt, "want 8 for f64 ()")
	add("S15", "elements", with("shape", "[4294967296,4294967296]"), tensor.ErrOverflow, "shape: got (4294967296, 4294967296), want fewer than 2^63 elements")
	add("S15", "elements that wrap to four", with("shape", "[4,4294967296,4294967296,1]"), tensor.ErrOverflow, "want fewer than 2^63 elements")
	add("S15", "bytes", file(`{"a":{"dtype":"F64","shape":[2305843009213693952],"data_offsets":[0,0]}}`), tensor.ErrOverflow, "want fewer than 2^63 bits")
	add("S15", "33 axes", with("shape", "["+strings.Repeat("1,", 32)+"4]"), tensor.ErrLimit, "shape: got more axes, want at most 32")
	add("S16", "F4", file(`{"a":{"dtype":"F4","shape":[3],"data_offsets":[0,2]}}`, 1, 2), tensor.ErrFormat, "12 bits, want whole bytes")
	add("S16", "F6", file(`{"a":{"dtype":"F6_E3M2","shape":[2],"data_offsets":[0,2]}}`, 1, 2), tensor.ErrFormat, "12 bits, want whole bytes")
	for _, v := range []string{`"F128"`, `""`, `"f32"`, `"U8 "`} {
		add("S17", v, with("dtype", v), tensor.ErrUnsupported, "dtype: got "+v)
	}
	add("S17", "7", with("dtype", "7"), tensor.ErrFormat, `dtype: got "7", want a string`).Note = "no dtype at all"
	for what, text := range map[string]string{"a number": `{"x":7}`, "an object": `{"x":{}}`, "null": `{"x":null}`, "an array for it": `[]`, "a text for it": `"x"`, "a comma behind": `{"x":"y",}`} {
		add("S18", what, file(`{"__metadata__":`+text+`}`), tensor.ErrFormat, "__metadata__")
	}
	add("S18", "no value", file(`{"__metadata__":{"x"}}`), tensor.ErrFormat, "want ':'")
	add("S18", "a key twice", file(`{"__metadata__":{"x":"y","x":"z"}}`), tensor.ErrDuplicate, `__metadata__: got "x" twice`)
	add("S19", "__metadata__ twice", file(`{"__metadata__":{},"__metadata__":{}}`), tensor.ErrFormat, "__metadata__: got it twice")
	add("S19", "no name", file(`{"":{`+good+`}}`, 1, 2, 3, 4), tensor.ErrFormat, "offset 9: name", "0 bytes")
	add("S19", "1 MB of name", file(`{"`+strings.Repeat("n", 1<<20)+`":{`+good+`}}`, 1, 2, 3, 4), tensor.ErrFormat, "offset 9: name", "1048576 bytes")
	add("S20", "10,001 arrays", with("shape", strings.Repeat("[", 10001)), tensor.ErrLimit, "nesting deeper than 64")
	add("S20", "10,001 objects in the metadata", file(`{"__metadata__":{"a":`+strings.Repeat(`{"a":`, 10001)), tensor.ErrFormat, "__metadata__").Note = "the first is one too many"
	add("S21", "10 MiB of 0,", with("shape", "["+strings.Repeat("0,", 5<<20)+"0]"), tensor.ErrLimit, "shape: got more axes").Note = "the rank ends it"
	add("S21", "10 MiB of [],", with("data_offsets", "["+strings.Repeat("[],", 10<<20/3)+"0]"), tensor.ErrFormat, "data_offsets")
	if !testing.Short() { // a minute, for the race detector
		add("S18", "17 MB of text", file(`{"__metadata__":{"x":"`+strings.Repeat("y", 17<<20)+`"}}`), tensor.ErrLimit, "__metadata__: got more than")
		add("S22", "a million names of nothing", func() []byte {
			var b strings.Builder
			for i := range 1_000_000 {
				fmt.Fprintf(&b, `,"%x":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}`, i)
			}
			return file("{" + b.String()[1:] + "}")
		}(), tensor.ErrLimit, "tensors: got more, want at most 800000")
	}
	add("S23", "the last byte", file(`{"a":{`+good+`}}`, 1, 2, 3), tensor.ErrTruncated, "data_offsets: got [0, 4) of 3 bytes")
	add("S23", "all bytes", file(`{"a":{`+good+`}}`), tensor.ErrTruncated, "of 0 bytes")
	add("S24", "one byte", file(`{"a":{`+good+`}}`, 1, 2, 3, 4, 5), tensor.ErrCorrupt, "data: got 1 byte behind the last tensor")
	add("S24", "bytes of nothing", file(`{}`, 1, 2), tensor.ErrCorrupt, "data: got 2 bytes behind the last tensor")
	add("S25", "a scalar and nothing", file(`{"s":{"dtype":"F32","shape":[],"data_offsets":[0,4]},"n":{"dtype":"F32","shape":[0,5],"data_offsets":[4,4]}}`, 1, 2, 3, 4), nil).Check = shapes(map[string]string{"s": "()", "n": "(0, 5)"})
	add("S25", "white space", file("{\n \"a\" : {\t\"shape\" : [ 2 , 2 ] , \"data_offsets\":[ 0,4 ]\r\n,\"dtype\":\"U8\"} } ", 1, 2, 3, 4), nil).Check = shapes(map[string]string{"a": "(2, 2)"})
	badinput.Run(t, rows)
	t.Logf("%d rows", len(rows))
}
