package mp3

import (
	"encoding/binary"
	"math"
	"strconv"
	"sync"
)

// huffman is a table of codes for pairs, or for quads of bits.
type huffman struct {
	// short is by the next eight bits: the value and the bits of its code, or for
	// a longer one the node of the tree behind those bits and none.
	short [256]entry
	// tree has for each node what a zero and a one lead to: another node, or the
	// complement of a value.
	tree [][2]int16
	bits int // of what is added to a value of 15

	powers *[15 + 1<<13]float64 // whole numbers to the power of 4/3
}

type entry struct {
	value int16
	bits  uint8
}

// tables are by their numbers; 0, 4 and 14 have none, 32 and 33 are for quads. They
// are made when a file is decoded: every start of a program would wait for them.
var tables = sync.OnceValue(func() (t [34]*huffman) {
	for number, text := range codes {
		t[number] = newHuffman(text)
	}
	quads := ""
	for v := 15; v >= 0; v-- {
		quads += "0" + strconv.FormatInt(int64(v), 16) + "4"
	}
	t[33] = newHuffman(quads)
	for base, widths := range map[int][8]int{16: {1, 2, 3, 4, 6, 8, 10, 13}, 24: {4, 5, 6, 7, 8, 9, 11, 13}} {
		plain := *t[base]
		for i, bits := range widths {
			h := plain
			h.bits = bits
			t[base+i] = &h
		}
	}
	var powers [15 + 1<<13]float64
	for i := range powers {
		powers[i] = math.Pow(float64(i), 4.0/3)
	}
	for _, h := range t {
		if h != nil {
			h.powers = &powers
		}
	}
	return t
})

func newHuffman(text string) *huffman {
	h := &huffman{}
	// grow makes the node at some depth of the codes that come next.
	var grow func(depth int) int16
	grow = func(depth int) int16 {
		if length, _ := strconv.ParseInt(text[2:3], 36, 0); int(length) == depth {
			value, _ := strconv.ParseInt(text[:2], 16, 0)
			text = text[3:]
			return ^int16(value)
		}
		n := int16(len(h.tree))
		h.tree = append(h.tree, [2]int16{})
		zero := grow(depth + 1)
		one := grow(depth + 1)
		h.tree[n] = [2]int16{zero, one}
		return n
	}
	grow(0)
	for i := range h.short {
		node := int16(0)
		for k := range 8 {
			if node = h.tree[node][i>>(7-k)&1]; node < 0 {
				h.short[i] = entry{^node, uint8(k + 1)}
				break
			}
		}
		if node >= 0 {
			h.short[i].value = node
		}
	}
	return h
}

// next decodes a value.
func (h *huffman) next(r *bitReader) int {
	e := h.short[r.peek()>>24]
	if e.bits > 0 {
		r.at += int(e.bits)
		return int(e.value)
	}
	r.at += 8
	node := e.value
	for node >= 0 {
		node = h.tree[node][r.uint(1)]
	}
	return int(^node)
}

// bitReader reads bits, the highest of a byte first. Behind the end there are
// zeros.
type bitReader struct {
	b  []byte
	at int // in bits
}

// peek returns the next 25 bits or more, at the top.
func (r *bitReader) peek() uint32 {
	i := r.at >> 3
	if i+4 <= len(r.b) {
		return binary.BigEndian.Uint32(r.b[i:]) << (r.at & 7)
	}
	var end [4]byte
	copy(end[:], r.b[min(i, len(r.b)):])
	return binary.BigEndian.Uint32(end[:]) << (r.at & 7)
}

// uint reads n bits, at most 24.
func (r *bitReader) uint(n int) int {
	x := uint64(r.peek()) << n >> 32
	r.at += n
	return int(x)
}
