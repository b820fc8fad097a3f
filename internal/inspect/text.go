package inspect

import (
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/tensorfile/tensorfile/internal/term"
	"github.com/tensorfile/tensorfile/tensor"
)

// perRow is how many bytes of one row are shown at the most.
const perRow = 256

// WriteText prints the map: a line a part, and with bytes every part's bytes
// with their meaning. It fits into so many columns of a terminal, if that is not 0.
func (m *Map) WriteText(w io.Writer, bytes bool, columns int) error {
	p := &printer{w: w, columns: columns, perLine: 16}
	p.line("%s: %s, %s", tensor.Escape(m.Path), m.Format, bytesText(m.Size))
	for _, err := range m.Damage {
		p.line("! %s", reason(err))
	}
	p.line("")
	if bytes {
		if columns > 0 && columns < 105 { // so that there is room for a meaning
			p.perLine = 8
		}
		for i := range m.Parts {
			p.dump(m, &m.Parts[i])
		}
		return p.err
	}
	p.parts(m)
	return p.err
}

type printer struct {
	w       io.Writer
	columns int // 0: any number
	perLine int // bytes on a line
	err     error
}

func (p *printer) line(format string, args ...any) {
	if p.err == nil {
		_, p.err = io.WriteString(p.w, strings.TrimRight(fmt.Sprintf(format, args...), " ")+"\n")
	}
}

// parts prints a line a part.
func (p *printer) parts(m *Map) {
	number, what, section := 14, 0, len("spec")
	for i := range m.Parts {
		what, section = max(what, min(term.Width(m.Parts[i].What), 60)), max(section, len(m.Parts[i].Section))
	}
	most := what
	if all := 2*number + what + section + 5; p.columns > 0 && all > p.columns {
		number = max(len("offset"), len(strconv.FormatInt(m.Size, 10)))
		most = max(p.columns-2*number-section-5, 16)
		what = min(what, most)
	}
	row := func(offset, length, text, section string) {
		if p.columns > 0 {
			text = term.Middle(text, most)
		}
		p.line("%*s %*s  %s%*s  %s", number, offset, number, length, text, max(what-term.Width(text), 0), "", section)
	}
	row("offset", "length", "what", "spec")
	for i := range m.Parts {
		part := &m.Parts[i]
		row(strconv.FormatInt(part.Offset, 10), strconv.FormatInt(part.Length, 10), part.What, part.Section)
		for _, d := range part.Damage {
			p.line("%*s  ! %s", 2*number+1, "", d)
		}
	}
}

// dump prints the rows of a part.
func (p *printer) dump(m *Map, part *Part) {
	section := ""
	if part.Section != "" {
		section = " (" + part.Section + ")"
	}
	for i, text := range p.wrap(part.What+", "+bytesText(part.Length)+section, 10) {
		if i == 0 {
			p.line("%08x  %s", part.Offset, text)
		} else {
			p.line("%8s  %s", "", text)
		}
	}
	for _, d := range part.Damage {
		p.line("%8s  ! %s", "", d)
	}
	m.Rows(part, func(r Row) bool {
		if r.Length == 0 {
			text := r.Field
			if p.columns > 0 {
				text = term.Middle(text, max(p.columns-10, 16))
			}
			p.line("%8s  %s", "", text)
			return p.err == nil
		}
		var shown []string
		b, left := r.Bytes[:min(len(r.Bytes), perRow)], r.Length
		if zeros(r) {
			shown, left = []string{fmt.Sprintf("00 x %d", r.Length)}, 0
		} else {
			for rest := range slices.Chunk(b, p.perLine) {
				shown = append(shown, hexBytes(rest))
			}
			left -= int64(len(b))
		}
		wide := 3*p.perLine - 1
		meaning := p.wrap(r.Meaning, 10+wide+2+max(12, len(r.Field))+2)
		field := r.Field
		if len(shown) == 0 { // nothing could be read
			meaning = nil
		}
		for i := range max(len(shown), len(meaning)) {
			at, hex, text := "", "", ""
			if i < len(shown) {
				at, hex = fmt.Sprintf("%08x", r.Offset+int64(i*p.perLine)), shown[i]
			}
			if i < len(meaning) {
				text = meaning[i]
			}
			p.line("%8s  %-*s  %-12s  %s", at, wide, hex, field, text)
			field = strings.Repeat(" ", len(field))
		}
		if left > 0 {
			p.line("%8s  ... %s", "", bytesText(left))
		}
		return p.err == nil
	})
	p.line("")
}

// wrap breaks a text that begins in a column where the terminal ends.
func (p *printer) wrap(text string, column int) (lines []string) {
	n := max(p.columns-column, 16)
	if p.columns == 0 || term.Width(text) <= n {
		return []string{text}
	}
	for _, line := range term.Wrap(text, n) {
		for ; len(line) > n && isASCII(line); line = line[n:] { // a word that is longer
			lines = append(lines, line[:n])
		}
		lines = append(lines, line)
	}
	return lines
}

func isASCII(s string) bool { return !strings.ContainsFunc(s, func(r rune) bool { return r > 127 }) }

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
