package zipfile

import (
	"bufio"
	"errors"
	"hash/crc32"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/tensorfile/tensorfile/tensor"
)

// maxVersion is the newest version of the format that says what a member needs
// (APPNOTE 6.3.10, 4.4.3).
const maxVersion = 63

// General purpose flags that matter here. All others must be zero, except
// bits 1 and 2, which only tell how hard the compressor tried.
const (
	flagEncrypted  = 1 << 0
	flagDescriptor = 1 << 3
	flagPatch      = 1 << 5
	flagStrong     = 1 << 6
	flagUTF8       = 1 << 11
	flagMasked     = 1 << 13
	flagKnown      = flagDescriptor | flagUTF8 | 1<<1 | 1<<2
)

// Extra field ids.
const (
	extraZip64       = 0x0001
	extraUnicodePath = 0x7075
	extraAlign       = 0xd935
)

// maxRatio is what DEFLATE cannot exceed: 258 bytes for two bits.
const maxRatio = 1032

// readDirectory reads the entries that end describes. Memory grows with the
// entries that are there, not with the claimed count.
func (a *Archive) readDirectory(end endRecord) error {
	const maxEntry = directorySize + 3*max16
	section := io.NewSectionReader(a.r, end.dirOffset, end.dirSize)
	br := bufio.NewReaderSize(section, int(min(end.dirSize, maxEntry)))
	seen := make(map[string]int32)
	var inflated int64
	off, limit := end.dirOffset, end.dirOffset+end.dirSize
	for i := int64(0); i < end.count; i++ {
		fixed, err := a.peek(br, directorySize, off, limit)
		if err != nil {
			return err
		}
		if sig := le.Uint32(fixed); sig != sigDirectory {
			return a.fail(tensor.ErrCorrupt, off, "directory entry "+count(i)+" signature", hex(uint64(sig), 8), hex(sigDirectory, 8))
		}
		n := directorySize + int(le.Uint16(fixed[28:])) + int(le.Uint16(fixed[30:])) + int(le.Uint16(fixed[32:]))
		b, err := a.peek(br, n, off, limit)
		if err != nil {
			return err
		}
		e, err := a.parseEntry(b, off, i)
		if err != nil {
			return err
		}
		if e.Method == Deflated && e.Err == nil {
			if inflated += e.Size; a.opts.MaxInflated > 0 && inflated > a.opts.MaxInflated {
				return a.failEntry(tensor.ErrLimit, &e, off+24, "declared size",
					count(e.Size)+" bytes, "+count(inflated)+" with the members before", "at most "+count(a.opts.MaxInflated)+" in all")
			}
		}
		if first, ok := seen[e.Name]; ok {
			return a.failDuplicate(&a.entries[first], &e, off)
		}
		seen[e.Name] = int32(i)
		a.entries = append(a.entries, e)
		if _, err := br.Discard(n); err != nil {
			return a.fail(tensor.ErrIO, off, "directory", err.Error(), "")
		}
		off += int64(n)
	}
	if off != limit {
		return a.fail(tensor.ErrCorrupt, off, "directory", count(limit-off)+" bytes after entry "+count(end.count-1), "0")
	}
	return nil
}

// failDuplicate says where the two members of one name stand.
func (a *Archive) failDuplicate(first, second *Entry, off int64) error {
	return a.failEntry(tensor.ErrDuplicate, second, off, "name",
		"two members, with local headers at offsets "+count(first.Header)+" and "+count(second.Header), "one")
}

// peek returns the next n bytes of the directory, at off.
func (a *Archive) peek(br *bufio.Reader, n int, off, limit int64) ([]byte, error) {
	if int64(n) > limit-off {
		return nil, a.fail(tensor.ErrCorrupt, off, "directory entry", count(limit-off)+" bytes", count(int64(n)))
	}
	b, err := br.Peek(n)
	if err == nil {
		return b, nil
	}
	if te := (*tensor.Error)(nil); errors.As(err, &te) {
		return nil, err
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, a.fail(tensor.ErrTruncated, off+int64(len(b)), "directory entry", count(int64(len(b)))+" bytes", count(int64(n)))
	}
	e := a.fail(tensor.ErrIO, off, "directory entry", "", "")
	e.Err = err
	return nil, e
}

// parseEntry checks one whole directory entry, at off.
func (a *Archive) parseEntry(b []byte, off, index int64) (Entry, error) {
	nameLen, extraLen := int(le.Uint16(b[28:])), int(le.Uint16(b[30:]))
	name := b[directorySize:][:nameLen]
	extra := b[directorySize+nameLen:][:extraLen]
	e := Entry{
		Name:   string(name),
		Method: le.Uint16(b[10:]),
		CRC32:  le.Uint32(b[16:]),
		flags:  le.Uint16(b[8:]),
		index:  int32(index),
	}

	// The name first: every later error shows it.
	if err := a.checkEncoding(&e, off, index); err != nil {
		return e, err
	}
	x, err := a.parseExtra(extra, off+int64(directorySize+nameLen), &e)
	if err != nil {
		return e, err
	}
	if x.unicodePath != nil {
		if v := x.unicodePath; len(v) < 5 || v[0] != 1 || le.Uint32(v[1:]) != crc32.ChecksumIEEE(name) || string(v[5:]) != e.Name {
			return e, a.failEntry(tensor.ErrFormat, &e, off, "unicode path field", tensor.Quote(string(v[min(5, len(v)):])), "the name itself")
		}
	}
	stored, size, header, disk := uint64(le.Uint32(b[20:])), uint64(le.Uint32(b[24:])), uint64(le.Uint32(b[42:])), uint64(le.Uint16(b[34:]))
	z := x.zip64
	for _, f := range []struct {
		name string
		v    *uint64
		esc  uint64
		n    int
	}{{"size", &size, max32, 8}, {"stored size", &stored, max32, 8}, {"local header offset", &header, max32, 8}, {"disk number", &disk, max16, 4}} {
		if *f.v != f.esc || x.zip64 == nil {
			continue
		}
		if len(z) < f.n {
			return e, a.failEntry(tensor.ErrCorrupt, &e, off, f.name, "no value in the zip64 field", count(int64(f.n))+" bytes")
		}
		if f.n == 8 {
			*f.v = le.Uint64(z)
		} else {
			*f.v = uint64(le.Uint32(z))
		}
		z = z[f.n:]
	}

	if disk != 0 {
		return e, a.failEntry(tensor.ErrUnsupported, &e, off+34, "disk number", ucount(disk), "0")
	}
	// Everything lies below the directory, which lies below the file size.
	if header > uint64(a.size) {
		return e, a.failEntry(tensor.ErrCorrupt, &e, off+42, "local header offset", ucount(header), "at most "+count(a.size)+", the size of the file")
	}
	if stored > uint64(a.size) {
		return e, a.failEntry(tensor.ErrCorrupt, &e, off+20, "stored size", ucount(stored), "at most "+count(a.size)+", the size of the file")
	}
	e.Header, e.StoredSize = int64(header), int64(stored)

	bad := func(err *tensor.Error) (Entry, error) {
		if !a.opts.KeepBad {
			return e, err
		}
		// The caller reports it as one about a member, whose offsets count
		// from the member's own start.
		err.Member, err.Field = e.Name, strings.TrimPrefix(err.Field, memberField(e.Name))+" (directory entry at offset "+count(off)+")"
		err.Offset = -1
		e.Err = err
		return e, nil
	}
	switch {
	case e.Method == Stored && size != stored:
		return e, a.failEntry(tensor.ErrCorrupt, &e, off+24, "size of a stored member", ucount(size), ucount(stored)+", the bytes stored")
	case e.Method == Deflated && size/maxRatio > stored || size >= 1<<63:
		return e, a.failEntry(tensor.ErrCorrupt, &e, off+24, "size", ucount(size), "at most "+ucount(stored*maxRatio)+", what "+ucount(stored)+" stored bytes can hold")
	}
	e.Size = int64(size)
	if err := a.checkFlags(&e, off); err != nil {
		return bad(err)
	}
	if v := int64(b[6]); v > maxVersion {
		return bad(a.failEntry(tensor.ErrUnsupported, &e, off+6, "version needed to extract", count(v/10)+"."+count(v%10), "at most 6.3"))
	}
	if e.Method != Stored && e.Method != Deflated {
		return bad(a.failEntry(tensor.ErrUnsupported, &e, off+10, "method", methodName(e.Method), "0 (stored) or 8 (deflate)"))
	}
	if at, why := checkName(e.Name); why != "" {
		return bad(a.failEntry(tensor.ErrPath, &e, off+directorySize+int64(at), "name of entry "+count(index), why+" at byte "+count(int64(at)), "a plain relative path"))
	}
	if mode := le.Uint32(b[38:]) >> 16 & 0o170000; mode != 0 && mode != 0o100000 {
		return bad(a.failEntry(tensor.ErrPath, &e, off+38, "mode", modeName(mode), "a regular file"))
	}
	return e, nil
}

// checkEncoding makes sure that the name means the same to every program:
// UTF-8 if it says so, else ASCII.
func (a *Archive) checkEncoding(e *Entry, off, index int64) error {
	for i := 0; i < len(e.Name); {
		c := e.Name[i]
		if c < utf8.RuneSelf {
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(e.Name[i:])
		if e.flags&flagUTF8 == 0 {
			return a.failEntry(tensor.ErrFormat, e, off+directorySize+int64(i), "name of entry "+count(index), "byte "+hex(uint64(c), 2)+" in a code page", "ASCII, or UTF-8 with flag bit 11")
		}
		if r == utf8.RuneError && n == 1 {
			return a.failEntry(tensor.ErrFormat, e, off+directorySize+int64(i), "name of entry "+count(index), "byte "+hex(uint64(c), 2)+", which is not UTF-8", "UTF-8")
		}
		i += n
	}
	return nil
}

// checkFlags refuses members that need more than a plain reader.
func (a *Archive) checkFlags(e *Entry, off int64) *tensor.Error {
	switch f := e.flags; {
	case f&(flagEncrypted|flagStrong|flagMasked) != 0:
		return a.failEntry(tensor.ErrUnsupported, e, off+8, "flags", hex(uint64(f), 4)+" (encrypted, method "+methodName(e.Method)+")", "a member that is not encrypted")
	case f&flagPatch != 0:
		return a.failEntry(tensor.ErrUnsupported, e, off+8, "flags", hex(uint64(f), 4)+" (patch data)", "a whole member")
	case f&^flagKnown != 0:
		return a.failEntry(tensor.ErrUnsupported, e, off+8, "flags", hex(uint64(f), 4), "no bits beyond "+hex(flagKnown, 4))
	}
	return nil
}

// extras are the extra fields that matter; nil where absent.
type extras struct {
	zip64       []byte
	unicodePath []byte
}

// parseExtra walks the extra fields in b, at off.
func (a *Archive) parseExtra(b []byte, off int64, e *Entry) (extras, error) {
	var x extras
	for len(b) > 0 {
		if len(b) < 4 {
			return x, a.failEntry(tensor.ErrFormat, e, off, "extra field", count(int64(len(b)))+" bytes", "at least 4")
		}
		id, n := le.Uint16(b), int(le.Uint16(b[2:]))
		if n > len(b)-4 {
			return x, a.failEntry(tensor.ErrFormat, e, off+2, "extra field size", count(int64(n)), "at most "+count(int64(len(b)-4)))
		}
		v := b[4 : 4+n : 4+n]
		var dst *[]byte
		switch id {
		case extraZip64:
			dst = &x.zip64
		case extraUnicodePath:
			dst = &x.unicodePath
		}
		if dst != nil {
			if *dst != nil {
				return x, a.failEntry(tensor.ErrFormat, e, off, "extra field "+hex(uint64(id), 4), "two", "one")
			}
			*dst = v
		}
		b, off = b[4+n:], off+int64(4+n)
	}
	return x, nil
}

// checkLocal checks the local header of e against the directory and finds
// where its bytes lie. They must end at limit, which is where next (nil: the
// directory) starts, but for a data descriptor.
func (a *Archive) checkLocal(w *headers, e, next *Entry, limit, dirOffset int64) error {
	if dirOffset-e.Header < localSize {
		return a.failEntry(tensor.ErrCorrupt, e, e.Header, "local header", count(max(0, dirOffset-e.Header))+" bytes before the directory", "at least 30")
	}
	h, err := w.bytes(e.Header, localSize, "local header")
	if err != nil {
		return err
	}
	if sig := le.Uint32(h); sig != sigLocal {
		return a.failEntry(tensor.ErrCorrupt, e, e.Header, "local header signature", hex(uint64(sig), 8), hex(sigLocal, 8))
	}
	flags, method := le.Uint16(h[6:]), le.Uint16(h[8:])
	crc := le.Uint32(h[14:])
	stored, size := uint64(le.Uint32(h[18:])), uint64(le.Uint32(h[22:]))
	nameLen, extraLen := int(le.Uint16(h[26:])), int(le.Uint16(h[28:]))
	headLen := int64(localSize + nameLen + extraLen)
	if headLen > dirOffset-e.Header {
		return a.failEntry(tensor.ErrCorrupt, e, e.Header+26, "local header", count(headLen)+" bytes", "at most "+count(dirOffset-e.Header)+", up to the directory")
	}
	if h, err = w.bytes(e.Header, int(headLen), "local header"); err != nil {
		return err
	}
	if name := string(h[localSize:][:nameLen]); name != e.Name {
		return a.failEntry(tensor.ErrCorrupt, e, e.Header+localSize, "name in the local header", tensor.Quote(name), "the name in the directory")
	}
	if flags != e.flags {
		return a.failEntry(tensor.ErrCorrupt, e, e.Header+6, "flags in the local header", hex(uint64(flags), 4), hex(uint64(e.flags), 4)+" as in the directory")
	}
	if method != e.Method {
		return a.failEntry(tensor.ErrCorrupt, e, e.Header+8, "method in the local header", methodName(method), methodName(e.Method)+" as in the directory")
	}
	x, err := a.parseExtra(h[localSize+nameLen:], e.Header+int64(localSize+nameLen), e)
	if err != nil {
		return err
	}
	if x.zip64 != nil && (size == max32 || stored == max32) {
		if len(x.zip64) < 16 {
			return a.failEntry(tensor.ErrCorrupt, e, e.Header, "zip64 field in the local header", count(int64(len(x.zip64)))+" bytes", "16")
		}
		if size == max32 {
			size = le.Uint64(x.zip64)
		}
		if stored == max32 {
			stored = le.Uint64(x.zip64[8:])
		}
	}
	// With a descriptor the header may leave all three out; what it says must
	// still be true.
	later := flags&flagDescriptor != 0
	if !(later && size == 0) && size != uint64(e.Size) {
		return a.failEntry(tensor.ErrCorrupt, e, e.Header+22, "size in the local header", ucount(size), count(e.Size)+" as in the directory")
	}
	if !(later && stored == 0) && stored != uint64(e.StoredSize) {
		return a.failEntry(tensor.ErrCorrupt, e, e.Header+18, "stored size in the local header", ucount(stored), count(e.StoredSize)+" as in the directory")
	}
	if !(later && crc == 0) && crc != e.CRC32 {
		return a.failEntry(tensor.ErrCorrupt, e, e.Header+14, "CRC-32 in the local header", hex(uint64(crc), 8), hex(uint64(e.CRC32), 8)+" as in the directory")
	}

	e.Offset = e.Header + headLen
	if e.StoredSize > dirOffset-e.Offset {
		return a.failEntry(tensor.ErrCorrupt, e, e.Offset, "stored size", count(e.StoredSize), "at most "+count(dirOffset-e.Offset)+", up to the directory")
	}
	endOff := e.Offset + e.StoredSize
	gap := limit - endOff
	if gap < 0 {
		return a.failEntry(tensor.ErrCorrupt, e, limit, "data", "bytes "+count(e.Offset)+" to "+count(endOff),
			"to end at "+count(limit)+", where member "+tensor.Quote(next.Name)+" starts; they overlap by "+count(-gap)+" bytes")
	}
	if later {
		return a.checkDescriptor(w, e, endOff, gap)
	}
	if gap != 0 {
		return a.failEntry(tensor.ErrFormat, e, endOff, "bytes after the data", count(gap)+" that belong to no member", "0")
	}
	return nil
}

// checkDescriptor checks the record after streamed data, at off. Its length
// tells its form: with or without signature, sizes of 4 or 8 bytes.
func (a *Archive) checkDescriptor(w *headers, e *Entry, off, gap int64) error {
	var sig, wide bool
	switch gap {
	case 0:
		return a.failEntry(tensor.ErrCorrupt, e, off, "data descriptor", "none", "one, as flag bit 3 says")
	case 12:
	case 16:
		sig = true
	case 20:
		wide = true
	case 24:
		sig, wide = true, true
	default:
		return a.failEntry(tensor.ErrCorrupt, e, off, "data descriptor", count(gap)+" bytes up to the next header", "12, 16, 20 or 24")
	}
	b, err := w.bytes(off, int(gap), "data descriptor")
	if err != nil {
		return err
	}
	if sig {
		if s := le.Uint32(b); s != sigDescriptor {
			return a.failEntry(tensor.ErrCorrupt, e, off, "data descriptor signature", hex(uint64(s), 8), hex(sigDescriptor, 8))
		}
		b, off = b[4:], off+4
	}
	if crc := le.Uint32(b); crc != e.CRC32 {
		return a.failEntry(tensor.ErrCorrupt, e, off, "CRC-32 in the data descriptor", hex(uint64(crc), 8), hex(uint64(e.CRC32), 8)+" as in the directory")
	}
	var stored, size uint64
	if wide {
		stored, size = le.Uint64(b[4:]), le.Uint64(b[12:])
	} else {
		stored, size = uint64(le.Uint32(b[4:])), uint64(le.Uint32(b[8:]))
	}
	if stored != uint64(e.StoredSize) || size != uint64(e.Size) {
		return a.failEntry(tensor.ErrCorrupt, e, off+4, "sizes in the data descriptor", ucount(stored)+" and "+ucount(size),
			count(e.StoredSize)+" and "+count(e.Size)+" as in the directory")
	}
	return nil
}

// methodName returns the number of a compression method with its name.
func methodName(m uint16) string {
	names := map[uint16]string{0: "stored", 1: "shrink", 6: "implode", 8: "deflate", 9: "deflate64", 12: "bzip2", 14: "LZMA", 93: "zstd", 94: "MP3", 95: "xz", 96: "JPEG", 97: "WavPack", 98: "PPMd", 99: "AES"}
	if n, ok := names[m]; ok {
		return count(int64(m)) + " (" + n + ")"
	}
	return count(int64(m))
}

func modeName(mode uint32) string {
	names := map[uint32]string{0o010000: "a FIFO", 0o020000: "a character device", 0o040000: "a directory", 0o060000: "a block device", 0o120000: "a symbolic link", 0o140000: "a socket"}
	if n, ok := names[mode]; ok {
		return n
	}
	return strings.ToLower("0" + hex(uint64(mode), 4)[1:])
}
