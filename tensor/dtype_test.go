package tensor

import (
	"errors"
	"strings"
	"testing"
)

// ruleOf is the rule that an error names.
func ruleOf(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return e.Rule
	}
	return ""
}

func TestDTypeNumbers(t *testing.T) {
	for _, tt := range []struct {
		name   string
		d      DType
		align  int
		packed bool
		swap   int
	}{
		{"bool", Bool, 1, false, 1},
		{"bool1", Bool1, 1, true, 1},
		{"i4", I4, 1, true, 1},
		{"i8", I8, 1, false, 1},
		{"i16", I16, 2, false, 2},
		{"i32", I32, 4, false, 4},
		{"i64", I64, 8, false, 8},
		{"u4", U4, 1, true, 1},
		{"u8", U8, 1, false, 1},
		{"u16", U16, 2, false, 2},
		{"u32", U32, 4, false, 4},
		{"u64", U64, 8, false, 8},
		{"f16", F16, 2, false, 2},
		{"bf16", BF16, 2, false, 2},
		{"f32", F32, 4, false, 4},
		{"f64", F64, 8, false, 8},
		{"f8_e4m3fn", F8E4M3FN, 1, false, 1},
		{"f8_e5m2", F8E5M2, 1, false, 1},
		{"f8_e4m3fnuz", F8E4M3FNUZ, 1, false, 1},
		{"f8_e5m2fnuz", F8E5M2FNUZ, 1, false, 1},
		{"f8_e8m0", F8E8M0, 1, false, 1},
		{"f4_e2m1", F4E2M1, 1, true, 1},
		{"f6_e2m3", F6E2M3, 1, true, 1},
		{"f6_e3m2", F6E3M2, 1, true, 1},
		{"c64", C64, 4, false, 4},
		{"c128", C128, 8, false, 8},
		{"V16", Opaque(16), 1, false, 1},
		{"V1", Opaque(1), 1, false, 1},
		{"S16", Text(16), 1, false, 1},
		{"<U5", UTF32(5), 1, false, 4},
		{"S16777216", Text(1 << 24), 1, false, 1},
		{"<U4194304", UTF32(1 << 22), 1, false, 4},
		{"q4_0", DType{ClassBlock, 2, 0, 32, 18}, 1, true, 1},
	} {
		if err := tt.d.Validate(); err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		if !tt.d.Known() || tt.d.String() != tt.name || tt.d.Align() != tt.align || tt.d.Packed() != tt.packed || tt.d.swapWidth() != tt.swap {
			t.Errorf("%s: known %v, name %s, align %d, packed %v, swap %d", tt.name,
				tt.d.Known(), tt.d, tt.d.Align(), tt.d.Packed(), tt.d.swapWidth())
		}
		if got, err := ParseDType(tt.name); got != tt.d || err != nil {
			t.Errorf("ParseDType(%q) = %#v, %v", tt.name, got, err)
		}
	}
}

func TestDTypeUnknown(t *testing.T) {
	for _, d := range []DType{
		{ClassFloat, 77, 8, 1, 1},
		{ClassFloat, 0, 48, 1, 6},
		{ClassInt, 0, 8, 2, 2},
		{ClassInt, 0, 2, 4, 1},
		{ClassBytes, 9, 24, 1, 3},
		{ClassBytes, VariantUTF32, 24, 1, 3},
		{ClassBlock, 2, 0, 32, 19},
		{ClassBlock, 500, 0, 512, 1000},
		{9, 3, 7, 32, 18},
		{255, 65535, 1<<32 - 1, 1<<32 - 1, 1<<32 - 1},
	} {
		if err := d.Validate(); err != nil {
			t.Errorf("%v: %v", d, err)
		}
		if d.Known() {
			t.Errorf("%v is not known", d)
		}
		if got, err := ParseDType(d.String()); got != d || err != nil {
			t.Errorf("ParseDType(%q) = %#v, %v", d, got, err)
		}
	}
	if got := (DType{9, 3, 7, 32, 18}).String(); got != "class9.v3.b7/32x18" {
		t.Error(got)
	}
	if got := (DType{}).String(); got != "none" {
		t.Error(got)
	}
	if a := (DType{ClassFloat, 0, 48, 1, 6}).Align(); a != 2 {
		t.Errorf("48 bits align to %d", a)
	}
	if a := (DType{9, 0, 64, 1, 8}).Align(); a != 1 {
		t.Errorf("an unknown class aligns to %d", a)
	}
}

func TestDTypeValidate(t *testing.T) {
	for _, tt := range []struct {
		d    DType
		rule string
	}{
		{DType{}, ""},
		{DType{Bits: 1}, "dtype.none"},
		{DType{Variant: 1}, "dtype.none"},
		{DType{UnitElems: 1, UnitBytes: 1}, "dtype.none"},
		{DType{ClassFloat, 0, 32, 0, 4}, "dtype.unit"},
		{DType{ClassFloat, 0, 32, 1, 0}, "dtype.unit"},
		{DType{ClassFloat, 0, 32, 1, 5}, "dtype.unit"},
		{DType{ClassFloat, 0, 0, 1, 4}, "dtype.unit"},
		{DType{ClassInt, 0, 1 << 31, 16, 1}, "dtype.unit"}, // the product wraps 32 bits
		{DType{ClassBlock, 2, 4, 32, 18}, "dtype.unit"},
		{DType{ClassBlock, 2, 0, 0, 18}, "dtype.unit"},
		{DType{99, 2, 0, 0, 18}, "dtype.unit"},
		{DType{ClassBytes, 0, 8<<24 + 8, 1, 1<<24 + 1}, "dtype.unit"},
		{Opaque(0), "dtype.unit"},
		{Opaque(-1), "dtype.unit"},
		{Opaque(1<<24 + 1), "dtype.unit"},
		{Text(0), "dtype.unit"},
		{UTF32(1<<22 + 1), "dtype.unit"},
	} {
		err := tt.d.Validate()
		if ruleOf(err) != tt.rule || err != nil && !errors.Is(err, ErrCorrupt) {
			t.Errorf("%#v: %v, want rule %q", tt.d, err, tt.rule)
		}
	}
}

func TestParseDTypeSpellings(t *testing.T) {
	for name, want := range map[string]DType{
		"float32": F32, "single": F32, "<f4": F32, "=f4": F32, "F32": F32,
		"int8": I8, "|i1": I8, "<i1": I8, ">i1": I8, "i8": I8, "I8": I8,
		"<i8": I64, "int64": I64, "i64": I64, "I64": I64,
		"i4": I4, "int4": I4, "<i4": I32, "u4": U4, "uint4": U4, "<u4": U32,
		"bool": Bool, "bool_": Bool, "|b1": Bool, "?": {}, "|?": Bool, "BOOL": Bool,
		"float16": F16, "half": F16, "<f2": F16, "bfloat16": BF16, "BF16": BF16,
		"complex64": C64, "<c8": C64, "C64": C64, "<c16": C128,
		"F8_E4M3": F8E4M3FN, "float8_e4m3fn": F8E4M3FN, "F8_E8M0": F8E8M0, "float8_e8m0fnu": F8E8M0,
		"F4": F4E2M1, "float4_e2m1fn": F4E2M1, "F6_E2M3": F6E2M3,
		"|V16": Opaque(16), "<V16": Opaque(16), "|S5": Text(5), "<U5": UTF32(5), "=U5": UTF32(5),
		"Q4_0": {ClassBlock, 2, 0, 32, 18}, "q4_K": {ClassBlock, 12, 0, 256, 144}, "MXFP4": {ClassBlock, 39, 0, 32, 17},
		"class4.v0.b32/1x4": F32,
	} {
		if want == (DType{}) {
			continue
		}
		if HostOrder == BigEndian && name[0] == '=' {
			continue
		}
		if got, err := ParseDType(name); got != want || err != nil {
			t.Errorf("ParseDType(%q) = %v, %v, want %v", name, got, err, want)
		}
	}
}

func TestParseDTypeRefuses(t *testing.T) {
	for name, want := range map[string]struct {
		kind error
		text string
	}{
		"":                      {ErrUnsupported, "a dtype such as f32"},
		"f4":                    {ErrFormat, "f32, <f4 or f4_e2m1"},
		"f8":                    {ErrFormat, "f64, <f8 or f8_e4m3fn"},
		"f2":                    {ErrFormat, "f16 or <f2"},
		"i2":                    {ErrFormat, "i16 or <i2"},
		"u2":                    {ErrFormat, "u16 or <u2"},
		"c8":                    {ErrFormat, "c64 or <c8"},
		"b1":                    {ErrFormat, "bool or bool1"},
		"U5":                    {ErrFormat, `"<U5" for text`},
		">f4":                   {ErrUnsupported, `"<f4"`},
		">U5":                   {ErrUnsupported, `"<U5"`},
		"|f4":                   {ErrFormat, "without byte order"},
		"|U5":                   {ErrFormat, "without byte order"},
		"<M8[ns]":               {ErrUnsupported, "attribute unit"},
		"m8":                    {ErrUnsupported, "a dtype such as"},
		"<":                     {ErrUnsupported, "a dtype such as"},
		"<f16":                  {ErrUnsupported, "a dtype such as"},
		"<U":                    {ErrFormat, "a width"},
		"<U0":                   {ErrFormat, "a width"},
		"S0":                    {ErrFormat, "a width"},
		"S05":                   {ErrFormat, "a width"},
		"V16777217":             {ErrFormat, "a width"},
		"V99999999999999999999": {ErrFormat, "a width"},
		"V1x":                   {ErrFormat, "a width"},
		"S-1":                   {ErrUnsupported, "a dtype such as"},
		"O":                     {ErrUnsupported, "a dtype such as"},
		"none":                  {ErrUnsupported, "a dtype such as"},
		"F33":                   {ErrUnsupported, "a dtype such as"},
		"class":                 {ErrUnsupported, "a dtype such as"},
		"class9.v3.b7/32x18 ":   {ErrUnsupported, "a dtype such as"},
		"class256.v0.b1/1x1":    {ErrUnsupported, "a dtype such as"},
		"class0.v0.b0/0x0":      {ErrDType, "with elements"},
		"class4.v0.b32/1x5":     {ErrCorrupt, "dtype.unit"},
		"\x1b[31m":              {ErrUnsupported, `\x1b[31m`},
	} {
		d, err := ParseDType(name)
		if !errors.Is(err, want.kind) || !strings.Contains(err.Error(), want.text) || d != (DType{}) {
			t.Errorf("ParseDType(%q) = %v, %v", name, d, err)
		}
	}
}

func TestBlocks(t *testing.T) {
	n := 0
	for i := -1; i < 1<<17; i++ {
		d, ok := Block(i)
		if !ok {
			continue
		}
		n++
		if !d.Known() || !d.Packed() || int(d.Variant) != i {
			t.Errorf("block %d: %#v", i, d)
		}
		for _, name := range []string{d.String(), strings.ToUpper(d.String())} {
			if got, err := ParseDType(name); got != d || err != nil {
				t.Errorf("ParseDType(%q) = %v, %v", name, got, err)
			}
		}
	}
	if n != len(ggmlBlocks) {
		t.Errorf("%d blocks, want %d", n, len(ggmlBlocks))
	}
	for i := 1; i < len(ggmlBlocks); i++ {
		if ggmlBlocks[i].number <= ggmlBlocks[i-1].number {
			t.Errorf("%s out of order", ggmlBlocks[i].name)
		}
	}
}

func FuzzParseDType(f *testing.F) {
	for _, s := range []string{"f32", "<U5", "class9.v3.b7/32x18", "S16", "q4_k", ">f8", "U8"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := ParseDType(s)
		if err != nil {
			return
		}
		if err := d.Validate(); err != nil {
			t.Fatalf("%q gives an invalid dtype: %v", s, err)
		}
		if again, err := ParseDType(d.String()); again != d || err != nil {
			t.Fatalf("%q: %v reads back as %v, %v", s, d, again, err)
		}
	})
}
