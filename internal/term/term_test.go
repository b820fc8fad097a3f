package term

import (
	"image"
	"image/color"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/tensorfile/tensorfile/internal/term/termtest"
)

// Widths as terminals have them (xterm, kitty and VTE agree on these).
func TestWidth(t *testing.T) {
	for s, want := range map[string]int{
		"":                     0,
		"layers.0.weight":      15,
		"größe":                5,
		"e\u0301":              1, // a letter and an accent
		"重み":                   4,
		"ﾊﾝｶｸ":                 4, // half width
		"Ａ":                    2, // full width
		"한국어":                  6,
		"\u1112\u1161\u11ab":   2, // the same sort of syllable, of three letters
		"🙂":                    2,
		"\u0e01\u0e33\u0e48":   2, // Thai, a tone above
		"a\u20ddb":             2, // in a circle
		"Ωмега":                5,
		"نص":                   2,
		"x\u0300\u0301\u0302y": 2,
	} {
		if got := Width(s); got != want {
			t.Errorf("%q takes %d columns, not %d", s, got, want)
		}
	}
}

// What is cut takes as many columns as there are, at most, and no mark loses its
// letter.
func TestCut(t *testing.T) {
	for _, c := range []struct {
		s            string
		n            int
		head, middle string
	}{
		{"abcdefgh", 8, "abcdefgh", "abcdefgh"},
		{"abcdefgh", 7, "abcdef…", "abc…fgh"},
		{"abcdefgh", 4, "abc…", "ab…h"},
		{"abcdefgh", 1, "…", "…"},
		{"abcdefgh", 0, "", ""},
		{"重み重み重み", 7, "重み重…", "重…み"},
		{"aaae\u0301bbbe\u0301", 5, "aaae\u0301…", "aa…be\u0301"},
		{"", 3, "", ""},
	} {
		if got := Head(c.s, c.n); got != c.head {
			t.Errorf("the head of %q in %d is %q, not %q", c.s, c.n, got, c.head)
		}
		if got := Middle(c.s, c.n); got != c.middle {
			t.Errorf("the middle of %q in %d is %q, not %q", c.s, c.n, got, c.middle)
		}
	}
	rng := rand.New(rand.NewPCG(1, 2))
	letters := []rune("abcé重み\u0301한🙂Ω")
	for range 2000 {
		var b strings.Builder
		for range rng.IntN(30) {
			b.WriteRune(letters[rng.IntN(len(letters))])
		}
		s, n := b.String(), rng.IntN(20)
		for _, got := range []string{Head(s, n), Middle(s, n)} {
			if Width(got) > n && got != s || !utf8.ValidString(got) || strings.Contains(got, "…\u0301") {
				t.Fatalf("%q in %d is %q", s, n, got)
			}
		}
	}
}

func TestWrap(t *testing.T) {
	got := strings.Join(Wrap("one two  three fourteen 重み重み 5", 9), "|")
	if want := "one two|three|fourteen|重み重み|5"; got != want {
		t.Errorf("%s, not %s", got, want)
	}
	if got := Wrap("", 5); len(got) != 1 || got[0] != "" {
		t.Error(got)
	}
}

// noise is a picture in which each pixel has a colour of its own, but for few.
func noise(w, h, levels int) *image.RGBA {
	rng := rand.New(rand.NewPCG(uint64(w), uint64(h)))
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	level := func() uint8 { return uint8(rng.IntN(levels) * 255 / (levels - 1)) }
	for y := range h {
		for x := range w {
			m.SetRGBA(x, y, color.RGBA{level(), level(), level(), 255})
		}
	}
	return m
}

// furthest is by how many levels the pixels of two pictures differ at most.
func furthest(t *testing.T, a, b *image.RGBA) int {
	t.Helper()
	if a.Rect != b.Rect {
		t.Fatalf("%v, %v", a.Rect, b.Rect)
	}
	far := 0
	for i := range a.Pix {
		far = max(far, gap(a.Pix[i], b.Pix[i]))
	}
	return far
}

func TestHalfBlocks(t *testing.T) {
	for _, size := range [][2]int{{1, 1}, {7, 6}, {16, 9}, {3, 1}} {
		m := noise(size[0], size[1], 256)
		got, err := termtest.HalfBlocks(string(Half.Append(nil, m)))
		if err != nil {
			t.Fatal(err)
		}
		if far := furthest(t, m, got); far != 0 {
			t.Errorf("%v: pixels differ by %d", size, far)
		}
		// In 256 colours: the nearest one, found by looking at all.
		if got, err = termtest.HalfBlocks(string(Half256.Append(nil, m))); err != nil {
			t.Fatal(err)
		}
		for y := range size[1] {
			for x := range size[0] {
				is, best := distance(at(m, x, y), at(got, x, y)), 1<<30
				for _, c := range palette256 {
					best = min(best, distance(at(m, x, y), c))
				}
				if is > best+best/4+64 { // greys are looked for by their mean
					t.Errorf("%v is shown as %v", at(m, x, y), at(got, x, y))
				}
			}
		}
	}
	for _, c := range palette256 { // each stands for itself
		m := image.NewRGBA(image.Rect(0, 0, 1, 1))
		m.SetRGBA(0, 0, color.RGBA{c.r, c.g, c.b, 255})
		if got, err := termtest.HalfBlocks(string(Half256.Append(nil, m))); err != nil || at(got, 0, 0) != c {
			t.Errorf("%v: %v %v", c, got, err)
		}
	}
}

var palette256 = func() (list []rgb) {
	for _, r := range []uint8{0, 95, 135, 175, 215, 255} {
		for _, g := range []uint8{0, 95, 135, 175, 215, 255} {
			for _, b := range []uint8{0, 95, 135, 175, 215, 255} {
				list = append(list, rgb{r, g, b})
			}
		}
	}
	for l := 8; l <= 238; l += 10 {
		list = append(list, rgb{uint8(l), uint8(l), uint8(l)})
	}
	return list
}()

// Sixels are exact but for their levels of a hundredth, in pictures of up to 256
// colours, and near in others.
func TestSixels(t *testing.T) {
	for _, c := range []struct {
		w, h, levels, far int
	}{
		{1, 1, 2, 2}, {13, 6, 2, 2}, {20, 7, 6, 2}, {40, 23, 3, 2}, {64, 64, 256, 90},
	} {
		m := noise(c.w, c.h, c.levels)
		got, err := termtest.Sixels(string(appendSixel(nil, m)))
		if err != nil {
			t.Fatalf("%v: %v", c, err)
		}
		if far := furthest(t, m, got); far > c.far {
			t.Errorf("%v: pixels differ by %d", c, far)
		}
		if palette, _ := colours(m, 256); len(palette) > 256 {
			t.Errorf("%d colours", len(palette))
		}
	}
}

func TestKittyGraphics(t *testing.T) {
	for _, size := range [][2]int{{1, 1}, {5, 3}, {100, 61}} { // the last one in many pieces
		m := noise(size[0], size[1], 256)
		text := string(Kitty.Append(nil, m))
		got, err := termtest.KittyGraphics(text)
		if err != nil {
			t.Fatal(err)
		}
		if far := furthest(t, m, got); far != 0 {
			t.Errorf("%v: pixels differ by %d", size, far)
		}
		if pieces := strings.Count(text, "\x1b_G"); size[0] == 100 && pieces < 3 {
			t.Errorf("%d pieces", pieces)
		}
	}
}

func TestFit(t *testing.T) {
	for _, c := range []struct {
		w, h, maxW, maxH int
		aspect           float64
		wantW, wantH     int
	}{
		{100, 50, 40, 100, 1, 40, 20},
		{100, 50, 200, 100, 1, 100, 50},
		{50, 100, 40, 20, 1, 10, 20},
		{100, 100, 40, 100, 1.25, 40, 32},
		{1000, 1, 80, 40, 1, 80, 1},
		{1, 1000, 80, 40, 1, 1, 40},
	} {
		if w, h := Fit(c.w, c.h, c.maxW, c.maxH, c.aspect); w != c.wantW || h != c.wantH {
			t.Errorf("%+v: %d by %d", c, w, h)
		}
	}
	m := Enlarge(noise(3, 2, 256), 4)
	if m.Rect.Dx() != 12 || m.Rect.Dy() != 8 || at(m, 11, 7) != at(noise(3, 2, 256), 2, 1) || at(m, 4, 3) != at(noise(3, 2, 256), 1, 0) {
		t.Error(m.Rect)
	}
}

func TestDots(t *testing.T) {
	d := NewDots(3, 2)
	for _, p := range [][2]int{{0, 0}, {1, 3}, {3, 7}, {5, 4}} {
		d.Set(p[0], p[1])
	}
	if got := d.Line(0); got != "\u2881" {
		t.Errorf("%q", got)
	}
	if got := d.Line(1); got != " \u2880\u2808" {
		t.Errorf("%q", got)
	}
}

func TestDetect(t *testing.T) {
	for env, want := range map[string]Protocol{
		"TERM=dumb COLORTERM=truecolor":                None,
		"TERM=xterm":                                   None,
		"TERM=xterm-256color":                          Half256,
		"TERM=xterm-256color COLORTERM=truecolor":      Half,
		"TERM=xterm-kitty":                             Kitty,
		"TERM=xterm-256color KITTY_WINDOW_ID=1":        Kitty,
		"TERM=tmux-256color KITTY_WINDOW_ID=1 TMUX=x":  Half256,
		"TERM=foot":                                    Sixel,
		"TERM=xterm-256color TERM_PROGRAM=WezTerm":     Sixel,
		"TERM=screen-256color COLORTERM=24bit STY=1.x": Half,
		"": None,
	} {
		vars := map[string]string{}
		for _, v := range strings.Fields(env) {
			name, value, _ := strings.Cut(v, "=")
			vars[name] = value
		}
		if got := Detect(func(name string) string { return vars[name] }); got != want {
			t.Errorf("%s: %q, not %q", env, got, want)
		}
	}
}
