package flac

import (
	"math"
	"math/bits"
)

// encoder encodes frames. It belongs to one goroutine.
type encoder struct {
	info   *info
	x      [][]int64 // the channels
	mid    []int64
	side   []int64
	window []float64
	y      []float64 // a channel in the window
	looks  [4]look
	plans  [2]plan
	w      bitWriter
}

// look is what a channel looks like before it is planned.
type look struct {
	x        []int64 // without the bits that are wasted
	depth    uint
	wasted   uint
	same     bool // it is one value
	order    int  // of the linear prediction that promises most; 0: none
	coefs    [maxOrder]float64
	expected float64 // bits
}

// plan is how a channel is stored.
type plan struct {
	kind        byte // as in a subframe header
	order       int
	precision   int
	shift       int
	coefficient []int64
	left        []int64 // by the prediction
	rice        rice
	cost        uint64 // about how many bits
}

// The kinds of subframes.
const (
	constant  = 0
	verbatim  = 1
	fixedKind = 8  // plus the order
	linear    = 31 // plus the order
)

// frame appends the frame of the samples in x to dst. It may change x.
func (e *encoder) frame(dst []byte, number int64) []byte {
	side := len(e.x) - 1
	w := &e.w
	w.b = dst
	begin := len(dst)
	stored := e.looks[:0]
	if len(e.x) == 2 {
		side, stored = e.stereo()
	}
	e.header(w, number, side)
	w.b = append(w.b, crc8(w.b[begin:]))
	for i := range stored {
		e.plan(&stored[i]).write(w, &stored[i])
	}
	if len(stored) == 0 {
		for _, x := range e.x {
			l := e.look(x, e.info.bits)
			e.plan(&l).write(w, &l)
		}
	}
	w.flush()
	return be.AppendUint16(w.b, crc16(w.b[begin:]))
}

// header writes a frame header without its checksum, in whole bytes.
func (e *encoder) header(w *bitWriter, number int64, side int) {
	s, n := e.info, len(e.x[0])
	size, rate, depth := uint64(7), uint64(0), uint64(0)
	for i := range 15 {
		if i >= 2 && i <= 5 && n == 144<<i || i >= 8 && n == 1<<i {
			size = uint64(i)
		}
	}
	if size == 7 && n <= 256 {
		size = 6
	}
	for i, r := range frameRates {
		if r == s.rate {
			rate = uint64(i)
		}
	}
	switch {
	case rate != 0:
	case s.rate%1000 == 0 && s.rate <= 255_000:
		rate = 12
	case s.rate <= math.MaxUint16:
		rate = 13
	case s.rate%10 == 0 && s.rate <= 10*math.MaxUint16:
		rate = 14
	}
	for i, b := range frameBits {
		if b == s.bits {
			depth = uint64(i)
		}
	}
	w.put(0xfff8, 16)
	w.put(size, 4)
	w.put(rate, 4)
	w.put(uint64(side), 4)
	w.put(depth<<1, 4)
	putNumber(w, uint64(number))
	switch size {
	case 6:
		w.put(uint64(n-1), 8)
	case 7:
		w.put(uint64(n-1), 16)
	}
	switch rate {
	case 12:
		w.put(uint64(s.rate/1000), 8)
	case 13:
		w.put(uint64(s.rate), 16)
	case 14:
		w.put(uint64(s.rate/10), 16)
	}
	w.flush()
}

// putNumber writes a number of up to 36 bits as UTF-8 would.
func putNumber(w *bitWriter, x uint64) {
	if x < 0x80 {
		w.put(x, 8)
		return
	}
	more := (bits.Len64(x) - 2) / 5 // bytes behind the first
	w.put((0xff00>>(more+1)&0xff)|x>>(6*more), 8)
	for more > 0 {
		more--
		w.put(0x80|x>>(6*more)&0x3f, 8)
	}
}

// stereo finds out how two channels are best stored: as they are, or with their
// difference for one of them, or with that and their mean.
func (e *encoder) stereo() (side int, stored []look) {
	left, right := e.x[0], e.x[1]
	n := len(left)
	if cap(e.mid) < n {
		e.mid, e.side = make([]int64, n), make([]int64, n)
	}
	mid, diff := e.mid[:n], e.side[:n]
	for i, a := range left {
		b := right[i]
		mid[i], diff[i] = (a+b)>>1, a-b
	}
	depth := e.info.bits
	l, r, m, s := e.look(left, depth), e.look(right, depth), e.look(mid, depth), e.look(diff, depth+1)
	side, a, b := 1, l, r
	for _, other := range []struct {
		side int
		a, b look
	}{{midSide, m, s}, {leftSide, l, s}, {sideRight, s, r}} {
		if other.a.expected+other.b.expected < a.expected+b.expected {
			side, a, b = other.side, other.a, other.b
		}
	}
	e.looks[0], e.looks[1] = a, b
	return side, e.looks[:2]
}

// look looks at a channel, and takes the bits away that are wasted.
func (e *encoder) look(x []int64, depth uint) look {
	l := look{x: x, depth: depth}
	all, same := int64(0), true
	for _, v := range x {
		all |= v
		same = same && v == x[0]
	}
	if same {
		l.same = true
		return l
	}
	if l.wasted = uint(bits.TrailingZeros64(uint64(all))); l.wasted > 0 {
		for i := range x {
			x[i] >>= l.wasted
		}
		l.depth -= l.wasted
	}
	n := len(x)
	l.expected = float64(n) * float64(l.depth)
	if n < 2*maxOrder {
		return l
	}
	if len(e.window) != n {
		e.window, e.y = taper(n), make([]float64, n+maxOrder)
	}
	for i, v := range x {
		e.y[maxOrder+i] = float64(v) * e.window[i]
	}
	c, left, orders := levinson(autocorrelation(e.y))
	precision := precisionOf(n, l.depth)
	for i := range orders {
		order := i + 1
		each := math.Log2(2 + 3.9*math.Sqrt(left[i]/(taperPower*float64(n))))
		if cost := each*float64(n-order) + float64(order*(precision+int(l.depth))); cost < l.expected || l.order == 0 {
			l.order, l.coefs, l.expected = order, c[i], min(cost, l.expected)
		}
	}
	return l
}

// plan finds out how a channel is best stored.
func (e *encoder) plan(l *look) *plan {
	if l.same {
		return &plan{kind: constant}
	}
	best := &plan{kind: verbatim, cost: uint64(len(l.x)) * uint64(l.depth)}
	if p := &e.plans[0]; p.linear(l) && p.cost < best.cost {
		best = p
	}
	if p := &e.plans[1]; p.fixed(l) && p.cost < best.cost {
		best = p
	}
	return best
}

func (p *plan) room(n int) []int64 {
	if cap(p.left) < n {
		p.left = make([]int64, n)
	}
	p.left = p.left[:n]
	return p.left
}

// fixed tries the difference with the smallest numbers.
func (p *plan) fixed(l *look) bool {
	order := 0
	sums := differences(l.x)
	for i, s := range sums {
		if s < sums[order] {
			order = i
		}
	}
	p.kind, p.order = fixedKind+byte(order), order
	difference(p.room(len(l.x)-order), l.x, order)
	return p.finish(len(l.x), uint64(l.depth)*uint64(order))
}

// linear tries the linear prediction that promises most.
func (p *plan) linear(l *look) (ok bool) {
	if l.order == 0 {
		return false
	}
	p.precision = precisionOf(len(l.x), l.depth)
	if p.coefficient, p.shift, ok = quantise(l.coefs[:l.order], p.precision); !ok {
		return false
	}
	p.kind, p.order = linear+byte(l.order), l.order
	leave(p.room(len(l.x)-p.order), l.x, p.coefficient, uint(p.shift))
	return p.finish(len(l.x), uint64(p.order)*uint64(int(l.depth)+p.precision)+9)
}

// finish finds out how what is left is coded, and what it costs beside head bits.
// It reports whether it can be.
func (p *plan) finish(n int, head uint64) bool {
	over := int64(0)
	for i, v := range p.left {
		over |= v ^ v>>63
		p.left[i] = v<<1 ^ v>>63
	}
	if over >= 1<<31-1 {
		return false
	}
	p.rice.choose(p.left, n, p.order)
	p.cost = head + p.rice.cost
	return true
}

// rice is how numbers are cut into parts, and the parameter of each.
type rice struct {
	order      uint // 1<<order parts
	parameters [1 << maxPartition]byte
	wide       uint // 1 if a parameter has five bits
	cost       uint64
}

const maxPartition = 6

// choose finds the parts and parameters with the fewest bits for u, which is what
// follows the first samples of a block of n.
func (r *rice) choose(u []int64, n, order int) {
	finest := uint(min(bits.TrailingZeros(uint(n)), maxPartition))
	for finest > 0 && n>>finest <= order {
		finest--
	}
	var sums [1 << maxPartition]uint64
	size := n >> finest
	for i, at := 0, 0; i < 1<<finest; i++ {
		end := (i+1)*size - order
		sum := uint64(0)
		for _, v := range u[at:end] {
			sum += uint64(v)
		}
		sums[i], at = sum, end
	}
	r.cost = math.MaxUint64
	for parts := finest; ; parts-- {
		var parameters [1 << maxPartition]byte
		cost, wide := uint64(0), uint(0)
		for i := range 1 << parts {
			count := uint64(n >> parts)
			if i == 0 {
				count -= uint64(order)
			}
			k, c := parameter(sums[i], count)
			parameters[i] = k
			if cost += c; k > 14 {
				wide = 1
			}
		}
		if cost += uint64(4+wide) << parts; cost < r.cost {
			r.order, r.parameters, r.wide, r.cost = parts, parameters, wide, cost
		}
		if parts == 0 {
			return
		}
		for i := range 1 << (parts - 1) {
			sums[i] = sums[2*i] + sums[2*i+1]
		}
	}
}

// parameter is that with the fewest bits for numbers of which there are count, and
// about how many those are.
func parameter(sum, count uint64) (best byte, cost uint64) {
	if count == 0 {
		return 0, 0
	}
	likely := bits.Len64(sum / count)
	cost = math.MaxUint64
	for k := max(likely-2, 0); k <= min(likely, 30); k++ {
		c := count * uint64(k+1)
		high := sum >> k
		if k > 0 { // lower bits that are half of their range on average
			high -= min(high, count/2)
		}
		if c += high; c < cost {
			best, cost = byte(k), c
		}
	}
	return best, cost
}

// write writes a channel as planned.
func (p *plan) write(w *bitWriter, l *look) {
	head := uint64(p.kind) << 1
	if l.wasted > 0 {
		head |= 1
	}
	w.put(head, 8)
	if l.wasted > 0 {
		w.unary(uint64(l.wasted) - 1)
	}
	switch {
	case p.kind == constant:
		w.signed(l.x[0], l.depth)
		return
	case p.kind == verbatim:
		for _, v := range l.x {
			w.signed(v, l.depth)
		}
		return
	}
	for _, v := range l.x[:p.order] {
		w.signed(v, l.depth)
	}
	if p.kind > linear {
		w.put(uint64(p.precision-1), 4)
		w.put(uint64(p.shift), 5)
		for i := range p.coefficient {
			w.signed(p.coefficient[p.order-1-i], uint(p.precision))
		}
	}
	p.rice.write(w, p.left, len(l.x), p.order)
}

func (r *rice) write(w *bitWriter, u []int64, n, order int) {
	w.put(uint64(r.wide), 2)
	w.put(uint64(r.order), 4)
	at := 0
	for i := range 1 << r.order {
		k := uint(r.parameters[i])
		w.put(uint64(k), 4+r.wide)
		end := (i+1)*(n>>r.order) - order
		stop, low := uint64(1)<<k, uint64(1)<<k-1
		for _, v := range u[at:end] {
			q := uint64(v) >> k
			if q+1+uint64(k) > 32 {
				w.unary(q)
				w.put(uint64(v)&low, k)
				continue
			}
			w.put(stop|uint64(v)&low, uint(q)+1+k)
		}
		at = end
	}
}
