package gpu

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/tensorfile/tensorfile/tensor"
)

// planned is an item of a plan, without anything behind it.
func planned(d tensor.DType, shape, chunk tensor.Shape, w way, file *fileBytes, begin int64) (*item, error) {
	it := &item{way: w, dtype: d, shape: shape, file: file, begin: begin}
	var err error
	if it.size, err = tensor.ByteSize(d, shape); err != nil || it.size == 0 || it.size > 1<<18 {
		return nil, fmt.Errorf("no item: %v", err)
	}
	it.setBoxes()
	if w == wayBoxes && chunk != nil {
		it.setGrain(chunk)
	}
	if w == wayStream {
		it.stream = &stream{}
	}
	return it, nil
}

// checkPlan runs the plan of an upload of items, and says what is wrong: every byte
// of every image goes once, to its place, in windows that fit a slot.
func checkPlan(items []*item, room int64) error {
	ordered, size, err := layOut(items)
	if err != nil {
		return err
	}
	seen := make([]byte, size)
	for i, it := range ordered {
		if it.at%alignBytes != 0 || i > 0 && it.at < ordered[i-1].at+ordered[i-1].size {
			return fmt.Errorf("item %d lies at %d", i, it.at)
		}
		it.fit(room)
	}
	p := &imagePlan{items: ordered}
	var w window
	mark := func(at, n int64) error {
		for i := at; i < at+n; i++ {
			if seen[i]++; seen[i] > 1 {
				return fmt.Errorf("byte %d goes twice", i)
			}
		}
		return nil
	}
	end := int64(0)
	for {
		more, err := p.next(&w, room)
		if err != nil {
			return err
		}
		if !more {
			break
		}
		it := w.segs[0].it
		if w.rect >= 0 {
			var b box
			it.rectangle(w.rect, &b)
			if n := it.boxBytes(b.count); len(w.segs) != 1 || n > room {
				return fmt.Errorf("box of %d bytes", n)
			}
			if err := eachRow(it, &b, mark); err != nil {
				return err
			}
			continue
		}
		if w.skew+w.n > room || w.n <= 0 || w.to < end {
			return fmt.Errorf("window of %d bytes at %d, %d behind a page", w.n, w.to, w.skew)
		}
		end = w.to + w.n
		if it.file != nil && (w.skew-w.to)%pageBytes != 0 {
			return fmt.Errorf("window at %d is %d behind a page", w.to, w.skew)
		}
		last := int64(0)
		for _, g := range w.segs {
			if w.to+g.at != g.it.at+g.off || g.at < last || g.at-last > gapBytes+alignBytes || g.n <= 0 {
				return fmt.Errorf("segment %+v of window at %d", g, w.to)
			}
			last = g.at + g.n
			if g.it.way == wayBoxes {
				var b box
				g.it.run(g.off, g.n, &b)
				if g.it.boxBytes(b.count) != g.n || g.it.offsetOf(&b) != g.off {
					return fmt.Errorf("%d bytes at %d of %v are no box: %v", g.n, g.off, g.it.shape, b)
				}
				for k := range b.first {
					if b.first[k]+b.count[k] > g.it.units[k] {
						return fmt.Errorf("box %v of %v", b, g.it.shape)
					}
				}
			}
			if err := mark(g.it.at+g.off, g.n); err != nil {
				return err
			}
		}
		if last != w.n {
			return fmt.Errorf("window of %d bytes ends at %d", w.n, last)
		}
	}
	for _, it := range items {
		if i := bytes.IndexByte(seen[it.at:it.at+it.size], 0); i >= 0 {
			return fmt.Errorf("byte %d of %v %v is left out", i, it.dtype, it.shape)
		}
	}
	return nil
}

// eachRow calls fn with the runs of a box.
func eachRow(it *item, b *box, fn func(at, n int64) error) error {
	last := len(b.count) - 1
	index := make([]int64, last+1)
	for {
		at := it.at
		for k, i := range index {
			at += (b.first[k] + i) * it.steps[k]
		}
		if err := fn(at, b.count[last]*it.steps[last]); err != nil {
			return err
		}
		k := last - 1
		for ; k >= 0; k-- {
			if index[k]++; index[k] < b.count[k] {
				break
			}
			index[k] = 0
		}
		if k < 0 {
			return nil
		}
	}
}

// planOf makes items of bytes: for each the way, dtype, shape, chunk, and place.
func planOf(b []byte) (items []*item, room int64) {
	next := func() int64 {
		if len(b) == 0 {
			return 0
		}
		v := b[0]
		b = b[1:]
		return int64(v)
	}
	room = (1 + next()%8) * pageBytes
	files := []*fileBytes{{}, {}}
	at := int64(0)
	for len(b) > 0 && len(items) < 20 {
		d := dtypes[next()%int64(len(dtypes))]
		w := []way{wayFile, wayMemory, wayBoxes, wayBoxes, wayStream}[next()%5]
		rank := int(next() % 4)
		if d.Packed() {
			rank = max(rank, 1)
		}
		shape, chunk := make(tensor.Shape, rank), make(tensor.Shape, rank)
		for k := range shape {
			shape[k] = 1 + next()*next()%1000
			chunk[k] = 1 + next()%shape[k]
		}
		if e := int64(max(d.UnitElems, 1)); rank > 0 {
			chunk[rank-1] = (chunk[rank-1] + e - 1) / e * e
		}
		if next()%3 == 0 {
			chunk = nil
		}
		var f *fileBytes
		begin := int64(0)
		if w == wayFile {
			f = files[next()%2]
			at += next() * (1 + next()%2*63)
			begin = at
		}
		it, err := planned(d, shape, chunk, w, f, begin)
		if err != nil {
			continue
		}
		at += it.size
		items = append(items, it)
	}
	return items, room
}

func TestPlan(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	n, count, rects := 1000, 0, 0
	if testing.Short() {
		n = 300
	}
	for i := range n {
		b := make([]byte, rng.IntN(200))
		for j := range b {
			b[j] = byte(rng.Uint32())
		}
		items, room := planOf(b)
		if err := checkPlan(items, room); err != nil {
			t.Fatalf("plan %d, %x: %v", i, b, err)
		}
		for _, it := range items {
			if count++; it.rect != nil {
				rects++
			}
		}
	}
	t.Logf("%d items, %d of them in boxes", count, rects)
	if count < n || rects < n/20 {
		t.Errorf("%d items, %d of them in boxes", count, rects)
	}
}

// FuzzPlan cuts what anybody may ask for.
func FuzzPlan(f *testing.F) {
	rng := rand.New(rand.NewPCG(7, 8))
	for range 20 {
		var b []byte
		for range 12 {
			b = binary.LittleEndian.AppendUint64(b, rng.Uint64())
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		items, room := planOf(b)
		if err := checkPlan(items, room); err != nil {
			t.Fatal(err)
		}
	})
}
