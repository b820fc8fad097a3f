package zipfile

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/tensorfile/tensorfile/tensor"
)

// readAll opens b and reads every member, as a converter does.
func readAll(b []byte, o *Options) (map[string][]byte, error) {
	a, err := Open(bytes.NewReader(b), int64(len(b)), o)
	if err != nil {
		return nil, err
	}
	got := make(map[string][]byte)
	for i := range a.Entries() {
		e := &a.Entries()[i]
		r, err := a.Open(context.Background(), e)
		if err != nil {
			return nil, err
		}
		var buf bytes.Buffer
		if _, err := io.Copy(&buf, r); err != nil {
			return nil, err
		}
		if err := r.Close(); err != nil {
			return nil, err
		}
		if e.Method == Stored && !bytes.Equal(buf.Bytes(), b[e.Offset:e.Offset+e.StoredSize]) {
			return nil, fmt.Errorf("member %q: the extent does not hold the bytes", e.Name)
		}
		got[e.Name] = buf.Bytes()
	}
	return got, nil
}

func m(name, data string) testMember { return testMember{name: name, data: []byte(data)} }

// A badCase is an archive and what must come of it.
type badCase struct {
	ID, What string
	B        []byte
	Options  *Options
	Kind     error
	Text     string
}

// badCases are the rows Z01 to Z19 of the catalogue, of members with the content
// a, b and c; c has 160 bytes.
func badCases(a, b, c []byte) []badCase {
	two := []testMember{{name: "a.npy", data: a}, {name: "b.npy", data: b}}
	good := buildZip(nil, "", two...)
	bomb := testMember{name: "zeros.npy", data: make([]byte, 50<<20), method: Deflated, raw: deflatedZeros(50)}

	patch := func(b []byte, at int, v ...byte) []byte {
		b = bytes.Clone(b)
		if at < 0 {
			at += len(b)
		}
		copy(b[at:], v)
		return b
	}
	withName := func(name string, flags uint16) []byte {
		return buildZip(nil, "", testMember{name: name, data: a, flags: flags})
	}
	with := func(x testMember) []byte {
		if x.name == "" {
			x.name = "a.npy"
		}
		if x.data == nil {
			x.data = c
		}
		return buildZip(nil, "", x, testMember{name: "b.npy", data: b})
	}
	symlink, fifo, device, dir := uint32(0o120777), uint32(0o010644), uint32(0o020644), uint32(0o040755)

	// The second member is taken from within the data of the first.
	inner := buildZip(nil, "", testMember{name: "b.npy", data: a})[:35+len(a)]
	overlapped := buildZip(nil, "", testMember{name: "a.npy", data: inner}, testMember{name: "b.npy", data: a, header: ptr(uint32(35))})

	return []badCase{
		{"Z01", "empty", nil, nil, tensor.ErrTruncated, "not a zip"},
		{"Z01", "no end record", good[:len(good)-22], nil, tensor.ErrTruncated, "not a zip"},
		{"Z01", "end record cut", good[:len(good)-5], nil, tensor.ErrTruncated, "got 17 bytes, want 22"},
		{"Z01", "text", []byte("this is no archive, whatever it is called"), nil, tensor.ErrFormat, "not a zip"},
		{"Z02", "65535 entries", appendEnd(nil, 0xfffe, 0, 0, strings.Repeat(" ", 78)), nil, tensor.ErrCorrupt, "entry count: got 65534, want at most 0"},
		{"Z02", "2^32 entries", append64(nil, 1<<32, 0, 0, 0), nil, tensor.ErrCorrupt, "entry count: got 4294967296, want at most 0"},
		{"Z02", "more than fit", patch(good, -14, 9, 0, 9, 0), nil, tensor.ErrCorrupt, "entry count: got 9, want at most 2"},
		{"Z02", "fewer than there are", patch(good, -14, 1, 0, 1, 0), nil, tensor.ErrCorrupt, "51 bytes after entry 0"},
		{"Z03", "directory size past the end", patch(good, -10, 0xff, 0xff, 0xff, 0x7f), nil, tensor.ErrCorrupt, "directory size: got 2147483647"},
		{"Z03", "directory offset past the end", patch(good, -6, 0xff, 0xff, 0xff, 0x7f), nil, tensor.ErrCorrupt, "directory offset: got 2147483647"},
		{"Z03", "locator to itself", append64(nil, 0, 0, 0, 56), nil, tensor.ErrCorrupt, "zip64 end record offset: got 56"},
		{"Z03", "locator past the end", append64(nil, 0, 0, 0, 1<<63), nil, tensor.ErrCorrupt, "zip64 end record offset"},
		{"Z03", "zip64 directory offset 2^63", append64(nil, 0, 0, 1<<63, 0), nil, tensor.ErrCorrupt, "directory offset"},
		{"Z04", "end record in the comment", buildZip(nil, string(appendEnd(nil, 0, 0, 0, "")), two...), nil, tensor.ErrFormat, "two, at offsets"},
		{"Z04", "part of one in the comment", buildZip(nil, "PK\x05\x06", two...), nil, tensor.ErrFormat, "two, at offsets"},
		{"Z05", "junk before, offsets not moved", buildZip([]byte("#!/bin/sh\n"), "", two...), nil, tensor.ErrFormat, "offset 10: leading bytes: got 10"},
		{"Z05", "junk before, offsets moved", buildZipAt([]byte("#!/bin/sh\n"), 10, "", two...), nil, tensor.ErrFormat, "offset 10: leading bytes: got 10"},
		{"Z05", "junk before an empty archive", append([]byte("junk"), appendEnd(nil, 0, 0, 0, "")...), nil, tensor.ErrFormat, "leading bytes"},
		{"Z06", "same name", buildZip(nil, "", testMember{name: "a.npy", data: a}, testMember{name: "a.npy", data: b}), nil, tensor.ErrDuplicate, fmt.Sprintf("offsets 0 and %d", 35+len(a))},
		{"Z07", "shared local header", buildZip(nil, "", testMember{name: "a.npy", data: a}, testMember{name: "b.npy", data: a, header: ptr(uint32(0))}), nil, tensor.ErrCorrupt, `shared by the members "a.npy" and "b.npy"`},
		{"Z07", "overlap", overlapped, nil, tensor.ErrCorrupt, fmt.Sprintf(`where member "b.npy" starts; they overlap by %d bytes`, 35+len(a))},
		{"Z08", "over the budget", buildZip(nil, "", bomb), &Options{MaxInflated: 10 << 20}, tensor.ErrLimit, "declared size: got 52428800 bytes"},
		{"Z08", "within the budget", buildZip(nil, "", bomb), nil, nil, ""},
		{"Z09", "more than declared", with(testMember{method: Deflated, size: ptr(uint32(100))}), nil, tensor.ErrCorrupt, "more than 100 bytes"},
		{"Z09", "less than declared", with(testMember{method: Deflated, size: ptr(uint32(1000))}), nil, tensor.ErrCorrupt, "got 160 bytes, want 1000"},
		{"Z09", "sizes differ", with(testMember{localSize: ptr(uint32(159)), method: Deflated}), nil, tensor.ErrCorrupt, "size in the local header: got 159, want 160"},
		{"Z09", "stored with two sizes", with(testMember{size: ptr(uint32(161))}), nil, tensor.ErrCorrupt, "size of a stored member: got 161, want 160"},
		{"Z09", "ratio beyond deflate", with(testMember{method: Deflated, size: ptr(uint32(1 << 30))}), nil, tensor.ErrCorrupt, "stored bytes can hold"},
		{"Z10", "crc", with(testMember{crc: ptr(uint32(1))}), nil, tensor.ErrCorrupt, "CRC-32: got"},
		{"Z10", "crc of deflated", with(testMember{crc: ptr(uint32(1)), method: Deflated}), nil, tensor.ErrCorrupt, "want 0x00000001"},
		{"Z10", "descriptor missing", with(testMember{descr: true, noDescr: true}), nil, tensor.ErrCorrupt, "data descriptor: got none"},
		{"Z10", "descriptor", with(testMember{descr: true}), nil, nil, ""},
		{"Z11", "dotdot", withName("../../evil.npy", 0), nil, tensor.ErrPath, `member "../../evil.npy"`},
		{"Z11", "absolute", withName("/abs.npy", 0), nil, tensor.ErrPath, "absolute path"},
		{"Z11", "drive", withName(`C:\evil.npy`, 0), nil, tensor.ErrPath, "backslash"},
		{"Z11", "drive and slash", withName("C:/evil.npy", 0), nil, tensor.ErrPath, "drive letter"},
		{"Z11", "backslash", withName(`a\..\b`, 0), nil, tensor.ErrPath, "backslash"},
		{"Z11", "dot", withName("a/./b", 0), nil, tensor.ErrPath, `path element "."`},
		{"Z11", "double slash", withName("a//b", 0), nil, tensor.ErrPath, "empty path element"},
		{"Z11", "empty", withName("", 0), nil, tensor.ErrPath, "empty name"},
		{"Z11", "directory", withName("dir/", 0), nil, tensor.ErrPath, "directory"},
		{"Z11", "plain path", withName("dir/a b.npy", 0), nil, nil, ""},
		{"Z12", "symlink", with(testMember{mode: symlink}), nil, tensor.ErrPath, "a symbolic link"},
		{"Z12", "fifo", with(testMember{mode: fifo}), nil, tensor.ErrPath, "a FIFO"},
		{"Z12", "device", with(testMember{mode: device}), nil, tensor.ErrPath, "a character device"},
		{"Z12", "directory", with(testMember{mode: dir}), nil, tensor.ErrPath, "a directory"},
		{"Z12", "regular", with(testMember{mode: 0o100600}), nil, nil, ""},
		{"Z13", "case", buildZip(nil, "", testMember{name: "X.npy", data: a}, testMember{name: "x.npy", data: b}), nil, nil, ""},
		{"Z13", "normalisation", buildZip(nil, "", testMember{name: "\u00e9", data: a, flags: flagUTF8}, testMember{name: "e\u0301", data: b, flags: flagUTF8}), nil, nil, ""},
		{"Z13", "NUL", withName("a.npy\x00b", 0), nil, tensor.ErrPath, "control character 0x00 at byte 5"},
		{"Z13", "newline", withName("a\nb", 0), nil, tensor.ErrPath, `"a\nb"`},
		{"Z14", "encrypted", with(testMember{flags: flagEncrypted}), nil, tensor.ErrUnsupported, "encrypted"},
		{"Z14", "AES", with(testMember{method: 99, flags: flagEncrypted}), nil, tensor.ErrUnsupported, "99 (AES)"},
		{"Z14", "LZMA", with(testMember{method: 14}), nil, tensor.ErrUnsupported, "method: got 14 (LZMA), want 0 (stored) or 8 (deflate)"},
		{"Z14", "zstd", with(testMember{method: 93}), nil, tensor.ErrUnsupported, "93 (zstd)"},
		{"Z14", "bzip2", with(testMember{method: 12}), nil, tensor.ErrUnsupported, "12 (bzip2)"},
		{"Z15", "entry limit", good, &Options{MaxEntries: 1}, tensor.ErrLimit, "entry count: got 2, want at most 1"},
		{"Z17", "disk number", patch(good, -18, 1, 0), nil, tensor.ErrUnsupported, "disk 1"},
		{"Z17", "disk of the directory", patch(good, -16, 2, 0), nil, tensor.ErrUnsupported, "directory on disk 2"},
		{"Z17", "disk of a member", with(testMember{disk: 3}), nil, tensor.ErrUnsupported, "disk number: got 3"},
		{"Z18", "after the deflate stream", with(testMember{method: Deflated, raw: append(deflate(c), "hidden"...)}), nil, tensor.ErrFormat, "bytes after the end of the deflate stream: got 6"},
		{"Z18", "between members", with(testMember{after: []byte("hidden")}), nil, tensor.ErrFormat, "got 6 that belong to no member"},
		{"Z18", "deflate cut", with(testMember{method: Deflated, raw: deflate(c)[:8]}), nil, tensor.ErrCorrupt, "deflate stream"},
		{"Z18", "not deflate", with(testMember{method: Deflated, raw: []byte("\xff\xff\xff\xff")}), nil, tensor.ErrCorrupt, "invalid code"},
		{"Z19", "flagged but invalid", withName("a\xff", flagUTF8), nil, tensor.ErrFormat, "byte 0xff"},
		{"Z19", "code page", withName("caf\x82", 0), nil, tensor.ErrFormat, "code page"},
		{"Z19", "unflagged UTF-8", withName("caf\u00e9", 0), nil, tensor.ErrFormat, "name of entry 0"},
		{"Z19", "UTF-8", withName("caf\u00e9", flagUTF8), nil, nil, ""},

		{"ZI01", "names differ", with(testMember{localName: ptr("c.npy")}), nil, tensor.ErrCorrupt, `name in the local header: got "c.npy"`},
		{"ZI02", "trailing bytes", append(bytes.Clone(good), "tail"...), nil, tensor.ErrFormat, "4 bytes after the end record"},
		{"ZI03", "header offset past the end", with(testMember{header: ptr(uint32(0x7fffffff))}), nil, tensor.ErrCorrupt, "local header offset: got 2147483647"},
		{"ZI04", "header offset in the middle", buildZip(nil, "", testMember{name: "a.npy", data: a}, testMember{name: "b.npy", header: ptr(uint32(20))}), nil, tensor.ErrCorrupt, fmt.Sprintf(`member "a.npy": data: got bytes 35 to %d, want to end at 20`, 35+len(a))},
		{"ZI05", "stored size past the end", with(testMember{stored: ptr(uint32(0x7fffffff)), size: ptr(uint32(0x7fffffff))}), nil, tensor.ErrCorrupt, "stored size: got 2147483647"},
		{"ZI06", "stored size past the directory", buildZip(nil, "", testMember{name: "a", data: a, stored: ptr(uint32(len(a) + 59)), size: ptr(uint32(len(a) + 59))}), nil, tensor.ErrCorrupt, "up to the directory"},
		{"ZI07", "extra field too long", with(testMember{extra: []byte{9, 9, 9, 0}}), nil, tensor.ErrFormat, "extra field size: got 9, want at most 0"},
		{"ZI08", "extra field cut", with(testMember{local: []byte{9, 9}}), nil, tensor.ErrFormat, "extra field: got 2 bytes"},
		{"ZI09", "two zip64 fields", with(testMember{extra: []byte{1, 0, 0, 0, 1, 0, 0, 0}}), nil, tensor.ErrFormat, "extra field 0x0001: got two"},
		{"ZI10", "zip64 field too short", with(testMember{extra: []byte{1, 0, 4, 0, 0, 0, 0, 0}, size: ptr(uint32(max32))}), nil, tensor.ErrCorrupt, "no value in the zip64 field"},
		{"ZI11", "another unicode path", with(testMember{extra: append([]byte{0x75, 0x70, 6, 0, 1, 0, 0, 0, 0}, 'x')}), nil, tensor.ErrFormat, "unicode path field"},
		{"ZI12", "unknown flag", with(testMember{flags: 1 << 7}), nil, tensor.ErrUnsupported, "flags: got 0x0080"},
		{"ZI13", "patch data", with(testMember{flags: flagPatch}), nil, tensor.ErrUnsupported, "patch data"},
	}
}

func TestBadInput(t *testing.T) {
	for _, c := range badCases([]byte("hello"), []byte("world!"), bytes.Repeat([]byte("payload "), 20)) {
		t.Run(c.ID+" "+c.What, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			got, err := readAll(c.B, c.Options)
			runtime.ReadMemStats(&after)
			if c.Kind == nil {
				if err != nil {
					t.Fatal(err)
				}
				if len(got) == 0 {
					t.Fatal("no members")
				}
				return
			}
			var te *tensor.Error
			if !errors.Is(err, c.Kind) || !errors.As(err, &te) {
				t.Fatalf("got %v (%v), want kind %v", err, te, c.Kind)
			}
			if !strings.Contains(err.Error(), c.Text) {
				t.Errorf("got %q, want %q in it", err, c.Text)
			}
			if te.Format != "zip" {
				t.Errorf("error has format %q", te.Format)
			}
			if n := after.TotalAlloc - before.TotalAlloc; n > 2<<20+4*uint64(len(c.B)) {
				t.Errorf("allocated %d bytes for %d of input", n, len(c.B))
			}
		})
	}
}

// TestPrefixes opens every proper prefix of an archive with an archive inside.
func TestPrefixes(t *testing.T) {
	inner := buildZip(nil, "", m("x", "inner"))
	b := buildZip(nil, "a comment", testMember{name: "in.zip", data: inner}, testMember{name: "d", data: inner, method: Deflated, descr: true})
	if _, err := readAll(b, nil); err != nil {
		t.Fatal(err)
	}
	innerEnd := bytes.Index(b, inner) + len(inner)
	for n := range b {
		kind := tensor.ErrTruncated
		if n == innerEnd {
			kind = tensor.ErrFormat // by chance an archive with leading bytes
		}
		if _, err := readAll(b[:n], nil); !errors.Is(err, kind) {
			t.Fatalf("prefix of %d bytes: %v", n, err)
		}
	}
}

// TestFlips changes each byte in turn: an error, or the same members.
func TestFlips(t *testing.T) {
	b := buildZip(nil, "", m("a.npy", "hello"), testMember{name: "b.npy", data: bytes.Repeat([]byte("wo"), 99), method: Deflated}, testMember{name: "c", data: []byte("descr"), descr: true})
	want, err := readAll(b, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range b {
		for _, x := range []byte{1, 0x80, 0xff} {
			c := bytes.Clone(b)
			c[i] ^= x
			got, err := readAll(c, nil)
			if err != nil {
				var te *tensor.Error
				if !errors.As(err, &te) || te.Kind == nil {
					t.Fatalf("byte %d: %v is no tensor.Error", i, err)
				}
				continue
			}
			for name, data := range want {
				// A name may change in one place only together with the other.
				if !bytes.Equal(got[name], data) {
					t.Fatalf("byte %d ^ %#x: member %q changed without an error", i, x, name)
				}
			}
		}
	}
}

// TestStandardLibrary reads what archive/zip writes, with and without
// descriptors, and lets archive/zip read what Writer writes.
func TestStandardLibrary(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	data := map[string][]byte{"empty": {}, "dir/\u65e5\u672c": []byte("text"), "zeros": make([]byte, 300<<10), "noise": make([]byte, 100<<10)}
	for i := range data["noise"] {
		data["noise"][i] = byte(rng.Uint32())
	}
	names := []string{"noise", "empty", "zeros", "dir/\u65e5\u672c"}
	for _, method := range []uint16{Stored, Deflated} {
		var buf bytes.Buffer
		w := zip.NewWriter(&buf)
		for _, name := range names {
			f, err := w.CreateHeader(&zip.FileHeader{Name: name, Method: method})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := f.Write(data[name]); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		checkMembers(t, buf.Bytes(), data)

		buf.Reset()
		zw := NewWriter(&buf)
		for _, name := range names {
			f, err := zw.Create(name, MemberOptions{Size: int64(len(data[name])), Method: method, Align: 64})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := f.Write(data[name]); err != nil {
				t.Fatal(err)
			}
		}
		if err := zw.Close(); err != nil {
			t.Fatal(err)
		}
		checkMembers(t, buf.Bytes(), data)
		zr, err := zip.NewReader(bytes.NewReader(buf.Bytes()), int64(buf.Len()))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range zr.File {
			r, err := f.Open()
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(r)
			if err != nil || !bytes.Equal(got, data[f.Name]) {
				t.Errorf("archive/zip reads %q: %d bytes, %v", f.Name, len(got), err)
			}
			if off, err := f.DataOffset(); err != nil || off%64 != 0 {
				t.Errorf("data of %q at %d, %v", f.Name, off, err)
			}
			if f.Mode() != 0o644 {
				t.Errorf("mode of %q is %v", f.Name, f.Mode())
			}
		}
	}
}

func checkMembers(t *testing.T, b []byte, want map[string][]byte) {
	t.Helper()
	got, err := readAll(b, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != len(want) {
		t.Fatalf("%d members, want %d", len(got), len(want))
	}
	for name := range want {
		if !bytes.Equal(got[name], want[name]) {
			t.Errorf("member %q differs", name)
		}
	}
}

func TestWriterRefuses(t *testing.T) {
	w := NewWriter(io.Discard)
	for _, name := range []string{"", "../x", "/x", "a//b", "a/", `a\b`, "C:x", "con", "a/NUL.npy", "lpt1.txt", "COM\u00b9", "a\x00", "a\x7f"} {
		if _, err := w.Create(name, MemberOptions{}); !errors.Is(err, tensor.ErrPath) {
			t.Errorf("name %q: %v", name, err)
		}
	}
	if _, err := w.Create("console", MemberOptions{}); err != nil {
		t.Error(err)
	}
	if _, err := w.Create("console", MemberOptions{}); !errors.Is(err, tensor.ErrDuplicate) {
		t.Error(err)
	}
	f, err := w.Create("short", MemberOptions{Size: 2})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte("abc")); !errors.Is(err, tensor.ErrLimit) {
		t.Error(err)
	}
	if err := w.Close(); !errors.Is(err, tensor.ErrTruncated) {
		t.Error(err)
	}
}

// TestWriterError passes on the error of the destination at every byte.
func TestWriterError(t *testing.T) {
	write := func(w io.Writer) error {
		zw := NewWriter(w)
		for _, method := range []uint16{Stored, Deflated} {
			f, err := zw.Create(fmt.Sprint("m", method), MemberOptions{Size: 4, Method: method, Align: 64})
			if err != nil {
				return err
			}
			if _, err := f.Write([]byte("data")); err != nil {
				return err
			}
		}
		return zw.Close()
	}
	var buf bytes.Buffer
	if err := write(&buf); err != nil {
		t.Fatal(err)
	}
	for n := range buf.Len() {
		if err := write(&limitedWriter{n}); !errors.Is(err, errFull) {
			t.Fatalf("full after %d bytes: %v", n, err)
		}
	}
}

var errFull = errors.New("full")

type limitedWriter struct{ n int }

func (w *limitedWriter) Write(p []byte) (int, error) {
	if len(p) > w.n {
		n := w.n
		w.n = 0
		return n, errFull
	}
	w.n -= len(p)
	return len(p), nil
}

// sparse is a file of zeros with a few pieces in it.
type sparse struct {
	size   int64
	pieces map[int64][]byte
}

func (s *sparse) ReadAt(p []byte, off int64) (int, error) {
	clear(p)
	n := int(min(int64(len(p)), s.size-off))
	for at, b := range s.pieces {
		if at < off+int64(len(p)) && off < at+int64(len(b)) {
			if at >= off {
				copy(p[at-off:], b)
			} else {
				copy(p, b[off-at:])
			}
		}
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// zeroSkipper keeps what is not zeros of a long stream.
type zeroSkipper struct {
	sparse
}

func (z *zeroSkipper) Write(p []byte) (int, error) {
	if len(p) < 1<<20 {
		z.pieces[z.size] = bytes.Clone(p)
	}
	z.size += int64(len(p))
	return len(p), nil
}

// TestZip64 writes and opens an archive with a member and an offset past
// 4 GiB, and more than 65535 members in another.
func TestZip64(t *testing.T) {
	if testing.Short() {
		t.Log("only the directory of many members")
	} else {
		z := &zeroSkipper{sparse{pieces: make(map[int64][]byte)}}
		w := NewWriter(z)
		chunk := make([]byte, 1<<20)
		const big = 4<<30 + 4096
		for _, size := range []int64{big, 100} {
			f, err := w.Create(fmt.Sprint("m", size), MemberOptions{Size: size, Align: 64})
			if err != nil {
				t.Fatal(err)
			}
			for rest := size; rest > 0; {
				n, err := f.Write(chunk[:min(rest, int64(len(chunk)))])
				if err != nil {
					t.Fatal(err)
				}
				rest -= int64(n)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		a, err := Open(&z.sparse, z.size, nil)
		if err != nil {
			t.Fatal(err)
		}
		es := a.Entries()
		if len(es) != 2 || es[0].Size != big || es[1].Size != 100 || es[1].Header < big || es[1].Offset%64 != 0 {
			t.Fatalf("%+v", es)
		}
		if zr, err := zip.NewReader(&z.sparse, z.size); err != nil || zr.File[0].UncompressedSize64 != big {
			t.Fatalf("archive/zip: %v", err)
		}
	}

	var buf bytes.Buffer
	w := NewWriter(&buf)
	for i := range 100_000 { // Z15: long shared prefixes too
		f, err := w.Create(fmt.Sprintf("model/layers/deep/prefix/shared/by/all/%d", i), MemberOptions{Size: 1})
		if err != nil {
			t.Fatal(err)
		}
		_, _ = f.Write([]byte{byte(i)})
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	a, err := Open(bytes.NewReader(buf.Bytes()), int64(buf.Len()), nil)
	if err != nil {
		t.Fatal(err)
	}
	elapsed := time.Since(start)
	if len(a.Entries()) != 100_000 {
		t.Fatal(len(a.Entries()))
	}
	// Twenty times the rule: a quadratic reader would take minutes, and a busy
	// machine must not fail the test.
	if limit := 20 * (250*time.Millisecond + time.Duration(buf.Len()>>20)*20*time.Millisecond); elapsed > limit {
		t.Errorf("opening took %v, want at most %v", elapsed, limit)
	}
	if zr, err := zip.NewReader(bytes.NewReader(buf.Bytes()), int64(buf.Len())); err != nil || len(zr.File) != 100_000 {
		t.Errorf("archive/zip: %v", err)
	}
}

// TestKeepBad opens the rest of an archive whose members are partly unreadable.
func TestKeepBad(t *testing.T) {
	b := buildZip(nil, "", m("good", "1"), testMember{name: "lzma", data: []byte("2"), method: 14}, m("../up", "3"), testMember{name: "link", data: []byte("4"), mode: 0o120777}, m("last", "5"))
	a, err := Open(bytes.NewReader(b), int64(len(b)), &Options{KeepBad: true})
	if err != nil {
		t.Fatal(err)
	}
	var kinds []error
	for _, e := range a.Entries() {
		switch {
		case errors.Is(e.Err, tensor.ErrPath):
			kinds = append(kinds, tensor.ErrPath)
		case errors.Is(e.Err, tensor.ErrUnsupported):
			kinds = append(kinds, tensor.ErrUnsupported)
		default:
			kinds = append(kinds, e.Err)
		}
		if _, err := a.Open(context.Background(), &e); !errors.Is(err, e.Err) {
			t.Errorf("opening %q: %v", e.Name, err)
		}
	}
	if want := []error{nil, tensor.ErrUnsupported, tensor.ErrPath, tensor.ErrPath, nil}; fmt.Sprint(kinds) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", kinds, want)
	}
}

// TestStreamEnd reports damage to callers that never see io.EOF.
func TestStreamEnd(t *testing.T) {
	b := buildZip(nil, "", testMember{name: "a", data: []byte("hello"), crc: ptr(uint32(7))})
	a, err := Open(bytes.NewReader(b), int64(len(b)), nil)
	if err != nil {
		t.Fatal(err)
	}
	e := &a.Entries()[0]
	r, err := a.Open(context.Background(), e)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(r, make([]byte, 5)); err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); !errors.Is(err, tensor.ErrCorrupt) {
		t.Errorf("Close: %v", err)
	}
	if _, err := r.Read(make([]byte, 1)); !errors.Is(err, tensor.ErrClosed) {
		t.Errorf("Read after Close: %v", err)
	}
	if err := a.Verify(context.Background(), e); !errors.Is(err, tensor.ErrCorrupt) {
		t.Errorf("Verify: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := a.Verify(ctx, e); !errors.Is(err, context.Canceled) {
		t.Errorf("Verify with a cancelled context: %v", err)
	}
}

// A member that needs a version that is not there yet is refused: libraries that
// own the formats refuse it, too.
func TestVersionNeeded(t *testing.T) {
	b := buildZip(nil, "", m("a", "b"))
	at := bytes.Index(b, []byte("PK\x01\x02")) + 6
	for version, want := range map[byte]error{10: nil, 45: nil, 63: nil, 64: tensor.ErrUnsupported, 169: tensor.ErrUnsupported} {
		b[at] = version
		_, err := Open(bytes.NewReader(b), int64(len(b)), nil)
		if !errors.Is(err, want) || want != nil && !strings.Contains(err.Error(), "version needed to extract") {
			t.Errorf("version %d: %v, want %v", version, err, want)
		}
	}
}

func FuzzZip(f *testing.F) {
	paths, err := filepath.Glob("../../../testdata/npy/*.npz")
	if err != nil || len(paths) < 5 {
		f.Fatal(len(paths), err)
	}
	for _, p := range paths {
		b, err := os.ReadFile(p)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add(buildZip(nil, "", m("a.npy", "hello"), testMember{name: "b.npy", data: bytes.Repeat([]byte("wo"), 99), method: Deflated}))
	f.Add(buildZip(nil, "comment", testMember{name: "c", data: []byte("descr"), descr: true}))
	f.Add(append64(nil, 0, 0, 0, 0))
	f.Add(buildZip([]byte("junk"), "", m("a", "b")))
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := Open(bytes.NewReader(b), int64(len(b)), &Options{MaxInflated: 64 << 20})
		if err != nil {
			var te *tensor.Error
			if !errors.As(err, &te) || te.Kind == nil {
				t.Fatalf("%v is no tensor.Error", err)
			}
			return
		}
		// Extents lie in the file, in order, and do not overlap; so a valid
		// archive reads the same whichever member comes first.
		used := int64(0)
		data := make(map[string][]byte)
		for i := range a.Entries() {
			e := &a.Entries()[i]
			if e.Offset < 0 || e.StoredSize < 0 || e.Offset > int64(len(b))-e.StoredSize {
				t.Fatalf("extent outside the file: %+v", *e)
			}
			used += e.StoredSize
			r, err := a.Open(context.Background(), e)
			if err != nil {
				t.Fatal(err)
			}
			d, err := io.ReadAll(r)
			if int64(len(d)) > e.Size {
				t.Fatalf("%d bytes from a member of %d", len(d), e.Size)
			}
			if err == nil {
				err = r.Close()
			}
			if err != nil {
				return
			}
			data[e.Name] = d
		}
		if used > int64(len(b)) {
			t.Fatalf("%d bytes stored in a file of %d", used, len(b))
		}
		zr, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return // archive/zip refuses some valid things, as names do not matter to it
		}
		if len(zr.File) != len(data) {
			t.Fatalf("archive/zip finds %d members, not %d", len(zr.File), len(data))
		}
		for _, zf := range zr.File {
			r, err := zf.Open()
			if err != nil {
				t.Fatalf("archive/zip: %q: %v", zf.Name, err)
			}
			d, err := io.ReadAll(r)
			if err != nil || !bytes.Equal(d, data[zf.Name]) {
				t.Fatalf("archive/zip reads %q otherwise: %v", zf.Name, err)
			}
		}
	})
}
