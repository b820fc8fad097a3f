package kernel

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"testing"
)

// tables are of all sizes, and one whose values end in zeros.
func tables() (list []*Table) {
	for _, size := range []int{1, 2, 4, 8} {
		list = append(list, NewTable(random(256*size, uint64(size)), size))
	}
	high := random(1024, 9)
	for i := 0; i < len(high); i += 4 {
		copy(high[i:], []byte{0, 0})
	}
	return append(list, NewTable(high, 4))
}

func TestLookup(t *testing.T) {
	r := rand.New(rand.NewPCG(91, 92))
	runs := 0
	encode := func(b uint32) uint8 { return uint8(b>>19) ^ uint8(b>>24) ^ uint8(b&1) }
	narrowing := NewNarrowing(encode)
	atEachLevel(t, func(l level) {
		for n := range 300 {
			n, at := n*(1+n%4), r.IntN(64)
			src := random(n, uint64(n))
			for _, table := range tables() {
				size := table.size
				frame := place(n*size+2*guard, at/size*size)
				want := bytes.Clone(frame)
				values := make([]byte, 256*size)
				table.lookup(values, upToBytes())
				for i, c := range src {
					copy(want[guard+i*size:], values[int(c)*size:][:size])
				}
				Lookup(frame[guard:guard+n*size], src, table, r.IntN(2) == 0)
				Fence()
				if !bytes.Equal(frame, want) {
					t.Fatalf("%v: %d values of %d bytes: another result", l, n, size)
				}
				runs++
			}
			wide := numbers(r, F32, n, r.IntN(64))
			frame := place(n+2*guard, at)
			want := bytes.Clone(frame)
			for i := range n {
				b := binary.NativeEndian.Uint32(wide[4*i:])
				low := uint32(0)
				if b&0x7ffff != 0 {
					low = 1
				}
				want[guard+i] = encode(b>>19<<19 | low)
			}
			Narrow(frame[guard:guard+n], wide, narrowing, r.IntN(2) == 0)
			Fence()
			if !bytes.Equal(frame, want) {
				t.Fatalf("%v: %d codes: another result", l, n)
			}
			runs++
		}
	})
	t.Logf("%d runs", runs)
	if runs < 6*300*(int(best)+1) {
		t.Error("too few")
	}
}

func upToBytes() []byte {
	b := make([]byte, 256)
	for i := range b {
		b[i] = byte(i)
	}
	return b
}

// TestSpread takes elements out bit by bit.
func TestSpread(t *testing.T) {
	r := rand.New(rand.NewPCG(93, 94))
	runs := 0
	atEachLevel(t, func(l level) {
		for n := range 400 {
			for _, bits := range []int{1, 4, 6} {
				unit := []int{1: 1, 4: 1, 6: 3}[bits]
				packed := random((n*bits+8*unit-1)/(8*unit)*unit, uint64(n+bits))
				at := func(i int) (v byte) {
					for k := range bits {
						bit := i*bits + k
						v |= packed[bit/8] >> (bit % 8) & 1 << k
					}
					return v
				}
				for _, signed := range []bool{false, bits == 4} {
					frame := random(n+2*guard, 5)
					want := bytes.Clone(frame)
					for i := range n {
						v := at(i)
						if signed && v >= 8 {
							v |= 0xf0
						}
						want[guard+i] = v
					}
					if Spread(frame[guard:guard+n], packed, bits, signed); !bytes.Equal(frame, want) {
						t.Fatalf("%v: %d elements of %d bits: spread otherwise", l, n, bits)
					}
					// Upper bits do not count on the way back; padding is zero.
					for i := guard; bits < 8 && i < guard+n; i++ {
						frame[i] ^= byte(r.Uint32()) << bits
					}
					back := random(len(packed)+2*guard, 6)
					wantBack := bytes.Clone(back)
					copy(wantBack[guard:], packed)
					for bit := n * bits; bit < 8*len(packed); bit++ {
						wantBack[guard+bit/8] &^= 1 << (bit % 8)
					}
					if Join(back[guard:guard+len(packed)], frame[guard:guard+n], bits); !bytes.Equal(back, wantBack) {
						t.Fatalf("%v: %d elements of %d bits: joined otherwise", l, n, bits)
					}
					runs++
				}
			}
		}
	})
	t.Logf("%d runs", runs)
	if runs < 6*400*(int(best)+1) {
		t.Error("too few")
	}
}
