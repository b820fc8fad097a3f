package format_test

import (
	"bytes"
	"encoding/hex"
	"reflect"
	"testing"
	"time"

	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/internal/badinput/forge"
	"github.com/tensorfile/tensorfile/tensor"
)

func unhex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}

func TestChecksumVectors(t *testing.T) {
	for _, c := range []struct {
		in   []byte
		want uint32
	}{
		{[]byte("123456789"), 0xE3069283},
		{nil, 0},
		{[]byte{0}, 0x527D5351},
		{bytes.Repeat([]byte{0xff}, 32), 0x62A8AB43},
	} {
		if got := format.Checksum(c.in); got != c.want {
			t.Errorf("Checksum(% x) = %08X, want %08X", c.in, got, c.want)
		}
		n := len(c.in) / 2
		if got := format.UpdateChecksum(format.Checksum(c.in[:n]), c.in[n:]); got != c.want {
			t.Errorf("in two parts: %08X, want %08X", got, c.want)
		}
	}
}

// The hex of these two was made by a separate program.
func TestHeaderBytes(t *testing.T) {
	want := unhex("895453520d0a1a0a4ea736a801004000000102030405060708090a0b0c0d0e0f" +
		"0000000000000000000000000000000000000000000000000000000000000000")
	h := format.Header{UUID: format.UUID(unhex("000102030405060708090a0b0c0d0e0f"))}
	if got := h.AppendTo([]byte("x")); !bytes.Equal(got[1:], want) {
		t.Errorf("got  %x\nwant %x", got[1:], want)
	}
	got, err := format.ParseHeader(append(bytes.Clone(want), "more"...))
	if err != nil || got != h {
		t.Errorf("ParseHeader = %v, %v", got, err)
	}
	if s := h.UUID.String(); s != "00010203-0405-0607-0809-0a0b0c0d0e0f" {
		t.Errorf("UUID = %s", s)
	}
}

func TestRootBytes(t *testing.T) {
	want := unhex("54535252caa3da97000102030405060708090a0b0c0d0e0f07000000000000000050000000000000" +
		"15cd853dfe9c9717803f000000000000404000000000000064000000efbeadde" +
		"0000000000000000020000000000000004000000000000003412000000000000" +
		"000001000e00000074656e736f7266696c6520302e312e30")
	r := format.Root{
		UUID: format.UUID(unhex("000102030405060708090a0b0c0d0e0f")), Generation: 7, Length: 0x5000,
		Time: time.Unix(1700000000, 123456789).UTC(), Previous: 0x3f80, Catalog: format.Ref{Offset: 0x4040, Length: 100, CRC: 0xdeadbeef},
		MustWrite: 2, Info: 4, Live: 0x1234, Created: true, AlignExp: 14, Writer: "tensorfile 0.1.0",
	}
	if got := r.AppendTo(nil); !bytes.Equal(got, want) {
		t.Errorf("got  %x\nwant %x", got, want)
	}
	got, err := format.ParseTrailer(want, 0x4f80, r.UUID)
	if err != nil || !reflect.DeepEqual(got, r) {
		t.Errorf("ParseTrailer = %+v, %v\nwant %+v", got, err, r)
	}
	got, err = format.ParseSlot(want, format.InSlotB, r.UUID)
	if err != nil || !reflect.DeepEqual(got, r) {
		t.Errorf("ParseSlot = %+v, %v", got, err)
	}
	if !r.ReadOnly() || r.TrailerAt() != 0x4f80 {
		t.Errorf("ReadOnly %v, TrailerAt %#x", r.ReadOnly(), r.TrailerAt())
	}
	// A writer that does not fit is cut.
	r.Writer = "a program with a long name 1.0"
	if got, err := format.ParseTrailer(r.AppendTo(nil), 0x4f80, r.UUID); err != nil || got.Writer != "a program with a" {
		t.Errorf("writer %q, %v", got.Writer, err)
	}
}

// sample is a generation with every kind of record, as forge writes it and as
// package format describes it.
func sample() (forge.Gen, []format.TensorRecord, []format.StorageRecord) {
	u16 := forge.DT(3, 0, 16, 1, 2)
	g := forge.Gen{
		Tensors: []forge.Tensor{
			{Kind: 3, Attrs: `{"k":1}`},
			{Name: "a", Storage: 1, Offset: 8, DType: forge.F32, Shape: []uint64{2, 3}, Strides: []int64{-4, 8}, Attrs: `{"dims":["y","x"]}`},
			{Name: "b", Kind: forge.KindDeleted},
			{Name: "comp", Kind: 2, Layout: 2, LayoutFlags: 3, DType: forge.F64, Shape: []uint64{5, 5}, Strides: []int64{0, 0}},
			{Name: "comp\x00indices", Storage: 3, DType: forge.I64, Shape: []uint64{2}, Strides: []int64{8}},
			{Name: "empty", DType: forge.F32, Shape: []uint64{0, 7}, Strides: []int64{28, 4}},
			{Name: "grid", Storage: 7, DType: u16, Shape: []uint64{5, 4}, Strides: []int64{8, 2}},
			{Name: "scalar", Storage: 3, Offset: 8, DType: forge.F64},
		},
		Storages: []forge.Storage{
			{ID: 1, Data: bytes.Repeat([]byte{1, 2, 3, 4}, 8)},
			{ID: 3, Data: make([]byte, 70<<10)},
			{ID: 4, Data: make([]byte, 2<<20+5)},
			{ID: 5},
			{ID: 7, Grid: true, Size: 40, DType: u16, Fill: [16]byte{0x34, 0x12}, Shape: []uint64{5, 4}, Chunk: []uint64{2, 4}, Slabs: 3, Pipelines: "shuffle:2|zstd:3\nlz4"},
		},
		Journal: true,
	}
	ts := []format.TensorRecord{
		{Kind: format.KindFile, Attrs: []byte(`{"k":1}`)},
		{Name: "a", Kind: format.KindDense, Storage: 1, Offset: 8, DType: tensor.F32, Shape: tensor.Shape{2, 3}, Strides: tensor.Strides{-4, 8}, Attrs: []byte(`{"dims":["y","x"]}`)},
		{Name: "b"},
		{Name: "comp", Kind: format.KindComposite, Layout: 2, LayoutFlags: 3, DType: tensor.F64, Shape: tensor.Shape{5, 5}, Strides: tensor.Strides{0, 0}},
		{Name: "comp\x00indices", Kind: format.KindDense, Storage: 3, DType: tensor.I64, Shape: tensor.Shape{2}, Strides: tensor.Strides{8}},
		{Name: "empty", Kind: format.KindDense, DType: tensor.F32, Shape: tensor.Shape{0, 7}, Strides: tensor.Strides{28, 4}},
		{Name: "grid", Kind: format.KindDense, Storage: 7, DType: tensor.U16, Shape: tensor.Shape{5, 4}, Strides: tensor.Strides{8, 2}},
		{Name: "scalar", Kind: format.KindDense, Storage: 3, Offset: 8, DType: tensor.F64},
	}
	for i := range ts {
		ts[i].Generation = 1
	}
	ss := []format.StorageRecord{
		{ID: 1, Kind: format.StorageRaw, Size: 32, Stored: 32, Block: 20},
		{ID: 3, Kind: format.StorageRaw, Size: 70 << 10, Stored: 70 << 10, Block: 20},
		{ID: 4, Kind: format.StorageRaw, Size: 2<<20 + 5, Stored: 2<<20 + 5, Block: 20},
		{ID: 5, Kind: format.StorageRaw, Block: 20},
		{ID: 7, Kind: format.StorageGrid, Size: 40, DType: tensor.U16, Fill: [16]byte{0x34, 0x12}, Shape: tensor.Shape{5, 4}, Chunk: tensor.Shape{2, 4}, Slabs: 3, Pipelines: "shuffle:2|zstd:3\nlz4"},
	}
	return g, ts, ss
}

// placed fills in what forge decided: payloads and their sums.
func placed(im *forge.Image, ss []format.StorageRecord) {
	p := im.Last()
	for i := range ss {
		s := &ss[i]
		s.Payload = p.Payloads[i]
		if s.Payload == 0 {
			continue
		}
		data := im.B[s.Payload:][:s.Size]
		s.Ref = format.Ref{Offset: uint64(s.Payload), Length: uint32(s.Size), CRC: forge.CRC(data)}
		if s.Size > 1<<20 {
			var list []uint32
			for len(data) > 0 {
				n := min(len(data), 1<<20)
				list = append(list, forge.CRC(data[:n]))
				data = data[n:]
			}
			b := format.AppendSums(nil, list)
			s.Ref = format.Ref{Offset: uint64(p.Sums[i]), Length: uint32(len(b)), CRC: forge.CRC(b)}
		}
	}
}

// A run with every kind of record has the bytes that the offsets say.
func TestRunBytes(t *testing.T) {
	g, ts, ss := sample()
	im := forge.Build(false, g)
	placed(im, ss)
	p := im.Last()
	for _, c := range []struct {
		run     forge.Run
		journal bool
	}{{p.Run, false}, {*p.Journal, true}} {
		got, ref, err := format.AppendRun([]byte("before"), ts, ss, format.RunParams{
			UUID: forge.UUID, Generation: 1, Begin: c.run.Body, NextID: 8, Journal: c.journal})
		if err != nil {
			t.Fatal(err)
		}
		want := im.B[c.run.Body : c.run.Head+c.run.Len]
		if got = got[len("before"):]; !bytes.Equal(got, want) {
			i := 0
			for i < min(len(got), len(want)) && got[i] == want[i] {
				i++
			}
			t.Errorf("journal %v: %d bytes, want %d; they differ from byte %d on:\ngot  %x\nwant %x", c.journal, len(got), len(want), i, got[i:min(len(got), i+64)], want[i:min(len(want), i+64)])
		}
		if head := im.B[c.run.Head:][:c.run.Len]; ref != (format.Ref{Offset: uint64(c.run.Head), Length: uint32(c.run.Len), CRC: forge.CRC(head)}) {
			t.Errorf("ref %v", ref)
		}
	}
}

// And they are read back as what was written.
func TestRunRecords(t *testing.T) {
	g, ts, ss := sample()
	im := forge.Build(false, g)
	placed(im, ss)
	bothWays(t, func(t *testing.T, mapped bool) {
		c := mustCatalog(t, im, mapped)
		if c.NextID() != 8 {
			t.Errorf("NextID %d", c.NextID())
		}
		for i, want := range ts {
			var rec format.TensorRecord
			found, err := c.Tensor(want.Name, &rec)
			if err != nil || found != (want.Kind != format.KindDeleted) {
				t.Errorf("%q: found %v, %v", want.Name, found, err)
			}
			if !found {
				continue
			}
			want.At, want.AttrsAt = im.Last().Tensors[i], -1
			if want.Attrs != nil {
				want.AttrsAt = im.Last().THeaps[i] + 16*int64(len(want.Shape))
			}
			if len(want.Shape) == 0 {
				rec.Shape, rec.Strides = nil, nil
			}
			if !reflect.DeepEqual(rec, want) {
				t.Errorf("got  %+v\nwant %+v", rec, want)
			}
		}
		for i, want := range ss {
			var rec format.StorageRecord
			found, err := c.Storage(want.ID, &rec)
			want.At = im.Last().Storages[i]
			if err != nil || !found || !reflect.DeepEqual(rec, want) {
				t.Errorf("found %v, %v\ngot  %+v\nwant %+v", found, err, rec, want)
			}
		}
		for _, id := range []uint64{0, 2, 6, 8, 1 << 63, 1<<64 - 1} {
			var rec format.StorageRecord
			if found, err := c.Storage(id, &rec); found || err != nil {
				t.Errorf("storage %d: found %v, %v", id, found, err)
			}
		}
		runs, err := c.Runs()
		if err != nil || len(runs) != 1 {
			t.Fatalf("%d runs, %v", len(runs), err)
		}
		runs[0].Verify(func(err error) { t.Error(err) })
		if r := runs[0]; r.Length() != im.Last().Len || r.Begin() != im.Last().Body {
			t.Errorf("length %d, begin %d", r.Length(), r.Begin())
		}
	})
}

// Larger records and further sections, which a newer minor version may bring,
// are skipped.
func TestRunSkipsWhatIsNewer(t *testing.T) {
	g, ts, ss := sample()
	g.TensorSize, g.StorageSize, g.Extra = 80, 104, 4096
	im := forge.Build(false, g)
	placed(im, ss)
	p := im.Last()
	im.P64(p.Tensors[1]+64, 77).P64(p.Storages[0]+96, 78).P64(p.Head-8, 79)
	im.P64(p.Trailer+forge.RInfo, 1).P16(p.Trailer+forge.RMinor, 3).Seal()
	bothWays(t, func(t *testing.T, mapped bool) {
		c := mustCatalog(t, im, mapped)
		var rec format.TensorRecord
		if found, err := c.Tensor("a", &rec); !found || err != nil || !rec.Shape.Equal(ts[1].Shape) {
			t.Errorf("%v %v %v", found, err, rec)
		}
		var s format.StorageRecord
		if found, err := c.Storage(7, &s); !found || err != nil || s.Pipelines != ss[4].Pipelines {
			t.Errorf("%v %v %v", found, err, s)
		}
	})
}

func TestAppendRunRefuses(t *testing.T) {
	p := format.RunParams{Begin: 12288, Generation: 1, NextID: 9}
	dup := []format.TensorRecord{{Name: "b", Generation: 1}, {Name: "a", Generation: 1}}
	_, _, err := format.AppendRun(nil, dup, nil, p)
	wantError(t, err, tensor.ErrDuplicate, format.RuleNameOrder, -1)
	dup[0].Name = "a"
	_, _, err = format.AppendRun(nil, dup, nil, p)
	wantError(t, err, tensor.ErrDuplicate, format.RuleNameOrder, -1)
	_, _, err = format.AppendRun(nil, nil, []format.StorageRecord{{ID: 2}, {ID: 2}}, p)
	wantError(t, err, tensor.ErrDuplicate, format.RuleStorageID, -1)
	if ts, _ := format.SortRecords(dup, nil); len(ts) != 1 {
		t.Errorf("%d records of one name", len(ts))
	}
}

// What AppendRun writes lies in memory that it did not share.
func TestAppendRunKeepsWhatIsThere(t *testing.T) {
	_, ts, ss := sample()
	long := append(make([]byte, 0, 1<<20), "kept"...)
	out, _, err := format.AppendRun(long, ts, ss, format.RunParams{UUID: forge.UUID, Generation: 1, Begin: 1 << 20, NextID: 8})
	if err != nil || string(out[:4]) != "kept" {
		t.Errorf("%q, %v", out[:4], err)
	}
	short, _, err := format.AppendRun(nil, ts, ss, format.RunParams{UUID: forge.UUID, Generation: 1, Begin: 1 << 20, NextID: 8})
	if err != nil || !bytes.Equal(short, out[4:]) {
		t.Errorf("depends on the spare memory behind dst: %v", err)
	}
}

func TestSums(t *testing.T) {
	list := []uint32{1, 0xdeadbeef, 0}
	b := format.AppendSums(nil, list)
	if want := unhex("01000000efbeadde00000000"); !bytes.Equal(b, want) {
		t.Errorf("%x", b)
	}
	got, err := format.ParseSums(b, format.Ref{Offset: 640, Length: 12, CRC: forge.CRC(b)})
	if err != nil || !reflect.DeepEqual(got, list) {
		t.Errorf("%v, %v", got, err)
	}
	_, err = format.ParseSums(b, format.Ref{Offset: 640, Length: 12, CRC: 1})
	wantError(t, err, tensor.ErrCorrupt, format.RuleRefCRC, 640)
}

func TestBlockExp(t *testing.T) {
	const most = format.MaxSumsBytes / 4 // blocks in a list
	for _, c := range []struct {
		size int64
		want uint8
	}{{0, 20}, {1, 20}, {1 << 20, 20}, {most << 20, 20}, {most<<20 + 1, 21}, {most << 21, 21}, {most << 25, 25}, {most<<25 + 1, 26}, {1 << 62, 30}} {
		if got := format.BlockExp(c.size); got != c.want {
			t.Errorf("BlockExp(%d) = %d, want %d", c.size, got, c.want)
		}
	}
	for _, size := range []int64{0, 1, 1<<20 - 1, 1 << 20, 1<<20 + 1, 5<<20 + 1, 1 << 40, 1<<62 - 1} {
		s := format.StorageRecord{Size: size, Block: format.BlockExp(size)}
		want := size / s.BlockSize()
		if size%s.BlockSize() != 0 {
			want++
		}
		if got := s.Blocks(); got != want {
			t.Errorf("%d bytes: %d blocks, want %d", size, got, want)
		}
	}
}

func TestDTypeBytes(t *testing.T) {
	for _, c := range []struct {
		d   tensor.DType
		hex string
	}{
		{tensor.F32, "04000000200000000100000004000000"},
		{tensor.BF16, "04000100100000000100000002000000"},
		{tensor.I4, "02000000040000000200000001000000"},
		{tensor.F6E3M2, "04000900060000000400000003000000"},
		{tensor.Bool1, "01000000010000000800000001000000"},
		{tensor.C64, "05000000400000000100000008000000"},
		{tensor.UTF32(5), "06000200a00000000100000014000000"},
		{tensor.DType{Class: 9, Variant: 0x0102, Bits: 7, UnitElems: 18, UnitBytes: 32}, "09000201070000001200000020000000"},
		{tensor.DType{Class: 7, Variant: 2, UnitElems: 32, UnitBytes: 18}, "07000200000000002000000012000000"},
	} {
		if got := format.AppendDType([]byte{}, c.d); !bytes.Equal(got, unhex(c.hex)) {
			t.Errorf("%v: %x, want %s", c.d, got, c.hex)
		}
		got, err := format.DecodeDType(unhex(c.hex))
		if err != nil || got != c.d {
			t.Errorf("%s: %v, %v, want %v", c.hex, got, err, c.d)
		}
	}
	for _, c := range []struct{ hex, rule string }{
		{"00000000000000000000000000000000", format.RuleDTypeNone},
		{"00000000200000000100000004000000", format.RuleDTypeNone},
		{"04010000200000000100000004000000", format.RuleDTypeZero},
		{"04000000200000000000000004000000", format.RuleDTypeUnit}, // e = 0
		{"04000000200000000100000000000000", format.RuleDTypeUnit}, // b = 0
		{"04000000200000000100000005000000", format.RuleDTypeUnit}, // 32 bits in 5 bytes
		{"0600000000000080ffffffffffffffff", format.RuleDTypeUnit},
		{"09000000000000000000000001000000", format.RuleDTypeUnit}, // unknown class, e = 0
	} {
		_, err := format.DecodeDType(unhex(c.hex))
		wantError(t, err, tensor.ErrCorrupt, c.rule, 0)
	}
	_, err := format.DecodeDType(make([]byte, 15))
	wantError(t, err, tensor.ErrTruncated, format.RuleDTypeUnit, 0)
}
