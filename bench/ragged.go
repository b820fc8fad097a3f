package bench

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/ragged"
	"github.com/tensorfile/tensorfile/tensor"
)

// unevenFile is a file of n strings and n rows of 0 to 15 floats.
func (e *Env) unevenFile(b *testing.B, n int) string {
	return get(b, e, fmt.Sprintf("uneven%d", n), func() (string, error) {
		path := e.path(fmt.Sprintf("uneven-%d.tensor", n))
		words := make([]string, n)
		offsets := make([]int64, n+1)
		for i := range words {
			words[i] = fmt.Sprintf("string number %d", i*2654435761%n)
			offsets[i+1] = offsets[i] + int64(i*2654435761>>7&15)
		}
		s, err := ragged.FromStrings(words)
		if err != nil {
			return "", err
		}
		ptr, err := tensor.FromSlice(offsets)
		if err != nil {
			return "", err
		}
		values, err := tensor.Make(tensor.F32, tensor.Shape{offsets[n]})
		if err != nil {
			return "", err
		}
		a, err := ragged.New(ptr, values, -1)
		if err != nil {
			return "", err
		}
		w, err := tensorfile.Create(path, &tensorfile.CreateOptions{NoSync: true, Overwrite: true})
		if err != nil {
			return "", err
		}
		defer w.Close()
		ctx := context.Background()
		if err := w.AddStrings(ctx, "words", s, nil); err != nil {
			return "", err
		}
		if err := w.AddRagged(ctx, "rows", a, nil); err != nil {
			return "", err
		}
		return path, w.Commit(ctx)
	})
}

// text is so many bytes of words, of which some are not ASCII.
func (e *Env) text(b *testing.B, kind string, size int64) []byte {
	return get(b, e, "text "+kind+fmt.Sprint(size), func() ([]byte, error) {
		line := map[string]string{
			"ascii":    "the quick brown fox jumps over the lazy dog, ",
			"latin":    "Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich, ",
			"japanese": "いろはにほへとちりぬるをわかよたれそつねならむ",
		}[kind]
		return []byte(strings.Repeat(line, int(size)/len(line))), nil
	})
}

// raggedCases are strings and rows of different lengths: opened, taken one by
// one, checked, filled up.
func raggedCases(e *Env) []Case {
	n, size := 20_000, int64(4<<20)
	if e.Full {
		n, size = 2_000_000, 256<<20
	}
	ctx := context.Background()
	var list []Case
	warm := func(op string, fn func(b *testing.B, f *tensorfile.File)) {
		list = append(list, run("ragged", fmt.Sprintf("rows=%d/op=%s/impl=tensorfile", n, op), func(b *testing.B) {
			f := mustOpen(b, e.unevenFile(b, n))
			defer f.Close()
			fn(b, f)
		}))
	}
	list = append(list, run("ragged", fmt.Sprintf("rows=%d/op=open+at/impl=tensorfile", n), func(b *testing.B) {
		path := e.unevenFile(b, n)
		for b.Loop() {
			f := mustOpen(b, path)
			t, err := f.Tensor("words")
			check(b, err)
			s, err := t.Strings(ctx)
			check(b, err)
			word, err := s.At(int64(n) / 2)
			check(b, err)
			sink = float32(len(word))
			check(b, f.Close())
		}
	}))
	warm("at", func(b *testing.B, f *tensorfile.File) {
		t, err := f.Tensor("words")
		check(b, err)
		s, err := t.Strings(ctx)
		check(b, err)
		for i := int64(0); b.Loop(); i++ {
			word, err := s.At(i * 7919 % int64(n))
			check(b, err)
			sink = float32(len(word))
		}
	})
	warm("row", func(b *testing.B, f *tensorfile.File) {
		t, err := f.Tensor("rows")
		check(b, err)
		a, err := t.Ragged(ctx)
		check(b, err)
		for i := int64(0); b.Loop(); i++ {
			row, err := ragged.Data[float32](a, i*7919%int64(n))
			check(b, err)
			sink = float32(len(row))
		}
	})
	warm("row-slice", func(b *testing.B, f *tensorfile.File) {
		t, err := f.Tensor("rows")
		check(b, err)
		for i := int64(0); b.Loop(); i++ {
			at := i * 7919 % int64(n-10)
			a, err := t.RaggedRows(ctx, at, at+10)
			check(b, err)
			sink = float32(a.Len())
		}
	})
	for _, kind := range []string{"ascii", "latin", "japanese"} {
		name := "op=validate/text=" + kind
		for _, workers := range []int{1, 2} {
			list = append(list, stream("ragged", fmt.Sprintf("%s/workers=%d/impl=tensorfile", name, workers), size, func(b *testing.B) {
				raw := e.text(b, kind, size)
				var offsets []int64
				for i := range raw { // a string for each word
					if raw[i]&0xc0 != 0x80 && i%9 == 0 {
						offsets = append(offsets, int64(i))
					}
				}
				ptr, err := tensor.FromSlice(append(offsets, int64(len(raw))))
				check(b, err)
				bytes, err := tensor.FromSlice(raw)
				check(b, err)
				for b.Loop() {
					s, err := ragged.NewStrings(ptr, bytes, nil)
					check(b, err)
					check(b, s.Validate(ctx, &ragged.Options{Workers: workers}))
				}
			}))
		}
		list = append(list, stream("ragged", name+"/workers=1/impl=utf8.Valid", size, func(b *testing.B) {
			raw := e.text(b, kind, size)
			for b.Loop() {
				if !utf8.Valid(raw) {
					b.Fatal("not UTF-8")
				}
			}
		}))
	}
	return list
}
