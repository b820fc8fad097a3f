package npy_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/internal/badinput"
	"github.com/tensorfile/tensorfile/tensor"
)

// raw makes a .npy of a version with any header text and any data.
func raw(major byte, header string, data []byte) []byte {
	b := append([]byte("\x93NUMPY"), major, 0)
	if major == 1 {
		b = binary.LittleEndian.AppendUint16(b, uint16(len(header)))
	} else {
		b = binary.LittleEndian.AppendUint32(b, uint32(len(header)))
	}
	b = append(b, header...)
	return append(b, data...)
}

// array makes a version 1.0 file of a descr, a shape and n zero bytes.
func array(descr, shape string, n int) []byte {
	return raw(1, fmt.Sprintf("{'descr': %s, 'fortran_order': False, 'shape': %s, }\n", descr, shape), make([]byte, n))
}

// descr makes a file of one element of 8 bytes.
func descr(d string) []byte { return array(d, "(1,)", 8) }

// zipped makes a stored archive of the members.
func zipped(t testing.TB, members ...any) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := zip.NewWriter(&buf)
	for i := 0; i < len(members); i += 2 {
		f, err := w.CreateHeader(&zip.FileHeader{Name: members[i].(string)})
		if err == nil {
			_, err = f.Write(members[i+1].([]byte))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// readAll opens b and reads every element, as a conversion does.
func readAll(b []byte, path string, o *convert.OpenOptions) (*tensorfile.File, error) {
	f, err := openBytes(b, path, o)
	if err != nil {
		return nil, err
	}
	for x, err := range f.Tensors() {
		if err != nil {
			return f, err
		}
		if err := x.WriteCOrder(context.Background(), io.Discard); err != nil {
			return f, err
		}
	}
	return f, nil
}

// TestBadInput goes through the rows P01 to P20 of the bad-input catalogue, and
// those of the zip rows that need an array. The structure of archives is tested
// in package zipfile. A row whose kind is nil must be read.
func TestBadInput(t *testing.T) {
	good := array("'<f4'", "(2,)", 8)
	deep := func(n int) string { return strings.Repeat("(", n) + strings.Repeat(")", n) }
	longV2 := raw(2, "{}", nil)[:12]
	binary.LittleEndian.PutUint32(longV2[8:], 1<<32-1)
	var bomb bytes.Buffer
	{
		w := zip.NewWriter(&bomb)
		f, _ := w.Create("zeros.npy") // deflated
		_, _ = f.Write(array("'|u1'", "(4194304,)", 4<<20))
		_ = w.Close()
	}

	type row struct {
		row  string
		b    []byte
		kind error
		text string // in the error
		npz  bool
	}
	var rows []badinput.Row
	for _, c := range []row{
		{"P01 magic only", []byte("\x93NUMPY"), tensor.ErrTruncated, "offset 6: version: got 6 bytes, want at least 8", false},
		{"P01 no length", []byte("\x93NUMPY\x01\x00"), tensor.ErrTruncated, "offset 8: header length: got 8 bytes, want at least 10", false},
		{"P01 half a magic", []byte("\x93NU"), tensor.ErrTruncated, "got 3 bytes", false},
		{"P01 no magic", []byte("NUMPY\x93\x01\x00"), tensor.ErrFormat, "offset 0: magic", false},
		{"P02 version 9.0", raw(9, "{}", nil), tensor.ErrUnsupported, "offset 6: version: got 9.0, want 1.0, 2.0 or 3.0", false},
		{"P02 version 0.1", []byte("\x93NUMPY\x00\x01\x02\x00{}"), tensor.ErrUnsupported, "got 0.1", false},
		{"P03 4 GiB of header", append(longV2, "12345678"...), tensor.ErrLimit, "offset 8: header length: got 4294967295, want at most 10000; 8 bytes follow", false},
		{"P03 more than there is", raw(1, "{}", nil)[:11], tensor.ErrTruncated, "header length: got 2, want at most the 1 bytes that follow", false},
		{"P04 empty header v1", raw(1, "", nil), tensor.ErrFormat, "offset 8: header length: got 0, an empty header", false},
		{"P04 empty header v2", raw(2, "", nil), tensor.ErrFormat, "empty header", false},
		{"P05 list", raw(1, "['descr']", nil), tensor.ErrFormat, "offset 10: header: got a list, want a dict", false},
		{"P05 call", raw(1, "dict(descr='<f4')", nil), tensor.ErrFormat, `offset 10: header: got "dict(`, false},
		{"P05 lambda", raw(1, "lambda: 0", nil), tensor.ErrFormat, `got "lambda`, false},
		{"P05 import", raw(1, "{'descr': __import__('os').system('x')}", nil), tensor.ErrFormat, `offset 20: header: got "__import__('os')`, false},
		{"P05 4000 parentheses", raw(1, deep(4000), nil), tensor.ErrFormat, "offset 75: header", false},
		{"P05 brackets in descr", descr(strings.Repeat("[(", 200)), tensor.ErrFormat, "levels of nesting", false},
		{"P05 after the dict", raw(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (), }; x\n", make([]byte, 4)), tensor.ErrFormat, `got "; x`, false},
		{"P05 NUL after the dict", raw(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (), }\x00\n", make([]byte, 4)), tensor.ErrFormat, "nothing after the value", false},
		{"P05 comment", raw(1, "{'descr': '<f4', # x\n 'fortran_order': False, 'shape': (), }", make([]byte, 4)), tensor.ErrFormat, `got "# x`, false},
		{"P05 string without end", raw(1, "{'descr", nil), tensor.ErrFormat, "a string that ends", false},
		{"P05 bytes", descr("b'<f4'"), tensor.ErrFormat, "offset 20", false},
		{"P05 joined strings", descr("'<' 'f4'"), tensor.ErrFormat, `want "," or "}"`, false},
		{"P05 escape", descr(`'\q'`), tensor.ErrFormat, "escape", false},
		{"P05 surrogate", descr(`[('\ud800', '<f4')]`), tensor.ErrFormat, "4 hexadecimal digits of a character", false},
		{"P06 no shape", raw(1, "{'descr': '<f4', 'fortran_order': False}", nil), tensor.ErrFormat, `no key "shape"`, false},
		{"P06 no descr", raw(1, "{'shape': (), 'fortran_order': False}", nil), tensor.ErrFormat, `no key "descr"`, false},
		{"P06 no order", raw(1, "{'shape': (), 'descr': '<f4'}", nil), tensor.ErrFormat, `no key "fortran_order"`, false},
		{"P06 extra key", raw(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (), 'x': 1}", nil), tensor.ErrFormat, `key "x"`, false},
		{"P06 twice", raw(1, "{'descr': '<f4', 'descr': '<f8', 'fortran_order': False, 'shape': ()}", nil), tensor.ErrFormat, `key "descr" twice`, false},
		{"P06 key is a number", raw(1, "{1: 2}", nil), tensor.ErrFormat, "a string as key", false},
		{"P06 order is a number", raw(1, "{'descr': '<f4', 'fortran_order': 0, 'shape': ()}", nil), tensor.ErrFormat, "fortran_order: got a number, want True or False", false},
		{"P07 number", array("'<f4'", "2", 8), tensor.ErrFormat, "shape: got a number, want a tuple of integers", false},
		{"P07 number in brackets", array("'<f4'", "(2)", 8), tensor.ErrFormat, "want a tuple of integers", false},
		{"P07 no comma", array("'<f4'", "(2 3)", 24), tensor.ErrFormat, `want "," or ")"`, false},
		{"P07 float", array("'<f4'", "(2.0,)", 8), tensor.ErrFormat, `dimension 0 is "2.0", want a tuple of integers`, false},
		{"P07 list", array("'<f4'", "[2]", 8), tensor.ErrFormat, "shape: got a list", false},
		{"P07 True", array("'<f4'", "(True,)", 4), tensor.ErrFormat, "dimension 0 is True", false},
		{"P08 product", array("'<f4'", "(4294967296, 4294967296)", 8), tensor.ErrOverflow, "shape: got (4294967296, 4294967296), whose element count overflows", false},
		{"P08 behind a zero", array("'<f4'", "(0, 4294967296, 4294967296)", 0), tensor.ErrOverflow, "element count overflows", false},
		{"P09 bytes", array("'<f8'", "(2305843009213693952,)", 8), tensor.ErrOverflow, "byte size overflows", false},
		{"P10 negative", array("'<f4'", "(-2,)", 8), tensor.ErrFormat, `dimension 0 is "-2", want no dimension below 0`, false},
		{"P10 two negatives", array("'<f4'", "(-2, -1)", 8), tensor.ErrFormat, `dimension 0 is "-2"`, false},
		{"P11 30 digits", array("'<f4'", "(3, 123456789012345678901234567890)", 8), tensor.ErrOverflow, `dimension 1 is "123456789012345678901234567890", want at most 9223372036854775807`, false},
		{"P11 2^63", array("'<f4'", "(9223372036854775808,)", 8), tensor.ErrOverflow, "64 bits", false},
		{"P11 underscore", array("'<f4'", "(1_0,)", 40), tensor.ErrOverflow, `"1_0", want plain decimal digits`, false},
		{"P11 hexadecimal", array("'<f4'", "(0x2,)", 8), tensor.ErrOverflow, `"0x2"`, false},
		{"P11 leading zero", array("'<f4'", "(02,)", 8), tensor.ErrOverflow, `"02"`, false},
		{"P12 claim", array("'<f8'", "(200000000,)", 16), tensor.ErrTruncated, "data: got 16 bytes, want 1600000000", false},
		{"P13 trailing", append(bytes.Clone(good), "tail"...), tensor.ErrFormat, fmt.Sprintf("offset %d: data: got 4 bytes after the last element", len(good)), false},
		{"P14 object", descr("'|O'"), tensor.ErrUnsupported, "object arrays are not supported", false},
		{"P14 object of old", descr("'O8'"), tensor.ErrUnsupported, "nothing was unpickled", false},
		{"P14 object in a field", descr("[('a', '<i4'), ('b', '|O')]"), tensor.ErrUnsupported, "object arrays are not supported", false},
		{"P14 void is read", descr("'|V8'"), nil, "", false},
		{"P15 item size", descr("[('a', '<i4'), ('b', '<f8', (1000000000,))]"), tensor.ErrUnsupported, `field "b"`, false},
		{"P15 item size of all", descr("[('a', '<f8', (200000000,)), ('b', '<f8', (200000000,))]"), tensor.ErrUnsupported, `field "b" at byte 1600000000`, false},
		{"P15 extents", descr("[('b', '<f8', (4294967296, 4294967296))]"), tensor.ErrUnsupported, `field "b"`, false},
		{"P15 structure is read", descr("[('a', '<i4'), ('b', '<i2', (2,))]"), nil, "", false},
		{"P15 field twice", descr("[('a', '<i4'), ('a', '<i4')]"), tensor.ErrDuplicate, `field "a" twice`, false},
		{"P15 title twice", descr("[(('b', 'a'), '<i4'), ('b', '<i4')]"), tensor.ErrDuplicate, `field "b" twice`, false},
		{"P15 joined names twice", descr("[('a', [('b', '<i4')]), ('a.b', '<i4')]"), tensor.ErrDuplicate, `"x.a.b"`, false},
		{"P15 no name", descr("[('', '<i8')]"), tensor.ErrFormat, "a field without a name", false},
		{"P15 control character", descr(`[('a\n', '<i8')]`), tensor.ErrFormat, "control", false},
		{"P15 padding alone", descr("[('', '|V8')]"), tensor.ErrUnsupported, "a structure without fields", false},
		{"P15 no field", descr("[1]"), tensor.ErrFormat, "a field: (name, dtype)", false},
		{"P15 name is a number", descr("[(1, '<i8')]"), tensor.ErrFormat, "the name of a field", false},
		{"P15 array as element", descr("('<f4', (2,))"), tensor.ErrUnsupported, "a tuple", false},
		{"P15 rank with the field's", array("[('a', '|i1', ("+strings.Repeat("1,", 20)+"))]", "("+strings.Repeat("1,", 20)+")", 1), tensor.ErrLimit, "rank 40", false},
		{"P16 f3", descr("'<f3'"), tensor.ErrUnsupported, `got "<f3", want b1, i1 to i8`, false},
		{"P16 i16", descr("'<i16'"), tensor.ErrUnsupported, `"<i16"`, false},
		{"P16 native order", descr("'=f8'"), tensor.ErrUnsupported, "the byte order is not said", false},
		{"P16 no order", descr("'f8'"), tensor.ErrUnsupported, "the byte order is not said", false},
		{"P16 bar", descr("'|f8'"), tensor.ErrUnsupported, "the byte order is not said", false},
		{"P16 clongdouble", descr("'>c32'"), tensor.ErrUnsupported, "clongdouble", false},
		{"P16 longdouble", descr("'<f16'"), tensor.ErrUnsupported, "longdouble", false},
		{"P16 datetime is read", descr("'<M8[ns]'"), nil, "", false},
		{"P16 unit", descr("'<M8[parsec]'"), tensor.ErrUnsupported, "the unit is not one of", false},
		{"P16 unit 0", descr("'<M8[0s]'"), tensor.ErrUnsupported, "unit", false},
		{"P16 unit without end", descr("'<M8[s'"), tensor.ErrUnsupported, "unit", false},
		{"P16 M4", descr("'<M4[s]'"), tensor.ErrUnsupported, `"<M4[s]"`, false},
		{"P16 unit of a float", descr("'<f8[s]'"), tensor.ErrUnsupported, `"<f8[s]"`, false},
		{"P16 U is read", descr("'<U2'"), nil, "", false},
		{"P16 U of 4 GB", descr("'<U1000000000'"), tensor.ErrUnsupported, "more than 16777216 bytes", false},
		{"P16 S past 2^24", descr("'|S16777217'"), tensor.ErrUnsupported, "more than 16777216 bytes", false},
		{"P16 width past 2^63", descr("'|S99999999999999999999'"), tensor.ErrUnsupported, "", false},
		{"P16 U times 4 past 2^63", descr("'<U4611686018427387904'"), tensor.ErrUnsupported, "", false},
		{"P16 S0", descr("'|S0'"), tensor.ErrUnsupported, "no bytes", false},
		{"P16 leading zero", descr("'|S08'"), tensor.ErrUnsupported, "", false},
		{"P16 space", descr("'|S 8'"), tensor.ErrUnsupported, "", false},
		{"P16 several", descr("'<i4,<f4'"), tensor.ErrUnsupported, "", false},
		{"P16 empty", descr("''"), tensor.ErrUnsupported, `got ""`, false},
		{"P16 control character", descr(`'<f\x1b[31m'`), tensor.ErrFormat, `<f\x1b[31m`, false},
		{"P16 number", descr("8"), tensor.ErrFormat, "descr: got a number", false},
		{"P17 big-endian, Fortran", raw(1, "{'descr': '>f8', 'fortran_order': True, 'shape': (2, 2), }\n", make([]byte, 32)), nil, "", false},
		{"P18 v3, not UTF-8", raw(3, "{'descr': [('\xff', '<i8')], 'fortran_order': False, 'shape': (1,), }", make([]byte, 8)), tensor.ErrFormat, "offset 25: header: got byte 0xff", false},
		{"P18 v1, above ASCII outside a name", raw(1, "{'descr': '<f4', \xa0'fortran_order': False, 'shape': (), }", make([]byte, 4)), tensor.ErrFormat, `offset 27: header: got "\xa0`, false},
		{"P18 v1, above ASCII in a dtype", descr("'<f\xb2'"), tensor.ErrFormat, "outside ASCII", false},
		// NumPy itself writes Latin-1 names of fields in version 1.0.
		{"P18 v1, Latin-1 name is read", descr("[('\xe9', '<i8')]"), nil, "", false},
		{"P19 rank 65", array("'|i1'", "("+strings.Repeat("1,", 65)+")", 1), tensor.ErrLimit, "rank 65, want at most 32", false},
		{"P20 not aligned, no newline", raw(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", make([]byte, 8)), nil, "", false},
		{"P20 Python 2", array("'<f4'", "(2L,)", 8), nil, "", false},
		{"P20 Python 2, unicode", descr("u'<f8'"), nil, "", false},

		{"Z08 bomb within the budget", bomb.Bytes(), nil, "", true},
		{"Z16 no array", zipped(t, "a.npy", good, "readme.txt", []byte("hello, world")), tensor.ErrFormat, `member "readme.txt": offset 0: magic: got "hello,", which is not a .npy`, true},
		{"Z16 empty member", zipped(t, "a.npy", []byte{}), tensor.ErrTruncated, `member "a.npy": offset 0: version`, true},
		{"Z16 object", zipped(t, "a.npy", good, "b.npy", descr("'|O'")), tensor.ErrUnsupported, `member "b.npy": offset 20: descr`, true},
		{"Z16 claim", zipped(t, "a.npy", array("'<f8'", "(200000000,)", 16)), tensor.ErrTruncated, `member "a.npy": offset`, true},
		{"Z16 trailing", zipped(t, "a.npy", append(bytes.Clone(good), 0)), tensor.ErrFormat, "1 bytes after the last element", true},
		{"Z20 zip in zip", zipped(t, "a.npy", zipped(t, "b.npy", good)), tensor.ErrFormat, "which is not a .npy", true},
		{"Z06 one tensor from two members", zipped(t, "a.npy", good, "a", good), tensor.ErrDuplicate, `tensor "a" from this member at offset`, true},
		{"Z06 field and member", zipped(t, "a.x.npy", good, "a.npy", descr("[('x', '<i8')]")), tensor.ErrDuplicate, `tensor "a.x"`, true},
		{"Z11 nothing before the extension", zipped(t, ".npy", good), tensor.ErrPath, "a name before the extension", true},
		{"Z13 case", zipped(t, "X.npy", good, "x.npy", good), nil, "", true},
		{"Z01 empty", nil, tensor.ErrTruncated, "not a zip", true},
	} {
		id, what, _ := strings.Cut(c.row, " ")
		r := badinput.Row{ID: id, What: what, Format: "npy", From: "npy", Kind: c.kind}
		if c.npz {
			r.Format, r.From = "npz", "npz"
		}
		if c.kind != nil {
			r.Says = []string{c.text}
		}
		switch c.row { // about names, not about places
		case "P15 joined names twice", "P15 control character", "Z06 one tensor from two members", "Z06 field and member", "Z11 nothing before the extension":
			r.NoOffset = true
		}
		r.Make = badinput.File("x."+r.Format, c.b)
		rows = append(rows, r)
	}
	badinput.Run(t, rows)
}

// TestPrefixes opens every proper prefix of files of each version.
func TestPrefixes(t *testing.T) {
	for major := byte(1); major <= 3; major++ {
		b := raw(major, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }\n", make([]byte, 24))
		for n := range b {
			_, err := openBytes(b[:n], "x.npy", nil)
			if !errors.Is(err, tensor.ErrTruncated) {
				t.Fatalf("version %d, prefix of %d bytes: %v", major, n, err)
			}
		}
	}
}

// TestFlips changes each byte of a small file in turn: an error, or an array
// whose header says something else. Elements carry no checksum in a .npy.
func TestFlips(t *testing.T) {
	b := array("[('a', '<i4'), ('b', '<f4', (2,))]", "(2,)", 24)
	for i := range b {
		for x := 1; x < 256; x <<= 1 {
			c := bytes.Clone(b)
			c[i] ^= byte(x)
			f, err := readAll(c, "x.npy", &convert.OpenOptions{Format: "npy"})
			var te *tensor.Error
			if err != nil && (!errors.As(err, &te) || te.Kind == nil) {
				t.Fatalf("byte %d ^ %#x: %v is no tensor.Error", i, x, err)
			}
			if err == nil {
				f.Close()
			}
		}
	}
}

// TestDeflatedDamage changes each byte of a deflated archive: an error on
// opening or reading, or the same elements.
func TestDeflatedDamage(t *testing.T) {
	src, err := openBytes(array("'<f4'", "(300,)", 1200), "x.npy", nil)
	if err != nil {
		t.Fatal(err)
	}
	b := write(t, src, "npz", &convert.WriteOptions{Compress: true})
	for i := range b {
		c := bytes.Clone(b)
		c[i] ^= 0x10
		f, err := readAll(c, "x.npz", &convert.OpenOptions{Format: "npz"})
		if err != nil {
			var te *tensor.Error
			if !errors.As(err, &te) || te.Kind == nil {
				t.Fatalf("byte %d: %v is no tensor.Error", i, err)
			}
			continue
		}
		for _, x := range all(t, f) {
			if got := sum(t, x); got != sum(t, all(t, src)[0]) {
				t.Fatalf("byte %d: the elements of %q changed without an error", i, x.Name())
			}
		}
	}
}

// TestBudget stops a member that inflates past what a caller allows.
func TestBudget(t *testing.T) {
	src, err := openBytes(array("'<f4'", "(1000000,)", 4_000_000), "x.npy", nil)
	if err != nil {
		t.Fatal(err)
	}
	b := write(t, src, "npz", &convert.WriteOptions{Compress: true})
	o := &convert.OpenOptions{}
	o.MaxBytes = 1 << 20
	f, err := openBytes(b, "x.npz", o)
	if err != nil {
		t.Fatal(err)
	}
	x, err := f.Tensor("x")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := x.Read(context.Background()); !errors.Is(err, tensor.ErrLimit) || !strings.Contains(err.Error(), "4000000") {
		t.Errorf("got %v", err)
	}
}

func TestSkipBad(t *testing.T) {
	good := array("'<f4'", "(2,)", 8)
	b := zipped(t, "a.npy", good, "o.npy", descr("'|O'"), "note.txt", []byte("text"), "a", good, "../up.npy", good, "last.npy", good)
	o := &convert.OpenOptions{}
	if _, err := openBytes(b, "x.npz", o); err == nil {
		t.Fatal("opened without SkipBad")
	}
	o.SkipBad = true
	f, err := openBytes(b, "x.npz", o)
	if err != nil {
		t.Fatal(err)
	}
	var names, members []string
	for _, x := range all(t, f) {
		names = append(names, x.Name())
	}
	for _, err := range f.Layout().Skipped {
		var te *tensor.Error
		if !errors.As(err, &te) || te.Path != "x.npz" || te.Format != "npz" {
			t.Fatalf("%v", err)
		}
		members = append(members, te.Member)
	}
	if fmt.Sprint(names) != "[a last]" || fmt.Sprint(members) != "[o.npy note.txt a ../up.npy]" {
		t.Errorf("tensors %v, skipped %v", names, members)
	}
	if _, err := openBytes(descr("'|O'"), "x.npy", o); !errors.Is(err, tensor.ErrUnsupported) {
		t.Errorf("a .npy with nothing to keep: %v", err)
	}
}

// TestNotes says what is unusual but no error.
func TestNotes(t *testing.T) {
	f, err := openBytes(raw(1, "{'descr': '|V2', 'fortran_order': False, 'shape': (1,), }", make([]byte, 2)), "x.npy", nil)
	if err != nil {
		t.Fatal(err)
	}
	notes := strings.Join(f.Layout().Notes, "\n")
	for _, want := range []string{"does not end in a newline", "not at a multiple of 64", "may be bfloat16", "--void2-as bf16"} {
		if !strings.Contains(notes, want) {
			t.Errorf("notes %q lack %q", notes, want)
		}
	}
}
