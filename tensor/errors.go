package tensor

import (
	"errors"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Kinds of error. Every error about a file's content, a limit or the state of
// an open file wraps exactly one of them, so callers ask errors.Is(err, Kind)
// and people read the text.
var (
	ErrTruncated   = errors.New("truncated")          // the file ends before something it promises
	ErrFormat      = errors.New("malformed")          // breaks the grammar of its format
	ErrCorrupt     = errors.New("corrupt")            // contradicts itself or a checksum
	ErrOverflow    = errors.New("overflow")           // a size does not fit 63 bits
	ErrLimit       = errors.New("limit exceeded")     // a configurable limit
	ErrUnsupported = errors.New("unsupported")        // valid, but not known here
	ErrDuplicate   = errors.New("duplicate")          // one name twice
	ErrPath        = errors.New("unsafe path")        // a name that must not become a path, or output equal to input
	ErrChanged     = errors.New("changed while open") // the file changed under us
	ErrExists      = errors.New("already exists")     // the destination is there and was not to be replaced
	ErrLocked      = errors.New("locked")             // another writer holds the file
	ErrNoSpace     = errors.New("no space")           // disk, quota or file size limit
	ErrIO          = errors.New("input/output error") // the system said no

	// ErrCommitUnknown comes beside a kind of its own cause: the last step of a
	// commit failed, and the file is the one before it or the new one, whole.
	ErrCommitUnknown = errors.New("commit unknown: the file is the one before or the new one, whole")

	ErrNotFound = errors.New("not found") // no tensor of that name
	ErrClosed   = errors.New("closed")    // used after Close
	ErrInUse    = errors.New("in use")    // Close while leases are held

	ErrDType         = errors.New("wrong dtype")        // the Go type does not match the stored one
	ErrNotContiguous = errors.New("not contiguous")     // a slice needs C order without gaps
	ErrMisaligned    = errors.New("misaligned")         // the address does not suit the Go type
	ErrByteOrder     = errors.New("foreign byte order") // stored in the other byte order
	ErrEncoded       = errors.New("encoded")            // compressed or otherwise not plain bytes
	ErrShape         = errors.New("shape mismatch")     // shapes that do not fit each other or the operation
	ErrIndex         = errors.New("index out of range") // an index, axis or selection outside the tensor
)

// Error says what is wrong and where. Empty fields are left out of its text:
//
//	<path>: <format>: member <m>: tensor <t>: <chunk>: offset <n>: <field>: got <got>, want <want> (rule <rule>)
//
// Text that came from a file must go through Quote before it is put in Got.
type Error struct {
	Kind   error  // one of the Err values above
	Path   string // file, as the caller named it
	Format string // "tensorfile", "npy", "npz", ...
	Member string // member of an archive
	Tensor string // name of the tensor
	Chunk  string // "chunk 12", "block 3"
	Offset int64  // byte offset in the file (in the member, if one is named); negative: none
	Field  string // the name that the specification uses
	Got    string
	Want   string
	Rule   string // id of the broken rule in the specification
	Err    error  // cause, if another error led to this one
}

// Error implements error.
func (e *Error) Error() string {
	var b strings.Builder
	part := func(s string) {
		if b.Len() > 0 {
			b.WriteString(": ")
		}
		b.WriteString(s)
	}
	if e.Path != "" {
		part(escape(e.Path, 4096))
	}
	if e.Format != "" {
		part(e.Format)
	}
	if e.Member != "" {
		part("member " + Quote(e.Member))
	}
	if e.Tensor != "" {
		part("tensor " + Quote(e.Tensor))
	}
	if e.Chunk != "" {
		part(e.Chunk)
	}
	if e.Offset >= 0 {
		part("offset " + strconv.FormatInt(e.Offset, 10))
	}
	if e.Field != "" {
		part(e.Field)
	}
	switch {
	case e.Got != "" && e.Want != "":
		part("got " + e.Got + ", want " + e.Want)
	case e.Got != "":
		part("got " + e.Got)
	case e.Want != "":
		part("want " + e.Want)
	case e.Err == nil && e.Kind != nil:
		part(e.Kind.Error())
	}
	if e.Err != nil {
		part(e.Err.Error())
	}
	if e.Rule != "" {
		b.WriteString(" (rule " + e.Rule + ")")
	}
	return b.String()
}

// Unwrap gives the kind and the cause to errors.Is and errors.As.
func (e *Error) Unwrap() []error {
	switch {
	case e.Kind == nil && e.Err == nil:
		return nil
	case e.Err == nil:
		return []error{e.Kind}
	case e.Kind == nil:
		return []error{e.Err}
	}
	return []error{e.Kind, e.Err}
}

// maxQuoted bounds what an error repeats of a file's own bytes.
const maxQuoted = 200

// Quote returns s between double quotes with control characters and invalid
// UTF-8 escaped, cut after 200 bytes: safe to print whatever file it is from.
func Quote(s string) string { return `"` + escape(s, maxQuoted) + `"` }

// Escape returns s with control characters, quotes, backslashes and invalid
// UTF-8 escaped as in a Go string: safe to print on a terminal.
func Escape(s string) string { return escape(s, len(s)) }

func escape(s string, limit int) string {
	cut := false
	if len(s) > limit {
		end := limit
		for end > limit-utf8.UTFMax && end > 0 && !utf8.RuneStart(s[end]) {
			end--
		}
		s, cut = s[:end], true
	}
	q := strconv.QuoteToGraphic(s)
	q = q[1 : len(q)-1]
	if cut {
		q += "..."
	}
	return q
}
