package bench

// A DesignRow is one of the rows of the goals of the design, and the goals that
// measure it, by a pattern on what they measure.
type DesignRow struct {
	What, Wanted string
	Match        string
}

// Design are the two tables of the design, in their order.
var Design = []DesignRow{
	{"open and validate the header of a 256 MiB file, view, close", "15 us or less", `^open/size=.*op=open\+view\+close`},
	{"open a file of 10,000, 100,000, 232,670 tensors, all shapes", "0.5, 4, 8 ms; open and one look-up under 1 ms", `^open/tensors=`},
	{"`tensorfile ls` of 10,000, 100,000, whole process", "6, 15 ms", `^tool/tensors=`},
	{"typed view of an open tensor", "5 ns, with a lease of its own 60 ns", `^slice/`},
	{"write, open and view 10,000 small tensors", "10 ms, 1 ms", `^small/`},
	{"sum of a mapped f32 tensor", "0.97x of warm heap; 1.2 M, 2.0 M on two threads", `^(scan/op=(sum|open\+sum)|kernel/op=sum)`},
	{"make 256 MiB of our own file resident", "0.3 ms", `^scan/op=populate`},
	{"read into a caller's buffer", "0.95 M, 1.7 M on two threads", `^read/op=into/(mode|cache)`},
	{"load into fresh memory", "0.65 M on two threads", `^read/op=load`},
	{"save, not synced, durable", "np.save; 0.95x of direct writes and fdatasync", `^save/`},
	{"npy to native and back, checksums included", "1.6x of np.load and np.save; 0.95x of a copy", `^convert/size=.*op=(npy-to-tensor|tensor-to-npy)/`},
	{"commit of 1 MiB, repack", "1.2x the time of a bare write and two fdatasync; 0.95 of a copy", `^(commit|repack)/`},
	{"verify a whole file", "1.1 M, 1.8 M on two threads", `^verify/`},
	{"unshuffle of 2, 4, 8 bytes, hot and streaming", "3.0; 1.1 M, 1.9 M on two threads", `^kernel/op=unshuffle`},
	{"bit shuffle, hot", "1.0 M", `^kernel/op=bitshuffle`},
	{"u8, f16, bf16 to f32", "1.4, 1.2, 1.2 M; 2.5, 2.2, 2.2 M on two threads", `^tensor/op=cast/from=(u8|f16|bf16)/to=f32`},
	{"f32 to bf16, f16", "0.7, 0.85 M", `^tensor/op=cast/from=f32/to=b?f16`},
	{"transpose f32 2-D, any size", "0.5 M, 0.75 M on two threads", `^tensor/op=permute/shape=\d+x\d+/`},
	{"NHWC to NCHW u8", "0.65 M, 1.2 M on two threads", `^tensor/op=permute/shape=\d+x(224x224x3|3x224x224)/.*dtype=u8`},
	{"rearrange that needs a copy, 4-D to 6-D", "3x of einops on NumPy", `^tensor/op=rearrange`},
	{"Matrix Market read", "SciPy's", `^market/`},
	{"CSR compressed, 4M entries", "100x, 20x of SciPy, better ratio", `^composite/.*op=(encode|decode)`},
	{"CSR to CSC", "two thirds of SciPy's speed on one thread, faster on two", `^sparse/.*op=csr-to-csc`},
	{"media: 1,000 JPEG files to one tensor; WAV import; WAV, BMP, PNM, IDX as views", "1.8x on two processors; 0.95x of a copy; 100 us", `jpeg-set|wav-to-tensor|^open/format=(wav|bmp|pnm|idx|pfm)`},
	{"models: safetensors of 232,670, GGUF with 256k tokens, safetensors to native and back", "2x of the Rust library; 5 ms; 0.95x of a copy", `^open/format=(safetensors|gguf)|^convert/.*safetensors`},
	{"loader, consumer as slow as the read", "consumer busy 95%", `^loader/op=busy`},
	{"GPU: the host backend here; what needs a device is in `docs/gpu-verified.md`", "0.8x of a parallel memcpy", `^gpu/`},
	{"trained-like weights f32", "1.195, 0.3, 0.6 M", `^codec/data=f32weights`},
	{"trained-like weights bf16", "1.49, 0.15, 0.35 M", `^codec/data=bf16weights`},
	{"photo-like u8", "1.8, 0.17, 0.22 M", `^codec/data=u8image`},
	{"audio-like i16", "1.9, 0.12, 0.3 M", `^codec/data=i16audio`},
	{"sorted i64 indices", "9.0, 0.5, 0.7 M", `^codec/data=i64index`},
	{"smooth field f32", "2.2, 0.2, 0.45 M", `^codec/data=f32field`},
	{"mostly zero f32", "140, 0.7, 1.2 M", `^codec/data=f32sparse`},
}
