package zipfile

import (
	"bytes"
	"compress/flate"
	"hash/crc32"
)

// testMember is a member of a hand-made archive; the zero value of each
// override leaves the true value in place.
type testMember struct {
	name      string
	localName *string // name in the local header
	data      []byte
	method    uint16
	flags     uint16
	mode      uint32
	extra     []byte // in the directory
	local     []byte // extra in the local header
	descr     bool   // data descriptor of 16 bytes after the data
	noDescr   bool   // the flag without the descriptor
	crc       *uint32
	size      *uint32 // in the directory
	localSize *uint32
	stored    *uint32
	raw       []byte // stored bytes in place of the encoded data
	after     []byte // bytes between this member and the next
	header    *uint32
	disk      uint16
}

func deflate(b []byte) []byte {
	var buf bytes.Buffer
	w, _ := flate.NewWriter(&buf, 9)
	_, _ = w.Write(b)
	_ = w.Close()
	return buf.Bytes()
}

// deflatedZeros is a stream of n MiB of zeros: the code of one of them again
// and again, as deflating them all takes its time.
func deflatedZeros(n int) []byte {
	return append(bytes.Repeat(flushed(make([]byte, 1<<20)), n), 3, 0) // an empty last block
}

// flushed is b deflated, and no end: more may follow.
func flushed(b []byte) []byte {
	var buf bytes.Buffer
	w, _ := flate.NewWriter(&buf, 9)
	_, _ = w.Write(b)
	_ = w.Flush()
	return buf.Bytes()
}

func pick(p *uint32, v uint32) uint32 {
	if p != nil {
		return *p
	}
	return v
}

func ptr[T any](v T) *T { return &v }

// buildZip writes the members, the directory and the end record, with prefix
// before all and comment at the end.
func buildZip(prefix []byte, comment string, ms ...testMember) []byte {
	return buildZipAt(prefix, 0, comment, ms...)
}

// buildZipAt adds base to every offset.
func buildZipAt(prefix []byte, base uint32, comment string, ms ...testMember) []byte {
	b := bytes.Clone(prefix)
	var dir []byte
	for _, m := range ms {
		stored := m.data
		switch {
		case m.raw != nil:
			stored = m.raw
		case m.method == Deflated:
			stored = deflate(m.data)
		}
		flags := m.flags
		if m.descr {
			flags |= flagDescriptor
		}
		crc := pick(m.crc, crc32.ChecksumIEEE(m.data))
		off := uint32(len(b)-len(prefix)) + base
		local := m.name
		if m.localName != nil {
			local = *m.localName
		}
		b = le.AppendUint32(b, sigLocal)
		b = le.AppendUint16(b, 20)
		b = le.AppendUint16(b, flags)
		b = le.AppendUint16(b, m.method)
		b = le.AppendUint32(b, dosDate<<16)
		if m.descr {
			b = append(b, make([]byte, 12)...)
		} else {
			b = le.AppendUint32(b, crc)
			b = le.AppendUint32(b, pick(m.stored, uint32(len(stored))))
			b = le.AppendUint32(b, pick(m.localSize, pick(m.size, uint32(len(m.data)))))
		}
		b = le.AppendUint16(b, uint16(len(local)))
		b = le.AppendUint16(b, uint16(len(m.local)))
		b = append(b, local...)
		b = append(b, m.local...)
		b = append(b, stored...)
		if m.descr && !m.noDescr {
			b = le.AppendUint32(b, sigDescriptor)
			b = le.AppendUint32(b, crc)
			b = le.AppendUint32(b, pick(m.stored, uint32(len(stored))))
			b = le.AppendUint32(b, pick(m.size, uint32(len(m.data))))
		}
		b = append(b, m.after...)

		dir = le.AppendUint32(dir, sigDirectory)
		dir = le.AppendUint16(dir, 3<<8|20)
		dir = le.AppendUint16(dir, 20)
		dir = le.AppendUint16(dir, flags)
		dir = le.AppendUint16(dir, m.method)
		dir = le.AppendUint32(dir, dosDate<<16)
		dir = le.AppendUint32(dir, crc)
		dir = le.AppendUint32(dir, pick(m.stored, uint32(len(stored))))
		dir = le.AppendUint32(dir, pick(m.size, uint32(len(m.data))))
		dir = le.AppendUint16(dir, uint16(len(m.name)))
		dir = le.AppendUint16(dir, uint16(len(m.extra)))
		dir = le.AppendUint16(dir, 0)
		dir = le.AppendUint16(dir, m.disk)
		dir = le.AppendUint16(dir, 0)
		dir = le.AppendUint32(dir, m.mode<<16)
		dir = le.AppendUint32(dir, pick(m.header, off))
		dir = append(dir, m.name...)
		dir = append(dir, m.extra...)
	}
	start := uint32(len(b)-len(prefix)) + base
	b = append(b, dir...)
	return appendEnd(b, uint16(len(ms)), uint32(len(dir)), start, comment)
}

func appendEnd(b []byte, n uint16, size, start uint32, comment string) []byte {
	b = le.AppendUint32(b, sigEnd)
	b = le.AppendUint32(b, 0)
	b = le.AppendUint16(b, n)
	b = le.AppendUint16(b, n)
	b = le.AppendUint32(b, size)
	b = le.AppendUint32(b, start)
	b = le.AppendUint16(b, uint16(len(comment)))
	return append(b, comment...)
}

// append64 ends an archive with zip64 records that the escape values in the
// end record point to.
func append64(b []byte, n, size, start, locatorTo uint64) []byte {
	b = le.AppendUint32(b, sigEnd64)
	b = le.AppendUint64(b, 44)
	b = le.AppendUint32(b, 45<<16|45)
	b = le.AppendUint64(b, 0)
	b = le.AppendUint64(b, n)
	b = le.AppendUint64(b, n)
	b = le.AppendUint64(b, size)
	b = le.AppendUint64(b, start)
	b = le.AppendUint32(b, sigLocator64)
	b = le.AppendUint32(b, 0)
	b = le.AppendUint64(b, locatorTo)
	b = le.AppendUint32(b, 1)
	return appendEnd(b, max16, max32, max32, "")
}
