package zipfile

import (
	"bytes"
	"encoding/binary"

	"github.com/tensorfile/tensorfile/tensor"
)

// Sizes and signatures of the records (APPNOTE 6.3.10, section 4.3).
const (
	sigLocal      = 0x04034b50
	sigDirectory  = 0x02014b50
	sigDescriptor = 0x08074b50
	sigEnd        = 0x06054b50
	sigEnd64      = 0x06064b50
	sigLocator64  = 0x07064b50

	localSize     = 30
	directorySize = 46
	endSize       = 22
	end64Size     = 56
	locator64Size = 20

	max16 = 0xffff
	max32 = 0xffffffff
)

// endRecord says where the directory lies, from the end record and, where it
// is there, the zip64 end record.
type endRecord struct {
	count     int64
	dirOffset int64
	dirSize   int64
}

var le = binary.LittleEndian

// findEnd finds the one end record, follows it to the zip64 records, and
// checks that the directory fits right before them.
func (a *Archive) findEnd() (endRecord, error) {
	var end endRecord
	tail := make([]byte, min(a.size, endSize+max16))
	tailOff := a.size - int64(len(tail))
	if err := a.readFull(tail, tailOff, "end record"); err != nil {
		return end, err
	}
	at, err := a.locateEnd(tail, tailOff)
	if err != nil {
		return end, err
	}
	rec := tail[at:]
	pos := tailOff + int64(at) // of the end record
	disk, dirDisk := le.Uint16(rec[4:]), le.Uint16(rec[6:])
	here, total := le.Uint16(rec[8:]), le.Uint16(rec[10:])
	size32, off32 := le.Uint32(rec[12:]), le.Uint32(rec[16:])
	n, size, off := uint64(total), uint64(size32), uint64(off32)

	limit := pos // the directory ends here
	has64, err := a.zip64At(pos - locator64Size)
	if err != nil {
		return end, err
	}
	if has64 {
		var r64 end64
		if r64, err = a.readEnd64(pos - locator64Size); err != nil {
			return end, err
		}
		limit = r64.pos
		// Programs disagree on which of the two records counts, so a value
		// that is not the escape value must be the same in both.
		for _, f := range []struct {
			name        string
			short, esc  uint64
			long        uint64
			shortOffset int64
		}{
			{"disk number", uint64(disk), max16, uint64(r64.disk), 4},
			{"disk of the directory", uint64(dirDisk), max16, uint64(r64.dirDisk), 6},
			{"entries on this disk", uint64(here), max16, r64.here, 8},
			{"entry count", uint64(total), max16, r64.total, 10},
			{"directory size", size, max32, r64.dirSize, 12},
			{"directory offset", off, max32, r64.dirOffset, 16},
		} {
			if f.short != f.esc && f.short != f.long {
				return end, a.fail(tensor.ErrCorrupt, pos+f.shortOffset, f.name, ucount(f.short), ucount(f.long)+" as in the zip64 end record")
			}
		}
		if r64.disk != 0 || r64.dirDisk != 0 || r64.here != r64.total {
			return end, a.multiDisk(r64.pos+16, uint64(r64.disk), uint64(r64.dirDisk), r64.here, r64.total)
		}
		n, size, off = r64.total, r64.dirSize, r64.dirOffset
	} else if disk != 0 || dirDisk != 0 || here != total {
		return end, a.multiDisk(pos+4, uint64(disk), uint64(dirDisk), uint64(here), uint64(total))
	}

	if size > uint64(limit) {
		return end, a.fail(tensor.ErrCorrupt, pos+12, "directory size", ucount(size), "at most "+count(limit)+", the bytes before the end record")
	}
	if off > uint64(limit) {
		return end, a.fail(tensor.ErrCorrupt, pos+16, "directory offset", ucount(off), "at most "+count(limit)+"; the file has "+count(a.size)+" bytes")
	}
	switch gap := limit - int64(size) - int64(off); {
	case gap < 0:
		return end, a.fail(tensor.ErrCorrupt, pos+16, "directory offset", ucount(off), count(limit-int64(size))+", so that the directory ends at the end record")
	case gap > 0:
		// Everything moved by the same number of bytes: something was put
		// before the archive. Otherwise the numbers are just wrong.
		sig := make([]byte, 4)
		if size >= 4 {
			if err := a.readFull(sig, limit-int64(size), "directory"); err != nil {
				return end, err
			}
		}
		if size == 0 || le.Uint32(sig) == sigDirectory {
			return end, a.fail(tensor.ErrFormat, gap, "leading bytes", count(gap)+" bytes before the archive", "0")
		}
		return end, a.fail(tensor.ErrCorrupt, pos+16, "directory offset", ucount(off), count(limit-int64(size))+", so that the directory ends at the end record")
	}
	if fit := size / directorySize; n > fit {
		return end, a.fail(tensor.ErrCorrupt, pos+10, "entry count", ucount(n), "at most "+ucount(fit)+", what "+ucount(size)+" bytes of directory hold")
	}
	if n > uint64(a.opts.MaxEntries) {
		return end, a.fail(tensor.ErrLimit, pos+10, "entry count", ucount(n), "at most "+count(a.opts.MaxEntries))
	}
	return endRecord{count: int64(n), dirOffset: int64(off), dirSize: int64(size)}, nil
}

func (a *Archive) multiDisk(off int64, disk, dirDisk, here, total uint64) error {
	got := "disk " + ucount(disk) + ", directory on disk " + ucount(dirDisk) + ", " + ucount(here) + " of " + ucount(total) + " entries here"
	return a.fail(tensor.ErrUnsupported, off, "disk number", got, "an archive in one file")
}

// locateEnd returns the position in tail of the only end record whose comment
// ends with the file.
func (a *Archive) locateEnd(tail []byte, tailOff int64) (int, error) {
	found, partial := -1, -1
	for i := len(tail); ; {
		i = bytes.LastIndex(tail[:i], []byte("PK\x05\x06"))
		if i < 0 {
			break
		}
		if len(tail)-i < endSize {
			partial = i
			continue
		}
		if endSize+int(le.Uint16(tail[i+20:])) != len(tail)-i {
			if partial < 0 {
				partial = i
			}
			continue
		}
		// A second end record inside the comment of the first, or a first
		// one whose comment swallows the second: each reader picks its own.
		if found >= 0 || partial >= 0 {
			other := found
			if other < 0 {
				other = partial
			}
			return 0, a.fail(tensor.ErrFormat, tailOff+int64(i), "end record", "two, at offsets "+count(tailOff+int64(i))+" and "+count(tailOff+int64(other)), "one")
		}
		found = i
	}
	if found >= 0 {
		return found, nil
	}
	if partial >= 0 {
		rest := len(tail) - partial
		pos := tailOff + int64(partial)
		if rest < endSize {
			return 0, a.fail(tensor.ErrTruncated, pos, "end record", count(int64(rest))+" bytes", count(endSize))
		}
		n := int(le.Uint16(tail[partial+20:]))
		if rest < endSize+n {
			return 0, a.fail(tensor.ErrTruncated, pos+endSize, "comment", count(int64(rest-endSize))+" bytes", count(int64(n)))
		}
		// Bytes after an archive, if this record is the end of one that
		// starts with the file; else it is part of a member and the end of
		// this archive is missing.
		dirEnd := int64(le.Uint32(tail[partial+12:])) + int64(le.Uint32(tail[partial+16:]))
		if dirEnd == pos {
			extra := int64(rest - endSize - n)
			return 0, a.fail(tensor.ErrFormat, a.size-extra, "trailing bytes", count(extra)+" bytes after the end record", "0")
		}
	}
	kind := tensor.ErrTruncated
	head := make([]byte, min(a.size, 4))
	if err := a.readFull(head, 0, "signature"); err != nil {
		return 0, err
	}
	if !bytes.HasPrefix([]byte("PK\x03\x04"), head) && !bytes.HasPrefix([]byte("PK\x05\x06"), head) {
		kind = tensor.ErrFormat
	}
	return 0, a.fail(kind, a.size, "end record", "not a zip or not all of it: none in the last "+count(int64(len(tail)))+" of "+count(a.size)+" bytes", "PK\\x05\\x06 and 18 bytes more")
}

// end64 is the zip64 end record.
type end64 struct {
	pos                int64 // its offset
	disk, dirDisk      uint32
	here, total        uint64
	dirSize, dirOffset uint64
}

// zip64At reports whether a zip64 locator stands at off.
func (a *Archive) zip64At(off int64) (bool, error) {
	if off < 0 {
		return false, nil
	}
	var b [4]byte
	if err := a.readFull(b[:], off, "zip64 locator"); err != nil {
		return false, err
	}
	return le.Uint32(b[:]) == sigLocator64, nil
}

// readEnd64 follows the locator at off to the zip64 end record, which must
// stand right before it.
func (a *Archive) readEnd64(off int64) (end64, error) {
	var r end64
	loc := make([]byte, locator64Size)
	if err := a.readFull(loc, off, "zip64 locator"); err != nil {
		return r, err
	}
	if disk, disks := le.Uint32(loc[4:]), le.Uint32(loc[16:]); disk != 0 || disks > 1 {
		return r, a.fail(tensor.ErrUnsupported, off+4, "disk number", "disk "+count(int64(disk))+" of "+count(int64(disks)), "an archive in one file")
	}
	p := le.Uint64(loc[8:])
	if off < end64Size || p > uint64(off-end64Size) {
		return r, a.fail(tensor.ErrCorrupt, off+8, "zip64 end record offset", ucount(p), "at most "+count(off-end64Size)+", right before the locator")
	}
	r.pos = int64(p)
	b := make([]byte, end64Size)
	if err := a.readFull(b, r.pos, "zip64 end record"); err != nil {
		return r, err
	}
	if sig := le.Uint32(b); sig != sigEnd64 {
		return r, a.fail(tensor.ErrCorrupt, r.pos, "zip64 end record signature", hex(uint64(sig), 8), hex(sigEnd64, 8))
	}
	if n, want := le.Uint64(b[4:]), uint64(off-r.pos-12); n != want {
		return r, a.fail(tensor.ErrCorrupt, r.pos+4, "zip64 end record size", ucount(n), ucount(want)+", up to the locator")
	}
	r.disk, r.dirDisk = le.Uint32(b[16:]), le.Uint32(b[20:])
	r.here, r.total = le.Uint64(b[24:]), le.Uint64(b[32:])
	r.dirSize, r.dirOffset = le.Uint64(b[40:]), le.Uint64(b[48:])
	return r, nil
}
