package format

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/tensorfile/tensorfile/tensor"
)

// Limits of names (spec, "Names").
const (
	MaxName  = 1024 // bytes of a tensor's name
	MaxRole  = 32   // bytes of a role
	MaxRoles = 2    // of a part's name
	maxKey   = MaxName + MaxRoles*(MaxRole+1)
)

// CheckName reports an error unless s may be the name of a tensor: valid
// UTF-8, 1..1024 bytes, no control characters. Names are bytes: case matters,
// nothing is normalised, and "/" and "." mean nothing.
func CheckName(s string) error { return checkName(s, -1) }

// plainName reports whether s is a tensor's name of ASCII characters, eight of
// which are looked at together. If not, checkKey says what it is.
func plainName(s string) bool {
	if len(s) == 0 || len(s) > MaxName {
		return false
	}
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	ok := func(w uint64) bool {
		// A byte's high bit is set in the first if it is 0x80 or more, in the
		// second below ' ', in the third at 0x7f; borrows and carries between
		// bytes only come from bytes that are refused anyway.
		return (w|(w-ones*' ')|(w+ones))&highs == 0
	}
	for ; len(s) >= 8; s = s[8:] {
		if !ok(uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 | uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56) {
			return false
		}
	}
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' {
			return false
		}
	}
	return true
}

func checkName(s string, off int64) error {
	if len(s) == 0 || len(s) > MaxName {
		return fail(tensor.ErrFormat, RuleNameLength, off, "name", fmt.Sprintf("%d bytes", len(s)), fmt.Sprintf("1..%d", MaxName))
	}
	ascii := true
	for i := range len(s) {
		c := s[i]
		if c < ' ' || c == 0x7f {
			return fail(tensor.ErrFormat, RuleNameByte, at(off, i), "name", fmt.Sprintf("byte %#02x at position %d of %s", c, i, tensor.Quote(s)), "no control characters")
		}
		ascii = ascii && c < utf8.RuneSelf
	}
	if !ascii && !utf8.ValidString(s) {
		i := 0
		for i < len(s) {
			r, n := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && n == 1 {
				break
			}
			i += n
		}
		return fail(tensor.ErrFormat, RuleNameUTF8, at(off, i), "name", fmt.Sprintf("invalid UTF-8 at position %d of %s", i, tensor.Quote(s)), "UTF-8")
	}
	return nil
}

func at(off int64, i int) int64 {
	if off < 0 {
		return off
	}
	return off + int64(i)
}

// CheckKey reports an error unless s may be the key of a record: a tensor's
// name, or a name followed by one or two roles, each behind a zero byte.
func CheckKey(s string) error { return checkKey(s, -1) }

func checkKey(s string, off int64) error {
	i := strings.IndexByte(s, 0)
	if i < 0 {
		return checkName(s, off)
	}
	if err := checkName(s[:i], off); err != nil {
		return err
	}
	roles := strings.Split(s[i+1:], "\x00")
	if len(roles) > MaxRoles {
		return fail(tensor.ErrFormat, RuleNameRole, off, "part name", tensor.Quote(s), fmt.Sprintf("at most %d roles", MaxRoles))
	}
	for _, r := range roles {
		if !ValidRole(r) {
			return fail(tensor.ErrFormat, RuleNameRole, off, "part name", tensor.Quote(s), "roles of 1..32 characters a-z, 0-9, _")
		}
	}
	return nil
}

// ValidRole reports whether r may name a part of a composite.
func ValidRole(r string) bool {
	if len(r) == 0 || len(r) > MaxRole {
		return false
	}
	for i := range len(r) {
		c := r[i]
		if !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '_') {
			return false
		}
	}
	return true
}

// PartKey is the key of a part of a composite.
func PartKey(parent, role string) string { return parent + "\x00" + role }

// IsPart reports whether key belongs to a part of a composite.
func IsPart(key string) bool { return strings.IndexByte(key, 0) >= 0 }
