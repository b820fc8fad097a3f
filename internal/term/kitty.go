package term

import (
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"image"
	"strconv"
)

// kittyPiece is how many bytes of base64 stand in an escape sequence.
const kittyPiece = 4096

// appendKitty shows m by the graphics protocol of kitty: red, green and blue in a
// byte each, compressed, in pieces. The terminal is asked for no answer.
func appendKitty(b []byte, m *image.RGBA) []byte {
	w, h := m.Rect.Dx(), m.Rect.Dy()
	var packed bytes.Buffer
	z := zlib.NewWriter(&packed)
	row := make([]byte, 0, 3*w)
	for y := range h {
		row = row[:0]
		for x := range w {
			c := at(m, x, y)
			row = append(row, c.r, c.g, c.b)
		}
		z.Write(row) // to memory
	}
	z.Close()
	text := base64.StdEncoding.EncodeToString(packed.Bytes())
	b = append(b, "\x1b_Ga=T,q=2,f=24,o=z,s="...)
	b = strconv.AppendInt(b, int64(w), 10)
	b = strconv.AppendInt(append(b, ",v="...), int64(h), 10)
	b = append(b, ',')
	for {
		piece := text[:min(len(text), kittyPiece)]
		text = text[len(piece):]
		more := byte('0')
		if text != "" {
			more = '1'
		}
		b = append(append(append(b, 'm', '=', more, ';'), piece...), "\x1b\\"...)
		if text == "" {
			return b
		}
		b = append(b, "\x1b_G"...)
	}
}
