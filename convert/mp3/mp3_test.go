package mp3_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	_ "github.com/tensorfile/tensorfile/convert/flac"
	_ "github.com/tensorfile/tensorfile/convert/mp3"
	"github.com/tensorfile/tensorfile/mmap"
	"github.com/tensorfile/tensorfile/tensor"
)

// open opens b as a file called x.mp3.
func open(t testing.TB, b []byte) (*tensorfile.File, error) {
	t.Helper()
	f, err := convert.OpenMap(t.Context(), mmap.NewReaderAt(bytes.NewReader(b), int64(len(b)), "x.mp3"), &convert.OpenOptions{Format: "mp3"})
	if err == nil {
		t.Cleanup(func() { f.Close() })
	}
	return f, err
}

// only reads the one tensor of a file.
func only(t testing.TB, f *tensorfile.File) (tensor.View, tensorfile.Attrs) {
	t.Helper()
	x, err := f.Tensor(f.Layout().Tensors[0].Name)
	if err != nil {
		t.Fatal(err)
	}
	v, err := x.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	a, err := x.Attrs()
	if err != nil {
		t.Fatal(err)
	}
	return v, a
}

func openPath(t testing.TB, path string) *tensorfile.File {
	t.Helper()
	f, err := convert.Open(t.Context(), path, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func little(t testing.TB, v tensor.View) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := v.WriteCOrder(&b, tensor.LittleEndian); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func samples(t testing.TB, v tensor.View) []int16 {
	b := little(t, v)
	x := make([]int16, len(b)/2)
	for i := range x {
		x[i] = int16(b[2*i]) | int16(b[2*i+1])<<8
	}
	return x
}

// compare is how far got is from want: the ratio of signal and difference in dB,
// and the largest difference.
func compare(got, want []int16) (snr float64, most int) {
	signal, noise := 0.0, 0.0
	for i := range min(len(got), len(want)) {
		d := int(got[i]) - int(want[i])
		most = max(most, d, -d)
		signal += float64(want[i]) * float64(want[i])
		noise += float64(d) * float64(d)
	}
	return 10 * math.Log10(signal/noise), most
}

// TestGolden compares what LAME wrote with what FFmpeg decodes of it: as many
// samples, in the same place, within one unit.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.mp3")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		f := openPath(t, path)
		v, attrs := only(t, f)
		w, want := only(t, openPath(t, strings.TrimSuffix(path, ".mp3")+".flac"))
		if !v.Shape().Equal(w.Shape()) || v.DType() != tensor.I16 || attrs["sample_rate"] != want["sample_rate"] || attrs["encoding"] != "mp3" {
			t.Errorf("%s: %v%v, want %v; %v", path, v.DType(), v.Shape(), w.Shape(), attrs)
			continue
		}
		got, ref := samples(t, v), samples(t, w)
		snr, most := compare(got, ref)
		t.Logf("%s: %v, %.1f dB, %d", path, v.Shape(), snr, most)
		if snr < 65 || most > 1 {
			t.Errorf("%s: %.1f dB, differences up to %d", path, snr, most)
		}
		for _, d := range []int{-1, 1} { // a sample to the side is worse
			n := len(v.Shape())
			if moved, _ := compare(got[(1+d)*n:], ref[n:]); moved > snr-20 {
				t.Errorf("%s: %.1f dB when moved by %d", path, moved, d)
			}
		}
		if trimmed := strings.Contains(strings.Join(f.Layout().Notes, "\n"), "of encoder and decoder"); trimmed == (filepath.Base(path) == "tagless.mp3") {
			t.Errorf("%s: %q", path, f.Layout().Notes)
		}
	}
	if len(files) < 18 {
		t.Error("fewer than 18 files")
	}
}

// TestSections reads from every place on, with the bits that the whole has there.
func TestSections(t *testing.T) {
	for _, name := range []string{"cbr", "vbr", "half", "tagless"} {
		f := openPath(t, "testdata/"+name+".mp3")
		v, _ := only(t, f)
		want := little(t, v)
		s := f.Layout().Storages[0]
		for at := 0; at <= len(want); at += 1 + len(want)/37 {
			r, err := s.Open(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if k, err := r.(io.Seeker).Seek(int64(at), io.SeekStart); err != nil || k != int64(at) {
				t.Fatal(name, at, k, err)
			}
			got, err := io.ReadAll(r)
			if err != nil || !bytes.Equal(got, want[at:]) {
				t.Fatalf("%s from byte %d on: %d of %d bytes, %v", name, at, len(got), len(want)-at, err)
			}
		}
		for n := 1; n < 9; n++ {
			r, err := s.Open(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			var got []byte
			for p := make([]byte, n); len(got) < 9000; {
				k, err := r.Read(p)
				if got = append(got, p[:k]...); err != nil {
					break
				}
			}
			if !bytes.Equal(got, want[:len(got)]) {
				t.Errorf("%s in pieces of %d", name, n)
			}
		}
	}
}

// TestLong reads parts of a file with frames before and behind every kept place.
func TestLong(t *testing.T) {
	b, err := os.ReadFile("testdata/tagless.mp3")
	if err != nil {
		t.Fatal(err)
	}
	// The first frame needs none before it, so that copies follow each other.
	long := bytes.Repeat(b, 40)
	f, err := open(t, long)
	if err != nil {
		t.Fatal(err)
	}
	v, _ := only(t, f)
	x, _ := f.Tensor("x")
	want, n := little(t, v), v.Shape()[0]
	for at := int64(0); at < n-100; at += n / 23 {
		part, err := x.Read(t.Context(), tensor.Selection{{Kind: tensor.SelectRange, Start: at, Stop: at + 100, Step: 1}})
		if err != nil || !bytes.Equal(little(t, part), want[2*at:2*at+200]) {
			t.Errorf("sample %d of %d: %v", at, n, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := x.Read(ctx); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	r, err := f.Layout().Storages[0].Open(ctx)
	if err == nil {
		_, err = r.Read(make([]byte, 9))
	}
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
