package sql

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile/tensor"
)

func TestParseArray(t *testing.T) {
	for s, want := range map[string]string{
		"{}":                           "(0,) []",
		"{1}":                          "(1,) [1]",
		"{1,2,NULL}":                   "(3,) [1 2 NULL]",
		"{{1,2,3},{4,5,6}}":            "(2, 3) [1 2 3 4 5 6]",
		"[0:1]={1,-2}":                 "(2,) [1 -2]",
		"[1:1][-2:-1]={{0.5,NaN}}":     "(1, 2) [0.5 NaN]",
		"{{{{{{7}}}}}}":                "(1, 1, 1, 1, 1, 1) [7]",
		"{t,f}":                        "(2,) [t f]",
		"{-1e-300,Infinity,-Infinity}": "(3,) [-1e-300 Infinity -Infinity]",
	} {
		shape, parts, err := parseArray(s, nil)
		if got := fmt.Sprintf("%v %v", shape, parts); err != nil || got != want {
			t.Errorf("%s: %s, %v, want %s", s, got, err, want)
		}
	}
	bad := []string{"", "{", "}", "1", "{1", "{1,", "{1,}", "{,1}", "{1}}", "{1}2", "{{1},2}", "{1,{2}}", "{{1,2},{3}}", "{{1},{2,3}}", "{{1},{}}", "{{},{1}}",
		"{{{{{{{1}}}}}}}", `{"1"}`, `{a\b}`, "{1 2}", "{1,,2}", "{1{2}}", "[0:1]", "[0:1]=", "[=", "{1}{2}", "{1,2}}", ",", "{{1}{2}}", "{1}\x00"}
	for _, s := range bad {
		if shape, parts, err := parseArray(s, nil); !errors.Is(err, tensor.ErrFormat) {
			t.Errorf("%q became %v %q, %v", s, shape, parts, err)
		}
	}
	t.Logf("%d bad arrays", len(bad))
}

// FuzzParseArray: what is an array has as many elements as its shape says, and is
// the same when it is written again.
func FuzzParseArray(f *testing.F) {
	for _, s := range []string{"{}", "{1,2}", "{{1,2},{3,4}}", "[0:1]={1,2}", "{{},{}}", "{1,{2}}"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		shape, parts, err := parseArray(s, nil)
		if err != nil {
			if !errors.Is(err, tensor.ErrFormat) {
				t.Fatal(err)
			}
			return
		}
		n := int64(1)
		for _, e := range shape {
			n *= e
		}
		if int(n) != len(parts) {
			t.Fatalf("%q: %d elements of %v", s, len(parts), shape)
		}
		if n == 0 {
			return
		}
		again, list, err := parseArray(arrayText(shape, parts), nil)
		if err != nil || !again.Equal(shape) || !slices.Equal(list, parts) {
			t.Fatalf("%q came back as %v %q, %v", s, again, list, err)
		}
	})
}

func arrayText(shape tensor.Shape, parts []string) string {
	if len(shape) == 0 {
		return parts[0]
	}
	var list []string
	each := len(parts) / int(shape[0])
	for i := range int(shape[0]) {
		list = append(list, arrayText(shape[1:], parts[i*each:(i+1)*each]))
	}
	return "{" + strings.Join(list, ",") + "}"
}
