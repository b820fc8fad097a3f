package mp3_test

import (
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestInterop decodes random recordings that libsndfile encoded with LAME, and
// compares them with what it decodes with libmpg123. "make interop" sets
// TENSORFILE_PYTHON; TENSORFILE_SEED makes other recordings.
func TestInterop(t *testing.T) {
	python := os.Getenv("TENSORFILE_PYTHON")
	if python == "" {
		t.Skip("TENSORFILE_PYTHON names no Python with soundfile; make interop does")
	}
	seed, count := rand.Uint64N(1e9), 120
	if s := os.Getenv("TENSORFILE_SEED"); s != "" {
		seed, _ = strconv.ParseUint(s, 10, 64)
	}
	t.Logf("TENSORFILE_SEED=%d, %d recordings", seed, count)
	dir := t.TempDir()
	script := filepath.Join("..", "..", "testdata", "interop", "mp3_interop.py")
	if b, err := exec.Command(python, "-B", script, strconv.FormatUint(seed, 10), strconv.Itoa(count), dir).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, b)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.mp3"))
	if err != nil || len(files) != count {
		t.Fatalf("%d files, %v", len(files), err)
	}
	least, most := 1e9, 0
	for _, path := range files {
		v, _ := only(t, openPath(t, path))
		w, _ := only(t, openPath(t, strings.TrimSuffix(path, ".mp3")+".flac"))
		if !slices.Equal(v.Shape(), w.Shape()) {
			t.Errorf("%s: %v, want %v", path, v.Shape(), w.Shape())
			continue
		}
		snr, d := compare(samples(t, v), samples(t, w))
		if least, most = min(least, snr), max(most, d); d > 1 || snr < 60 {
			t.Errorf("%s: %.1f dB, differences up to %d", path, snr, d)
		}
	}
	t.Logf("compared %d, at least %.1f dB, differences up to %d", len(files), least, most)
}
