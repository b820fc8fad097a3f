package npy

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/tensor"
)

type memory struct{ *bytes.Reader }

func (memory) Path() string { return "memory.npy" }

// Trailing bytes and long headers are refused unless they are asked for.
func TestReadOptions(t *testing.T) {
	f, ok := convert.ByName("npy")
	if !ok {
		t.Fatal("npy is not registered")
	}
	header := "{'descr': '|u1', 'fortran_order': False, 'shape': (3,), }"
	long := append([]byte("\x93NUMPY\x02\x00\x20\x4e\x00\x00"), header...) // 20,000 bytes of header
	long = append(append(long, bytes.Repeat([]byte{' '}, 20000-len(header)-1)...), "\n\x01\x02\x03"...)
	short := append([]byte("\x93NUMPY\x01\x00\x76\x00"), header...)
	short = append(append(short, bytes.Repeat([]byte{' '}, 118-len(header)-1)...), "\n\x01\x02\x03behind"...)
	for _, c := range []struct {
		name string
		file []byte
		o    convert.ReadOptions
		kind error
	}{
		{"trailing", short, convert.ReadOptions{}, tensor.ErrFormat},
		{"trailing allowed", short, convert.ReadOptions{AllowTrailing: true}, nil},
		{"long header", long, convert.ReadOptions{}, tensor.ErrLimit},
		{"long header allowed", long, convert.ReadOptions{MaxHeader: 20000}, nil},
	} {
		l, err := f.Open(context.Background(), memory{bytes.NewReader(c.file)}, &c.o)
		if c.kind != nil {
			if !errors.Is(err, c.kind) {
				t.Errorf("%s: %v, want kind %v", c.name, err, c.kind)
			}
			continue
		}
		if err != nil || len(l.Tensors) != 1 || !l.Tensors[0].Shape.Equal(tensor.Shape{3}) {
			t.Errorf("%s: %v %v", c.name, l, err)
		}
	}
}
