// Package text reads text files as tensors of strings, an element for each line,
// and writes them. Importing it registers the format "text" with package
// convert. Text has no mark of its own: files are known by the extension .txt, or
// read so on request.
//
// Text is UTF-8. A line ends with LF or CR LF, which are no part of the element; a
// CR anywhere else is. What follows the last line end is an element if it is not
// empty: "a\nb" and "a\nb\n" are both two, "\n" is one that is empty, and an empty
// file none. A byte order mark at the begin is left out. Every other character is
// kept, NUL as well. Lines have any length.
//
// What is no UTF-8 is an error that names line and offset. With
// ReadOptions.ReplaceInvalid each maximal part of a broken character becomes
// U+FFFD, as the Unicode standard advises and Python's errors="replace" does.
// UTF-16 and UTF-32 with a byte order mark are refused.
//
// The tensor is called like the file and has rank 1 and layout string; its offsets
// are i32 where 31 bits are enough, else i64. Opening reads the file once, to count
// and to check, and each part is decoded from the file when it is asked for, in
// bounded memory.
//
// Writing takes one tensor of layout string, of rank 0 or 1, and ends every line
// with LF, in bounded memory. A string that would come back as another, for it
// contains LF or ends with CR, is refused. If the first begins with U+FEFF, a byte
// order mark is put in front of it, since one is taken away in reading.
package text

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"strings"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/tensor"
)

const (
	formatName = "text"
	extension  = ".txt"
)

func init() {
	convert.Register(convert.Format{
		Name:        formatName,
		Extensions:  []string{extension},
		Description: "UTF-8 text, a string for each line",
		Single:      true,
		Strings:     true,
		Open:        open,
		Write:       write,
	})
}

// file is an open file and what was counted in it.
type file struct {
	in      convert.Input
	replace bool
	index   tensor.DType
	totals
}

// totals are the sizes of a file.
type totals struct {
	lines, bytes int64 // bytes without those that end lines
	crlf         int64 // lines that end with CR LF
}

func open(ctx context.Context, in convert.Input, o *convert.ReadOptions) (*convert.Layout, error) {
	if o == nil {
		o = &convert.ReadOptions{}
	}
	f := &file{in: in, replace: o.ReplaceInvalid, index: tensor.I32}
	s, err := f.scan(ctx)
	if err != nil {
		return nil, err
	}
	marked := s.at > 0
	if err := f.count(s); err != nil {
		return nil, err
	}
	if f.bytes > math.MaxInt32 {
		f.index = tensor.I64
	}
	name := o.Name
	if name == "" {
		name = nameOf(in.Path())
	}
	l := &convert.Layout{Format: formatName}
	l.Storages = []convert.LayoutStorage{{Size: (f.lines + 1) * int64(f.index.UnitBytes), Codec: "text", Open: f.offsets}}
	content := convert.LayoutTensor{Name: format.RoleBytes, Storage: -1, DType: tensor.U8, Shape: tensor.Shape{f.bytes}}
	if f.bytes > 0 {
		content.Storage = 1
		l.Storages = append(l.Storages, convert.LayoutStorage{Size: f.bytes, StoredSize: in.Size(), Codec: "text", Open: f.content})
	}
	l.Tensors = []convert.LayoutTensor{{
		Name: name, Shape: tensor.Shape{f.lines}, Layout: format.LayoutString, Sound: true,
		Parts: []convert.LayoutTensor{
			{Name: format.RoleOffsets, DType: f.index, Shape: tensor.Shape{f.lines + 1}, Order: tensor.LittleEndian},
			content,
		},
	}}
	if marked {
		l.Notes = append(l.Notes, "the text begins with a byte order mark, which is left out")
	}
	if f.crlf > 0 {
		l.Notes = append(l.Notes, fmt.Sprintf("%d of %d lines end with CR LF, which is left out", f.crlf, f.lines))
	}
	return l, nil
}

// nameOf is the name of a file without its extension.
func nameOf(path string) string {
	name := filepath.Base(path)
	if n := len(name) - len(extension); n > 0 && strings.EqualFold(name[n:], extension) {
		name = name[:n]
	}
	if format.CheckName(name) != nil {
		return "text"
	}
	return name
}

// count reads all.
func (f *file) count(s *scanner) error {
	ended := true
	for {
		b, err := s.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		lines, crlf := bytes.Count(b, lf), bytes.Count(b, crLF)
		f.lines += int64(lines)
		f.crlf += int64(crlf)
		f.bytes += int64(len(b) - lines - crlf)
		ended = b[len(b)-1] == '\n'
	}
	if !ended {
		f.lines++
	}
	return nil
}

// content opens the text without the ends of its lines.
func (f *file) content(ctx context.Context) (io.ReadCloser, error) {
	s, err := f.scan(ctx)
	if err != nil {
		return nil, err
	}
	total := int64(0)
	return &stream{next: func() ([]byte, error) {
		b, err := s.next()
		if err != nil {
			if err == io.EOF && total != f.bytes {
				err = f.changed()
			}
			return nil, err
		}
		b = strip(b)
		if total += int64(len(b)); total > f.bytes {
			return nil, f.changed()
		}
		return b, nil
	}}, nil
}

// strip takes the ends of lines out of b, in place.
func strip(b []byte) []byte {
	to := b[:0]
	for {
		i := bytes.IndexByte(b, '\n')
		if i < 0 {
			return append(to, b...)
		}
		to = append(to, line(b[:i])...)
		b = b[i+1:]
	}
}

// line is b, which an LF follows, without a CR at its end.
func line(b []byte) []byte {
	if n := len(b) - 1; n >= 0 && b[n] == '\r' {
		return b[:n]
	}
	return b
}

// offsets opens the offsets of the lines in the content.
func (f *file) offsets(ctx context.Context) (io.ReadCloser, error) {
	s, err := f.scan(ctx)
	if err != nil {
		return nil, err
	}
	var out []byte
	at, lines, ended, done := int64(0), int64(0), true, false
	put := func() {
		if f.index == tensor.I32 {
			out = binary.LittleEndian.AppendUint32(out, uint32(at))
		} else {
			out = binary.LittleEndian.AppendUint64(out, uint64(at))
		}
	}
	end := func() {
		lines++
		put()
	}
	put()
	return &stream{rest: out, next: func() ([]byte, error) {
		if done {
			return nil, io.EOF
		}
		out = out[:0]
		b, err := s.next()
		if err == io.EOF {
			if done = true; !ended {
				end()
			}
			if lines != f.lines || at != f.bytes {
				return nil, f.changed()
			}
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		ended = b[len(b)-1] == '\n'
		for {
			i := bytes.IndexByte(b, '\n')
			if i < 0 {
				at += int64(len(b))
				return out, nil
			}
			at += int64(len(line(b[:i])))
			end()
			b = b[i+1:]
		}
	}}, nil
}

func (f *file) changed() error {
	return &tensor.Error{Kind: tensor.ErrChanged, Path: f.in.Path(), Format: formatName, Offset: -1, Field: "text", Got: "other lines", Want: "those that were there when the file was opened"}
}

// stream reads pieces that next makes, each good until the next call.
type stream struct {
	rest []byte
	next func() ([]byte, error)
}

func (s *stream) Close() error { return nil }

func (s *stream) Read(p []byte) (n int, err error) {
	for len(s.rest) == 0 && len(p) > 0 {
		if s.rest, err = s.next(); err != nil {
			s.rest = nil
			return 0, err
		}
	}
	n = copy(p, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}
