package operate

import (
	"slices"
	"strings"

	"github.com/tensorfile/tensorfile/tensor"
)

// parsers read the values of operators, by name.
var parsers = map[string]func(text string) (Operator, error){
	"select": func(text string) (Operator, error) {
		sel, err := tensor.ParseSelection(text)
		return Select{sel}, err
	},
	"dtype": func(text string) (Operator, error) {
		d, err := tensor.ParseDType(strings.TrimSpace(text))
		return Cast{d}, err
	},
	"scale": parseScale,
	"flip":  parseFlip,
	"stack": func(text string) (Operator, error) {
		if strings.TrimSpace(text) != "" {
			return nil, badValue("stack", text, "nothing")
		}
		return Stack{}, nil
	},
	"concat": func(text string) (Operator, error) {
		if text = strings.TrimSpace(text); text == "" {
			return nil, badValue("concat", text, "an axis by number or name")
		}
		return Concat{Axis: text}, nil
	},
	"layout": parseLayout,
	"quant": func(text string) (Operator, error) {
		s, err := parseQuantise(text)
		return s.Operator, err
	},
	"dequant": func(text string) (Operator, error) {
		d, err := tensor.ParseDType(strings.TrimSpace(text))
		return Dequantise{d}, err
	},
	"rearrange": parseRearrange,
	"reduce":    parseReduce,
	"resize":    parseResize,
	"crop":      parseCrop,
	"channels":  parseChannels,
	"pad":       parsePad,
	"mono":      parseMono,
	"rate":      parseRate,
}

// Parse reads an operator by its name, which is that of the tool's flag, and the
// flag's value: Parse("crop", "227x227+10+0"). "GLOB=" in front of the value
// makes it a step for the tensors of these names. Errors are ErrFormat, or
// ErrUnsupported for a name or a word that is not known.
func Parse(name, value string) (Step, error) {
	parse := parsers[name]
	if parse == nil {
		names := make([]string, 0, len(parsers))
		for n := range parsers {
			names = append(names, n)
		}
		slices.Sort(names)
		return Step{}, &tensor.Error{Kind: tensor.ErrUnsupported, Offset: -1, Field: "operator", Got: tensor.Quote(name), Want: "one of " + strings.Join(names, ", ")}
	}
	if name == "quant" {
		return parseQuantise(value)
	}
	// What follows a ";" may have "=" of its own.
	head, tail := value, ""
	if i := strings.IndexByte(value, ';'); i >= 0 {
		head, tail = value[:i], value[i:]
	}
	s := Step{}
	if i := strings.LastIndexByte(head, '='); i >= 0 {
		s.Names, head = head[:i], head[i+1:]
		switch {
		case s.Names == "":
			return Step{}, badValue(name, value, "a name or glob before the =")
		case strings.Contains(s.Names, "->"):
			return Step{}, badValue(name, value, "a semicolon between pattern and sizes: 'a (b c) -> b a c; b=2'")
		}
	}
	var err error
	s.Operator, err = parse(head + tail)
	if err != nil {
		return Step{}, err
	}
	return s, nil
}
