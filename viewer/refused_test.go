package viewer

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http/httptest"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/internal/inspect"
	"github.com/tensorfile/tensorfile/ragged"
	"github.com/tensorfile/tensorfile/sparse"
	"github.com/tensorfile/tensorfile/tensor"
)

// each kind of tensor, in chunks if a chunk is asked for.
func each(t *testing.T, path string, chunk int64) string {
	t.Helper()
	o := func(shape ...int64) *tensorfile.TensorOptions {
		if chunk == 0 {
			return nil
		}
		own := tensor.Shape{}
		for _, n := range shape {
			own = append(own, min(n, chunk))
		}
		return &tensorfile.TensorOptions{Chunk: own, Codec: "zstd"}
	}
	fill := func(n int) []float32 {
		x := make([]float32, n)
		for i := range x {
			x[i] = float32(i%97) - 3
		}
		return x
	}
	bytes := make([]uint8, 3*24*20*3)
	for i := range bytes {
		bytes[i] = uint8(i * 7)
	}
	return write(t, path, func(w *tensorfile.Writer) {
		ok(t, w.Add(ctx, "x", slice(t, fill(40*30), 40, 30), o(40, 30)))
		ok(t, w.Add(ctx, "img", slice(t, bytes, 3, 24, 20, 3), o(3, 24, 20, 3)))
		sound := o(900, 2)
		if sound == nil {
			sound = &tensorfile.TensorOptions{}
		}
		sound.Attrs = tensorfile.Attrs{"sample_rate": int64(300)}
		ok(t, w.Add(ctx, "snd", slice(t, make([]int16, 1800), 900, 2), sound))
		dense := make([]float32, 64*48)
		for i := 0; i < len(dense); i += 11 {
			dense[i] = float32(i + 1)
		}
		coo, err := sparse.FromDense(ctx, slice(t, dense, 64, 48), tensor.View{}, sparse.COO, nil)
		ok(t, err)
		for _, l := range []sparse.Layout{sparse.COO, sparse.CSR, sparse.CSC, sparse.BSR, sparse.Bitmap} {
			a, err := coo.Convert(ctx, l, &sparse.Options{Block: [2]int64{4, 4}})
			ok(t, err)
			ok(t, w.AddSparse(ctx, "s/"+l.String(), a, o(64)))
		}
		rows, err := ragged.FromSlices([][]float32{fill(9), fill(70), nil, fill(33)})
		ok(t, err)
		ok(t, w.AddRagged(ctx, "rag", rows, o(200)))
		texts, err := ragged.FromStrings(strings.Split(strings.Repeat("alpha beta gamma delta ", 20), " ")[:80], 8, 10)
		ok(t, err)
		ok(t, w.AddStrings(ctx, "str", texts, o(300)))
		ok(t, w.Add(ctx, "c", slice(t, []complex128{1 + 2i, complex(math.Inf(1), 0), 3}, 3), nil))
		ok(t, w.Add(ctx, "one", slice(t, []uint64{math.MaxUint64}), nil))
		ok(t, w.Add(ctx, "none", slice(t, []float64{}, 4, 0), nil))
		ok(t, w.Add(ctx, "bool", slice(t, []bool{true, false, true}, 3), nil))
		ok(t, w.Add(ctx, "i8", slice(t, []int8{-128, 127, 0, 5}, 2, 2), nil))
		ok(t, w.Add(ctx, "i64", slice(t, []int64{math.MinInt64, math.MaxInt64, 1 << 60, 0}, 2, 2), nil))
	})
}

// A parameter that makes no sense is refused by every address that takes it, with its
// name, and nothing stays behind.
func TestParameters(t *testing.T) {
	s := show(t, nil, each(t, filepath.Join(t.TempDir(), "a.tensor"), 0))
	s.ready()
	words := map[string][]string{ // what is no value of it
		"f": {"x", "-1", "7"}, "at": {"x", "-1", "99"}, "t": {"nothing"}, "g": {"x", "9"}, "bt": {"x"}, "u": {"nothing"},
		"y": {"x", "9", "-2"}, "x": {"x", "9"}, "c": {"x", "9"}, "axis": {"x", "9", "-3"}, "i": {"1", "x,_", "_,_,_,_,_", "999,_", "-1,_"},
		"level": {"x", "-1", "49", "1,x", "1,2,3"}, "ty": {"x", "-1", "1000000"}, "tx": {"x", "-1", "1000000"}, "reduce": {"x"}, "op": {"x"},
		"r0": {"x", "-1"}, "c0": {"x", "-1"}, "rows": {"x", "0", "99999999"}, "cols": {"x", "-3"}, "p": {"x", "101", "-1", "NaN", strings.Repeat("1,", 70)},
		"from": {"x", "-1"}, "to": {"x", "-1"}, "n": {"x", "0", "99999"}, "window": {"x", "3", "1000000"}, "columns": {"x", "0", "99999"},
		"bins": {"x", "0", "99999"}, "lo": {"x", "NaN"}, "hi": {"x", "NaN"}, "sel": {"[[", "9:x", "99,0,0,0,0"}, "w": {"x", "0"}, "h": {"x", "0"},
		"size": {"x", "0"}, "count": {"x", "0"}, "r1": {"x", "-1"}, "c1": {"x", "-1"}, "row": {"x", "-1"}, "offset": {"x", "-1"}, "limit": {"x", "-1", "99999"},
		"cells": {"x", "0", "99999999"}, "sort": {"x"}, "path": {"x"}, "as": {"x"},
	}
	asked := 0
	for name, base := range map[string]string{
		"files": "", "tensors": "f at offset limit sort", "tree": "f at offset limit path", "tensor": "f at t=x", "values": "f at t=x y x i r0 c0 rows cols",
		"tile": "f at t=x y x i level ty tx reduce op", "range": "f at t=x y x i p", "profile": "f at t=x axis i from to n", "stats": "f at t=x sel",
		"spectrogram": "f at t=snd axis i from to columns window", "histogram": "f at t=x sel bins lo hi", "image": "f at t=img y x c i w h lo hi r0 r1 c0 c1",
		"thumbs": "f at t=img axis from count size y x c i lo hi", "audio": "f at t=snd axis c i from to", "sparse": "f at t=s/csr r0 r1 c0 c1 h w",
		"sparserow": "f at t=s/csr row offset limit", "rows": "f at t=rag from count", "bytes": "f at offset limit", "bytemap": "f at cells",
		"generations": "f offset limit", "difffiles": "f at g bt", "diff": "f at t=x g bt u", "download": "f at t=x as=csv sel", "colormaps": "",
	} {
		if routes[name] == nil {
			t.Fatal(name)
		}
		var given []string
		for _, p := range strings.Fields(base) {
			if k, v, set := strings.Cut(p, "="); set {
				given = append(given, k+"="+v)
			}
		}
		if w := s.ask(name, given...); w.Code != 200 {
			t.Errorf("%s %v: %d %s", name, given, w.Code, w.Body.String())
		}
		for _, p := range strings.Fields(base) {
			k, _, _ := strings.Cut(p, "=")
			for _, v := range words[k] {
				asked++
				w := s.ask(name, append(slices.Clone(given), k+"="+v)...)
				if w.Code != 400 && w.Code != 404 && w.Code != 413 {
					t.Errorf("%s %v %s=%.20s: %d %.200s", name, given, k, v, w.Code, w.Body.String())
				}
				var d struct{ Error errorDoc }
				if err := json.Unmarshal(w.Body.Bytes(), &d); err != nil || d.Error.Message == "" || d.Error.Kind == "" {
					t.Errorf("%s %s=%.20s: %v %.200s", name, k, v, err, w.Body.String())
				}
			}
		}
	}
	for _, c := range [][]string{
		{"tile", "t=x", "y=1", "x=1"}, {"image", "t=img", "c=2", "y=2", "x=1"}, {"image", "t=x", "c=0", "y=1", "x=-1"}, {"profile", "t=x", "from=9", "to=3"},
		{"tile", "t=x", "op=absdiff", "g=0", "u=img"}, {"tile", "t=x", "op=absdiff", "g=0", "u=x", "reduce=nearest"}, {"tile", "t=none"}, {"tile", "t=str"},
		{"tile", "t=x", "op=absdiff", "g=0", "u=str"}, {"rows", "t=x"}, {"sparse", "t=x"}, {"sparserow", "t=rag"}, {"audio", "t=str"}, {"spectrogram", "t=rag"}, {"values", "t=rag"},
		{"profile", "t=str"}, {"image", "t=rag"}, {"thumbs", "t=x", "axis=0"}, {"download", "t=rag", "as=npy"}, {"histogram", "t=x", "lo=3", "hi=1"}, {"histogram", "t=x", "lo=-Infinity"},
		{"range", "t=str"}, {"diff", "t=x", "g=0", "u=nothing"}, {"sparserow", "t=s/coo", "row=64"}, {"spectrogram", "t=c"},
	} {
		asked++
		if w := s.ask(c[0], c[1:]...); w.Code != 400 && w.Code != 404 && w.Code != 413 {
			t.Errorf("%v: %d %.200s", c, w.Code, w.Body.String())
		}
	}
	r := httptest.NewRequest("GET", "http://127.0.0.1"+s.Path()+"api/files", nil)
	r.URL.RawQuery = "a=%zz"
	w := httptest.NewRecorder()
	if s.ServeHTTP(w, r); w.Code != 400 {
		t.Error(w.Code)
	}
	if !s.work.idle() || !s.light.idle() || !s.streams.idle() || !s.long.idle() {
		t.Error("something is left behind")
	}
	t.Logf("%d requests are refused", asked)
	if asked < 300 {
		t.Error("too few")
	}
}

// Whatever chunk is damaged, every address answers, or says that the file is corrupt and
// which tensor it is about.
func TestDamageEverywhere(t *testing.T) {
	path := each(t, filepath.Join(t.TempDir(), "a.tensor"), 60)
	f, err := tensorfile.Open(path, nil)
	ok(t, err)
	m, err := inspect.Native(ctx, f.Map())
	ok(t, err)
	ok(t, f.Close())
	hurtOnes := 0
	for _, p := range m.Parts {
		if p.Kind == inspect.Chunk && strings.HasPrefix(p.What, "chunk 0 of") {
			hurt(t, path, p.Tensors[0], 0)
			hurtOnes++
		}
	}
	s := show(t, nil, path)
	s.ready()
	refused := 0
	for _, c := range [][]string{
		{"tile", "t=x"}, {"tile", "t=x", "level=2"}, {"tile", "t=x", "level=3", "reduce=nearest"}, {"tile", "t=x", "op=absdiff", "g=0", "u=x"}, {"range", "t=x"}, {"values", "t=x"},
		{"profile", "t=x", "axis=0", "n=4"}, {"profile", "t=x", "axis=0"}, {"stats", "t=x"}, {"histogram", "t=x"}, {"image", "t=img"}, {"thumbs", "t=img"}, {"image", "t=img", "w=3", "h=3"},
		{"audio", "t=snd"}, {"spectrogram", "t=snd", "window=64"}, {"rows", "t=rag"}, {"rows", "t=str"}, {"stats", "t=rag"}, {"stats", "t=s/csr"}, {"diff", "t=x", "g=0", "u=x"},
		{"diff", "t=s/csr", "g=0", "u=s/csc"}, {"difffiles", "g=0"}, {"bytes"}, {"bytemap"}, {"tensors"}, {"tree"}, {"generations"}, {"download", "t=x", "as=npy"}, {"download", "t=x", "as=csv"},
		{"tensor", "t=s/bsr"}, {"sparse", "t=s/coo"}, {"sparse", "t=s/csr"}, {"sparse", "t=s/csc"}, {"sparse", "t=s/bsr"}, {"sparse", "t=s/bitmap"}, {"sparserow", "t=s/coo", "row=1"},
		{"sparserow", "t=s/csr", "row=1"}, {"sparserow", "t=s/csc", "row=1"}, {"sparserow", "t=s/bsr", "row=1"}, {"sparserow", "t=s/bitmap", "row=1"},
	} {
		var w *httptest.ResponseRecorder
		if func() (cut bool) {
			defer func() { cut = recover() != nil }() // an answer that had begun is cut off
			w = s.ask(c[0], c[1:]...)
			return false
		}() {
			if refused++; c[0] != "download" {
				t.Errorf("%v is cut off", c)
			}
			continue
		}
		body := w.Body.String()
		lines := strings.Split(strings.TrimSpace(body), "\n")
		var d struct{ Error *errorDoc }
		if w.Code == 500 || strings.HasPrefix(lines[len(lines)-1], `{"error"`) {
			refused++
			if err := json.Unmarshal([]byte(lines[len(lines)-1]), &d); err != nil || d.Error == nil || d.Error.Kind != "corrupt" || d.Error.Tensor == "" {
				t.Errorf("%v: %d %.300s", c, w.Code, body)
			}
		} else if w.Code != 200 {
			t.Errorf("%v: %d %.300s", c, w.Code, body)
		}
	}
	t.Logf("%d chunks are damaged, %d requests cannot be answered", hurtOnes, refused)
	if hurtOnes < 10 || refused < 8 {
		t.Error("too few")
	}
}

// The dtypes that are not looked at every day.
func TestOddElements(t *testing.T) {
	s := show(t, nil, each(t, filepath.Join(t.TempDir(), "a.tensor"), 0))
	for name, want := range map[string]string{
		"c": "[[1+2j inf+0j 3+0j]]", "one": "[[18446744073709551615]]", "none": "[[] [] [] []]", "bool": "[[true false true]]", "i8": "[[-128 127] [0 5]]",
	} {
		if got := fmt.Sprint(s.doc("values", "t="+name)["cells"]); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	if got, _ := raw[float32](s, "tile", "t=bool"); !slices.Equal(got, []float32{1, 0, 1}) {
		t.Error(got)
	}
	if got, _ := raw[uint8](s, "image", "t=i8"); fmt.Sprint(got[:8]) != "[0 0 0 255 255 255 255 255]" { // -128 and 127
		t.Error(got)
	}
	if got, _ := raw[uint8](s, "image", "t=i64"); fmt.Sprint(got[:8]) != "[0 0 0 255 255 255 255 255]" {
		t.Error(got)
	}
	if got, _ := raw[uint8](s, "image", "t=i8", "lo=0", "hi=0"); fmt.Sprint(got) != "[0 0 0 255 255 255 255 255 255 255 255 255 255 255 255 255]" {
		t.Error(got)
	}
	for _, c := range []struct{ v, want any }{
		{uint64(7), uint64(7)}, {uint64(1 << 60), "1152921504606846976"}, {int64(-5), number(-5)}, {[]byte{1, 0xab}, "01ab"}, {"text", "text"}, {true, true},
	} {
		if got := elementDoc(c.v); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%v: %v, want %v", c.v, got, c.want)
		}
	}
	if got, err := json.Marshal([]any{elementDoc(complex64(1 - 2i)), elementDoc(complex(math.NaN(), 1)), elementDoc(float32(2)), number(1 << 60), number(-3)}); err != nil || string(got) != `[[1,-2],["NaN",1],2,"1152921504606846976",-3]` {
		t.Errorf("%s %v", got, err)
	}
	if saturated(math.MaxInt64, 2) != math.MaxInt64 || addSaturated(math.MaxInt64, 2) != math.MaxInt64 || saturated(0, 5) != 0 {
		t.Error("numbers run over")
	}
	if e := bad("x", "1", "2"); e.Error() != "x: got 1, want 2" {
		t.Error(e)
	}
	for err, want := range map[error]string{
		errors.New("x"): "", &tensorfile.Error{Tensor: "a"}: "a", &tensorfile.Error{Member: "b.npy"}: "b",
	} {
		if got := failedName(err); got != want {
			t.Errorf("%v: %q", err, got)
		}
	}
	for text, want := range map[string][2]string{
		"a:1": {"a", "1"}, "a": {"a", ""}, "[::1]": {"::1", ""}, "[::1]:7": {"::1", "7"}, "[x]": {"", ""}, "a/b": {"", ""}, "u@a": {"", ""}, "::1": {"", ""}, "": {"", ""},
	} {
		if host, port := splitHost(text); host != want[0] || port != want[1] {
			t.Errorf("%q: %q %q", text, host, port)
		}
	}
}
