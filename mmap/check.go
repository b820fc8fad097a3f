package mmap

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/tensorfile/tensorfile/tensor"
)

// Change says what became of a file since it was opened.
type Change uint8

const (
	Shrunk   Change = 1 << iota // it has fewer bytes
	Grown                       // it has more bytes
	Modified                    // its modification time differs
	Replaced                    // its name leads to another file now
	Removed                     // its name leads nowhere now
)

// String returns the changes, as in "shrunk, modified", or "unchanged".
func (c Change) String() string {
	var s []string
	for i, name := range []string{"shrunk", "grown", "modified", "replaced", "removed"} {
		if c&(1<<i) != 0 {
			s = append(s, name)
		}
	}
	if s == nil {
		return "unchanged"
	}
	return strings.Join(s, ", ")
}

// Changes compares the open file, and what its path leads to now, with the
// file as it was opened. Replaced and Removed leave the open file itself as it
// was. An io.ReaderAt has no changes to tell.
//
// The time has the resolution of the file system: a change within the same
// tick as the one before Open does not show.
func (m *Map) Changes() (Change, error) {
	c, _, err := m.changes()
	return c, err
}

func (m *Map) changes() (c Change, now fs.FileInfo, err error) {
	if m.closed() {
		return 0, nil, m.enterError()
	}
	if m.file == nil {
		return 0, nil, nil
	}
	now, err = m.file.Stat()
	if err != nil {
		return 0, nil, m.readError(-1, err)
	}
	if now.Size() < m.size {
		c |= Shrunk
	} else if now.Size() > m.size {
		c |= Grown
	}
	if !now.ModTime().Equal(m.info.ModTime()) {
		c |= Modified
	}
	if m.abs == "" {
		return c, now, nil
	}
	switch at, err := os.Stat(m.abs); {
	case err == nil && !os.SameFile(m.info, at):
		c |= Replaced
	case errors.Is(err, fs.ErrNotExist):
		c |= Removed
	}
	// A directory that may no longer be searched says nothing about the file.
	return c, now, nil
}

// Renew takes what the file is now for what was opened: its size and time. It
// reports whether the file has grown. A reader that opens a file while another
// process appends to it may learn of bytes that came after Open. Renew must not
// run beside other calls.
func (m *Map) Renew() (grown bool, err error) {
	if m.file == nil {
		return false, nil
	}
	fi, err := m.file.Stat()
	if err != nil {
		return false, m.readError(-1, err)
	}
	grown = fi.Size() > m.size
	m.size, m.info = fi.Size(), fi
	return grown, nil
}

// Check returns ErrChanged if the file lost bytes, was written to, or if its
// path leads to another file than the one that was opened. Bytes that were read
// before a Check without error were those of the file as opened, as far as size,
// time and identity tell. A file that was only removed is whole and passes.
// A Source is asked itself.
func (m *Map) Check() error {
	if c, ok := m.own.(interface{ Check() error }); ok {
		if !m.enter(1) {
			return m.enterError()
		}
		defer m.leave()
		return c.Check()
	}
	c, fi, err := m.changes()
	if err != nil || c&(Shrunk|Modified|Replaced) == 0 {
		return err
	}
	e := &tensor.Error{Kind: tensor.ErrChanged, Path: m.path, Offset: -1}
	const text = ", changed while open"
	switch {
	case c&Shrunk != 0:
		e.Offset, e.Field = fi.Size(), "size"
		e.Got, e.Want = byteCount(fi.Size())+text, byteCount(m.size)
	case c&Replaced != 0:
		e.Field, e.Got, e.Want = "path", "another file"+text, "the file that was opened"
	default:
		e.Field = "modification time"
		e.Got = fi.ModTime().UTC().Format(time.RFC3339Nano) + text
		e.Want = m.info.ModTime().UTC().Format(time.RFC3339Nano)
	}
	return e
}
