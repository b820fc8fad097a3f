package wav_test

import (
	"bytes"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile/convert"
)

// TestInterop exchanges random recordings with libsndfile: what it wrote is read
// and compared sample by sample, and what we write anew it reads as the same.
// "make interop" sets TENSORFILE_PYTHON; TENSORFILE_SEED makes other recordings.
func TestInterop(t *testing.T) {
	python := os.Getenv("TENSORFILE_PYTHON")
	if python == "" {
		t.Skip("TENSORFILE_PYTHON names no Python with soundfile; make interop does")
	}
	seed, count := "20261121", 400
	if s := os.Getenv("TENSORFILE_SEED"); s != "" {
		seed = s
	}
	t.Logf("seed %s, %d recordings", seed, count)
	dir := t.TempDir()
	run := func(verb string) string {
		t.Helper()
		script := filepath.Join("..", "..", "testdata", "interop", "wav_interop.py")
		b, err := exec.Command(python, "-B", script, verb, seed, strconv.Itoa(count), dir, "wav").CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, b)
		}
		return strings.TrimSpace(string(b))
	}
	run("write")
	files, err := filepath.Glob(filepath.Join(dir, "s*.wav"))
	if err != nil || len(files) != count {
		t.Fatalf("%d files, %v", len(files), err)
	}
	format, _ := convert.ByName("wav")
	for _, path := range files {
		f, err := convert.Open(t.Context(), path, nil)
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimSuffix(filepath.Base(path), ".wav")
		v, _ := read(t, f, name)
		x, err := f.Tensor(name)
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if err := format.Write(t.Context(), &out, []convert.Source{{Tensor: x, As: name}}, nil); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		for to, b := range map[string][]byte{path + ".bin": little(t, v), filepath.Join(dir, "out."+filepath.Base(path)): out.Bytes()} {
			if err := os.WriteFile(to, b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	t.Log(run("check"))
}

// encodings are ours, and what FFmpeg calls their elements and their samples.
var encodings = []struct{ name, elements, samples string }{
	{"u8", "u8", "pcm_u8"}, {"i16", "s16le", "pcm_s16le"}, {"i24", "s32le", "pcm_s24le"}, {"i32", "s32le", "pcm_s32le"}, {"f32", "f32le", "pcm_f32le"}, {"f64", "f64le", "pcm_f64le"},
	{"alaw", "s16le", "pcm_alaw"}, {"mulaw", "s16le", "pcm_mulaw"},
}

// TestProgramsInterop exchanges recordings of every encoding with FFmpeg and SoX, both
// ways.
func TestProgramsInterop(t *testing.T) {
	for _, name := range []string{"ffmpeg", "sox"} {
		if _, err := exec.LookPath(name); err != nil {
			t.Skip("no program ", name, " here")
		}
	}
	dir := t.TempDir()
	run := func(name string, args ...string) []byte {
		t.Helper()
		c := exec.Command(name, args...)
		var said bytes.Buffer
		c.Stderr = &said
		b, err := c.Output()
		if err != nil {
			t.Fatalf("%s %q: %v\n%s", name, args, err, said.Bytes())
		}
		return b
	}
	x := make([]float64, 2*999)
	for i := range x {
		x[i] = 0.9 * math.Sin(float64(i*i)*1e-4)
	}
	count := 0
	for _, e := range encodings {
		for _, channels := range []int64{1, 2} {
			ours := filepath.Join(dir, "ours.wav")
			b := encode(t, from(t, x, int64(len(x))/channels, channels), convert.Attrs{"sample_rate": 22050, "encoding": e.name})
			if err := os.WriteFile(ours, b, 0o600); err != nil {
				t.Fatal(err)
			}
			v, _ := sound(t, b)
			want := little(t, v)
			if got := run("ffmpeg", "-v", "error", "-i", ours, "-f", e.elements, "-c:a", "pcm_"+e.elements, "-"); !bytes.Equal(got, want) {
				t.Errorf("%s, %d channels: FFmpeg reads other samples", e.name, channels)
			}
			raw := []string{"-t", "raw", "-e", "signed", "-b", strconv.Itoa(8 * len(want) / len(x)), "-L", "-"}
			switch e.name[0] {
			case 'u':
				raw[3] = "unsigned"
			case 'f':
				raw[3] = "float"
			}
			if got := run("sox", append([]string{"-D", ours}, raw...)...); e.name != "f64" && e.name != "f32" && !bytes.Equal(got, want) { // SoX has 32 bits
				t.Errorf("%s, %d channels: SoX reads other samples", e.name, channels)
			}
			for program, args := range map[string][]string{
				"ffmpeg": {"-v", "error", "-y", "-i", ours, "-c:a", e.samples},
				"sox":    {"-D", ours},
			} {
				theirs := filepath.Join(dir, program+".wav")
				run(program, append(args, theirs)...)
				if b, err := os.ReadFile(theirs); err != nil {
					t.Fatal(err)
				} else if v, attrs := sound(t, b); !bytes.Equal(little(t, v), want) && !(program == "sox" && e.name[0] == 'f') {
					t.Errorf("%s, %d channels, written by %s: other samples (%v)", e.name, channels, program, attrs)
				}
				count++
			}
		}
	}
	if t.Logf("exchanged %d", count); count < 32 {
		t.Error("fewer than 32")
	}
}
