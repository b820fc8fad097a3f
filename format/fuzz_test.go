package format_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/internal/badinput/forge"
	"github.com/tensorfile/tensorfile/tensor"
)

// corpus calls fn with the small files of testdata.
func corpus(tb testing.TB, fn func(name string, b []byte)) {
	files, err := filepath.Glob("../testdata/*/*.tensor")
	if err != nil || len(files) == 0 {
		tb.Fatal("no corpus", err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			tb.Fatal(err)
		}
		if len(b) <= 64<<10 {
			fn(filepath.Base(f), b)
		}
	}
}

// structured demands that an error has a kind and a rule.
func structured(t testing.TB, err error) {
	t.Helper()
	var e *tensor.Error
	if err != nil && (!errors.As(err, &e) || e.Kind == nil || e.Rule == "") {
		t.Fatalf("%T %v", err, err)
	}
}

// Heads of any bytes: what passes keeps its promises and is made of the bytes
// that it came from.
func FuzzRunHead(f *testing.F) {
	corpus(f, func(_ string, b []byte) {
		if c, err := rootOf(b); err == nil {
			r := c.Root.Catalog
			f.Add(b[r.Offset:r.Offset+uint64(r.Length)], r.Offset, c.Root.Generation)
		}
	})
	f.Fuzz(func(t *testing.T, b []byte, off, gen uint64) {
		off &= 1<<62 - 1
		if len(b) >= forge.HeadSize {
			b = bytes.Clone(b)
			copy(b[forge.NUUID:], forge.UUID[:])
			binary.LittleEndian.PutUint32(b[forge.NCRC:], forge.CRC(b[8:]))
		}
		root := &format.Root{UUID: forge.UUID, Generation: gen, Length: 1 << 62}
		h, err := format.ParseRunHead(bytes.Clone(b), int64(off), root)
		if err != nil {
			structured(t, err)
			return
		}
		if h.Begin() < format.DataStart || h.Begin()+h.Body != h.Offset || h.Length() != int64(len(b)) || h.Offset != int64(off) ||
			h.Generation == 0 || h.Generation > gen || h.Tensors*h.TensorSize+h.Storages*h.StorageSize+4*h.Tensors+h.Names+h.Heap > h.Body || len(h.Older) > 15 {
			t.Fatalf("%+v", h)
		}
	})
}

// Records of any bytes inside a run whose checksums are right: a mapped and a
// read source say the same, and what is read is written and read again as the
// same.
func FuzzRecords(f *testing.F) {
	corpus(f, func(_ string, b []byte) {
		c, err := rootOf(b)
		if err != nil {
			return
		}
		at := c.Root.Catalog.Offset
		h := b[at:]
		body := binary.LittleEndian.Uint64(h[forge.NBody:])
		if body > at || body > 16<<10 {
			return
		}
		f.Add(b[at-body:at], binary.LittleEndian.Uint16(h[forge.NTensors:]), binary.LittleEndian.Uint16(h[forge.NStorages:]), binary.LittleEndian.Uint16(h[forge.NNames:]), binary.LittleEndian.Uint16(h[forge.NHeap:]))
	})
	g, _, _ := sample()
	g.Storages = g.Storages[4:]
	im := forge.Build(false, g)
	f.Add(im.B[im.Last().Body:im.Last().Head], uint16(len(g.Tensors)), uint16(1), uint16(im.Last().Heap-im.Last().Names), uint16(im.Last().Head-im.Last().Heap))
	f.Fuzz(func(t *testing.T, body []byte, tensors, storages, names, heap uint16) {
		body = append(bytes.Clone(body), make([]byte, -len(body)&63)...)
		at := uint64(format.DataStart + len(body))
		b := append(make([]byte, format.DataStart), body...)
		n := forge.HeadSize + 4*((len(body)+4095)/4096)
		b = append(b, make([]byte, n)...)
		le := binary.LittleEndian
		h := b[at:]
		copy(h, "TSRC")
		le.PutUint64(h[forge.NOffset:], at)
		le.PutUint64(h[forge.NGen:], 3)
		le.PutUint64(h[forge.NBody:], uint64(len(body)))
		le.PutUint64(h[forge.NHeap:], uint64(heap))
		le.PutUint32(h[forge.NNames:], uint32(names))
		le.PutUint32(h[forge.NTensors:], uint32(tensors))
		le.PutUint32(h[forge.NStorages:], uint32(storages))
		le.PutUint16(h[forge.NTensorSize:], 64)
		le.PutUint16(h[forge.NStorageSize:], 96)
		h[forge.NPageExp] = 12
		le.PutUint32(h[forge.NLength:], uint32(n))
		copy(h[forge.NUUID:], forge.UUID[:])
		for i := 0; i*4096 < len(body); i++ {
			le.PutUint32(h[forge.HeadSize+4*i:], forge.CRC(body[4096*i:min(4096*i+4096, len(body))]))
		}
		le.PutUint32(h[forge.NCRC:], forge.CRC(h[8:]))
		root := format.Root{UUID: forge.UUID, Generation: 3, Length: 1 << 40, Catalog: format.Ref{Offset: at, Length: uint32(n), CRC: forge.CRC(h)}}
		var said [2][]string
		var live []format.TensorRecord
		var kept []format.StorageRecord
		for way := range 2 {
			say := func(err error) {
				structured(t, err)
				if err != nil {
					said[way] = append(said[way], err.Error())
				}
			}
			c, err := format.OpenCatalog(memSource{b: b, mapped: way == 0}, &root)
			if err != nil {
				say(err)
				continue
			}
			s, err := c.Scanner()
			say(err)
			for err == nil {
				rec, more, rerr := s.Next()
				say(rerr)
				if !more {
					break
				}
				if rerr == nil {
					var again format.TensorRecord
					if found, err := c.Tensor(rec.Name, &again); err == nil && found && again.At == rec.At && again.Offset != rec.Offset {
						t.Fatalf("%+v and %+v", again, rec)
					}
					if way == 0 {
						x := *rec
						x.Shape, x.Strides, x.Attrs = rec.Shape.Clone(), rec.Strides.Clone(), bytes.Clone(rec.Attrs)
						live = append(live, x)
					}
				}
			}
			if err := c.ScanStorages(func(s *format.StorageRecord) error {
				if way == 0 {
					kept = append(kept, *s)
				}
				return nil
			}); err != nil {
				say(err)
			}
			runs, err := c.Runs()
			if err != nil {
				t.Fatal(err)
			}
			runs[0].Verify(say)
		}
		if !reflect.DeepEqual(said[0], said[1]) {
			t.Fatalf("mapped and read differ:\n%q\n%q", said[0], said[1])
		}
		rewrite(t, live, kept)
	})
}

// rewrite writes records and reads them back.
func rewrite(t *testing.T, live []format.TensorRecord, kept []format.StorageRecord) {
	_, kept = format.SortRecords(nil, kept)
	for i := 1; i < len(kept); i++ {
		if kept[i].ID == kept[i-1].ID {
			return // verify has said so
		}
	}
	b, ref, err := format.AppendRun(make([]byte, format.DataStart), live, kept, format.RunParams{UUID: forge.UUID, Generation: 3, Begin: format.DataStart, NextID: 1 << 63})
	if err != nil {
		t.Fatal(err)
	}
	root := format.Root{UUID: forge.UUID, Generation: 3, Length: 1 << 40, Catalog: ref}
	c, err := format.OpenCatalog(memSource{b: b}, &root)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range live {
		var got format.TensorRecord
		found, err := c.Tensor(want.Name, &got)
		got.At, got.AttrsAt = want.At, want.AttrsAt
		if len(got.Shape) == 0 {
			got.Shape, got.Strides = want.Shape, want.Strides
		}
		if len(want.Attrs) == 0 {
			want.Attrs = nil
		}
		if err != nil || !found || !reflect.DeepEqual(got, want) {
			t.Fatalf("%v %v\ngot  %+v\nwant %+v", found, err, got, want)
		}
	}
	for _, want := range kept {
		var got format.StorageRecord
		found, err := c.Storage(want.ID, &got)
		got.At = want.At
		if err != nil || !found || !reflect.DeepEqual(got, want) {
			t.Fatalf("%v %v\ngot  %+v\nwant %+v", found, err, got, want)
		}
	}
}

// Attributes of any text: what is accepted is written canonically and read as
// the same.
func FuzzAttrs(f *testing.F) {
	for _, s := range []string{`{}`, `{"dims":["x",null],"a":[1,2.5,-0.0,1e300,18446744073709551615]}`, `{"a":{"$f64":"7ff8000000000001"},"b":{"$f32":"7f800001"},"c":{"$bytes":"AAEC"}}`, nested(32), `{"a":"\ud83d\ude00\u0000"}`, `{"unit":1,"axes":[null]}`} {
		f.Add([]byte(s), 2)
	}
	f.Fuzz(func(t *testing.T, b []byte, rank int) {
		rank = max(rank%33, -1)
		m, err := format.ParseAttrs(b, 4096, rank)
		if err != nil {
			structured(t, err)
			var e *tensor.Error
			if errors.As(err, &e); e.Offset < 4096 || e.Offset > 4096+int64(len(b)) {
				t.Fatalf("offset of %v", err)
			}
			return
		}
		format.CheckReserved(m, 4096, rank, func(err error) { structured(t, err) })
		out, err := format.AppendAttrs(nil, m, rank)
		if err != nil {
			return // reserved one-key objects are read and not written
		}
		again, err := format.ParseAttrs(out, 0, rank)
		if err != nil {
			t.Fatalf("%s: %v", out, err)
		}
		if out2, err := format.AppendAttrs(nil, again, rank); err != nil || !bytes.Equal(out, out2) {
			t.Fatalf("%s, then %s, %v", out, out2, err)
		}
	})
}

// Roots of any bytes, some made sound: the choice is one of the records given,
// sound, and the file holds it.
func FuzzChooseRoot(f *testing.F) {
	corpus(f, func(_ string, b []byte) {
		if len(b) > 12288+128 {
			f.Add(b[4096:4224], b[8192:8320], b[len(b)-128:], int64(len(b)), uint8(0))
			f.Add(b[4096:4224], b[8192:8320], b[len(b)-128:], int64(len(b)), uint8(7))
		}
	})
	f.Fuzz(func(t *testing.T, a, b, e []byte, size int64, fix uint8) {
		recs := [][]byte{a, b, e}
		sound := [3]bool{}
		for i, r := range recs {
			if len(r) != 128 {
				return
			}
			r = bytes.Clone(r)
			recs[i] = r
			if fix&(1<<i) != 0 {
				copy(r, "TSRR")
				copy(r[8:], forge.UUID[:])
				resum(r)
			}
			sound[i] = string(r[:4]) == "TSRR" && [16]byte(r[8:]) == forge.UUID && binary.LittleEndian.Uint32(r[4:]) == forge.CRC(r[8:])
		}
		size &= 1<<62 - 1
		c, err := format.ChooseRoot(forge.UUID, recs[0], recs[1], size, func() ([]byte, error) { return recs[2], nil })
		if err != nil {
			structured(t, err)
			return
		}
		le := binary.LittleEndian
		if !sound[c.Place] || !bytes.Equal(c.Bytes[:], recs[c.Place]) || c.Root.Length > size || c.Root.Generation != le.Uint64(c.Bytes[24:]) {
			t.Fatalf("%+v", c)
		}
		if c.Place == format.InTrailer && (sound[0] && sound[1] || c.Root.Length != size || !sound[0] && !sound[1] && !c.Root.Created) {
			t.Fatalf("a trailer that must not be believed: %+v", c)
		}
		if c.Place != format.InTrailer {
			if other := 1 - int(c.Place); sound[other] && le.Uint64(recs[other][24:]) > c.Root.Generation {
				t.Fatalf("the older slot was chosen: %+v", c)
			}
		}
		if got := c.Root.AppendTo(nil); c.Root.MustRead|c.Root.MustWrite|c.Root.Info == 0 && !bytes.Equal(got, c.Bytes[:]) {
			t.Fatalf("writes itself as\n%x, was\n%x", got, c.Bytes)
		}
		if c.Root.Catalog.Offset+uint64(c.Root.Catalog.Length) > uint64(c.Root.TrailerAt()) {
			t.Fatalf("catalog outside: %+v", c.Root)
		}
	})
}
