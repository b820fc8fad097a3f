package format

import (
	"fmt"
	"math"
	"strings"

	"github.com/tensorfile/tensorfile/tensor"
)

// Limits of chunk grids (spec, "Chunk grids").
const (
	MaxChunk     = 1 << 30 // raw bytes of a chunk
	MaxPipelines = 8
	MaxStages    = 8 // of a pipeline
	MaxPipeText  = 1024
)

// parseGrid reads the part of a storage record that only a grid has.
func (s *StorageRecord) parseGrid(b []byte, strict bool, length int64, heapLen uint64, heap heapReader, flags byte, rank int) error {
	e := func(kind error, rule string, field int, name, got, want string) error {
		return fail(kind, rule, s.At+int64(field), name, got, want)
	}
	if rank == 0 || rank > MaxRank {
		return e(tensor.ErrCorrupt, RuleGridRank, srRank, "grid rank", fmt.Sprint(rank), fmt.Sprintf("1..%d", MaxRank))
	}
	if s.Payload != 0 || s.Block != 0 || strict && flags&^byte(FlagSlabs) != 0 {
		return e(tensor.ErrCorrupt, RuleStorageZero, srPayload, "grid storage", fmt.Sprintf("payload offset %d, block exponent %d, flags %#x", s.Payload, s.Block, flags), "0, 0 and only flag bit 0")
	}
	d, err := getDType(b[srDType:srFill], s.At+srDType, false)
	if err != nil {
		return err
	}
	s.DType = d
	copy(s.Fill[:], b[srFill:])
	filled := min(int(d.UnitBytes), len(s.Fill))
	if d.UnitBytes > uint32(len(s.Fill)) {
		filled = 0
	}
	if i := zero(s.Fill[filled:]); i >= 0 {
		return e(tensor.ErrCorrupt, RuleGridFill, srFill+filled+i, "fill value", fmt.Sprintf("% x", s.Fill), fmt.Sprintf("zeros from byte %d on", filled))
	}
	pos, n := le.Uint64(b[srHeap:]), le.Uint32(b[srHeapBytes:])
	if pos%8 != 0 || pos > heapLen || uint64(n) > heapLen-pos || int64(n) < int64(16*rank+8) || int64(n) > int64(16*rank+8+MaxPipeText) {
		return e(tensor.ErrCorrupt, RuleGridHeap, srHeap, "grid description", fmt.Sprintf("[%d, +%d) of the heap", pos, n), fmt.Sprintf("%d to %d bytes at a multiple of 8, inside [0, %d)", 16*rank+8, 16*rank+8+MaxPipeText, heapLen))
	}
	h, err := heap(pos, n)
	if err != nil {
		return err
	}
	s.Shape, s.Chunk = make(tensor.Shape, rank), make(tensor.Shape, rank)
	for i := range rank {
		x, c := le.Uint64(h[8*i:]), le.Uint64(h[8*(rank+i):])
		if x > math.MaxInt64 || c > math.MaxInt64 {
			return e(tensor.ErrOverflow, RuleShapeExtent, srHeap, fmt.Sprintf("extent of axis %d", i), u(max(x, c)), "at most 2^63-1")
		}
		if c == 0 {
			return e(tensor.ErrFormat, RuleGridChunk, srHeap, fmt.Sprintf("chunk extent of axis %d", i), "0", "1 or more")
		}
		s.Shape[i], s.Chunk[i] = int64(x), int64(c)
	}
	s.Slabs = le.Uint64(h[16*rank:])
	s.Pipelines = string(h[16*rank+8:])
	if size, err := tensor.ByteSize(d, s.Shape); err != nil || size != s.Size {
		return e(tensor.ErrCorrupt, RuleGridShape, srSize, "storage size", fmt.Sprint(s.Size), fmt.Sprintf("%d, the bytes of shape %v", size, s.Shape))
	}
	if last := s.Chunk[rank-1]; last%int64(d.UnitElems) != 0 {
		return e(tensor.ErrFormat, RuleGridChunk, srHeap, "chunk extent of the last axis", fmt.Sprint(last), fmt.Sprintf("a multiple of %d", d.UnitElems))
	}
	if raw, err := tensor.ByteSize(d, s.Chunk); err != nil || raw > MaxChunk {
		return e(tensor.ErrLimit, RuleGridChunk, srHeap, "chunk shape", s.Chunk.String(), "at most 2^30 bytes of raw data")
	}
	if want := (uint64(s.Shape[0]) + uint64(s.Chunk[0]) - 1) / uint64(s.Chunk[0]); s.Slabs < want || !s.HasSlabs && s.Slabs != want || s.Slabs > uint64(s.Shape[0]) {
		return e(tensor.ErrCorrupt, RuleGridSlabs, srHeap, "slabs", u(s.Slabs), fmt.Sprintf("%d for %d rows in chunks of %d", want, s.Shape[0], s.Chunk[0]))
	}
	if (s.Ref.Offset == 0 || s.Ref.Length == 0) && !s.Ref.Absent() {
		return e(tensor.ErrCorrupt, RuleRefAbsent, srRef, "root page", s.Ref.String(), "all zero, or a place and a length")
	}
	if !s.Ref.Absent() {
		if s.Ref.Offset%Align != 0 {
			return e(tensor.ErrCorrupt, RuleRefRange, srRef, "root page", s.Ref.String(), "at a multiple of 64")
		}
		if err := checkExtent(s.Ref.Offset, uint64(s.Ref.Length), DataStart, uint64(length-RootSize), s.At+srRef, "root page", RuleRefRange); err != nil {
			return err
		}
	}
	if err := CheckPipelines(s.Pipelines); err != nil {
		return inField(err, s.At+srHeap)
	}
	return nil
}

// inField adds the place of the field that an error is about.
func inField(err error, at int64) error {
	if e, ok := err.(*tensor.Error); ok && e.Offset < 0 {
		e.Offset = at
	}
	return err
}

// CheckPipelines reports an error unless text has the form of a storage's list
// of pipelines: lines of "stage|stage", a stage being a name and arguments
// behind colons. Whether a stage is known is another question.
func CheckPipelines(text string) error {
	bad := func(got, want string) error {
		return fail(tensor.ErrFormat, RulePipeline, -1, "pipelines", tensor.Quote(got), want)
	}
	if len(text) > MaxPipeText {
		return bad(text, fmt.Sprintf("at most %d bytes", MaxPipeText))
	}
	if text == "" {
		return nil
	}
	lines := strings.Split(text, "\n")
	if len(lines) > MaxPipelines {
		return bad(text, fmt.Sprintf("at most %d pipelines", MaxPipelines))
	}
	for _, line := range lines {
		stages := strings.Split(line, "|")
		if len(stages) > MaxStages {
			return bad(line, fmt.Sprintf("at most %d stages", MaxStages))
		}
		for _, stage := range stages {
			for i, word := range strings.Split(stage, ":") {
				ok := word != ""
				for j := range len(word) {
					c := word[j]
					lower := c >= 'a' && c <= 'z' || c >= '0' && c <= '9'
					ok = ok && (lower || i > 0 && (c >= 'A' && c <= 'Z' || strings.IndexByte(".,_-", c) >= 0))
				}
				if !ok {
					return bad(line, "stages of a name in a-z, 0-9 and arguments in A-Z, a-z, 0-9, '.', ',', '_', '-'")
				}
			}
		}
	}
	return nil
}
