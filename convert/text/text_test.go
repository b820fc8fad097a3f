package text_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	_ "github.com/tensorfile/tensorfile/convert/text"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/internal/badinput"
	"github.com/tensorfile/tensorfile/mmap"
	"github.com/tensorfile/tensorfile/tensor"
)

func openText(b []byte, path string, replace bool) (*tensorfile.File, error) {
	o := &convert.OpenOptions{}
	o.ReplaceInvalid = replace
	return convert.OpenMap(context.Background(), mmap.NewReaderAt(bytes.NewReader(b), int64(len(b)), path), o)
}

// stringsOf is the elements of the tensor x of f.
func stringsOf(t testing.TB, f *tensorfile.File, name string) ([]string, error) {
	t.Helper()
	x, err := f.Tensor(name)
	if err != nil {
		return nil, err
	}
	c, err := x.ReadComposite(t.Context())
	if err != nil {
		return nil, err
	}
	v, err := c.Part(format.RoleOffsets).View.Cast(tensor.I64)
	if err != nil {
		return nil, err
	}
	at, err := tensor.Data[int64](v)
	if err != nil {
		return nil, err
	}
	text, err := c.Part(format.RoleBytes).View.Bytes()
	if err != nil {
		return nil, err
	}
	list := []string{}
	for i := range at[:len(at)-1] {
		list = append(list, string(text[at[i]:at[i+1]]))
	}
	if shape := x.Shape(); len(shape) == 1 && shape[0] != int64(len(list)) {
		t.Errorf("shape %v of %d strings", shape, len(list))
	}
	return list, nil
}

func written(f *tensorfile.File, name string) ([]byte, error) {
	x, err := f.Tensor(name)
	if err != nil {
		return nil, err
	}
	format, _ := convert.ByName("text")
	var out bytes.Buffer
	err = format.Write(context.Background(), &out, []convert.Source{{Tensor: x, As: name}}, nil)
	return out.Bytes(), err
}

func TestRead(t *testing.T) {
	const r = "\ufffd"
	for _, c := range []struct {
		name, text string
		replace    bool
		want       []string
	}{
		{"plain", "a\nbc\n", false, []string{"a", "bc"}},
		{"no last line end", "a\nbc", false, []string{"a", "bc"}},
		{"nothing", "", false, nil},
		{"one empty line", "\n", false, []string{""}},
		{"empty lines", "\n\na\n\n", false, []string{"", "", "a", ""}},
		{"CR LF", "a\r\nb\r\n", false, []string{"a", "b"}},
		{"CR LF and LF", "a\r\nb\nc\r\n", false, []string{"a", "b", "c"}},
		{"CR alone", "a\rb\n\rc\r\r\n", false, []string{"a\rb", "\rc\r"}},
		{"CR at the end", "a\nb\r", false, []string{"a", "b\r"}},
		{"only CR", "\r", false, []string{"\r"}},
		{"only CR LF", "\r\n", false, []string{""}},
		{"mark", "\ufeffa\n", false, []string{"a"}},
		{"mark alone", "\ufeff", false, nil},
		{"two marks", "\ufeff\ufeffa", false, []string{"\ufeffa"}},
		{"mark later", "a\n\ufeffb", false, []string{"a", "\ufeffb"}},
		{"NUL", "a\x00b\n\x00", false, []string{"a\x00b", "\x00"}},
		{"other separators", "a\v\f\u0085\u2028\u2029b\x1c", false, []string{"a\v\f\u0085\u2028\u2029b\x1c"}},
		{"all lengths", "é漢😀\U0010ffff\ud7ff\ue000\ufffd", false, []string{"é漢😀\U0010ffff\ud7ff\ue000\ufffd"}},
		// Of the Unicode standard, tables 3-8 to 3-11.
		{"overlong", "\xc0\xaf\xe0\x80\xbf\xf0\x81\x82A", true, []string{strings.Repeat(r, 8) + "A"}},
		{"surrogates", "\xed\xa0\x80\xed\xbf\xbf\xed\xafA", true, []string{strings.Repeat(r, 8) + "A"}},
		{"beyond", "\xf4\x91\x92\x93\xffA\x80\xbfB", true, []string{strings.Repeat(r, 5) + "A" + r + r + "B"}},
		{"cut", "\xe1\x80\xe2\xf0\x91\x92\xf1\xbfA", true, []string{strings.Repeat(r, 4) + "A"}},
		{"cut by a line end", "a\xe1\x80\nb\xf0\x9f\x98", true, []string{"a" + r, "b" + r}},
		{"cut by CR LF", "\xc3\r\n\xff\r\n", true, []string{r, r}},
		{"nothing to replace", "é\n", true, []string{"é"}},
	} {
		f, err := openText([]byte(c.text), "x.txt", c.replace)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		defer f.Close()
		if got, err := stringsOf(t, f, "x"); err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, %v; want %q", c.name, got, err, c.want)
		}
		if r, err := f.Verify(t.Context(), nil); err != nil || !r.OK() {
			t.Errorf("%s: Verify: %+v, %v", c.name, r, err)
		}
	}
}

// TestBadInput: the catalogue has no rows of text, these are its own.
func TestBadInput(t *testing.T) {
	var rows []badinput.Row
	add := func(what, b string, kind error, says ...string) {
		rows = append(rows, badinput.Row{ID: fmt.Sprintf("TX%02d", len(rows)+1), What: what, Format: "text", Kind: kind, Says: says, Make: func(t testing.TB, dir string) string {
			path := filepath.Join(dir, "x.txt")
			if err := os.WriteFile(path, []byte(b), 0o600); err != nil {
				t.Fatal(err)
			}
			return path
		}})
	}
	bad := func(what, b string, offset, line int, got string) {
		add(what, b, tensor.ErrFormat, fmt.Sprintf("offset %d: line %d: got %s, want UTF-8", offset, line, got))
	}
	bad("FF", "a\nb\xffc", 3, 2, "ff")
	bad("FE at the begin", "\xfeabc", 0, 1, "fe")
	bad("a continuation alone", "\n\n\x80", 2, 3, "80")
	bad("C0", "\xc0\xaf", 0, 1, "c0")
	bad("C1", "\xc1\xbf", 0, 1, "c1")
	bad("overlong, three bytes", "a\xe0\x9f\xbf", 1, 1, "e0")
	bad("overlong, four bytes", "a\xf0\x8f\xbf\xbf", 1, 1, "f0")
	bad("a surrogate", "\xed\xa0\x80", 0, 1, "ed")
	bad("two surrogates, as of Java", "x\xed\xa0\xbd\xed\xb8\x80", 1, 1, "ed")
	bad("beyond U+10FFFF", "\xf4\x90\x80\x80", 0, 1, "f4")
	bad("F5", "\xf5\x80\x80\x80", 0, 1, "f5")
	bad("five bytes", "\xf8\x88\x80\x80\x80", 0, 1, "f8")
	bad("two bytes, cut at the end", "abc\xc3", 3, 1, "c3")
	bad("three bytes, cut at the end", "abc\xe6\xbc", 3, 1, "e6 bc")
	bad("four bytes, cut at the end", "abc\n\xf0\x9f\x98", 4, 2, "f0 9f 98")
	bad("cut by a line end", "\xe6\xbc\n\xa2", 0, 1, "e6 bc")
	bad("cut by another", "\xe6\xe6\xbc\xa2", 0, 1, "e6")
	bad("Latin-1", "caf\xe9\r\n", 3, 1, "e9")
	bad("behind a mark", "\ufeffa\n\xff", 5, 2, "ff")
	bad("half a mark", "\xef\xbb", 0, 1, "ef bb")
	bad("across chunks", strings.Repeat("0123456\n", 32<<10)[1:]+"\xe6\xff", 256<<10-1, 32<<10+1, "e6")
	bad("far away", strings.Repeat("line\r\n", 200_000)+"\xff\n", 1_200_000, 200_001, "ff")
	for _, m := range []struct{ what, b string }{
		{"UTF-16, little-endian", "\xff\xfea\x00"}, {"UTF-16, big-endian", "\xfe\xff\x00a"},
		{"UTF-32, little-endian", "\xff\xfe\x00\x00a\x00\x00\x00"}, {"UTF-32, big-endian", "\x00\x00\xfe\xff\x00\x00\x00a"},
	} {
		add(m.what, m.b, tensor.ErrUnsupported, "offset 0: line 1: got "+m.what+", want UTF-8")
	}
	add("nothing", "", nil)
	add("only NUL", strings.Repeat("\x00", 1000), nil)
	add("a line of 3 MiB", strings.Repeat("漢", 1<<20), nil)
	add("many empty lines", strings.Repeat("\n", 500_000), nil)
	badinput.Run(t, rows)
	t.Logf("%d rows", len(rows))
}

// Characters and line ends that lie across the ends of chunks.
func TestChunks(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	parts := []string{"a", "é", "漢", "😀", "\r", "\r\n", "\n", "long line, longer than others "}
	for shift := range 8 {
		var b strings.Builder
		b.WriteString(strings.Repeat("x", shift))
		for b.Len() < 600<<10 {
			b.WriteString(parts[rng.IntN(len(parts))])
		}
		text := b.String() + "\n"
		want := strings.Split(text, "\n")
		want = want[:len(want)-1]
		for i := range want {
			want[i] = strings.TrimSuffix(want[i], "\r")
		}
		f, err := openText([]byte(text), "x.txt", false)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := stringsOf(t, f, "x"); err != nil || !slices.Equal(got, want) {
			t.Errorf("shift %d: %d strings, %v, want %d", shift, len(got), err, len(want))
		}
		f.Close()
	}
}

// A text is opened and written in memory that does not depend on its size.
func TestMemory(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.txt")
	text := bytes.Repeat([]byte("some text in a line\n"), 2<<20)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f, err := convert.Open(t.Context(), path, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	x, err := f.Tensor("x")
	if err != nil {
		t.Fatal(err)
	}
	format, _ := convert.ByName("text")
	same := &comparer{want: text}
	if err := format.Write(t.Context(), same, []convert.Source{{Tensor: x, As: "x"}}, nil); err != nil || len(same.want) != 0 {
		t.Errorf("%v, %d bytes are missing", err, len(same.want))
	}
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > 16<<20 {
		t.Errorf("%d MiB allocated for a text of %d MiB", n>>20, len(text)>>20)
	}
}

// comparer takes what is equal to want.
type comparer struct{ want []byte }

func (c *comparer) Write(p []byte) (int, error) {
	if !bytes.HasPrefix(c.want, p) {
		return 0, errors.New("other bytes")
	}
	c.want = c.want[len(p):]
	return len(p), nil
}

// native makes a native file with a string tensor x of the shape.
func native(t testing.TB, index tensor.DType, shape tensor.Shape, list ...string) *tensorfile.File {
	t.Helper()
	at := []int64{0}
	for _, s := range list {
		at = append(at, at[len(at)-1]+int64(len(s)))
	}
	offsets, err := tensor.FromSlice(at, int64(len(at)))
	if err == nil {
		offsets, err = offsets.Cast(index)
	}
	if err != nil {
		t.Fatal(err)
	}
	text := []byte(strings.Join(list, ""))
	content, err := tensor.FromSlice(text, int64(len(text)))
	if err != nil {
		t.Fatal(err)
	}
	return file(t, func(w *tensorfile.Writer) error {
		return w.AddComposite(t.Context(), "x", tensorfile.Composite{Layout: format.LayoutString, Shape: shape, Parts: []tensorfile.CompositePart{
			{Role: format.RoleOffsets, View: offsets}, {Role: format.RoleBytes, View: content},
		}}, nil)
	})
}

func file(t testing.TB, add func(w *tensorfile.Writer) error) *tensorfile.File {
	t.Helper()
	var out bytes.Buffer
	w, err := tensorfile.NewWriter(&out, nil)
	if err == nil {
		err = add(w)
	}
	if err == nil {
		err = w.Commit(context.Background())
	}
	if err != nil {
		t.Fatal(err)
	}
	f, err := tensorfile.OpenReaderAt(bytes.NewReader(out.Bytes()), int64(out.Len()), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func TestWrite(t *testing.T) {
	indices := 0
	for _, d := range []tensor.DType{tensor.I8, tensor.U8, tensor.I16, tensor.U16, tensor.I32, tensor.U32, tensor.I64, tensor.U64} {
		if got, err := written(native(t, d, tensor.Shape{4}, "a", "", "b\rc", "é😀"), "x"); err != nil || string(got) != "a\n\nb\rc\né😀\n" {
			t.Errorf("%v: %q, %v", d, got, err)
		}
		indices++
	}
	t.Logf("%d dtypes of offsets", indices)
	long := strings.Repeat("漢\r", 100_001) + "."
	for _, c := range []struct {
		shape tensor.Shape
		list  []string
		want  string
	}{
		{tensor.Shape{}, []string{"one"}, "one\n"},
		{tensor.Shape{0}, nil, ""},
		{tensor.Shape{2}, []string{"", ""}, "\n\n"},
		{tensor.Shape{2}, []string{"\ufeffa", "\ufeffb"}, "\ufeff\ufeffa\n\ufeffb\n"},
		{tensor.Shape{1}, []string{long}, long + "\n"},
	} {
		got, err := written(native(t, tensor.I64, c.shape, c.list...), "x")
		if err != nil || string(got) != c.want {
			t.Errorf("%v %.40q: %.40q, %v", c.shape, c.list, got, err)
			continue
		}
		f, err := openText(got, "x.txt", false)
		if err != nil {
			t.Fatal(err)
		}
		if list, err := stringsOf(t, f, "x"); err != nil || !slices.Equal(list, c.list) && len(c.list) > 0 {
			t.Errorf("%.40q came back as %.40q, %v", c.list, list, err)
		}
		f.Close()
	}
}

func TestRefuse(t *testing.T) {
	dense, err := tensor.FromSlice([]uint8{1, 2}, 2)
	if err != nil {
		t.Fatal(err)
	}
	for want, f := range map[string]*tensorfile.File{
		"string 1: got a line feed in it":              native(t, tensor.I32, tensor.Shape{2}, "a", "b\nc"),
		"string 0: got a carriage return at its end":   native(t, tensor.I32, tensor.Shape{2}, "a\r", "b"),
		"shape: got (2, 1), want rank 0 or 1":          native(t, tensor.I32, tensor.Shape{2, 1}, "a", "b"),
		"layout: got u8 of a dense tensor, want strin": file(t, func(w *tensorfile.Writer) error { return w.Add(t.Context(), "x", dense, nil) }),
	} {
		if _, err := written(f, "x"); !errors.Is(err, tensor.ErrUnsupported) || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	format, _ := convert.ByName("text")
	if err := format.Write(t.Context(), io.Discard, nil, nil); !errors.Is(err, tensor.ErrUnsupported) {
		t.Error(err)
	}
}

// Strings that a damaged file holds are errors, whatever their offsets say.
func TestCorrupt(t *testing.T) {
	for what, c := range map[string]struct {
		offsets []int32
		text    string
		want    string
	}{
		"begin":    {[]int32{1, 2, 3}, "abc", "string 0: got offset 1, want 0"},
		"falling":  {[]int32{0, 2, 1}, "abc", "string 1: got offsets 2, 1, want an end from 2 to 3"},
		"negative": {[]int32{0, -1, 3}, "abc", "string 0: got offsets 0, -1"},
		"past":     {[]int32{0, 1, 4}, "abc", "string 1: got offsets 1, 4"},
		"short":    {[]int32{0, 1, 2}, "abc", "string 2: got 1 bytes behind the last, want none"},
		"UTF-8":    {[]int32{0, 1, 3}, "a\xe6\xbc", "string 1: got e6 bc, want UTF-8"},
		"split":    {[]int32{0, 1, 2}, "\xc3\xa9", "string 0: got c3, want UTF-8"},
	} {
		var b []byte
		for _, x := range c.offsets {
			b = binary.LittleEndian.AppendUint32(b, uint32(x))
		}
		n := int64(len(b))
		b = append(b, c.text...)
		f, err := tensorfile.OpenLayout(mmap.NewReaderAt(bytes.NewReader(b), int64(len(b)), "x"), &tensorfile.Layout{
			Format: "made", Storages: []tensorfile.LayoutStorage{{Size: n}, {Offset: n, Size: int64(len(c.text))}},
			Tensors: []tensorfile.LayoutTensor{{Name: "x", Shape: tensor.Shape{2}, Layout: format.LayoutString, Parts: []tensorfile.LayoutTensor{
				{Name: format.RoleOffsets, DType: tensor.I32, Shape: tensor.Shape{3}},
				{Name: format.RoleBytes, Storage: 1, DType: tensor.U8, Shape: tensor.Shape{int64(len(c.text))}},
			}}},
		}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := written(f, "x"); !errors.Is(err, tensor.ErrCorrupt) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %s", what, err, c.want)
		}
		f.Close()
	}
}

// A file that is another when it is read says so.
func TestChanged(t *testing.T) {
	b := []byte("one\ntwo\n")
	for _, part := range []string{format.RoleOffsets, format.RoleBytes} {
		f, err := openText(b, "x.txt", false)
		if err != nil {
			t.Fatal(err)
		}
		x, err := f.Tensor("x")
		if err != nil {
			t.Fatal(err)
		}
		p, err := x.Part(part)
		if err != nil {
			t.Fatal(err)
		}
		b[3] = 'x'
		if err := p.WriteCOrder(t.Context(), io.Discard); !errors.Is(err, tensor.ErrChanged) {
			t.Errorf("%s: %v", part, err)
		}
		b[3] = '\n'
		f.Close()
	}
}

// FuzzRead compares what is read with bytes.Split, and with what is written.
func FuzzRead(f *testing.F) {
	for _, s := range []string{"", "\n", "a\r\nb", "\ufeffé\n漢\r", "\xff\xe6\xbc\n", "\ufeff\ufeff\r\r\n\x00"} {
		f.Add([]byte(s), true)
		f.Add([]byte(s), false)
	}
	f.Fuzz(func(t *testing.T, b []byte, replace bool) {
		in, err := openText(b, "x.txt", replace)
		if err != nil {
			var te *tensor.Error
			if !errors.As(err, &te) || te.Kind == nil {
				t.Fatalf("%v is no tensor.Error", err)
			}
			return
		}
		defer in.Close()
		if in.Layout() == nil || in.Layout().Format != "text" {
			return
		}
		got, err := stringsOf(t, in, "x")
		if err != nil {
			t.Fatal(err)
		}
		text := strings.TrimPrefix(string([]rune(string(b))), "\ufeff")
		if !replace || strings.ToValidUTF8(string(b), "") == string(b) {
			want := strings.SplitAfter(text, "\n")
			if want[len(want)-1] == "" {
				want = want[:len(want)-1]
			}
			for i, s := range want {
				if s, ended := strings.CutSuffix(s, "\n"); ended {
					want[i] = strings.TrimSuffix(s, "\r")
				}
			}
			if !slices.Equal(got, want) {
				t.Fatalf("%q became %q, want %q", b, got, want)
			}
		}
		out, err := written(in, "x")
		if err != nil {
			if !errors.Is(err, tensor.ErrUnsupported) {
				t.Fatal(err)
			}
			return
		}
		again, err := openText(out, "x.txt", false)
		if err != nil {
			t.Fatal(err)
		}
		defer again.Close()
		if again.Layout() == nil || again.Layout().Format != "text" {
			return // the text looks like another format
		}
		if back, err := stringsOf(t, again, "x"); err != nil || !slices.Equal(back, got) {
			t.Fatalf("%q came back as %q, %v", got, back, err)
		}
	})
}
