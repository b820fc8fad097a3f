package badinput

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/internal/badinput/forge"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var ctx = context.Background()

// made writes the bytes that fn makes.
func made(fn func() []byte) func(t testing.TB, dir string) string {
	return func(t testing.TB, dir string) string {
		path := filepath.Join(dir, "bad.tensor")
		if err := os.WriteFile(path, fn(), 0o666); err != nil {
			t.Fatal(err)
		}
		return path
	}
}

// img writes an image, which fn may still break.
func img(im *forge.Image, brk func(im *forge.Image, p *forge.Pos)) func(t testing.TB, dir string) string {
	return made(func() []byte {
		if brk != nil {
			brk(im, im.Last())
			im.Seal()
		}
		return im.B
	})
}

// text writes a text.
func text(s string) func(t testing.TB, dir string) string {
	return made(func() []byte { return []byte(s) })
}

// named is a file of one tensor of a name that AppendRun would not write.
func named(name string) *forge.Image {
	return forge.File([]forge.Tensor{u8s(name, 1, 10)}, bytesOf(1, 10))
}

// native is a row about the native format with the defaults of those.
func native(r Row) Row {
	if r.Kind != nil && r.Format == "" {
		r.Format = format.Name
	}
	r.From = format.Name
	return r
}

// nativeRows are the rows N of the catalogue that one file shows.
func nativeRows() []Row {
	t := plain().Last() // positions in a plain file
	trailer := two().Last().Trailer
	slot := uint64(8192)
	rows := []Row{
		{ID: "N01", What: "empty file", Make: text(""), Kind: tensorfile.ErrTruncated, Rule: format.RuleHeaderShort, Says: []string{"offset 0: magic: got 0 bytes, want 8"}},
		{ID: "N03", What: "PNG", Make: text("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + strings.Repeat("\x00", 100)), Kind: tensorfile.ErrFormat, Rule: format.RuleHeaderMagic, Says: []string{"offset 0: magic: got 89 50 4e 47", "PNG", "want 89 54 53 52"}},
		{ID: "N03", What: "GGUF", Make: text("GGUF\x03\x00\x00\x00" + strings.Repeat("\x00", 100)), Kind: tensorfile.ErrFormat, Rule: format.RuleHeaderMagic, Says: []string{"GGUF"}},
		{ID: "N03", What: "zip", Make: text("PK\x03\x04" + strings.Repeat("\x00", 100)), Kind: tensorfile.ErrFormat, Rule: format.RuleHeaderMagic, Says: []string{"zip"}},
		{ID: "N03", What: "safetensors", Make: text("\x10\x00\x00\x00\x00\x00\x00\x00{\"a\":{}}       " + strings.Repeat("\x00", 100)), Kind: tensorfile.ErrFormat, Rule: format.RuleHeaderMagic, Says: []string{"safetensors"}},
		{ID: "N04", What: "major 0", Make: img(plain(), func(im *forge.Image, _ *forge.Pos) { im.P16(forge.HMajor, 0) }), Kind: tensorfile.ErrUnsupported, Rule: format.RuleHeaderMajor, Says: []string{"offset 12", "major version: got 0, want 1"}},
		{ID: "N04", What: "major 2", Make: img(plain(), func(im *forge.Image, _ *forge.Pos) { im.P16(forge.HMajor, 2) }), Kind: tensorfile.ErrUnsupported, Rule: format.RuleHeaderMajor, Says: []string{"got 2, want 1"}},
		{ID: "N05", What: "must-read bit 40", Make: img(two(), func(im *forge.Image, p *forge.Pos) { im.P64(p.Trailer+forge.RMustRead, 1<<40) }), Kind: tensorfile.ErrUnsupported, Rule: format.RuleRootMustRead, Says: []string{"0x10000000000", "newer"}},
		{ID: "N05", What: "must-write bit", Make: img(two(), func(im *forge.Image, p *forge.Pos) { im.P64(p.Trailer+forge.RMustWrite, 1<<40) }), Check: func(t testing.TB, f *tensorfile.File) {
			if !f.Info().ReadOnly {
				t.Error("not read-only")
			}
		}},
		{ID: "N05", What: "informational bit", Make: img(two(), func(im *forge.Image, p *forge.Pos) { im.P64(p.Trailer+forge.RInfo, 1<<63) })},
		{ID: "N06", What: "header checksum", Make: made(func() []byte { im := plain(); im.B[9] ^= 1; return im.B }), Kind: tensorfile.ErrCorrupt, Rule: format.RuleHeaderCRC, Says: []string{"offset 8", "header checksum"}},
		{ID: "N07", What: "both slots zero", Make: made(func() []byte { im := two(); clear(im.B[4096:12288]); return im.B }), Kind: tensorfile.ErrCorrupt, Rule: format.RuleRootNone, Says: []string{"no committed generation"}},
		{ID: "N08", What: "both slots fail", Make: made(func() []byte { im := two(); im.B[4096+50] ^= 1; im.B[8192+60] ^= 1; return im.B }), Kind: tensorfile.ErrCorrupt, Rule: format.RuleRootNone,
			Says: []string{"slot A: ", "offset 4100: root checksum", "slot B: ", "offset 8196: root checksum", "end of file: "}},
		{ID: "N10", What: "run of the newest generation", Make: made(func() []byte { im := two(); im.B[im.Last().Head+60] ^= 1; return im.B }), Kind: tensorfile.ErrCorrupt, Rule: format.RuleRefCRC,
			Says: []string{"generation 2", "generation 1 before it is intact", fmt.Sprint("offset ", two().Last().Head)}},
		{ID: "N10", What: "runs of both generations", Make: made(func() []byte {
			im := two()
			im.B[im.Last().Head+60] ^= 1
			im.B[im.Gens[0].Head+60] ^= 1
			return im.B
		}), Kind: tensorfile.ErrCorrupt, Rule: format.RuleRefCRC, Says: []string{"generation 1 before it is damaged, too"}},
		{ID: "N10", What: "run of the only generation", Make: made(func() []byte { im := plain(); im.B[t.Head+60] ^= 1; return im.B }), Kind: tensorfile.ErrCorrupt, Rule: format.RuleRefCRC, Says: []string{"no generation before it"}},
		{ID: "N11", What: "cut by a block", Make: made(func() []byte { im := two(); return im.B[:len(im.B)-4096] }), Kind: tensorfile.ErrTruncated, Rule: format.RuleRootTruncated, Says: []string{"got 16384", "20480"}},
		{ID: "N12", What: "length before the catalog", Make: made(func() []byte {
			// A record that claims the length of the first generation.
			im := two()
			im.P64(trailer+forge.RLength, 16384)
			im.P64(trailer+forge.RPrevious, 0)
			im.P32(trailer+forge.RCRC, forge.CRC(im.B[trailer+8:trailer+128]))
			return im.SealOnly(forge.SealSlots).B
		}), Kind: tensorfile.ErrCorrupt, Rule: format.RuleRootCatalog, Says: []string{fmt.Sprint(two().Last().Head), "16256"}},
		{ID: "N13", What: "catalog in a slot", Make: made(head(forge.RCatalog, 4096)), Kind: tensorfile.ErrCorrupt, Rule: format.RuleRootCatalog, Says: []string{"[4096, +", "[12288, 20352)"}},
		{ID: "N13", What: "catalog unaligned", Make: made(head(forge.RCatalog, 16392)), Kind: tensorfile.ErrCorrupt, Rule: format.RuleRootCatalog, Says: []string{"16392", "multiple of 64"}},
		{ID: "N14", What: "catalog overflows", Make: made(head(forge.RCatalog, math.MaxUint64-63)), Kind: tensorfile.ErrOverflow, Rule: format.RuleRootCatalog, Says: []string{"18446744073709551552", "overflow"}},
		{ID: "N15", What: "catalog of 4 GiB in 20 KiB", Make: img(two(), func(im *forge.Image, p *forge.Pos) { im.P32(p.Trailer+forge.RCatalog+8, math.MaxUint32) }), Kind: tensorfile.ErrTruncated, Rule: format.RuleRootCatalog, Says: []string{"4294967295", "bytes remain"},
			Note: "a Ref has 32 bits of length, so 2^40 cannot be said"},
		{ID: "N16", What: "slots of one generation", Make: made(func() []byte {
			im := two()
			copy(im.B[4096:4096+128], im.B[8192:])
			im.P64(4096+forge.RTime, 1).P32(4096+forge.RCRC, forge.CRC(im.B[4096+8:4096+128]))
			return im.B
		}), Kind: tensorfile.ErrCorrupt, Rule: format.RuleRootTwins, Says: []string{"generation 2", "4096", "8192"}},
		{ID: "N17", What: "generation 2^64-1", Make: img(plain(), func(im *forge.Image, p *forge.Pos) { im.P64(p.Trailer+forge.RGen, math.MaxUint64) }), Check: func(t testing.TB, f *tensorfile.File) {
			if g := f.Info().Generation; g != math.MaxUint64 {
				t.Errorf("generation %d", g)
			}
		}, Note: "TestRefusedEdits: an append refuses"},
		{ID: "N18", What: "slot of another file", Make: made(func() []byte {
			im := two()
			im.P8(4096+forge.RUUID, 0xee).P32(4096+forge.RCRC, forge.CRC(im.B[4096+8:4096+128]))
			return im.B
		}), Kind: tensorfile.ErrCorrupt, At: Verify, Rule: format.RuleRootUUID, Says: []string{"ee213200-", "10213200-"}, Converts: true, Good: []string{"a", "b"}},
		{ID: "N19", What: "2^32-1 tensors", Make: img(plain(), func(im *forge.Image, p *forge.Pos) { im.P32(p.Head+forge.NTensors, math.MaxUint32) }), Kind: tensorfile.ErrCorrupt, Rule: format.RuleRunBody, Says: []string{"4294967295", "at most"}},
		{ID: "N20", What: "payload in a slot", Make: img(plain(), func(im *forge.Image, p *forge.Pos) {
			im.P64(p.Storages[0]+forge.SPayload, slot).P64(p.Storages[0]+forge.SRef, slot)
		}), Kind: tensorfile.ErrCorrupt, At: Use, Rule: format.RuleStorageExtent, Says: []string{`tensor "t"`, "[8192, +24)", "[12288, 16256)"}, Good: []string{"u"}},
		{ID: "N20", What: "payload past the end", Make: img(plain(), func(im *forge.Image, p *forge.Pos) {
			im.P64(p.Storages[0]+forge.SPayload, 1<<40).P64(p.Storages[0]+forge.SRef, 1<<40)
		}), Kind: tensorfile.ErrCorrupt, At: Use, Rule: format.RuleStorageExtent, Says: []string{`tensor "t"`, "1099511627776"}, Good: []string{"u"}},
		{ID: "N21", What: "storages overlap", Make: made(func() []byte {
			im := forge.File([]forge.Tensor{u8s("a", 1, 100), u8s("b", 2, 10)}, bytesOf(1, 100), bytesOf(2, 10))
			p := im.Last()
			at := uint64(p.Payloads[0] + 64)
			clear(im.B[p.Payloads[1]:][:10])
			return im.P64(p.Storages[1]+forge.SPayload, at).P64(p.Storages[1]+forge.SRef, at).P32(p.Storages[1]+forge.SRef+12, forge.CRC(im.B[at:at+10])).SealOnly(forge.SealAll &^ forge.SealPayloads).B
		}), Kind: tensorfile.ErrCorrupt, At: Verify, Rule: format.RuleOverlap, Says: []string{"storage 1 at [12288, 12388)", "storage 2 at [12352, 12362)"}, Converts: true, Good: []string{"a", "b"}, Note: "found by verify (format-decisions 52)"},
		{ID: "N23", What: "padding", Make: img(plain(), func(im *forge.Image, p *forge.Pos) { im.P8(p.Trailer-1, 9) }), Kind: tensorfile.ErrCorrupt, At: Verify, Rule: format.RulePadding, Says: []string{fmt.Sprint("offset ", t.Trailer-1)}, Converts: true, Good: []string{"t", "u"}},
		{ID: "N23", What: "dead bytes", Make: img(forge.File([]forge.Tensor{u8s("a", 1, 10)}, bytesOf(1, 10), bytesOf(2, 99)), nil), Good: []string{"a"}, Note: "dead bytes are no padding"},
		{ID: "N24", What: "2^32 x 2^32 x 3", Make: img(one(forge.Tensor{DType: forge.F32, Shape: []uint64{1 << 32, 1 << 32, 3}, Strides: []int64{0, 0, 0}}), nil), Kind: tensorfile.ErrOverflow, At: Use, Rule: format.RuleShapeCount, Says: []string{`tensor "t"`, "element count overflows"}},
		{ID: "N25", What: "2^61 of 8 bytes", Make: img(one(forge.Tensor{DType: forge.F64, Shape: []uint64{1 << 61}, Strides: []int64{0}}), nil), Kind: tensorfile.ErrOverflow, At: Use, Rule: format.RuleShapeBytes, Says: []string{`tensor "t"`, "2305843009213693952"}},
		{ID: "N26", What: "0 beside 2^63", Make: img(one(forge.Tensor{DType: forge.F32, Shape: []uint64{0, 1 << 63}, Strides: []int64{0, 0}}), nil), Kind: tensorfile.ErrOverflow, At: Use, Rule: format.RuleShapeExtent, Says: []string{`tensor "t"`, "axis 1", "9223372036854775808"}},
		{ID: "N26", What: "0 beside 2^40 x 2^40", Make: img(one(forge.Tensor{DType: forge.F32, Shape: []uint64{1 << 40, 0, 1 << 40}, Strides: []int64{0, 0, 0}}), nil), Kind: tensorfile.ErrOverflow, At: Use, Rule: format.RuleShapeCount},
		{ID: "N27", What: "rank 255", Make: img(plain(), func(im *forge.Image, p *forge.Pos) { im.P8(p.Tensors[0]+forge.TRank, 255) }), Kind: tensorfile.ErrLimit, At: Use, Rule: format.RuleTensorRank, Says: []string{`tensor "t"`, "rank: got 255, want at most 32"}, Good: []string{"u"}},
		{ID: "N28", What: "forwards", Make: img(one(forge.Tensor{DType: forge.U8, Shape: []uint64{3}, Strides: []int64{40}}), nil), Kind: tensorfile.ErrCorrupt, At: Use, Rule: format.RuleViewReach, Says: []string{`tensor "t"`, "0 to 81", "0 to 64"}},
		{ID: "N28", What: "backwards", Make: img(one(forge.Tensor{DType: forge.U8, Offset: 10, Shape: []uint64{3}, Strides: []int64{-40}}), nil), Kind: tensorfile.ErrCorrupt, At: Use, Rule: format.RuleViewReach, Says: []string{"-70 to 11"}},
		{ID: "N28", What: "around 2^64", Make: img(one(forge.Tensor{DType: forge.U8, Shape: []uint64{5}, Strides: []int64{1 << 62}}), nil), Kind: tensorfile.ErrCorrupt, At: Use, Rule: format.RuleViewReach},
		{ID: "N28", What: "least stride", Make: img(one(forge.Tensor{DType: forge.U8, Shape: []uint64{2}, Strides: []int64{math.MinInt64}}), nil), Kind: tensorfile.ErrCorrupt, At: Use, Rule: format.RuleViewReach},
		{ID: "N29", What: "broadcast 2^40", Make: img(one(forge.Tensor{DType: forge.F64, Shape: []uint64{1 << 40}, Strides: []int64{0}}), nil), Kind: tensorfile.ErrLimit, At: Use, NoOffset: true, Format: "tensorfile", Says: []string{`tensor "t"`, "8796093022208", "16777216"}, Converts: true},
		{ID: "N30", What: "f32 at offset 2", Make: img(one(forge.Tensor{DType: forge.F32, Offset: 2, Shape: []uint64{3}, Strides: []int64{4}}), nil), Kind: kinds[viewAligned], At: Use, Rule: format.RuleViewAligned, Says: []string{`tensor "t"`, "at 2", "multiples of 4"}, Note: "the specification calls it corrupt, the catalogue malformed"},
		{ID: "N30", What: "stride of 6", Make: img(one(forge.Tensor{DType: forge.F32, Shape: []uint64{3}, Strides: []int64{6}}), nil), Kind: kinds[viewAligned], At: Use, Rule: format.RuleViewAligned},
		{ID: "N31", What: "class 255", Make: img(one(forge.Tensor{DType: forge.DT(255, 0xffff, 12, 3, 5), Shape: []uint64{30}, Strides: []int64{5}}), nil), Good: []string{"t"}, Check: func(t testing.TB, f *tensorfile.File) {
			x, err := f.Tensor("t")
			if err != nil || x.DType().Known() || x.ByteSize() != 50 {
				t.Errorf("%v, %v", x, err)
			}
		}, Note: "one tensor is opaque: listed, copied, verified"},
		{ID: "N32", What: "7 elements of 4 bits", Make: img(one(forge.Tensor{DType: forge.I4, Shape: []uint64{7}, Strides: []int64{1}}), nil), Good: []string{"t"}, Note: "padded, legal (format-decisions 52)"},
		{ID: "N33", What: "empty", Make: img(named(""), nil), Kind: tensorfile.ErrCorrupt, At: Use, Rule: format.RuleTensorFile, Note: "the empty name is the file's own record, which this is not: a contradiction"},
		{ID: "N33", What: "1 MiB", Make: img(named(strings.Repeat("x", 1<<20)), nil), Kind: tensorfile.ErrFormat, At: Use, Rule: format.RuleNameLength, Says: []string{"1048576 bytes"}},
		{ID: "N33", What: "NUL", Make: img(named("a\x00B"), nil), Kind: tensorfile.ErrFormat, At: Use, Rule: format.RuleNameRole, Says: []string{`a\x00B`}},
		{ID: "N33", What: "newline", Make: img(named("ab\ncd"), nil), Kind: tensorfile.ErrFormat, At: Use, Rule: format.RuleNameByte, Says: []string{"position 2", `ab\ncd`}},
		{ID: "N33", What: "ESC", Make: img(named("\x1b]0;title\x07"), nil), Kind: tensorfile.ErrFormat, At: Use, Rule: format.RuleNameByte, Says: []string{"position 0", `\x1b`}},
		{ID: "N33", What: "DEL", Make: img(named("x\x7f"), nil), Kind: tensorfile.ErrFormat, At: Use, Rule: format.RuleNameByte, Says: []string{"position 1"}},
		{ID: "N33", What: "invalid UTF-8", Make: img(named("caf\xe9"), nil), Kind: tensorfile.ErrFormat, At: Use, Rule: format.RuleNameUTF8, Says: []string{"position 3", `caf\xe9`}},
		{ID: "N33", What: "bidirectional marks", Make: img(named("a\u202egnp.exe"), nil), Good: []string{"a\u202egnp.exe"}, Note: "valid in a name; listings escape it"},
		{ID: "N34", What: "names like paths", Make: img(forge.File([]forge.Tensor{u8s("../../x", 1, 10), u8s("/etc/x", 1, 10), u8s("C:\\x", 1, 10), u8s("CON", 1, 10)}, bytesOf(1, 10)), nil), Good: []string{"../../x", "/etc/x", "C:\\x", "CON"}, Note: "harmless inside; TestN34 exports them"},
		{ID: "N35", What: "name twice", Make: img(plain(), func(im *forge.Image, p *forge.Pos) { im.Put(p.Names, "uu") }), Kind: tensorfile.ErrDuplicate, At: Use, Rule: format.RuleNameOrder, Says: []string{`"u" behind "u"`}, Note: "found by verify, and by a listing"},
		{ID: "N36", What: "10,001 deep", Make: img(attrs(nest(10_001)), nil), Kind: tensorfile.ErrLimit, At: Use, Rule: format.RuleAttrDepth, Says: []string{`tensor "t"`, "depth 33", "at most 32"}, Converts: false},
		{ID: "N36", What: "17 MiB", Make: img(attrs(`{"a":"`+strings.Repeat("x", 17<<20)+`"}`), nil), Kind: tensorfile.ErrLimit, At: Use, Rule: format.RuleAttrSize, Says: []string{`tensor "t"`, "17825800", "16777216"}},
		{ID: "N36", What: "two million objects", Make: img(attrs(manyObjects(2<<20)), nil), Kind: tensorfile.ErrLimit, At: Use, Rule: format.RuleAttrCount, Says: []string{`tensor "t"`, "more than 131072 values"}},
		{ID: "N36", What: "as many objects as there may be", Make: img(attrs(manyObjects(1<<16-100)), nil), Good: []string{"t"}, Memory: 32 << 20, Note: "parsed by two calls, 25 MiB each"},
		{ID: "N36", What: "key twice", Make: img(attrs(`{"k":{"x":1,"y":2,"x":3}}`), nil), Kind: tensorfile.ErrDuplicate, At: Use, Rule: format.RuleAttrDuplicate, Says: []string{`tensor "t"`, `"x" twice`}},
		{ID: "N36", What: "brackets without end", Make: img(attrs(`{"k":`+strings.Repeat("[", 1<<20)), nil), Kind: tensorfile.ErrLimit, At: Use, Rule: format.RuleAttrDepth},
		{ID: "N49", What: "history that points to itself", Make: made(head(forge.RPrevious, uint64(trailer))), Kind: tensorfile.ErrCorrupt, Rule: format.RuleRootPrevious, Says: []string{"previous", fmt.Sprint(trailer)}},
		{ID: "N49", What: "history that points forward", Make: made(head(forge.RPrevious, uint64(trailer+4096))), Kind: tensorfile.ErrCorrupt, Rule: format.RuleRootPrevious, Says: []string{"previous", fmt.Sprint(trailer + 4096)}},
		{ID: "N49", What: "history of one generation twice", Make: made(func() []byte {
			im := two()
			at := im.Gens[0].Trailer
			return im.P64(at+forge.RGen, 2).P32(at+forge.RCRC, forge.CRC(im.B[at+8:at+128])).B
		}), Kind: tensorfile.ErrCorrupt, At: Verify, Rule: format.RuleRootPrevious, Says: []string{"generation"}, Converts: true, Good: []string{"a", "b"}},
		{ID: "N50", What: "leftover", Make: made(func() []byte { return append(two().B, bytes.Repeat([]byte{0xaa}, 5000)...) }), Good: []string{"a", "b"}, Check: func(t testing.TB, f *tensorfile.File) {
			if i := f.Info(); i.Leftover != 5000 || i.Generation != 2 {
				t.Errorf("%+v", i)
			}
		}},
		{ID: "N51", What: "sparse 8 TiB", Make: sparse(1 << 43), Slow: true, Good: []string{"t", "u"}},
		{ID: "N51", What: "committed 3 GiB, sparse", Make: committed(3 << 30), Slow: true, Good: []string{"t", "u"}},
		{ID: "N52", What: "committed 3 GiB", Make: committed(3 << 30), Slow: true, Good: []string{"t", "u"}, Check: func(t testing.TB, f *tensorfile.File) {
			if math.MaxInt == math.MaxInt32 && f.Info().Mapped {
				t.Error("mapped, though it does not fit the address space")
			}
		}, Note: "read with positioned reads (the issue)"},
	}
	for i := range rows {
		rows[i] = native(rows[i])
	}
	// N02: every proper prefix; these are the places where something changes.
	whole := two()
	for _, n := range []int{1, 7, 8, 9, 63, 64, 4095, 4096, 4224, 8191, 8192, 8319, 8320, 12287, 12288, 12300, 16383, 16384, len(whole.B) - 128, len(whole.B) - 1} {
		r := Row{ID: "N02", What: fmt.Sprint(n, " bytes"), Make: made(func() []byte { return whole.B[:n] }), Kind: tensorfile.ErrTruncated, Says: []string{fmt.Sprint(n)}}
		if n >= 8 {
			r.Says = []string{fmt.Sprint("offset ", n)}
		}
		if n >= 8320 {
			r.Says = append(r.Says, "20480")
		}
		rows = append(rows, native(r))
	}
	streamed := forge.Build(true, forge.Gen{Tensors: []forge.Tensor{u8s("a", 1, 10)}, Storages: []forge.Storage{bytesOf(1, 10)}})
	rows = append(rows, native(Row{ID: "N02", What: "streamed, cut", Make: made(func() []byte { return streamed.B[:len(streamed.B)-1] }), Kind: tensorfile.ErrCorrupt, Rule: format.RuleRootNone, Note: "no root at the end (format-decisions 52)"}))
	return rows
}

// manyObjects is an object of n objects, each of which takes much memory for
// few bytes of text.
func manyObjects(n int) string {
	var b strings.Builder
	b.WriteString(`{"a":[`)
	for i := range n {
		switch {
		case i == 0:
			b.WriteByte('[')
		case i%4096 == 0:
			b.WriteString("],[")
		default:
			b.WriteByte(',')
		}
		b.WriteString(`{"":0}`)
	}
	b.WriteString("]]}")
	return b.String()
}

// sparse is a plain file with a hole behind it, as large as the file system
// allows.
func sparse(size int64) func(t testing.TB, dir string) string {
	return func(t testing.TB, dir string) string {
		path := made(func() []byte { return plain().B })(t, dir)
		for ; os.Truncate(path, size) != nil; size /= 2 {
			if size < 1<<33 {
				t.Skip("no large sparse files here")
			}
		}
		return path
	}
}

// committed is a plain file whose committed length is size, most of it a hole.
func committed(size int64) func(t testing.TB, dir string) string {
	return func(t testing.TB, dir string) string {
		im := plain()
		at := im.Last().Trailer
		rec := append([]byte(nil), im.B[at:at+128]...)
		binary.LittleEndian.PutUint64(rec[forge.RLength:], uint64(size))
		binary.LittleEndian.PutUint32(rec[forge.RCRC:], forge.CRC(rec[8:]))
		copy(im.B[4096:], rec)
		copy(im.B[8192:], rec)
		clear(im.B[at : at+128])
		path := made(func() []byte { return im.B })(t, dir)
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err == nil {
			_, err = f.WriteAt(rec, size-128)
		}
		if err != nil {
			t.Skip("no large sparse files here: ", err)
		}
		f.Close()
		return path
	}
}

func TestNative(t *testing.T) { Run(t, nativeRows()) }

// zeroTail gives size bytes of which the first are b.
type zeroTail struct{ b []byte }

func (z zeroTail) ReadAt(p []byte, off int64) (int, error) {
	clear(p)
	if off < int64(len(z.b)) {
		copy(p, z.b[off:])
	}
	return len(p), nil
}

// N51: a source of 8 EiB is opened and read as any.
func TestN51Largest(t *testing.T) {
	r := &Row{}
	r.bounded(t, "open", 1<<20, func() {
		f, err := tensorfile.OpenReaderAt(zeroTail{plain().B}, math.MaxInt64, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if i := f.Info(); i.Leftover != math.MaxInt64-16384 {
			t.Errorf("%+v", i)
		}
	})
}

// N09: a write of the newest slot that was torn in any way costs no generation:
// its own trailer, or the one before it, opens, and Info says so.
func TestN09TornSlot(t *testing.T) {
	before := forge.Build(false,
		forge.Gen{Tensors: []forge.Tensor{u8s("a", 1, 10)}, Storages: []forge.Storage{bytesOf(1, 10)}},
		forge.Gen{Tensors: []forge.Tensor{u8s("b", 2, 10)}, Storages: []forge.Storage{bytesOf(2, 10)}})
	after := forge.Build(false,
		forge.Gen{Tensors: []forge.Tensor{u8s("a", 1, 10)}, Storages: []forge.Storage{bytesOf(1, 10)}},
		forge.Gen{Tensors: []forge.Tensor{u8s("b", 2, 10)}, Storages: []forge.Storage{bytesOf(2, 10)}},
		forge.Gen{Tensors: []forge.Tensor{u8s("c", 3, 10)}, Storages: []forge.Storage{bytesOf(3, 10)}})
	old, neu := before.B[4096:8192], after.B[4096:8192] // slot A: generation 1, then 3
	states := 0
	check := func(what string, page []byte, ext []byte) {
		states++
		b := append(append(append([]byte(nil), after.B[:4096]...), page...), after.B[8192:]...)
		b = append(b[:len(before.B)], ext...)
		f, err := tensorfile.OpenReaderAt(bytes.NewReader(b), int64(len(b)), nil)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		defer f.Close()
		i := f.Info()
		whole := bytes.Equal(page[:128], neu[:128])
		want := uint64(3)
		if len(ext) < len(after.B)-len(before.B) && !whole || bytes.Equal(page[:128], old[:128]) {
			want = 2 // before its barrier a trailer is not believed
		}
		sound := whole || bytes.Equal(page[:128], old[:128])
		if i.Generation != want || sound != (len(i.Notes) == 0) {
			t.Fatalf("%s: generation %d, notes %q", what, i.Generation, i.Notes)
		}
	}
	rest := after.B[len(before.B):]
	for n := 0; n <= 128; n++ {
		page := append(append([]byte(nil), neu[:n]...), old[n:]...)
		check(fmt.Sprint("prefix of ", n, " bytes"), page, rest)
		if !bytes.Equal(page[:128], neu[:128]) { // a whole record comes behind the barrier of the tail
			check(fmt.Sprint("prefix of ", n, " bytes, tail lost"), page, nil)
		}
		page = append([]byte(nil), old...)
		copy(page[n:], neu[n:])
		check(fmt.Sprint("suffix from ", n), page, rest)
	}
	for mask := range 256 { // mixes of sectors of 512 bytes
		page := append([]byte(nil), old...)
		for s := range 8 {
			if mask&(1<<s) != 0 {
				copy(page[512*s:512*s+512], neu[512*s:])
			}
		}
		check(fmt.Sprintf("sectors %08b", mask), page, rest)
	}
	for s := range 8 {
		for _, fill := range []byte{0, 0xff, 0x55} {
			page := append([]byte(nil), neu...)
			copy(page[512*s:], bytes.Repeat([]byte{fill}, 512))
			check(fmt.Sprintf("sector %d of %#x", s, fill), page, rest)
		}
		for seed := range 8 {
			rng := rand.New(rand.NewPCG(uint64(s), uint64(seed)))
			page := append([]byte(nil), neu...)
			for i := range page[512*s:][:512] {
				page[512*s+i] = byte(rng.Uint32())
			}
			check(fmt.Sprintf("sector %d of noise %d", s, seed), page, rest)
			if s == 0 {
				check(fmt.Sprintf("sector %d of noise %d, tail lost", s, seed), page, nil)
			}
		}
	}
	t.Logf("%d torn slots", states)
	if states < 700 {
		t.Error("too few")
	}
}

// N53: each block of 4 KiB zeroed, filled with noise, or exchanged with the next
// one is found by verify.
func TestN53Blocks(t *testing.T) {
	im := forge.Build(false,
		forge.Gen{Tensors: []forge.Tensor{u8s("a", 1, 70000), u8s("b", 2, 9000)}, Storages: []forge.Storage{bytesOf(1, 70000), bytesOf(2, 9000)}, Journal: true},
		forge.Gen{Tensors: []forge.Tensor{u8s("c", 3, 5000)}, Storages: []forge.Storage{bytesOf(3, 5000)}, Journal: true})
	rng := uint32(1)
	noise := make([]byte, 4096)
	for i := range noise {
		rng = rng*1664525 + 1013904223
		noise[i] = byte(rng >> 24)
	}
	for at := 0; at < len(im.B); at += 4096 {
		for what, with := range map[string][]byte{"zeros": make([]byte, 4096), "noise": noise, "the next": im.B[(at+4096)%len(im.B):][:4096]} {
			if bytes.Equal(im.B[at:at+4096], with) || at == forge.SlotA && what == "the next" {
				continue // two slots of one record are a legal state
			}
			b := append([]byte(nil), im.B...)
			copy(b[at:], with)
			err := verified(b)
			var e *tensorfile.Error
			if !errors.As(err, &e) {
				t.Errorf("block at %d replaced by %s: %v", at, what, err)
			}
		}
	}
}

// verified returns the first thing that is wrong with a file, at whatever stage.
func verified(b []byte) error {
	f, err := tensorfile.OpenReaderAt(bytes.NewReader(b), int64(len(b)), nil)
	if err != nil {
		return err
	}
	defer f.Close()
	rep, err := f.Verify(ctx, nil)
	if err != nil || rep.OK() {
		return err
	}
	return rep.Findings[0]
}

// N54: a flipped bit in header, slots, catalog or trailer is an error, or the
// file means the same: names, descriptions, attributes and elements.
func TestN54Bits(t *testing.T) {
	im := forge.Build(false,
		forge.Gen{Tensors: []forge.Tensor{{Kind: 3, Attrs: `{"x":1}`}, {Name: "a", Storage: 1, DType: forge.F32, Shape: []uint64{2, 1}, Strides: []int64{4, 4}, Attrs: `{"dims":["y",null]}`}}, Storages: []forge.Storage{bytesOf(1, 10)}},
		forge.Gen{Tensors: []forge.Tensor{u8s("b", 2, 5)}, Storages: []forge.Storage{bytesOf(2, 5)}})
	want, _ := dump(im.B)
	step := 1
	if testing.Short() || raceBuild {
		step = 7 // of the zero bytes
	}
	for off := 0; off < len(im.B); off++ {
		if off == 64 || off == 4096+128 { // zeros, which TestVerifyFindsEveryByte tries
			off = off&^4095 + 4096
		}
		if off == 8192+128 {
			off = 12288
		}
		if im.B[off] == 0 && off%step != 0 {
			continue
		}
		for bit := range 8 {
			im.B[off] ^= 1 << bit
			got, err := dump(im.B)
			im.B[off] ^= 1 << bit
			var e *tensorfile.Error
			switch {
			case err != nil && !errors.As(err, &e):
				t.Errorf("bit %d of byte %d: %v", bit, off, err)
			case err == nil && got != want:
				// A torn newest slot without its trailer would be the older
				// generation; here the trailer is there.
				t.Errorf("bit %d of byte %d: another file: %s", bit, off, got)
			}
		}
	}
}

// dump is all that a file means.
func dump(b []byte) (string, error) {
	f, err := tensorfile.OpenReaderAt(bytes.NewReader(b), int64(len(b)), &tensorfile.OpenOptions{Verify: tensorfile.VerifyOnFirstUse})
	if err != nil {
		return "", err
	}
	defer f.Close()
	var s strings.Builder
	a, err := f.Attrs()
	if err != nil {
		return "", err
	}
	fmt.Fprintln(&s, f.Info().Generation, a)
	for x, err := range f.Tensors() {
		if err != nil {
			return "", err
		}
		a, err := x.Attrs()
		if err != nil {
			return "", err
		}
		v, err := x.Read(ctx)
		if err != nil {
			return "", err
		}
		raw, err := v.Bytes()
		fmt.Fprintf(&s, "%q %v %v %v %v %x %v\n", x.Name(), x.DType(), x.Shape(), x.Strides(), a, raw, err)
	}
	return s.String(), nil
}
