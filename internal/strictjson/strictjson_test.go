package strictjson

import (
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	got, err := Parse([]byte(` {"a":[1,-2,18446744073709551615,1.0,1e3,-0.0,null,true,false,"x\u00e9\ud83d\ude00\n"],"b":{},"c":[],`+
		`"n":{"$f64":"7ff8000000000001"},"f":{"$f32":"3f800000"},"y":{"$bytes":"AAEC"},"r":{"$new":1}} `), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	n := got["n"].(float64)
	if math.Float64bits(n) != 0x7ff8000000000001 {
		t.Errorf("$f64: %x", math.Float64bits(n))
	}
	delete(got, "n")
	want := map[string]any{
		"a": []any{int64(1), int64(-2), uint64(math.MaxUint64), 1.0, 1000.0, math.Copysign(0, -1), nil, true, false, "xé😀\n"},
		"b": map[string]any{}, "c": []any{}, "f": float32(1), "y": []byte{0, 1, 2}, "r": map[string]any{"$new": int64(1)},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %#v\nwant %#v", got, want)
	}
}

func TestParseRefuses(t *testing.T) {
	for _, c := range []struct {
		text string
		want Problem
		at   int
	}{
		{``, Syntax, 0}, {`[]`, Syntax, 0}, {`{`, Syntax, 1}, {`{}x`, Syntax, 2}, {`{"a":1,}`, Syntax, 7},
		{"\ufeff{}", Syntax, 0}, {`{"a" 1}`, Syntax, 5}, {`{"a":1 "b":2}`, Syntax, 7}, {`{"a":[1,]}`, Syntax, 8},
		{`{"a":1,"a":2}`, Duplicate, 7}, {`{"x":{"a":1,"\u0061":2}}`, Duplicate, 12},
		{"{\"a\":\"\xff\"}", BadUTF8, 6}, {`{"a":"\ud800"}`, BadUTF8, 6}, {`{"a":"\ud800\u0041"}`, BadUTF8, 6}, {`{"a":"\udc00"}`, BadUTF8, 6},
		{`{"a":18446744073709551616}`, BadNumber, 5}, {`{"a":-9223372036854775809}`, BadNumber, 5}, {`{"a":1e999}`, BadNumber, 5},
		{`{"a":01}`, Syntax, 5}, {`{"a":+1}`, Syntax, 5}, {`{"a":.5}`, Syntax, 5}, {`{"a":1.}`, Syntax, 7}, {`{"a":1e}`, Syntax, 7},
		{`{"a":NaN}`, Syntax, 5}, {`{"a":tru}`, Syntax, 5}, {"{\"a\":\"\n\"}", Syntax, 6}, {`{"a":"\x"}`, Syntax, 6}, {`{"a":"\u12g4"}`, Syntax, 6},
		{`{"a":{"$f64":"7ff8"}}`, BadDollar, 5}, {`{"a":{"$f32":1}}`, BadDollar, 5}, {`{"a":{"$bytes":"*"}}`, BadDollar, 5}, {`{"$f32":"00000000"}`, BadDollar, 0},
		{strings.Repeat(`{"a":`, 33) + "1" + strings.Repeat("}", 33), TooDeep, 160},
		{`{"a":[1,2,3,4,5,6,7,8,9]}`, TooLong, 5},
		{`{"` + strings.Repeat("a", 3000) + `":1}`, TooBig, 0},
	} {
		_, err := Parse([]byte(c.text), Limits{Size: 2000, Array: 8})
		var e *Error
		if !errors.As(err, &e) || e.Problem != c.want || e.Offset != c.at {
			t.Errorf("%.40s: %v (%+v), want problem %d at %d", c.text, err, e, c.want, c.at)
		}
	}
	if _, err := Parse([]byte(strings.Repeat(`{"a":`, 32)+"1"+strings.Repeat("}", 32)), Limits{}); err != nil {
		t.Errorf("depth 32: %v", err)
	}
}

// Every value counts, at all levels, keys do not.
func TestParseCounts(t *testing.T) {
	const text = `{"a":[[1,2,3],{"b":4,"c":null},[],"x",[[],[{"$f64":"7ff0000000000000"}]]]}`
	for n := 1; n <= 20; n++ {
		_, err := Parse([]byte(text), Limits{Values: n})
		var e *Error
		switch {
		case n >= 16 && err != nil:
			t.Errorf("limit %d: %v", n, err)
		case n < 16 && (!errors.As(err, &e) || e.Problem != TooMany):
			t.Errorf("limit %d: %v", n, err)
		case n == 15 && e.Offset != strings.Index(text, `"7ff`):
			t.Errorf("at %d", e.Offset)
		}
	}
}

func TestAppend(t *testing.T) {
	m := map[string]any{
		"z": 1, "a": []any{1.0, 0.1, 1e300, -1e-9, int64(-5), uint64(math.MaxUint64), "q\"\\\n\x7fé"}, "nan": math.NaN(),
		"f": float32(0.1), "b": []byte("hi"), "s": []string{"x", "y"}, "i": []int{1, 2}, "e": map[string]any{},
	}
	b, err := Append(nil, m)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"a":[1.0,0.1,1e+300,-1e-09,-5,18446744073709551615,"q\"\\\u000a\u007fé"],"b":{"$bytes":"aGk="},"e":{},"f":{"$f32":"3dcccccd"},"i":[1,2],"nan":{"$f64":"7ff8000000000001"},"s":["x","y"],"z":1}`
	if string(b) != want {
		t.Errorf("got  %s\nwant %s", b, want)
	}
	again, err := Parse(b, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	b2, err := Append(nil, again)
	if err != nil || string(b2) != string(b) {
		t.Errorf("second writing: %s, %v", b2, err)
	}
	for _, bad := range []any{"\xff", map[string]any{"$x": 1}, struct{}{}} {
		if _, err := Append(nil, map[string]any{"k": bad}); err == nil {
			t.Errorf("%#v was written", bad)
		}
	}
}

// Every type of Go that is a number, and slices of them.
func TestAppendTypes(t *testing.T) {
	m := map[string]any{
		"a": int8(-8), "b": int16(-16), "c": int32(-32), "d": uint(7), "e": uint8(8), "f": uint16(16), "g": uint32(32),
		"h": []int64{-1, 1 << 62}, "i": []float64{0.5, 2}, "j": true, "k": nil,
	}
	const want = `{"a":-8,"b":-16,"c":-32,"d":7,"e":8,"f":16,"g":32,"h":[-1,4611686018427387904],"i":[0.5,2.0],"j":true,"k":null}`
	if b, err := Append([]byte("x"), m); err != nil || string(b) != "x"+want {
		t.Errorf("%s, %v", b, err)
	}
	for what, bad := range map[string]any{
		`key "k": a value of type struct {} cannot be written as JSON`: []any{1, struct{}{}},
		`key "k": an object with the one key "$x" is reserved`:         map[string]any{"$x": 1},
	} {
		if _, err := Append(nil, map[string]any{"k": bad}); err == nil || err.Error() != what {
			t.Errorf("%v, want %s", err, what)
		}
	}
	if _, err := Append(nil, map[string]any{"\xff": 1}); err == nil {
		t.Error("a key that is not UTF-8 was written")
	}
}

// A text that ends within a value says where.
func TestParseCut(t *testing.T) {
	for text, want := range map[string]string{
		`{"a":`:     "offset 5: got the end of the text, want a value",
		`{"a":"\`:   "offset 6: got the end of the text, want an escape",
		`{"a":"\u1`: `offset 6: got a broken \u escape, want four hexadecimal digits`,
	} {
		_, err := Parse([]byte(text), Limits{})
		if err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
	long := strings.Repeat("k", 300)
	_, err := Parse([]byte(`{"`+long+`":1,"`+long+`":2}`), Limits{})
	var e *Error
	if !errors.As(err, &e) || e.Problem != Duplicate || !strings.Contains(e.Got, long[:200]+"...") || strings.Contains(e.Got, long[:201]) {
		t.Errorf("%v", err)
	}
}

// What this package accepts, the standard library accepts and sees the same.
func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"a":[1,2.5,"x",null,{"b":{}}],"c":-1e5}`))
	f.Add([]byte(`{"a":{"$f64":"7ff0000000000000"},"b":"\ud83d\ude00"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := Parse(b, Limits{})
		if err != nil {
			return
		}
		var std map[string]any
		if err := json.Unmarshal(b, &std); err != nil {
			t.Fatalf("accepted what encoding/json refuses: %v", err)
		}
		out, err := Append(nil, m)
		if err != nil {
			return // reserved one-key objects
		}
		again, err := Parse(out, Limits{})
		if err != nil {
			t.Fatalf("own text refused: %v", err)
		}
		if out2, _ := Append(nil, again); string(out2) != string(out) {
			t.Fatalf("unstable: %s then %s", out, out2)
		}
	})
}
