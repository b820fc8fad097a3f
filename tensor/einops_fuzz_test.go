package tensor

import (
	"slices"
	"strings"
	"testing"
)

// FuzzPattern parses anything. What is a pattern means the same when it is
// written again in other words, and no operation with it panics.
func FuzzPattern(f *testing.F) {
	for _, s := range []string{
		"b c (h h1) (w w1) -> b (h1 w1 c) h w", "... a -> a (...)", "a 1 () -> a", "(2 h) w -> h w", "a->a 3", "a b", "( -> )", "é _ -> é", "a..b->", "a a->a",
		"()->", "->", "a (b c -> d", "9a -> 1a", "a 0 -> a", "99999999999999999999 -> a",
	} {
		f.Add(s, int64(6), int64(4))
	}
	f.Fuzz(func(t *testing.T, text string, x, y int64) {
		p, err := ParsePattern(text)
		if _, err := ParseShape(Shape{x & 7, y & 7}, text); err == nil && strings.Contains(text, "->") {
			t.Fatalf("%q is a shape", text)
		}
		if err != nil {
			return
		}
		again, err := ParsePattern(written(p))
		if err != nil || written(again) != written(p) || !slices.Equal(again.terms, p.terms) || again.inside != p.inside {
			t.Fatalf("%q is %q, which is %v, %v", text, written(p), again, err)
		}
		v := benchView(t, U8, x&7, y&7)
		sizes := Sizes{}
		for _, w := range p.terms {
			if w.name != "" && w.name != ellipsis && len(sizes) < 2 {
				sizes[w.name] = x & 3
			}
		}
		for _, z := range []Sizes{nil, sizes} {
			if out, _, err := Rearrange(v, text, z); err == nil && out.n != v.n {
				t.Fatalf("%q of %v is %v", text, v.shape, out.shape)
			}
			if s, err := p.OutShape(v.shape, z); err == nil && p.Reduces() {
				if out, err := Reduce(v, text, Sum, z); err == nil && !out.shape.Equal(s) {
					t.Fatalf("%q of %v is %v, not %v", text, v.shape, out.shape, s)
				}
			}
			if s, err := p.OutShape(v.shape, z); err == nil && p.Repeats() {
				if n, err := s.NumElements(); err == nil && n < 1<<16 {
					if out, _, err := Repeat(v, text, z); err == nil && !out.shape.Equal(s) {
						t.Fatalf("%q of %v is %v, not %v", text, v.shape, out.shape, s)
					}
				}
			}
		}
	})
}

// written is a pattern with one space between words.
func written(p *Pattern) string {
	var b strings.Builder
	side := func(axes [][]int, inside bool) {
		for _, axis := range axes {
			bare := len(axis) == 1 && (axis[0] != p.ellipsis || !inside)
			if !bare {
				b.WriteString("( ")
			}
			for _, t := range axis {
				b.WriteString(p.terms[t].String() + " ")
			}
			if !bare {
				b.WriteString(") ")
			}
		}
	}
	side(p.left, false)
	b.WriteString("-> ")
	side(p.right, p.inside)
	return b.String()
}

// FuzzRearrange compares with elements moved one by one.
func FuzzRearrange(f *testing.F) {
	f.Add([]byte{3, 2, 4, 2, 1, 0, 2, 1, 1}, true)
	f.Add([]byte{5, 1, 2, 3, 2, 2, 4, 0, 3, 1, 2, 9, 1}, false)
	f.Fuzz(func(t *testing.T, b []byte, flip bool) {
		next := func(n int) int {
			if len(b) == 0 {
				return 0
			}
			x := int(b[0]) % n
			b = b[1:]
			return x
		}
		rank := 1 + next(5)
		extents, names := make([]int64, rank), "abcde"[:rank]
		for i := range extents {
			extents[i] = int64(1 + next(6))
		}
		order := make([]int, 0, rank)
		for i := range rank {
			order = slices.Insert(order, next(len(order)+1), i)
		}
		sizes := Sizes{}
		for i, c := range names {
			sizes[string(c)] = extents[i]
		}
		// Groups of axes, as words and as extents.
		group := func(order []int) (string, Shape) {
			var text []string
			var s Shape
			for len(order) > 0 {
				n := min(1+next(3), len(order))
				word, e := "", int64(1)
				for _, i := range order[:n] {
					word += " " + names[i:i+1]
					e *= extents[i]
				}
				text, s = append(text, "("+word+" )"), append(s, e)
				order = order[n:]
			}
			return strings.Join(text, " "), s
		}
		plain := make([]int, rank)
		for i := range plain {
			plain[i] = i
		}
		left, in := group(plain)
		right, final := group(order)
		v := counted(t, in...)
		if flip {
			flipped, err := v.Flip()
			if err != nil {
				t.Fatal(err)
			}
			v = flipped
		}
		out, copied, err := Rearrange(v, left+" -> "+right, sizes)
		if err != nil || !out.shape.Equal(final) {
			t.Fatalf("%s -> %s of %v: %v, %v", left, right, in, out.shape, err)
		}
		if inside := len(out.data) == len(v.data) && &out.data[0] == &v.data[0]; inside == copied {
			t.Fatalf("%s -> %s of %v: copied %v, in the memory of the source %v", left, right, in, copied, inside)
		}
		flat, err := out.Clone()
		if err != nil {
			t.Fatal(err)
		}
		got, err := Data[int32](flat)
		if err != nil {
			t.Fatal(err)
		}
		idx := make([]int64, rank) // of the result, in its order of axes
		for k, x := range got {
			rest := int64(k)
			for i := rank - 1; i >= 0; i-- {
				e := extents[order[i]]
				idx[order[i]] = rest % e
				rest /= e
			}
			at := int64(0)
			for i, e := range extents {
				at = at*e + idx[i]
			}
			if flip {
				at = v.n - 1 - at
			}
			if int64(x) != at {
				t.Fatalf("%s -> %s of %v: element %d is %d, want %d", left, right, in, k, x, at)
			}
		}
	})
}
