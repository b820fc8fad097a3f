package bench

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/convert/flac"
	_ "github.com/tensorfile/tensorfile/convert/mp3"
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

// played is a recording of so many seconds in stereo as people have it: notes that
// die away, and noise beside them. It has no period.
func (e *Env) played(b *testing.B, seconds int) tensor.View {
	return get(b, e, fmt.Sprint("played", seconds), func() (tensor.View, error) {
		const rate = 44100
		r := rand.New(rand.NewPCG(7, 31))
		mix := make([]float64, 2*rate*seconds)
		for range 4 * seconds {
			at, pitch, dies, left := r.IntN(rate*seconds), 80*math.Exp2(4*r.Float64()), 2+6*r.Float64(), r.Float64()
			for i := range min(rate, rate*seconds-at) {
				t := float64(i) / rate
				x := 0.1 * math.Exp(-t*dies) * (math.Sin(2*math.Pi*pitch*t) + 0.4*math.Sin(4*math.Pi*pitch*t) + 0.2*math.Sin(6*math.Pi*pitch*t))
				mix[2*(at+i)] += left * x
				mix[2*(at+i)+1] += (1 - left) * x
			}
		}
		x := make([]int16, len(mix))
		for i, v := range mix {
			x[i] = int16(max(min(32768*v+30*r.NormFloat64(), 32767), -32768))
		}
		return tensor.FromSlice(x, int64(rate*seconds), 2)
	})
}

// packed are the cases of formats that are decoded, beside libsndfile, which has one
// thread and compares no MD5.
func (e *Env) packed() []Case {
	seconds := 2
	if e.Full {
		seconds = 120
	}
	bytes := int64(seconds) * 44100 * 4
	at := fmt.Sprintf("sound/seconds=%d/", seconds)
	attrs := convert.Attrs{"sample_rate": 44100}
	file := func(b *testing.B, name string, encode func(io.Writer, tensor.View, convert.Attrs) error) string {
		return get(b, e, name, func() (string, error) {
			path := e.path(name)
			return path, writeSound(path, e.played(b, seconds), attrs, encode)
		})
	}
	decode := func(b *testing.B, path string) {
		for b.Loop() {
			f, err := convert.Open(context.Background(), path, nil)
			check(b, err)
			for t, err := range f.Tensors() {
				check(b, err)
				_, err = t.Read(context.Background())
				check(b, err)
			}
			check(b, f.Close())
		}
	}
	mp3 := func(b *testing.B) string {
		path := e.path("played.mp3")
		if _, ok, err := e.Python("sound_make", 1, path, file(b, "played.wav", wav.Encode)); err != nil || !ok {
			e.skip(b, fmt.Sprint("no Python that writes MP3: ", err))
		}
		return path
	}
	return []Case{
		stream("convert", at+"op=flac-decode/impl=tensorfile", bytes, func(b *testing.B) { decode(b, file(b, "played.flac", flac.Encode)) }),
		stream("convert", at+"op=flac-decode/impl=soundfile", bytes, func(b *testing.B) {
			e.inPythonAs(b, bytes, func(b *testing.B) outcome {
				return e.readAll(convert.Open(ctx, file(b, "played.flac", flac.Encode), nil))
			}, "sound_read", file(b, "played.flac", flac.Encode))
		}),
		stream("convert", at+"op=flac-encode/impl=tensorfile", bytes, func(b *testing.B) {
			v, path := e.played(b, seconds), e.path("written.flac")
			fresh(b, path, func() error { return writeSound(path, v, attrs, flac.Encode) })
		}),
		stream("convert", at+"op=flac-encode/impl=soundfile", bytes, func(b *testing.B) {
			e.inPythonAs(b, bytes, func(b *testing.B) outcome { return e.outcome(e.played(b, seconds), nil) }, "sound_write", e.path("written.flac"), file(b, "played.wav", wav.Encode))
		}),
		stream("convert", at+"op=mp3-decode/impl=tensorfile", bytes, func(b *testing.B) { decode(b, mp3(b)) }),
		stream("convert", at+"op=mp3-decode/impl=soundfile", bytes, func(b *testing.B) { e.inPython(b, bytes, "sound_read", mp3(b)) }),
	}
}

func writeSound(path string, v tensor.View, attrs convert.Attrs, encode func(io.Writer, tensor.View, convert.Attrs) error) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return encode(f, v, attrs)
}

// soundCases import recordings beside a copy of the file, open them, and pack them.
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
	return append(e.packed(), []Case{
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
	}...)
}

func (e *Env) soundGoals() []Goal {
	at := "convert/size=" + size(e.Big) + "/op="
	list := []Goal{{"wav to tensor beside a plain copy", at + "wav-to-tensor/encoding=i16/impl=tensorfile", at + "copy-wav/impl=io.Copy", 0.95, 0, true}}
	for _, op := range []string{"flac-decode", "flac-encode", "mp3-decode"} {
		name := "convert/sound/seconds=120/op=" + op + "/impl="
		list = append(list, Goal{op + " beside libsndfile", name + "tensorfile", name + "soundfile", 1, 0, false})
	}
	return list
}
