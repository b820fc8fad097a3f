package corpus

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/tensor"
)

// said is what was put into a file.
type said struct {
	name  string
	dtype tensor.DType
	shape tensor.Shape
	bytes []byte
}

// made is what the last file built was made of.
var made []said

// expect writes the JSON beside a file from what was put into it.
func expect(t *testing.T, path string) {
	type one struct {
		Name       string         `json:"name"`
		DType      string         `json:"dtype"`
		Descriptor [5]uint32      `json:"descriptor"`
		Shape      []int64        `json:"shape"`
		Dims       []any          `json:"dims"`
		Attributes map[string]any `json:"attributes"`
		Bytes      int            `json:"bytes"`
		SHA256     string         `json:"sha256"`
	}
	var list []one
	for _, s := range made {
		d := s.dtype
		list = append(list, one{s.name, d.String(), [5]uint32{uint32(d.Class), uint32(d.Variant), d.Bits, d.UnitElems, d.UnitBytes}, s.shape, nil, map[string]any{}, len(s.bytes), sum(s.bytes)})
	}
	slices.SortFunc(list, func(a, b one) int { return strings.Compare(a.Name, b.Name) })
	g := 1
	if strings.Contains(path, "grown") {
		g = 1 + grownCommits
	}
	b, err := json.MarshalIndent(map[string]any{"generation": g, "attributes": map[string]any{}, "tensors": list}, "", "  ")
	if err == nil {
		err = os.WriteFile(path, append(b, '\n'), 0o666)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func sum(b []byte) string {
	h := sha256.Sum256(b)
	const digits = "0123456789abcdef"
	var s []byte
	for _, c := range h {
		s = append(s, digits[c>>4], digits[c&15])
	}
	return string(s)
}

// smooth is a field of n values of some bytes that neighbours resemble.
func smooth(rows, columns, size int, float bool) []byte {
	var b []byte
	for i := range rows {
		for j := range columns {
			x := 1000*math.Sin(float64(i)/9) + 300*math.Cos(float64(j)/5) + float64(i*j%7)
			var u uint64
			switch {
			case float && size == 8:
				u = math.Float64bits(x)
			case float:
				u = uint64(math.Float32bits(float32(x)))
			default:
				u = uint64(int64(x))
			}
			b = append(b, binary.LittleEndian.AppendUint64(nil, u)[:size]...)
		}
	}
	return b
}

// chunks has every codec that readers must know, alone and in pipelines, with
// chunks that are clipped, raw, constant and missing.
func chunks(m *maker) {
	chunk := tensor.Shape{16, 12}
	shape := tensor.Shape{50, 31}
	for _, p := range []string{"shuffle|zstd", "bitshuffle|lz4", "planes", "zstd:3", "lz4", "bitpack", "xordelta|shuffle:4|zstd", "delta|bitpack", "predict:a0,1|planes", "predict:paeth:a0,1|zstd", "delta:4:d31:z|bitshuffle:4|lz4:9", "planes:2|zstd", "shuffle:3|bitshuffle:5|delta:8|zstd"} {
		m.add("f32 "+p, tensor.F32, shape, smooth(50, 31, 4, true), &tensorfile.TensorOptions{Chunk: chunk, Codec: p})
	}
	for _, p := range []string{"delta:8|bitpack:8", "predict|bitpack", "predict:a1,0,1|zstd"} {
		m.add("i64 "+p, tensor.I64, shape, smooth(50, 31, 8, false), &tensorfile.TensorOptions{Chunk: chunk, Codec: p})
	}
	m.add("i16 paeth", tensor.I16, shape, smooth(50, 31, 2, false), &tensorfile.TensorOptions{Chunk: chunk, Codec: "predict:paeth:a0,1|planes"})
	m.add("u8 lorenzo", tensor.U8, shape, smooth(50, 31, 1, false), &tensorfile.TensorOptions{Chunk: chunk, Codec: "predict:lorenzo:a0,1|zstd"})
	m.add("c64 planes", tensor.C64, tensor.Shape{25, 31}, smooth(50, 31, 4, true), &tensorfile.TensorOptions{Chunk: tensor.Shape{8, 31}, Codec: "planes"})
	m.add("two pipelines", tensor.F64, shape, smooth(50, 31, 8, true), &tensorfile.TensorOptions{Chunk: chunk, Codec: "planes|lz4\nshuffle|zstd"})
	m.add("raw", tensor.U16, tensor.Shape{40, 9, 3}, noise(21, 40*9*3*2), &tensorfile.TensorOptions{Chunk: tensor.Shape{7, 4, 2}, Codec: "raw"})
	m.add("large raw", tensor.U8, tensor.Shape{3, 30000}, noise(22, 90000), &tensorfile.TensorOptions{Chunk: tensor.Shape{3, 25000}, Codec: "planes"})
	for _, d := range []tensor.DType{tensor.I4, tensor.Bool1, tensor.F6E3M2} {
		shape := tensor.Shape{5, 3*int64(d.UnitElems) + 1}
		n, err := tensor.ByteSize(d, shape)
		m.must(err)
		b := noise(23, int(n))
		zeroRest(b, d, shape)
		m.add("packed "+d.String(), d, shape, b, &tensorfile.TensorOptions{Chunk: tensor.Shape{2, 2 * int64(d.UnitElems)}, Codec: "raw"})
	}
	m.add("no rows", tensor.F32, tensor.Shape{0, 5}, nil, &tensorfile.TensorOptions{Chunk: tensor.Shape{4, 5}, Codec: "zstd"})
}

// chunksOptional has the codecs that a reader may lack.
func chunksOptional(m *maker) {
	for _, p := range []string{"s2", "deflate", "deflate:9", "shuffle|s2"} {
		m.add(p, tensor.F32, tensor.Shape{50, 31}, smooth(50, 31, 4, true), &tensorfile.TensorOptions{Chunk: tensor.Shape{16, 12}, Codec: p})
	}
}

// chunksMissing has grids that are mostly fill: absent pages, fills that are
// not zero, constants.
func chunksMissing(m *maker) {
	nan := binary.LittleEndian.AppendUint64(nil, 0x7ff8_0000_dead_beef)
	b := bytes.Repeat(nan, 900*40)
	copy(b[500*40*8:], bytes.Repeat([]byte{1, 2, 3, 4, 5, 6, 7, 8}, 40))
	copy(b[700*40*8+16:], noise(31, 48))
	m.add("fill", tensor.F64, tensor.Shape{900, 40}, b, &tensorfile.TensorOptions{Chunk: tensor.Shape{1, 10}, Codec: "zstd", Fill: nan})
	z := make([]byte, 400*300)
	z[399*300+299] = 1
	m.add("zeros", tensor.U8, tensor.Shape{400, 300}, z, &tensorfile.TensorOptions{Chunk: tensor.Shape{3, 7}})
	m.add("all zeros", tensor.I32, tensor.Shape{7, 7}, make([]byte, 4*49), &tensorfile.TensorOptions{Chunk: tensor.Shape{2, 2}})
	m.add("large units", tensor.Opaque(24), tensor.Shape{9}, append(make([]byte, 24*5), bytes.Repeat([]byte{9}, 24*4)...), &tensorfile.TensorOptions{Chunk: tensor.Shape{2}})
}

const grownCommits = 3

// chunksGrown are tensors that grow then get slabs.
func chunksGrown(m *maker) {
	m.add("grown", tensor.I32, tensor.Shape{10, 3}, smooth(10, 3, 4, false), &tensorfile.TensorOptions{Chunk: tensor.Shape{8, 2}, Codec: "shuffle|zstd"})
	m.add("was plain", tensor.U8, tensor.Shape{4}, noise(41, 4), nil)
}

// grow appends rows in commits of their own and rewrites some.
func grow(b []byte) []byte {
	dir, err := os.MkdirTemp("", "grow")
	try := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	try(err)
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "x.tensor")
	try(os.WriteFile(path, b, 0o666))
	for c := range grownCommits {
		w, err := tensorfile.OpenAppend(path, &tensorfile.AppendOptions{Time: time.Unix(1_600_000_000+int64(c), 0)})
		try(err)
		for k, s := range made {
			n := int64(3 + 2*c)
			rows := s.shape.Clone()
			rows[0] = n
			size, err := tensor.ByteSize(s.dtype, rows)
			try(err)
			v, err := tensor.NewView(noise(uint64(50+c), int(size)), s.dtype, rows, nil, 0, tensor.LittleEndian)
			try(err)
			_, err = w.Append(ctx, s.name, v, &tensorfile.GrowOptions{Chunk: nil})
			try(err)
			data, _ := v.Bytes()
			made[k].bytes = append(slices.Clone(s.bytes), data...)
			made[k].shape = s.shape.Clone()
			made[k].shape[0] += n
		}
		part, err := tensor.FromSlice([]int32{int32(c), -1, -2}, 3, 1)
		try(err)
		sel, err := tensor.ParseSelection("7:10, 1:2")
		try(err)
		_, err = w.WriteRegion(ctx, "grown", sel, part, nil)
		try(err)
		for i, x := range []int32{int32(c), -1, -2} {
			binary.LittleEndian.PutUint32(made[0].bytes[((7+i)*3+1)*4:], uint32(x))
		}
		try(w.Commit(ctx))
		try(w.Close())
	}
	b, err = os.ReadFile(path)
	try(err)
	return b
}
