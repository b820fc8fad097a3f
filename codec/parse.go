package codec

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/tensorfile/tensorfile/tensor"
)

// Limits of pipelines.
const (
	maxStages = 8
	maxText   = 1024
	maxAxes   = 8 // of predict
	maxWord   = 256
)

// Info describes a codec that pipelines can name.
type Info struct {
	Name     string
	Args     string // in the words of the specification
	Filter   bool   // keeps the length
	Optional bool   // other readers may lack it
	What     string
}

var infos = []Info{
	{"shuffle", "w: 1 to 256", true, false, "byte k of all words, for each k"},
	{"bitshuffle", "w: 1 to 256", true, false, "bit k of all words, for each k"},
	{"delta", "w: 1, 2, 4, 8; d1 to d65535; z", true, false, "differences of words"},
	{"xordelta", "w: 1, 2, 4, 8; d1 to d65535", true, false, "exclusive or of words"},
	{"predict", "lorenzo or paeth; a followed by axes", true, false, "differences from neighbours in the box"},
	{"bitpack", "w: 1, 2, 4, 8", false, false, "blocks of words less a reference, in few bits"},
	{"planes", "w: 1 to 256", false, false, "byte planes, each coded by itself"},
	{"zstd", "level 1 to 22", false, false, "a Zstandard frame"},
	{"lz4", "level 1 to 12", false, false, "an LZ4 block"},
	{"s2", "none", false, true, "an S2 block"},
	{"deflate", "level 1 to 9", false, true, "a raw DEFLATE stream"},
}

// Names returns the codecs that pipelines can name, in the order of the
// specification.
func Names() []Info { return slices.Clone(infos) }

// Pipeline is a parsed pipeline. It is immutable and safe for concurrent use.
type Pipeline struct {
	text   string
	stages []stage
}

// String returns the text that was parsed.
func (p *Pipeline) String() string { return p.text }

type kind uint8

const (
	kShuffle kind = iota
	kBitshuffle
	kDelta
	kXordelta
	kPredict
	kBitpack
	kPlanes
	kZstd
	kLZ4
	kS2
	kDeflate
)

// A stage is one step of a pipeline.
type stage struct {
	kind   kind
	text   string // as written
	word   int    // 0: that of the dtype
	dist   int    // delta, xordelta
	zigzag bool   // delta
	paeth  bool   // predict
	axes   []int  // predict; nil: the last
	level  int    // 0: not said
}

func (s *stage) filter() bool { return s.kind <= kPredict }

// Parse reads one pipeline, a line such as "delta:8|bitpack:8". Text that
// breaks the grammar is a Format error; a stage that is not known, or not with
// these arguments or in this place, is an Unsupported one.
func Parse(line string) (*Pipeline, error) {
	if err := grammar(line); err != nil {
		return nil, err
	}
	texts := strings.Split(line, "|")
	p := &Pipeline{text: line, stages: make([]stage, len(texts))}
	for i, text := range texts {
		s, err := parseStage(text)
		if err != nil {
			return nil, err
		}
		if s.kind == kPredict && i > 0 {
			return nil, unknown(text, fmt.Sprintf("stage %d", i+1), "the first stage")
		}
		p.stages[i] = s
	}
	return p, nil
}

// grammar checks the form of a line.
func grammar(line string) error {
	bad := func(want string) error {
		return &tensor.Error{Kind: tensor.ErrFormat, Offset: -1, Field: "pipeline", Got: tensor.Quote(line), Want: want, Rule: ruleText}
	}
	if len(line) > maxText {
		return bad(fmt.Sprintf("at most %d bytes", maxText))
	}
	if strings.Count(line, "|") >= maxStages {
		return bad(fmt.Sprintf("at most %d stages", maxStages))
	}
	for stage := range strings.SplitSeq(line, "|") {
		first := true
		for word := range strings.SplitSeq(stage, ":") {
			ok := word != ""
			for j := range len(word) {
				c := word[j]
				lower := c >= 'a' && c <= 'z' || c >= '0' && c <= '9'
				ok = ok && (lower || !first && (c >= 'A' && c <= 'Z' || strings.IndexByte(".,_-", c) >= 0))
			}
			if !ok {
				return bad("stages of a name in a-z, 0-9 and arguments in A-Z, a-z, 0-9, '.', ',', '_', '-'")
			}
			first = false
		}
	}
	return nil
}

// number reads a decimal number without leading zeros between lo and hi.
func number(s string, lo, hi int) (int, bool) {
	n, err := strconv.Atoi(s)
	return n, err == nil && n >= lo && n <= hi && strconv.Itoa(n) == s
}

func parseStage(text string) (stage, error) {
	name, rest, _ := strings.Cut(text, ":")
	i := slices.IndexFunc(infos, func(f Info) bool { return f.Name == name })
	if i < 0 {
		names := make([]string, len(infos))
		for i, f := range infos {
			names[i] = f.Name
		}
		return stage{}, unknown(text, "an unknown name", "one of "+strings.Join(names, ", "))
	}
	s := stage{kind: kind(i), text: text}
	if s.kind == kDelta || s.kind == kXordelta {
		s.dist = 1
	}
	var args []string
	if rest != "" {
		args = strings.Split(rest, ":")
	}
	// take removes the first argument if accept knows it: so arguments come
	// in the order of these calls, each at most once.
	take := func(accept func(string) bool) {
		if len(args) > 0 && accept(args[0]) {
			args = args[1:]
		}
	}
	numeric := func(dst *int, lo, hi int, allowed ...int) func(string) bool {
		return func(arg string) bool {
			n, ok := number(arg, lo, hi)
			if !ok || len(allowed) > 0 && !slices.Contains(allowed, n) {
				return false
			}
			*dst = n
			return true
		}
	}
	switch s.kind {
	case kShuffle, kBitshuffle, kPlanes:
		take(numeric(&s.word, 1, maxWord))
	case kBitpack:
		take(numeric(&s.word, 1, 8, 1, 2, 4, 8))
	case kDelta, kXordelta:
		take(numeric(&s.word, 1, 8, 1, 2, 4, 8))
		take(func(arg string) bool {
			digits, found := strings.CutPrefix(arg, "d")
			return found && numeric(&s.dist, 1, 65535)(digits)
		})
		if s.kind == kDelta {
			take(func(arg string) bool { s.zigzag = arg == "z"; return s.zigzag })
		}
	case kPredict:
		take(func(arg string) bool { s.paeth = arg == "paeth"; return s.paeth || arg == "lorenzo" })
		take(func(arg string) bool {
			list, found := strings.CutPrefix(arg, "a")
			if !found {
				return false
			}
			for digits := range strings.SplitSeq(list, ",") {
				n, ok := number(digits, 0, 31)
				if !ok || len(s.axes) == maxAxes {
					return false
				}
				s.axes = append(s.axes, n)
			}
			return true
		})
		if s.paeth && (len(s.axes) != 2 || s.axes[0] >= s.axes[1]) {
			return stage{}, unknown(text, fmt.Sprintf("axes %v", s.axes), "two axes, ascending")
		}
	case kZstd:
		take(numeric(&s.level, 1, 22))
	case kLZ4:
		take(numeric(&s.level, 1, 12))
	case kDeflate:
		take(numeric(&s.level, 1, 9))
	}
	if len(args) > 0 {
		return stage{}, unknown(text, "argument "+tensor.Quote(args[0]), infos[i].Args)
	}
	return s, nil
}

// wordOf returns the word size of a stage for a dtype.
func (s *stage) wordOf(d tensor.DType) int {
	if s.word != 0 {
		return s.word
	}
	w := word(d)
	switch s.kind {
	case kShuffle, kBitshuffle, kPlanes:
		if w <= maxWord {
			return w
		}
	default:
		if w == 1 || w == 2 || w == 4 || w == 8 {
			return w
		}
	}
	return 1
}

// Check reports an Unsupported error if the pipeline is not defined for chunks
// of this dtype and rank; the extents do not matter.
func (p *Pipeline) Check(b Box) error {
	if s := &p.stages[0]; s.kind == kPredict {
		return s.checkPredict(b)
	}
	return nil
}

func (s *stage) checkPredict(b Box) error {
	d, w := b.DType, word(b.DType)
	sizes := w == 1 || w == 2 || w == 4 || w == 8 && !s.paeth
	if d.Class < tensor.ClassBool || d.Class > tensor.ClassComplex || d.UnitElems != 1 || !sizes {
		return unknown(s.text, "dtype "+d.String(), "plain numbers in words of 1, 2, 4 or (but for paeth) 8 bytes")
	}
	if len(b.Shape) == 0 {
		return unknown(s.text, "rank 0", "an axis")
	}
	for _, a := range s.axes {
		if a >= len(b.Shape) {
			return unknown(s.text, fmt.Sprintf("axis %d", a), fmt.Sprintf("below rank %d", len(b.Shape)))
		}
	}
	return nil
}
