package ragged

import (
	"context"
	"encoding/binary"
	"slices"
	"testing"
	"unicode/utf8"

	"github.com/tensorfile/tensorfile/tensor"
)

// FuzzArray calls every operation on offsets of any content. None panics or
// reads outside, and an array that Validate takes is the same as its parts.
func FuzzArray(f *testing.F) {
	f.Add([]byte{0, 2, 2, 5}, uint8(0), uint16(5), int8(-1))
	f.Add([]byte{0, 9, 1, 5}, uint8(1), uint16(5), int8(2))
	f.Add(binary.LittleEndian.AppendUint64(make([]byte, 8), 3), uint8(6), uint16(3), int8(3))
	f.Fuzz(func(t *testing.T, raw []byte, kind uint8, n uint16, longest int8) {
		d := indexDTypes[kind%8]
		count := int64(len(raw)) / int64(d.UnitBytes)
		offsets, err := tensor.NewView(raw, d, tensor.Shape{count}, nil, 0, tensor.ByteOrder(kind>>3&1))
		if err != nil {
			t.Fatal(err)
		}
		values := make([]uint16, n)
		for i := range values {
			values[i] = uint16(i) * 2654
		}
		v, err := tensor.FromSlice(values, int64(n)/2, 2)
		if n%2 != 0 {
			v, err = tensor.FromSlice(values)
		}
		if err != nil {
			t.Fatal(err)
		}
		a, err := New(offsets, v, int64(longest))
		if err != nil {
			return
		}
		ctx := context.Background()
		valid := a.Validate(ctx, &Options{Workers: 2}) == nil
		sum := int64(0)
		rows := 0
		for row, err := range a.All() {
			if err != nil {
				break
			}
			sum += row.Shape()[0]
			rows++
		}
		if valid && (rows != int(a.Len()) || sum != v.Shape()[0]) {
			t.Fatalf("%d of %d rows with %d of %d values", rows, a.Len(), sum, v.Shape()[0])
		}
		_, err = a.Dense(ctx, &DenseOptions{Options: Options{MaxBytes: 1 << 20}, Length: 3})
		if valid && err != nil {
			t.Fatal(err)
		}
		for i := range a.Len() {
			part, err := a.Slice(i, a.Len())
			if err != nil {
				t.Fatal(err)
			}
			if _, _, err := part.Parts(ctx, nil); valid && err != nil {
				t.Fatal(err)
			}
			if picked, err := a.Take([]int64{i, -1, i}); err == nil {
				if _, err := picked.Clone(ctx, &Options{MaxBytes: 1 << 20}); err != nil {
					t.Fatal(err)
				}
			} else if valid {
				t.Fatal(err)
			}
			if i > 64 {
				break
			}
		}
	})
}

// FuzzStrings: Validate takes exactly those bytes and offsets of which each
// string is UTF-8.
func FuzzStrings(f *testing.F) {
	f.Add([]byte{0, 1, 4, 4, 8}, []byte("a€😀"), uint8(1))
	f.Add([]byte{0, 2, 4}, []byte("a€"), uint8(2))
	f.Add([]byte{0, 3}, []byte("\xed\xa0\x80"), uint8(3))
	f.Fuzz(func(t *testing.T, ptr, raw []byte, workers uint8) {
		offsets, err := tensor.FromSlice(ptr)
		if err != nil {
			t.Fatal(err)
		}
		text, err := tensor.FromSlice(raw)
		if err != nil {
			t.Fatal(err)
		}
		s, err := NewStrings(offsets, text, nil)
		if err != nil {
			return
		}
		want := len(ptr) > 0 && ptr[0] == 0 && int(ptr[len(ptr)-1]) == len(raw) && slices.IsSorted(ptr)
		var list []string
		for i := 1; want && i < len(ptr); i++ {
			list = append(list, string(raw[ptr[i-1]:ptr[i]]))
			want = utf8.ValidString(list[i-1])
		}
		ctx := context.Background()
		for i := range s.Len() { // before anything was checked
			if b, err := s.Bytes(i); err == nil && !utf8.Valid(b) || err != nil && want {
				t.Fatalf("string %d: %q %v", i, b, err)
			}
		}
		if _, err := s.Text(ctx, tensor.UTF32(0), &Options{MaxBytes: 1 << 20}); err == nil && !want {
			t.Fatal("text")
		}
		if err := s.Validate(ctx, &Options{Workers: int(workers % 4)}); (err == nil) != want {
			t.Fatalf("%v of %q %v", err, raw, ptr)
		}
		if got, err := s.List(ctx); want && (err != nil || !slices.Equal(got, list)) {
			t.Fatalf("%q %v, want %q", got, err, list)
		}
	})
}
