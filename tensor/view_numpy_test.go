package tensor

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"strings"
	"testing"
)

// numpyCase is a line of testdata/views.jsonl.gz; see gen_views.py.
type numpyCase struct {
	DType   string              `json:"d"`
	Base    Shape               `json:"n"`
	Ops     [][]json.RawMessage `json:"ops"`
	Err     string              `json:"err"`
	Shape   Shape               `json:"s"`
	Strides Strides             `json:"t"`
	CRC     uint32              `json:"c"` // of the C-order bytes in the array's byte order
	Little  uint32              `json:"l"` // of those in little-endian order
}

// numpyBase makes the array that the script starts from.
func numpyBase(t testing.TB, c numpyCase) View {
	order, name := LittleEndian, c.DType
	if strings.HasPrefix(name, ">") {
		order, name = BigEndian, "<"+name[1:]
	}
	switch name {
	case "?":
		name = "bool"
	case "i1", "u1":
		name = "|" + name
	}
	d, err := ParseDType(name)
	if err != nil {
		t.Fatal(err)
	}
	size, err := ByteSize(d, c.Base)
	if err != nil {
		t.Fatal(err)
	}
	data := make([]byte, size)
	for i := range data {
		data[i] = byte(i*167 + (i>>8)*13 + 11)
		if d == Bool {
			data[i] &= 1
		}
	}
	v, err := NewView(data, d, c.Base, nil, 0, order)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// apply runs one operation of the script.
func apply(v View, op []json.RawMessage) (View, error) {
	arg := func(i int, to any) {
		if err := json.Unmarshal(op[i], to); err != nil {
			panic(err)
		}
	}
	var kind, text string
	var axis int
	var axes []int
	var shape Shape
	arg(0, &kind)
	switch kind {
	case "s":
		var ends [3]*int64
		arg(1, &axis)
		n := [3]int64{None, None, None}
		for i := range ends {
			arg(2+i, &ends[i])
			if ends[i] != nil {
				n[i] = *ends[i]
			}
		}
		return v.Slice(axis, n[0], n[1], n[2])
	case "x":
		arg(1, &text)
		sel, err := ParseSelection(text)
		if err != nil {
			return View{}, fmt.Errorf("parse: %w", err)
		}
		return v.Select(sel)
	case "i":
		var i int64
		arg(1, &axis)
		arg(2, &i)
		return v.Index(axis, i)
	case "p":
		arg(1, &axes)
		return v.Permute(axes...)
	case "f":
		arg(1, &axes)
		return v.Flip(axes...)
	case "b":
		arg(1, &shape)
		return v.BroadcastTo(shape)
	case "r":
		arg(1, &shape)
		return v.Reshape(shape)
	case "e":
		arg(1, &axis)
		return v.ExpandDims(axis)
	case "q":
		arg(1, &axes)
		return v.Squeeze(axes...)
	case "v":
		arg(1, &text)
		to := map[string]DType{"u1": U8, "u2": U16, "f4": F32, "c8": C64, "c16": C128, "i8": I64, "V5": Opaque(5)}
		return v.Reinterpret(to[text])
	}
	panic("unknown operation " + kind)
}

func orderedCRC(t testing.TB, v View, o ByteOrder) uint32 {
	h := crc32.NewIEEE()
	if err := v.WriteCOrder(h, o); err != nil {
		t.Fatal(err)
	}
	return h.Sum32()
}

// TestViewsEqualNumPy replays 5,000 chains of operations.
func TestViewsEqualNumPy(t *testing.T) {
	f, err := os.ReadFile("testdata/views.jsonl.gz")
	if err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewReader(bytes.NewReader(f))
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(z)
	n, refused := 0, 0
	for ; lines.Scan(); n++ {
		var c numpyCase
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		if c.Err != "" {
			refused++
		}
		if !numpyReplay(t, c) {
			t.Errorf("case %d: %s", n, lines.Text())
		}
		if t.Failed() && n > 50 {
			t.FailNow()
		}
	}
	if n != 5000 || refused < 400 {
		t.Errorf("%d cases, %d refused", n, refused)
	}
}

func numpyReplay(t *testing.T, c numpyCase) bool {
	v := numpyBase(t, c)
	for i, op := range c.Ops {
		next, err := apply(v, op)
		last := i == len(c.Ops)-1
		switch {
		case last && c.Err != "":
			want := c.Err == "copy"
			if err == nil || errors.Is(err, ErrNotContiguous) != want && !strings.HasPrefix(string(op[0]), `"v"`) {
				t.Errorf("error %v, want %q", err, c.Err)
				return false
			}
			var e *Error
			if !errors.As(err, &e) {
				t.Errorf("%T is no *Error", err)
			}
			return true
		case err != nil:
			t.Errorf("operation %d: %v", i, err)
			return false
		}
		v = next
	}
	ok := true
	if !v.Shape().Equal(c.Shape) {
		t.Errorf("shape %v, want %v", v.Shape(), c.Shape)
		return false
	}
	for axis, e := range v.Shape() {
		if e > 1 && v.NumElements() > 0 && v.Strides()[axis] != c.Strides[axis] {
			t.Errorf("strides %v, want %v", v.Strides(), c.Strides)
			ok = false
		}
	}
	if got := orderedCRC(t, v, v.Order()); got != c.CRC {
		t.Errorf("C-order bytes differ: %08x, want %08x", got, c.CRC)
		ok = false
	}
	if got := orderedCRC(t, v, LittleEndian); got != c.Little {
		t.Errorf("little-endian bytes differ: %08x, want %08x", got, c.Little)
		ok = false
	}
	clone, err := v.Clone()
	if err != nil {
		t.Fatal(err)
	}
	if got := orderedCRC(t, clone, LittleEndian); got != c.Little || !clone.IsContiguous() || clone.Order() != HostOrder {
		t.Errorf("clone differs")
		ok = false
	}
	if same, err := Equal(v, clone); !same || err != nil {
		t.Errorf("Equal to its clone: %v, %v", same, err)
		ok = false
	}
	return ok
}
