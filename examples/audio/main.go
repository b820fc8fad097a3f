// Command audio keeps recordings of several kinds in one file, cuts a piece out of
// one, and takes them out again as they were:
//
//	go run ./examples/audio [FOLDER]
//
// FOLDER/sounds holds WAV and FLAC files; if it is not there, some are made. Each
// becomes a tensor of sounds.tensor, compressed in chunks, with its rate, texts and
// encoding as attributes. A content hash is that of the samples, whatever holds
// them: it says that a file that was written back is the one that came in.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	_ "github.com/tensorfile/tensorfile/convert/flac"
	_ "github.com/tensorfile/tensorfile/convert/wav"
	"github.com/tensorfile/tensorfile/examples/program"
	"github.com/tensorfile/tensorfile/tensor"
	"github.com/tensorfile/tensorfile/transform/audio"
)

func main() { program.Main(run) }

func run(ctx context.Context, dir string, out io.Writer) error {
	sounds, path := filepath.Join(dir, "sounds"), filepath.Join(dir, "sounds.tensor")
	if err := play(sounds); err != nil {
		return err
	}
	files, err := convert.Folder(sounds, false)
	if err != nil {
		return err
	}
	if err := archive(ctx, files, path); err != nil {
		return err
	}
	if err := clip(ctx, path, "bell", 0.25, 1); err != nil {
		return err
	}
	if err := list(ctx, path, out); err != nil {
		return err
	}
	for _, file := range files {
		hash, err := extract(ctx, path, file, filepath.Join(dir, "back-"+filepath.Base(file)))
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "%s came back, hash %.16s\n", filepath.Base(file), hash)
	}
	return nil
}

// archive makes one file of recordings. Their names are those of the files without
// the extension, their attributes what the files say.
func archive(ctx context.Context, files []string, path string) error {
	if _, err := convert.Files(ctx, files, path, &convert.Options{
		Overwrite: true,
		// Chunks of a fifth of a second or so: a piece is read without the rest.
		// Rules for shapes of another rank do not count.
		Store: []convert.Store{{Codec: "auto"}, {Chunk: tensor.Shape{8192}}, {Chunk: tensor.Shape{8192, 2}}},
	}); err != nil {
		return err
	}
	// Attributes of our own beside those of the format.
	f, err := tensorfile.Open(path, nil)
	if err != nil {
		return err
	}
	defer f.Close()
	w, err := tensorfile.OpenAppend(path, nil)
	if err != nil {
		return err
	}
	defer w.Close() // takes back what was not committed
	for t, err := range f.Tensors() {
		if err != nil {
			return err
		}
		v, err := t.Read(ctx)
		if err != nil {
			return err
		}
		levels, err := audio.Measure(v, nil)
		if err != nil {
			return err
		}
		old, err := t.Attrs()
		if err != nil {
			return err
		}
		attrs := maps.Clone(old) // what Attrs returned belongs to the file
		attrs["peak"], attrs["rms"] = levels.Peak, levels.RMS
		if err := w.SetTensorAttrs(t.Name(), attrs); err != nil {
			return err
		}
	}
	return w.Commit(ctx)
}

// rate is how many samples a second of a recording has.
func rate(t *tensorfile.Tensor) (float64, error) {
	attrs, err := t.Attrs()
	if err != nil {
		return 0, err
	}
	switch x := attrs["sample_rate"].(type) {
	case int64:
		return float64(x), nil
	case float64:
		return x, nil
	}
	return 0, fmt.Errorf("%s has no sample_rate", t.Name())
}

// clip appends "NAME.clip": what stands between two times, in seconds, as one
// channel whose largest sample is 1 dB below full scale.
func clip(ctx context.Context, path, name string, from, to float64) error {
	f, err := tensorfile.Open(path, nil)
	if err != nil {
		return err
	}
	defer f.Close()
	t, err := f.Tensor(name)
	if err != nil {
		return err
	}
	hertz, err := rate(t)
	if err != nil {
		return err
	}
	piece := tensor.Selection{{Kind: tensor.SelectRange, Start: int64(math.Round(from * hertz)), Stop: int64(math.Round(to * hertz)), Step: 1}}
	v, err := t.Read(ctx, piece) // the chunks that hold it, no more
	if err != nil {
		return err
	}
	if len(v.Shape()) == 2 {
		if v, _, err = audio.Mono(v, nil, nil); err != nil {
			return err
		}
	}
	if v, _, err = audio.NormalizePeak(v, -1, nil); err != nil {
		return err
	}
	levels, err := audio.Measure(v, nil)
	if err != nil {
		return err
	}
	w, err := tensorfile.OpenAppend(path, nil)
	if err != nil {
		return err
	}
	defer w.Close()
	if err := w.Add(ctx, name+".clip", v, &tensorfile.TensorOptions{
		Dims:  []string{"time"},
		Codec: "auto",
		Attrs: tensorfile.Attrs{"sample_rate": hertz, "cut_from": name, "cut_at": from, "peak": levels.Peak, "rms": levels.RMS},
	}); err != nil {
		return err
	}
	return w.Commit(ctx)
}

// list prints what the archive holds. It reads no samples.
func list(ctx context.Context, path string, out io.Writer) error {
	f, err := tensorfile.Open(path, nil)
	if err != nil {
		return err
	}
	defer f.Close()
	for t, err := range f.Tensors() {
		if err != nil {
			return err
		}
		hertz, err := rate(t)
		if err != nil {
			return err
		}
		attrs, err := t.Attrs()
		if err != nil {
			return err
		}
		peak, ok := attrs["peak"].(float64)
		if !ok {
			return fmt.Errorf("%s has no peak", t.Name())
		}
		fmt.Fprintf(out, "%-9s  %.2f s at %g Hz, %v %v, peak %.1f dBFS, %.0f%% of its size\n", t.Name(),
			float64(t.Shape()[0])/hertz, hertz, t.DType(), t.Shape(), audio.DBFS(peak), 100*float64(t.Storage().Stored)/float64(t.ByteSize()))
	}
	return nil
}

// extract writes a recording as a file of the format that it came in, and compares
// the samples of all three, which it returns the hash of.
func extract(ctx context.Context, path, original, out string) (tensorfile.Hash, error) {
	base := filepath.Base(original)
	name := base[:len(base)-len(filepath.Ext(base))]
	if _, err := convert.Files(ctx, []string{path}, out, &convert.Options{Only: []string{name}, Overwrite: true}); err != nil {
		return tensorfile.Hash{}, err
	}
	f, err := tensorfile.Open(path, nil)
	if err != nil {
		return tensorfile.Hash{}, err
	}
	defer f.Close()
	t, err := f.Tensor(name)
	if err != nil {
		return tensorfile.Hash{}, err
	}
	want, err := t.Hash(ctx)
	if err != nil {
		return want, err
	}
	for _, file := range []string{original, out} {
		got, err := samples(ctx, file)
		if err != nil {
			return want, err
		}
		if got != want {
			return want, fmt.Errorf("%s has the hash %v, %s in %s has %v", file, got, name, path, want)
		}
	}
	return want, nil
}

// samples is the hash of the one recording of a file.
func samples(ctx context.Context, path string) (h tensorfile.Hash, err error) {
	f, err := convert.Open(ctx, path, nil)
	if err != nil {
		return h, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	for t, err := range f.Tensors() {
		if err != nil {
			return h, err
		}
		return t.Hash(ctx)
	}
	return h, fmt.Errorf("%s: %w", path, os.ErrNotExist)
}
