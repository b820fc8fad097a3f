package main

import (
	"strings"
	"testing"
	"time"

	"github.com/tensorfile/tensorfile/internal/term"
)

func TestProgressLine(t *testing.T) {
	for _, c := range []struct {
		share   float64
		text    string
		bytes   float64
		took    time.Duration
		columns int
		want    string
	}{
		{0.25, "1.0 GiB of 4.0 GiB", 1 << 30, 2 * time.Second, 79, "[=======                      ]  25%  1.0 GiB of 4.0 GiB  512.0 MiB/s  6 s left"},
		{0.25, "1.0 GiB of 4.0 GiB", 1 << 30, 2 * time.Second, 60, "[==        ]  25%  1.0 GiB of 4.0 GiB  512.0 MiB/s  6 s left"},
		{0.25, "1.0 GiB of 4.0 GiB", 1 << 30, 2 * time.Second, 30, " 25%  1.0 GiB of 4.0 GiB  512…"},
		{0.5, "4 of 8 files", 0, 3 * time.Minute, 79, "[===============               ]  50%  4 of 8 files  3 min 00 s left"},
		{-1, "64.0 MiB", 64 << 20, time.Second, 79, "64.0 MiB  64.0 MiB/s"},
		{1.5, "x", 0, time.Second, 79, "[==============================] 100%  x  0 s left"},
		{0, "x", 0, time.Second, 79, "[                              ]   0%  x"},
	} {
		if got := progressLine(c.share, c.text, c.bytes, c.took, c.columns); got != c.want || term.Width(got) > c.columns {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
	for d, want := range map[time.Duration]string{
		1499 * time.Millisecond: "1 s", 61 * time.Second: "1 min 01 s", 2*time.Hour + 5*time.Minute: "2 h 05 min", 1000 * time.Hour: "days",
	} {
		if got := leftText(d); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
}

// A line that gets shorter leaves nothing of the longer one, and the end takes all
// of it away.
func TestProgressWipes(t *testing.T) {
	defer func(a, b time.Duration) { progressAfter, progressEvery = a, b }(progressAfter, progressEvery)
	progressAfter, progressEvery = 0, 0
	var b strings.Builder
	p := &progress{w: &b, columns: 80, begin: time.Now().Add(-time.Minute)}
	p.steps(0.5, "a long name of what is done")
	p.steps(0.9, "short")
	p.end()
	p.end()
	screen := ""
	for part := range strings.SplitSeq(b.String(), "\r") {
		if len(part) > len(screen) {
			screen = part
		} else {
			screen = part + screen[len(part):]
		}
	}
	if strings.TrimSpace(screen) != "" {
		t.Errorf("%q stays", screen)
	}
	if !strings.Contains(b.String(), "short") {
		t.Errorf("%q", b.String())
	}
}
