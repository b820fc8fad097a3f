package format_test

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/internal/badinput/forge"
	"github.com/tensorfile/tensorfile/tensor"
)

// FuzzStructs gives any bytes, their checksums made right on request, to each
// function that reads one structure, and to those that look for structures where
// nothing points to. Errors have kind and rule; what is read writes itself as the
// bytes that it was read from.
func FuzzStructs(f *testing.F) {
	corpus(f, func(_ string, b []byte) {
		if len(b) < 12288+128 {
			return
		}
		f.Add(b[:64], int64(len(b)), false)
		f.Add(b[4096:4224], int64(len(b)), true)
		f.Add(b[len(b)-128:], int64(len(b)-128), true)
		if c, err := rootOf(b); err == nil {
			r := c.Root.Catalog
			f.Add(b[r.Offset:r.Offset+uint64(r.Length)], int64(r.Offset), false)
		}
	})
	f.Add(format.AppendDType(nil, tensor.F32), int64(0), false)
	f.Add([]byte("shuffle:4|zstd\nlz4"), int64(0), false)
	f.Fuzz(func(t *testing.T, b []byte, off int64, seal bool) {
		off &= 1<<62 - 1
		if seal && len(b) >= 128 {
			b = bytes.Clone(b)
			copy(b, "TSRR")
			copy(b[8:], forge.UUID[:])
			resum(b[:128])
		}
		h, err := format.ParseHeader(b)
		if structured(t, err); err == nil && !bytes.Equal(h.AppendTo(nil)[:44], b[:44]) && len(b) >= format.HeaderSize {
			// Flags of no meaning are kept out of what is written.
			if again, err := format.ParseHeader(h.AppendTo(nil)); err != nil || again != h {
				t.Fatalf("%+v, then %+v, %v", h, again, err)
			}
		}
		if len(b) == format.RootSize {
			id, sound := format.SniffRoot(b)
			for _, p := range []format.Place{format.InSlotA, format.InSlotB} {
				r, err := format.ParseAnySlot(b, p)
				structured(t, err)
				if err == nil && (!sound || r.UUID != id) {
					t.Fatalf("read as the root of %x, and looked like none: %v %x", r.UUID, sound, id)
				}
				same, err2 := format.ParseSlot(b, p, r.UUID)
				structured(t, err2)
				if err == nil && (err2 != nil || same.Generation != r.Generation) {
					t.Fatalf("%+v, then %+v, %v", r, same, err2)
				}
			}
			r, err := format.ParseTrailer(b, off, forge.UUID)
			if structured(t, err); err == nil && (!sound || r.Length != off+format.RootSize) {
				t.Fatalf("a trailer at %d that is none: %+v", off, r)
			}
			if c, ok := format.ChooseTail(b, off+format.RootSize); ok && (!sound || !c.Root.Created || c.Root.Length != off+format.RootSize) {
				t.Fatalf("a tail at %d that is none: %+v", off, c)
			}
		}
		if n, ok := format.SniffRunHead(b, off); ok && n < forge.HeadSize {
			t.Fatalf("a run head of %d bytes", n)
		}
		if len(b) >= format.DTypeSize {
			d, err := format.DecodeDType(b[:format.DTypeSize])
			if structured(t, err); err == nil && !bytes.Equal(format.AppendDType(nil, d), b[:format.DTypeSize]) {
				t.Fatalf("%x is %+v, which is %x", b[:format.DTypeSize], d, format.AppendDType(nil, d))
			}
		}
		ref := format.Ref{Offset: uint64(off) &^ 63, Length: uint32(len(b)), CRC: forge.CRC(b)}
		sums, err := format.ParseSums(b, ref)
		if structured(t, err); err == nil {
			for i, s := range sums {
				if s != binary.LittleEndian.Uint32(b[4*i:]) {
					t.Fatalf("sum %d of %x is %x", i, b, s)
				}
			}
		}
		s := string(b)
		structured(t, format.CheckName(s))
		structured(t, format.CheckKey(s))
		structured(t, format.CheckPipelines(s))
		if format.CheckName(s) == nil && (format.CheckKey(s) != nil || format.CheckKey(s+"\x00x") != nil) {
			t.Fatalf("%q is a name and no key", s)
		}
		if format.ValidRole(s) && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789_") != "" {
			t.Fatalf("%q is a role", s)
		}
	})
}
