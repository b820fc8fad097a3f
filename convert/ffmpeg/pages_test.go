package ffmpeg

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/tensorfile/tensorfile/tensor"
)

// What was kept of a sound is read from any place on.
func TestPages(t *testing.T) {
	var all []byte
	for i := range 2*pageBytes + 100 {
		all = append(all, byte(i*i>>7))
	}
	p := &pages{list: [][]byte{all[:pageBytes], all[pageBytes : 2*pageBytes], all[2*pageBytes:]}, size: int64(len(all))}
	for _, at := range []int64{0, 7, pageBytes - 1, pageBytes, 2*pageBytes + 99, int64(len(all))} {
		if got, err := p.Seek(at, io.SeekStart); got != at || err != nil {
			t.Fatal(got, err)
		}
		if got, err := io.ReadAll(p); err != nil || !bytes.Equal(got, all[at:]) {
			t.Errorf("from %d on: %d bytes, %v", at, len(got), err)
		}
	}
	for _, c := range []struct {
		at     int64
		whence int
	}{{-1, io.SeekStart}, {int64(len(all)) + 1, io.SeekStart}, {0, io.SeekEnd}} {
		var e *tensor.Error
		if _, err := p.Seek(c.at, c.whence); !errors.Is(err, tensor.ErrIndex) || !errors.As(err, &e) || e.Field != "offset" {
			t.Errorf("%+v: %v", c, err)
		}
	}
}
