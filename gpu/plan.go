package gpu

import (
	"cmp"
	"iter"
	"math"
	"slices"
	"sync"

	"github.com/tensorfile/tensorfile/tensor"
)

// alignBytes is what tensors that are laid out begin at multiples of: so do the
// payloads of native files, which lie on the device as they lie in the file then,
// and any load of a kernel is aligned.
const alignBytes = 64

// gapBytes is the most that is read, copied and kept between two tensors to make
// one run of them.
const gapBytes = pageBytes

// A segment is n bytes of the image of an item, from off on, at a place in a
// window.
type segment struct {
	it         *item
	off, n, at int64
	turn       queued // of a stream
}

// segment is a part of an item; parts of a stream are taken in order.
func (it *item) segment(off, n, at int64) segment {
	g := segment{it: it, off: off, n: n, at: at}
	if it.way == wayStream {
		g.turn = it.stream.turn(off+n == it.size)
	}
	return g
}

// A window is what goes through one slot of the ring: segments that lie behind
// each other on the device, or one box of an item.
type window struct {
	seq  int64 // number, from 0
	to   int64 // on the device, from where the upload or the block begins
	n    int64 // bytes
	skew int64 // where they begin in the slot: pages of it are pages of the file
	segs []segment
	rect int64 // number of the box of segs[0].it, -1: they are segments

	// Of streams.
	block       int64 // number
	first, last bool  // of the block
	need        int64 // bytes of the block
	items       []*item
	batch       *sync.WaitGroup // fills of it that are not done
}

func (w *window) reset() {
	*w = window{seq: w.seq, segs: w.segs[:0], rect: -1}
}

// A planner cuts what is to come into windows. Its calls come one at a time.
type planner interface {
	// next makes the next window, of at most room bytes, or reports that there is
	// none.
	next(w *window, room int64) (more bool, err error)
	// close is called when all workers are done.
	close()
}

// layOut gives items their places, those of one file in its order: what lies
// close together in a file does so on the device. It returns the items in order
// of their places, and the bytes that they take.
func layOut(items []*item) ([]*item, int64, error) {
	type place struct {
		it    *item
		group int
	}
	first := map[*fileBytes]int{}
	list := make([]place, len(items))
	for i, it := range items {
		list[i] = place{it, i}
		if it.file != nil {
			if _, ok := first[it.file]; !ok {
				first[it.file] = i
			}
			list[i].group = first[it.file]
		}
	}
	slices.SortStableFunc(list, func(a, b place) int {
		return cmp.Or(cmp.Compare(a.group, b.group), cmp.Compare(a.it.begin, b.it.begin))
	})
	ordered := make([]*item, len(list))
	end := int64(0)
	var before *item
	for i, p := range list {
		it := p.it
		if ordered[i] = it; it.size > math.MaxInt64-2*pageBytes-end {
			return nil, 0, it.src.located(bad(tensor.ErrOverflow, "tensors", itoa(end)+" and "+itoa(it.size)+" bytes", "a sum that fits 63 bits"))
		}
		it.at = (end + alignBytes - 1) &^ (alignBytes - 1)
		if it.file != nil {
			if near, ok := it.behind(before); ok {
				it.at = near
			} else if it.begin%alignBytes == 0 && it.size >= 16*pageBytes {
				it.at += (it.begin - it.at) & (pageBytes - 1)
			}
		}
		if end = it.at + it.size; it.size > 0 {
			before = it
		}
	}
	return ordered, end, nil
}

// behind is where it lies if it keeps its distance in the file from the item
// before, and whether it may.
func (it *item) behind(before *item) (int64, bool) {
	if before == nil || before.file != it.file {
		return 0, false
	}
	gap := it.begin - before.begin - before.size
	at := before.at + before.size + gap
	return at, gap >= 0 && gap < gapBytes && at%alignBytes == 0
}

// An imagePlan cuts the images of items, which have places, one after the other.
type imagePlan struct {
	items []*item // in order of their places
	i     int
	off   int64 // in item i
	rect  int64 // boxes of it that are done
}

func (p *imagePlan) close() {}

func (p *imagePlan) next(w *window, room int64) (bool, error) {
	w.reset()
	for ; p.i < len(p.items); p.i, p.off, p.rect = p.i+1, 0, 0 {
		it := p.items[p.i]
		if it.rect != nil {
			if p.rect == it.rects() {
				continue
			}
			if len(w.segs) > 0 {
				return true, nil
			}
			w.segs, w.rect, w.to = append(w.segs, segment{it: it}), p.rect, it.at
			p.rect++
			return true, nil
		}
		for p.off < it.size {
			at := it.at + p.off
			if len(w.segs) == 0 {
				w.to = at
				if it.file != nil {
					w.skew = at & (pageBytes - 1)
				}
			}
			left := room - w.skew - (at - w.to)
			n := int64(0)
			if left > 0 {
				n = it.cut(p.off, left, len(w.segs) == 0)
			}
			if n == 0 {
				return w.done(it)
			}
			w.segs = append(w.segs, it.segment(p.off, n, at-w.to))
			w.n = at - w.to + n
			p.off += n
		}
	}
	return len(w.segs) > 0, nil
}

// done ends a window that has no room for the next part of it.
func (w *window) done(it *item) (bool, error) {
	if len(w.segs) > 0 {
		return true, nil
	}
	return false, it.src.located(&tensor.Error{Kind: tensor.ErrLimit, Offset: -1, Field: "slot", Got: "less than an element", Want: sizeText(int64(it.dtype.UnitBytes))})
}

// A boxPlan cuts items into boxes, a window and a block each.
type boxPlan struct {
	items []*item
	i     int
	off   int64
	rect  int64
	block int64
}

func (p *boxPlan) close() {}

func (p *boxPlan) next(w *window, room int64) (bool, error) {
	w.reset()
	for ; p.i < len(p.items); p.i, p.off, p.rect = p.i+1, 0, 0 {
		it := p.items[p.i]
		switch {
		case it.rect != nil && p.rect < it.rects():
			w.segs, w.rect = append(w.segs, segment{it: it}), p.rect
			p.rect++
		case it.rect == nil && p.off < it.size:
			n := it.size
			if it.way != wayWhole {
				n = it.cutBox(p.off, room, true)
			}
			if n == 0 {
				return w.done(it)
			}
			w.segs, w.n, w.need = append(w.segs, it.segment(p.off, n, 0)), n, n
			p.off += n
		default:
			continue
		}
		w.block, w.first, w.last = p.block, true, true
		p.block++
		return true, nil
	}
	return false, nil
}

// A batchPlan cuts lists of views, each a block, which are good until the next is
// asked for.
type batchPlan struct {
	pull  func() ([]tensor.View, error, bool)
	stop  func()
	slot  int64 // bytes of a slot
	image imagePlan
	items []*item
	need  int64
	block int64 // of the next list
	fills sync.WaitGroup
	held  window // looked ahead: the last window of a block has to say so
	more  bool
}

func newBatchPlan(seq iter.Seq2[[]tensor.View, error], slot int64) *batchPlan {
	p := &batchPlan{slot: slot}
	p.pull, p.stop = iter.Pull2(seq)
	return p
}

func (p *batchPlan) close() { p.stop() }

func (p *batchPlan) next(w *window, room int64) (bool, error) {
	first := false
	if !p.more {
		p.fills.Wait() // the views are in use until then
		more, err := p.load()
		if !more || err != nil {
			return false, err
		}
		first = true
		if p.more, err = p.image.next(&p.held, room); err != nil {
			return false, err
		}
	}
	// Windows change places: the one in hand was made before.
	seq := w.seq
	*w, p.held = p.held, window{segs: w.segs[:0], rect: -1}
	w.seq = seq
	var err error
	if p.more {
		p.more, err = p.image.next(&p.held, room)
	}
	w.block, w.first, w.last, w.need, w.items, w.batch = p.block-1, first, !p.more, p.need, p.items, &p.fills
	p.fills.Add(1)
	return true, err
}

// load takes the next list.
func (p *batchPlan) load() (bool, error) {
	views, err, more := p.pull()
	if !more || err != nil {
		return false, err
	}
	p.items = make([]*item, len(views))
	for i, v := range views {
		if p.items[i], err = newItem(FromView(v), false); err != nil {
			return false, err
		}
		p.items[i].fit(p.slot)
	}
	p.image = imagePlan{}
	p.image.items, p.need, err = layOut(p.items)
	p.block++
	return err == nil, err
}
