package codec

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/tensorfile/tensorfile/tensor"
)

// Objective is what Choose looks for.
type Objective uint8

const (
	// Auto is the best ratio among what two threads decode at a fifth of the
	// speed of one memcpy.
	Auto Objective = iota
	// Fast is the best ratio among what they decode at half that speed.
	Fast
	// Best is the best ratio.
	Best
)

// String returns the word that users say: auto, fast or best.
func (o Objective) String() string { return [...]string{"auto", "fast", "best"}[o] }

// Choice is how a tensor is to be stored.
type Choice struct {
	Pipelines []string // none: raw
	Chunk     []int64  // extents in elements
	Fill      []byte   // one unit of at most 16 bytes, nil for zero
	Ratio     float64  // raw to stored bytes of what was looked at

	spent float64 // what the choice has cost, in the unit of costs
}

const (
	chunkTarget = 1 << 20  // bytes of a chunk
	leastGain   = 1.01     // ratio below which chunks stay raw
	leastSample = 32 << 10 // bytes looked at
	mostSample  = 64 << 10
	leastTrial  = 64 << 10 // bytes coded by the finalists
	mostTrial   = 1 << 20
	smallTotal  = 2 << 20 // what is looked at as a whole if it nearly vanishes
)

// ChunkShape returns the extents of chunks of about size bytes: whole inner
// axes, then an even part of the axis where they no longer fit, then ones.
func ChunkShape(d tensor.DType, shape []int64, size int) []int64 {
	chunk := make([]int64, len(shape))
	left := max(1, int64(size)/int64(max(1, d.UnitBytes)))
	for i := len(shape) - 1; i >= 0; i-- {
		unit := int64(1)
		if i == len(shape)-1 {
			unit = int64(max(1, d.UnitElems))
		}
		n := max(1, (shape[i]+unit-1)/unit)
		if n > left {
			parts := (n + left - 1) / left
			n = (n + parts - 1) / parts
		}
		chunk[i] = n * unit
		left = max(1, left/n)
	}
	return chunk
}

// part returns a box of about size bytes inside extents: as square as they are
// in the two innermost axes that are long, for neighbours count in both.
func part(d tensor.DType, extents []int64, size int) []int64 {
	box := slices.Clone(extents)
	left := float64(size) / float64(max(1, d.UnitBytes)) * float64(max(1, d.UnitElems))
	var long []int
	for i := len(extents) - 1; i >= 0; i-- {
		if i == len(extents)-1 && len(extents) > 1 && extents[i] <= 4 {
			left /= float64(max(1, extents[i])) // channels
			continue
		}
		long = append(long, i)
	}
	for k, i := range long {
		n := int64(max(1, left))
		if k == 0 && len(long) > 1 && extents[long[1]] > 1 {
			side := int64(8)
			for float64(side*side) < left {
				side *= 2
			}
			n = max(side, n/max(1, extents[long[1]]))
		}
		n = max(1, min(n, extents[i]))
		if e := int64(max(1, d.UnitElems)); i == len(extents)-1 && e > 1 {
			n = (n + e - 1) / e * e
		}
		box[i] = n
		left /= float64(n)
	}
	return box
}

// A sample is the raw bytes of a box.
type sample struct {
	box  Box
	data []byte
}

// Choose picks chunk shape, pipelines and fill for a tensor of dtype d and
// shape. It reads a few boxes by read, which fills dst with the elements of box
// that begin at index at: C order, little-endian, as in a chunk. It goes by the
// bytes it sees and a table of costs, never by the clock, so that the same data
// is stored the same way everywhere.
func Choose(d tensor.DType, shape []int64, read func(dst []byte, box Box, at []int64) error, o Objective) (Choice, error) {
	c := Choice{Chunk: ChunkShape(d, shape, chunkTarget)}
	total := float64(d.UnitBytes)
	for i, n := range shape {
		if e := int64(max(1, d.UnitElems)); i == len(shape)-1 && e > 1 {
			n = (n + e - 1) / e
		}
		total *= float64(n)
	}
	if total < 128 || len(shape) == 0 {
		return c, nil
	}
	size := min(max(int(total/512), leastSample), mostSample)
	samples, err := take(d, shape, read, size/2, 2)
	if err != nil {
		return c, err
	}
	if fillOf(&c, d, samples) {
		// Nothing varies: chunks are constant, any pipeline will do for those
		// that were not seen.
		c.Pipelines, c.Ratio = []string{"bitpack|zstd:1"}, 1024
		if o == Best {
			c.Pipelines[0] = "bitpack|zstd:9"
		}
		return c, nil
	}
	s := search{d: d, rank: len(shape), objective: o, total: total, spent: &c.spent}
	clipped := slices.Clone(c.Chunk)
	for i := range clipped {
		clipped[i] = min(clipped[i], shape[i])
	}
	s.chunk = Box{d, clipped}.RawLen()
	lines, high := s.finalists(samples)
	trial := min(max(int(total/128), leastTrial), mostTrial)
	boxes := 2
	switch {
	case high && total <= smallTotal:
		trial = int(total)
	case high: // so little is left that it needs a large box to be seen
		trial, boxes = min(max(int(total/64), 4*leastTrial), mostTrial), 1
		if len(lines) > 2 && o != Best {
			trial /= 2
		}
	}
	samples, err = take(d, clipped, within(read, shape, c.Chunk), trial/boxes, boxes)
	if err != nil {
		return c, err
	}
	best := s.best(lines, samples)
	if best.line != "" && best.ratio > leastGain {
		c.Pipelines, c.Ratio = []string{best.line}, best.ratio
	} else {
		c.Ratio = 1
	}
	return c, nil
}

// within makes boxes of one chunk boxes of two chunks of the tensor: one in
// three, the other in two thirds.
func within(read func([]byte, Box, []int64) error, shape, chunk []int64) func([]byte, Box, []int64) error {
	turn := int64(0)
	return func(dst []byte, box Box, at []int64) error {
		turn++
		at = slices.Clone(at)
		for i := range at {
			if room := shape[i] - box.Shape[i] - at[i]; room > 0 {
				step := room * turn / 3
				at[i] += step - step%chunk[i]
			}
		}
		return read(dst, box, at)
	}
}

// take reads n boxes of size bytes that lie evenly in shape.
func take(d tensor.DType, shape []int64, read func([]byte, Box, []int64) error, size, n int) ([]sample, error) {
	box := Box{d, part(d, shape, size)}
	for i := range box.Shape {
		box.Shape[i] = min(box.Shape[i], shape[i])
	}
	raw := box.RawLen()
	if raw <= 0 {
		return nil, box.check(max(raw, 1))
	}
	var list []sample
	var last []int64
	for k := range n {
		at := make([]int64, len(shape))
		for i := range at {
			room := shape[i] - box.Shape[i]
			// Another place in each axis, so that the boxes stand askew.
			at[i] = int64(float64(room) * float64((2*k+1)*(2*(len(shape)-i)-1)%(2*n)) / float64(2*n))
			if i == len(at)-1 {
				at[i] -= at[i] % int64(max(1, d.UnitElems))
			}
		}
		if slices.Equal(at, last) {
			break
		}
		last = at
		data := make([]byte, raw)
		if err := read(data, box, at); err != nil {
			return nil, fmt.Errorf("codec: sample: %w", err)
		}
		list = append(list, sample{box, data})
	}
	return list, nil
}

// fillOf reports whether all samples are one unit, which is then the fill.
func fillOf(c *Choice, d tensor.DType, samples []sample) bool {
	b := int(d.UnitBytes)
	if b > 16 {
		return false
	}
	unit := samples[0].data[:b]
	for _, s := range samples {
		if !bytes.Equal(s.data[:b], unit) || !bytes.Equal(s.data[b:], s.data[:len(s.data)-b]) {
			return false
		}
	}
	if slices.ContainsFunc(unit, func(x byte) bool { return x != 0 }) {
		c.Fill = slices.Clone(unit)
	}
	return true
}

// A search goes through pipelines for one tensor.
type search struct {
	d         tensor.DType
	rank      int
	objective Objective
	chunk     int     // raw bytes of a chunk
	total     float64 // raw bytes of the tensor
	spent     *float64
}

// channels reports whether the last axis is that of a few channels.
func channels(shape []int64) bool { return len(shape) > 1 && shape[len(shape)-1] <= 4 }

// predictors returns the filters that may come first, "" for none.
func (s *search) predictors(shape []int64) []string {
	list := []string{""}
	w := word(s.d)
	if s.d.UnitElems != 1 || s.d.Class < tensor.ClassBool || s.d.Class > tensor.ClassComplex || w != 1 && w != 2 && w != 4 && w != 8 {
		return list
	}
	x := s.rank - 1
	if channels(shape) {
		list = append(list, fmt.Sprintf("predict:a%d", x))
		x--
	}
	list = append(list, fmt.Sprintf("predict:a%d", x), fmt.Sprintf("predict:a%d,%d", x, x))
	if x < s.rank-1 {
		list = append(list, fmt.Sprintf("predict:a%d,%d", x, s.rank-1))
	}
	if x > 0 {
		list = append(list, fmt.Sprintf("predict:a%d", x-1), fmt.Sprintf("predict:a%d,%d", x-1, x))
	}
	if x > 1 {
		list = append(list, fmt.Sprintf("predict:a%d", x-2))
	}
	if s.objective == Best && x > 0 && w <= 4 {
		list = append(list, fmt.Sprintf("predict:paeth:a%d,%d", x-1, x))
	}
	return list
}

// coders returns what may come behind a filter.
func (s *search) coders(filter string) []string {
	list := []string{"planes", "bitpack", "bitpack|zstd:1"}
	if w := word(s.d); w > 1 {
		list = append(list, "shuffle|zstd:1")
	}
	list = append(list, "zstd:1", "lz4")
	if filter == "" {
		list = append(list, "bitshuffle|zstd:1")
	}
	if s.objective == Best {
		list = append(list, "bitpack|zstd:9", "zstd:9", "shuffle|zstd:9", "planes|zstd:9")
	}
	return list
}

// matches reports whether a coder begins to look for matches in raw words.
func matches(coder string) bool {
	return coder == "lz4" || strings.HasPrefix(coder, "zstd") || strings.Contains(coder, "shuffle|")
}

func join(filter, coder string) string {
	if filter == "" {
		return coder
	}
	return filter + "|" + coder
}

// all returns every pipeline that the search may end with.
func (s *search) all(shape []int64) []string {
	var list []string
	for _, f := range s.predictors(shape) {
		for _, c := range s.coders(f) {
			list = append(list, join(f, c))
		}
	}
	return list
}

// finalists returns the pipelines that are worth a trial. Filters are compared
// by the entropy of the planes of what they leave, and the best are tried with
// the coders. high says that the data nearly vanishes: then more is tried, on
// larger samples, which costs little as there is so little to code.
func (s *search) finalists(samples []sample) (lines []string, high bool) {
	filters := s.predictors(samples[0].box.Shape)
	costs := map[string]float64{}
	for _, f := range filters {
		costs[f] = s.entropyAfter(f, samples)
	}
	slices.SortStableFunc(filters, func(a, b string) int { return compare(costs[a], costs[b]) })
	var tries []trial
	top := 0.0
	attempt := func(f, c string) {
		line := join(f, c)
		if slices.ContainsFunc(tries, func(t trial) bool { return t.line == line }) {
			return
		}
		part := samples
		if matches(c) || high {
			part = samples[:1] // dear and seldom good, or one of many
		}
		t := s.try(line, part)
		tries = append(tries, t)
		top = max(top, t.ratio)
	}
	for i, f := range filters {
		switch {
		case i == 0:
			for _, c := range s.coders(f) {
				if c != "lz4" || s.objective == Fast {
					attempt(f, c)
				}
			}
		case f == "":
			// Entropies do not see matches: no filter at all keeps its place.
			for _, c := range s.coders(f) {
				if c != "lz4" || s.objective == Fast {
					attempt(f, c)
				}
			}
		case i < 3 && costs[f] < 1.05*costs[filters[0]]:
			attempt(f, "planes")
			attempt(f, "bitpack")
		}
	}
	high = top > 12
	if high {
		wide := 2
		if s.objective == Best || s.total <= smallTotal {
			wide = 5
		}
		for i, f := range filters {
			for _, c := range s.coders(f) {
				if i < wide && (s.objective == Best || !matches(c)) {
					attempt(f, c)
				}
			}
		}
	}
	near, most := 0.95, 2
	if high {
		near = 0.5
	}
	if s.objective == Best {
		most += 3
	}
	if high && s.total <= smallTotal {
		near, most = 0.1, 64
	}
	first := 0.0
	for len(lines) < most {
		t := pick(tries, s.limit()*tolerance)
		if t.line == "" || t.ratio < near*first {
			break
		}
		first = max(first, t.ratio)
		lines = append(lines, t.line)
		tries = slices.DeleteFunc(tries, func(x trial) bool { return x.line == t.line })
	}
	// The two stages gain by the size of the box: a small one says too little.
	if high && !slices.Contains(lines, "bitpack|zstd:1") {
		lines = append(lines, "bitpack|zstd:1")
	}
	return lines, high
}

func compare(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// entropyAfter estimates the bits of samples behind a filter.
func (s *search) entropyAfter(filter string, samples []sample) float64 {
	total := 0.0
	w := word(s.d)
	pow2 := w == 1 || w == 2 || w == 4 || w == 8
	var words [turnSample]uint64
	turn := 0
	for i, x := range samples {
		data := x.data
		if filter != "" {
			p, err := Parse(filter)
			if err != nil || p.Check(x.box) != nil {
				return 1e30
			}
			out := make([]byte, len(data))
			p.stages[0].filterEncode(out, data, x.box)
			data = out
			*s.spent += float64(len(data)) * encodeCost[kPredict]
		} else if exp := exponentBits(s.d, w); exp != 0 {
			out := make([]byte, len(data))
			m := rearranging(w, exp, 0)
			mix(out, data, w, &m)
			data = out
			*s.spent += float64(len(data)) * encodeCost[kPredict]
		}
		if !pow2 {
			w = 1
		}
		if i == 0 && (filter != "" || exponentBits(s.d, w) == 0) {
			turn = chooseTurn(data, w)
			*s.spent += 8 * float64(min(len(data), turnSample*w)) * encodeCost[kPlanes]
		}
		n := min(len(data)/w, turnSample)
		for i := range n {
			words[i] = getWord(data[i*(len(data)/w)/n*w:], w)
		}
		total += planesCost(words[:n], w, turn, 8*w)
		*s.spent += float64(n*w) * encodeCost[kPlanes]
	}
	return total
}

// A trial is what a pipeline has made of the samples.
type trial struct {
	line  string
	ratio float64
	cost  float64 // of decoding a raw byte, memcpy of one being 1
}

// try codes the samples.
func (s *search) try(line string, samples []sample) trial {
	t := trial{line: line}
	p, err := Parse(line)
	if err != nil {
		return t
	}
	raw, stored := 0, 0.0
	for _, x := range samples {
		raw += len(x.data)
		m, ok := p.measure(x, s.spent)
		if !ok {
			return t
		}
		// What stands once in a chunk weighs more in a sample.
		scale := max(1, float64(s.chunk)/float64(len(x.data)))
		stored += float64(m.stored-m.fixed) + float64(m.fixed)/scale
		t.cost += m.cost
	}
	t.cost /= float64(raw)
	t.ratio = float64(raw) / max(stored, 1)
	return t
}

// tolerance is by how much a sample may pass the limit: it holds a little more
// of tables than a chunk.
const tolerance = 1.03

// limit returns what decoding may cost.
func (s *search) limit() float64 {
	switch s.objective {
	case Fast:
		return 2 / 0.5
	case Best:
		return 1e30
	}
	return 2 / 0.2
}

// pick returns the best that is admitted, no line if there is none. Among
// ratios within a fiftieth of a percent the cheaper one counts.
func pick(tries []trial, limit float64) (best trial) {
	for _, t := range tries {
		if t.cost <= limit && (t.ratio > best.ratio*1.0002 || t.ratio > best.ratio*0.9998 && t.cost < best.cost) {
			best = t
		}
	}
	return best
}

func (s *search) best(lines []string, samples []sample) trial {
	var tries []trial
	for _, line := range lines {
		tries = append(tries, s.try(line, samples))
	}
	return pick(tries, s.limit()*tolerance)
}
