package codec

import (
	"math/bits"
	"slices"

	"github.com/klauspost/compress/fse"
)

// Huffman coding of literals as Zstandard has it (RFC 8878, 4.2).

const (
	huffLog = 11 // most bits of a code
	// minLiterals is the least number of bytes that are coded by a table of
	// their own.
	minLiterals = 512
)

// A huffEncoder holds the table for one plane.
type huffEncoder struct {
	count [256]uint32
	lens  [256]uint8
	codes [256]uint64 // the code in the top bits, its length in the low byte
	tree  []byte      // the description of the table
	part  [8][256]uint32
	order [256]uint32
	node  [512]uint32
	up    [512]uint16
	fse   fse.Scratch
	wts   [256]byte
	two   huffPair
}

// histogram counts the bytes of src. Each place of eight has its own counters,
// as a counter that was just written is slow to read.
func (e *huffEncoder) histogram(src []byte) {
	e.part = [8][256]uint32{}
	p := &e.part
	run := uint32(0)
	same := uint64(0)
	if len(src) > 0 {
		same = repeated(uint64(src[len(src)/2]), 1)
	}
	for len(src) >= 16 {
		v, u := le.Uint64(src), le.Uint64(src[8:])
		src = src[16:]
		if v == same && u == same {
			run += 2
			continue
		}
		p[0][byte(v)]++
		p[1][byte(v>>8)]++
		p[2][byte(v>>16)]++
		p[3][byte(v>>24)]++
		p[4][byte(v>>32)]++
		p[5][byte(v>>40)]++
		p[6][byte(v>>48)]++
		p[7][byte(v>>56)]++
		p[0][byte(u)]++
		p[1][byte(u>>8)]++
		p[2][byte(u>>16)]++
		p[3][byte(u>>24)]++
		p[4][byte(u>>32)]++
		p[5][byte(u>>40)]++
		p[6][byte(u>>48)]++
		p[7][byte(u>>56)]++
	}
	for _, v := range src {
		p[0][v]++
	}
	p[0][byte(same)] += 8 * run
	for i := range e.count {
		e.count[i] = p[0][i] + p[1][i] + p[2][i] + p[3][i] + p[4][i] + p[5][i] + p[6][i] + p[7][i]
	}
}

// build makes the codes for the counts and returns the number of bits that they
// take, without tree. It reports false if there are fewer than two symbols or
// the table cannot be described.
func (e *huffEncoder) build() (total uint64, ok bool) {
	symbols := e.order[:0]
	for i, n := range e.count {
		e.lens[i] = 0
		if n > 0 {
			symbols = append(symbols, uint32(i))
		}
	}
	if len(symbols) < 2 {
		return 0, false
	}
	slices.SortFunc(symbols, func(x, y uint32) int {
		if e.count[x] != e.count[y] {
			return int(int64(e.count[x]) - int64(e.count[y]))
		}
		return int(x) - int(y)
	})
	e.lengths(symbols)
	if !e.limit(symbols) {
		return 0, false
	}
	for _, s := range symbols {
		total += uint64(e.count[s]) * uint64(e.lens[s])
	}
	return total, e.assign()
}

// lengths gives each symbol the depth of its leaf: two queues, both ascending.
func (e *huffEncoder) lengths(symbols []uint32) {
	n := len(symbols)
	weight, up := e.node[:2*n-1], e.up[:2*n-1]
	for i, s := range symbols {
		weight[i] = e.count[s]
	}
	leaf, inner := 0, n
	for next := n; next < 2*n-1; next++ {
		sum := uint32(0)
		for range 2 {
			at := inner
			if leaf < n && (inner >= next || weight[leaf] <= weight[inner]) {
				at = leaf
				leaf++
			} else {
				inner++
			}
			sum += weight[at]
			up[at] = uint16(next)
		}
		weight[next] = sum
	}
	weight[2*n-2] = 0 // depths from here on
	for i := 2*n - 3; i >= 0; i-- {
		weight[i] = weight[up[i]] + 1
	}
	for i, s := range symbols {
		e.lens[s] = uint8(min(weight[i], huffLog+1))
	}
}

// limit brings codes down to huffLog bits and the sum of their shares to
// exactly one.
func (e *huffEncoder) limit(symbols []uint32) bool {
	const whole = 1 << huffLog
	sum := 0
	for _, s := range symbols {
		e.lens[s] = min(e.lens[s], huffLog)
		sum += whole >> e.lens[s]
	}
	// The rarest of the longest that can still grow pays.
	for sum > whole {
		long := -1
		for i, s := range symbols {
			if e.lens[s] < huffLog && (long < 0 || e.lens[s] > e.lens[symbols[long]]) {
				long = i
			}
		}
		if long < 0 {
			return false
		}
		s := symbols[long]
		e.lens[s]++
		sum -= whole >> e.lens[s]
	}
	for i := len(symbols) - 1; sum < whole && i >= 0; i-- {
		for s := symbols[i]; e.lens[s] > 1 && sum+whole>>e.lens[s] <= whole; {
			sum += whole >> e.lens[s]
			e.lens[s]--
		}
	}
	return sum == whole
}

// assign numbers the codes and writes the tree.
func (e *huffEncoder) assign() bool {
	longest, last := uint8(0), 0
	var number [huffLog + 2]uint32
	for i, n := range e.lens {
		if n > 0 {
			number[n]++
			last = i
			longest = max(longest, n)
		}
	}
	var next [huffLog + 2]uint32
	code := uint32(0)
	for n := longest; n > 0; n-- {
		next[n] = code
		code = (code + number[n]) >> 1
	}
	for i, n := range e.lens {
		e.codes[i] = 0
		e.wts[i] = 0
		if n > 0 {
			e.codes[i] = uint64(next[n])<<(64-n) | uint64(n)
			next[n]++
			e.wts[i] = longest + 1 - n
		}
	}
	// The weight of the last symbol follows from the others.
	e.tree = e.tree[:0]
	weights := e.wts[:last]
	e.fse.TableLog = 6
	if len(weights) > 1 {
		if packed, err := fse.Compress(weights, &e.fse); err == nil && len(packed) < 128 && len(packed) < (last+1)/2 {
			e.tree = append(append(e.tree, byte(len(packed))), packed...)
			return true
		}
	}
	if last > 128 {
		return false
	}
	e.tree = append(e.tree, byte(127+last))
	for i := 0; i < last; i += 2 {
		w := e.wts[i] << 4
		if i+1 < last {
			w |= e.wts[i+1]
		}
		e.tree = append(e.tree, w)
	}
	return true
}

// huffPair is where two streams stand that are coded together. Offsets are in
// the source and the result.
type huffPair struct {
	src  [2]int // what stands before here is still to do
	dst  [2]int
	acc  [2]uint64 // the newest bits are the top ones
	have [2]uint64 // bits of acc that are not written yet
}

// four appends the four streams of src behind their sizes. There are at least
// minLiterals bytes.
func (e *huffEncoder) four(dst, src []byte) []byte {
	at := len(dst)
	step := (len(src) + 3) / 4
	// Two streams are made at a time, each with room for the longest codes.
	most := step*huffLog/8 + 16
	dst = slices.Grow(dst, 6+4*most)
	end := at + 6
	dst = dst[:end+4*most]
	for i := 0; i < 4; i += 2 {
		begin := [2]int{i * step, (i + 1) * step}
		from := [2]int{end, end + most}
		st := &e.two
		*st = huffPair{src: [2]int{(i + 1) * step, min((i+2)*step, len(src))}, dst: from}
		e.pair(dst, src, (st.src[1]-begin[1])/4)
		for k := range 2 {
			n := st.dst[k] - from[k]
			n += e.stream(dst[st.dst[k]:], src[begin[k]:st.src[k]], st.acc[k], st.have[k])
			if i+k < 3 {
				le.PutUint16(dst[at+2*(i+k):], uint16(n))
			}
			end += copy(dst[end:], dst[from[k]:from[k]+n])
		}
	}
	return dst[:end]
}

// stream codes src from its end to its beginning and returns how many bytes
// that took. dst has room for all of them and 8 more. acc and have are as in
// huffPair.
func (e *huffEncoder) stream(dst, src []byte, acc, have uint64) int {
	codes := &e.codes
	at := 0
	i := len(src)
	for ; i >= 4; i -= 4 {
		p := src[i-4 : i : i]
		c := codes[p[3]]
		acc = acc>>(c&63) | c
		n := c
		c = codes[p[2]]
		acc = acc>>(c&63) | c
		n += c
		c = codes[p[1]]
		acc = acc>>(c&63) | c
		n += c
		c = codes[p[0]]
		acc = acc>>(c&63) | c
		n += c
		have += n & 0xff
		le.PutUint64(dst[at:], acc>>((64-have)&63))
		at += int(have >> 3)
		have &= 7
	}
	for i--; i >= 0; i-- {
		c := codes[src[i]]
		acc = acc>>(c&63) | c
		have += c & 0xff
	}
	// A bit above the last tells the decoder where to begin.
	acc = acc>>1 | 1<<63
	have++
	le.PutUint64(dst[at:], acc>>((64-have)&63))
	return at + int(have+7)>>3
}

// A huffDecoder holds the table of one frame.
type huffDecoder struct {
	ready bool
	// single has for the next huffLog bits one symbol, in the high byte, and the
	// bits of its code, in the low one.
	single [1 << huffLog]uint16
	// multi has at 1<<huffLog | bits as many symbols as these bits hold, up to
	// six: bits used, the symbols, their number, a byte each but the symbols. At
	// 1<<r | bits stands the same for r bits, of which the longer are made.
	multi  [2 << huffLog]uint64
	fse    fse.Scratch
	wts    [256]byte
	states huffState
}

// readTable reads the description of a table and returns its length, -1 if it
// is not sound.
func (d *huffDecoder) readTable(b []byte) int {
	d.ready = false
	if len(b) == 0 {
		return -1
	}
	var weights []byte
	used := 1 + int(b[0])
	if b[0] < 128 {
		if used > len(b) || b[0] == 0 {
			return -1
		}
		d.fse.DecompressLimit = 255
		out, err := fse.Decompress(b[1:used], &d.fse)
		if err != nil || len(out) > 255 {
			return -1
		}
		weights = d.wts[:copy(d.wts[:], out)]
	} else {
		n := int(b[0]) - 127
		used = 1 + (n+1)/2
		if used > len(b) {
			return -1
		}
		weights = d.wts[:n]
		for i := range weights {
			weights[i] = b[1+i/2] >> (4 * (1 - i%2)) & 15
		}
	}
	sum := uint32(0)
	for _, w := range weights {
		if w > huffLog {
			return -1
		}
		sum += 1 << w >> 1
	}
	if sum == 0 {
		return -1
	}
	log := bits.Len32(sum)
	rest := uint32(1)<<log - sum
	if log > huffLog || rest&(rest-1) != 0 {
		return -1
	}
	n := len(weights)
	weights = append(weights, byte(bits.Len32(rest)))
	var begin [huffLog + 2]uint32
	for _, w := range weights {
		begin[w]++
	}
	if begin[1] < 2 || begin[1]%2 != 0 {
		return -1
	}
	at := uint32(0)
	for w := 1; w <= huffLog; w++ {
		number := begin[w]
		begin[w] = at
		at += number << (w - 1)
	}
	_ = n
	scale := huffLog - log
	for s, w := range weights {
		if w == 0 {
			continue
		}
		entry := uint16(s)<<8 | uint16(log+1-int(w))
		lo := begin[w] << scale
		hi := lo + 1<<(w-1)<<scale
		begin[w] += 1 << (w - 1)
		run := d.single[lo:hi]
		for i := range run {
			run[i] = entry
		}
	}
	d.combine()
	d.ready = true
	return used
}

// combine makes multi of single.
func (d *huffDecoder) combine() {
	d.multi[1] = 0
	for r := 1; r <= huffLog; r++ {
		table := d.multi[1<<r : 2<<r]
		for i := range table {
			e := d.single[i<<(huffLog-r)]
			n := int(e & 0xff)
			if n > r {
				table[i] = 0
				continue
			}
			rest := d.multi[1<<(r-n)|i&(1<<(r-n)-1)]
			if rest>>56 >= 6 {
				rest = d.greedy(uint32(i)<<(huffLog-r+n)&(1<<huffLog-1), r-n)
			}
			table[i] = rest&0xff + uint64(n) | uint64(e>>8)<<8 | rest>>8<<16&(1<<56-1) | (rest>>56+1)<<56
		}
	}
}

// greedy gives up to five symbols for r bits, which are the top ones of a
// number of huffLog bits.
func (d *huffDecoder) greedy(v uint32, r int) uint64 {
	e := uint64(0)
	for k := range 5 {
		s := d.single[v&(1<<huffLog-1)]
		n := int(s & 0xff)
		if n > r {
			break
		}
		e += uint64(n)
		e |= uint64(s>>8) << (8 + 8*k)
		e += 1 << 56
		v <<= n
		r -= n
	}
	return e
}

// huffState is where four streams stand. Offsets are in in and out.
type huffState struct {
	bits [4]uint64 // what comes next in the top bits, a one behind the last
	at   [4]int    // bits were read from here
	out  [4]int
}

// Each turn of the loop decodes huffTurn times from bits, which takes at most
// huffTurn*huffLog bits and gives at most 6 symbols a time; the last store goes
// 8 bytes from where it begins.
const (
	huffTurn  = 5
	turnBytes = 7
	turnOut   = huffTurn * 6
)

// four decodes four streams behind their sizes.
func (d *huffDecoder) four(dst, b []byte) bool {
	if len(b) < 10 || len(dst) < 4 {
		return false
	}
	step := (len(dst) + 3) / 4
	if 3*step > len(dst) {
		return false
	}
	var begin, end, stop [4]int
	at := 6
	for i := range 4 {
		begin[i] = at
		end[i] = len(b)
		if i < 3 {
			end[i] = at + int(le.Uint16(b[2*i:]))
		}
		at = end[i]
		if at > len(b) || end[i] <= begin[i] || b[end[i]-1] == 0 {
			return false
		}
		stop[i] = min((i+1)*step, len(dst))
	}
	st := &d.states
	fast := true
	for i := range 4 {
		st.out[i] = i * step
		if end[i]-begin[i] < 8 {
			fast = false
			continue
		}
		st.at[i] = end[i] - 8
		pad := uint(bits.LeadingZeros8(b[end[i]-1])) + 1
		st.bits[i] = (le.Uint64(b[st.at[i]:]) | 1) << pad
	}
	if fast {
		for {
			turns := 1 << 20
			for i := range 4 {
				turns = min(turns, (st.at[i]-begin[i])/turnBytes, (stop[i]-st.out[i]-8)/turnOut)
			}
			if turns < 1 {
				break
			}
			d.turns(dst, b, turns)
		}
	}
	for i := range 4 {
		pos := 8 * (end[i] - begin[i])
		if fast {
			// The streams that were behind when the first came to its end.
			d.turnsOne(dst, b, i, begin[i], stop[i])
			pos = 8*(st.at[i]-begin[i]) + 64 - bits.TrailingZeros64(st.bits[i])
		} else {
			pos -= bits.LeadingZeros8(b[end[i]-1]) + 1
		}
		if !d.rest(dst[st.out[i]:stop[i]], b[begin[i]:end[i]], pos) {
			return false
		}
	}
	return true
}

// turnsOne decodes from one stream as long as there is room for a turn.
func (d *huffDecoder) turnsOne(dst, b []byte, i, begin, stop int) {
	table := (*[1 << huffLog]uint64)(d.multi[1<<huffLog:])
	v, at, o := d.states.bits[i], d.states.at[i], d.states.out[i]
	for at-begin >= turnBytes && stop-o-8 >= turnOut {
		used := bits.TrailingZeros64(v)
		at -= used >> 3
		v = (le.Uint64(b[at:]) | 1) << (used & 7)
		for range huffTurn {
			e := table[v>>(64-huffLog)]
			le.PutUint64(dst[o:], e>>8)
			v <<= e & 63
			o += int(e >> 56)
		}
	}
	d.states.bits[i], d.states.at[i], d.states.out[i] = v, at, o
}

// one decodes one stream.
func (d *huffDecoder) one(dst, b []byte) bool {
	if len(b) == 0 || b[len(b)-1] == 0 {
		return false
	}
	return d.rest(dst, b, 8*len(b)-bits.LeadingZeros8(b[len(b)-1])-1)
}

// rest decodes what fills dst from the pos lowest bits of b, which must be used
// up by it.
func (d *huffDecoder) rest(dst, b []byte, pos int) bool {
	for i := range dst {
		var v uint64
		low := pos - huffLog
		switch {
		case low >= 0 && low/8+8 <= len(b):
			v = le.Uint64(b[low/8:]) >> (low % 8)
		case low >= 0:
			var p [8]byte
			copy(p[:], b[low/8:])
			v = le.Uint64(p[:]) >> (low % 8)
		default:
			var p [8]byte
			copy(p[:], b)
			v = le.Uint64(p[:]) & (1<<max(pos, 0) - 1) << -low
		}
		e := d.single[v&(1<<huffLog-1)]
		n := int(e & 0xff)
		if n > pos {
			return false
		}
		pos -= n
		dst[i] = byte(e >> 8)
	}
	return pos == 0
}

// turnsGo decodes from all four streams, a number of times for which there is
// room.
func (d *huffDecoder) turnsGo(dst, b []byte, turns int) {
	st := &d.states
	table := (*[1 << huffLog]uint64)(d.multi[1<<huffLog:])
	for range turns {
		for i := range 4 {
			v := st.bits[i]
			used := bits.TrailingZeros64(v)
			at := st.at[i] - used>>3
			st.at[i] = at
			v = (le.Uint64(b[at:]) | 1) << (used & 7)
			o := st.out[i]
			for range huffTurn {
				e := table[v>>(64-huffLog)]
				le.PutUint64(dst[o:], e>>8)
				v <<= e & 63
				o += int(e >> 56)
			}
			st.bits[i] = v
			st.out[i] = o
		}
	}
}
