package bench

import (
	"bufio"
	"context"
	"os"
	"testing"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/convert/wav"
	"github.com/tensorfile/tensorfile/tensor"
)

// wavFile is a recording in stereo of as many bytes as the weights.
func (e *Env) wavFile(b *testing.B, encoding string) string {
	return get(b, e, "wav "+encoding, func() (string, error) {
		path := e.path("sound-" + encoding + ".wav")
		data := e.bytesOf(b, e.Big)
		d, n := tensor.I16, e.Big/4
		if encoding == "i24" { // as many bytes when read
			d, n = tensor.I32, e.Big/8
		}
		v, err := tensor.NewView(data, d, tensor.Shape{n, 2}, nil, 0, tensor.LittleEndian)
		if err != nil {
			return "", err
		}
		f, err := os.Create(path)
		if err != nil {
			return "", err
		}
		defer f.Close()
		w := bufio.NewWriterSize(f, 1<<20)
		if err := wav.Encode(w, v, convert.Attrs{"sample_rate": 48000, "encoding": encoding}); err != nil {
			return "", err
		}
		return path, w.Flush()
	})
}

// soundCases import recordings beside a copy of the file, and open them.
func soundCases(e *Env) []Case {
	big := "size=" + size(e.Big) + "/"
	imports := func(encoding string) Case {
		return stream("convert", big+"op=wav-to-tensor/encoding="+encoding+"/impl=tensorfile", e.Big, func(b *testing.B) {
			source, path := e.wavFile(b, encoding), e.path("sound.tensor")
			fresh(b, path, func() error {
				_, err := convert.Files(context.Background(), []string{source}, path, &convert.Options{NoSync: true})
				return err
			})
		})
	}
	return []Case{
		imports("i16"),
		imports("i24"),
		stream("convert", big+"op=copy-wav/impl=io.Copy", e.Big, func(b *testing.B) {
			source, path := e.wavFile(b, "i16"), e.path("copied.wav")
			fresh(b, path, func() error { return copyFile(path, source) })
		}),
		run("convert", big+"op=open-wav/impl=tensorfile", func(b *testing.B) {
			path := e.wavFile(b, "i16")
			for b.Loop() {
				f, err := convert.Open(context.Background(), path, nil)
				check(b, err)
				for t, err := range f.Tensors() {
					check(b, err)
					_, err = t.View()
					check(b, err)
				}
				check(b, f.Close())
			}
		}),
	}
}

func (e *Env) soundGoals() []Goal {
	at := "convert/size=" + size(e.Big) + "/op="
	return []Goal{{"wav to tensor beside a plain copy", at + "wav-to-tensor/encoding=i16/impl=tensorfile", at + "copy-wav/impl=io.Copy", 0.8, 0, true}}
}
