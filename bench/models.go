package bench

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	_ "github.com/tensorfile/tensorfile/convert/gguf"
	_ "github.com/tensorfile/tensorfile/convert/safetensors"
	_ "github.com/tensorfile/tensorfile/convert/torch"
	"github.com/tensorfile/tensorfile/quant"
	"github.com/tensorfile/tensorfile/tensor"
)

// vocabulary is the number of tokens of a large tokenizer, of a tiny one if e is
// not full.
func (e *Env) vocabulary() int {
	if e.Full {
		return 1 << 18
	}
	return 1 << 12
}

// inSafetensors is a native file in that format.
func (e *Env) inSafetensors(b *testing.B, key string, source func(*testing.B) string) string {
	return get(b, e, "safetensors "+key, func() (string, error) {
		path := e.path(key + ".safetensors")
		_, err := convert.Files(context.Background(), []string{source(b)}, path, &convert.Options{NoSync: true, Limit: -1})
		return path, err
	})
}

// modelFile is a native file of as many bytes as the weights, in 16 tensors.
func (e *Env) modelFile(b *testing.B) string {
	return get(b, e, "model", func() (string, error) {
		path := e.path("model.tensor")
		w, err := tensorfile.Create(path, &tensorfile.CreateOptions{NoSync: true})
		if err != nil {
			return "", err
		}
		defer w.Close()
		x := e.floats(b)
		for i, name := range names(16) {
			v, err := tensor.FromSlice(x[i*len(x)/16 : (i+1)*len(x)/16])
			if err != nil {
				return "", err
			}
			if err := w.Add(b.Context(), name, v, nil); err != nil {
				return "", err
			}
		}
		return path, w.Commit(b.Context())
	})
}

// ggufFile is the header of a model with a large vocabulary, and one tensor.
func (e *Env) ggufFile(b *testing.B) string {
	return get(b, e, "gguf", func() (string, error) {
		path := e.path("vocabulary.gguf")
		f, err := os.Create(path)
		if err != nil {
			return "", err
		}
		defer f.Close()
		w := bufio.NewWriterSize(f, 1<<20)
		le := binary.LittleEndian
		n := 0
		write := func(p []byte) {
			k, _ := w.Write(p) // Flush says what went wrong
			n += k
		}
		text := func(s string) { write(append(le.AppendUint64(nil, uint64(len(s))), s...)) }
		list := func(key string, elem uint32) {
			text(key)
			write(le.AppendUint64(le.AppendUint32(le.AppendUint32(nil, 9), elem), uint64(e.vocabulary())))
		}
		write(le.AppendUint64(le.AppendUint64([]byte("GGUF\x03\x00\x00\x00"), 1), 4))
		text("general.architecture")
		write(le.AppendUint32(nil, 8))
		text("llama")
		r := rand.New(rand.NewPCG(7, 8))
		list("tokenizer.ggml.tokens", 8)
		for i := range e.vocabulary() {
			text(fmt.Sprintf("%x", uint64(i)<<40|r.Uint64()>>24)[:1+r.IntN(9)])
		}
		list("tokenizer.ggml.scores", 6)
		for range e.vocabulary() {
			write(le.AppendUint32(nil, r.Uint32()>>2))
		}
		list("tokenizer.ggml.token_type", 5)
		for range e.vocabulary() {
			write(le.AppendUint32(nil, 1))
		}
		text("output_norm.weight")
		b := le.AppendUint64(le.AppendUint32(nil, 1), 64)
		write(le.AppendUint64(le.AppendUint32(b, 0), 0))
		write(make([]byte, -n&31+256))
		return path, w.Flush()
	})
}

// torchFile is what torch.save makes of n small tensors.
func (e *Env) torchFile(b *testing.B, n int) string {
	return get(b, e, fmt.Sprint("torch", n), func() (string, error) {
		path := e.path(fmt.Sprintf("many-%d.pt", n))
		_, ok, err := e.Torch("torch_make", 1, path, n)
		if err == nil && !ok {
			e.skip(b, "TENSORFILE_TORCH is not set")
		}
		return path, err
	})
}

// list opens a file and looks at each tensor's name, dtype and shape.
func list(b *testing.B, path string, want int) {
	for b.Loop() {
		f, err := convert.Open(b.Context(), path, nil)
		check(b, err)
		n := 0
		for t, err := range f.Tensors() {
			check(b, err)
			if t.Name() == "" || t.Shape() == nil && t.NumElements() != 1 || t.DType() == (tensor.DType{}) && t.Storage().ID != 0 {
				b.Fatal(t.Name())
			}
			n++
		}
		if n != want {
			b.Fatal(n)
		}
		check(b, f.Close())
	}
}

// modelCases open and list files of models, convert them and make numbers of
// blocks.
func modelCases(e *Env) []Case {
	many := e.Tensors[len(e.Tensors)-1]
	at := fmt.Sprintf("format=safetensors/tensors=%d/op=", many)
	source := func(b *testing.B) string {
		return e.inSafetensors(b, fmt.Sprint("many-", many), func(b *testing.B) string { return e.manyFile(b, many) })
	}
	model := func(b *testing.B) string { return e.inSafetensors(b, "model", e.modelFile) }
	big := "size=" + size(e.Big) + "/op="
	files := func(op, out string, in func(*testing.B) string) Case {
		return stream("convert", big+op, e.Big, func(b *testing.B) {
			source, path := in(b), e.path(out)
			fresh(b, path, func() error {
				_, err := convert.Files(context.Background(), []string{source}, path, &convert.Options{NoSync: true})
				return err
			})
		})
	}
	gguf := fmt.Sprintf("format=gguf/tokens=%d/op=open+list/impl=", e.vocabulary())
	torch := fmt.Sprintf("format=torch/tensors=%d/op=open+list/impl=", e.Small)
	named := func(b *testing.B) outcome {
		f, err := convert.Open(ctx, source(b), nil)
		check(b, err)
		defer f.Close()
		return listed(b, f)
	}
	cases := []Case{
		once("open", at+"open+list/impl=tensorfile", func(b *testing.B) { list(b, source(b), many) }),
		once("open", at+"open+names/impl=python", func(b *testing.B) { e.inPythonAs(b, 0, named, "safetensors_names", source(b)) }),
		once("open", at+"open+list/impl=python", func(b *testing.B) { e.inPythonAs(b, 0, named, "safetensors_list", source(b)) }),
		run("open", gguf+"tensorfile", func(b *testing.B) { list(b, e.ggufFile(b), 4) }),
		once("open", gguf+"python", func(b *testing.B) {
			e.inPythonAs(b, 0, func(b *testing.B) outcome {
				f, err := convert.Open(ctx, e.ggufFile(b), nil)
				check(b, err)
				defer f.Close()
				o := listed(b, f)
				for name := range o.list { // theirs has the vocabulary apart
					if strings.HasPrefix(name, "tokenizer.") {
						delete(o.list, name)
					}
				}
				return o
			}, "gguf_open", e.ggufFile(b))
		}),
		run("open", torch+"tensorfile", func(b *testing.B) { list(b, e.torchFile(b, e.Small), e.Small) }),
		once("open", torch+"torch", func(b *testing.B) {
			path := e.torchFile(b, e.Small)
			e.inPeer(b, 0, e.Torch, "torch_load", path)
		}),
		files("safetensors-to-tensor/impl=tensorfile", "from-model.tensor", model),
		files("tensor-to-safetensors/impl=tensorfile", "to-model.safetensors", e.modelFile),
		stream("convert", big+"copy-safetensors/impl=io.Copy", e.Big, func(b *testing.B) {
			source, path := model(b), e.path("copied.safetensors")
			fresh(b, path, func() error { return copyFile(path, source) })
		}),
	}
	for _, kind := range blockKinds {
		d, err := tensor.ParseDType(kind)
		if err != nil {
			panic(err) // a name of ours
		}
		rows := e.Big / 4 / 4096
		stored := rows * 4096 / int64(d.UnitElems) * int64(d.UnitBytes)
		name := "op=dequantise/scheme=" + kind + "/to=f32/"
		for _, workers := range []int{1, 2} {
			cases = append(cases, stream("quant", fmt.Sprintf("%sworkers=%d/impl=tensorfile", name, workers), 4*rows*4096, func(b *testing.B) {
				src, err := tensor.NewView(e.bytes(b)[:stored], d, tensor.Shape{rows, 4096}, nil, 0, tensor.LittleEndian)
				check(b, err)
				dst := made(b, e, "out", tensor.F32, rows, 4096)
				for b.Loop() {
					check(b, quant.DequantiseBlocks(b.Context(), dst, src, workers))
				}
			}))
		}
		cases = append(cases, stream("quant", name+"impl=gguf", 4*rows*4096, func(b *testing.B) {
			e.inPythonAs(b, 4*rows*4096, func(b *testing.B) outcome {
				src, err := tensor.NewView(e.bytes(b)[:stored], d, tensor.Shape{rows, 4096}, nil, 0, tensor.LittleEndian)
				check(b, err)
				dst := made(b, e, "out", tensor.F32, rows, 4096)
				return e.outcome(dst, quant.DequantiseBlocks(b.Context(), dst, src, 0)).about(1e-6)
			}, "gguf_dequantise", e.bytesFile(b, "bytes", e.bytes(b)), strings.ToUpper(kind), rows, stored/rows)
		}))
	}
	return cases
}

// blockKinds are the types of blocks that most quantised models have.
var blockKinds = []string{"q4_0", "q8_0", "q4_k", "q6_k"}

func (e *Env) modelGoals() []Goal {
	many := e.Tensors[len(e.Tensors)-1]
	at := fmt.Sprintf("open/format=safetensors/tensors=%d/op=", many)
	gguf := fmt.Sprintf("open/format=gguf/tokens=%d/op=open+list/impl=", e.vocabulary())
	torch := fmt.Sprintf("open/format=torch/tensors=%d/op=open+list/impl=", e.Small)
	big := "convert/size=" + size(e.Big) + "/op="
	goals := []Goal{
		{fmt.Sprintf("open and list safetensors of %d tensors, beside the names alone in safetensors (Rust)", many), at + "open+list/impl=tensorfile", at + "open+names/impl=python", 2, 0, false},
		{"beside names, dtypes and shapes there", at + "open+list/impl=tensorfile", at + "open+list/impl=python", 1, 0, true},
		{"open and list GGUF with a vocabulary of 256k tokens", gguf + "tensorfile", "", 0, 5 * time.Millisecond, false},
		{"the same beside gguf-py", gguf + "tensorfile", gguf + "python", 1, 0, true},
		{fmt.Sprintf("open and list a PyTorch file of %d tensors, beside torch.load", e.Small), torch + "tensorfile", torch + "torch", 1, 0, false},
	}
	for _, op := range []string{"safetensors-to-tensor", "tensor-to-safetensors"} {
		goals = append(goals,
			Goal{strings.ReplaceAll(op, "-", " ") + " beside a copy of the file", big + op + "/impl=tensorfile", big + "copy-safetensors/impl=io.Copy", 0.8, 0, true},
			Goal{"the same", big + op + "/impl=tensorfile", big + "copy-safetensors/impl=io.Copy", 0.95, 0, false})
	}
	for _, kind := range blockKinds {
		name := "quant/op=dequantise/scheme=" + kind + "/to=f32/"
		goals = append(goals, Goal{"numbers of " + kind + ", one thread, beside gguf-py", name + "workers=1/impl=tensorfile", name + "impl=gguf", 1, 0, true})
	}
	return goals
}
