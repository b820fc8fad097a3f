package bench

import (
	"context"
	"io"
	"os"
	"os/exec"
	"testing"

	"github.com/tensorfile/tensorfile/convert"
)

func convertCases(e *Env) []Case {
	big := "size=" + size(e.Big) + "/"
	files := func(name, out string, in func(*testing.B) string) Case {
		return stream("convert", big+name, e.Big, func(b *testing.B) {
			source, path := in(b), e.path(out)
			o := &convert.Options{NoSync: true}
			fresh(b, path, func() error {
				_, err := convert.Files(context.Background(), []string{source}, path, o)
				return err
			})
		})
	}
	return []Case{
		files("op=npy-to-tensor/impl=tensorfile", "converted.tensor", e.npyFile),
		files("op=tensor-to-npy/impl=tensorfile", "converted.npy", e.bigFile),
		stream("convert", big+"op=copy/impl=io.Copy", e.Big, func(b *testing.B) {
			source, path := e.npyFile(b), e.path("copied.npy")
			fresh(b, path, func() error { return copyFile(path, source) })
		}),
		stream("convert", big+"op=copy/impl=cp", e.Big, func(b *testing.B) {
			source, path := e.npyFile(b), e.path("cp.npy")
			if _, err := exec.LookPath("cp"); err != nil {
				b.Skip(err)
			}
			fresh(b, path, func() error { return exec.Command("cp", source, path).Run() })
		}),
		stream("convert", big+"op=load+save/impl=numpy", e.Big, func(b *testing.B) {
			e.inPython(b, e.Big, "load_save", e.npyFile(b), e.path("resaved.npy"))
		}),
	}
}

// copyFile copies as a Go program does: on Linux the kernel moves the bytes
// (copy_file_range).
func copyFile(to, from string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	if e := out.Close(); err == nil {
		err = e
	}
	return err
}
