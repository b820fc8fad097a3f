package growth

import (
	"archive/zip"
	"bytes"
	"compress/zlib"
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile"
	_ "github.com/tensorfile/tensorfile/convert/aiff"
	_ "github.com/tensorfile/tensorfile/convert/csv"
	_ "github.com/tensorfile/tensorfile/convert/gguf"
	_ "github.com/tensorfile/tensorfile/convert/gif"
	_ "github.com/tensorfile/tensorfile/convert/jsonl"
	_ "github.com/tensorfile/tensorfile/convert/mtx"
	_ "github.com/tensorfile/tensorfile/convert/npy"
	_ "github.com/tensorfile/tensorfile/convert/png"
	_ "github.com/tensorfile/tensorfile/convert/pnm"
	_ "github.com/tensorfile/tensorfile/convert/safetensors"
	_ "github.com/tensorfile/tensorfile/convert/text"
	_ "github.com/tensorfile/tensorfile/convert/tiff"
	_ "github.com/tensorfile/tensorfile/convert/torch"
	_ "github.com/tensorfile/tensorfile/convert/wav"
	"github.com/tensorfile/tensorfile/internal/badinput"
	"github.com/tensorfile/tensorfile/tensor"
)

var le, be = binary.LittleEndian, binary.BigEndian

// deep is a name of levels that many have in common.
func deep(i int) string { return strings.Repeat("layer.", 20) + fmt.Sprintf("%07d", i) }

// lines is n times what fn writes.
func lines(n int, format string) []byte {
	var b bytes.Buffer
	for i := range n {
		fmt.Fprintf(&b, format, i)
	}
	return b.Bytes()
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

// native is a file of the format, as a Writer makes it.
func native(add func(w *tensorfile.Writer)) []byte {
	var b bytes.Buffer
	w, err := tensorfile.NewWriter(&b, nil)
	check(err)
	add(w)
	check(w.Commit(context.Background()))
	check(w.Close())
	return b.Bytes()
}

func add(w *tensorfile.Writer, name string, n int, o *tensorfile.TensorOptions) {
	elements := make([]uint16, n)
	for i := range elements {
		elements[i] = uint16(i * 7)
	}
	v, err := tensor.FromSlice(elements)
	check(err)
	check(w.Add(context.Background(), name, v, o))
}

// npy is a file of one byte, of a dtype of that text.
func npy(descr string, size int) []byte {
	head := fmt.Sprintf("{'descr': %s, 'fortran_order': False, 'shape': (1,), }\n", descr)
	b := le.AppendUint32([]byte("\x93NUMPY\x02\x00"), uint32(len(head)))
	return append(append(b, head...), make([]byte, size)...)
}

func archive(n int, name func(i int) string, data []byte) []byte {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for i := range n {
		f, err := w.CreateRaw(&zip.FileHeader{Name: name(i), CRC32: crc32.ChecksumIEEE(data), CompressedSize64: uint64(len(data)), UncompressedSize64: uint64(len(data))})
		check(err)
		_, err = f.Write(data)
		check(err)
	}
	check(w.Close())
	return b.Bytes()
}

func safetensors(header string, data int) []byte {
	b := le.AppendUint64(nil, uint64(len(header)))
	return append(append(b, header...), make([]byte, data)...)
}

func str(s string) string { return string(le.AppendUint64(nil, uint64(len(s)))) + s }
func u32(n int) string    { return string(le.AppendUint32(nil, uint32(n))) }
func u64(n int) string    { return string(le.AppendUint64(nil, uint64(n))) }

// gguf is a file of pairs and descriptions, with n times 32 bytes of data.
func gguf(pairs int, kv string, infos int, info string, n int) []byte {
	b := []byte("GGUF" + u32(3) + u64(infos) + u64(pairs) + kv + info)
	b = append(b, make([]byte, -len(b)&31)...)
	return append(b, make([]byte, 32*n)...)
}

// text is the text of fn for 0 to n-1.
func text(n int, fn func(i int) string) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(fn(i))
	}
	return b.String()
}

func chunk(order binary.AppendByteOrder, id, body string) string {
	if len(body)%2 == 1 {
		return id + string(order.AppendUint32(nil, uint32(len(body)))) + body + "\x00"
	}
	return id + string(order.AppendUint32(nil, uint32(len(body)))) + body
}

const format16 = "\x01\x00\x01\x00\x40\x1f\x00\x00\x80\x3e\x00\x00\x02\x00\x10\x00" // PCM, 8000 Hz, 16 bits

func wav(chunks string) []byte {
	return []byte(chunk(le, "RIFF", "WAVE"+chunk(le, "fmt ", format16)+chunks))
}

func pngChunk(kind, data string) string {
	b := be.AppendUint32(nil, uint32(len(data)))
	b = append(append(b, kind...), data...)
	return string(be.AppendUint32(b, crc32.ChecksumIEEE(b[4:])))
}

// png is a grey picture of n rows of 64 pixels, its data in pieces of 16 bytes.
func png(n int, more string) []byte {
	var z bytes.Buffer
	w, noise := zlib.NewWriter(&z), rand.NewChaCha8([32]byte{1})
	for range n {
		row := make([]byte, 65)
		_, _ = noise.Read(row[1:])
		_, err := w.Write(row)
		check(err)
	}
	check(w.Close())
	var idat strings.Builder
	for b := z.Bytes(); len(b) > 0; b = b[min(16, len(b)):] {
		idat.WriteString(pngChunk("IDAT", string(b[:min(16, len(b))])))
	}
	return []byte("\x89PNG\r\n\x1a\n" + pngChunk("IHDR", string(be.AppendUint32(be.AppendUint32(nil, 64), uint32(n)))+"\x08\x00\x00\x00\x00") + more + idat.String() + pngChunk("IEND", ""))
}

// tiff is a chain of n pictures of one row of two grey pixels.
func tiff(n int) []byte {
	b := []byte("II*\x00\x0a\x00\x00\x00ab")
	for i := range n {
		entries := [][3]uint32{{256, 3, 2}, {257, 3, 1}, {258, 3, 8}, {259, 3, 1}, {262, 3, 1}, {273, 4, 8}, {278, 3, 1}, {279, 4, 2}}
		b = le.AppendUint16(b, uint16(len(entries)))
		for _, e := range entries {
			b = le.AppendUint16(le.AppendUint16(b, uint16(e[0])), uint16(e[1]))
			b = le.AppendUint32(le.AppendUint32(b, 1), e[2])
		}
		next := uint32(len(b) + 4)
		if i == n-1 {
			next = 0
		}
		b = le.AppendUint32(b, next)
	}
	return b
}

// pickle is a dictionary of n tensors on one storage, in a file of torch.
func pickle(n int, item func(i int) string) []byte {
	p := "\x80\x02}(" + text(n, item) + "u."
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, m := range [][2]string{{"a/data.pkl", p}, {"a/data/0", "0123456789"}} {
		f, err := w.CreateRaw(&zip.FileHeader{Name: m[0], CRC32: crc32.ChecksumIEEE([]byte(m[1])), CompressedSize64: uint64(len(m[1])), UncompressedSize64: uint64(len(m[1]))})
		check(err)
		_, err = f.Write([]byte(m[1]))
		check(err)
	}
	check(w.Close())
	return b.Bytes()
}

func pstr(s string) string { return "X" + u32(len(s)) + s }

func torchTensor(i int) string {
	return pstr(deep(i)) + "ctorch._utils\n_rebuild_tensor_v2\n((" + pstr("storage") + "ctorch\nByteStorage\n" + pstr("0") + pstr("cpu") + "K\ntQK\x00(K\x02t(K\x01t\x89ccollections\nOrderedDict\n)RtR"
}

// cases are inputs of which there may be as many parts as somebody likes.
func cases() []badinput.Grower {
	pixel := "\x2c\x00\x00\x00\x00\x01\x00\x01\x00\x00" + "\x02\x02\x4c\x01\x00"
	screen := "GIF89a\x02\x00\x02\x00\x80\x00\x00\x01\x02\x03\x04\x05\x06"
	one := npy("'|u1'", 1)
	coordinates := func(n int) []byte {
		return append(fmt.Appendf(nil, "%%%%MatrixMarket matrix coordinate real general\n%d 7 %d\n", n, n), lines(n, "%[1]d 3 0.%[1]d\n")[len("0 3 0.0\n"):]...)
	}
	return []badinput.Grower{
		{What: "native, tensors", From: "tensorfile", N: 500, Make: func(n int) []byte {
			return native(func(w *tensorfile.Writer) {
				for i := range n {
					add(w, deep(i), 3, nil)
				}
			})
		}},
		{What: "native, attributes", From: "tensorfile", N: 2000, Make: func(n int) []byte {
			a := tensorfile.Attrs{}
			for i := range n {
				a[deep(i)] = i
			}
			return native(func(w *tensorfile.Writer) { add(w, "t", 3, &tensorfile.TensorOptions{Attrs: a}) })
		}},
		{What: "native, chunks", From: "tensorfile", N: 500, Make: func(n int) []byte {
			return native(func(w *tensorfile.Writer) {
				add(w, "t", n*64, &tensorfile.TensorOptions{Chunk: tensor.Shape{64}, Codec: "raw"})
			})
		}},
		{What: "npy, fields", From: "npy", N: 60, Make: func(n int) []byte {
			return npy("["+text(n, func(i int) string { return fmt.Sprintf("('f%d', '|u1'), ", i) })+"]", n)
		}},
		{What: "npz, members", From: "npz", N: 500, Make: func(n int) []byte { return archive(n, func(i int) string { return deep(i) + ".npy" }, one) }},
		{What: "npz, a name twice", From: "npz", N: 2000, Kind: tensor.ErrDuplicate, Make: func(n int) []byte { return archive(n, func(i int) string { return deep(i%(n-1)) + ".npy" }, one) }},
		{What: "safetensors, tensors", From: "safetensors", N: 1000, Make: func(n int) []byte {
			return safetensors("{"+text(n, func(i int) string {
				return fmt.Sprintf(`"%s":{"dtype":"U8","shape":[1],"data_offsets":[%d,%d]},`, deep(i), i, i+1)
			})+`"__metadata__":{}}`, n)
		}},
		{What: "safetensors, a name twice", From: "safetensors", N: 2000, Kind: tensor.ErrDuplicate, Make: func(n int) []byte {
			return safetensors("{"+text(n, func(i int) string {
				return fmt.Sprintf(`"%s":{"dtype":"U8","shape":[1],"data_offsets":[%d,%d]},`, deep(i%(n-1)), i, i+1)
			})+`"__metadata__":{}}`, n)
		}},
		{What: "safetensors, metadata", From: "safetensors", N: 2000, Make: func(n int) []byte {
			return safetensors(`{"__metadata__":{`+text(n, func(i int) string { return fmt.Sprintf(`"%s":"x",`, deep(i)) })+`"":""}}`, 0)
		}},
		{What: "gguf, keys", From: "gguf", N: 2000, Make: func(n int) []byte {
			return gguf(n, text(n, func(i int) string { return str(deep(i)) + u32(0) + "x" }), 0, "", 0)
		}},
		{What: "gguf, a key twice", From: "gguf", N: 2000, Kind: tensor.ErrDuplicate, Make: func(n int) []byte {
			return gguf(n, text(n, func(i int) string { return str(deep(i%(n-1))) + u32(0) + "x" }), 0, "", 0)
		}},
		{What: "gguf, strings", From: "gguf", N: 2000, Make: func(n int) []byte {
			return gguf(1, str("a")+u32(9)+u32(8)+u64(n)+text(n, func(i int) string { return str(fmt.Sprint("token ", i)) }), 0, "", 0)
		}},
		{What: "gguf, tensors", From: "gguf", N: 1000, Make: func(n int) []byte {
			return gguf(0, "", n, text(n, func(i int) string { return str(fmt.Sprintf("blk.%d.weight", i)) + u32(1) + u64(8) + u32(0) + u64(32*i) }), n)
		}},
		{What: "torch, tensors", From: "torch", N: 500, Make: func(n int) []byte { return pickle(n, torchTensor) }},
		{What: "torch, lists", From: "torch", N: 1000, Make: func(n int) []byte {
			return pickle(n, func(i int) string {
				if i == 0 {
					return torchTensor(0)
				}
				return pstr(fmt.Sprint("k", i)) + "](K\x01K\x02e"
			})
		}},
		{What: "wav, chunks", From: "wav", N: 500, Make: func(n int) []byte {
			return wav(strings.Repeat(chunk(le, "JUNK", "12345678"), n) + chunk(le, "data", strings.Repeat("abcd", n)))
		}},
		{What: "wav, texts", From: "wav", N: 300, Make: func(n int) []byte {
			return wav(chunk(le, "LIST", "INFO"+text(n, func(i int) string { return chunk(le, fmt.Sprintf("I%03X", i), "some text\x00") })) + chunk(le, "data", "abcd"))
		}},
		{What: "aiff, chunks", From: "aiff", N: 500, Make: func(n int) []byte {
			comm := string(be.AppendUint32([]byte("\x00\x01"), uint32(n))) + "\x00\x10\x40\x0b\xfa\x00\x00\x00\x00\x00\x00\x00"
			return []byte(chunk(be, "FORM", "AIFF"+chunk(be, "COMM", comm)+strings.Repeat(chunk(be, "JUNK", "12345678"), n)+chunk(be, "SSND", "\x00\x00\x00\x00\x00\x00\x00\x00"+strings.Repeat("ab", n))))
		}},
		{What: "png, pieces of data", From: "png", N: 200, Make: func(n int) []byte { return png(n, "") }},
		{What: "png, texts", From: "png", N: 400, Make: func(n int) []byte { return png(n/8, strings.Repeat(pngChunk("tEXt", "Comment\x00text"), n)) }},
		{What: "gif, frames", From: "gif", N: 1000, Make: func(n int) []byte { return []byte(screen + strings.Repeat(pixel, n) + ";") }},
		{What: "tiff, directories", From: "tiff", N: 200, Make: tiff},
		{What: "pnm, numbers", From: "pnm", N: 3000, Make: func(n int) []byte { return append(fmt.Appendf(nil, "P2 %d 1 65535\n", n), lines(n, "%d\n")...) }},
		{What: "mtx, entries", From: "mtx", N: 5000, Make: func(n int) []byte { return append(coordinates(n), fmt.Sprintf("%d 4 1\n", n)...) }},
		{What: "csv, lines", From: "csv", N: 5000, Make: func(n int) []byte { return append([]byte("a,b\n"), lines(n, "%[1]d,\"x%[1]d\"\n")...) }},
		{What: "csv, columns", From: "csv", N: 1000, Make: func(n int) []byte {
			return []byte(text(n, func(i int) string { return fmt.Sprintf("column %d,", i) }) + "end\n" + strings.Repeat("1,", n) + "2\n")
		}},
		{What: "jsonl, lines", From: "jsonl", N: 5000, Make: func(n int) []byte { return lines(n, "[%[1]d, -%[1]d.5]\n") }},
		{What: "jsonl, keys", From: "jsonl", N: 2000, Make: func(n int) []byte {
			return []byte("{" + text(n, func(i int) string { return fmt.Sprintf(`"%s":%d,`, deep(i), i) }) + `"end":1}` + "\n")
		}},
		{What: "text, lines", From: "text", N: 5000, Make: func(n int) []byte { return lines(n, "line %d\n") }},
	}
}

// TestGrowth is rule 4 of the catalogue of bad inputs.
func TestGrowth(t *testing.T) {
	list := cases()
	badinput.Growth(t, list)
	if t.Logf("%d cases", len(list)); len(list) < 29 {
		t.Error("too few")
	}
}

// BenchmarkBadInput has the milliseconds of the larger inputs: 250 and 20 for each
// MiB are what the catalogue allows.
func BenchmarkBadInput(b *testing.B) { badinput.BenchGrowth(b, cases()) }
