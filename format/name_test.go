package format_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/internal/badinput/forge"
	"github.com/tensorfile/tensorfile/tensor"
	"pgregory.net/rapid"
)

func TestCheckName(t *testing.T) {
	for _, s := range []string{"a", " ", "/", "../../x", "C:\\x", "CON", ".", "ünï", "模型/层", "a\u0080b", "\ufeffx", "\ufffd", strings.Repeat("x", 1024), "\U0010ffff"} {
		if err := format.CheckName(s); err != nil {
			t.Errorf("%q: %v", s, err)
		}
	}
	for _, c := range []struct {
		s, rule, says string
	}{
		{"", format.RuleNameLength, "0 bytes"},
		{strings.Repeat("x", 1025), format.RuleNameLength, "1025 bytes"},
		{strings.Repeat("é", 513), format.RuleNameLength, "1026 bytes"},
		{"a\x00b", format.RuleNameByte, "position 1"},
		{"ab\n", format.RuleNameByte, "position 2"},
		{"\x1b[31m", format.RuleNameByte, `\x1b`},
		{"x\x7f", format.RuleNameByte, "0x7f"},
		{"a\xff", format.RuleNameUTF8, "position 1"},
		{"é\xc3", format.RuleNameUTF8, "position 2"},
		{"\xed\xa0\x80", format.RuleNameUTF8, "position 0"}, // a surrogate
		{"\xc0\x80", format.RuleNameUTF8, "position 0"},     // NUL, overlong
		{"\xf4\x90\x80\x80", format.RuleNameUTF8, "position 0"},
	} {
		err := format.CheckName(c.s)
		wantError(t, err, tensor.ErrFormat, c.rule, -1)
		if err != nil && (!strings.Contains(err.Error(), c.says) || strings.ContainsAny(err.Error(), "\x1b\n\x00") || strings.Contains(err.Error(), "\xff")) {
			t.Errorf("%q: %q, want %q and nothing raw", c.s, err, c.says)
		}
	}
}

// A name passes if and only if it is UTF-8 of 1 to 1024 bytes without control
// characters.
func TestCheckNameModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.OneOf(rapid.String(), rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 6), func(b []byte) string { return string(b) })).Draw(t, "s")
		want := len(s) > 0 && len(s) <= 1024 && utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f })
		if got := format.CheckName(s) == nil; got != want {
			t.Errorf("%q: %v, want %v", s, got, want)
		}
	})
}

// Every byte at every place of names of 1 to 17 bytes, around the eight that are
// looked at together.
func TestEveryByteOfNames(t *testing.T) {
	for n := 1; n <= 17; n++ {
		for at := range n {
			for c := range 256 {
				b := bytes.Repeat([]byte("~"), n)
				b[at] = byte(c)
				if got, want := format.CheckName(string(b)) == nil, c >= ' ' && c < 0x7f; got != want {
					t.Errorf("byte %#02x at %d of %d: %v, want %v", c, at, n, got, want)
				}
			}
		}
	}
}

func TestCheckKey(t *testing.T) {
	for _, s := range []string{"a", "a\x00values", "a\x00x\x00y_9", strings.Repeat("x", 1024) + "\x00" + strings.Repeat("r", 32) + "\x00" + strings.Repeat("r", 32)} {
		if err := format.CheckKey(s); err != nil {
			t.Errorf("%q: %v", s, err)
		}
	}
	for _, c := range []struct{ s, rule string }{
		{"", format.RuleNameLength}, {"\x00values", format.RuleNameLength}, {"a\n\x00values", format.RuleNameByte},
		{"a\x00", format.RuleNameRole}, {"a\x00Values", format.RuleNameRole}, {"a\x00é", format.RuleNameRole},
		{"a\x00x\x00y\x00z", format.RuleNameRole}, {"a\x00x\x00", format.RuleNameRole}, {"a\x00" + strings.Repeat("r", 33), format.RuleNameRole},
		{"a\x00va-lues", format.RuleNameRole},
	} {
		wantError(t, format.CheckKey(c.s), tensor.ErrFormat, c.rule, -1)
	}
	if !format.IsPart("a\x00b") || format.IsPart("a") || format.PartKey("a", "b") != "a\x00b" {
		t.Error("IsPart, PartKey")
	}
}

func TestPipelines(t *testing.T) {
	eight := strings.Repeat("a|", 7) + "a"
	for _, s := range []string{"", "zstd", "shuffle|zstd:3", "a:B.c,d_e-f:0\nlz4", eight, strings.Repeat("x\n", 7) + "x", strings.Repeat("a", 1024)} {
		if err := format.CheckPipelines(s); err != nil {
			t.Errorf("%q: %v", s, err)
		}
	}
	for _, s := range []string{
		"Zstd", "z std", "zstd:", ":3", "|", "a|", "|a", "a||b", "\n", "a\n", "\na", "a\n\nb", "a\r\nb", "a:b c", "a:é", "a.b", "a\x00", "a:\x1b",
		eight + "|a", strings.Repeat("x\n", 8) + "x", strings.Repeat("a", 1025),
	} {
		err := format.CheckPipelines(s)
		wantError(t, err, tensor.ErrFormat, format.RulePipeline, -1)
		if err != nil && strings.ContainsAny(err.Error(), "\x00\x1b\n") {
			t.Errorf("%q says %q", s, err)
		}
	}
}

func nested(n int) string { return strings.Repeat(`{"a":`, n) + "1" + strings.Repeat("}", n) }

func array(n int) string { return "[" + strings.Repeat("1,", n-1) + "1]" }

// values is an object of n values in all.
func values(n int) string {
	var arrays []string
	for n -= 2; n > 0; {
		k := min(n-1, 4096)
		arrays = append(arrays, array(k))
		n -= k + 1
	}
	return `{"a":[` + strings.Join(arrays, ",") + `]}`
}

func TestAttrs(t *testing.T) {
	for _, s := range []string{"{}", nested(32), `{"a":` + array(4096) + `}`, values(1 << 17), `{"a":{"$f64":"7ff8000000000000"}}`, `{"dims":["x",null]}`, "{\"e\u0301\":1,\"\u00e9\":2}"} {
		if _, err := format.ParseAttrs([]byte(s), 100, 2); err != nil {
			t.Errorf("%.60s: %v", s, err)
		}
	}
	if m, err := format.ParseAttrs(nil, 0, 2); m != nil || err != nil {
		t.Errorf("no bytes: %v, %v", m, err)
	}
	// The file's own attributes may have any "dims".
	if _, err := format.ParseAttrs([]byte(`{"dims":7}`), 100, -1); err != nil {
		t.Error(err)
	}
	for _, c := range []struct {
		text string
		kind error
		rule string
		at   int64
	}{
		{`[]`, tensor.ErrFormat, format.RuleAttrJSON, 0},
		{`{"a":1} x`, tensor.ErrFormat, format.RuleAttrJSON, 8},
		{`{"a":nan}`, tensor.ErrFormat, format.RuleAttrJSON, 5},
		{"\xef\xbb\xbf{}", tensor.ErrFormat, format.RuleAttrUTF8, 0},
		{"{\"a\":\"\xff\"}", tensor.ErrFormat, format.RuleAttrUTF8, 6},
		{`{"a":"\ud800"}`, tensor.ErrFormat, format.RuleAttrUTF8, 6},
		{`{"a":1,"a":2}`, tensor.ErrDuplicate, format.RuleAttrDuplicate, 7},
		{`{"x":{"a":1,"\u0061":2}}`, tensor.ErrDuplicate, format.RuleAttrDuplicate, 12},
		{nested(33), tensor.ErrLimit, format.RuleAttrDepth, 160},
		{nested(10_001), tensor.ErrLimit, format.RuleAttrDepth, 160},
		{`{"a":` + strings.Repeat("[", 100_000), tensor.ErrLimit, format.RuleAttrDepth, 36},
		{`{"a":"` + strings.Repeat("x", 16<<20) + `"}`, tensor.ErrLimit, format.RuleAttrSize, 0},
		{`{"a":18446744073709551616}`, tensor.ErrOverflow, format.RuleAttrNumber, 5},
		{`{"a":1e999}`, tensor.ErrOverflow, format.RuleAttrNumber, 5},
		{`{"a":{"$f64":"xyz"}}`, tensor.ErrFormat, format.RuleAttrDollar, 5},
		{`{"a":` + array(4097) + `}`, tensor.ErrLimit, format.RuleAttrLong, 5},
		{values(1<<17 + 1), tensor.ErrLimit, format.RuleAttrCount, int64(len(values(1<<17+1)) - 4)},
		{`{"dims":["x"]}`, tensor.ErrFormat, format.RuleAttrDims, 0},
		{`{"dims":["x",1]}`, tensor.ErrFormat, format.RuleAttrDims, 0},
		{`{"dims":"xy"}`, tensor.ErrFormat, format.RuleAttrDims, 0},
		{`{"dims":null}`, tensor.ErrFormat, format.RuleAttrDims, 0},
	} {
		_, err := format.ParseAttrs([]byte(c.text), 4096, 2)
		t.Run(fmt.Sprintf("%.30s", c.text), func(t *testing.T) { wantError(t, err, c.kind, c.rule, 4096+c.at) })
		_, err = format.ParseAttrs([]byte(c.text), -1, 2)
		wantError(t, err, c.kind, c.rule, -1)
		var e *tensor.Error
		if errors.As(err, &e) && e.Offset != -1 {
			t.Errorf("%.30s: offset %d of attributes that are nowhere", c.text, e.Offset)
		}
	}
}

// What AppendAttrs writes ParseAttrs reads, and it refuses what ParseAttrs
// would.
func TestAppendAttrs(t *testing.T) {
	b, err := format.AppendAttrs([]byte("x"), map[string]any{"b": []int{1}, "a": "é", "dims": []any{"y", nil}}, 2)
	if err != nil || string(b) != `x{"a":"é","b":[1],"dims":["y",null]}` {
		t.Errorf("%s, %v", b, err)
	}
	if b, err := format.AppendAttrs(nil, nil, 0); b != nil || err != nil {
		t.Errorf("%q, %v", b, err)
	}
	deep := map[string]any{}
	for m, i := deep, 0; i < 40; i++ {
		next := map[string]any{}
		m["a"], m = next, next
	}
	for _, c := range []struct {
		m    map[string]any
		kind error
		rule string
	}{
		{map[string]any{"a": struct{}{}}, tensor.ErrFormat, format.RuleAttrJSON},
		{map[string]any{"a": "\xff"}, tensor.ErrFormat, format.RuleAttrJSON},
		{map[string]any{"a": make([]int, 4097)}, tensor.ErrLimit, format.RuleAttrLong},
		{map[string]any{"dims": []string{"x"}}, tensor.ErrFormat, format.RuleAttrDims},
		{deep, tensor.ErrLimit, format.RuleAttrDepth},
		{map[string]any{"a": strings.Repeat("x", 16<<20)}, tensor.ErrLimit, format.RuleAttrSize},
	} {
		_, err := format.AppendAttrs(nil, c.m, 2)
		wantError(t, err, c.kind, c.rule, -1)
	}
}

// Which reserved keys count depends on where they stand.
func TestReservedWhere(t *testing.T) {
	for _, c := range []struct {
		rank int
		keys string
	}{{-1, "source"}, {0, "axes sample_rate source unit"}, {2, "axes sample_rate source unit"}} {
		var keys []string
		format.CheckReserved(map[string]any{"axes": "x", "unit": 1, "sample_rate": "y", "source": 1}, 640, c.rank, func(err error) {
			keys = append(keys, strings.TrimPrefix(err.(*tensor.Error).Field, "attribute "))
		})
		slices.Sort(keys)
		if got := strings.Join(keys, " "); got != c.keys {
			t.Errorf("rank %d: %s, want %s", c.rank, got, c.keys)
		}
	}
}

// Reserved keys of any other form are reported, once each, and where they stand.
func TestCheckReserved(t *testing.T) {
	good := []string{
		`{}`, `{"axes":[{"unit":"m","start":0,"step":0.5,"labels":["a"],"coordinates":"x","description":"","more":1},null],"unit":"K","sample_rate":44100,"orientation":8,"layout":{},"free":[1]}`,
		`{"colour":{"model":"bgr","space":"srgb","alpha":"premultiplied","palette":"p","icc":{"$bytes":""}},"source":{"format":"npy","descr":"<f4"},"sample_rate":0.1}`,
	}
	bad := []string{
		`{"axes":[{}]}`, `{"axes":{}}`, `{"axes":[{"unit":1},null]}`, `{"axes":[{"labels":["a",1]},null]}`, `{"axes":[{"start":"0"},null]}`, `{"axes":[1,null]}`,
		`{"unit":1}`, `{"sample_rate":0}`, `{"sample_rate":-1.5}`, `{"sample_rate":"44100"}`, `{"orientation":0}`, `{"orientation":9}`, `{"orientation":1.0}`,
		`{"layout":[]}`, `{"source":"npy"}`, `{"source":{"format":1}}`, `{"colour":"rgb"}`, `{"colour":{"model":"RGB"}}`, `{"colour":{"icc":"x"}}`, `{"unit":null}`,
	}
	check := func(text string, rank int) (errs []error) {
		m, err := format.ParseAttrs([]byte(text), 640, rank)
		if err != nil {
			t.Fatal(text, err)
		}
		format.CheckReserved(m, 640, rank, func(err error) { errs = append(errs, err) })
		return errs
	}
	for _, s := range good {
		if errs := check(s, 2); len(errs) != 0 {
			t.Errorf("%s: %v", s, errs)
		}
	}
	for _, s := range bad {
		errs := check(s, 2)
		if len(errs) != 1 {
			t.Errorf("%s: %v", s, errs)
			continue
		}
		wantError(t, errs[0], tensor.ErrFormat, format.RuleAttrReserved, 640)
		// Of a file only the source is reserved.
		if errs := check(s, -1); (len(errs) == 1) != strings.Contains(s, "source") {
			t.Errorf("%s of a file: %v", s, errs)
		}
	}
}

// A head past its limit is refused before it is read, and not written.
func TestRunHeadLimit(t *testing.T) {
	im := forge.File(nil)
	im.B = append(im.B, make([]byte, 8<<20)...)
	end := int64(len(im.B))
	r := im.B[len(im.B)-128:]
	copy(r, im.B[im.Last().Trailer:][:128])
	le := binary.LittleEndian
	le.PutUint64(r[forge.RLength:], uint64(end))
	le.PutUint32(r[forge.RCatalog+8:], 4<<20+4)
	le.PutUint32(r[forge.RCRC:], forge.CRC(r[8:]))
	copy(im.B[forge.SlotA:], r)
	copy(im.B[forge.SlotB:], r)
	_, err := catalogOf(im.B, false)
	wantError(t, err, tensor.ErrLimit, format.RuleRunLength, im.Last().Head)
}
