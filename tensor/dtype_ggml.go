package tensor

// ggmlBlock is one quantised block type of ggml: its number in GGUF files,
// and the elements and bytes of one block.
type ggmlBlock struct {
	number       uint16
	elems, bytes uint32
	name         string
}

// ggmlBlocks ascends by number. Numbers that are missing are plain types (f32,
// i8, ...) or have been retired by ggml.
var ggmlBlocks = [...]ggmlBlock{
	{2, 32, 18, "q4_0"},
	{3, 32, 20, "q4_1"},
	{6, 32, 22, "q5_0"},
	{7, 32, 24, "q5_1"},
	{8, 32, 34, "q8_0"},
	{9, 32, 36, "q8_1"},
	{10, 256, 84, "q2_k"},
	{11, 256, 110, "q3_k"},
	{12, 256, 144, "q4_k"},
	{13, 256, 176, "q5_k"},
	{14, 256, 210, "q6_k"},
	{15, 256, 292, "q8_k"},
	{16, 256, 66, "iq2_xxs"},
	{17, 256, 74, "iq2_xs"},
	{18, 256, 98, "iq3_xxs"},
	{19, 256, 50, "iq1_s"},
	{20, 32, 18, "iq4_nl"},
	{21, 256, 110, "iq3_s"},
	{22, 256, 82, "iq2_s"},
	{23, 256, 136, "iq4_xs"},
	{29, 256, 56, "iq1_m"},
	{34, 256, 54, "tq1_0"},
	{35, 256, 66, "tq2_0"},
	{39, 32, 17, "mxfp4"},
	{40, 64, 36, "nvfp4"},
	{41, 128, 18, "q1_0"},
	{42, 64, 18, "q2_0"},
}

func (b ggmlBlock) dtype() DType {
	return DType{ClassBlock, b.number, 0, b.elems, b.bytes}
}

// Block returns the dtype of a quantised block type by its ggml number; false
// if the number is unknown or not that of a block type.
func Block(ggml int) (DType, bool) {
	for _, b := range ggmlBlocks {
		if int(b.number) == ggml {
			return b.dtype(), true
		}
	}
	return DType{}, false
}

func blockName(d DType) (string, bool) {
	for _, b := range ggmlBlocks {
		if b.dtype() == d {
			return b.name, true
		}
	}
	return "", false
}

func blockByName(name string) (DType, bool) {
	for _, b := range ggmlBlocks {
		if b.name == name {
			return b.dtype(), true
		}
	}
	return DType{}, false
}
