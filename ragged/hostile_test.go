package ragged

import (
	"bytes"
	"context"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile/tensor"
)

func ptrs[T tensor.Elem](t testing.TB, x ...T) tensor.View { return must(tensor.FromSlice(x))(t) }

// What is wrong with rows is told with its place, by New or by Validate.
func TestBadRows(t *testing.T) {
	values := ptrs(t, 1.0, 2, 3)
	huge := must(ptrs(t, int64(0)).BroadcastTo(tensor.Shape{1 << 50}))(t)
	count := 0
	for _, c := range []struct {
		what            string
		offsets, values tensor.View
		longest         int64
		rule, text      string
	}{
		{"offsets that are floats", ptrs(t, 0.0, 3), values, -1, rulePart, "dtype of offsets"},
		{"offsets of bools", ptrs(t, false, true), values, -1, rulePart, "dtype of offsets"},
		{"offsets of 4 bits", must(tensor.Make(tensor.U4, tensor.Shape{2}))(t), values, -1, rulePart, "dtype of offsets"},
		{"offsets of rank 2", must(ptrs(t, int64(0), 3).Reshape(tensor.Shape{1, 2}))(t), values, -1, rulePart, "shape of offsets"},
		{"no offset at all", ptrs[int64](t), values, -1, rulePart, "shape of offsets"},
		{"values of rank 0", ptrs(t, int64(0), 3), must(values.Index(0, 0))(t), -1, rulePart, "shape of values"},
		{"no values", ptrs(t, int64(0), 3), tensor.View{}, -1, rulePart, "values"},
		{"offsets that begin at 1", ptrs(t, int64(1), 3), values, -1, rulePointer, "offsets[0]: got 1, want 0"},
		{"offsets that begin below 0", ptrs(t, int64(-1), 3), values, -1, rulePointer, "offsets[0]: got -1, want 0"},
		{"offsets that end early", ptrs(t, int64(0), 2), values, -1, rulePointer, "offsets[1]: got 2, want 3, the end"},
		{"offsets that end late", ptrs(t, int64(0), 1, 4), values, -1, rulePointer, "offsets[2]: got 4, want at most 3"},
		{"an offset that falls", ptrs(t, int32(0), 2, 1, 3), values, -1, rulePointer, "offsets[2]: got 1, want 2 or more"},
		{"an offset past the end and back", ptrs(t, uint32(0), 4000000000, 3), values, -1, rulePointer, "offsets[1]: got 4000000000, want at most 3"},
		{"an offset that int64 cannot hold", ptrs(t, uint64(0), math.MaxUint64, 3), values, -1, rulePointer, "offsets[1]: got 18446744073709551615"},
		{"a row longer than the longest", ptrs(t, uint8(0), 3), values, 2, rulePointer, "offsets[1]: got 3, want at most 2, for the longest row has 2"},
		{"2^50 rows in eight bytes, and values for none", huge, values, -1, rulePointer, "offsets[1125899906842623]: got 0, want 3"},
	} {
		count++
		a, err := New(c.offsets, c.values, c.longest)
		if err == nil && c.offsets.NumElements() > 1<<40 { // a look at all of them takes a day
			ctx, cancel := context.WithCancel(background)
			cancel()
			if err := a.Validate(ctx, nil); !errors.Is(err, context.Canceled) {
				t.Errorf("%s: %v", c.what, err)
			}
			if _, err := a.Lengths(background); !errors.Is(err, tensor.ErrLimit) {
				t.Errorf("%s: %v", c.what, err)
			}
			if _, err := a.Clone(background, nil); !errors.Is(err, tensor.ErrLimit) {
				t.Errorf("%s: %v", c.what, err)
			}
			if _, err := a.Select(must(tensor.ParseSelection("[::-1]"))(t)); !errors.Is(err, tensor.ErrLimit) {
				t.Errorf("%s: %v", c.what, err)
			}
			continue
		}
		for workers := 1; workers < 4; workers++ {
			if err == nil {
				err = a.Validate(background, &Options{Workers: workers})
			}
			var e *tensor.Error
			if !errors.As(err, &e) || e.Rule != c.rule || !strings.Contains(err.Error(), c.text) {
				t.Errorf("%s: %v, want %s, %s", c.what, err, c.rule, c.text)
			}
			if c.rule == rulePart && !errors.Is(err, tensor.ErrFormat) || c.rule == rulePointer && !errors.Is(err, tensor.ErrCorrupt) {
				t.Errorf("%s: kind of %v", c.what, err)
			}
			if a != nil {
				err = nil
			}
		}
		if a == nil {
			continue
		}
		if _, _, err := a.Parts(background, nil); err == nil {
			t.Errorf("%s: parts", c.what)
		}
		if _, err := a.Dense(background, nil); err == nil {
			t.Errorf("%s: dense", c.what)
		}
		for i := range a.Len() { // rows that are wrong are refused one by one
			if v, err := a.Row(i); err == nil && v.NumElements() > 3 {
				t.Errorf("%s: row %d", c.what, i)
			}
		}
	}
	t.Logf("%d bad arrays", count)
}

func TestBadStrings(t *testing.T) {
	count := 0
	add := func(what, raw, rule, text string, offsets ...int64) {
		t.Helper()
		count++
		s, err := NewStrings(ptrs(t, offsets...), ptrs(t, []byte(raw)...), nil)
		if err != nil {
			t.Errorf("%s: %v", what, err)
			return
		}
		// Both ways to look at all: as they lie, and picked one by one.
		for workers := 1; workers < 3; workers++ {
			err = s.Validate(background, &Options{Workers: workers})
			var e *tensor.Error
			if !errors.As(err, &e) || !errors.Is(err, tensor.ErrCorrupt) || e.Rule != rule || !strings.Contains(err.Error(), text) {
				t.Errorf("%s: %v, want %s, %s", what, err, rule, text)
			}
		}
		if x, err := s.Select(must(tensor.ParseSelection("[::-1]"))(t)); err == nil {
			if err = x.Validate(background, nil); err == nil && rule == ruleUTF8 {
				t.Errorf("%s: picked strings are taken", what)
			}
		}
		if _, err := s.List(background); err == nil {
			t.Errorf("%s: a list", what)
		}
		if _, err := s.Text(background, tensor.Text(0), nil); err == nil {
			t.Errorf("%s: text", what)
		}
		if _, err := collect(s.All()); err == nil && rule == ruleUTF8 {
			t.Errorf("%s: iterated", what)
		}
	}
	add("Latin-1", "caf\xe9", ruleUTF8, "byte 3 of string 0: got e9", 0, 4)
	add("a character over a boundary", "a\u20acb", ruleUTF8, "byte 1 of string 0: got e2,", 0, 2, 5)
	add("a character over an empty string", "\u20ac", ruleUTF8, "byte 0 of string 0: got e2 82", 0, 2, 2, 3)
	add("a continuation alone", "ab\x80", ruleUTF8, "byte 2 of string 0: got 80", 0, 3)
	add("two bytes for U+0000", "\xc0\x80", ruleUTF8, "byte 0 of string 0: got c0 80", 0, 2)
	add("two bytes for ASCII", "x\xc1\xbf", ruleUTF8, "byte 1 of string 0: got c1 bf", 0, 3)
	add("three bytes where two do", "\xe0\x9f\xbf", ruleUTF8, "byte 0 of string 0: got e0 9f bf", 0, 3)
	add("four bytes where three do", "\xf0\x8f\xbf\xbf", ruleUTF8, "byte 0 of string 0: got f0 8f bf bf", 0, 4)
	add("a high surrogate", "\xed\xa0\x80", ruleUTF8, "byte 0 of string 0: got ed a0 80", 0, 3)
	add("a pair of surrogates", "\xed\xa0\xbd\xed\xb8\x80", ruleUTF8, "byte 0 of string 0", 0, 6)
	add("past U+10FFFF", "\xf4\x90\x80\x80", ruleUTF8, "got f4 90 80 80", 0, 4)
	add("five bytes", "\xf8\x88\x80\x80\x80", ruleUTF8, "got f8 88 80 80", 0, 5)
	add("cut at the end of all", "abc\xf0\x9f\x98", ruleUTF8, "byte 0 of string 2: got f0 9f 98", 0, 2, 3, 6)
	add("a byte order mark of UTF-16", "\xff\xfea\x00", ruleUTF8, "byte 0 of string 0: got ff fe 61 00", 0, 4)
	long := strings.Repeat("x", 3*textPiece)
	add("far behind", long+"\xff"+long, ruleUTF8, "byte 196608 of string 1: got ff 78 78 78", 0, 0, 6*textPiece+1)
	add("continuations without end", strings.Repeat("\x80", 3*textPiece), ruleUTF8, "byte 0 of string 0", 0, 3*textPiece)
	add("cut where pieces meet", long[:textPiece-1]+"\u20ac"[:2]+long, ruleUTF8, "byte 65535 of string 0: got e2 82 78 78", 0, 4*textPiece+1)
	add("an offset that falls", "abc", rulePointer, "offsets[2]: got 1", 0, 2, 1, 3)
	add("an offset past the bytes", "abc", rulePointer, "offsets[1]: got 9", 0, 9, 3)
	add("offsets that end early", "abc", rulePointer, "offsets[1]: got 2, want 3", 0, 2)
	add("no bytes for an offset", "", rulePointer, "offsets[1]: got 1", 0, 1)
	if count < 12 {
		t.Error(count)
	}
	t.Logf("%d bad tensors of strings", count)

	if _, err := NewStrings(ptrs(t, int64(0), 1), ptrs(t, int8(1)), nil); !errors.Is(err, tensor.ErrFormat) {
		t.Error(err)
	}
	for _, shape := range []tensor.Shape{{2}, {1, 0}, {-1}, {1 << 32, 1 << 32}} {
		if _, err := NewStrings(ptrs(t, int64(0), 1), ptrs(t, byte('a')), shape); err == nil {
			t.Errorf("shape %v", shape)
		}
	}
	if _, err := FromStrings([]string{"a", "\xff"}); !errors.Is(err, tensor.ErrCorrupt) {
		t.Error(err)
	}
	for _, raw := range []string{"\xff\x00\x00\x00", "\x00\xd8\x00\x00", "\x00\x00\x11\x00"} {
		for _, d := range []tensor.DType{tensor.Text(4), tensor.UTF32(1)} {
			v := must(tensor.NewView([]byte(raw), d, tensor.Shape{1}, nil, 0, tensor.LittleEndian))(t)
			if x, err := FromText(v); err == nil && (d != tensor.Text(4) || raw[0] == '\xff') && (d == tensor.Text(4) || raw[0] != '\xff') {
				t.Errorf("%v of %x: %v", d, raw, must(x.List(background))(t))
			}
		}
	}
}

// Long text, in pieces that are cut inside characters, is valid, whatever its
// strides.
func TestTextInPieces(t *testing.T) {
	raw := []byte(strings.Repeat("a€😀ñ", textPiece))
	whole := ptrs(t, raw...)
	gaps := make([]byte, 2*len(raw))
	for i, x := range raw {
		gaps[2*i] = x
	}
	apart := must(ptrs(t, gaps...).Slice(0, 0, int64(len(gaps)), 2))(t)
	for _, v := range []tensor.View{whole, apart} {
		s := must(NewStrings(ptrs(t, int64(0), 10, int64(len(raw))), v, nil))(t)
		if err := s.Validate(background, &Options{Workers: 3}); err != nil {
			t.Fatal(err)
		}
		if got := must(s.Bytes(1))(t); !bytes.Equal(got, raw[10:]) {
			t.Error("another string")
		}
	}
}

// What is too large is refused before it is made.
func TestLimits(t *testing.T) {
	v := must(must(tensor.Make(tensor.U8, tensor.Shape{1 << 20}))(t).Reshape(tensor.Shape{1 << 20}))(t)
	a := must(New(ptrs(t, int64(0), 1<<20), v, -1))(t)
	rows := make([]int64, 1<<13) // 8 GiB
	if _, err := must(a.Take(rows))(t).Clone(background, nil); !errors.Is(err, tensor.ErrLimit) {
		t.Error(err)
	}
	if _, err := must(a.Take(rows))(t).Dense(background, nil); !errors.Is(err, tensor.ErrLimit) {
		t.Error(err)
	}
	if _, err := a.Dense(background, &DenseOptions{Length: 1 << 40}); !errors.Is(err, tensor.ErrLimit) {
		t.Error(err)
	}
	if _, err := must(New(ptrs(t, int64(0), 2), must(tensor.FromSlice([]float64{1, 2}, 2))(t), -1))(t).Dense(background, &DenseOptions{Length: math.MaxInt64}); !errors.Is(err, tensor.ErrOverflow) {
		t.Error(err)
	}
	s := must(FromStrings(append(make([]string, 1<<13), strings.Repeat("x", 1<<20))))(t)
	if _, err := s.Text(background, tensor.UTF32(0), nil); !errors.Is(err, tensor.ErrLimit) {
		t.Error(err)
	}
	if _, err := s.Text(background, tensor.Text(7), nil); !errors.Is(err, tensor.ErrOverflow) {
		t.Error(err)
	}
	packed := must(tensor.NewView([]byte{0x21, 0x43}, tensor.U4, tensor.Shape{4}, nil, 0, tensor.HostOrder))(t)
	p := must(New(ptrs(t, int64(0), 2, 3, 4), packed, -1))(t)
	if row := must(p.Row(0))(t); row.NumElements() != 2 {
		t.Error(row)
	}
	if _, err := p.Row(1); !errors.Is(err, tensor.ErrUnsupported) {
		t.Error(err)
	}
	if _, err := p.Dense(background, nil); !errors.Is(err, tensor.ErrUnsupported) {
		t.Error(err)
	}
}

// What is refused, and why.
func TestRefused(t *testing.T) {
	a := must(FromSlices([][]float64{{1}, {2, 3}}))(t)
	other := must(FromSlices([][]int8{{1}}))(t)
	s := must(FromStrings([]string{"a", "b"}, 2))(t)
	one := func(_ any, err error) error { return err }
	for what, c := range map[string]struct {
		err, kind error
	}{
		"row 2":              {one(a.Row(2)), tensor.ErrIndex},
		"row -3":             {one(a.Row(-3)), tensor.ErrIndex},
		"rows 1:3":           {one(a.Slice(1, 3)), tensor.ErrIndex},
		"rows taken":         {one(a.Take([]int64{0, 2})), tensor.ErrIndex},
		"an index":           {one(a.Select(must(tensor.ParseSelection("[0]"))(t))), tensor.ErrUnsupported},
		"part of axis 1":     {one(a.Select(must(tensor.ParseSelection("[:, :1]"))(t))), tensor.ErrUnsupported},
		"a new axis":         {one(a.Select(must(tensor.ParseSelection("[None]"))(t))), tensor.ErrUnsupported},
		"too many axes":      {one(a.Select(must(tensor.ParseSelection("[:, :, 0]"))(t))), tensor.ErrIndex},
		"two dtypes":         {one(Concat(background, a, other)), tensor.ErrDType},
		"nothing":            {one(Concat(background)), tensor.ErrShape},
		"no rows":            {one(FromRows()), tensor.ErrShape},
		"a dense vector":     {one(FromDense(ptrs(t, 1.0), nil)), tensor.ErrShape},
		"lengths":            {one(FromDense(must(tensor.Make(tensor.F32, tensor.Shape{2, 2}))(t), []int64{1, 3})), tensor.ErrShape},
		"another type":       {one(Data[float32](a, 0)), tensor.ErrDType},
		"one index too many": {one(s.At(0, 0)), tensor.ErrIndex},
		"string 2":           {one(s.At(2)), tensor.ErrIndex},
		"strings 1:3":        {one(s.Slice(1, 3)), tensor.ErrIndex},
		"another shape":      {one(s.Reshape(tensor.Shape{3})), tensor.ErrShape},
		"a dtype of numbers": {one(s.Text(background, tensor.F32, nil)), tensor.ErrDType},
		"text of numbers":    {one(FromText(ptrs(t, 1.0))), tensor.ErrDType},
		"other shapes":       {one(ConcatStrings(background, s, must(s.Reshape(tensor.Shape{1, 2}))(t))), tensor.ErrShape},
	} {
		if !errors.Is(c.err, c.kind) {
			t.Errorf("%s: %v", what, c.err)
		}
	}
}
