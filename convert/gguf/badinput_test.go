package gguf_test

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/internal/badinput"
	"github.com/tensorfile/tensorfile/tensor"
)

var le = binary.LittleEndian

// str is a string behind its length.
func str(s string) string { return string(le.AppendUint64(nil, uint64(len(s)))) + s }

func u32(n uint32) string { return string(le.AppendUint32(nil, n)) }

func u64(n uint64) string { return string(le.AppendUint64(nil, n)) }

// kv is a key with a value of a type.
func kv(key string, kind uint32, value string) string { return str(key) + u32(kind) + value }

// array is an array of n elements.
func array(kind uint32, n uint64, elements string) string { return u32(kind) + u64(n) + elements }

// info is the description of a tensor, its axes as the file has them.
func info(name string, kind uint32, offset uint64, dims ...uint64) string {
	s := str(name) + u32(uint32(len(dims)))
	for _, d := range dims {
		s += u64(d)
	}
	return s + u32(kind) + u64(offset)
}

// head is a header with pairs and descriptions.
func head(pairs []string, infos ...string) string {
	return "GGUF" + u32(3) + u64(uint64(len(infos))) + u64(uint64(len(pairs))) + strings.Join(pairs, "") + strings.Join(infos, "")
}

// file is a header, padding and data.
func file(header, data string) []byte {
	b := []byte(header)
	for len(b)%32 != 0 {
		b = append(b, 0)
	}
	return append(b, data...)
}

// TestBadInput goes through rows G01 to G26 of the catalogue. Both byte orders and
// whole sets are read, which G02 and G26 did not.
func TestBadInput(t *testing.T) {
	var rows []badinput.Row
	add := func(id, what string, b []byte, kind error, says ...string) *badinput.Row {
		rows = append(rows, badinput.Row{ID: id, What: what, Format: "gguf", From: "gguf", Kind: kind, Says: says, Make: func(t testing.TB, dir string) string {
			path := filepath.Join(dir, "a.gguf")
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
			return path
		}})
		return &rows[len(rows)-1]
	}
	shape := func(name, want string) func(t testing.TB, f *tensorfile.File) {
		return func(t testing.TB, f *tensorfile.File) {
			t.Helper()
			if x, err := f.Tensor(name); err != nil || x.DType().String()+" "+x.Shape().String() != want {
				t.Errorf("%v, want %s, %v", x, want, err)
			}
		}
	}
	one := info("x", 0, 0, 2)
	data := "12345678"
	good := file(head([]string{kv("general.architecture", 8, str("test")), kv("list", 9, array(5, 2, u32(1)+u32(2)))}, one), data)
	header := len(head([]string{kv("general.architecture", 8, str("test")), kv("list", 9, array(5, 2, u32(1)+u32(2)))}, one))
	for n := range good {
		kind := tensor.ErrTruncated
		switch {
		case n >= 8 && n < 16, n >= 16 && n < 24: // the counts themselves are cut
		case n >= 24 && n < header: // or what they count does not fit
			kind = nil
		}
		if kind == nil {
			// Which of two errors it is depends on the count that no longer fits.
			continue
		}
		add("G01", fmt.Sprintf("%d bytes", n), good[:n], kind).Good = nil
	}
	for _, n := range []int{60, 90, header - 5} {
		add("G01", fmt.Sprintf("%d bytes of the header", n), good[:n], tensor.ErrTruncated)
	}
	add("G02", "FUGG", []byte("FUGG"+u32(3)+u64(0)+u64(0)), tensor.ErrUnsupported, "version: got 3").Note = "the magic of one byte order, the version of the other"
	big := []byte("GGUF\x00\x00\x00\x03\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x01n\x00\x00\x00\x02\x01\x02")
	add("G02", "big-endian", big, nil).Note = "both byte orders are read"
	for _, v := range []uint32{0, 1, 4, 1 << 16, 9 << 24} {
		add("G03", fmt.Sprint(v), []byte("GGUF"+u32(v)+u64(0)+u64(0)), tensor.ErrUnsupported, "offset 4: version", "want 2 or 3")
	}
	for _, n := range []uint64{1 << 63, 1 << 32, 1<<64 - 1, 2} {
		add("G04", fmt.Sprint(n), []byte("GGUF"+u32(3)+u64(0)+u64(n)+"0123456789abc"), tensor.ErrCorrupt, fmt.Sprintf("offset 16: number of keys: got %d, want at most the 1 that fit", n))
	}
	for _, n := range []uint64{1 << 40, 1 << 63, 1<<64 - 1, 2} {
		add("G05", fmt.Sprint(n), []byte("GGUF"+u32(3)+u64(n)+u64(0)+"0123456789abcdefghijklmn"), tensor.ErrCorrupt, fmt.Sprintf("offset 8: number of tensors: got %d, want at most the 1 that fit", n))
	}
	for _, n := range []uint64{1 << 62, 1<<64 - 1, 1 << 63, 100} {
		add("G06", fmt.Sprint(n), []byte("GGUF"+u32(3)+u64(0)+u64(1)+u64(n)+"key and more of it"), tensor.ErrTruncated, fmt.Sprintf("offset 24: key 0: got %d bytes, want at most the 18 bytes that follow", n))
	}
	add("G07", "no key", file(head([]string{kv("", 4, u32(1))}), ""), tensor.ErrFormat, "offset 24: key 0")
	add("G07", "65,536 bytes", file(head([]string{kv(strings.Repeat("k", 65536), 4, u32(1))}), ""), tensor.ErrFormat, "offset 24: key 0: got 65536 bytes, want at most 65535")
	add("G07", "NUL", file(head([]string{kv("a\x00b", 4, u32(1))}), ""), tensor.ErrFormat, "offset 24: key 0")
	add("G07", "no UTF-8", file(head([]string{kv("a\xff", 4, u32(1))}), ""), tensor.ErrFormat, "offset 24: key 0")
	add("G08", "twice", file(head([]string{kv("a", 4, u32(1)), kv("b", 4, u32(1)), kv("a", 4, u32(2))}), ""), tensor.ErrDuplicate, `key 2: got "a", which is key 0`)
	var many []string
	for i := range 20_000 {
		many = append(many, kv(fmt.Sprint(i), 0, "x"))
	}
	add("G08", "20,000 keys", file(head(many), ""), nil).Note = "100,000 are more than attributes hold"
	for i := range 80_000 {
		many = append(many, kv("more "+fmt.Sprint(i), 0, "x"))
	}
	add("G08", "100,000 keys", file(head(many), ""), tensor.ErrLimit, "more metadata")
	for _, kind := range []uint32{13, 14, 255, 1 << 31} {
		add("G09", fmt.Sprintf("type %d", kind), file(head([]string{kv("a", kind, u64(1))}), ""), tensor.ErrUnsupported, fmt.Sprintf(`value of "a": got type %d, want 0 to 12`, kind))
		add("G09", fmt.Sprintf("elements of type %d", kind), file(head([]string{kv("a", 9, array(kind, 1, u64(1)))}), ""), tensor.ErrUnsupported, fmt.Sprintf(`value of "a": got an array of type %d`, kind))
	}
	add("G09", "an array of arrays", file(head([]string{kv("a", 9, array(9, 1, array(4, 1, u32(1))))}), ""), tensor.ErrUnsupported, `value of "a": got an array of type array`)
	add("G09", "100,000 arrays in each other", file(head([]string{kv("a", 9, strings.Repeat(u32(9)+u64(1), 100_000))}), ""), tensor.ErrUnsupported, `got an array of type array`)
	for what, v := range map[string]string{"2^40 bytes": array(0, 1<<40, "x"), "2^40 strings": array(8, 1<<40, "x"), "2^61 numbers of 8 bytes": array(10, 1<<61, "x"), "2^64-1 bools": array(7, 1<<64-1, "x"), "5000 strings of nothing but one": array(8, 5000, strings.Repeat(u64(0), 4999))} {
		add("G10", what, []byte(head([]string{kv("a", 9, v)})), tensor.ErrTruncated)
	}
	add("G11", "a value", file(head([]string{kv("a", 7, "\x07")}), ""), tensor.ErrFormat, `value of "a": got 7, want a bool`)
	add("G11", "an element", file(head([]string{kv("a", 9, array(7, 3, "\x00\x01\x02"))}), ""), tensor.ErrFormat, `"a"[2]: value: got 2, want a bool`)
	add("G11", "one of many", file(head([]string{kv("a", 9, array(7, 3000, strings.Repeat("\x01", 2999)+"\x09"))}), ""), tensor.ErrFormat, `"a"[2999]: value: got 9, want a bool`)
	for _, n := range []uint32{0, 13, 1 << 31, 1 << 21} {
		id := "G13"
		if n == 0 {
			id = "G12"
		}
		add(id, fmt.Sprint(n), file(head([]string{kv("general.alignment", 4, u32(n))}), ""), tensor.ErrFormat, fmt.Sprintf("general.alignment: got %d, want a power of two, 1 to 1048576", n)).NoOffset = true
	}
	add("G13", "of i32", file(head([]string{kv("general.alignment", 5, u32(32))}), ""), tensor.ErrFormat, `type of "general.alignment": got i32, want u32`).NoOffset = true
	add("G13", "a text", file(head([]string{kv("general.alignment", 8, str("32"))}), ""), tensor.ErrFormat, `type of "general.alignment": got string, want u32`).NoOffset = true
	for _, n := range []uint32{1<<32 - 1, 5} {
		add("G14", fmt.Sprint(n), file(head(nil, str("x")+u32(n)+strings.Repeat(u64(1), 5)+u32(0)+u64(0)), data), tensor.ErrFormat, `tensor "x"`, fmt.Sprintf("number of dimensions: got %d, want 0 to 4", n))
	}
	add("G14", "0", file(head(nil, info("x", 0, 0)), data), nil).Check = shape("x", "f32 ()")
	rows[len(rows)-1].Note = "a scalar; ggml reads it"
	add("G15", "-1", file(head(nil, info("x", 0, 0, 1<<64-1)), data), tensor.ErrFormat, `tensor "x"`, "dimension 0: got -1, want 0 or more")
	add("G15", "0", file(head(nil, info("x", 0, 0, 0, 7)), data), nil).Check = shape("x", "f32 (7, 0)")
	add("G16", "2^40 four times", file(head(nil, info("x", 0, 0, 1<<40, 1<<40, 1<<40, 1<<40)), data), tensor.ErrOverflow, `tensor "x"`, "want fewer than 2^63 elements")
	add("G16", "2^62 floats", file(head(nil, info("x", 0, 0, 1<<62)), data), tensor.ErrOverflow, "want fewer than 2^62 bytes")
	add("G17", "two of 2^63-64 bytes", file(head(nil, info("x", 24, 0, 1<<63-64), info("y", 24, 1<<63-64, 1<<63-64)), data), tensor.ErrOverflow, `tensor "x"`)
	add("G17", "two of 2^62 bytes", file(head(nil, info("x", 24, 0, 1<<62), info("y", 24, 1<<62, 1<<62)), data), tensor.ErrTruncated, `tensor "x"`, "data: got 8 bytes, want 4611686018427387904")
	add("G18", "33 of q4_0", file(head(nil, info("x", 2, 0, 33)), data), tensor.ErrFormat, `tensor "x"`, "row: got 33 elements, want a multiple of the 32 in a block of q4_0")
	add("G18", "a scalar of q4_0", file(head(nil, info("x", 2, 0)), data), tensor.ErrFormat, "row: got 1 elements")
	for _, kind := range []uint32{200, 4, 5, 36, 37, 38, 1<<32 - 1} {
		add("G19", fmt.Sprint(kind), file(head(nil, info("x", kind, 0, 256)), data), nil).Check = shape("x", "u8 (8,)")
		rows[len(rows)-1].Note = "shown as bytes"
	}
	add("G19", "200 before another", file(head(nil, info("x", 200, 0, 256), info("y", 0, 32, 2)), strings.Repeat("u", 32)+data), nil).Check = shape("x", "u8 (32,)")
	for what, at := range map[string]uint64{"not aligned": 4, "behind a hole": 64, "2^60": 1 << 60, "2^63": 1 << 63, "2^64-32": 1<<64 - 32} {
		add("G20", what, file(head(nil, one, info("y", 0, at, 2)), strings.Repeat("z", 40)), tensor.ErrCorrupt, `tensor "y"`, "offset")
	}
	add("G20", "the first not at 0", file(head(nil, info("x", 0, 32, 2)), strings.Repeat("z", 40)), tensor.ErrCorrupt, `tensor "x"`, "offset: got 32, want 0")
	add("G20", "on the first", file(head(nil, one, info("y", 0, 0, 2)), strings.Repeat("z", 40)), tensor.ErrCorrupt, `tensor "y"`, "offset: got 0, want 32")
	add("G20", "an unknown one on the first", file(head(nil, one, info("y", 200, 0, 2)), strings.Repeat("z", 40)), tensor.ErrCorrupt, `tensor "y"`)
	add("G21", "a name twice", file(head(nil, one, info("x", 0, 32, 2)), strings.Repeat("z", 40)), tensor.ErrDuplicate, `tensor "x"`, "got it as tensors 0 and 1")
	add("G21", "65 bytes", file(head(nil, info(strings.Repeat("n", 65), 0, 0, 2)), data), tensor.ErrFormat, "name of tensor 0: got 65 bytes, want at most 64")
	add("G21", "64 bytes", file(head(nil, info(strings.Repeat("n", 64), 0, 0, 2)), data), nil)
	add("G21", "no name", file(head(nil, info("", 0, 0, 2)), data), tensor.ErrFormat, "name of tensor 0")
	add("G22", "a byte", file(head(nil, one), data[:7]), tensor.ErrTruncated, `tensor "x"`, "data: got 7 bytes, want 8 for f32 (2,)")
	add("G22", "2^40 in 8", file(head(nil, info("x", 24, 0, 1<<40)), data), tensor.ErrTruncated, "data: got 8 bytes, want 1099511627776")
	add("G23", "padding that is not there", []byte(head(nil, one)), tensor.ErrTruncated, "data: got the end of the file, want the begin of the data")
	for key, wrong := range map[string]string{"tokenizer.ggml.scores": array(1, 2, "ab"), "tokenizer.ggml.token_type": array(6, 1, u32(0)), "tokenizer.ggml.tokens": array(4, 1, u32(0)), "tokenizer.ggml.merges": array(0, 1, "a")} {
		add("G24", key, file(head([]string{kv(key, 9, wrong)}), ""), tensor.ErrFormat, fmt.Sprintf("type of %q: got", key)).NoOffset = true
	}
	add("G24", "an architecture that is a number", file(head([]string{kv("general.architecture", 4, u32(1))}), ""), tensor.ErrFormat, "got u32, want string").NoOffset = true
	nan := string(le.AppendUint16(nil, 0x7e00)) + strings.Repeat("\x99", 16) + string(le.AppendUint16(nil, 0x7c00)) + strings.Repeat("\x12", 16)
	add("G25", "NaN and Inf", file(head(nil, info("x", 2, 0, 64)), nan), nil).Check = shape("x", "q4_0 (64,)")
	part := head([]string{kv("split.count", 2, string(le.AppendUint16(nil, 2))), kv("split.no", 2, "\x00\x00"), kv("split.tensors.count", 5, u32(1))}, one)
	add("G26", "part 1 of 2 alone", file(part, data), tensor.ErrUnsupported, "split: got part 1 of 2 alone").NoOffset = true
	add("G26", "of another type", file(head([]string{kv("split.count", 4, u32(2))}, one), data), tensor.ErrFormat, `type of "split.count": got u32, want u16`).NoOffset = true
	add("G27", "bytes behind", append(file(head(nil, one), data), "and more"...), nil).Note = "ggml does not look there"
	add("G28", "a string of 17 MiB", file(head([]string{kv("a", 8, str(strings.Repeat("x", 17<<20)))}), ""), tensor.ErrLimit, `value of "a": got 17825792 bytes`)
	add("G29", "a string of 1 MiB that is no text", file(head([]string{kv("a", 8, str(strings.Repeat("\xff", 1<<20)))}), ""), nil).Check = shape("a", "u8 (1, 1048576)")
	badinput.Run(t, rows)
	t.Logf("%d rows", len(rows))
}
