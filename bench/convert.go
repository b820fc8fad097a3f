package bench

import (
	"context"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/convert/operate"
	"github.com/tensorfile/tensorfile/tensor"
)

func convertCases(e *Env) []Case {
	big := "size=" + size(e.Big) + "/"
	files := func(name, out string, in func(*testing.B) string, steps ...string) Case {
		return stream("convert", big+name, e.Big, func(b *testing.B) {
			source, path := in(b), e.path(out)
			o := &convert.Options{NoSync: true}
			if len(steps) > 0 {
				o.Operate = operators(b, steps)
			}
			fresh(b, path, func() error {
				_, err := convert.Files(context.Background(), []string{source}, path, o)
				return err
			})
		})
	}
	return []Case{
		files("op=npy-to-tensor/impl=tensorfile", "converted.tensor", e.npyFile),
		files("op=tensor-to-npy/impl=tensorfile", "converted.npy", e.bigFile),
		files("op=dtype-f16/impl=tensorfile", "half.tensor", e.bigFile, "dtype f16"),
		files("op=rearrange/impl=tensorfile", "turned.tensor", e.bigFile, "rearrange (a b) c -> a c b; b=1024"),
		files("op=select-flip/impl=tensorfile", "parts.tensor", e.bigFile, "select ::2", "flip 1"),
		stream("convert", big+"op=dtype-f16/impl=numpy", e.Big, func(b *testing.B) {
			e.inPythonAs(b, e.Big, func(b *testing.B) outcome {
				v, err := tensor.FromSlice(e.floats(b), e.Big/4096, 1024)
				check(b, err)
				return e.outcome(v.Cast(tensor.F16))
			}, "load_half", e.npyFile(b), e.path("half.npy"))
		}),
		stream("convert", big+"op=rearrange/impl=numpy", e.Big, func(b *testing.B) {
			e.inPythonAs(b, e.Big, func(b *testing.B) outcome {
				v, err := tensor.FromSlice(e.floats(b), e.Big/4096, 1024)
				check(b, err)
				v, _, err = tensor.Rearrange(v, "(a b) c -> a c b", tensor.Sizes{"b": 1024})
				return e.outcome(v, err)
			}, "load_turned", e.npyFile(b), e.path("turned.npy"))
		}),
		stream("convert", big+"op=copy/impl=io.Copy", e.Big, func(b *testing.B) {
			source, path := e.npyFile(b), e.path("copied.npy")
			fresh(b, path, func() error { return copyFile(path, source) })
		}),
		stream("convert", big+"op=copy/impl=cp", e.Big, func(b *testing.B) {
			source, path := e.npyFile(b), e.path("cp.npy")
			if _, err := exec.LookPath("cp"); err != nil {
				e.skip(b, err)
			}
			fresh(b, path, func() error { return exec.Command("cp", source, path).Run() })
		}),
		stream("convert", big+"op=load+save/impl=numpy", e.Big, func(b *testing.B) {
			e.inPythonAs(b, e.Big, e.weightsOutcome, "load_save", e.npyFile(b), e.path("resaved.npy"))
		}),
	}
}

// operators is a pipeline of the tool's flags.
func operators(b *testing.B, steps []string) *operate.Pipeline {
	p := &operate.Pipeline{}
	for _, text := range steps {
		name, value, _ := strings.Cut(text, " ")
		s, err := operate.Parse(name, value)
		if err != nil {
			b.Fatal(err)
		}
		p.Steps = append(p.Steps, s)
	}
	return p
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
