package tensor

import (
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Pattern is a parsed pattern of the einops language: "b (h h2) w -> b h (w h2)".
// It is not changed by use and may be shared by goroutines.
type Pattern struct {
	text string
	// terms are the words of the left side in their order, then those that only
	// the right side has. The sides hold indices into it, a list for each axis.
	terms       []term
	nleft       int
	left, right [][]int
	ellipsis    int  // the term that is "...", or -1
	inside      bool // on the right side it stands in parentheses
}

// term is one word of a pattern.
type term struct {
	name  string // empty for a number, "..." for the ellipsis
	size  int64  // of a number
	right bool   // the right side has it, too
}

const ellipsis = "..."

func (t term) String() string {
	if t.name == "" {
		return itoa(t.size)
	}
	return t.name
}

// side is one half of a pattern: for each axis of a tensor its words. "1" and
// "()" are axes of no words.
type side struct {
	axes     [][]term
	ellipsis bool
	inside   bool // the ellipsis stands in parentheses
}

// ParsePattern reads a pattern, which Rearrange, Reduce and Repeat otherwise do
// at each call. It fails with ErrFormat. What only one of the operations
// forbids, such as an axis that vanishes from Rearrange, is found by it.
func ParsePattern(s string) (*Pattern, error) {
	p := &Pattern{text: s, ellipsis: -1}
	halves := strings.Split(s, "->")
	if len(halves) != 2 {
		return nil, p.malformed("sides", strconv.Itoa(len(halves)), `two, with "->" between`)
	}
	left, err := p.parseSide(halves[0], false)
	if err != nil {
		return nil, err
	}
	right, err := p.parseSide(halves[1], false)
	if err != nil {
		return nil, err
	}
	if right.ellipsis && !left.ellipsis {
		return nil, p.malformed("ellipsis found in right side, but not left side", "", "")
	}
	if left.inside {
		return nil, p.malformed("ellipsis inside parenthesis in the left side is not allowed", "", "")
	}
	p.inside = right.inside
	p.left = p.number(left.axes, false)
	p.nleft = len(p.terms)
	p.right = p.number(right.axes, true)
	return p, nil
}

// number replaces words by their indices in p.terms, where new ones go. Each
// number is a word of its own, also if it stands on both sides.
func (p *Pattern) number(axes [][]term, right bool) [][]int {
	out := make([][]int, len(axes))
	for i, axis := range axes {
		out[i] = make([]int, len(axis))
		for j, t := range axis {
			at := -1
			if t.name != "" {
				at = slices.IndexFunc(p.terms, func(x term) bool { return x.name == t.name })
			}
			if at < 0 {
				at = len(p.terms)
				p.terms = append(p.terms, t)
			}
			if t.name == ellipsis {
				p.ellipsis = at
			}
			if right {
				p.terms[at].right = true
			}
			out[i][j] = at
		}
	}
	return out
}

// parseSide reads one side of a pattern, or all of one for ParseShape, in which
// "_" may stand for an axis without a name.
func (p *Pattern) parseSide(s string, underscore bool) (side, error) {
	var out side
	if strings.Contains(s, ".") {
		if strings.Count(s, ellipsis) != 1 || strings.Count(s, ".") != 3 {
			return out, p.malformed("expression may contain dots only inside ellipsis (...); only one ellipsis for tensor", "", "")
		}
		out.ellipsis = true
	}
	seen := make(map[string]bool)
	open, group := false, []term(nil)
	add := func(word string) error {
		t, err := p.parseWord(word, underscore)
		switch {
		case err != nil:
			return err
		case t.name == "" && t.size == 1:
			if !open {
				out.axes = append(out.axes, nil)
			}
			return nil
		case seen[t.name] && t.name != "" && t.name != "_":
			return p.malformed("indexing expression contains duplicate dimension", Quote(t.name)+" twice", "each name once")
		case t.name == ellipsis:
			out.inside = open
		}
		seen[t.name] = true
		if open {
			group = append(group, t)
		} else {
			out.axes = append(out.axes, []term{t})
		}
		return nil
	}
	for s != "" {
		switch c := s[0]; c {
		case ' ':
			s = s[1:]
		case '(':
			if open {
				return out, p.malformed("axis composition is one-level (brackets inside brackets not allowed)", "", "")
			}
			s, open, group = s[1:], true, nil
		case ')':
			if !open {
				return out, p.malformed("brackets are not balanced", "", "")
			}
			out.axes = append(out.axes, group)
			s, open = s[1:], false
		default:
			end := strings.IndexAny(s, "() ")
			if end < 0 {
				end = len(s)
			}
			err := p.checkRunes(s[:end])
			if err == nil && (end < len(s) || !open) { // else there are worse faults
				err = add(s[:end])
			}
			if err != nil {
				return out, err
			}
			s = s[end:]
		}
	}
	if open {
		return out, p.malformed("imbalanced parentheses in expression", "", "")
	}
	return out, nil
}

// parseWord reads a name, a number or the ellipsis.
func (p *Pattern) parseWord(s string, underscore bool) (term, error) {
	if s == ellipsis {
		return term{name: ellipsis}, nil
	}
	if strings.Trim(s, "0123456789") == "" {
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return term{}, p.malformed("anonymous axis", s, "at most 2^63-1")
		}
		if n == 0 {
			return term{}, p.malformed("anonymous axis should have positive length", s, "1 or more")
		}
		return term{size: n}, nil
	}
	if first := []rune(s)[0]; strings.Contains(s, ".") || unicode.IsDigit(first) {
		return term{}, p.malformed("invalid axis identifier", Quote(s), "a name of letters, digits and _ that does not begin with a digit")
	}
	if (s[0] == '_' || s[len(s)-1] == '_') && (s != "_" || !underscore) {
		return term{}, p.malformed("invalid axis identifier", Quote(s), "a name that does not start or end with underscore")
	}
	return term{name: s}, nil
}

// checkRunes refuses what can be in no word.
func (p *Pattern) checkRunes(s string) error {
	for i, c := range s {
		if c != '.' && !nameRune(c) {
			_, size := utf8.DecodeRuneInString(s[i:])
			return p.malformed("unknown character", Quote(s[i:i+size]), "letters, digits, _, parentheses and spaces")
		}
	}
	return nil
}

// nameRune reports whether c may be part of a name.
func nameRune(c rune) bool {
	return c == '_' || unicode.IsLetter(c) || unicode.IsDigit(c) || unicode.Is(unicode.Nl, c)
}

// String is the pattern as it was written.
func (p *Pattern) String() string { return p.text }

// Reduces reports whether axes of the left side are missing on the right.
// Rearrange and Repeat refuse such a pattern.
func (p *Pattern) Reduces() bool {
	return slices.ContainsFunc(p.terms[:p.nleft], func(t term) bool { return !t.right })
}

// Repeats reports whether axes of the right side are missing on the left.
// Rearrange and Reduce refuse such a pattern.
func (p *Pattern) Repeats() bool { return len(p.terms) > p.nleft }

// malformed is an error about the text of the pattern.
func (p *Pattern) malformed(what, got, want string) error {
	return fail(ErrFormat, "pattern "+Quote(p.text)+": "+what, got, want, "")
}
