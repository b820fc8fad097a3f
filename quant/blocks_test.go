package quant_test

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"math"
	"testing"

	"github.com/tensorfile/tensorfile/internal/golden"
	"github.com/tensorfile/tensorfile/quant"
	"github.com/tensorfile/tensorfile/tensor"
)

// blockCase is one of gen_blocks.py.
type blockCase struct {
	Type           string
	Blocks, Floats []byte
}

// checkBlocks compares cases bit for bit, NaNs as such.
func checkBlocks(t *testing.T, lines io.Reader, least int) {
	types := map[string]int{}
	d := json.NewDecoder(lines)
	n := 0
	for ; ; n++ {
		var c blockCase
		if err := d.Decode(&c); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		types[c.Type]++
		dtype, err := tensor.ParseDType(c.Type)
		if err != nil {
			t.Fatal(err)
		}
		elems := int64(len(c.Floats) / 4)
		src, err := tensor.NewView(c.Blocks, dtype, tensor.Shape{elems}, nil, 0, tensor.LittleEndian)
		if err != nil {
			t.Fatal(err)
		}
		dst, err := tensor.Make(tensor.F32, tensor.Shape{elems})
		if err == nil {
			err = quant.DequantiseBlocks(context.Background(), dst, src, 1+n%3)
		}
		if err != nil {
			t.Fatal(err)
		}
		for i := range elems {
			want := math.Float32frombits(binary.LittleEndian.Uint32(c.Floats[4*i:]))
			got, err := dst.Float64At(i)
			if err != nil {
				t.Fatal(err)
			}
			if g := float32(got); math.Float32bits(g) != math.Float32bits(want) && (g == g || want == want) {
				t.Errorf("case %d, %s: element %d is %v, want %v", n, c.Type, i, g, want)
				break
			}
		}
		half, err := tensor.Make(tensor.F16, tensor.Shape{elems})
		if err == nil {
			err = quant.DequantiseBlocks(context.Background(), half, src, 0)
		}
		if err != nil {
			t.Fatal(err)
		}
		want, _ := tensor.Make(tensor.F16, tensor.Shape{elems})
		if err := tensor.Cast(want, dst); err != nil {
			t.Fatal(err)
		}
		a, _ := half.Bytes()
		b, _ := want.Bytes()
		if string(a) != string(b) {
			t.Errorf("case %d, %s: f16 is not what f32 is cast to", n, c.Type)
		}
	}
	t.Logf("%d cases of %d types", n, len(types))
	if n < least || len(types) != 13 {
		t.Errorf("too few: %v", types)
	}
}

func TestBlocksKept(t *testing.T) { checkBlocks(t, golden.Kept(t, "testdata/blocks.jsonl.gz"), 100) }

func TestBlocksInterop(t *testing.T) {
	lines, _ := golden.Fresh(t, "gguf", "testdata/gen_blocks.py", 3900)
	checkBlocks(t, lines, 3900)
}

// A matrix whose rows are taken apart, into memory of any order.
func TestBlocksOfViews(t *testing.T) {
	d, _ := tensor.Block(8)
	b := make([]byte, 6*34)
	for i := range b {
		b[i] = byte(i*i>>2 + 3*i)
	}
	for i := range 6 {
		binary.LittleEndian.PutUint16(b[34*i:], 0x3c00+uint16(i)<<6)
	}
	v, err := tensor.NewView(b, d, tensor.Shape{3, 64}, nil, 0, tensor.LittleEndian)
	if err != nil {
		t.Fatal(err)
	}
	sel, err := tensor.ParseSelection("[::-1]")
	if err != nil {
		t.Fatal(err)
	}
	back, err := v.Select(sel)
	if err != nil {
		t.Fatal(err)
	}
	dst, err := tensor.Make(tensor.F64, tensor.Shape{3, 64})
	if err != nil {
		t.Fatal(err)
	}
	if err := quant.DequantiseBlocks(t.Context(), dst, back, 0); err != nil {
		t.Fatal(err)
	}
	for r := range int64(3) {
		for c := range int64(64) {
			block := b[((2-r)*2+c/32)*34:]
			scale := 1 + float64(binary.LittleEndian.Uint16(block)-0x3c00)/1024
			if got, err := dst.Float64At(r, c); err != nil || got != float64(float32(scale))*float64(int8(block[2+c%32])) {
				t.Fatalf("[%d, %d]: %v, %v", r, c, got, err)
			}
		}
	}
	q, _ := tensor.Block(16)
	src, _ := tensor.Make(q, tensor.Shape{256})
	if err := quant.DequantiseBlocks(t.Context(), dst, src, 0); !errors.Is(err, tensor.ErrUnsupported) {
		t.Errorf("iq2_xxs: %v", err)
	}
	if err := quant.DequantiseBlocks(t.Context(), dst, v, 0); err != nil {
		t.Error(err)
	}
	if wrong, _ := tensor.Make(tensor.F32, tensor.Shape{64, 3}); quant.DequantiseBlocks(t.Context(), wrong, v, 0) == nil {
		t.Error("another shape is taken")
	}
}

func BenchmarkBlocks(b *testing.B) {
	for _, name := range []string{"q4_0", "q8_0", "q4_k", "q6_k"} {
		d, err := tensor.ParseDType(name)
		if err != nil {
			b.Fatal(err)
		}
		src, err := tensor.Make(d, tensor.Shape{4096, 4096})
		if err != nil {
			b.Fatal(err)
		}
		dst, err := tensor.Make(tensor.F32, tensor.Shape{4096, 4096})
		if err != nil {
			b.Fatal(err)
		}
		b.Run("type="+name, func(b *testing.B) {
			b.SetBytes(dst.ByteSize())
			for b.Loop() {
				if err := quant.DequantiseBlocks(context.Background(), dst, src, 1); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
