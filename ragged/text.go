package ragged

import (
	"context"
	"encoding/binary"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/tensorfile/tensorfile/tensor"
)

// FromText makes strings of a tensor of text of fixed width, S or U, without the
// NULs that fill elements up. S must hold UTF-8, of which ASCII is a part, and U
// characters: anything else is ErrCorrupt (composite.utf8).
func FromText(v tensor.View) (*Strings, error) {
	d := v.DType()
	if d.Class != tensor.ClassBytes || !d.Known() || d.Variant == tensor.VariantOpaque {
		return nil, fail(tensor.ErrDType, "dtype", d.String(), "text, S or U", "")
	}
	shape := v.Shape()
	own, err := v.Clone() // in C order and the byte order of the machine
	if err != nil {
		return nil, err
	}
	units, err := own.Bytes()
	if err != nil {
		return nil, err
	}
	n, size := own.NumElements(), int(d.UnitBytes)
	ptr, raw := make([]int64, n+1), []byte{}
	for i := range n {
		unit := units[int(i)*size:][:size]
		if d.Variant == tensor.VariantUTF32 {
			for end := size; ; end -= 4 {
				if end == 0 || number(unit[end-4:]) != 0 {
					unit = unit[:end]
					break
				}
			}
			for k := 0; k < len(unit); k += 4 {
				c := number(unit[k:])
				if c > utf8.MaxRune || !utf8.ValidRune(rune(c)) {
					return nil, fail(tensor.ErrCorrupt, "character "+itoa(int64(k/4))+" of string "+itoa(i), "U+"+strings.ToUpper(hexNumber(c)), "a code point that is no surrogate", ruleUTF8)
				}
				raw = utf8.AppendRune(raw, rune(c))
			}
		} else {
			text := strings.TrimRight(string(unit), "\x00")
			if !utf8.ValidString(text) {
				return nil, notUTF8(i, []byte(text))
			}
			raw = append(raw, text...)
		}
		ptr[i+1] = int64(len(raw))
	}
	s, err := ownStrings(ptr, raw, shape)
	if err == nil {
		s.checked.Store(true)
	}
	return s, err
}

func number(b []byte) uint32 {
	if tensor.HostOrder == tensor.BigEndian {
		return binary.BigEndian.Uint32(b)
	}
	return binary.LittleEndian.Uint32(b)
}

func hexNumber(c uint32) string {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], c)
	s := strings.TrimLeft(strings.ReplaceAll(hex(b[:]), " ", ""), "0")
	return strings.Repeat("0", max(0, 4-len(s))) + s
}

// TextDType is the dtype that Text makes of d: with the width of the longest
// string, 1 at least, if d has none. Errors are those of Text.
func (s *Strings) TextDType(ctx context.Context, d tensor.DType, o *Options) (tensor.DType, error) {
	if d.Class != tensor.ClassBytes || d.Variant != tensor.VariantText && d.Variant != tensor.VariantUTF32 {
		return d, fail(tensor.ErrDType, "dtype", d.String(), "text, S or U", "")
	}
	if err := s.Validate(ctx, o); err != nil {
		return d, err
	}
	size := int64(1) // bytes of a character
	if d.Variant == tensor.VariantUTF32 {
		size = 4
	}
	limit := int64(d.UnitBytes) / size
	need := make([]int64, o.workers())
	err := split(s.n, len(need), func(part int, lo, hi int64) error {
		return s.each(ctx, lo, hi, func(i, a, b int64) error {
			text, err := s.span(a, b)
			if err != nil {
				return err
			}
			if len(text) > 0 && text[len(text)-1] == 0 {
				return fail(tensor.ErrFormat, "string "+itoa(i), "U+0000 at its end", "another end, for NULs fill up text of fixed width", "")
			}
			n := int64(len(text))
			if size == 4 {
				n = int64(utf8.RuneCount(text))
			}
			if limit > 0 && n > limit {
				return fail(tensor.ErrOverflow, "string "+itoa(i), itoa(n)+" long", "at most "+itoa(limit)+", the width of "+d.String(), "")
			}
			need[part] = max(need[part], n)
			return nil
		})
	})
	if err != nil || limit > 0 {
		return d, err
	}
	longest := max(slices.Max(need), 1)
	width := int(min(longest, 1<<30))
	if d = tensor.Text(width); size == 4 {
		d = tensor.UTF32(width)
	}
	if d.UnitBytes == 0 {
		return d, fail(tensor.ErrLimit, "string", itoa(longest)+" long", "at most 16 MiB for text of fixed width", "")
	}
	return d, nil
}

// Text returns the strings as a tensor of text of fixed width, in memory of its
// own. The dtype is S (bytes of UTF-8) or U (characters) with a width, or
// tensor.Text(0) or tensor.UTF32(0) for the width of the longest string, 1 at
// least.
//
// A string that does not fit is ErrOverflow. One that ends in U+0000 is
// ErrFormat: it could not be told from one that is filled up.
func (s *Strings) Text(ctx context.Context, d tensor.DType, o *Options) (tensor.View, error) {
	d, err := s.TextDType(ctx, d, o)
	if err != nil {
		return tensor.View{}, err
	}
	if err := checkedRoom("text", s.n, int64(d.UnitBytes), o.most()); err != nil {
		return tensor.View{}, err
	}
	dst, err := tensor.Make(d, s.shape)
	if err != nil || s.n == 0 {
		return dst, err
	}
	to, err := dst.Bytes()
	if err != nil {
		return dst, err
	}
	size := int64(d.UnitBytes)
	return dst, split(s.n, o.workers(), func(_ int, lo, hi int64) error {
		return s.each(ctx, lo, hi, func(i, a, b int64) error {
			text, err := s.span(a, b)
			if err != nil {
				return err
			}
			unit := to[i*size:][:size]
			if d.Variant == tensor.VariantText {
				copy(unit, text)
				return nil
			}
			for len(text) > 0 {
				r, n := utf8.DecodeRune(text)
				if tensor.HostOrder == tensor.BigEndian {
					binary.BigEndian.PutUint32(unit, uint32(r))
				} else {
					binary.LittleEndian.PutUint32(unit, uint32(r))
				}
				text, unit = text[n:], unit[4:]
			}
			return nil
		})
	})
}
