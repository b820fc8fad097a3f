package ragged

import (
	"context"
	"iter"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"unicode/utf8"

	"github.com/tensorfile/tensorfile/tensor"
)

// Strings is a tensor of UTF-8 strings, of any shape. Strings may hold any
// character, U+0000 too.
type Strings struct {
	spans
	bytes tensor.View
	raw   []byte // bytes, where they lie one behind the other
	shape tensor.Shape

	checking sync.Mutex  // held by Validate
	checked  atomic.Bool // Validate has succeeded
}

// NewStrings makes a tensor of n strings from n+1 offsets, of any int or uint
// dtype of 8 to 64 bits, and bytes (u8, rank 1). String i, in C order, is bytes
// offsets[i] to offsets[i+1]. A nil shape is (n,).
//
// It looks at no offset and no byte: see Validate. Errors are ErrFormat
// (composite.part).
func NewStrings(offsets, bytes tensor.View, shape tensor.Shape) (*Strings, error) {
	if bytes.DType() != tensor.U8 || bytes.Rank() != 1 {
		return nil, fail(tensor.ErrFormat, "bytes", bytes.DType().String()+" "+bytes.Shape().String(), "u8 (n,)", rulePart)
	}
	s, err := newSpans(offsets, bytes.NumElements(), math.MaxInt64)
	if err != nil {
		return nil, err
	}
	if shape == nil {
		shape = tensor.Shape{s.n}
	}
	n, err := shape.NumElements()
	if err != nil {
		return nil, err
	}
	if n != s.n || len(shape) > tensor.MaxRank {
		return nil, fail(tensor.ErrFormat, "shape", shape.String(), itoa(s.n)+" strings, as there are offsets", rulePart)
	}
	x := &Strings{spans: s, bytes: bytes, shape: shape.Clone()}
	if bytes.IsContiguous() {
		if x.raw, err = bytes.Bytes(); err != nil {
			return nil, err
		}
	}
	return x, nil
}

// FromStrings makes a tensor of a list, which it copies. Without extents it has
// one axis. A string that is not UTF-8 is ErrCorrupt (composite.utf8).
func FromStrings(list []string, shape ...int64) (*Strings, error) {
	ptr := make([]int64, len(list)+1)
	for i, s := range list {
		if !utf8.ValidString(s) {
			return nil, notUTF8(int64(i), []byte(s))
		}
		ptr[i+1] = ptr[i] + int64(len(s))
	}
	raw := make([]byte, 0, ptr[len(list)])
	for _, s := range list {
		raw = append(raw, s...)
	}
	x, err := ownStrings(ptr, raw, shape)
	if err == nil {
		x.checked.Store(true)
	}
	return x, err
}

func ownStrings(ptr []int64, raw []byte, shape tensor.Shape) (*Strings, error) {
	offsets := viewOf(ptr)
	bytes, err := tensor.FromSlice(raw)
	if err != nil {
		return nil, err
	}
	return NewStrings(offsets, bytes, shape)
}

// notUTF8 is the error of string i, with the place and the first bytes of what
// is wrong.
func notUTF8(i int64, b []byte) error {
	at := 0
	for at < len(b) {
		r, n := utf8.DecodeRune(b[at:])
		if r == utf8.RuneError && n == 1 {
			break
		}
		at += n
	}
	bad := b[at:min(at+4, len(b))]
	return fail(tensor.ErrCorrupt, "byte "+itoa(int64(at))+" of string "+itoa(i), hex(bad), "UTF-8", ruleUTF8)
}

func hex(b []byte) string {
	const digits = "0123456789abcdef"
	s := make([]byte, 0, 3*len(b))
	for i, x := range b {
		if i > 0 {
			s = append(s, ' ')
		}
		s = append(s, digits[x>>4], digits[x&15])
	}
	return string(s)
}

// Len is the number of strings.
func (s *Strings) Len() int64 { return s.n }

// Shape returns the extents. The caller must not change them.
func (s *Strings) Shape() tensor.Shape { return s.shape }

// Validate checks all strings: their offsets as Array.Validate does, and that
// each is UTF-8 (composite.utf8). It reads the parts in parallel and in bounded
// memory, and once: success is remembered. The error, ErrCorrupt, names the
// first string that is wrong, whatever the number of workers; an offset that is
// wrong comes before.
func (s *Strings) Validate(ctx context.Context, o *Options) error {
	if s.checked.Load() {
		return nil
	}
	s.checking.Lock()
	defer s.checking.Unlock()
	if s.checked.Load() {
		return nil
	}
	if _, err := s.check(ctx, o.workers()); err != nil {
		return err
	}
	ok, err := s.text(ctx, o.workers())
	if err == nil && !ok {
		err = s.firstBad(ctx)
	}
	if err == nil {
		s.checked.Store(true)
	}
	return err
}

// textPiece is how many bytes are looked at at a time.
const textPiece = 1 << 16

// text reports whether all strings are UTF-8: whether the bytes are, as a whole,
// and no string begins inside a character.
func (s *Strings) text(ctx context.Context, workers int) (bool, error) {
	if s.picked || s.n == 0 {
		return s.n == 0, nil // one by one
	}
	first, last := s.ptr.ends(s.n) // were checked
	bad := new(atomic.Bool)
	err := splitBy(last-first, textPiece, workers, func(_ int, lo, hi int64) error {
		lo, hi = s.start(first+lo, last), s.start(first+hi, last)
		for lo < hi && !bad.Load() {
			if err := ctx.Err(); err != nil {
				return err
			}
			end := hi
			if hi-lo > textPiece {
				end = s.start(lo+textPiece, last)
			}
			b, err := s.span(lo, end)
			if err != nil {
				return err
			}
			if !utf8.Valid(b) {
				bad.Store(true)
			}
			lo = end
		}
		return nil
	})
	if err != nil || bad.Load() {
		return false, err
	}
	// As the bytes are whole characters, no string is cut if none begins inside
	// one.
	err = split(s.n, workers, func(_ int, lo, hi int64) error {
		for at := lo; at < hi && !bad.Load(); at += scanPiece {
			end := min(at+scanPiece, hi)
			found := false
			switch x := &s.ptr; {
			case ctx.Err() != nil:
				return ctx.Err()
			case s.raw != nil && x.wide != nil:
				found = cuts(x.wide[at:end], s.raw)
			case s.raw != nil && x.narrow != nil:
				found = cuts(x.narrow[at:end], s.raw)
			case s.raw != nil && x.plain != nil:
				found = cuts(x.plain[at:end], s.raw)
			default:
				err := s.each(ctx, at, end, func(_, a, b int64) error {
					found = found || a < b && s.inside(a)
					return nil
				})
				if err != nil {
					return err
				}
			}
			if found {
				bad.Store(true)
			}
		}
		return nil
	})
	return !bad.Load(), err
}

// cuts reports whether one of the places, which were checked, is inside a
// character.
func cuts[T int32 | uint32 | int64](ptr []T, raw []byte) bool {
	for _, x := range ptr {
		if uint64(x) < uint64(len(raw)) && raw[x]&0xc0 == 0x80 {
			return true
		}
	}
	return false
}

// start is the first byte from at on that begins a character, or the byte that
// three others of no beginning come before: then text is not UTF-8.
func (s *Strings) start(at, last int64) int64 {
	for k := 0; k < 3 && at < last && s.inside(at); k++ {
		at++
	}
	return at
}

// inside reports whether byte i does not begin a character.
func (s *Strings) inside(i int64) bool {
	if s.raw != nil {
		return s.raw[i]&0xc0 == 0x80
	}
	b, err := s.bytes.UnitAt(i)
	return err == nil && b[0]&0xc0 == 0x80
}

// span is bytes lo to hi: the memory itself, or a copy.
func (s *Strings) span(lo, hi int64) ([]byte, error) {
	switch {
	case lo == hi:
		return nil, nil
	case s.raw != nil:
		return s.raw[lo:hi:hi], nil
	}
	v, err := s.bytes.Slice(0, lo, hi, 1)
	if err != nil {
		return nil, err
	}
	if v, err = v.Clone(); err != nil {
		return nil, err
	}
	return v.Bytes()
}

// firstBad looks at one string after the other.
func (s *Strings) firstBad(ctx context.Context) error {
	return s.each(ctx, 0, s.n, func(i, a, b int64) error {
		_, err := s.valid(i, a, b)
		return err
	})
}

// valid is the bytes of string i, which lie from a to b, if they are UTF-8.
func (s *Strings) valid(i, a, b int64) ([]byte, error) {
	text, err := s.span(a, b)
	if err == nil && !s.checked.Load() && !utf8.Valid(text) {
		err = notUTF8(i, text)
	}
	return text, err
}

// flat is the string at indices, negative from the back, in C order.
func (s *Strings) flat(idx []int64) (int64, error) {
	if len(idx) != len(s.shape) {
		return 0, fail(tensor.ErrIndex, "index", itoa(int64(len(idx)))+" indices", itoa(int64(len(s.shape))), "")
	}
	at := int64(0)
	for axis, i := range idx {
		n := s.shape[axis]
		if i < 0 {
			i += n
		}
		if i < 0 || i >= n {
			return 0, fail(tensor.ErrIndex, "index of axis "+itoa(int64(axis)), itoa(idx[axis]), "-"+itoa(n)+" to "+itoa(n-1), "")
		}
		at = at*n + i
	}
	return at, nil
}

// At returns the string at indices, one for each axis, negative from the back.
// It is a copy.
func (s *Strings) At(idx ...int64) (string, error) {
	b, err := s.Bytes(idx...)
	return string(b), err
}

// Bytes is At without a copy: the bytes belong to the part, and must not be
// changed.
func (s *Strings) Bytes(idx ...int64) ([]byte, error) {
	i, err := s.flat(idx)
	if err != nil {
		return nil, err
	}
	a, b, err := s.at(i)
	if err != nil {
		return nil, err
	}
	return s.valid(i, a, b)
}

// All iterates over the strings in C order, copies of them. It ends with the
// first error.
func (s *Strings) All() iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for i := range s.n {
			a, b, err := s.at(i)
			var text []byte
			if err == nil {
				text, err = s.valid(i, a, b)
			}
			if err != nil {
				yield("", err)
				return
			}
			if !yield(string(text), nil) {
				return
			}
		}
	}
}

// List returns all strings in C order. They share one copy of the bytes, which
// lives as long as any of them.
func (s *Strings) List(ctx context.Context) ([]string, error) {
	if err := s.Validate(ctx, nil); err != nil {
		return nil, err
	}
	ptr, raw, err := s.packed(ctx, nil)
	if err != nil {
		return nil, err
	}
	all := string(raw)
	list := make([]string, s.n)
	for i := range list {
		list[i] = all[ptr[i]:ptr[i+1]]
	}
	return list, nil
}

// Lengths returns the number of bytes of each string, in C order.
func (s *Strings) Lengths(ctx context.Context) ([]int64, error) { return s.lengths(ctx, nil) }

// derive is other strings of the same bytes.
func (s *Strings) derive(t spans, shape tensor.Shape) *Strings {
	x := &Strings{spans: t, bytes: s.bytes, raw: s.raw, shape: shape}
	x.checked.Store(s.checked.Load())
	return x
}

// Slice returns the strings start to stop of axis 0. They share the parts.
func (s *Strings) Slice(start, stop int64) (*Strings, error) {
	if len(s.shape) == 0 {
		return nil, fail(tensor.ErrShape, "strings", "rank 0", "an axis 0", "")
	}
	if start < 0 || stop < start || stop > s.shape[0] {
		return nil, fail(tensor.ErrIndex, "rows", itoa(start)+":"+itoa(stop), "inside 0:"+itoa(s.shape[0]), "")
	}
	shape := s.shape.Clone()
	shape[0] = stop - start
	per, err := s.shape[1:].NumElements()
	if err != nil {
		return nil, err
	}
	t, err := s.slice(start*per, stop*per)
	return s.derive(t, shape), err
}

// Select takes ranges and indices of axes, as tensor.Selection says. The bytes
// are shared.
func (s *Strings) Select(sel tensor.Selection) (*Strings, error) {
	ranges, shape, err := sel.Resolve(s.shape)
	if err != nil {
		return nil, err
	}
	n, err := shape.NumElements()
	if err != nil {
		return nil, err
	}
	if len(ranges) > 0 && ranges[0].Step == 1 && s.rest(ranges) {
		per := s.shape[1:]
		k, err := per.NumElements()
		if err != nil {
			return nil, err
		}
		t, err := s.slice(ranges[0].First*k, (ranges[0].First+ranges[0].Count)*k)
		return s.derive(t, shape), err
	}
	at := make([]int64, len(ranges)) // of what is taken next
	t, err := s.pick(n, func(int64) int64 {
		i := int64(0)
		for axis, r := range ranges {
			i = i*s.shape[axis] + r.First + at[axis]*r.Step
		}
		for axis := len(ranges) - 1; axis >= 0; axis-- {
			if at[axis]++; at[axis] < ranges[axis].Count {
				break
			}
			at[axis] = 0
		}
		return i
	})
	if err != nil {
		return nil, err
	}
	return s.derive(t, shape), nil
}

// rest reports whether all axes but the first are taken whole.
func (s *Strings) rest(ranges []tensor.AxisRange) bool {
	for axis, r := range ranges[1:] {
		if r.Drop || r.Step != 1 || r.Count != s.shape[axis+1] {
			return false
		}
	}
	return true
}

// Reshape returns the strings in another shape of as many.
func (s *Strings) Reshape(shape tensor.Shape) (*Strings, error) {
	n, err := shape.NumElements()
	if err == nil && (n != s.n || len(shape) > tensor.MaxRank) {
		err = fail(tensor.ErrShape, "shape", shape.String(), itoa(s.n)+" strings", "")
	}
	if err != nil {
		return nil, err
	}
	return s.derive(s.spans, shape.Clone()), nil
}

// Parts returns the offsets, which begin at 0, and the bytes of these strings
// and no others: as the file format has them, validated. Those that NewStrings
// was given come back as they were; of slices and selections they are copies.
func (s *Strings) Parts(ctx context.Context, o *Options) (offsets, bytes tensor.View, err error) {
	if err := s.Validate(ctx, o); err != nil || s.whole {
		return s.ptr.v, s.bytes, err
	}
	ptr, raw, err := s.packed(ctx, o)
	if err != nil {
		return offsets, bytes, err
	}
	t, err := ownStrings(ptr, raw, nil)
	if err != nil {
		return offsets, bytes, err
	}
	return t.ptr.v, t.bytes, nil
}

// packed is offsets from 0 up, and bytes that are not to be changed.
func (s *Strings) packed(ctx context.Context, o *Options) (ptr []int64, raw []byte, err error) {
	ptr, dense, err := s.rebased(ctx, o)
	if err != nil {
		return nil, nil, err
	}
	if dense {
		lo, hi, err := s.reach(ctx)
		if err == nil {
			raw, err = s.span(lo, hi)
		}
		return ptr, raw, err
	}
	if err := checkedRoom("strings", ptr[s.n], 1, o.most()); err != nil {
		return nil, nil, err
	}
	raw = make([]byte, 0, ptr[s.n])
	err = s.each(ctx, 0, s.n, func(_, a, b int64) error {
		text, err := s.span(a, b)
		raw = append(raw, text...)
		return err
	})
	return ptr, raw, err
}

// ConcatStrings returns the strings of all tensors along axis 0, in memory of
// their own. Shapes must be the same but for axis 0.
func ConcatStrings(ctx context.Context, tensors ...*Strings) (*Strings, error) {
	if len(tensors) == 0 {
		return nil, fail(tensor.ErrShape, "strings", "none", "one or more", "")
	}
	first := tensors[0]
	if len(first.shape) == 0 {
		return nil, fail(tensor.ErrShape, "strings", "rank 0", "an axis 0", "")
	}
	shape := first.shape.Clone()
	shape[0] = 0
	list, raw := []int64{0}, []byte{}
	for i, s := range tensors {
		if len(s.shape) != len(shape) || !slices.Equal(s.shape[1:], shape[1:]) {
			return nil, fail(tensor.ErrShape, "strings "+itoa(int64(i)), s.shape.String(), "the shape "+first.shape.String()+" but for axis 0", "")
		}
		if shape[0] += s.shape[0]; shape[0] < 0 {
			return nil, fail(tensor.ErrOverflow, "rows", "more than 2^63-1", "fewer", "")
		}
		offsets, bytes, err := s.Parts(ctx, nil)
		if err != nil {
			return nil, err
		}
		if list, err = behind(list, offsets); err != nil {
			return nil, err
		}
		at := len(raw)
		raw = append(raw, make([]byte, bytes.NumElements())...)
		if dst, err := tensor.FromSlice(raw[at:]); err != nil {
			return nil, err
		} else if err := tensor.Copy(dst, bytes); err != nil {
			return nil, err
		}
	}
	t, err := ownStrings(list, raw, shape)
	if err == nil {
		t.checked.Store(true)
	}
	return t, err
}
