package format

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/tensorfile/tensorfile/tensor"
)

// The fields of every structure cover it, one behind the other, and integers
// have the size that their type says.
func TestStructsAreWhole(t *testing.T) {
	sizes := map[string]int{"u8": 1, "u16": 2, "u32": 4, "u64": 8, "i64": 8, "ref": RefSize, "dtype": DTypeSize}
	for _, s := range Structs() {
		at := 0
		seen := map[string]bool{}
		for _, f := range s.Fields {
			if f.Offset != at {
				t.Errorf("%s.%s at %d, want %d", s.Name, f.Name, f.Offset, at)
			}
			if want, ok := sizes[f.Type]; ok && f.Size != want {
				t.Errorf("%s.%s: %d bytes of type %s", s.Name, f.Name, f.Size, f.Type)
			} else if !ok && f.Type != "bytes" && f.Type != "zero" {
				t.Errorf("%s.%s: type %q", s.Name, f.Name, f.Type)
			}
			if seen[f.Name] {
				t.Errorf("%s.%s twice", s.Name, f.Name)
			}
			seen[f.Name] = true
			at += f.Size
		}
		if at != s.Size {
			t.Errorf("%s: %d bytes of fields, size %d", s.Name, at, s.Size)
		}
		if got := StructByName(s.Name); got.Size != s.Size {
			t.Errorf("%s is not found by its name", s.Name)
		}
	}
}

// meanings joins what is said about the fields of b.
func meanings(name string, b []byte) map[string]string {
	m := map[string]string{}
	for _, v := range StructByName(name).Values(b) {
		m[v.Name] = v.Meaning
	}
	return m
}

func TestMeanings(t *testing.T) {
	uuid := UUID{1, 2, 3}
	head := Header{UUID: uuid}.AppendTo(nil)
	root := Root{UUID: uuid, Generation: 7, Length: 20480, Time: time.Unix(1700000000, 5), Previous: 16256, Catalog: Ref{12288, 100, 0xabcd}, Created: true, AlignExp: 12, Writer: "me"}
	rec := root.AppendTo(nil)
	for _, c := range []struct{ structure, field, want string }{
		{"header", "magic", `"\x89TSR\r\n\x1a\n"`},
		{"header", "uuid", "01020300-0000-0000-0000-000000000000"},
		{"header", "zero", ""},
		{"header", "major", "1"},
		{"root", "length", "20480, so the trailer stands at 20352"},
		{"root", "time", "2023-11-14T22:13:20.000000005Z"},
		{"root", "previous", "trailer at 16256"},
		{"root", "catalog", "100 bytes at 12288, crc 0000abcd"},
		{"root", "flags", "CREATED"},
		{"root", "must_read", "none"},
		{"root", "align", "12: 4096 bytes"},
		{"root", "writer", `"me"`},
	} {
		b := head
		if c.structure == "root" {
			b = rec
		}
		if got := meanings(c.structure, b)[c.field]; got != c.want {
			t.Errorf("%s.%s: %q, want %q", c.structure, c.field, got, c.want)
		}
	}
	if got := meanings("root", rec)["crc"]; !strings.Contains(got, "right for bytes 8..127") {
		t.Errorf("root.crc: %q", got)
	}
	rec[20]++
	if got := meanings("root", rec)["crc"]; !strings.Contains(got, "but bytes 8..127 give") {
		t.Errorf("root.crc of a damaged record: %q", got)
	}
	if got := sayDType(AppendDType(nil, tensor.BF16)); got != "bf16: class 4, variant 1, 16 bits, 1 element in 2 bytes" {
		t.Errorf("dtype: %q", got)
	}
	if got := sayDType([]byte{4, 9, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0}); got != "not a dtype" {
		t.Errorf("dtype: %q", got)
	}
}

// What is said of each kind of field, at the edges.
func TestSayings(t *testing.T) {
	for _, c := range []struct {
		say  sayFunc
		b    string
		want string
	}{
		{sayZero, "", ""}, {sayZero, "\x00\x00", ""}, {sayZero, "\x01\x00", "not zero"}, {sayZero, "\x00\x01", "not zero"},
		{sayBits, "\x00\x00", "none"}, {sayBits, "\x01\x00", "0x1"}, {sayBits, "\x00\x80", "0x8000"},
		{sayExponent, "\x00", "0"}, {sayExponent, "\x01", "1: 2 bytes"}, {sayExponent, "\x3e", "62: 4611686018427387904 bytes"}, {sayExponent, "\x3f", "63"},
		{sayFlags("first"), "\x00", "none"}, {sayFlags("first"), "\x01", "first"}, {sayFlags("first"), "\x02", "0x2"}, {sayFlags("first"), "\x03", "0x3"},
		{sayInt, "\xff\x01", "511"}, {sayInt, "\xff\xff\xff\xff\xff\xff\xff\xff", "18446744073709551615"},
		{sayHex, "\x0f\x00\x00\x00", "0000000f"}, {sayText, "a\x00\x00", `"a"`}, {sayText, "\x00a", `"\x00a"`},
	} {
		if got := c.say([]byte(c.b), nil); got != c.want {
			t.Errorf("%q: %q, want %q", c.b, got, c.want)
		}
	}
}

// Whatever bytes stand there, they are told without a panic.
func TestValuesOfNoise(t *testing.T) {
	for _, s := range Structs() {
		for n := range s.Size + 1 {
			for _, c := range []byte{0, 1, 0x7f, 0xff} {
				got := s.Values(bytes.Repeat([]byte{c}, n))
				if n == s.Size && len(got) != len(s.Fields) {
					t.Errorf("%s: %d fields, want %d", s.Name, len(got), len(s.Fields))
				}
			}
		}
	}
}
