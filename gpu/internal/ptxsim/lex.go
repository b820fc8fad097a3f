package ptxsim

import (
	"fmt"
	"strings"

	"github.com/tensorfile/tensorfile/gpu/internal/driver"
)

// A token is a word (an identifier, a directive or an opcode with its dots), a
// number, or a mark of one character. The empty one is the end.
type token struct {
	text string
	line int
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isWord(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || isDigit(c) || strings.IndexByte("_$%.", c) >= 0
}

// lex cuts text to tokens (section 4.3), without comments.
func lex(s string) ([]token, error) {
	var out []token
	line := 1
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case c == '\n':
			line++
			i++
		case c == ' ' || c == '\t' || c == '\r':
			i++
		case strings.HasPrefix(s[i:], "//"):
			n := strings.IndexByte(s[i:], '\n')
			if n < 0 {
				n = len(s) - i
			}
			i += n
		case strings.HasPrefix(s[i:], "/*"):
			n := strings.Index(s[i+2:], "*/")
			if n < 0 {
				return nil, syntax(line, "a comment without an end")
			}
			line += strings.Count(s[i:i+2+n], "\n")
			i += n + 4
		case isWord(c):
			j := i + 1
			for j < len(s) && isWord(s[j]) {
				j++
			}
			out = append(out, token{s[i:j], line})
			i = j
		case strings.IndexByte(",;[](){}<>+-:@!|=", c) >= 0:
			out = append(out, token{s[i : i+1], line})
			i++
		default:
			return nil, syntax(line, "unexpected %q", c)
		}
	}
	return append(out, token{"", line}), nil
}

// syntax is the error of text that is not the PTX that is known here.
func syntax(line int, format string, args ...any) error {
	return &driver.Error{Op: "cuModuleLoadDataEx", Code: driver.InvalidPTX, Name: codeName(driver.InvalidPTX),
		Text: fmt.Sprintf("line %d: ", line) + fmt.Sprintf(format, args...)}
}
