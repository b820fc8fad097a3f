package format_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/internal/badinput/forge"
	"github.com/tensorfile/tensorfile/tensor"
)

// memSource is a file in memory, as a mapping or as positioned reads.
type memSource struct {
	b      []byte
	mapped bool
	reads  *int // counts bytes fetched, if set
}

func (s memSource) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 || off > int64(len(s.b)) || int64(len(p)) > int64(len(s.b))-off {
		return 0, &tensor.Error{Kind: tensor.ErrTruncated, Offset: off, Field: "read"}
	}
	if s.reads != nil {
		*s.reads += len(p)
	}
	return copy(p, s.b[off:]), nil
}

func (s memSource) Fetch(off uint64, n int) ([]byte, error) {
	if off > uint64(len(s.b)) || uint64(n) > uint64(len(s.b))-off {
		return nil, &tensor.Error{Kind: tensor.ErrTruncated, Offset: int64(off), Field: "fetch"}
	}
	if s.mapped {
		return s.b[off : off+uint64(n) : off+uint64(n)], nil
	}
	b := make([]byte, n)
	_, err := s.ReadAt(b, int64(off))
	return b, err
}

func (s memSource) Mapped() bool { return s.mapped }

// rootOf chooses the root of a file in memory.
func rootOf(b []byte) (format.Choice, error) {
	h, err := format.ParseHeader(b)
	if err != nil {
		return format.Choice{}, err
	}
	at := func(off int) []byte {
		if len(b) < off+format.RootSize {
			return nil
		}
		return b[off : off+format.RootSize]
	}
	return format.ChooseRoot(h.UUID, at(format.SlotA), at(format.SlotB), int64(len(b)), func() ([]byte, error) {
		return bytes.Clone(b[len(b)-format.RootSize:]), nil
	})
}

// catalogOf opens the catalog of a file in memory.
func catalogOf(b []byte, mapped bool) (*format.Catalog, error) {
	c, err := rootOf(b)
	if err != nil {
		return nil, err
	}
	return format.OpenCatalog(memSource{b: b, mapped: mapped}, &c.Root)
}

func mustCatalog(t testing.TB, im *forge.Image, mapped bool) *format.Catalog {
	t.Helper()
	c, err := catalogOf(im.B, mapped)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// bothWays runs a test over a mapped and a read source.
func bothWays(t *testing.T, fn func(t *testing.T, mapped bool)) {
	for _, mapped := range []bool{true, false} {
		t.Run(fmt.Sprintf("mapped=%v", mapped), func(t *testing.T) { fn(t, mapped) })
	}
}

// wantError demands a *tensor.Error of a kind and rule, with an offset unless
// off is negative; off 0 stands for any.
func wantError(t testing.TB, err, kind error, rule string, off int64) {
	t.Helper()
	var e *tensor.Error
	switch {
	case err == nil:
		t.Errorf("no error, want %v (rule %s)", kind, rule)
	case !errors.As(err, &e):
		t.Errorf("%T %v is no *tensor.Error", err, err)
	case !errors.Is(err, kind) || e.Rule != rule:
		t.Errorf("got %v of rule %q (%v), want %v, %q", e.Kind, e.Rule, err, kind, rule)
	case off > 0 && e.Offset != off:
		t.Errorf("offset %d (%v), want %d", e.Offset, err, off)
	case off >= 0 && e.Offset < 0:
		t.Errorf("no offset in %v", err)
	case errors.Is(err, io.EOF):
		t.Errorf("a bare end of file: %v", err)
	}
}
