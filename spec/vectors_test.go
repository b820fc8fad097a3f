package spec

import (
	"bytes"
	"compress/flate"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
)

// What follows is a decoder written from the text, as slow and plain as can
// be, and not the one of package codec: where both agree with the vectors,
// the text is likely to say what is meant.

var le = binary.LittleEndian

func crc32c(b []byte) uint32 {
	c := ^uint32(0)
	for _, x := range b {
		c ^= uint32(x)
		for range 8 {
			c = c>>1 ^ 0x82F63B78&-(c&1)
		}
	}
	return ^c
}

func TestChecksumVectors(t *testing.T) {
	for _, row := range rows(t, "crc-vectors") {
		var b []byte
		text := row["bytes"]
		switch {
		case text == "none":
		case strings.HasPrefix(text, "`000102"):
			for i := range 32 {
				b = append(b, byte(i))
			}
		case strings.HasPrefix(text, "`1f1e"):
			for i := range 32 {
				b = append(b, byte(31-i))
			}
		default:
			digits, rest, _ := strings.Cut(strings.TrimPrefix(text, "`"), "`")
			one, err := hex.DecodeString(digits)
			if err != nil {
				t.Fatal(err)
			}
			n := 1
			if f := strings.Fields(rest); len(f) == 2 && f[1] == "times" {
				if n, err = strconv.Atoi(f[0]); err != nil {
					t.Fatal(err)
				}
			}
			b = bytes.Repeat(one, n)
		}
		if got := fmt.Sprintf("%08x", crc32c(b)); got != row["crc"] {
			t.Errorf("%s: %s, want %s", text, got, row["crc"])
		}
	}
}

type dtype struct {
	class, variant uint16
	bits, e, b     uint32
}

func (d dtype) descriptor() []byte {
	out := []byte{byte(d.class), 0}
	out = le.AppendUint16(out, d.variant)
	return le.AppendUint32(le.AppendUint32(le.AppendUint32(out, d.bits), d.e), d.b)
}

func (d dtype) word() int {
	switch {
	case d.class == 5 && d.e == 1:
		return int(d.b / 2)
	case d.class == 6 && d.variant == 2:
		return 4
	case d.class == 6:
		return 1
	}
	return int(d.b)
}

func dtypeByName(t *testing.T, name string) dtype {
	t.Helper()
	for _, row := range rows(t, "dtypes") {
		if row["name"] == name {
			return dtype{uint16(number(t, row, "class")), uint16(number(t, row, "variant")), uint32(number(t, row, "bits")), uint32(number(t, row, "e")), uint32(number(t, row, "b"))}
		}
	}
	for _, row := range rows(t, "blocks") {
		if row["name"] == name {
			return dtype{7, uint16(number(t, row, "variant")), 0, uint32(number(t, row, "e")), uint32(number(t, row, "b"))}
		}
	}
	for variant, prefix := range []string{"V", "S", "<U"} {
		if digits, ok := strings.CutPrefix(name, prefix); ok {
			n, err := strconv.Atoi(digits)
			if err != nil {
				t.Fatal(err)
			}
			if variant == 2 {
				n *= 4
			}
			return dtype{6, uint16(variant), uint32(8 * n), 1, uint32(n)}
		}
	}
	t.Fatalf("no dtype %q", name)
	return dtype{}
}

func TestDTypeVectors(t *testing.T) {
	for _, row := range rows(t, "dtype-vectors") {
		if got := hex.EncodeToString(dtypeByName(t, row["dtype"]).descriptor()); got != row["descriptor"] {
			t.Errorf("%s: %s, want %s", row["dtype"], got, row["descriptor"])
		}
	}
}

// words are the words of a buffer and the bytes behind them.
type words struct {
	w    int
	x    []uint64
	tail []byte
}

func split8(b []byte, w int) words {
	n := len(b) / w
	s := words{w: w, tail: b[n*w:]}
	for i := range n {
		var p [8]byte
		copy(p[:], b[i*w:i*w+w])
		s.x = append(s.x, le.Uint64(p[:]))
	}
	return s
}

func (s words) bytes() []byte {
	var out []byte
	for _, x := range s.x {
		out = append(out, le.AppendUint64(nil, x)[:s.w]...)
	}
	return append(out, s.tail...)
}

func mask(w int) uint64 { return ^uint64(0) >> (64 - 8*w) }

func unzigzag(x uint64, w int) uint64 { return (x>>1 ^ -(x & 1)) & mask(w) }

type stageArgs struct {
	word, distance int
	zigzag         bool
	kind           string
	axes           []int
}

func parseStage(t *testing.T, text string, d dtype, box []int) (name string, a stageArgs) {
	t.Helper()
	parts := strings.Split(text, ":")
	a = stageArgs{word: d.word(), distance: 1, kind: "lorenzo", axes: []int{len(box) - 1}}
	for _, arg := range parts[1:] {
		n, err := strconv.Atoi(strings.TrimLeft(arg, "d"))
		switch {
		case err == nil && arg[0] == 'd':
			a.distance = n
		case err == nil:
			a.word = n
		case arg == "z":
			a.zigzag = true
		case arg == "lorenzo" || arg == "paeth":
			a.kind = arg
		case arg[0] == 'a':
			a.axes = nil
			for _, s := range strings.Split(arg[1:], ",") {
				k, err := strconv.Atoi(s)
				if err != nil {
					t.Fatal(err)
				}
				a.axes = append(a.axes, k)
			}
		default:
			t.Fatalf("stage %q", text)
		}
	}
	return parts[0], a
}

// decodeStage undoes one stage.
func decodeStage(t *testing.T, text string, b []byte, d dtype, box []int) (out []byte) {
	t.Helper()
	name, a := parseStage(t, text, d, box)
	w := a.word
	switch name {
	case "shuffle":
		n := len(b) / w
		out = slices.Clone(b)
		for i := range n {
			for k := range w {
				out[i*w+k] = b[k*n+i]
			}
		}
		return out
	case "bitshuffle":
		m := len(b) / w / 8 * 8
		out = slices.Clone(b)
		clear(out[:m*w])
		for i := range m {
			for j := range 8 * w {
				bit := b[j*(m/8)+i/8] >> (i % 8) & 1
				out[i*w+j/8] |= bit << (j % 8)
			}
		}
		return out
	case "delta", "xordelta":
		s := split8(b, w)
		for i := range s.x {
			if a.zigzag {
				s.x[i] = unzigzag(s.x[i], w)
			}
			if i >= a.distance && name == "delta" {
				s.x[i] = (s.x[i] + s.x[i-a.distance]) & mask(w)
			} else if i >= a.distance {
				s.x[i] ^= s.x[i-a.distance]
			}
		}
		return s.bytes()
	case "predict":
		return unpredict(b, d, box, a)
	}
	want := int(le.Uint32(b))
	b = b[4:]
	var err error
	switch name {
	case "bitpack":
		out = unbitpack(t, b, w, want)
	case "planes":
		out = unplanes(t, b, w, want)
	case "lz4":
		out = unlz4(b)
	case "zstd":
		out = unzstd(t, b)
	case "s2":
		out, err = s2.Decode(nil, b)
	case "deflate":
		out, err = io.ReadAll(flate.NewReader(bytes.NewReader(b)))
	default:
		t.Fatalf("stage %q", text)
	}
	if err != nil || len(out) != want {
		t.Fatalf("%s: %d bytes, want %d; %v", text, len(out), want, err)
	}
	return out
}

func unpredict(b []byte, d dtype, box []int, a stageArgs) []byte {
	w := d.word()
	s := split8(b, w)
	if d.class == 5 {
		box = append(slices.Clone(box), 2)
	}
	steps := make([]int, len(box))
	n := 1
	for k := len(box) - 1; k >= 0; k-- {
		steps[k] = n
		n *= box[k]
	}
	float := (d.class == 4 || d.class == 5) && d.variant != 6
	value := func(x uint64) int64 { // of a word in its order
		if float || d.class == 2 {
			return int64(x<<(64-8*w)) >> (64 - 8*w)
		}
		return int64(x)
	}
	// before returns word i-1 along an axis, or 0 outside the box.
	at := func(i, k int) (int, bool) { return i - steps[k], i/steps[k]%box[k] > 0 }
	for i := range s.x {
		s.x[i] = unzigzag(s.x[i], w)
	}
	if a.kind == "lorenzo" {
		for _, k := range a.axes {
			for i := range s.x {
				if j, ok := at(i, k); ok {
					s.x[i] = (s.x[i] + s.x[j]) & mask(w)
				}
			}
		}
	} else {
		for i := range s.x {
			var l, u, lu int64
			up, hasUp := at(i, a.axes[0])
			left, hasLeft := at(i, a.axes[1])
			if hasLeft {
				l = value(s.x[left])
			}
			if hasUp {
				u = value(s.x[up])
			}
			if hasLeft && hasUp {
				lu = value(s.x[up-steps[a.axes[1]]])
			}
			p := l + u - lu
			best := l
			for _, c := range []int64{u, lu} {
				if max(p-c, c-p) < max(p-best, best-p) {
					best = c
				}
			}
			s.x[i] = (s.x[i] + uint64(best)) & mask(w)
		}
	}
	if float {
		top := uint64(1) << (8*w - 1)
		for i, x := range s.x {
			if x&top != 0 {
				s.x[i] = x ^ (top - 1)
			}
		}
	}
	return s.bytes()
}

func unbitpack(t *testing.T, b []byte, w, want int) []byte {
	t.Helper()
	out := words{w: w}
	word := func() uint64 {
		x := split8(b[:w], w).x[0]
		b = b[w:]
		return x
	}
	for left := want / w; left > 0; left -= 256 {
		n := min(left, 256)
		k, exceptions := int(b[0]), int(b[1])
		b = b[2:]
		ref := word()
		packed := b[:(n*k+7)/8]
		b = b[len(packed):]
		begin := len(out.x)
		for i := range n {
			x := uint64(0)
			for j := range k {
				bit := i*k + j
				x |= uint64(packed[bit/8]>>(bit%8)&1) << j
			}
			out.x = append(out.x, (ref+x)&mask(w))
		}
		places := b[:exceptions]
		b = b[exceptions:]
		for _, p := range places {
			out.x[begin+int(p)] = word()
		}
	}
	out.tail = b
	return out.bytes()
}

func unzstd(t *testing.T, b []byte) []byte {
	t.Helper()
	r, err := zstd.NewReader(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	out, err := r.DecodeAll(b, nil)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func unplanes(t *testing.T, b []byte, w, want int) []byte {
	t.Helper()
	exp, rot := int(b[0]), int(b[1])
	n := want / w
	out := make([]byte, n*w)
	stored := b[4+8*w:]
	for k := range w {
		h := b[4+8*k:]
		size := int(le.Uint32(h[4:]))
		plane := bytes.Repeat(h[1:2], n)
		switch h[0] {
		case 1:
			plane = stored[:size]
		case 2:
			plane = unzstd(t, stored[:size])
		}
		for i := range n {
			out[i*w+k] = plane[i]
		}
		stored = stored[size:]
	}
	if exp != 0 || rot != 0 {
		s := split8(out, w)
		for i, x := range s.x {
			if rot != 0 {
				x = (x<<rot | x>>(8*w-rot)) & mask(w)
			}
			if exp != 0 {
				m := 8*w - 1 - exp
				e := x >> (m + 1)
				x = x&(1<<m-1) | x>>m&1<<(8*w-1) | e<<m
			}
			s.x[i] = x
		}
		out = s.bytes()
	}
	return append(out, stored...)
}

func unlz4(b []byte) []byte {
	var out []byte
	length := func(n int) int {
		for more := n == 15; more; {
			n += int(b[0])
			more = b[0] == 255
			b = b[1:]
		}
		return n
	}
	for len(b) > 0 {
		token := b[0]
		b = b[1:]
		n := length(int(token >> 4))
		out = append(out, b[:n]...)
		if b = b[n:]; len(b) == 0 {
			break
		}
		distance := int(le.Uint16(b))
		b = b[2:]
		for range length(int(token&15)) + 4 {
			out = append(out, out[len(out)-distance])
		}
	}
	return out
}

func TestCodecVectors(t *testing.T) {
	decoded := map[string]bool{}
	for _, row := range rows(t, "codec-vectors") {
		want, err := hex.DecodeString(row["input"])
		if err != nil {
			t.Fatal(err)
		}
		b, err := hex.DecodeString(row["encoded"])
		if err != nil {
			t.Fatal(err)
		}
		var box []int
		for _, s := range strings.FieldsFunc(row["box"], func(r rune) bool { return strings.ContainsRune("[], ", r) }) {
			n, err := strconv.Atoi(s)
			if err != nil {
				t.Fatal(err)
			}
			box = append(box, n)
		}
		d := dtypeByName(t, row["dtype"])
		stages := strings.Split(row["pipeline"], "|")
		for _, stage := range slices.Backward(stages) {
			b = decodeStage(t, stage, b, d, box)
			name, _, _ := strings.Cut(stage, ":")
			decoded[name] = true
		}
		if !bytes.Equal(b, want) {
			t.Errorf("%s of %s: %x, want %x", row["pipeline"], row["dtype"], b, want)
		}
	}
	for _, row := range rows(t, "codecs") {
		if !decoded[row["name"]] {
			t.Errorf("%s has no vector", row["name"])
		}
	}
}

func tensorHash(kind byte, layout uint16, flags uint32, d dtype, shape []uint64, content []byte) [32]byte {
	b := append([]byte("tensorfile/hash1"), kind, byte(len(shape)))
	b = le.AppendUint32(le.AppendUint16(b, layout), flags)
	b = append(b, d.descriptor()...)
	for _, n := range shape {
		b = le.AppendUint64(b, n)
	}
	return sha256.Sum256(append(b, content...))
}

func TestHashVectors(t *testing.T) {
	bin := func(values any) []byte {
		b, err := binary.Append(nil, le, values)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	dense := func(d string, shape []uint64, values any) [32]byte {
		return tensorHash(1, 0, 0, dtypeByName(t, d), shape, bin(values))
	}
	type named struct {
		name string
		hash [32]byte
	}
	file := func(list ...named) [32]byte {
		b := append([]byte("tensorfile/hash1"), 3, 0, 0, 0, 0, 0, 0, 0)
		b = le.AppendUint64(b, uint64(len(list)))
		for _, n := range list {
			b = append(le.AppendUint32(b, uint32(len(n.name))), n.name...)
			b = append(b, n.hash[:]...)
		}
		return sha256.Sum256(b)
	}
	a := dense("f32", nil, []float32{1})
	b := dense("i16", []uint64{2, 3}, []int16{1, 2, 3, 4, 5, 6})
	c := dense("u4", []uint64{2, 3}, []byte{0x21, 0x03, 0x54, 0x06})
	d := dense("f64", []uint64{0, 4}, []byte{})
	parts := le.AppendUint32(nil, 3)
	for _, p := range []named{
		{"indices", dense("i32", []uint64{2}, []int32{2, 0})},
		{"indptr", dense("i64", []uint64{3}, []int64{0, 1, 2})},
		{"values", dense("f32", []uint64{2}, []float32{1, 2})},
	} {
		parts = append(append(parts, byte(len(p.name))), p.name...)
		parts = append(parts, p.hash[:]...)
	}
	e := tensorHash(2, 2, 3, dtypeByName(t, "f32"), []uint64{2, 3}, parts)
	want := [][32]byte{a, b, c, d, e, file(), file(named{"a", a}, named{"b", b}), file(named{"a", a}, named{"b", b}, named{"c", c}, named{"d", d}, named{"é", e})}
	got := rows(t, "hash-vectors")
	if len(got) != len(want) {
		t.Fatalf("%d hash vectors, want %d", len(got), len(want))
	}
	for i, row := range got {
		if h := hex.EncodeToString(want[i][:]); h != row["hash"] {
			t.Errorf("%s: %s, want %s", row["what"], h, row["hash"])
		}
	}
}
