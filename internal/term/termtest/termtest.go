// Package termtest reads what internal/term writes for terminals back into
// pictures, as a terminal would, so that tests can compare pixels.
package termtest

import (
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"fmt"
	"image"
	"image/color"
	"io"
	"regexp"
	"strconv"
	"strings"
)

// HalfBlocks is the picture that lines of half blocks show: the colours of escape
// sequences 38 and 48, two pixels in each character. A pixel with no colour of its
// own is transparent.
func HalfBlocks(text string) (*image.RGBA, error) {
	var rows [][]color.RGBA
	for line := range strings.Lines(text) {
		var top, low []color.RGBA
		var front, back color.RGBA
		for s := strings.TrimSuffix(line, "\n"); s != ""; {
			if rest, ok := strings.CutPrefix(s, "▀"); ok {
				top, low, s = append(top, front), append(low, back), rest
				continue
			}
			rest, ok := strings.CutPrefix(s, "\x1b[")
			codes, after, end := strings.Cut(rest, "m")
			if !ok || !end {
				return nil, fmt.Errorf("%q is neither a half block nor a colour", s[:min(len(s), 20)])
			}
			s = after
			n, err := numbers(codes, ";")
			switch {
			case err != nil:
				return nil, err
			case len(n) == 1 && n[0] == 0:
				front, back = color.RGBA{}, color.RGBA{}
			case len(n) == 5 && n[1] == 2:
				c := color.RGBA{uint8(n[2]), uint8(n[3]), uint8(n[4]), 255}
				if n[0] == 38 {
					front = c
				} else {
					back = c
				}
			case len(n) == 3 && n[1] == 5:
				c := xterm(n[2])
				if n[0] == 38 {
					front = c
				} else {
					back = c
				}
			default:
				return nil, fmt.Errorf("unknown colour %q", codes)
			}
		}
		rows = append(rows, top, low)
	}
	return picture(rows)
}

// picture is that of rows of pixels; a last row that is transparent is none.
func picture(rows [][]color.RGBA) (*image.RGBA, error) {
	if n := len(rows); n > 0 && len(rows[n-1]) > 0 && rows[n-1][0].A == 0 {
		rows = rows[:n-1]
	}
	if len(rows) == 0 {
		return nil, fmt.Errorf("no pixels")
	}
	m := image.NewRGBA(image.Rect(0, 0, len(rows[0]), len(rows)))
	for y, row := range rows {
		if len(row) != m.Rect.Dx() {
			return nil, fmt.Errorf("row %d has %d pixels, not %d", y, len(row), m.Rect.Dx())
		}
		for x, c := range row {
			m.SetRGBA(x, y, c)
		}
	}
	return m, nil
}

// xterm is a colour from 16 on of the 256 of xterm.
func xterm(n int) color.RGBA {
	if n >= 232 {
		l := uint8(8 + 10*(n-232))
		return color.RGBA{l, l, l, 255}
	}
	n -= 16
	level := func(i int) uint8 {
		if i == 0 {
			return 0
		}
		return uint8(55 + 40*i)
	}
	return color.RGBA{level(n / 36), level(n / 6 % 6), level(n % 6), 255}
}

func numbers(s, sep string) (list []int, err error) {
	for part := range strings.SplitSeq(s, sep) {
		n, err := strconv.Atoi(part)
		if err != nil {
			return nil, err
		}
		list = append(list, n)
	}
	return list, nil
}

var sixelHead = regexp.MustCompile(`^\x1bP0;1;0q"1;1;(\d+);(\d+)`)

// Sixels is the picture that a string of sixels shows. Levels of colours are
// hundredths, as they are written.
func Sixels(text string) (*image.RGBA, error) {
	head := sixelHead.FindStringSubmatch(text)
	body, _, ok := strings.Cut(strings.TrimPrefix(text, strings.Join(head[:min(1, len(head))], "")), "\x1b\\")
	if head == nil || !ok {
		return nil, fmt.Errorf("no string of sixels")
	}
	size, err := numbers(head[1]+";"+head[2], ";")
	if err != nil {
		return nil, err
	}
	m := image.NewRGBA(image.Rect(0, 0, size[0], size[1]))
	palette := map[int]color.RGBA{}
	x, y, now := 0, 0, color.RGBA{}
	number := func() int {
		n := 0
		for body != "" && body[0] >= '0' && body[0] <= '9' {
			n, body = 10*n+int(body[0]-'0'), body[1:]
		}
		return n
	}
	for body != "" {
		c := body[0]
		body = body[1:]
		repeat := 1
		switch {
		case c == '$':
			x = 0
			continue
		case c == '-':
			x, y = 0, y+6
			continue
		case c == '#':
			i := number()
			if strings.HasPrefix(body, ";2;") {
				body = body[len(";2"):]
				var level [3]uint8
				for k := range level {
					body = strings.TrimPrefix(body, ";")
					level[k] = uint8((number()*255 + 50) / 100)
				}
				palette[i] = color.RGBA{level[0], level[1], level[2], 255}
				continue
			}
			if now, ok = palette[i]; !ok {
				return nil, fmt.Errorf("colour %d is not in the palette", i)
			}
			continue
		case c == '!':
			if repeat = number(); body == "" {
				return nil, fmt.Errorf("nothing to repeat")
			}
			c, body = body[0], body[1:]
		}
		if c < '?' || c > '~' {
			return nil, fmt.Errorf("%q is no sixel", c)
		}
		for range repeat {
			for bit := range 6 {
				if (c-'?')>>bit&1 == 0 {
					continue
				}
				if x >= size[0] || y+bit >= size[1] {
					return nil, fmt.Errorf("a pixel at %d, %d of %d by %d", x, y+bit, size[0], size[1])
				}
				m.SetRGBA(x, y+bit, now)
			}
			x++
		}
	}
	return m, nil
}

var kittyPiece = regexp.MustCompile(`^\x1b_G([^;]*);([A-Za-z0-9+/=]*)\x1b\\`)

// KittyGraphics is the picture that escape sequences of the graphics protocol of
// kitty show.
func KittyGraphics(text string) (*image.RGBA, error) {
	var packed strings.Builder
	keys := map[string]string{}
	for more := true; more; {
		piece := kittyPiece.FindStringSubmatch(text)
		if piece == nil {
			return nil, fmt.Errorf("no piece of a picture: %.40q", text)
		}
		if len(piece[2]) > 4096 {
			return nil, fmt.Errorf("a piece of %d bytes", len(piece[2]))
		}
		for key := range strings.SplitSeq(piece[1], ",") {
			name, value, _ := strings.Cut(key, "=")
			keys[name] = value
		}
		packed.WriteString(piece[2])
		text, more = text[len(piece[0]):], keys["m"] == "1"
	}
	if keys["a"] != "T" || keys["f"] != "24" || keys["o"] != "z" {
		return nil, fmt.Errorf("keys %v", keys)
	}
	size, err := numbers(keys["s"]+";"+keys["v"], ";")
	if err != nil {
		return nil, err
	}
	z, err := base64.StdEncoding.DecodeString(packed.String())
	if err != nil {
		return nil, err
	}
	r, err := zlib.NewReader(bytes.NewReader(z))
	if err != nil {
		return nil, err
	}
	pix, err := io.ReadAll(r)
	if err != nil || len(pix) != 3*size[0]*size[1] {
		return nil, fmt.Errorf("%d bytes for %v: %v", len(pix), size, err)
	}
	m := image.NewRGBA(image.Rect(0, 0, size[0], size[1]))
	for i := range size[0] * size[1] {
		m.SetRGBA(i%size[0], i/size[0], color.RGBA{pix[3*i], pix[3*i+1], pix[3*i+2], 255})
	}
	return m, nil
}
