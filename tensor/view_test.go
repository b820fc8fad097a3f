package tensor

import (
	"bytes"
	"errors"
	"math"
	"testing"
)

func mustMake(t testing.TB, d DType, s ...int64) View {
	t.Helper()
	v, err := Make(d, s)
	if err != nil {
		t.Fatal(err)
	}
	b := v.bytes()
	for i := range b {
		b[i] = byte(i + 1)
		if d == Bool {
			b[i] &= 1
		}
	}
	v.clearTails()
	return v
}

func TestNewViewKeepsWhatItIsGiven(t *testing.T) {
	data, s, st := make([]byte, 100), Shape{2, 3}, Strides{-20, 5}
	v, err := NewView(data, F32, s, st, 30, BigEndian)
	if err != nil {
		t.Fatal(err)
	}
	if &v.Shape()[0] != &s[0] || &v.Strides()[0] != &st[0] || v.Offset() != 30 || v.Order() != BigEndian ||
		v.DType() != F32 || v.Rank() != 2 || v.NumElements() != 6 || v.ByteSize() != 24 || v.IsContiguous() || v.IsFortran() {
		t.Errorf("%+v", v)
	}
	if span := v.Span(); len(span) != 34 || &span[0] != &data[10] || cap(span) != 34 {
		t.Errorf("span of %d bytes", len(span))
	}
	if _, err := v.Bytes(); !errors.Is(err, ErrNotContiguous) {
		t.Error(err)
	}
	if BigEndian.String() != "big" || LittleEndian.String() != "little" {
		t.Error("names of byte orders")
	}
	if _, err := NewView(data, F32, s, nil, 0, 7); !errors.Is(err, ErrByteOrder) {
		t.Error(err)
	}
	if v, err := NewView(data, F32, s, nil, 1, LittleEndian); err != nil || !v.IsContiguous() {
		t.Errorf("an odd address is fine: %v", err)
	}
	for _, tt := range []struct {
		d   DType
		s   Shape
		st  Strides
		off int64
	}{
		{F32, Shape{2, 3}, nil, 77},
		{F32, Shape{2, 3}, nil, -1},
		{F32, Shape{2}, Strides{1, 1}, 0},
		{F32, Shape{math.MaxInt64}, nil, 0},
		{F32, Shape{2}, Strides{math.MinInt64}, 0},
		{I4, Shape{2}, Strides{2}, 0},
		{I4, nil, nil, 0},
		{DType{}, nil, nil, 0},
		{DType{9, 0, 0, 0, 0}, nil, nil, 0},
	} {
		var e *Error
		if _, err := NewView(data, tt.d, tt.s, tt.st, tt.off, LittleEndian); !errors.As(err, &e) || e.Offset != -1 {
			t.Errorf("NewView(%v, %v, %v, %d): %v", tt.d, tt.s, tt.st, tt.off, err)
		}
	}
}

func TestContiguity(t *testing.T) {
	for _, tt := range []struct {
		d          DType
		s          Shape
		st         Strides
		contig, fo bool
	}{
		{F32, nil, nil, true, true},
		{F32, Shape{6}, Strides{4}, true, true},
		{F32, Shape{2, 3}, Strides{12, 4}, true, false},
		{F32, Shape{2, 3}, Strides{4, 8}, false, true},
		{F32, Shape{1, 3}, Strides{999, 4}, true, true},
		{F32, Shape{3, 1}, Strides{4, 999}, true, true},
		{F32, Shape{2, 0}, Strides{7, 7}, true, true},
		{F32, Shape{2}, Strides{8}, false, false},
		{F32, Shape{2}, Strides{0}, false, false},
		{I4, Shape{2, 5}, Strides{3, 1}, true, false},
		{I4, Shape{2, 5}, Strides{4, 1}, false, false},
		{I4, Shape{2, 2}, Strides{1, 1}, true, true},
	} {
		v, err := NewView(make([]byte, 4096), tt.d, tt.s, tt.st, 0, HostOrder)
		if err != nil {
			t.Fatal(err)
		}
		if v.IsContiguous() != tt.contig || v.IsFortran() != tt.fo {
			t.Errorf("%v %v %v: C %v, Fortran %v", tt.d, tt.s, tt.st, v.IsContiguous(), v.IsFortran())
		}
	}
}

func TestMakeIsAligned(t *testing.T) {
	for _, d := range []DType{C128, F64, U16, Bool} {
		for n := range int64(20) {
			v, err := Make(d, Shape{n})
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(v.Span(), make([]byte, v.ByteSize())) || v.Order() != HostOrder {
				t.Errorf("%v of %d is not zero", d, n)
			}
		}
		if v, _ := Make(C128, Shape{3}); v.n > 0 {
			if _, err := Data[complex128](v); err != nil {
				t.Error(err)
			}
		}
	}
}

// TestPacked says what views of packed dtypes and blocks can do and what they
// refuse by name.
func TestPacked(t *testing.T) {
	q4, _ := Block(2)
	const m = None
	type op = func(View) (View, error)
	for _, tt := range []struct {
		name string
		d    DType
		s    Shape
		op   op
		want Shape // nil: refused
		kind error
	}{
		{"rows", I4, Shape{4, 5}, func(v View) (View, error) { return v.Slice(0, m, m, -2) }, Shape{2, 5}, nil},
		{"one row", I4, Shape{4, 5}, func(v View) (View, error) { return v.Index(0, -1) }, Shape{5}, nil},
		{"units", I4, Shape{4, 5}, func(v View) (View, error) { return v.Slice(1, 2, 4, 1) }, Shape{4, 2}, nil},
		{"to the end", I4, Shape{4, 5}, func(v View) (View, error) { return v.Slice(-1, 2, m, m) }, Shape{4, 3}, nil},
		{"nothing", I4, Shape{4, 5}, func(v View) (View, error) { return v.Slice(1, 3, 3, 1) }, Shape{4, 0}, nil},
		{"inside a unit at the start", I4, Shape{4, 5}, func(v View) (View, error) { return v.Slice(1, 1, m, 1) }, nil, ErrUnsupported},
		{"inside a unit at the end", I4, Shape{4, 5}, func(v View) (View, error) { return v.Slice(1, 0, 3, 1) }, nil, ErrUnsupported},
		{"step", I4, Shape{4, 6}, func(v View) (View, error) { return v.Slice(1, m, m, 2) }, nil, ErrUnsupported},
		{"backwards", I4, Shape{4, 6}, func(v View) (View, error) { return v.Slice(1, m, m, -1) }, nil, ErrUnsupported},
		{"element", I4, Shape{4, 6}, func(v View) (View, error) { return v.Index(1, 0) }, nil, ErrUnsupported},
		{"3-byte units", F6E2M3, Shape{2, 12}, func(v View) (View, error) { return v.Slice(1, 4, 8, 1) }, Shape{2, 4}, nil},
		{"half a 3-byte unit", F6E2M3, Shape{2, 12}, func(v View) (View, error) { return v.Slice(1, 2, 8, 1) }, nil, ErrUnsupported},
		{"blocks", q4, Shape{2, 96}, func(v View) (View, error) { return v.Slice(1, 32, 96, 1) }, Shape{2, 64}, nil},
		{"half a block", q4, Shape{2, 96}, func(v View) (View, error) { return v.Slice(1, 16, 48, 1) }, nil, ErrUnsupported},
		{"permute in front", I4, Shape{2, 3, 4}, func(v View) (View, error) { return v.Permute(1, 0, 2) }, Shape{3, 2, 4}, nil},
		{"permute the last", I4, Shape{2, 3, 4}, func(v View) (View, error) { return v.Permute(0, 2, 1) }, nil, ErrUnsupported},
		{"transpose", I4, Shape{2, 4}, View.Transpose, nil, ErrUnsupported},
		{"transpose of one axis", I4, Shape{4}, View.Transpose, Shape{4}, nil},
		{"flip rows", I4, Shape{2, 4}, func(v View) (View, error) { return v.Flip(0) }, Shape{2, 4}, nil},
		{"flip columns", I4, Shape{2, 4}, func(v View) (View, error) { return v.Flip(1) }, nil, ErrUnsupported},
		{"flip all", I4, Shape{2, 4}, func(v View) (View, error) { return v.Flip() }, nil, ErrUnsupported},
		{"flip one column", I4, Shape{2, 1}, func(v View) (View, error) { return v.Flip() }, Shape{2, 1}, nil},
		{"broadcast rows", I4, Shape{1, 4}, func(v View) (View, error) { return v.BroadcastTo(Shape{5, 3, 4}) }, Shape{5, 3, 4}, nil},
		{"broadcast a column", I4, Shape{3, 1}, func(v View) (View, error) { return v.BroadcastTo(Shape{3, 4}) }, nil, ErrUnsupported},
		{"expand in front", I4, Shape{3, 4}, func(v View) (View, error) { return v.ExpandDims(1) }, Shape{3, 1, 4}, nil},
		{"expand behind", I4, Shape{3, 4}, func(v View) (View, error) { return v.ExpandDims(-1) }, nil, ErrUnsupported},
		{"squeeze", I4, Shape{1, 3, 1}, func(v View) (View, error) { return v.Squeeze() }, Shape{3, 1}, nil},
		{"squeeze the last", I4, Shape{1, 3, 1}, func(v View) (View, error) { return v.Squeeze(2) }, nil, ErrUnsupported},
		{"reshape rows", I4, Shape{4, 5}, func(v View) (View, error) { return v.Reshape(Shape{2, 2, 5}) }, Shape{2, 2, 5}, nil},
		{"reshape full units", I4, Shape{4, 6}, func(v View) (View, error) { return v.Reshape(Shape{3, -1}) }, Shape{3, 8}, nil},
		{"reshape over padding", I4, Shape{4, 5}, func(v View) (View, error) { return v.Reshape(Shape{20}) }, nil, ErrUnsupported},
		{"reshape into padding", I4, Shape{4, 6}, func(v View) (View, error) { return v.Reshape(Shape{8, 3}) }, nil, ErrUnsupported},
		{"reshape to none", I4, Shape{1}, func(v View) (View, error) { return v.Reshape(Shape{}) }, nil, ErrUnsupported},
		{"reshape blocks", q4, Shape{4, 64}, func(v View) (View, error) { return v.Reshape(Shape{8, 32}) }, Shape{8, 32}, nil},
		{"bytes of units", I4, Shape{4, 6}, func(v View) (View, error) { return v.Reinterpret(U8) }, Shape{4, 3}, nil},
		{"bytes of padding", I4, Shape{4, 5}, func(v View) (View, error) { return v.Reinterpret(U8) }, nil, ErrUnsupported},
		{"nibbles", U8, Shape{4, 3}, func(v View) (View, error) { return v.Reinterpret(U4) }, Shape{4, 6}, nil},
		{"f6 of bytes", U8, Shape{4, 6}, func(v View) (View, error) { return v.Reinterpret(F6E3M2) }, Shape{4, 8}, nil},
		{"f6 of too few bytes", U8, Shape{4, 5}, func(v View) (View, error) { return v.Reinterpret(F6E3M2) }, nil, ErrShape},
		{"blocks as structs", q4, Shape{4, 64}, func(v View) (View, error) { return v.Reinterpret(Opaque(18)) }, Shape{4, 2}, nil},
		{"structs as blocks", Opaque(18), Shape{4, 2}, func(v View) (View, error) { return v.Reinterpret(q4) }, Shape{4, 64}, nil},
		{"another packed dtype", I4, Shape{4, 5}, func(v View) (View, error) { return v.Reinterpret(F4E2M1) }, nil, ErrUnsupported},
		{"another packed dtype, full", I4, Shape{4, 6}, func(v View) (View, error) { return v.Reinterpret(Bool1) }, Shape{4, 24}, nil},
		{"packed rank 0", U8, Shape{}, func(v View) (View, error) { return v.Reinterpret(I4) }, nil, ErrShape},
		{"select", I4, Shape{4, 6}, selects("[1, 2:]"), Shape{4}, nil},
		{"select newaxis", I4, Shape{4, 6}, selects("[None, ..., 2:4]"), Shape{1, 4, 2}, nil},
		{"select newaxis behind", I4, Shape{4, 6}, selects("[..., None]"), nil, ErrUnsupported},
		{"select an element", I4, Shape{4, 6}, selects("[0, 0]"), nil, ErrUnsupported},
	} {
		v := mustMake(t, tt.d, tt.s...)
		got, err := tt.op(v)
		if tt.want == nil {
			if !errors.Is(err, tt.kind) {
				t.Errorf("%s: %v %v, %v", tt.name, got.DType(), got.Shape(), err)
			}
			continue
		}
		if err != nil || !got.Shape().Equal(tt.want) {
			t.Errorf("%s: %v, %v, want %v", tt.name, got.Shape(), err, tt.want)
			continue
		}
		if _, _, err := checkReach(got.dtype, got.shape, got.strides, got.offset, int64(len(got.data))); err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

func selects(s string) func(View) (View, error) {
	return func(v View) (View, error) {
		sel, err := ParseSelection(s)
		if err != nil {
			return View{}, err
		}
		return v.Select(sel)
	}
}

// TestPackedElements follows one element through views of packed rows.
func TestPackedElements(t *testing.T) {
	v := mustMake(t, U4, 4, 10) // rows of 5 bytes: 01 02 .. 05, 06 ..
	at := func(v View, idx ...int64) float64 {
		t.Helper()
		x, err := v.Float64At(idx...)
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
	if a, b := at(v, 3, 0), at(v, 3, 1); a != 0 || b != 1 { // byte 0x10
		t.Errorf("row 3 starts %v %v", a, b)
	}
	part, err := v.Slice(1, 4, 8, 1)
	if err == nil {
		part, err = part.Slice(0, None, None, -1)
	}
	if err != nil {
		t.Fatal(err)
	}
	if a := at(part, 0, 0); a != 2 { // byte 2 of row 3: 0x12
		t.Errorf("element is %v", a)
	}
	if a := at(part, 0, 1); a != 1 {
		t.Errorf("element is %v", a)
	}
}

func TestViewErrors(t *testing.T) {
	v := mustMake(t, F32, 2, 3)
	turned, err := v.Transpose()
	if err != nil {
		t.Fatal(err)
	}
	deep := make(Shape, MaxRank)
	for i := range deep {
		deep[i] = 1
	}
	full := mustMake(t, U8, deep...)
	huge := make(Shape, 3)
	huge[0], huge[1], huge[2] = 1<<40, 1<<40, 3
	for name, tt := range map[string]struct {
		op   func() (View, error)
		kind error
	}{
		"slice axis":         {func() (View, error) { return v.Slice(2, 0, 1, 1) }, ErrIndex},
		"slice axis below":   {func() (View, error) { return v.Slice(-3, 0, 1, 1) }, ErrIndex},
		"slice step":         {func() (View, error) { return v.Slice(0, 0, 1, 0) }, ErrIndex},
		"index":              {func() (View, error) { return v.Index(0, 2) }, ErrIndex},
		"index below":        {func() (View, error) { return v.Index(0, math.MinInt64) }, ErrIndex},
		"index axis":         {func() (View, error) { return v.Index(2, 0) }, ErrIndex},
		"permute rank":       {func() (View, error) { return v.Permute(0) }, ErrShape},
		"permute twice":      {func() (View, error) { return v.Permute(0, 0) }, ErrIndex},
		"permute range":      {func() (View, error) { return v.Permute(0, 2) }, ErrIndex},
		"flip twice":         {func() (View, error) { return v.Flip(0, -2) }, ErrIndex},
		"flip range":         {func() (View, error) { return v.Flip(5) }, ErrIndex},
		"broadcast":          {func() (View, error) { return v.BroadcastTo(Shape{2, 4}) }, ErrShape},
		"broadcast rank":     {func() (View, error) { return v.BroadcastTo(Shape{3}) }, ErrShape},
		"broadcast negative": {func() (View, error) { return v.BroadcastTo(Shape{-1, 2, 3}) }, ErrOverflow},
		"broadcast huge": {func() (View, error) {
			return v.BroadcastTo(append(huge.Clone(), 2, 3))
		}, ErrOverflow},
		"broadcast bytes": {func() (View, error) {
			return v.BroadcastTo(Shape{1 << 59, 2, 3})
		}, ErrOverflow},
		"broadcast deep":   {func() (View, error) { return v.BroadcastTo(append(deep.Clone(), 2, 3)) }, ErrLimit},
		"reshape":          {func() (View, error) { return v.Reshape(Shape{7}) }, ErrShape},
		"reshape -1 -1":    {func() (View, error) { return v.Reshape(Shape{-1, -1}) }, ErrShape},
		"reshape -1":       {func() (View, error) { return v.Reshape(Shape{4, -1}) }, ErrShape},
		"reshape 0 -1":     {func() (View, error) { return v.Reshape(Shape{0, -1}) }, ErrShape},
		"reshape -2":       {func() (View, error) { return v.Reshape(Shape{-2, -3}) }, ErrOverflow},
		"reshape copy":     {func() (View, error) { return turned.Reshape(Shape{6}) }, ErrNotContiguous},
		"expand":           {func() (View, error) { return v.ExpandDims(3) }, ErrIndex},
		"expand below":     {func() (View, error) { return v.ExpandDims(-4) }, ErrIndex},
		"expand deep":      {func() (View, error) { return full.ExpandDims(0) }, ErrLimit},
		"squeeze":          {func() (View, error) { return v.Squeeze(0) }, ErrShape},
		"squeeze range":    {func() (View, error) { return v.Squeeze(2) }, ErrIndex},
		"squeeze twice":    {func() (View, error) { return full.Squeeze(0, 0) }, ErrIndex},
		"reinterpret":      {func() (View, error) { return v.Reinterpret(F64) }, ErrShape},
		"reinterpret bad":  {func() (View, error) { return v.Reinterpret(DType{9, 0, 0, 0, 0}) }, ErrCorrupt},
		"reinterpret none": {func() (View, error) { return v.Reinterpret(DType{}) }, ErrDType},
		"reinterpret gaps": {func() (View, error) { return turned.Reinterpret(F64) }, ErrNotContiguous},
		"reinterpret 3":    {func() (View, error) { return v.Reinterpret(Opaque(3)) }, ErrShape},
		"split":            {func() (View, error) { return v.SplitLast(Opaque(3)) }, ErrShape},
		"split none":       {func() (View, error) { return v.SplitLast(DType{}) }, ErrDType},
		"split deep":       {func() (View, error) { return full.SplitLast(U8) }, ErrLimit},
		"join":             {func() (View, error) { return v.JoinLast(F64) }, ErrShape},
		"join gaps":        {func() (View, error) { return turned.JoinLast(F64) }, ErrNotContiguous},
		"join packed":      {func() (View, error) { return v.JoinLast(DType{9, 0, 0, 3, 12}) }, ErrUnsupported},
		"join none":        {func() (View, error) { return v.JoinLast(DType{}) }, ErrDType},
		"none slice":       {func() (View, error) { return View{}.Slice(0, 0, 0, 1) }, ErrIndex},
		"none select":      {func() (View, error) { return View{}.Select(nil) }, ErrDType},
		"none transpose":   {func() (View, error) { return View{}.Transpose() }, ErrDType},
		"none reshape":     {func() (View, error) { return View{}.Reshape(nil) }, ErrShape},
		"none clone":       {func() (View, error) { return View{}.Clone() }, ErrDType},
		"none reinterpret": {func() (View, error) { return View{}.Reinterpret(F32) }, ErrShape},
		"none split":       {func() (View, error) { return View{}.SplitLast(F32) }, ErrShape},
		"none join":        {func() (View, error) { return View{}.JoinLast(F32) }, ErrShape},
	} {
		got, err := tt.op()
		var e *Error
		if !errors.Is(err, tt.kind) || !errors.As(err, &e) || got.NumElements() != 0 || got.Shape() != nil {
			t.Errorf("%s: %v, %v", name, got.Shape(), err)
		}
	}
	if n := len((View{}).Span()); n != 0 {
		t.Errorf("the zero View spans %d bytes", n)
	}
}

func TestReinterpret(t *testing.T) {
	v := mustMake(t, U8, 2, 8)
	if HostOrder == LittleEndian {
		w, err := v.Reinterpret(U32)
		if err != nil {
			t.Fatal(err)
		}
		if x, err := ReadElem[uint32](w, 1, 0); x != 0x0c0b0a09 || err != nil {
			t.Errorf("%#x, %v", x, err)
		}
		if back, err := w.Reinterpret(U8); err != nil || !bytes.Equal(back.bytes(), v.bytes()) || !back.Shape().Equal(v.Shape()) {
			t.Errorf("%v, %v", back.Shape(), err)
		}
	}
	flipped, err := v.Flip(0)
	if err != nil {
		t.Fatal(err)
	}
	structs, err := flipped.JoinLast(Opaque(8))
	if err != nil || !structs.Shape().Equal(Shape{2}) || structs.Strides()[0] != -8 {
		t.Fatalf("%v, %v", structs.Shape(), err)
	}
	pairs, err := structs.SplitLast(F32)
	if err != nil || !pairs.Shape().Equal(Shape{2, 2}) || !Shape(pairs.Strides()).Equal(Shape{-8, 4}) {
		t.Fatalf("%v, %v", pairs.Shape(), err)
	}
	complexes, err := pairs.JoinLast(C64)
	if err != nil || !complexes.Shape().Equal(Shape{2}) || complexes.DType() != C64 {
		t.Fatalf("%v, %v", complexes.Shape(), err)
	}
	if parts, err := mustMake(t, C128).SplitLast(F64); err != nil || !parts.Shape().Equal(Shape{2}) {
		t.Errorf("parts of one number: %v, %v", parts.Shape(), err)
	}
	if same, err := flipped.Reinterpret(I8); err != nil || same.DType() != I8 || same.Strides()[0] != -8 {
		t.Errorf("same size: %v", err)
	}
	// The byte order stays and starts to matter.
	big, err := NewView([]byte{1, 2, 3, 4}, U8, Shape{4}, nil, 0, BigEndian)
	if err != nil {
		t.Fatal(err)
	}
	wide, err := big.Reinterpret(U16)
	if err != nil {
		t.Fatal(err)
	}
	if x, err := ReadElem[uint16](wide, 1); x != 0x0304 || err != nil {
		t.Errorf("%#x, %v", x, err)
	}
	if _, err := Data[uint8](big); err != nil {
		t.Errorf("bytes have no order: %v", err)
	}
}

// TestEmptyViews keeps the offset inside whatever is done without elements.
func TestEmptyViews(t *testing.T) {
	v, err := NewView(make([]byte, 8), F32, Shape{0, 5, 7}, Strides{1 << 60, -(1 << 61), math.MaxInt64}, 8, HostOrder)
	if err != nil {
		t.Fatal(err)
	}
	for name, op := range map[string]func() (View, error){
		"slice":     func() (View, error) { return v.Slice(1, 4, None, -1) },
		"index":     func() (View, error) { return v.Index(2, 6) },
		"flip":      func() (View, error) { return v.Flip() },
		"transpose": v.Transpose,
		"broadcast": func() (View, error) { return v.BroadcastTo(Shape{3, 0, 5, 7}) },
		"reshape":   func() (View, error) { return v.Reshape(Shape{4, 0}) },
		"expand":    func() (View, error) { return v.ExpandDims(2) },
		"select":    func() (View, error) { return selects("[:, 3, ::-2]")(v) },
		"clone":     v.Clone,
		"narrow":    func() (View, error) { return v.Reinterpret(U8) },
	} {
		got, err := op()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got.NumElements() != 0 || got.ByteSize() != 0 || len(got.Span()) != 0 || got.Offset() > int64(len(got.data)) {
			t.Errorf("%s: %v at %d", name, got.Shape(), got.Offset())
		}
		if _, err := got.Bytes(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		var b bytes.Buffer
		if err := got.WriteCOrder(&b, BigEndian); err != nil || b.Len() != 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSliceRange(t *testing.T) {
	const lo, hi = math.MinInt64 + 1, math.MaxInt64
	for _, tt := range []struct{ n, start, stop, step, first, count, by int64 }{
		{10, None, None, None, 0, 10, 1},
		{10, None, None, -1, 9, 10, -1},
		{10, 2, 8, 3, 2, 2, 3},
		{10, -3, None, 1, 7, 3, 1},
		{10, lo, hi, 1, 0, 10, 1},
		{10, hi, lo, -1, 9, 10, -1},
		{10, hi, lo, lo, 9, 1, lo},
		{10, lo, hi, hi, 0, 1, hi},
		{10, 5, 5, 1, 0, 0, 1},
		{10, 8, 2, 1, 0, 0, 1},
		{10, 2, 8, -1, 0, 0, 1},
		{0, None, None, 1, 0, 0, 1},
		{0, None, None, -1, 0, 0, 1},
		{hi, None, None, 1, 0, hi, 1},
		{hi, None, None, -1, hi - 1, hi, -1},
		{hi, None, None, 2, 0, 1 << 62, 2},
	} {
		first, count, by := sliceRange(tt.n, tt.start, tt.stop, tt.step)
		if first != tt.first || count != tt.count || by != tt.by {
			t.Errorf("%d of [%d:%d:%d]: %d, %d, %d, want %d, %d, %d", tt.n, tt.start, tt.stop, tt.step, first, count, by, tt.first, tt.count, tt.by)
		}
	}
}
