package badinput

import (
	"bytes"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/internal/badinput/forge"
)

// aliases is a grid of n chunks of 1 KiB that all point at the same bytes.
func aliases(n int) func() []byte {
	return func() []byte {
		s := forge.Storage{ID: 1, Grid: true, Size: uint64(n) << 10, Stored: uint64(n) << 10, DType: forge.U8, Shape: []uint64{uint64(n) << 10}, Chunk: []uint64{1 << 10}, Slabs: uint64(n), Chunks: make([]forge.Chunk, n)}
		blob := bytes.Repeat([]byte{7, 8}, 512)
		for i := range s.Chunks {
			s.Chunks[i] = forge.Chunk{Coding: 2, Origin: uint64(i) << 10}
		}
		s.Chunks[0].Data = blob
		im := forge.File([]forge.Tensor{u8s("t", 1, uint64(n)<<10), u8s("u", 2, 10)}, s, bytesOf(2, 10))
		p := im.Last()
		first := im.B[p.Pages[0][0]+forge.PEntries:][:16]
		for i := range n {
			copy(im.B[p.Pages[0][i/127]+forge.PEntries+int64(i%127*forge.ESize):], first)
		}
		return im.Seal().B
	}
}

// chunkRows are the rows N37 to N44.
func chunkRows() []Row {
	good := []string{"u"}
	at := func(im *forge.Image) int64 { return im.Last().Chunks[0][0] }
	nothing := func(*forge.Storage) {}
	rows := []Row{
		{ID: "N37", What: "chunk extent 0", Make: img(grid(func(s *forge.Storage) { s.Chunk = []uint64{2, 0} }), nil), Kind: tensorfile.ErrFormat, At: Use, Rule: format.RuleGridChunk, Says: []string{`tensor "t"`, "axis 1", "got 0"}},
		{ID: "N38", What: "a slab too few", Make: img(chunked(func(s *forge.Storage) { s.Slabs = 2; s.Chunks = s.Chunks[:4] }), nil), Kind: tensorfile.ErrCorrupt, At: Use, Rule: format.RuleGridSlabs, Says: []string{`tensor "t"`, "got 2, want 3"}, Good: good},
		{ID: "N38", What: "2^64-1 slabs", Make: img(chunked(func(s *forge.Storage) { s.Slabs = 1<<64 - 1 }), nil), Kind: tensorfile.ErrCorrupt, At: Use, Rule: format.RuleGridSlabs, Says: []string{`tensor "t"`, "18446744073709551615"}, Good: good},
		{ID: "N38", What: "2^24 chunks in a page", Make: img(chunked(func(s *forge.Storage) {
			s.Shape, s.Chunk, s.Slabs, s.Size, s.DType = []uint64{1 << 12, 1 << 12}, []uint64{1, 1}, 1<<12, 1<<24, forge.U8
		}), func(im *forge.Image, p *forge.Pos) {
			im.Put(p.Tensors[0]+forge.TDType, string(forge.U8[:])).P64(p.THeaps[0], 1<<12).P64(p.THeaps[0]+8, 1<<12).P64(p.THeaps[0]+16, 1<<12).P64(p.THeaps[0]+24, 1)
		}), Kind: tensorfile.ErrCorrupt, At: Use, Rule: format.RuleChunkPageLength, Good: good, Says: []string{`tensor "t"`, "224 bytes", "80 for 3 entries"}},
		{ID: "N38", What: "a page with an entry too few", Make: img(chunked(func(s *forge.Storage) { s.Chunks = s.Chunks[:5] }), nil), Kind: tensorfile.ErrCorrupt, At: Use, Rule: format.RuleChunkPageLength, Says: []string{`tensor "t"`, "192 bytes", "224 for 6 entries"}, Good: good},
		{ID: "N39", What: "lz4 past its size", Make: img(stage("lz4", append([]byte{16, 0, 0, 0, 0xf0, 2}, bytesOf(0, 17).Data...)), nil), Kind: tensorfile.ErrLimit, At: Use, Rule: format.RuleChunkLength, Says: []string{`tensor "t"`, "chunk 0", "16 bytes"}, Good: good, Converts: true},
		{ID: "N39", What: "zstd past its size", Make: img(stage("zstd", zstdBomb()), nil), Kind: tensorfile.ErrLimit, At: Use, Rule: format.RuleChunkLength, Says: []string{`tensor "t"`, "chunk 0", "16 bytes"}, Good: good, Converts: true},
		{ID: "N39", What: "declared 4 GiB", Make: img(stage("zstd|lz4", []byte{255, 255, 255, 255, 0, 0, 0, 0}), nil), Kind: tensorfile.ErrLimit, At: Use, Rule: format.RuleChunkLength, Says: []string{`tensor "t"`, "chunk 0", "4294967295 bytes"}, Good: good, Converts: true},
		{ID: "N40", What: "lz4 of fewer bytes", Make: img(stage("lz4", append([]byte{16, 0, 0, 0, 0xf0, 0}, bytesOf(0, 15).Data...)), nil), Kind: tensorfile.ErrCorrupt, At: Use, Rule: format.RuleChunkLength, Says: []string{`tensor "t"`, "chunk 0", "got 15 bytes, want 16 bytes"}, Good: good, Converts: true},
		{ID: "N40", What: "declared fewer", Make: img(stage("lz4", append([]byte{15, 0, 0, 0, 0xf0, 0}, bytesOf(0, 15).Data...)), nil), Kind: tensorfile.ErrCorrupt, At: Use, Rule: format.RuleChunkLength, Says: []string{`tensor "t"`, "got 15 bytes, want 16 bytes"}, Good: good, Converts: true},
		{ID: "N41", What: "zstd window of 2 GiB", Make: img(stage("zstd", zstdFrame(31, 0)), nil), Kind: tensorfile.ErrLimit, At: Use, Rule: format.RuleChunkWindow, Says: []string{`tensor "t"`, "chunk 0", "2147483648", "8388608"}, Good: good, Converts: true},
		{ID: "N41", What: "zstd content of 2^62 bytes", Make: img(stage("zstd", zstdFrame(20, 1<<62)), nil), Kind: tensorfile.ErrLimit, At: Use, Rule: format.RuleChunkLength, Says: []string{`tensor "t"`, "4611686018427387904"}, Good: good, Converts: true},
		{ID: "N42", What: "a changed bit", Make: made(func() []byte { im := chunked(nothing); im.B[at(im)+5] ^= 8; return im.B }), Kind: tensorfile.ErrCorrupt, At: Use, Rule: format.RuleChunkCRC, Says: []string{`tensor "t"`, "chunk 0", "offset 12288", "checksum: got "}, Good: good},
		{ID: "N43", What: "unknown codec", Make: img(chunked(func(s *forge.Storage) { s.Pipelines = "shuffle|zstd9:3\nlz4" }), nil), Kind: tensorfile.ErrUnsupported, At: Use, Rule: format.RulePipelineStage, Says: []string{`tensor "t"`, "zstd9"}, Good: good, Converts: true, Check: opaque},
		{ID: "N43", What: "255 stages", Make: img(chunked(func(s *forge.Storage) { s.Pipelines = string(bytes.Repeat([]byte("delta|"), 254)) + "lz4" }), nil), Kind: tensorfile.ErrCorrupt, At: Use, Rule: format.RuleGridHeap, Says: []string{`tensor "t"`}, Good: good, Note: "the text is too long before its stages are counted"},
		{ID: "N43", What: "9 stages", Make: img(chunked(func(s *forge.Storage) { s.Pipelines = "a|b|c|d|e|f|g|h|i" }), nil), Kind: tensorfile.ErrFormat, At: Use, Rule: format.RulePipeline, Says: []string{`tensor "t"`, "at most 8 stages"}, Good: good},
		{ID: "N44", What: "32,258 chunks on one blob", Make: made(aliases(32258)), Kind: tensorfile.ErrLimit, At: Use, NoOffset: true, Format: "tensorfile", Says: []string{`tensor "t"`, "33032192"}, Good: good},
		{ID: "N44", What: "a million chunks on one blob", Make: made(aliases(1e6)), Kind: tensorfile.ErrLimit, At: Use, NoOffset: true, Format: "tensorfile", Says: []string{`tensor "t"`, "1024000000"}, Good: good},
	}
	for i := range rows {
		rows[i] = native(rows[i])
	}
	return rows
}

// zstdBomb is a frame whose block repeats a byte more often than it may.
func zstdBomb() []byte {
	return []byte{16, 0, 0, 0, 0x28, 0xb5, 0x2f, 0xfd, 0, 7 << 3, 17<<3 | 3, 0, 0, 'x'}
}

// opaque demands that a tensor of an unknown codec is listed, copied and
// verified.
func opaque(t testing.TB, f *tensorfile.File) {
	x, err := f.Tensor("t")
	if err != nil {
		t.Fatal(err)
	}
	if s := x.Storage(); s.Codec != "shuffle|zstd9:3\nlz4" || s.Stored != 36 {
		t.Errorf("%+v", s)
	}
	var out bytes.Buffer
	w, err := tensorfile.NewWriter(&out, nil)
	if err == nil {
		err = w.Copy(ctx, tensorfile.Item{Tensor: x})
	}
	if err == nil {
		err = w.Commit(ctx)
	}
	if err != nil {
		t.Fatal(err)
	}
	g, err := tensorfile.OpenReaderAt(bytes.NewReader(out.Bytes()), int64(out.Len()), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	rep, err := g.Verify(ctx, nil)
	if err != nil || !rep.OK() || len(rep.Unknown) != 1 || rep.Blocks != 4 {
		t.Errorf("%+v, %v", rep, err)
	}
}

func TestChunkRows(t *testing.T) {
	rows := chunkRows()
	if testing.Short() {
		rows = rows[:len(rows)-1] // of a million chunks
	}
	Run(t, rows)
}
