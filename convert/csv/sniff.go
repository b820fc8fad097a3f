package csv

import (
	"bytes"
	"context"
	"fmt"
	"io"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/convert/internal/column"
	"github.com/tensorfile/tensorfile/convert/internal/records"
	"github.com/tensorfile/tensorfile/convert/internal/utf8text"
	"github.com/tensorfile/tensorfile/tensor"
)

// sniff reads the first two records: how many columns there are, whether they
// have names, and what quotes mean.
func (f *file) sniff(ctx context.Context, asked convert.Choice) error {
	size := f.in.Size()
	var b []byte
	var first, second []span
	var data int // where the values begin if there is a header
	for n := min(size, 64<<10); ; n = min(size, 2*n) {
		if err := ctx.Err(); err != nil {
			return err
		}
		have := len(b)
		grown := make([]byte, n, n+1) // and a line feed
		copy(grown, b)
		b = grown
		if m, err := f.in.ReadAt(b[have:], int64(have)); m < len(b)-have {
			if err == io.EOF {
				err = f.wrong(tensor.ErrChanged, int64(have), 1, -1, "fewer bytes", fmt.Sprint(size))
			}
			return err
		}
		if name := utf8text.Foreign(b); name != "" {
			return f.wrong(tensor.ErrUnsupported, 0, 1, -1, name, "UTF-8")
		}
		if f.begin = 0; bytes.HasPrefix(b, []byte(utf8text.Mark)) {
			f.begin = int64(len(utf8text.Mark))
		}
		text := b[f.begin:]
		last := n == size || n >= int64(records.MaxRecord)
		if !last {
			text = text[:f.cut(text)]
		} else {
			text = append(text, '\n')
		}
		p := &parser{f: f, b: text, block: &records.Block{Text: text, Offset: f.begin, Line: 1, Cut: n < size}}
		var err error
		if first, data, err = p.spans(0); err == nil {
			second, _, err = p.spans(data)
		}
		switch {
		case err != nil:
			return err
		case last && first == nil:
			return f.wrong(tensor.ErrFormat, 0, 1, -1, "nothing", "a record")
		}
		if last || second != nil {
			break
		}
	}
	text := b[f.begin:]
	quoted := func(spans []span) bool {
		for _, s := range spans {
			if !s.quoted {
				return false
			}
		}
		return true
	}
	f.unquoted = quoted(first) && quoted(second)
	some, none := false, true // names, numbers
	f.names = make([]string, len(first))
	for c := range first {
		name := first[c].content(text, nil)
		if !first[c].quoted {
			name = trim(name)
		}
		k, _ := value(trim(name))
		if first[c].quoted && !f.unquoted {
			k = column.Text
		}
		some = some || k == column.Text
		none = none && (k == column.Text || k == column.None)
		f.names[c] = string(utf8text.AppendReplaced(nil, name))
	}
	f.line = 1
	if f.header = asked == convert.Yes || asked == convert.Auto && some && none; f.header {
		f.line += int64(bytes.Count(text[:data], []byte{'\n'}))
		if at := utf8text.Invalid(text[:data]); at < data && !f.replace {
			return f.wrong(tensor.ErrFormat, f.begin+int64(at), 1+int64(bytes.Count(text[:at], []byte{'\n'})), -1, fmt.Sprintf("% x", text[at:at+utf8text.Subpart(text[at:])]), "UTF-8")
		}
		f.begin += int64(data)
	}
	return nil
}

// spans are the fields of the first record from b[at] on, and where it ends; nil
// if there is none.
func (p *parser) spans(at int) (list []span, next int, err error) {
	for at < len(p.b) && (p.b[at] == '\n' || p.b[at] == '\r' && at+1 < len(p.b) && p.b[at+1] == '\n') {
		at++
	}
	for at < len(p.b) {
		if len(list) == maxFields {
			return nil, at, p.wrong(tensor.ErrLimit, at, -1, fmt.Sprintf("more than %d fields", maxFields), "fewer")
		}
		s, wrong := p.f.field(p.b, at)
		if wrong != fine {
			return nil, at, p.fault(wrong, s.next, len(list))
		}
		list = append(list, s)
		at = s.next + 1
		if p.b[s.next] == '\n' {
			break
		}
	}
	return list, at, nil
}
