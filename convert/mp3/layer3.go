package mp3

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
)

// decoder decodes the frames of a stream one after another. Frames say how much of
// the sound of earlier ones they use, and their ends ring on in the next.
type decoder struct {
	sound  []byte // of frames, the last bytes of it
	values [2][576]float64
	top    [2]int // behind the last value that is not zero
	scale  [2]factors
	end    [2][32][18]float64 // of the blocks before
	synth  [2]synthesis
	pcm    [2][32][steps]float64
}

// factors are scale factors, by band and of short blocks by window.
type factors struct {
	long    [22]int
	short   [13][3]int
	illegal struct { // positions that mean none of intensity stereo
		long  [22]bool
		short [13][3]bool
	}
	halves bool // of intensity stereo in MPEG-2: steps of half the size
}

// feed adds the sound of a frame that is not decoded.
func (d *decoder) feed(h header, frame []byte) {
	d.sound = append(d.sound, frame[headerSize+h.side():]...)
	if n := len(d.sound) - maxReservoir; n > 0 {
		d.sound = d.sound[:copy(d.sound, d.sound[n:])]
	}
}

// frame decodes a frame and appends its samples of 16 bits to dst, channel beside
// channel.
func (d *decoder) frame(dst []byte, h header, frame []byte) ([]byte, *fault) {
	s, bad := parseSide(h, frame)
	if bad != nil {
		return dst, bad
	}
	if s.begin > len(d.sound) {
		return dst, wrong("main_data_begin", s.begin, fmt.Sprintf("at most the %d bytes of sound before", len(d.sound)))
	}
	all := append(d.sound[len(d.sound)-s.begin:len(d.sound):len(d.sound)], frame[headerSize+h.side():]...)
	r := &bitReader{b: all}
	if n := s.bits(h); n > 8*len(all) {
		return dst, wrong("part2_3_length", n, fmt.Sprintf("at most the %d bits of sound", 8*len(all)))
	}
	for i := range h.granules() {
		for c := range h.channels() {
			g := &s.granules[i][c]
			begin := r.at
			if h.version() == mpeg1 {
				d.scale[c].read(r, g, s.share[c], i)
			} else {
				d.scale[c].readHalf(r, g, c == 1 && h.intensity())
			}
			if bad := d.read(r, h, g, c, begin+g.bits); bad != nil {
				return dst, bad
			}
			r.at = begin + g.bits
			d.requantise(h, g, c)
		}
		if h.joint() {
			d.stereo(h, &s.granules[i])
		}
		for c := range h.channels() {
			g := &s.granules[i][c]
			d.reorder(h, g, c)
			d.antialias(g, c)
			d.hybrid(g, c)
			d.synth[c].granule(&d.pcm[c], &d.values[c])
		}
		dst = d.append(dst, h.channels())
	}
	d.feed(h, frame)
	return dst, nil
}

func (d *decoder) append(dst []byte, channels int) []byte {
	n := len(dst)
	dst = slices.Grow(dst, 2*576*channels)[:n+2*576*channels]
	for c := range channels {
		to := dst[n+2*c:]
		for i := range d.pcm[c] {
			for step, x := range d.pcm[c][i] {
				v := int16(math.RoundToEven(min(max(32768*x, math.MinInt16), math.MaxInt16)))
				binary.LittleEndian.PutUint16(to[2*channels*(32*step+i):], uint16(v))
			}
		}
	}
	return dst
}

// The bits of scale factors in MPEG-1, in the lower and the upper bands.
var lowBits, highBits = [16]int{0, 0, 0, 0, 3, 1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4}, [16]int{0, 1, 2, 3, 0, 1, 2, 3, 1, 2, 3, 1, 2, 3, 2, 3}

// read reads scale factors of MPEG-1.
func (f *factors) read(r *bitReader, g *granule, share, granule int) {
	low, high := lowBits[g.compress], highBits[g.compress]
	if g.short() {
		first := 0
		if g.mixed {
			for b := range 8 {
				f.long[b] = r.uint(low)
			}
			first = 3
		}
		for b := first; b < 12; b++ {
			n := low
			if b >= 6 {
				n = high
			}
			for w := range 3 {
				f.short[b][w] = r.uint(n)
			}
		}
		f.short[12] = [3]int{}
		f.legal(7)
		return
	}
	for part, to := range [4]int{6, 11, 16, 21} {
		from := [4]int{0, 6, 11, 16}[part]
		if granule == 1 && share>>(3-part)&1 == 1 {
			continue // those of the first granule
		}
		n := low
		if part >= 2 {
			n = high
		}
		for b := from; b < to; b++ {
			f.long[b] = r.uint(n)
		}
	}
	f.long[21] = 0
	f.legal(7)
}

// legal notes which positions of intensity stereo mean none.
func (f *factors) legal(most int) {
	for b, v := range f.long {
		f.illegal.long[b] = v == most
	}
	for b, x := range f.short {
		for w, v := range x {
			f.illegal.short[b][w] = v == most
		}
	}
}

// counts are how many scale factors of MPEG-2 have the same bits: of long, short and
// mixed blocks, for each way of coding.
var counts = [6][3][4]int{
	{{6, 5, 5, 5}, {9, 9, 9, 9}, {6, 9, 9, 9}},
	{{6, 5, 7, 3}, {9, 9, 12, 6}, {6, 9, 12, 6}},
	{{11, 10, 0, 0}, {18, 18, 0, 0}, {15, 18, 0, 0}},
	{{7, 7, 7, 0}, {12, 12, 12, 0}, {6, 15, 12, 0}},
	{{6, 6, 6, 3}, {12, 9, 9, 6}, {6, 12, 9, 6}},
	{{8, 8, 5, 0}, {15, 12, 9, 0}, {6, 18, 9, 0}},
}

// readHalf reads scale factors of MPEG-2 and 2.5; those of the right channel are
// positions in intensity stereo.
func (f *factors) readHalf(r *bitReader, g *granule, positions bool) {
	var bits [4]int
	way, x := 0, g.compress
	switch {
	case positions && x>>1 < 180:
		way, x = 3, x>>1
		bits = [4]int{x / 36, x % 36 / 6, x % 6}
	case positions && x>>1 < 244:
		way, x = 4, x>>1-180
		bits = [4]int{x >> 4, x >> 2 & 3, x & 3}
	case positions:
		way, x = 5, x>>1-244
		bits = [4]int{x / 3, x % 3}
	case x < 400:
		bits = [4]int{x >> 4 / 5, x >> 4 % 5, x >> 2 & 3, x & 3}
	case x < 500:
		way, x = 1, x-400
		bits = [4]int{x >> 2 / 5, x >> 2 % 5, x & 3}
	default:
		way, x = 2, x-500
		bits = [4]int{x / 3, x % 3}
		g.preflag = 1
	}
	f.halves = positions && g.compress&1 == 1
	kind := 0
	if g.short() {
		kind = 1
	}
	if g.mixed {
		kind = 2
	}
	*f = factors{halves: f.halves}
	at := 0
	for part, n := range counts[way][kind] {
		for range n {
			v := r.uint(bits[part])
			// The largest position means none (13818-3, section 2.4.3.2). Of no bits
			// it is 0, the middle, as other decoders have it.
			none := positions && bits[part] > 0 && v == 1<<bits[part]-1
			switch i := at; {
			case kind == 0 || kind == 2 && i < 6:
				f.long[i], f.illegal.long[i] = v, none
			default:
				if kind == 2 {
					i += 3*3 - 6
				}
				f.short[i/3][i%3], f.illegal.short[i/3][i%3] = v, none
			}
			at++
		}
	}
}

// read reads the values of one channel of a granule, which end at bit end.
func (d *decoder) read(r *bitReader, h header, g *granule, c, end int) *fault {
	x := &d.values[c]
	if g.bits == 0 {
		clear(x[:])
		d.top[c] = 0
		return nil
	}
	bands := &longBands[h.bands()]
	var borders [3]int
	switch {
	case g.block == 0:
		borders = [3]int{bands[g.regions[0]+1], bands[min(g.regions[0]+g.regions[1]+2, 22)], 576}
	case g.short() && h.bands() == 8:
		borders = [3]int{72, 576, 576}
	case g.short():
		borders = [3]int{36, 576, 576}
	default:
		borders = [3]int{bands[8], 576, 576}
	}
	i, tables := 0, tables()
	for region, border := range borders {
		border = min(border, g.pairs)
		t := tables[g.tables[region]]
		if t == nil {
			for ; i < border; i++ {
				x[i] = 0
			}
			continue
		}
		for ; i < border; i += 2 {
			if r.at > end {
				return wrong("Huffman codes", "more bits", fmt.Sprint(g.bits))
			}
			v := t.next(r)
			x[i], x[i+1] = t.value(r, v>>4), t.value(r, v&15)
		}
	}
	for t := tables[g.quads]; i < 576 && r.at < end; i += 4 {
		v := t.next(r)
		for k := range min(4, 576-i) {
			x[i+k] = 0
			if v>>(3-k)&1 == 1 {
				x[i+k] = 1 - 2*float64(r.uint(1))
			}
		}
		if r.at > end { // those are no quad
			break
		}
	}
	clear(x[min(i, 576):])
	for i = min(i, 576); i > 0 && x[i-1] == 0; i-- {
	}
	d.top[c] = i
	return nil
}

// value is a value with what is added to it and its sign.
func (t *huffman) value(r *bitReader, v int) float64 {
	if v == 0 {
		return 0
	}
	if v == 15 && t.bits > 0 {
		v += r.uint(t.bits)
	}
	// No branch, for signs are like coins.
	return math.Float64frombits(math.Float64bits(t.powers[v]) | uint64(r.uint(1))<<63)
}

// emphasis is what preflag adds to scale factors.
var emphasis = [22]int{11: 1, 1, 1, 1, 2, 2, 3, 3, 3, 2}

// quarter is 2 to the power of n/4.
func quarter(n int) float64 {
	return math.Ldexp([4]float64{1, 1.189207115002721, math.Sqrt2, 1.681792830507429}[n&3], n>>2)
}

// requantise gives values their size.
func (d *decoder) requantise(h header, g *granule, c int) {
	x, f := &d.values[c], &d.scale[c]
	step := 2 << g.coarse // quarters of powers of two
	base := g.gain - 210
	i := 0
	if !g.short() || g.mixed {
		last := 22
		if g.mixed {
			last = h.mixedBands()
		}
		bands := &longBands[h.bands()]
		for b := 0; b < last && i < d.top[c]; b++ {
			m := quarter(base - step*(f.long[b]+g.preflag*emphasis[b]))
			for ; i < bands[b+1]; i++ {
				x[i] *= m
			}
		}
		if !g.short() {
			return
		}
	}
	bands := &shortBands[h.bands()]
	for b := 0; b < 13 && i < d.top[c]; b++ {
		if 3*bands[b] < i {
			continue
		}
		n := bands[b+1] - bands[b]
		for w := range 3 {
			m := quarter(base - 8*g.subgain[w] - step*f.short[b][w])
			for range n {
				x[i] *= m
				i++
			}
		}
	}
}

// ratios are those of intensity stereo in MPEG-1: what the left channel gets.
var ratios = func() (t [7]float64) {
	for i := range t {
		a := math.Tan(float64(i) * math.Pi / 12)
		t[i] = a / (1 + a)
	}
	t[6] = 1
	return t
}()

// stereo makes left and right of what joint stereo has: sum and difference, and
// above what the right channel has, one sound and where it stands.
func (d *decoder) stereo(h header, g *[2]granule) {
	left, right := &d.values[0], &d.values[1]
	middle := func(from, to int) {
		if !h.middle() {
			return
		}
		for i := from; i < to; i++ {
			a, b := left[i], right[i]
			left[i], right[i] = (a+b)*(math.Sqrt2/2), (a-b)*(math.Sqrt2/2)
		}
	}
	if !h.intensity() {
		middle(0, max(d.top[0], d.top[1]))
		d.top[0] = max(d.top[0], d.top[1])
		d.top[1] = d.top[0]
		return
	}
	f := &d.scale[1]
	place := func(from, to, position int, none bool) {
		if none {
			middle(from, to)
			return
		}
		l, r := 1.0, 1.0
		if h.version() == mpeg1 {
			l = ratios[min(position, 6)]
			r = 1 - l
		} else {
			root := math.Sqrt(math.Sqrt(0.5))
			if f.halves {
				root = math.Sqrt(0.5)
			}
			if position&1 == 1 {
				l = math.Pow(root, float64(position+1)/2)
			} else {
				r = math.Pow(root, float64(position)/2)
			}
		}
		for i := from; i < to; i++ {
			left[i], right[i] = l*left[i], r*left[i]
		}
	}
	silent := func(from, to int) bool {
		for _, v := range right[from:to] {
			if v != 0 {
				return false
			}
		}
		return true
	}
	long := &longBands[h.bands()]
	last, firstShort := 22, 13
	if g[1].short() {
		last, firstShort = 0, 0
		if g[1].mixed {
			last = h.mixedBands()
			for 3*shortBands[h.bands()][firstShort] < long[last] {
				firstShort++
			}
		}
	}
	short := &shortBands[h.bands()]
	low := true // whether the long bands of a mixed block may be of that kind
	for w := range 3 {
		top := 13
		for ; top > firstShort; top-- {
			from := 3*short[top-1] + w*(short[top]-short[top-1])
			if !silent(from, from+short[top]-short[top-1]) {
				low = false
				break
			}
		}
		for b := firstShort; b < 13; b++ {
			n := short[b+1] - short[b]
			from := 3*short[b] + w*n
			if b < top {
				middle(from, from+n)
				continue
			}
			k := min(b, 11) // the last band has no position of its own
			place(from, from+n, f.short[k][w], f.illegal.short[k][w])
		}
	}
	top := last
	for ; low && top > 0 && silent(long[top-1], long[top]); top-- {
	}
	middle(0, long[top])
	for b := top; b < last; b++ {
		k := min(b, 20)
		place(long[b], long[b+1], f.long[k], f.illegal.long[k])
	}
	d.top = [2]int{576, 576}
}

// reorder brings the values of short blocks, which lie window by window in each
// band, next to those of the same frequency.
func (d *decoder) reorder(h header, g *granule, c int) {
	if !g.short() {
		return
	}
	bands := &shortBands[h.bands()]
	first := 0
	if g.mixed {
		for 3*bands[first] < longBands[h.bands()][h.mixedBands()] {
			first++
		}
	}
	var y [576]float64
	x := &d.values[c]
	for b := first; b < 13; b++ {
		from, n := 3*bands[b], bands[b+1]-bands[b]
		for w := range 3 {
			for i := range n {
				y[from+3*i+w] = x[from+w*n+i]
			}
		}
	}
	copy(x[3*bands[first]:], y[3*bands[first]:])
	d.top[c] = 576
}
