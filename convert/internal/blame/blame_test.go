package blame_test

import (
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/tensorfile/tensorfile/convert/internal/blame"
	"github.com/tensorfile/tensorfile/tensor"
)

func TestFormat(t *testing.T) {
	for _, c := range []struct {
		err  tensor.Error
		want string
	}{
		{tensor.Error{}, "wav"},
		{tensor.Error{Format: "bmp"}, "bmp"},
		{tensor.Error{Path: "a.bmp"}, ""},
	} {
		err := fmt.Errorf("around it: %w", &c.err)
		if got := blame.Format(err, "wav"); got != err || c.err.Format != c.want {
			t.Errorf("%v: format %q, want %q", got, c.err.Format, c.want)
		}
	}
	if err := blame.Format(io.EOF, "wav"); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
	if err := blame.Format(nil, "wav"); err != nil {
		t.Error(err)
	}
}
