package term

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/width"
)

// Width is how many columns s takes on a terminal: two for wide characters, as
// those of Chinese, Japanese and Korean and most emoji, none for those that
// combine with the one before (Unicode Standard Annex 11). Control characters are
// not expected.
func Width(s string) int {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			n := i
			for _, r := range s[i:] {
				n += runeWidth(r)
			}
			return n
		}
	}
	return len(s)
}

func runeWidth(r rune) int {
	switch {
	case r < 0x300:
		return 1
	case r >= 0x1160 && r <= 0x11ff, r >= 0xd7b0 && r <= 0xd7ff: // Hangul that joins the consonant before
		return 0
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		return 0
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}

const ellipsis = "…"

// Head shortens s to n columns: an ellipsis stands for what is left out at the
// end.
func Head(s string, n int) string {
	switch {
	case Width(s) <= n:
		return s
	case n < 1:
		return ""
	}
	return s[:headOf(s, n-1)] + ellipsis
}

// Middle shortens s to n columns: an ellipsis stands for what is left out between
// its ends, which of names say most.
func Middle(s string, n int) string {
	switch {
	case Width(s) <= n:
		return s
	case n < 1:
		return ""
	}
	head := n / 2
	return s[:headOf(s, head)] + ellipsis + s[tailOf(s, n-1-head):]
}

// headOf is how many bytes of s take up to n columns, with all that combines.
func headOf(s string, n int) int {
	for i, r := range s {
		if n -= runeWidth(r); n < 0 {
			return i
		}
	}
	return len(s)
}

// tailOf is where the last n columns of s begin, at a character that stands
// alone.
func tailOf(s string, n int) int {
	begin := len(s)
	for end := len(s); end > 0; {
		r, size := utf8.DecodeLastRuneInString(s[:end])
		end -= size
		w := runeWidth(r)
		if n -= w; n < 0 {
			break
		}
		if w > 0 {
			begin = end
		}
	}
	return begin
}

// Wrap breaks text at spaces into lines of at most n columns, but for words that
// are longer.
func Wrap(text string, n int) []string {
	var lines []string
	line, used := "", 0
	for _, word := range strings.Fields(text) {
		w := Width(word)
		switch {
		case used == 0:
			line, used = word, w
		case used+1+w <= n:
			line, used = line+" "+word, used+1+w
		default:
			lines = append(lines, line)
			line, used = word, w
		}
	}
	if used > 0 || len(lines) == 0 {
		lines = append(lines, line)
	}
	return lines
}
