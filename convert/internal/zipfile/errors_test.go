package zipfile

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile/tensor"
)

var errDisk = errors.New("a disk that is gone")

// failing fails read number at with err.
type failing struct {
	r      io.ReaderAt
	n, at  int
	err    error
	offset int64 // of the read that failed
}

func (f *failing) ReadAt(p []byte, off int64) (int, error) {
	f.n++
	if f.n-1 == f.at {
		f.offset = off
		return 0, f.err
	}
	return f.r.ReadAt(p, off)
}

func readFrom(r io.ReaderAt, size int64) error {
	a, err := Open(r, size, nil)
	if err != nil {
		return err
	}
	for i := range a.Entries() {
		if err := a.Verify(context.Background(), &a.Entries()[i]); err != nil {
			return err
		}
	}
	return nil
}

// Whatever the source says to a read, and whichever read it is, the archive says
// it with a place; errors that have one already are passed on.
func TestReadErrors(t *testing.T) {
	long := strings.Repeat("n", 5000) // a header that no window holds
	small := buildZip(nil, "", m("a.npy", "hello"), testMember{name: "d", data: []byte("deflated deflated"), method: Deflated}, testMember{name: "s", data: []byte("streamed"), descr: true}, m(long, "x"))
	var wide bytes.Buffer
	size := bigArchive(t, &wide)
	for name, c := range map[string]struct {
		r    io.ReaderAt
		size int64
	}{
		"small": {bytes.NewReader(small), int64(len(small))},
		"wide":  {hole{wide.Bytes()}, size},
		"none":  {bytes.NewReader([]byte("nothing")), 7},
	} {
		all := &failing{r: c.r, at: -1}
		if name != "small" {
			if _, err := Open(all, c.size, nil); (err == nil) != (name == "wide") {
				t.Fatal(err)
			}
		} else if err := readFrom(all, c.size); err != nil {
			t.Fatal(err)
		}
		own := &tensor.Error{Kind: tensor.ErrChanged, Path: "own", Offset: 7, Field: "own"}
		for k := range all.n {
			for _, bad := range []error{errDisk, io.EOF, own} {
				f := &failing{r: c.r, at: k, err: bad}
				err := readFrom(f, c.size)
				var e *tensor.Error
				if !errors.As(err, &e) {
					t.Fatalf("%s, read %d: %v", name, k, err)
				}
				switch {
				case bad == error(own):
					if e != own {
						t.Errorf("%s, read %d: %v, want it as it was", name, k, err)
					}
				case bad == errDisk && (e.Kind != tensor.ErrIO || !errors.Is(err, errDisk)):
					t.Errorf("%s, read %d: %v, want %v", name, k, err, errDisk)
				case bad == io.EOF && e.Kind != tensor.ErrTruncated && e.Kind != tensor.ErrCorrupt:
					t.Errorf("%s, read %d ends: %v", name, k, err)
				case e.Offset < 0 || e.Format != "zip" || e.Field == "":
					t.Errorf("%s, read %d: no place in %v", name, k, err)
				}
			}
		}
		t.Logf("%s: %d reads", name, all.n)
		if name == "small" && all.n < 8 {
			t.Error("too few")
		}
	}
}

// hugeSize is that of a member whose size takes more than 32 bits.
const hugeSize = 5 << 30

// bigArchive writes an archive of a member of 5 GiB, whose bytes are left out, and
// a small one behind it, and returns the size that it claims.
func bigArchive(t testing.TB, out *bytes.Buffer) int64 {
	t.Helper()
	w := NewWriter(out)
	if _, err := w.Create("big", MemberOptions{Size: hugeSize, Align: 64}); err != nil {
		t.Fatal(err)
	}
	w.cur.n += hugeSize // a hole, as of a sparse file
	w.w.n += hugeSize
	small, err := w.Create("small", MemberOptions{Size: 5})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := small.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return int64(out.Len()) + hugeSize
}

// hole puts the bytes of the member of 5 GiB in: zeros from offset 64 on.
type hole struct{ b []byte }

func (h hole) ReadAt(p []byte, off int64) (int, error) {
	for i := range p {
		switch at := off + int64(i); {
		case at < 64:
			p[i] = h.b[at]
		case at < 64+hugeSize:
			p[i] = 0
		case at-hugeSize < int64(len(h.b)):
			p[i] = h.b[at-hugeSize]
		default:
			return i, io.EOF
		}
	}
	return len(p), nil
}

// Sizes and offsets of more than 32 bits go through the zip64 fields of both
// headers, the descriptor and the end.
func TestWide(t *testing.T) {
	var b bytes.Buffer
	size := bigArchive(t, &b)
	a, err := Open(hole{b.Bytes()}, size, nil)
	if err != nil {
		t.Fatal(err)
	}
	e := a.Entries()
	if len(e) != 2 || e[0].Size != hugeSize || e[0].StoredSize != hugeSize || e[0].Offset != 64 || e[1].Size != 5 || e[1].Header <= hugeSize {
		t.Fatalf("%+v", e)
	}
	if err := a.Verify(t.Context(), &e[1]); err != nil {
		t.Error(err)
	}
	// Each of the numbers, once wrong.
	le64 := func(v uint64) []byte { return le.AppendUint64(nil, v) }
	locator := bytes.LastIndex(b.Bytes(), le.AppendUint32(nil, sigLocator64))
	end64 := bytes.LastIndex(b.Bytes(), le.AppendUint32(nil, sigEnd64))
	end := bytes.LastIndex(b.Bytes(), le.AppendUint32(nil, sigEnd))
	descriptor := bytes.Index(b.Bytes(), le.AppendUint32(nil, sigDescriptor))
	local := bytes.Index(b.Bytes(), []byte{extraZip64, 0, 16, 0})
	dir := bytes.LastIndex(b.Bytes(), []byte{extraZip64, 0, 16, 0})
	if local < 0 || dir <= local || descriptor < 64 {
		t.Fatal(local, dir, descriptor)
	}
	for _, c := range []struct {
		what  string
		at    int
		put   []byte
		kind  error
		off   int
		field string
	}{
		{"locator's disks", locator + 16, []byte{2}, tensor.ErrUnsupported, locator + 4, "disk number"},
		{"locator's disk", locator + 4, []byte{1}, tensor.ErrUnsupported, locator + 4, "disk number"},
		{"signature", end64, []byte{'Q'}, tensor.ErrCorrupt, end64, "zip64 end record signature"},
		{"size of the record", end64 + 4, []byte{45}, tensor.ErrCorrupt, end64 + 4, "zip64 end record size"},
		{"entries on this disk", end64 + 24, []byte{1}, tensor.ErrCorrupt, end + 8, "entries on this disk"},
		{"entries", end64 + 32, []byte{1}, tensor.ErrCorrupt, end + 10, "entry count"},
		{"offset of the directory", end64 + 48, le64(uint64(size)), tensor.ErrCorrupt, end + 16, "directory offset"},
		{"size in the descriptor", descriptor + 16, le64(1), tensor.ErrCorrupt, descriptor + 8, "sizes in the data descriptor"},
		{"local size", local + 4, le64(7), tensor.ErrCorrupt, 22, `member "big": size in the local header`},
		{"size", dir + 4, le64(7), tensor.ErrCorrupt, 0, `member "big": size of a stored member`},
	} {
		bad := bytes.Clone(b.Bytes())
		copy(bad[c.at:], c.put)
		_, err := Open(hole{bad}, size, nil)
		var e *tensor.Error
		off := int64(c.off)
		if c.off > 64 {
			off += hugeSize
		}
		if !errors.As(err, &e) || e.Kind != c.kind || !strings.HasSuffix(e.Field, c.field) || c.off > 0 && e.Offset != off {
			t.Errorf("%s: %v, want %v at %d about %s", c.what, err, c.kind, off, c.field)
		}
	}
}

// What only hand-made archives have: descriptors of every length, disks in zip64
// fields, numbers that escape to nothing.
func TestOddHeaders(t *testing.T) {
	data := []byte("hello")
	crc := uint32(0x3610a686)
	streamed := func(descriptor ...byte) []byte {
		return buildZip(nil, "", testMember{name: "s", data: data, descr: true, noDescr: true, after: descriptor})
	}
	words := func(w ...uint32) (b []byte) {
		for _, x := range w {
			b = le.AppendUint32(b, x)
		}
		return b
	}
	for _, c := range []struct {
		what  string
		b     []byte
		kind  error
		field string
	}{
		{"descriptor without signature", streamed(words(crc, 5, 5)...), nil, ""},
		{"wide descriptor without signature", streamed(words(crc, 5, 0, 5, 0)...), nil, ""},
		{"wide descriptor", streamed(words(sigDescriptor, crc, 5, 0, 5, 0)...), nil, ""},
		{"descriptor of another length", streamed(words(sigDescriptor, crc, 5, 0)[:15]...), tensor.ErrCorrupt, `member "s": data descriptor`},
		{"descriptor's signature", streamed(words(1, crc, 5, 5)...), tensor.ErrCorrupt, `member "s": data descriptor signature`},
		{"descriptor's sum", streamed(words(sigDescriptor, crc+1, 5, 5)...), tensor.ErrCorrupt, `member "s": CRC-32 in the data descriptor`},
		{"descriptor's size", streamed(words(sigDescriptor, crc, 5, 6)...), tensor.ErrCorrupt, `member "s": sizes in the data descriptor`},
		{"a disk in the zip64 field", buildZip(nil, "", testMember{name: "s", data: data, disk: max16, extra: []byte{1, 0, 4, 0, 2, 0, 0, 0}}), tensor.ErrUnsupported, `member "s": disk number`},
		{"disk 0 in the zip64 field", buildZip(nil, "", testMember{name: "s", data: data, disk: max16, extra: []byte{1, 0, 4, 0, 0, 0, 0, 0}}), nil, ""},
		{"a short local zip64 field", buildZip(nil, "", testMember{name: "s", data: data, localSize: ptr(uint32(max32)), local: []byte{1, 0, 4, 0, 0, 0, 0, 0}}), tensor.ErrCorrupt, `member "s": zip64 field in the local header`},
		{"bytes of no member", buildZip(nil, "", m("a", ""), testMember{name: "s", header: ptr(uint32(40))}), tensor.ErrFormat, `member "a": bytes after the data`},
	} {
		_, err := readAll(c.b, nil)
		var e *tensor.Error
		switch {
		case c.kind == nil && err != nil:
			t.Errorf("%s: %v", c.what, err)
		case c.kind != nil && (!errors.As(err, &e) || e.Kind != c.kind || e.Field != c.field):
			t.Errorf("%s: %v, want %v about %s", c.what, err, c.kind, c.field)
		}
	}
}

// limited takes so many bytes, and then nothing more: with an error, or by saying
// that it took fewer.
type limited struct {
	room int
	err  error
}

func (l *limited) Write(p []byte) (int, error) {
	n := min(len(p), l.room)
	l.room -= n
	if n < len(p) {
		return n, l.err
	}
	return n, nil
}

// A destination that fails at any byte fails the archive, and goes on failing it.
func TestWriteErrors(t *testing.T) {
	write := func(w io.Writer) error {
		z := NewWriter(w)
		for _, method := range []uint16{Stored, Deflated} {
			x, err := z.Create("m"+string(rune('0'+method)), MemberOptions{Size: 9, Method: method})
			if err == nil {
				_, err = x.Write([]byte("some data"))
			}
			if err != nil {
				if _, again := z.Create("more", MemberOptions{}); again != err {
					t.Errorf("after %v comes %v", err, again)
				}
				if x != nil {
					if _, again := x.Write([]byte("x")); again != err {
						t.Errorf("after %v comes %v", err, again)
					}
				}
				return err
			}
		}
		return z.Close()
	}
	var all bytes.Buffer
	if err := write(&all); err != nil {
		t.Fatal(err)
	}
	for n := range all.Len() {
		if err := write(&limited{n, errDisk}); err != errDisk {
			t.Errorf("after %d bytes: %v", n, err)
		}
		if err := write(&limited{n, nil}); err != io.ErrShortWrite {
			t.Errorf("after %d bytes: %v, want a short write", n, err)
		}
	}
}

// What a Writer is not to be asked for.
func TestWriterMisuse(t *testing.T) {
	z := NewWriter(io.Discard)
	check := func(what string, err, kind error, field string) {
		t.Helper()
		var e *tensor.Error
		if !errors.As(err, &e) || e.Kind != kind || e.Field != field {
			t.Errorf("%s: %v", what, err)
		}
	}
	_, err := z.Create(strings.Repeat("n", 1<<16), MemberOptions{})
	check("a long name", err, tensor.ErrLimit, "name")
	first, err := z.Create("first", MemberOptions{Size: 1})
	if err != nil {
		t.Fatal(err)
	}
	_, err = first.Write([]byte("ab"))
	check("more bytes", err, tensor.ErrLimit, "bytes written")
	if _, err = first.Write([]byte("a")); err != nil {
		t.Fatal(err)
	}
	if _, err := z.Create("level", MemberOptions{Method: Deflated, Level: 77}); err == nil {
		t.Error("deflate of level 77")
	}
	_, err = first.Write(nil)
	check("a member that ended", err, tensor.ErrClosed, "")
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = z.Create("late", MemberOptions{})
	check("a closed archive", err, tensor.ErrClosed, "zip writer")
}

// A stream that is read after its end, with no room, and after Close.
func TestStreamEnds(t *testing.T) {
	b := buildZip(nil, "", m("a", "hello"))
	a, err := Open(bytes.NewReader(b), int64(len(b)), nil)
	if err != nil {
		t.Fatal(err)
	}
	r, err := a.Open(t.Context(), &a.Entries()[0])
	if err != nil {
		t.Fatal(err)
	}
	if n, err := r.Read(nil); n != 0 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if _, err := io.ReadAll(r); err != nil {
		t.Error(err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if _, err := r.Read(make([]byte, 1)); !errors.Is(err, tensor.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	if err := a.Verify(t.Context(), &Entry{Name: "x", Err: errDisk}); err != errDisk {
		t.Errorf("%v", err)
	}
	w := NewWindow(bytes.NewReader(b), int64(len(b)))
	if n, err := w.ReadAt(make([]byte, 4), int64(len(b))-2); n != 2 || err != io.EOF {
		t.Errorf("%d, %v", n, err)
	}
	if n, err := w.ReadAt(make([]byte, 4), -1); n != 0 || err != io.EOF {
		t.Errorf("%d, %v", n, err)
	}
}
