package inspect

import (
	"encoding/hex"
	"fmt"
	"io"
	"strings"

	"github.com/tensorfile/tensorfile/tensor"
)

// perLine bytes are shown on a line, and of one row at most perRow.
const (
	perLine = 16
	perRow  = 256
)

// WriteText prints the map: a line a part, and with bytes every part's bytes
// with their meaning.
func (m *Map) WriteText(w io.Writer, bytes bool) error {
	p := &printer{w: w}
	p.line("%s: %s, %s", tensor.Escape(m.Path), m.Format, bytesText(m.Size))
	for _, err := range m.Damage {
		p.line("! %s", reason(err))
	}
	p.line("")
	if bytes {
		for i := range m.Parts {
			p.dump(m, &m.Parts[i])
		}
		return p.err
	}
	width := 0
	for i := range m.Parts {
		width = max(width, min(len(m.Parts[i].What), 60))
	}
	p.line("%14s %14s  %-*s  %s", "offset", "length", width, "what", "spec")
	for i := range m.Parts {
		part := &m.Parts[i]
		p.line("%14d %14d  %-*s  %s", part.Offset, part.Length, width, part.What, part.Section)
		for _, d := range part.Damage {
			p.line("%14s %14s  ! %s", "", "", d)
		}
	}
	return p.err
}

type printer struct {
	w   io.Writer
	err error
}

func (p *printer) line(format string, args ...any) {
	if p.err == nil {
		_, p.err = io.WriteString(p.w, strings.TrimRight(fmt.Sprintf(format, args...), " ")+"\n")
	}
}

// dump prints the rows of a part.
func (p *printer) dump(m *Map, part *Part) {
	section := ""
	if part.Section != "" {
		section = " (" + part.Section + ")"
	}
	p.line("%08x  %s, %s%s", part.Offset, part.What, bytesText(part.Length), section)
	for _, d := range part.Damage {
		p.line("%8s  ! %s", "", d)
	}
	m.Rows(part, func(r Row) bool {
		if r.Length == 0 {
			p.line("%8s  %s", "", r.Field)
			return p.err == nil
		}
		if zeros(r) {
			p.line("%08x  %-47s  %-12s  %s", r.Offset, fmt.Sprintf("00 x %d", r.Length), r.Field, r.Meaning)
			return p.err == nil
		}
		b := r.Bytes[:min(len(r.Bytes), perRow)]
		field, meaning := r.Field, r.Meaning
		for at := 0; at < len(b); at += perLine {
			p.line("%08x  %-47s  %-12s  %s", r.Offset+int64(at), hexBytes(b[at:min(at+perLine, len(b))]), field, meaning)
			field, meaning = "", ""
		}
		if rest := r.Length - int64(len(b)); rest > 0 {
			p.line("%8s  ... %s", "", bytesText(rest))
		}
		return p.err == nil
	})
	p.line("")
}

func bytesText(n int64) string {
	if n == 1 {
		return "1 byte"
	}
	return fmt.Sprintf("%d bytes", n)
}

// zeros reports whether r is better told than shown: more zeros than fit a
// line.
func zeros(r Row) bool {
	if r.Length <= 8 || len(r.Bytes) == 0 || int64(len(r.Bytes)) != r.Length && r.Field != Zeros && r.Field != Padding {
		return false
	}
	for _, c := range r.Bytes {
		if c != 0 {
			return false
		}
	}
	return true
}

func hexBytes(b []byte) string {
	s := hex.EncodeToString(b)
	var out strings.Builder
	for i := 0; i < len(s); i += 2 {
		if i > 0 {
			out.WriteByte(' ')
		}
		out.WriteString(s[i : i+2])
	}
	return out.String()
}
