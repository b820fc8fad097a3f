package bench

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/tensorfile/tensorfile/convert"
	_ "github.com/tensorfile/tensorfile/convert/bmp"
	_ "github.com/tensorfile/tensorfile/convert/idx"
	_ "github.com/tensorfile/tensorfile/convert/pfm"
	_ "github.com/tensorfile/tensorfile/convert/pnm"
	_ "github.com/tensorfile/tensorfile/convert/wav"
)

// viewSizes are those of the elements: a small file, and one that holds next to
// nothing but a hole.
var viewSizes = []int64{1 << 10, 1 << 30}

// mapped are formats whose elements are views, and the header of a file of n
// bytes of them, n a multiple of 256. Pictures have rows of 256 bytes.
var mapped = []struct {
	format, ext string
	header      func(n int64) []byte
}{
	{"wav", ".wav", func(n int64) []byte {
		le := binary.LittleEndian
		b := le.AppendUint32([]byte("RIFF"), uint32(36+n))
		b = append(b, "WAVEfmt \x10\x00\x00\x00\x01\x00\x02\x00"...)
		b = le.AppendUint32(b, 48000)
		b = le.AppendUint32(b, 48000*4)
		b = append(b, "\x04\x00\x10\x00data"...)
		return le.AppendUint32(b, uint32(n))
	}},
	{"bmp", ".bmp", func(n int64) []byte {
		le := binary.LittleEndian
		w, h := uint32(85), uint32(n/256) // rows of 255 bytes and one of padding
		b := le.AppendUint32([]byte("BM"), uint32(54+n))
		b = le.AppendUint64(b, 54<<32)
		for _, x := range []uint32{40, w, h, 1 | 24<<16, 0, 0, 0, 0, 0, 0} {
			b = le.AppendUint32(b, x)
		}
		return b
	}},
	{"pnm", ".ppm", func(n int64) []byte { return fmt.Appendf(nil, "P5\n256 %d\n255\n", n/256) }},
	{"pfm", ".pfm", func(n int64) []byte { return fmt.Appendf(nil, "Pf\n64 %d\n-1.0\n", n/256) }},
	{"idx", ".idx", func(n int64) []byte {
		b := binary.BigEndian.AppendUint32([]byte{0, 0, 8, 2}, uint32(n/256))
		return binary.BigEndian.AppendUint32(b, 256)
	}},
}

// viewFile is a file of a format with n bytes of elements, all of them 0.
func (e *Env) viewFile(b *testing.B, i int, n int64) string {
	f := mapped[i]
	return get(b, e, f.format+size(n), func() (string, error) {
		path := e.path("view-" + size(n) + f.ext)
		head := f.header(n)
		if err := os.WriteFile(path, head, 0o666); err != nil {
			return "", err
		}
		return path, os.Truncate(path, int64(len(head))+n)
	})
}

// openViewCases open foreign files, view their elements and close them: what it
// takes does not depend on the size.
func openViewCases(e *Env) []Case {
	var list []Case
	for i := range mapped {
		for _, n := range viewSizes {
			list = append(list, run("open", viewName(i, n), func(b *testing.B) {
				path := e.viewFile(b, i, n)
				for b.Loop() {
					f, err := convert.Open(context.Background(), path, nil)
					check(b, err)
					for t, err := range f.Tensors() {
						check(b, err)
						v, err := t.View()
						check(b, err)
						if v.ByteSize() < n-n/64 {
							b.Fatal(v.Shape())
						}
					}
					check(b, f.Close())
				}
			}))
		}
	}
	return list
}

func viewName(i int, n int64) string {
	return "format=" + mapped[i].format + "/size=" + size(n) + "/op=open+view+close/impl=tensorfile"
}

func openViewGoals() []Goal {
	var list []Goal
	for i, f := range mapped {
		small, large := "open/"+viewName(i, viewSizes[0]), "open/"+viewName(i, viewSizes[1])
		list = append(list,
			Goal{"open a " + f.format + " file of 1 GiB, view it, close it", large, "", 0, 100 * time.Microsecond, true},
			Goal{"the same beside one of 1 KiB", large, small, 0.8, 0, false})
	}
	return list
}
