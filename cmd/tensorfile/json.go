package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/internal/survey"
	"github.com/tensorfile/tensorfile/tensor"
)

// schema is the first key of every JSON document: the command and the version
// of what it prints. Keys may be added in a version, never renamed or removed.
func schema(command string) string { return "tensorfile/" + command + "/1" }

// writeJSON prints a document on a line.
func (t *tool) writeJSON(v any) error {
	b, err := marshal(v)
	if err != nil {
		return err
	}
	t.out.Write(b)
	return t.out.WriteByte('\n')
}

// marshal is json.Marshal that leaves <, > and & alone, but escapes all that a
// terminal might obey, as clean does.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	text := bytes.TrimSuffix(b.Bytes(), []byte("\n"))
	if bytes.IndexFunc(text, hidden) < 0 {
		return text, nil
	}
	// Such characters can only stand in strings.
	var out []byte
	for _, r := range string(text) {
		switch {
		case !hidden(r):
			out = utf8.AppendRune(out, r)
		case r > 0xffff:
			hi, lo := utf16.EncodeRune(r)
			out = fmt.Appendf(out, `\u%04x\u%04x`, hi, lo)
		default:
			out = fmt.Appendf(out, `\u%04x`, r)
		}
	}
	return out, nil
}

// hidden reports whether a character does not show, or not where it stands.
func hidden(r rune) bool { return r >= 0x7f && !strconv.IsGraphic(r) }

// A document is about a file and its tensors, one on a line.
type document struct {
	w *output
	n int
}

// openDoc prints the head of a document.
func (t *tool) openDoc(command string, in *input) (*document, error) {
	head, err := marshal(struct {
		Schema string `json:"schema"`
		jsonPath
		Format string `json:"format"`
	}{schema(command), pathJSON(in.Path()), in.Info().Format})
	if err != nil {
		return nil, err
	}
	t.out.Write(head[:len(head)-1])
	t.out.WriteString(`,"tensors":[`)
	return &document{w: t.out}, nil
}

// add prints a tensor.
func (d *document) add(v any) error {
	b, err := marshal(v)
	if err != nil {
		return err
	}
	if d.n++; d.n > 1 {
		d.w.WriteByte(',')
	}
	d.w.WriteByte('\n')
	d.w.Write(b)
	return nil
}

func (d *document) end() { d.w.WriteString("\n]}\n") }

// jsonPath is a file's path in a document. One that is not UTF-8 is escaped,
// and stands in base64 beside it.
type jsonPath struct {
	Path   string `json:"path"`
	Base64 string `json:"path_base64,omitempty"`
}

func pathJSON(path string) jsonPath {
	if utf8.ValidString(path) {
		return jsonPath{Path: path}
	}
	return jsonPath{tensor.Escape(path), base64.StdEncoding.EncodeToString([]byte(path))}
}

// textJSON is s as a document can hold it: itself, or escaped if it is not UTF-8.
func textJSON(s string) string { return survey.Text(s) }

// jsonFloat is a number in a document; NaN and the infinities are strings.
type jsonFloat = survey.Float

// appendJSONFloat appends the shortest number that reads back the same.
func appendJSONFloat(b []byte, x float64, bits int) []byte { return survey.AppendJSONFloat(b, x, bits) }

// attrsJSON turns attributes into what a document can hold.
func attrsJSON(a tensorfile.Attrs) any { return survey.Attributes(a) }

func valueJSON(v any) any { return survey.Value(v) }
