package colour

import (
	"image/color"
	"math"
)

// lab is a colour in CIELAB under D65 (ISO/CIE 11664-4): lightness from 0 to
// 100, then green to red and blue to yellow.
type lab struct{ l, a, b float64 }

// lch is lab by chroma and hue, the hue in degrees.
func lch(l, c, h float64) lab {
	sin, cos := math.Sincos(h * math.Pi / 180)
	return lab{l, c * cos, c * sin}
}

// minus is the difference of two colours to the eye, CIE 1976.
func (p lab) minus(q lab) float64 {
	return math.Sqrt((p.l-q.l)*(p.l-q.l) + (p.a-q.a)*(p.a-q.a) + (p.b-q.b)*(p.b-q.b))
}

// The white of sRGB (IEC 61966-2-1), D65.
const whiteX, whiteY, whiteZ = 0.950456, 1, 1.088754

// rgb is linear light of the primaries of sRGB, from 0 to 1 where it can be
// shown.
type rgb [3]float64

// linear turns a colour into light.
func (p lab) linear() rgb {
	fy := (p.l + 16) / 116
	inverse := func(t float64) float64 {
		if t > 6.0/29 {
			return t * t * t
		}
		return 3 * (6.0 / 29) * (6.0 / 29) * (t - 4.0/29)
	}
	x, y, z := whiteX*inverse(fy+p.a/500), whiteY*inverse(fy), whiteZ*inverse(fy-p.b/200)
	return rgb{
		3.2404542*x - 1.5371385*y - 0.4985314*z,
		-0.9692660*x + 1.8760108*y + 0.0415560*z,
		0.0556434*x - 0.2040259*y + 1.0572252*z,
	}
}

// lab turns light into a colour.
func (c rgb) lab() lab {
	forward := func(t float64) float64 {
		if t > 216.0/24389 {
			return math.Cbrt(t)
		}
		return t*(841.0/108) + 4.0/29
	}
	x := forward((0.4124564*c[0] + 0.3575761*c[1] + 0.1804375*c[2]) / whiteX)
	y := forward((0.2126729*c[0] + 0.7151522*c[1] + 0.0721750*c[2]) / whiteY)
	z := forward((0.0193339*c[0] + 0.1191920*c[1] + 0.9503041*c[2]) / whiteZ)
	return lab{116*y - 16, 500 * (x - y), 200 * (y - z)}
}

// shows reports whether a screen can show the light.
func (c rgb) shows() bool {
	for _, v := range c {
		if !(v >= 0 && v <= 1) {
			return false
		}
	}
	return true
}

// bytes are the light as numbers of sRGB.
func (c rgb) bytes() color.NRGBA {
	var out [3]uint8
	for i, v := range c {
		v = min(max(v, 0), 1)
		if v <= 0.0031308 {
			v *= 12.92
		} else {
			v = 1.055*math.Pow(v, 1/2.4) - 0.055
		}
		out[i] = uint8(math.Round(255 * v))
	}
	return color.NRGBA{R: out[0], G: out[1], B: out[2], A: 255}
}

// light of numbers of sRGB.
func light(c color.NRGBA) rgb {
	var out rgb
	for i, v := range []uint8{c.R, c.G, c.B} {
		x := float64(v) / 255
		if x <= 0.04045 {
			out[i] = x / 12.92
		} else {
			out[i] = math.Pow((x+0.055)/1.055, 2.4)
		}
	}
	return out
}

// most is the largest chroma, up to c, that a screen can show at a lightness
// and a hue.
func most(l, c, h float64) float64 {
	if lch(l, c, h).linear().shows() {
		return c
	}
	lo, hi := 0.0, c
	for range 30 {
		if mid := (lo + hi) / 2; lch(l, mid, h).linear().shows() {
			lo = mid
		} else {
			hi = mid
		}
	}
	return lo
}

// Lightness is CIE L* of a colour, from 0 to 100: what is left of it in grey.
func Lightness(c color.NRGBA) float64 { return light(c).lab().l }
