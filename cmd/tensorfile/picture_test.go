package main

import (
	"fmt"
	"image"
	"math"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile/internal/term/termtest"
)

// drawn is the picture that show draws in a terminal of so many columns and lines.
func drawn(t *testing.T, protocol, size, path, name string) *image.RGBA {
	t.Helper()
	columns, lines, _ := strings.Cut(size, "x")
	stdout, stderr, code := runTool(t, []string{"COLUMNS=" + columns, "LINES=" + lines}, "show", path, name, "--picture", protocol)
	if code != 0 {
		t.Fatal(stderr)
	}
	_, text, _ := strings.Cut(stdout, "\n")
	text = strings.TrimSuffix(text, "\n")
	text = text[:strings.LastIndexByte(text, '\n')+1]
	read := map[string]func(string) (*image.RGBA, error){
		"half": termtest.HalfBlocks, "sixel": termtest.Sixels, "kitty": termtest.KittyGraphics,
	}[protocol]
	m, err := read(text)
	if err != nil {
		t.Fatalf("%v\n%.300q", err, text)
	}
	return m
}

// Each pixel that is drawn is the mean of those that it stands for: pixel i of n in
// cell i*cells/n.
func TestPicture(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.tensor")
	var values []string // of element i: 7i mod 251
	for i := range 251 {
		values = append(values, strconv.Itoa(7*i%251))
	}
	list := ":" + strings.Join(values, ",")
	err := makeFile(path, []string{"hwc=u8(60,90,3)" + list, "grey=u8(40,60)" + list, "tall=u8(300,7,3)" + list, "batch=u8(2,60,90,3)" + list, "turned=@hwc[::-1]", "far=f32(3,4):-8,0,8,nan"})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name         string
		h, w, c      int
		size         string
		wantW, wantH int
		protocol     string
		first, from  int // element 0; rows from the end
	}{
		{name: "hwc", h: 60, w: 90, c: 3, size: "30x24", wantW: 30, wantH: 20, protocol: "half"},
		{name: "hwc", h: 60, w: 90, c: 3, size: "100x12", wantW: 24, wantH: 16, protocol: "half"},
		{name: "grey", h: 40, w: 60, c: 1, size: "13x24", wantW: 13, wantH: 9, protocol: "half"},
		{name: "tall", h: 300, w: 7, c: 3, size: "80x24", wantW: 1, wantH: 40, protocol: "half"},
		{name: "batch[1]", h: 60, w: 90, c: 3, size: "30x24", wantW: 30, wantH: 20, protocol: "half", first: 60 * 90 * 3},
		{name: "turned", h: 60, w: 90, c: 3, size: "30x24", wantW: 30, wantH: 20, protocol: "half", from: 59},
		{name: "hwc", h: 60, w: 90, c: 3, size: "4x24", wantW: 40, wantH: 27, protocol: "kitty"},
	} {
		t.Run(c.name+"/"+c.protocol+"/"+c.size, func(t *testing.T) {
			m := drawn(t, c.protocol, c.size, path, c.name)
			if m.Rect.Dx() != c.wantW || m.Rect.Dy() != c.wantH {
				t.Fatalf("%v, want %d by %d", m.Rect, c.wantW, c.wantH)
			}
			sums, counts := map[[3]int]float64{}, map[[3]int]float64{}
			for y := range c.h {
				for x := range c.w {
					for k := range c.c {
						at := [3]int{y * c.wantH / c.h, x * c.wantW / c.w, k}
						row := y
						if c.from > 0 {
							row = c.from - y
						}
						sums[at] += float64(7 * (c.first + (row*c.w+x)*c.c + k) % 251)
						counts[at]++
					}
				}
			}
			for y := range c.wantH {
				for x := range c.wantW {
					for k, got := range m.Pix[m.PixOffset(x, y):][:3] {
						at := [3]int{y, x, min(k, c.c-1)}
						if want := uint8(sums[at]/counts[at] + 0.5); got != want {
							t.Fatalf("pixel %d, %d, channel %d is %d, not %d", x, y, k, got, want)
						}
					}
				}
			}
		})
	}
	// Numbers that are no samples go from black to white; NaN is magenta.
	m := drawn(t, "half", "80x24", path, "far")
	for x, want := range [][3]uint8{{0, 0, 0}, {128, 128, 128}, {255, 255, 255}, {255, 0, 255}} {
		if got := [3]uint8(m.Pix[m.PixOffset(x, 2):]); got != want {
			t.Errorf("far[2, %d] is %v, not %v", x, got, want)
		}
	}
	// Small pictures are made larger where pixels are small.
	m = drawn(t, "sixel", "80x24", path, "far")
	if m.Rect.Dx() != 256 || m.Rect.Dy() != 192 {
		t.Error(m.Rect)
	}
}

// A recording is drawn from its least to its largest sample in each column, and
// each line meets the one before.
func TestWave(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.tensor")
	var values []string
	const n = 1000
	wave := make([]float64, n)
	for i := range wave {
		wave[i] = math.Round(1000 * math.Sin(float64(i*i)/30000))
		if i == 3 {
			wave[i] = 1000
		}
		values = append(values, fmt.Sprint(int(wave[i])))
	}
	if err := makeFile(path, []string{`w:{"sample_rate":500}`, "w=i16(1000):" + strings.Join(values, ",")}); err != nil {
		t.Fatal(err)
	}
	stdout, stderr, code := runTool(t, []string{"COLUMNS=61", "LINES=30"}, "show", path, "--picture", "half")
	if code != 0 {
		t.Fatal(stderr)
	}
	const columns, rows = 50, 8
	lines := strings.Split(stdout, "\n")[1:]
	var want [4 * rows][2 * columns]bool
	at := func(v float64) int { return int((1000-v)/2000*float64(4*rows-1) + 0.5) }
	top, low := -1, -1
	for x := range 2 * columns {
		lo, hi := math.Inf(1), math.Inf(-1)
		for i := x * n / (2 * columns); i < (x+1)*n/(2*columns); i++ {
			lo, hi = min(lo, wave[i]), max(hi, wave[i])
		}
		from, to := at(hi), at(lo)
		nextTop, nextLow := from, to
		if top >= 0 {
			from, to = min(from, low), max(to, top)
		}
		for y := from; y <= to; y++ {
			want[y][x] = true
		}
		top, low = nextTop, nextLow
	}
	bits := [4][2]rune{{0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}}
	for row := range rows {
		line := []rune(lines[row])
		for col := range columns {
			var got rune
			if k := wavePad + 1 + col; k < len(line) && line[k] != ' ' {
				got = line[k] - 0x2800
			}
			for y := range 4 {
				for x := range 2 {
					if is := got&bits[y][x] != 0; is != want[4*row+y][2*col+x] {
						t.Fatalf("dot %d, %d is %v\n%s", 2*col+x, 4*row+y, is, stdout)
					}
				}
			}
		}
	}
	for row, want := range map[int]string{0: "      1000 ", rows - 1: "     -1000 "} {
		if !strings.HasPrefix(lines[row], want) {
			t.Errorf("line %d begins %.20q", row, lines[row])
		}
	}
	if tail := strings.Join(lines[rows:], "\n"); !strings.Contains(tail, "0 s") || !strings.Contains(tail, "1.5 s") || !strings.Contains(tail, "1,000 samples, 1 channel, 500 Hz") {
		t.Error(tail)
	}
}
