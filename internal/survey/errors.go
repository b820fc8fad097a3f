package survey

import (
	"errors"
	"unicode/utf8"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/tensor"
)

// ErrorDoc is an error in a document.
type ErrorDoc struct {
	Message string `json:"message"`
	Kind    string `json:"kind,omitempty"`
	Offset  *int64 `json:"offset,omitempty"`
	Member  string `json:"member,omitempty"`
	Tensor  string `json:"tensor,omitempty"`
	Chunk   string `json:"chunk,omitempty"`
	Field   string `json:"field,omitempty"`
	Got     string `json:"got,omitempty"`
	Want    string `json:"want,omitempty"`
	Rule    string `json:"rule,omitempty"`
}

// NewErrorDoc is an error as a document has it; nil of none.
func NewErrorDoc(err error) *ErrorDoc {
	if err == nil {
		return nil
	}
	j := &ErrorDoc{Message: Text(err.Error())}
	var e *tensorfile.Error
	if errors.As(err, &e) {
		if e.Kind != nil {
			j.Kind = e.Kind.Error()
		}
		j.Member, j.Tensor, j.Chunk = Text(e.Member), Text(e.Tensor), e.Chunk
		j.Field, j.Got, j.Want, j.Rule = e.Field, e.Got, e.Want, e.Rule
		if e.Offset >= 0 {
			j.Offset = &e.Offset
		}
	}
	return j
}

// Text is s as a document can hold it: itself, or escaped if it is not UTF-8.
func Text(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return tensor.Escape(s)
}

// IsDamage reports whether an error says that bytes of a file are bad, so that what
// lies beside them may be good.
func IsDamage(err error) bool {
	for _, kind := range []error{tensorfile.ErrCorrupt, tensorfile.ErrTruncated, tensorfile.ErrFormat} {
		if errors.Is(err, kind) {
			return true
		}
	}
	return false
}
