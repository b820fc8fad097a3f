package tensor

import (
	"errors"
	"strings"
	"testing"
)

func TestParseSelection(t *testing.T) {
	for text, want := range map[string]string{
		"":                        "[]",
		"[]":                      "[]",
		"  [ ]  ":                 "[]",
		"0":                       "[0]",
		"[0:10, ::2, -1, ...]":    "[0:10, ::2, -1, ...]",
		"0:10,::2,-1,...":         "[0:10, ::2, -1, ...]",
		" [ 1 : 2 : 3 , : ] ":     "[1:2:3, :]",
		"[1,]":                    "[1]",
		"[:,]":                    "[:]",
		"[::1]":                   "[:]",
		"[::]":                    "[:]",
		"[::-1]":                  "[::-1]",
		"[None:None:None]":        "[:]",
		"[newaxis, None]":         "[newaxis, newaxis]",
		"[+5]":                    "[5]",
		"[-5:]":                   "[-5:]",
		"[9223372036854775807]":   "[9223372036854775807]",
		"[-9223372036854775807:]": "[-9223372036854775807:]",
		"...":                     "[...]",
	} {
		sel, err := ParseSelection(text)
		if err != nil || sel.String() != want {
			t.Errorf("ParseSelection(%q) = %v, %v, want %s", text, sel, err, want)
		}
	}
}

func TestParseSelectionRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"[":                      "matching brackets",
		"]":                      "matching brackets",
		"[1":                     "matching brackets",
		"1]":                     "matching brackets",
		"[]]":                    "an index",
		"[[1]]":                  "an index",
		",":                      "an index",
		"[,1]":                   "an index",
		"[1,,2]":                 "an index",
		"[1,2,,]":                "an index",
		"[1 2]":                  "an index",
		"[a]":                    "an index",
		"[1.5]":                  "an index",
		"[0x10]":                 "an index",
		"[1_000]":                "an index",
		"[- 1]":                  "an index",
		"[True]":                 "an index",
		"[(1, 2)]":               "an index",
		"[..]":                   "an index",
		"[:1:2:3]":               "two colons",
		"[a:]":                   "integers",
		"[::0]":                  "a step other than 0",
		"[..., ...]":             "one ellipsis",
		"[9223372036854775808]":  "an index",
		"[-9223372036854775808]": "an index",
		"[:9223372036854775808]": "integers of 64 bits",
		"[\x1b[0m]":              `\x1b[0m`,
	} {
		sel, err := ParseSelection(text)
		if !errors.Is(err, ErrFormat) || !strings.Contains(err.Error(), want) || sel != nil {
			t.Errorf("ParseSelection(%q) = %v, %v, want %q", text, sel, err, want)
		}
	}
	if _, err := ParseSelection(strings.Repeat(":,", 1000)); !errors.Is(err, ErrLimit) {
		t.Errorf("a thousand items: %v", err)
	}
}

func TestResolve(t *testing.T) {
	for _, tt := range []struct {
		sel    string
		s      Shape
		ranges []AxisRange
		out    Shape
		kind   error
	}{
		{"[]", Shape{4, 5}, []AxisRange{{0, 4, 1, false}, {0, 5, 1, false}}, Shape{4, 5}, nil},
		{"[1]", Shape{4, 5}, []AxisRange{{1, 1, 1, true}, {0, 5, 1, false}}, Shape{5}, nil},
		{"[..., 1]", Shape{4, 5}, []AxisRange{{0, 4, 1, false}, {1, 1, 1, true}}, Shape{4}, nil},
		{"[::-2, None, -1]", Shape{4, 5}, []AxisRange{{3, 2, -2, false}, {4, 1, 1, true}}, Shape{2, 1}, nil},
		{"[9:]", Shape{4}, []AxisRange{{0, 0, 1, false}}, Shape{0}, nil},
		{"[...]", Shape{}, []AxisRange{}, Shape{}, nil},
		{"[None]", nil, []AxisRange{}, Shape{1}, nil},
		{"[4]", Shape{4}, nil, nil, ErrIndex},
		{"[-5]", Shape{4}, nil, nil, ErrIndex},
		{"[0]", Shape{0}, nil, nil, ErrIndex},
		{"[:, :]", Shape{4}, nil, nil, ErrIndex},
		{"[0]", nil, nil, nil, ErrIndex},
		{strings.Repeat("None,", 33), nil, nil, nil, ErrLimit},
	} {
		sel, err := ParseSelection(tt.sel)
		if err != nil {
			t.Fatal(err)
		}
		ranges, out, err := sel.Resolve(tt.s)
		if !errors.Is(err, tt.kind) || !out.Equal(tt.out) || len(ranges) != len(tt.ranges) {
			t.Errorf("%s of %v: %v, %v, %v", tt.sel, tt.s, ranges, out, err)
			continue
		}
		for i := range ranges {
			if ranges[i] != tt.ranges[i] {
				t.Errorf("%s of %v: axis %d: %v, want %v", tt.sel, tt.s, i, ranges[i], tt.ranges[i])
			}
		}
	}
	for _, sel := range []Selection{
		{{Kind: 9}},
		{{Kind: SelectEllipsis}, {Kind: SelectEllipsis}},
	} {
		if _, _, err := sel.Resolve(Shape{2, 2}); !errors.Is(err, ErrFormat) {
			t.Errorf("%v: %v", sel, err)
		}
	}
	if _, _, err := (Selection{{Start: None, Stop: None, Step: 0}}).Resolve(Shape{2}); !errors.Is(err, ErrIndex) {
		t.Error(err)
	}
}

// FuzzParseSelection holds that what parses is printed so that it parses to the
// same, and that applying it to any shape neither panics nor leaves the bytes.
func FuzzParseSelection(f *testing.F) {
	for _, s := range []string{"[0:10, ::2, -1, ...]", "", "[None]", "[::-1,]", "[9223372036854775807::-9223372036854775807]", "[-1:,...,:-1]", "[", "[::0]"} {
		f.Add(s, uint32(0x432))
	}
	f.Fuzz(func(t *testing.T, s string, extents uint32) {
		sel, err := ParseSelection(s)
		if err != nil {
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("%T", err)
			}
			return
		}
		again, err := ParseSelection(sel.String())
		if err != nil || again.String() != sel.String() {
			t.Fatalf("%q: %v reads back as %v, %v", s, sel, again, err)
		}
		var shape Shape
		for ; extents > 0; extents >>= 4 {
			shape = append(shape, int64(extents&7))
		}
		for _, d := range []DType{U16, I4} {
			v, err := Make(d, shape)
			if err != nil {
				continue
			}
			part, err := v.Select(sel)
			ranges, out, rerr := sel.Resolve(shape)
			if (err != nil) != (rerr != nil) && !(rerr == nil && d == I4) {
				t.Fatalf("%v of %v: Select %v, Resolve %v", sel, shape, err, rerr)
			}
			if err != nil {
				continue
			}
			if !part.Shape().Equal(out) || len(ranges) != len(shape) {
				t.Fatalf("%v of %v: %v, Resolve %v", sel, shape, part.Shape(), out)
			}
			if _, _, err := checkReach(d, part.shape, part.strides, part.offset, int64(len(part.data))); err != nil {
				t.Fatalf("%v of %v: %v", sel, shape, err)
			}
			if _, err := part.Clone(); err != nil {
				t.Fatal(err)
			}
		}
	})
}
