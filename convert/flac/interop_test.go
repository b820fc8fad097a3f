package flac_test

import (
	"bytes"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/convert/wav"
	"github.com/tensorfile/tensorfile/tensor"
)

// TestInterop exchanges random recordings with libsndfile: what it wrote is read
// and compared sample by sample, and what we write anew it reads as the same, as
// does FFmpeg, which has a decoder of its own; the tool flac tests every file.
// "make interop" sets TENSORFILE_PYTHON; TENSORFILE_SEED makes other recordings.
func TestInterop(t *testing.T) {
	python := os.Getenv("TENSORFILE_PYTHON")
	if python == "" {
		t.Skip("TENSORFILE_PYTHON names no Python with soundfile; make interop does")
	}
	seed, count := "20261121", 300
	if s := os.Getenv("TENSORFILE_SEED"); s != "" {
		seed = s
	}
	t.Logf("seed %s, %d recordings", seed, count)
	dir := t.TempDir()
	run := func(verb string) string {
		t.Helper()
		script := filepath.Join("..", "..", "testdata", "interop", "wav_interop.py")
		b, err := exec.Command(python, "-B", script, verb, seed, strconv.Itoa(count), dir, "flac").CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, b)
		}
		return strings.TrimSpace(string(b))
	}
	run("write")
	files, err := filepath.Glob(filepath.Join(dir, "s*.flac"))
	if err != nil || len(files) != count {
		t.Fatalf("%d files, %v", len(files), err)
	}
	format, _ := convert.ByName("flac")
	var written []string
	for _, path := range files {
		f, err := convert.Open(t.Context(), path, nil)
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimSuffix(filepath.Base(path), ".flac")
		v, _ := read(t, f, name)
		x, err := f.Tensor(name)
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if err := format.Write(t.Context(), &out, []convert.Source{{Tensor: x, As: name}}, nil); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		again := filepath.Join(dir, "out."+filepath.Base(path))
		for to, b := range map[string][]byte{path + ".bin": little(t, v), again: out.Bytes()} {
			if err := os.WriteFile(to, b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		written = append(written, again)
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	t.Log(run("check"))
	if _, err := exec.LookPath("ffmpeg"); err != nil {
		t.Log("no program ffmpeg here")
	} else {
		for _, path := range written[:40] {
			f, err := convert.Open(t.Context(), path, nil)
			if err != nil {
				t.Fatal(err)
			}
			v, _ := read(t, f, strings.TrimSuffix(filepath.Base(path), ".flac"))
			elements := map[tensor.DType]string{tensor.I16: "s16le", tensor.I32: "s32le"}[v.DType()]
			if got, err := exec.Command("ffmpeg", "-v", "error", "-i", path, "-f", elements, "-").Output(); err != nil || !bytes.Equal(got, little(t, v)) {
				t.Errorf("%s: FFmpeg decodes other samples: %v", path, err)
			}
			f.Close()
		}
		t.Log("FFmpeg decodes 40 files")
	}
	if _, err := exec.LookPath("flac"); err != nil {
		t.Log("no tool flac here")
	} else {
		for part := range slices.Chunk(written, 50) {
			if b, err := exec.Command("flac", append([]string{"-s", "-t", "-w"}, part...)...).CombinedOutput(); err != nil || len(b) > 0 {
				t.Fatalf("flac -t: %v\n%s", err, b)
			}
		}
		t.Logf("flac -t accepts %d files", len(written))
	}
}

// TestSizeInterop compares the bytes of files with those of "flac -5".
func TestSizeInterop(t *testing.T) {
	if _, err := exec.LookPath("flac"); err != nil {
		t.Skip("no tool flac here")
	}
	rng := rand.New(rand.NewPCG(7, 25))
	dir := t.TempDir()
	const n = 20 * 4096
	for name, x := range signals(rng, n, 2) {
		for _, encoding := range []string{"i16", "i24"} {
			attrs := convert.Attrs{"sample_rate": 44100, "encoding": encoding, "channel_mask": 3}
			var b bytes.Buffer
			if err := wav.Encode(&b, from(t, x, n, 2), attrs); err != nil {
				t.Fatal(err)
			}
			delete(attrs, "channel_mask")
			in, out := filepath.Join(dir, "x.wav"), filepath.Join(dir, "x.flac")
			if err := os.WriteFile(in, b.Bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
			if b, err := exec.Command("flac", "-s", "-5", "-f", "--no-padding", "--no-seektable", "-o", out, in).CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, b)
			}
			want, err := os.Stat(out)
			if err != nil {
				t.Fatal(err)
			}
			got := len(encode(t, from(t, x, n, 2), attrs))
			ratio := float64(got) / float64(want.Size())
			t.Logf("%s %s: %d bytes, %.3f of those of flac -5", name, encoding, got, ratio)
			if ratio > 1.1 && got > 2000 {
				t.Errorf("%s %s: %.3f of the bytes of flac -5", name, encoding, ratio)
			}
		}
	}
}
