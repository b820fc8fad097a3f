package tensor

import (
	"strconv"
	"strings"
)

// fixedNames are the canonical names. Their numbers count bits.
var fixedNames = [...]struct {
	name  string
	dtype DType
}{
	{"bool", Bool}, {"bool1", Bool1},
	{"i4", I4}, {"i8", I8}, {"i16", I16}, {"i32", I32}, {"i64", I64},
	{"u4", U4}, {"u8", U8}, {"u16", U16}, {"u32", U32}, {"u64", U64},
	{"f16", F16}, {"bf16", BF16}, {"f32", F32}, {"f64", F64},
	{"f8_e4m3fn", F8E4M3FN}, {"f8_e5m2", F8E5M2}, {"f8_e4m3fnuz", F8E4M3FNUZ},
	{"f8_e5m2fnuz", F8E5M2FNUZ}, {"f8_e8m0", F8E8M0},
	{"f4_e2m1", F4E2M1}, {"f6_e2m3", F6E2M3}, {"f6_e3m2", F6E3M2},
	{"c64", C64}, {"c128", C128},
}

// otherNames are the spellings of NumPy, ml_dtypes and safetensors, which
// count bits too.
var otherNames = map[string]DType{
	// NumPy
	"bool_": Bool, "int8": I8, "int16": I16, "int32": I32, "int64": I64,
	"uint8": U8, "uint16": U16, "uint32": U32, "uint64": U64,
	"float16": F16, "half": F16, "float32": F32, "single": F32, "float64": F64, "double": F64,
	"complex64": C64, "complex128": C128,
	// ml_dtypes
	"bfloat16": BF16, "int4": I4, "uint4": U4,
	"float8_e4m3fn": F8E4M3FN, "float8_e5m2": F8E5M2, "float8_e4m3fnuz": F8E4M3FNUZ,
	"float8_e5m2fnuz": F8E5M2FNUZ, "float8_e8m0fnu": F8E8M0,
	"float4_e2m1fn": F4E2M1, "float6_e2m3fn": F6E2M3, "float6_e3m2fn": F6E3M2,
	// safetensors
	"BOOL": Bool, "I8": I8, "I16": I16, "I32": I32, "I64": I64,
	"U8": U8, "U16": U16, "U32": U32, "U64": U64,
	"F16": F16, "BF16": BF16, "F32": F32, "F64": F64, "C64": C64,
	"F8_E4M3": F8E4M3FN, "F8_E5M2": F8E5M2, "F8_E4M3FNUZ": F8E4M3FNUZ,
	"F8_E5M2FNUZ": F8E5M2FNUZ, "F8_E8M0": F8E8M0,
	"F4": F4E2M1, "F6_E2M3": F6E2M3, "F6_E3M2": F6E3M2,
}

// numpyCodes are NumPy's type strings behind the byte order, which count bytes.
var numpyCodes = map[string]DType{
	"?": Bool, "b1": Bool, "i1": I8, "i2": I16, "i4": I32, "i8": I64,
	"u1": U8, "u2": U16, "u4": U32, "u8": U64,
	"f2": F16, "f4": F32, "f8": F64, "c8": C64, "c16": C128,
}

// ambiguous are names that count bytes in NumPy and would count bits here, or
// mean text in NumPy and integers in safetensors.
var ambiguous = map[string]string{
	"f2": "f16 or <f2", "f4": "f32, <f4 or f4_e2m1", "f8": "f64, <f8 or f8_e4m3fn",
	"i1": "i8 or |i1", "i2": "i16 or <i2", "u1": "u8 or |u1", "u2": "u16 or <u2",
	"b1": "bool or bool1", "c8": "c64 or <c8", "c16": "c128 or <c16",
}

func fixedName(d DType) (string, bool) {
	for i := range fixedNames {
		if fixedNames[i].dtype == d {
			return fixedNames[i].name, true
		}
	}
	return "", false
}

// String is the canonical short name: "f32", "i4", "f8_e4m3fn", "V16", "S16",
// "<U5", "q4_0". An unknown dtype reads "class9.v3.b7/32x18": class, variant,
// bits, then elements and bytes of a unit. The zero DType is "none".
// ParseDType takes all of them but "none".
func (d DType) String() string {
	if d == (DType{}) {
		return "none"
	}
	if name, ok := fixedName(d); ok {
		return name
	}
	if name, ok := blockName(d); ok {
		return name
	}
	if d.Class == ClassBytes && d.Known() {
		switch d.Variant {
		case VariantOpaque:
			return "V" + utoa(d.UnitBytes)
		case VariantText:
			return "S" + utoa(d.UnitBytes)
		case VariantUTF32:
			return "<U" + utoa(d.UnitBytes/4)
		}
	}
	return "class" + utoa(uint32(d.Class)) + ".v" + utoa(uint32(d.Variant)) + ".b" + utoa(d.Bits) +
		"/" + utoa(d.UnitElems) + "x" + utoa(d.UnitBytes)
}

// ParseDType reads a dtype's name: a canonical one ("f32", "i4"), one of NumPy
// ("float32", "<f4", "|S5"), ml_dtypes ("bfloat16") or safetensors ("F8_E4M3"),
// or a ggml block type ("Q4_K"). Bare names count bits: "i8" is one byte,
// "<i8" eight. Names that could well mean either, like "f4", are refused with
// advice (ErrFormat), as are big-endian ones (ErrUnsupported): dtypes name
// little-endian numbers.
func ParseDType(s string) (DType, error) {
	for i := range fixedNames {
		if fixedNames[i].name == s {
			return fixedNames[i].dtype, nil
		}
	}
	if d, ok := otherNames[s]; ok {
		return d, nil
	}
	if s != "" && strings.ContainsRune("<>=|", rune(s[0])) {
		return parseOrdered(s)
	}
	if advice, ok := ambiguous[s]; ok {
		return DType{}, fail(ErrFormat, "dtype", Quote(s)+", which may count bits or bytes", advice, "")
	}
	if d, ok := blockByName(strings.ToLower(s)); ok {
		return d, nil
	}
	if strings.HasPrefix(s, "class") {
		return parseNumbers(s)
	}
	if d, ok, err := parseWidth(s); ok || err != nil {
		return d, err
	}
	return DType{}, unknownName(s)
}

func unknownName(s string) error {
	return fail(ErrUnsupported, "dtype", Quote(s), "a dtype such as f32, bf16, i64, u8, bool, c64, f8_e4m3fn, i4, S16, <U5 or q4_0", "")
}

// parseOrdered reads a NumPy type string with its byte order.
func parseOrdered(s string) (DType, error) {
	code := s[1:]
	d, ok := numpyCodes[code]
	if !ok && code != "" && code[0] == 'U' {
		n, err := parseCount(s, code[1:], maxBytesWidth/4)
		if err != nil {
			return DType{}, err
		}
		d, ok = UTF32(n), true
	}
	if !ok {
		var err error
		if d, ok, err = parseWidth(code); err != nil {
			return DType{}, err
		}
	}
	if ok && s[0] == '|' && d.swapWidth() != 1 {
		return DType{}, fail(ErrFormat, "dtype", Quote(s)+" without byte order", Quote("<"+code), "")
	}
	if ok && (s[0] == '>' || s[0] == '=' && HostOrder == BigEndian) && d.swapWidth() != 1 {
		return DType{}, fail(ErrUnsupported, "dtype", Quote(s)+", which is big-endian", Quote("<"+code)+": dtypes name little-endian numbers", "")
	}
	if !ok {
		if code != "" && (code[0] == 'M' || code[0] == 'm') {
			return DType{}, fail(ErrUnsupported, "dtype", Quote(s), "i64 with the attribute unit for times", "")
		}
		return DType{}, unknownName(s)
	}
	return d, nil
}

// parseWidth reads "V16" and "S16", and refuses "U5" with advice.
func parseWidth(s string) (DType, bool, error) {
	if len(s) < 2 || s[1] < '0' || s[1] > '9' {
		return DType{}, false, nil
	}
	switch s[0] {
	case 'V', 'S':
		n, err := parseCount(s, s[1:], maxBytesWidth)
		if err != nil {
			return DType{}, false, err
		}
		if s[0] == 'V' {
			return Opaque(n), true, nil
		}
		return Text(n), true, nil
	case 'U':
		if _, err := parseCount(s, s[1:], maxBytesWidth/4); err != nil {
			return DType{}, false, err
		}
		return DType{}, false, fail(ErrFormat, "dtype", Quote(s), Quote("<"+s)+" for text (U8 to U64 are integers)", "")
	}
	return DType{}, false, nil
}

func parseCount(s, digits string, limit int) (int, error) {
	n, err := strconv.ParseUint(digits, 10, 32)
	if err != nil || digits[0] == '0' || n > uint64(limit) {
		return 0, fail(ErrFormat, "dtype", Quote(s), "a width of 1 to "+strconv.Itoa(limit), "")
	}
	return int(n), nil
}

// parseNumbers reads the name of an unknown dtype.
func parseNumbers(s string) (DType, error) {
	var field [5]uint64
	rest := s
	for i, part := range [...]struct {
		prefix string
		bits   int
	}{{"class", 8}, {".v", 16}, {".b", 32}, {"/", 32}, {"x", 32}} {
		var ok bool
		if rest, ok = strings.CutPrefix(rest, part.prefix); !ok {
			return DType{}, unknownName(s)
		}
		end := 0
		for end < len(rest) && rest[end] >= '0' && rest[end] <= '9' {
			end++
		}
		n, err := strconv.ParseUint(rest[:end], 10, part.bits)
		if err != nil {
			return DType{}, unknownName(s)
		}
		field[i], rest = n, rest[end:]
	}
	d := DType{Class(field[0]), uint16(field[1]), uint32(field[2]), uint32(field[3]), uint32(field[4])}
	if rest != "" {
		return DType{}, unknownName(s)
	}
	if err := d.usable(); err != nil {
		return DType{}, err
	}
	return d, nil
}
