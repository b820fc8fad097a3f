package viewer

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/internal/inspect"
	"github.com/tensorfile/tensorfile/tensor"
)

const (
	// mostInspected is up to how many tensors every structure of a file is told; of more,
	// where the payloads lie.
	mostInspected = 50_000
	// mostKinds bounds the cells of the byte map.
	mostKinds = 1 << 20
	// mostSegmentNames is how many names of tensors are told of an extent.
	mostSegmentNames = 8
)

// kindNames are the kinds of bytes, numbered as bytemap answers them.
var kindNames = []string{
	inspect.Unknown, inspect.Header, inspect.Slot, inspect.Zeros, inspect.Payload, inspect.BlockSums, inspect.ChunkPage, inspect.Chunk,
	inspect.TensorRecords, inspect.StorageRecords, inspect.NameEnds, inspect.Names, inspect.Heap, inspect.Further, inspect.RunHead,
	inspect.Trailer, inspect.Padding, inspect.Leftover, inspect.Own,
}

// A segment is an extent of a file and what it is.
type segment struct {
	offset, length int64
	kind           uint8
	what           string
	section        string
	tensors        []string // the first of them
	damage         []string
}

// byteMap is what the bytes of a file are.
type byteMap struct {
	format   string
	size     int64
	coarse   bool // only payloads are told
	segments []segment
	damage   []string
	damages  int // of the file and of its segments
}

// byteMapOnce makes the map of a file when it is first asked for.
type byteMapOnce struct {
	mu   sync.Mutex
	made *byteMap
}

// bytesOf gives the map of a file.
func (h *handle) bytesOf(ctx context.Context) (*byteMap, error) {
	h.bytes.mu.Lock()
	defer h.bytes.mu.Unlock()
	if h.bytes.made != nil {
		return h.bytes.made, nil
	}
	n, err := h.file.Len()
	if err != nil && h.file.Layout() != nil {
		return nil, err
	}
	var m *byteMap
	if err == nil && n > mostInspected {
		m, err = payloads(ctx, h.file)
	} else {
		m, err = inspected(ctx, h.file)
	}
	if err != nil {
		return nil, err
	}
	h.bytes.made = m
	return m, nil
}

// inspected is the map that "tensorfile inspect" prints.
func inspected(ctx context.Context, f *tensorfile.File) (*byteMap, error) {
	var m *inspect.Map
	if f.Layout() != nil {
		m = inspect.Foreign(f)
	} else {
		var err error
		if m, err = inspect.Native(ctx, f.Map()); err != nil {
			return nil, err
		}
	}
	out := &byteMap{format: m.Format, size: m.Size, segments: make([]segment, len(m.Parts))}
	out.damages = len(m.Damage)
	for _, err := range m.Damage {
		out.damage = append(out.damage, err.Error())
	}
	for i := range m.Parts {
		p := &m.Parts[i]
		s := segment{offset: p.Offset, length: p.Length, what: p.What, section: p.Section, damage: p.Damage}
		s.kind = uint8(max(slices.Index(kindNames, p.Kind), 0))
		s.tensors = p.Tensors[:min(len(p.Tensors), mostSegmentNames)]
		out.damages += len(p.Damage)
		out.segments[i] = s
	}
	return out, nil
}

// payloads tells where the payloads of a file with many tensors lie.
func payloads(ctx context.Context, f *tensorfile.File) (*byteMap, error) {
	m := &byteMap{format: f.Info().Format, size: f.Map().Size(), coarse: true}
	payload, own := uint8(slices.Index(kindNames, inspect.Payload)), uint8(slices.Index(kindNames, inspect.Own))
	for t, err := range f.Tensors() {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			if t == nil && failedName(err) == "" {
				m.damage = append(m.damage, err.Error())
				break
			}
			continue
		}
		if st := t.Storage(); st.Kind == tensorfile.StorageRaw && st.Size > 0 && t.File() == f {
			m.segments = append(m.segments, segment{offset: st.Offset, length: st.Size, kind: payload, what: "payload", tensors: []string{t.Name()}})
		}
	}
	slices.SortStableFunc(m.segments, func(a, b segment) int { return cmp.Compare(a.offset, b.offset) })
	var all []segment
	at := int64(0)
	for _, s := range m.segments {
		if s.offset > at {
			all = append(all, segment{offset: at, length: s.offset - at, kind: own, what: "structures, chunks and padding"})
		}
		if s.offset+s.length > at { // of tensors that share bytes, the first
			all = append(all, s)
			at = s.offset + s.length
		}
	}
	if at < m.size {
		all = append(all, segment{offset: at, length: m.size - at, kind: own, what: "structures, chunks and padding"})
	}
	m.segments = all
	return m, nil
}

// byteMap answers segments of the file from number offset on, or from that which holds
// byte.
func (c *call) byteMap() error {
	h, err := c.file()
	if err != nil {
		return err
	}
	offset, err := c.int("offset", 0, 0, math.MaxInt64)
	if err == nil {
		offset, err = c.int("from", offset, 0, math.MaxInt64) // the same
	}
	if err != nil {
		return err
	}
	at, err := c.int("byte", 0, 0, math.MaxInt64)
	if err != nil {
		return err
	}
	limit, err := c.int("limit", 200, 0, mostRows)
	if err != nil {
		return err
	}
	m, err := c.mapped(h)
	if err != nil {
		return err
	}
	type segmentDoc struct {
		Offset  number   `json:"offset"`
		Length  number   `json:"length"`
		Kind    string   `json:"kind"`
		What    string   `json:"what"`
		Section string   `json:"section,omitempty"`
		Tensors []string `json:"tensors,omitempty"`
		Damage  []string `json:"damage,omitempty"`
	}
	doc := struct {
		Schema   string       `json:"schema"`
		Format   string       `json:"format"`
		Size     number       `json:"size"`
		Coarse   bool         `json:"coarse,omitempty"` // only where payloads lie is told
		Sound    bool         `json:"sound"`
		Damage   []string     `json:"damage"`  // of the file; segments have their own
		Damages  number       `json:"damages"` // of both
		Total    number       `json:"total"`
		Index    number       `json:"index"`  // of the segment that holds byte
		Offset   number       `json:"offset"` // the number of the first segment here
		First    number       `json:"first"`  // the same
		Segments []segmentDoc `json:"segments"`
	}{Schema: schema("bytes"), Format: m.format, Size: number(m.size), Coarse: m.coarse, Sound: m.damages == 0 && !m.coarse, Damages: number(m.damages), Damage: []string{}, Total: number(len(m.segments)), Segments: []segmentDoc{}}
	for _, d := range m.damage {
		doc.Damage = append(doc.Damage, tensor.Escape(d))
	}
	doc.Index = number(m.holding(at))
	if c.q.Has("byte") {
		offset = int64(doc.Index)
	}
	doc.Offset, doc.First = number(offset), number(offset)
	first := int(min(offset, int64(len(m.segments))))
	for _, s := range m.segments[first:min(first+int(limit), len(m.segments))] {
		doc.Segments = append(doc.Segments, segmentDoc{number(s.offset), number(s.length), kindNames[s.kind], s.what, s.section, s.tensors, s.damage})
	}
	return c.json(doc)
}

// holding is the first segment that ends behind an offset.
func (m *byteMap) holding(offset int64) int {
	i, _ := slices.BinarySearchFunc(m.segments, offset, func(s segment, at int64) int {
		if s.offset+s.length <= at {
			return -1
		}
		return 1
	})
	return i
}

func (c *call) mapped(h *handle) (*byteMap, error) {
	h.bytes.mu.Lock()
	m := h.bytes.made
	h.bytes.mu.Unlock()
	if m != nil {
		return m, nil
	}
	if err := c.hold(48 << 20); err != nil {
		return nil, err
	}
	return h.bytesOf(c.ctx)
}

// byteKinds answers the kind of the most bytes in each of so many equal parts of a
// file.
func (c *call) byteKinds() error {
	h, err := c.file()
	if err != nil {
		return err
	}
	n, err := c.int("cells", 4096, 1, mostKinds)
	if err != nil {
		return err
	}
	m, err := c.mapped(h)
	if err != nil {
		return err
	}
	n = min(n, max(m.size, 1))
	c.header().Set("X-Kinds", strings.Join(kindNames, ","))
	c.header().Set("X-Size", fmt.Sprint(m.size))
	return c.raw("u8", []int64{n}, m.kinds(n))
}

// kinds is the kind of the most bytes in each of n parts.
func (m *byteMap) kinds(n int64) []byte {
	out := make([]byte, n)
	var counts [32]int64
	i := 0
	for k := range n {
		begin, end := mulDivUp(m.size, k, n), mulDivUp(m.size, k+1, n)
		clear(counts[:])
		for i > 0 && i < len(m.segments) && m.segments[i].offset > begin {
			i--
		}
		for j := i; j < len(m.segments) && m.segments[j].offset < end; j++ {
			s := m.segments[j]
			if s.offset+s.length <= begin {
				i = j
				continue
			}
			counts[s.kind] += min(s.offset+s.length, end) - max(s.offset, begin)
		}
		best := 0
		for kind, c := range counts {
			if c > counts[best] {
				best = kind
			}
		}
		out[k] = byte(best)
	}
	return out
}
