// Package glob matches tensor names against patterns. Names are no paths, so
// "*" crosses "/" and "." like any other character.
//
//	?      one character
//	*      any characters, or none
//	[a-z]  one of a range or set; [!a-z] and [^a-z] one outside it
//	\x     x itself
//
// A byte that is no UTF-8 is one character, and itself only.
package glob

import (
	"errors"
	"strings"
	"unicode/utf8"
)

// ErrPattern is returned for a pattern that ends inside a set or escape.
var ErrPattern = errors.New("a pattern that ends inside [...] or after \\")

// Has reports whether s has any character with a meaning in patterns.
func Has(s string) bool { return strings.ContainsAny(s, `*?[\`) }

// Match reports whether name is the pattern itself or matches it: a pattern
// that equals a name is that name, whatever it holds.
func Match(pattern, name string) bool {
	return pattern == name || match(pattern, name)
}

// Check reports an error if pattern is malformed, so that it can match only
// itself.
func Check(pattern string) error {
	for len(pattern) > 0 {
		_, rest, ok := element(pattern)
		if !ok {
			return ErrPattern
		}
		pattern = rest
	}
	return nil
}

// Prefix is what all names begin with that match a pattern.
func Prefix(pattern string) string {
	for i := range len(pattern) {
		if strings.IndexByte(`*?[\`, pattern[i]) >= 0 {
			return pattern[:i]
		}
	}
	return pattern
}

// character is the first one of s and its length. A byte that is no UTF-8 comes
// behind all of Unicode; as U+FFFD it would be like any other such byte.
func character(s string) (rune, int) {
	r, n := utf8.DecodeRuneInString(s)
	if r == utf8.RuneError && n == 1 {
		r = utf8.MaxRune + 1 + rune(s[0])
	}
	return r, n
}

// element cuts the first element, which is not "*", off a pattern.
func element(p string) (test func(rune) bool, rest string, ok bool) {
	r, n := character(p)
	switch r {
	case '?', '*':
		return func(rune) bool { return true }, p[n:], true
	case '\\':
		if len(p) == n {
			return nil, "", false
		}
		x, m := character(p[n:])
		return func(c rune) bool { return c == x }, p[n+m:], true
	case '[':
		return set(p[n:])
	}
	return func(c rune) bool { return c == r }, p[n:], true
}

// set reads what follows "[".
func set(p string) (test func(rune) bool, rest string, ok bool) {
	not := strings.HasPrefix(p, "!") || strings.HasPrefix(p, "^")
	if not {
		p = p[1:]
	}
	var ranges [][2]rune
	one := func() (rune, bool) {
		if p == "" {
			return 0, false
		}
		r, n := character(p)
		p = p[n:]
		if r == '\\' {
			if p == "" {
				return 0, false
			}
			r, n = character(p)
			p = p[n:]
		}
		return r, true
	}
	for first := true; first || !strings.HasPrefix(p, "]"); first = false {
		lo, ok := one()
		if !ok {
			return nil, "", false
		}
		hi := lo
		if len(p) > 1 && p[0] == '-' && p[1] != ']' {
			p = p[1:]
			if hi, ok = one(); !ok {
				return nil, "", false
			}
		}
		ranges = append(ranges, [2]rune{lo, hi})
	}
	return func(c rune) bool {
		for _, r := range ranges {
			if r[0] <= c && c <= r[1] {
				return !not
			}
		}
		return not
	}, p[1:], true
}

// match is linear in the name for each star: it goes back to the last star
// only, which is enough.
func match(p, s string) bool {
	type state struct{ p, s string }
	var star *state
	for {
		switch {
		case strings.HasPrefix(p, "*"):
			p = p[1:]
			star = &state{p, s}
			continue
		case p == "" && s == "":
			return true
		case p != "" && s != "":
			test, rest, ok := element(p)
			if !ok {
				return false
			}
			if r, n := character(s); test(r) {
				p, s = rest, s[n:]
				continue
			}
		}
		if star == nil || star.s == "" {
			return false
		}
		_, n := character(star.s)
		star.s = star.s[n:]
		p, s = star.p, star.s
	}
}
