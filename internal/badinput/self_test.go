package badinput

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/tensor"
)

// complaints takes what a check says against a row, in place of the test that
// runs it.
type complaints struct {
	testing.TB
	list []string
	dirs []string // temporary ones
}

func (c *complaints) Helper() {}

func (c *complaints) TempDir() string {
	c.dirs = append(c.dirs, c.TB.TempDir())
	return c.dirs[len(c.dirs)-1]
}

func (c *complaints) Errorf(format string, args ...any) {
	c.list = append(c.list, fmt.Sprintf(format, args...))
}

func (c *complaints) Error(args ...any) { c.list = append(c.list, fmt.Sprint(args...)) }

func (c *complaints) Fatal(args ...any) {
	c.Error(args...)
	runtime.Goexit()
}

func (c *complaints) Fatalf(format string, args ...any) {
	c.Errorf(format, args...)
	runtime.Goexit()
}

// of runs a check and returns what it says.
func (c *complaints) of(check func()) []string {
	var wg sync.WaitGroup
	wg.Go(check) // Fatal ends it
	wg.Wait()
	return c.list
}

// lie is how the format "liar" breaks a rule; it is told how often it was opened
// before.
var lie func(path string, n int) (*convert.Layout, error)

var lies int

func init() {
	convert.Register(convert.Format{
		Name: "liar", Description: "breaks the rules, for the test of the tests",
		Detect: func(prefix []byte) bool { return bytes.HasPrefix(prefix, []byte("liar: ")) },
		Open: func(_ context.Context, in convert.Input, _ *convert.ReadOptions) (*convert.Layout, error) {
			lies++
			return lie(in.Path(), lies-1)
		},
	})
}

// honest is what a reader is to say of the input.
func honest(path string) *tensor.Error {
	return &tensor.Error{Kind: tensor.ErrCorrupt, Path: path, Format: "liar", Offset: 3, Field: "word", Got: "a lie", Want: "the truth"}
}

// soundLayout is one of one tensor.
func soundLayout() *convert.Layout {
	return &convert.Layout{Format: "liar", Storages: []tensorfile.LayoutStorage{{Offset: 6, Size: 4}}, Tensors: []tensorfile.LayoutTensor{{Name: "x", DType: tensor.U8, Shape: tensor.Shape{4}}}}
}

var liar = Row{ID: "LIAR", What: "a file", Format: "liar", Kind: tensor.ErrCorrupt, At: Open, Says: []string{"word", "a lie"}}

var kept []byte // what a liar holds

// A reader that breaks a rule is caught, each by the words of its rule, and one
// that keeps them is not.
func TestEachRuleIsChecked(t *testing.T) {
	row := liar
	row.Make = File("x.bin", []byte("liar: and so on"))
	inPath := liar
	inPath.Make = File("x: liar: a lie.bin", []byte("liar: and so on"))
	good := row
	good.Kind = nil
	var c *complaints
	refuse := func(change func(e *tensor.Error)) func(string, int) (*convert.Layout, error) {
		return func(path string, _ int) (*convert.Layout, error) {
			e := honest(path)
			change(e)
			return nil, e
		}
	}
	for _, x := range []struct {
		what string
		row  Row
		lie  func(path string, n int) (*convert.Layout, error)
		want string // of one of the complaints; "": there are none
	}{
		{"the truth", row, refuse(func(*tensor.Error) {}), ""},
		{"a sound file", good, func(string, int) (*convert.Layout, error) { return soundLayout(), nil }, ""},
		{"1: another path", row, refuse(func(e *tensor.Error) { e.Path = "elsewhere" }), "no \""},
		{"1: another format", row, refuse(func(e *tensor.Error) { e.Format = "other" }), `no format "liar"`},
		{"1: the format in the path alone", inPath, refuse(func(e *tensor.Error) { e.Format = "other" }), `no format "liar"`},
		{"1: words in the path alone", inPath, refuse(func(e *tensor.Error) { e.Got = "" }), `no "a lie"`},
		{"1: no offset", row, refuse(func(e *tensor.Error) { e.Offset = -1 }), `no "offset -1"`},
		{"1: other words", row, refuse(func(e *tensor.Error) { e.Got = "nothing" }), `no "a lie"`},
		{"1: words for a terminal", row, func(path string, _ int) (*convert.Layout, error) {
			return nil, fmt.Errorf("\x1b[2J%w", honest(path))
		}, "unprintable"},
		{"1: no end of words", row, func(path string, _ int) (*convert.Layout, error) {
			return nil, fmt.Errorf("%s%w", strings.Repeat("x", 9000), honest(path))
		}, "bytes of text"},
		{"2: another kind", row, refuse(func(e *tensor.Error) { e.Kind = tensor.ErrFormat }), "kind malformed, want corrupt"},
		{"2: an end", row, func(string, int) (*convert.Layout, error) { return nil, io.EOF }, "EOF"},
		{"2: a panic", row, func(string, int) (*convert.Layout, error) { panic("index out of range") }, "panic"},
		{"2: accepted", row, func(string, int) (*convert.Layout, error) { return soundLayout(), nil }, "accepted, want corrupt at open"},
		{"2: refused", good, refuse(func(*tensor.Error) {}), "refused at open"},
		{"2: late", row, func(path string, _ int) (*convert.Layout, error) {
			l := soundLayout()
			l.Storages[0].Open = func(context.Context) (io.ReadCloser, error) { return nil, honest(path) }
			return l, nil
		}, "found at use, want open"},
		{"3: memory", row, func(path string, _ int) (*convert.Layout, error) {
			kept = make([]byte, 64<<20)
			return nil, honest(path)
		}, "allocated 64 MiB"},
		{"5: converted", row, func(path string, n int) (*convert.Layout, error) {
			if n >= 3 { // after the three ways to read it
				return soundLayout(), nil
			}
			return nil, honest(path)
		}, "converted to"},
		{"5: left behind", row, func(path string, n int) (*convert.Layout, error) {
			if n >= 3 {
				os.WriteFile(filepath.Join(c.dirs[0], ".old.tensor.tmp"), nil, 0o600)
			}
			return nil, honest(path)
		}, "left behind"},
		{"5: written to", row, func(path string, n int) (*convert.Layout, error) {
			if n >= 3 {
				os.WriteFile(filepath.Join(c.dirs[0], "old.tensor"), []byte("new"), 0o600)
			}
			return nil, honest(path)
		}, "the destination was touched"},
		{"7: another verdict", row, func(path string, n int) (*convert.Layout, error) {
			e := honest(path)
			e.Offset += int64(n)
			return nil, e
		}, "mapped and pread differ"},
	} {
		t.Run(x.what, func(t *testing.T) {
			c = &complaints{TB: t}
			lie, lies, kept = x.lie, 0, nil
			path := x.row.Make(t, t.TempDir())
			list := c.of(func() {
				x.row.read(c, path)
				x.row.convert(c, path)
			})
			if x.want == "" && list != nil || x.want != "" && !slices.ContainsFunc(list, func(s string) bool { return strings.Contains(s, x.want) }) {
				t.Errorf("complaints %q, want %q", list, x.want)
			}
		})
	}
}

// A reader whose work grows faster than its input is caught, rule 4.
func TestGrowthIsChecked(t *testing.T) {
	g := &Grower{What: "a liar", From: "liar", N: 4000, Make: func(n int) []byte { return append([]byte("liar: "), make([]byte, n)...) }}
	size := 0
	reads := func(times int) func(string, int) (*convert.Layout, error) {
		return func(string, int) (*convert.Layout, error) {
			l := soundLayout()
			l.Storages[0].Size, l.Tensors[0].Shape = int64(size), tensor.Shape{int64(size)}
			for range times {
				kept = make([]byte, size)
			}
			return l, nil
		}
	}
	made := g.Make
	g.Make = func(n int) []byte { size = n; return made(n) }
	for _, x := range []struct {
		what string
		lie  func(string, int) (*convert.Layout, error)
		want string
	}{
		{"as it should", reads(10), ""},
		{"by its square", func(path string, n int) (*convert.Layout, error) { return reads(size/50)(path, n) }, "bytes allocated"},
		{"not at all", func(string, int) (*convert.Layout, error) { return soundLayout(), nil }, "it did not grow"},
		{"an error", func(path string, _ int) (*convert.Layout, error) { return nil, honest(path) }, "want <nil>"},
	} {
		t.Run(x.what, func(t *testing.T) {
			c := &complaints{TB: t}
			lie = x.lie
			list := c.of(func() { g.grows(c) })
			if x.want == "" && list != nil || x.want != "" && !slices.ContainsFunc(list, func(s string) bool { return strings.Contains(s, x.want) }) {
				t.Errorf("complaints %q, want %q", list, x.want)
			}
		})
	}
}
