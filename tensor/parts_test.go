package tensor

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"testing"

	"github.com/tensorfile/tensorfile/internal/golden"
)

// partsCase is a line of testdata/parts.jsonl.gz; see gen_parts.py.
type partsCase struct {
	DType string `json:"d"`
	In    []struct {
		Base  Shape   `json:"n"`
		Steps []int64 `json:"k"`
		Perm  []int   `json:"p"`
	} `json:"in"`
	Op  []json.RawMessage `json:"op"`
	Err bool              `json:"err"`
	Out []struct {
		Shape   Shape   `json:"s"`
		Strides Strides `json:"t"` // nil for copies
		CRC     uint32  `json:"c"` // of the little-endian bytes in C order
	} `json:"out"`
}

func (c partsCase) inputs(t testing.TB) []View {
	var list []View
	for salt, in := range c.In {
		v := numpyBase(t, numpyCase{DType: c.DType, Base: in.Base})
		b, err := v.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		for i := range b {
			if b[i] += byte(59 * salt); v.DType() == Bool {
				b[i] &= 1
			}
		}
		for axis, step := range in.Steps {
			if v, err = v.Slice(axis, None, None, step); err != nil {
				t.Fatal(err)
			}
		}
		if v, err = v.Permute(in.Perm...); err != nil {
			t.Fatal(err)
		}
		list = append(list, v)
	}
	return list
}

// run performs the operation; NumPy's names.
func (c partsCase) run(in []View) ([]View, error) {
	arg := func(i int, to any) {
		if err := json.Unmarshal(c.Op[i], to); err != nil {
			panic(err)
		}
	}
	one := func(v View, err error) ([]View, error) { return []View{v}, err }
	var kind string
	var axis, axis2 int
	var n int64
	var axes []int
	var lists [3][]int64
	arg(0, &kind)
	switch kind {
	case "windows":
		arg(1, &axes)
		for i := range lists {
			arg(2+i, &lists[i])
		}
		return one(in[0].Windows(axes, lists[0], lists[1], lists[2]))
	case "diagonal":
		arg(1, &n)
		arg(2, &axis)
		arg(3, &axis2)
		return one(in[0].Diagonal(n, axis, axis2))
	}
	arg(1, &axis)
	switch kind {
	case "stack":
		return one(Stack(axis, in...))
	case "concatenate":
		return one(Concatenate(axis, in...))
	case "split_at":
		arg(2, &lists[0])
		return in[0].SplitAt(axis, lists[0]...)
	}
	arg(2, &n)
	if kind == "split" {
		return in[0].Split(axis, n)
	}
	return in[0].ArraySplit(axis, n)
}

func (c partsCase) check(t *testing.T) {
	in := c.inputs(t)
	out, err := c.run(in)
	if c.Err {
		var e *Error
		if !errors.As(err, &e) {
			t.Errorf("error %v, NumPy refuses", err)
		}
		return
	}
	if err != nil || len(out) != len(c.Out) {
		t.Errorf("%d results, error %v; want %d", len(out), err, len(c.Out))
		return
	}
	for i, want := range c.Out {
		got := out[i]
		if !got.Shape().Equal(want.Shape) {
			t.Errorf("shape %v, want %v", got.Shape(), want.Shape)
			continue
		}
		if crc := orderedCRC(t, got, LittleEndian); crc != want.CRC {
			t.Errorf("bytes %08x, want %08x", crc, want.CRC)
		}
		if want.Strides == nil {
			if !got.IsContiguous() || got.Order() != HostOrder {
				t.Error("a copy that is not in C order and the order of the machine")
			}
			c.checkInto(t, got, in)
			continue
		}
		for axis, e := range want.Shape {
			if e > 1 && got.NumElements() > 0 && got.Strides()[axis] != want.Strides[axis] {
				t.Errorf("strides %v, want %v", got.Strides(), want.Strides)
			}
		}
		if got.NumElements() > 0 && &got.data[0] != &in[0].data[0] {
			t.Error("not a view of the same bytes")
		}
	}
}

// checkInto repeats a copy into memory of the other byte order with gaps.
func (c partsCase) checkInto(t *testing.T, want View, in []View) {
	wide := append(want.Shape().Clone(), 2)
	made, err := Make(want.DType(), wide)
	if err != nil {
		t.Fatal(err)
	}
	other := BigEndian
	if HostOrder == BigEndian {
		other = LittleEndian
	}
	if made, err = NewView(made.data, made.dtype, made.shape, made.strides, 0, other); err != nil {
		t.Fatal(err)
	}
	dst, err := made.Index(-1, 1)
	if err != nil {
		t.Fatal(err)
	}
	var kind string
	var axis int
	if err := errors.Join(json.Unmarshal(c.Op[0], &kind), json.Unmarshal(c.Op[1], &axis)); err != nil {
		t.Fatal(err)
	}
	into := StackInto
	if kind == "concatenate" {
		into = ConcatenateInto
	}
	if err := into(dst, axis, in...); err != nil {
		t.Error(err)
		return
	}
	if same, err := Equal(dst, want); !same || err != nil {
		t.Errorf("%s into other memory differs: %v", kind, err)
	}
	gap, err := made.Index(-1, 0)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := gap.WriteCOrder(&b, LittleEndian); err != nil {
		t.Fatal(err)
	}
	if bytes.Count(b.Bytes(), []byte{0}) != b.Len() {
		t.Error("wrote between the elements of the destination")
	}
	if err := into(made, axis, in...); !errors.Is(err, ErrShape) {
		t.Errorf("a destination of shape %v: %v", made.Shape(), err)
	}
}

// replayParts checks every line and returns how many there were, and how many
// of them NumPy refused.
func replayParts(t *testing.T, r io.Reader) (n, refused int) {
	n = golden.Each(t, r, func(c *partsCase) {
		if c.Err {
			refused++
		}
		c.check(t)
	})
	return n, refused
}

func TestPartsEqualNumPy(t *testing.T) {
	n, refused := replayParts(t, golden.Kept(t, "testdata/parts.jsonl.gz"))
	t.Logf("%d cases, %d of them refused", n, refused)
	if n != 3000 || refused < 300 {
		t.Errorf("%d cases, %d refused", n, refused)
	}
}

// TestPartsInterop asks a living NumPy about other cases.
func TestPartsInterop(t *testing.T) {
	count := 4000
	if testing.Short() {
		count = 600
	}
	lines, _ := golden.Fresh(t, "NumPy", "testdata/gen_parts.py", count)
	n, refused := replayParts(t, lines)
	t.Logf("%d cases, %d of them refused", n, refused)
	if n != count || refused < n/20 {
		t.Errorf("%d cases, %d refused", n, refused)
	}
}
