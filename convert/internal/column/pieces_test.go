package column

import (
	"fmt"
	"math"
	"testing"
)

// A column in which nothing is missing keeps no byte for each value that says so;
// the first one that is missing brings those of all before.
func TestValidOnlyWhereMissing(t *testing.T) {
	var b Builder
	for i := range 3 {
		b.Int(0, int64(i))
		b.Text(1, []byte("x"))
		b.Float(2, 1.5)
	}
	b.Null(2)
	b.Nulls(3, 2)
	b.Bool(3, true)
	if got := b.Size(); got != 3*8+3*(1+4)+3*8+9+2*9+8 {
		t.Errorf("%d bytes", got)
	}
	p := b.Take(0)
	if p[0].Valid != nil || p[1].Valid != nil || p[0].size() != 24 || p[1].size() != 3+3*4 {
		t.Errorf("%+v", p[:2])
	}
	if fmt.Sprint(p[2].Valid, p[3].Valid) != "[1 1 1 0] [0 0 1]" || p[2].Words[3] != 0x7ff8000000000000 || fmt.Sprint(p[3].Words) != "[0 0 1]" {
		t.Errorf("%+v", p[2:])
	}
	if b.Size() != 0 || b.Len(0) != 0 {
		t.Errorf("after Take: %d bytes, %d values", b.Size(), b.Len(0))
	}
}

// Every NaN becomes the one of NumPy, whatever its bits.
func TestOneNaN(t *testing.T) {
	var b Builder
	for _, w := range []uint64{0x7ff8000000000000, 0xfff8000000000000, 0x7ff0000000000001, 0x7fffffffffffffff} {
		b.Float(0, math.Float64frombits(w))
	}
	for i, w := range b.Take(0)[0].Words {
		if w != 0x7ff8000000000000 {
			t.Errorf("NaN %d has bits %#x", i, w)
		}
	}
}

// A text that is cut to nothing, and one that is as short already.
func TestTruncateText(t *testing.T) {
	var b Builder
	b.Text(0, []byte("ab"))
	b.Text(0, []byte("c"))
	b.Truncate(0, 2)
	if b.Len(0) != 2 {
		t.Errorf("%d values, want 2", b.Len(0))
	}
	b.Truncate(0, 0)
	b.Blob(0, []byte{0xff})
	p := b.Take(0)[0]
	if p.Kind != Blob || p.Len != 1 || string(p.Bytes) != "\xff" || fmt.Sprint(p.Ends) != "[1]" {
		t.Errorf("%+v", p)
	}
}

func TestNumberKinds(t *testing.T) {
	for k, want := range map[Kind]bool{None: false, Bool: false, Nat: true, Int: true, Uint: true, Float: true, Text: false, Blob: false} {
		if k.Number() != want {
			t.Errorf("%v: %v", k, k.Number())
		}
	}
}
