package wav

import (
	"encoding/hex"
	"fmt"
	"math"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/convert/internal/pcm"
	"github.com/tensorfile/tensorfile/tensor"
)

// bextSize is the size of a bext chunk without coding history.
const bextSize = 602

// bextTexts are the texts of fixed width at the begin of a bext chunk.
var bextTexts = []struct {
	name  string
	width int
}{{"description", 256}, {"originator", 32}, {"originator_reference", 32}, {"date", 10}, {"time", 8}}

// readTags reads texts, within the file.
func (r *reader) readTags(c *chunk) error {
	if c.id == "LIST" {
		kind, err := r.bytes(c.at, min(c.size, 4), "LIST type")
		if err != nil || string(kind) != "INFO" {
			return err
		}
	}
	if c.size > r.maxTags {
		return bad(tensor.ErrLimit, c.at-4, c.field()+" size", fmt.Sprint(c.size), fmt.Sprintf("at most %d", r.maxTags))
	}
	b, err := r.bytes(c.at, c.size, c.field())
	if err != nil {
		return err
	}
	if c.id == "bext" {
		r.readBext(b)
		return nil
	}
	info, _ := r.attrs["info"].(map[string]any)
	if info == nil {
		info = map[string]any{}
	}
	for b = b[4:]; len(b) >= 8; {
		id, size := string(b[:4]), int64(le.Uint32(b[4:]))
		b = b[8:]
		if size > int64(len(b)) || !pcm.PrintableID(id) {
			r.note("the list of texts is damaged from %s on", tensor.Quote(id))
			break
		}
		if _, ok := info[id]; !ok {
			info[id] = pcm.Text(b[:size])
		}
		b = b[min(size+size%2, int64(len(b))):]
	}
	if len(info) > 0 {
		r.attrs["info"] = info
	}
	return nil
}

// readBext reads what a Broadcast Wave says of itself. Empty fields are left
// out.
func (r *reader) readBext(b []byte) {
	if len(b) < bextSize {
		r.note("the bext chunk of %d bytes is too short", len(b))
		return
	}
	m := map[string]any{}
	put := func(name, text string) {
		if text != "" {
			m[name] = text
		}
	}
	at := 0
	for _, f := range bextTexts {
		put(f.name, pcm.Text(b[at:at+f.width]))
		at += f.width
	}
	reference := le.Uint64(b[at:])
	if reference <= math.MaxInt64 {
		m["time_reference"] = int64(reference)
	} else {
		m["time_reference"] = reference
	}
	version := le.Uint16(b[at+8:])
	m["version"] = int64(version)
	if umid := b[at+10 : at+74]; version >= 1 && [64]byte(umid) != [64]byte{} {
		m["umid"] = hex.EncodeToString(umid)
	}
	if version >= 2 { // in hundredths: value, range, peak, momentary, short term
		loudness := make([]any, 5)
		for i := range loudness {
			loudness[i] = int64(int16(le.Uint16(b[at+74+2*i:])))
		}
		m["loudness"] = loudness
	}
	put("coding_history", pcm.Text(b[bextSize:]))
	r.attrs["bext"] = m
}

// appendTags appends the chunks of texts that attrs have.
func appendTags(b []byte, attrs convert.Attrs) ([]byte, error) {
	ids, texts, err := pcm.Info(attrs)
	if err != nil {
		return nil, err
	}
	if len(ids) > 0 {
		list := []byte("INFO")
		for i, id := range ids {
			list = pcm.Chunk(list, le, id, append([]byte(texts[i]), 0))
		}
		b = pcm.Chunk(b, le, "LIST", list)
	}
	if attrs["bext"] == nil {
		return b, nil
	}
	body, err := bextOf(attrs["bext"])
	if err != nil {
		return nil, err
	}
	return pcm.Chunk(b, le, "bext", body), nil
}

func bextOf(v any) ([]byte, error) {
	fail := func(name string, got any, want string) error {
		return bad(tensor.ErrUnsupported, -1, "attribute bext, "+name, tensor.Quote(fmt.Sprint(got)), want)
	}
	m, ok := v.(map[string]any)
	if !ok {
		return nil, fail("value", v, "an object")
	}
	b := make([]byte, bextSize)
	text := func(name string) (string, error) {
		s, ok := m[name].(string)
		if !ok && m[name] != nil {
			return "", fail(name, m[name], "a text")
		}
		return s, nil
	}
	at := 0
	for _, f := range bextTexts {
		s, err := text(f.name)
		if err != nil {
			return nil, err
		}
		if len(s) > f.width {
			return nil, fail(f.name, s, fmt.Sprintf("at most %d bytes", f.width))
		}
		copy(b[at:], s)
		at += f.width
	}
	number := func(name string, v any, low, high float64) (uint64, error) {
		x, ok := pcm.Number(v)
		if v != nil && (!ok || x != math.Trunc(x) || x < low || x > high) {
			return 0, fail(name, v, fmt.Sprintf("a whole number, %.0f to %.0f", low, high))
		}
		switch n := v.(type) {
		case int64:
			return uint64(n), nil
		case uint64:
			return n, nil
		}
		return uint64(int64(x)), nil
	}
	reference, err := number("time_reference", m["time_reference"], 0, math.MaxUint64)
	if err != nil {
		return nil, err
	}
	le.PutUint64(b[at:], reference)
	version, err := number("version", m["version"], 0, math.MaxUint16)
	if err != nil {
		return nil, err
	}
	le.PutUint16(b[at+8:], uint16(version))
	umid, err := text("umid")
	if err != nil {
		return nil, err
	}
	raw, err := hex.DecodeString(umid)
	if err != nil || len(raw) > 64 {
		return nil, fail("umid", umid, "at most 64 bytes in hex")
	}
	copy(b[at+10:], raw)
	if v := m["loudness"]; v != nil {
		list, _ := v.([]any)
		if len(list) != 5 {
			return nil, fail("loudness", v, "five numbers")
		}
		for i, v := range list {
			x, err := number("loudness", v, math.MinInt16, math.MaxInt16)
			if err != nil {
				return nil, err
			}
			le.PutUint16(b[at+74+2*i:], uint16(x))
		}
	}
	history, err := text("coding_history")
	return append(b, history...), err
}
