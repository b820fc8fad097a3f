package tensorfile_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/internal/badinput/forge"
	"github.com/tensorfile/tensorfile/tensor"
)

// boolsWith are n bools, aperiodic, but for what is put at some places.
func boolsWith(n int, odd map[int]byte) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i * i / 7 % 2)
	}
	for i, x := range odd {
		b[i] = x
	}
	return b
}

// places are rule, offset and field of findings, in their order.
func places(errs []error) (list []string) {
	for _, err := range errs {
		var e *tensorfile.Error
		if !errors.As(err, &e) {
			list = append(list, err.Error())
			continue
		}
		list = append(list, fmt.Sprint(e.Tensor, " ", e.Chunk, " ", e.Offset, " ", e.Field, " ", e.Got, " ", e.Rule))
	}
	return list
}

// With Decode a bool that is neither 0 nor 1 is found wherever it is kept, with
// its index; without it the checksums are all that is looked at.
func TestVerifyDecodeBools(t *testing.T) {
	path := temp(t)
	add := func(w *tensorfile.Writer, name string, shape tensor.Shape, b []byte, o *tensorfile.TensorOptions) {
		ok(t, w.AddReader(ctx, name, tensor.Bool, shape, bytes.NewReader(b), o))
	}
	chunks := func(codec string) *tensorfile.TensorOptions {
		return &tensorfile.TensorOptions{Chunk: tensor.Shape{10, 4}, Codec: codec}
	}
	write(t, path, func(w *tensorfile.Writer) {
		add(w, "a plain", tensor.Shape{30, 7}, boolsWith(210, map[int]byte{17*7 + 3: 2, 29*7 + 6: 9}), nil)
		add(w, "b raw", tensor.Shape{25, 7}, boolsWith(175, map[int]byte{21*7 + 5: 3}), chunks("raw"))
		add(w, "c packed", tensor.Shape{25, 7}, boolsWith(175, map[int]byte{11*7 + 1: 255, 12*7 + 2: 4}), chunks("zstd"))
		add(w, "d constant", tensor.Shape{10, 4}, bytes.Repeat([]byte{8}, 40), chunks("lz4"))
		add(w, "e fill", tensor.Shape{10, 4}, boolsWith(40, nil), &tensorfile.TensorOptions{Chunk: tensor.Shape{5, 4}, Codec: "lz4", Fill: []byte{5}})
		add(w, "f sound", tensor.Shape{25, 7}, boolsWith(175, nil), chunks("lz4"))
		add(w, "g sound", tensor.Shape{30, 7}, boolsWith(210, nil), nil)
		ok(t, w.AddReader(ctx, "h no bools", tensor.U8, tensor.Shape{25, 7}, bytes.NewReader(boolsWith(175, map[int]byte{5: 7})), chunks("zstd")))
	})
	sources(t, path, tensorfile.OpenOptions{}, func(way string, f *tensorfile.File) {
		if r := must(f.Verify(ctx, nil))(t); !r.OK() || r.Decoded != 0 {
			t.Fatalf("%s: checksums alone: %v, %d decoded", way, r.Findings, r.Decoded)
		}
		if r := must(f.Verify(ctx, &tensorfile.VerifyOptions{Decode: true, Quick: true}))(t); r.Decoded != 0 || r.Blocks != 0 {
			t.Errorf("%s: quick: %+v", way, r)
		}
		r := must(f.Verify(ctx, &tensorfile.VerifyOptions{Decode: true, Workers: 3}))(t)
		if !slices.IsSortedFunc(r.Findings, func(a, b error) int {
			var x, y *tensorfile.Error
			errors.As(a, &x)
			errors.As(b, &y)
			return int(x.Offset - y.Offset)
		}) {
			t.Errorf("%s: not by offset: %q", way, places(r.Findings))
		}
		got := map[string]string{}
		for _, err := range r.Findings {
			var e *tensorfile.Error
			if !errors.As(err, &e) || !errors.Is(err, tensorfile.ErrCorrupt) || e.Rule != format.RuleDTypeBool || e.Want != "0 or 1" || e.Offset < format.DataStart || got[e.Tensor] != "" {
				t.Errorf("%s: %v", way, err)
				continue
			}
			got[e.Tensor] = e.Chunk + "|" + e.Field + "|" + e.Got
			if e.Tensor == "a plain" { // the byte itself
				if at := must(f.Tensor("a plain"))(t).Storage().Offset + 17*7 + 3; e.Offset != at {
					t.Errorf("%s: at %d, want %d", way, e.Offset, at)
				}
			}
		}
		want := map[string]string{
			"a plain": "|bool at (17, 3)|2", "b raw": "chunk 5|bool at (21, 5)|3", "c packed": "chunk 2|bool at (11, 1)|255",
			"d constant": "|bool of chunk 0|8", "e fill": "|fill of a bool|5",
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: found %v\nwant %v", way, got, want)
		}
		// b, c and f have 3*2 chunks each, e two, h six; those that are one element
		// throughout, or missing, are not stored.
		if r.Decoded < 6+6+6 || r.Decoded > 6+6+2+6+6 {
			t.Errorf("%s: %d chunks decoded", way, r.Decoded)
		}
	})
	// What needs more memory than is allowed is compared with its checksum, and told.
	f := must(tensorfile.Open(path, &tensorfile.OpenOptions{MaxBytes: 30}))(t)
	defer f.Close()
	r := must(f.Verify(ctx, &tensorfile.VerifyOptions{Decode: true}))(t)
	if len(r.Unknown) == 0 || r.Blocks == 0 || !errors.Is(r.Unknown[0], tensorfile.ErrLimit) {
		t.Errorf("%v", r.Unknown)
	}
}

// A view on plain bytes is looked at by its own strides: bytes between its
// elements are none of its bools, and one that is shown often is looked at once.
func TestVerifyDecodeViews(t *testing.T) {
	view := func(name string, shape []uint64, strides []int64, at uint64) forge.Tensor {
		return forge.Tensor{Name: name, Storage: 1, DType: forge.DT(1, 0, 8, 1, 1), Shape: shape, Strides: strides, Offset: at}
	}
	im := forge.File([]forge.Tensor{
		view("across", []uint64{5, 4}, []int64{3, 12}, 1), // from byte 1 on, and 13 too
		view("apart", []uint64{15}, []int64{4}, 0),        // neither
		u8("bytes", 1, 60),
		view("over", []uint64{50, 11}, []int64{1, 1}, 0), // each byte again and again
		view("wide", []uint64{1000, 3}, []int64{0, 2}, 11),
	}, forge.Storage{ID: 1, Data: boolsWith(60, map[int]byte{1: 77, 13: 6})})
	f := must(openImage(im))(t)
	defer f.Close()
	r := must(f.Verify(ctx, &tensorfile.VerifyOptions{Decode: true}))(t)
	at := im.Last().Payloads[0]
	want := []string{
		fmt.Sprint("across  ", at+1, " bool at (0, 0) 77 dtype.bool"),
		fmt.Sprint("wide  ", at+13, " bool at (0, 1) 6 dtype.bool"),
	}
	if got := places(r.Findings); !slices.Equal(got, want) {
		t.Errorf("found %q, want %q", got, want)
	}
	if len(r.Unknown) != 1 || !errors.Is(r.Unknown[0], tensorfile.ErrLimit) {
		t.Errorf("not checked: %v", r.Unknown)
	}
}

// Chunks whose checksum is right and that do not decode, of the reject corpus, are
// found with Decode alone.
func TestVerifyDecodeCorpus(t *testing.T) {
	for _, rule := range []string{format.RuleChunkLength, format.RuleChunkStream, format.RuleChunkWindow, format.RuleDTypeBool} {
		b, err := os.ReadFile(filepath.Join("testdata", "reject", rule+".tensor"))
		if err != nil {
			t.Fatal(err)
		}
		f := must(tensorfile.OpenReaderAt(bytes.NewReader(b), int64(len(b)), nil))(t)
		if r := must(f.Verify(ctx, nil))(t); !r.OK() {
			t.Errorf("%s: checksums alone: %v", rule, r.Findings)
		}
		r := must(f.Verify(ctx, &tensorfile.VerifyOptions{Decode: true}))(t)
		if got := rulesOf(r.Findings); !slices.Equal(got, []string{rule}) {
			t.Errorf("%s: found %q %v", rule, got, r.Findings)
		}
		f.Close()
	}
}
