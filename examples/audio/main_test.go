package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/tensor"
)

var ctx = context.Background()

// archived is a folder of sounds, their names, and the archive of them.
func archived(t *testing.T) (dir string, files []string, path string) {
	t.Helper()
	dir = t.TempDir()
	path = filepath.Join(dir, "sounds.tensor")
	if err := play(filepath.Join(dir, "sounds")); err != nil {
		t.Fatal(err)
	}
	files, err := convert.Folder(filepath.Join(dir, "sounds"), false)
	if err != nil || len(files) != 3 {
		t.Fatal(files, err)
	}
	if err := archive(ctx, files, path); err != nil {
		t.Fatal(err)
	}
	return dir, files, path
}

func elements[T tensor.Elem](t *testing.T, path, name string) []T {
	t.Helper()
	f, err := tensorfile.Open(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	x, err := f.Tensor(name)
	if err != nil {
		t.Fatal(err)
	}
	v, err := x.Read(ctx)
	if err != nil {
		t.Fatal(err)
	}
	data, err := tensor.Data[T](v)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// A clip has the samples that arithmetic on the bytes of the WAV file gives: no
// reader of this module is asked.
func TestClip(t *testing.T) {
	_, files, path := archived(t)
	if err := clip(ctx, path, "bell", 0.25, 1); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	begin := bytes.Index(raw, []byte("data")) + 8
	const first, last = 11025, 44100 // a quarter of a second, a second
	mean := make([]float64, 0, last-first)
	peak := 0.
	for i := first; i < last; i++ {
		l := int16(binary.LittleEndian.Uint16(raw[begin+4*i:]))
		r := int16(binary.LittleEndian.Uint16(raw[begin+4*i+2:]))
		m := math.RoundToEven((float64(l) + float64(r)) / 2)
		mean, peak = append(mean, m), max(peak, math.Abs(m))
	}
	got := elements[int16](t, path, "bell.clip")
	if len(got) != len(mean) {
		t.Fatalf("%d samples, want %d", len(got), len(mean))
	}
	top := int16(0)
	for i, x := range got {
		if want := mean[i] * math.Pow(10, -1./20) * 32768 / peak; math.Abs(float64(x)-want) > 0.5+1e-6 {
			t.Fatalf("sample %d: %d, want %v", i, x, want)
		}
		top = max(top, x, -x)
	}
	if top != 29205 { // 32768 less 1 dB
		t.Errorf("the largest is %d", top)
	}
	// It knows where it comes from; one that is not there is an error.
	f, err := tensorfile.Open(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	x, err := f.Tensor("bell.clip")
	if err != nil {
		t.Fatal(err)
	}
	attrs, err := x.Attrs()
	if err != nil || attrs["cut_from"] != "bell" || attrs["cut_at"] != 0.25 {
		t.Error(attrs, err)
	}
	if hertz, err := rate(x); err != nil || hertz != 44100 {
		t.Error(hertz, err)
	}
	if err := clip(ctx, path, "gong", 0, 1); err == nil {
		t.Error("a gong")
	}
}

// Attributes of the files are kept, and their levels added; what comes back is what
// went in, also of the texts.
func TestArchive(t *testing.T) {
	dir, files, path := archived(t)
	for i, want := range []struct {
		rate     int64
		encoding string
		title    string
		chunk    int64
	}{{44100, "i16", "A bell, from the left", 8192}, {32000, "f32", "A blackbird", 8192}, {48000, "i24", "Rain that comes nearer", 8192}} {
		base := filepath.Base(files[i])
		f, err := tensorfile.Open(path, nil)
		if err != nil {
			t.Fatal(err)
		}
		x, err := f.Tensor(strings.TrimSuffix(base, filepath.Ext(base)))
		if err != nil {
			t.Fatal(err)
		}
		attrs, err := x.Attrs()
		if err != nil {
			t.Fatal(err)
		}
		info, _ := attrs["info"].(map[string]any)
		peak, _ := attrs["peak"].(float64)
		if attrs["sample_rate"] != want.rate || attrs["encoding"] != want.encoding || info["INAM"] != want.title || peak <= 0 || peak > 1 {
			t.Errorf("%s: %v", base, attrs)
		}
		if c := x.ChunkShape(); c != nil && c[0] != want.chunk {
			t.Errorf("%s: chunks of %v", base, c)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		back := filepath.Join(dir, "back"+filepath.Ext(base))
		if _, err := extract(ctx, path, files[i], back); err != nil {
			t.Fatal(err)
		}
		was, err := os.ReadFile(files[i])
		if err != nil {
			t.Fatal(err)
		}
		is, err := os.ReadFile(back)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(was, is) {
			t.Errorf("%s: %d bytes came back as %d others", base, len(was), len(is))
		}
	}
	// Samples that are not those of the archive are found.
	if err := record(files[0], must(tensor.FromSlice([]int16{1, 2, 3, 4}, 2, 2)), map[string]any{"sample_rate": 44100}); err != nil {
		t.Fatal(err)
	}
	if _, err := extract(ctx, path, files[0], filepath.Join(dir, "back.wav")); err == nil || !strings.Contains(err.Error(), "has the hash") {
		t.Error(err)
	}
}

func must(v tensor.View, err error) tensor.View {
	if err != nil {
		panic(err)
	}
	return v
}

func TestRun(t *testing.T) {
	var out bytes.Buffer
	if err := run(ctx, t.TempDir(), &out); err != nil {
		t.Fatal(err)
	}
	t.Log("\n" + out.String())
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 7 || !strings.HasPrefix(lines[1], "bell.clip  0.75 s at 44100 Hz, i16 (33075,), peak -1.0 dBFS") || !strings.HasPrefix(lines[6], "rain.flac came back") {
		t.Errorf("%q", lines)
	}
}
