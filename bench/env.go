package bench

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/tensor"
)

// Env holds the data that cases share. Data is made when it is first asked
// for, from fixed seeds, and has no period. An Env belongs to one goroutine.
type Env struct {
	Dir     string
	Full    bool
	Big     int64 // bytes of a large tensor
	Tensors []int // sizes of files with many tensors
	Small   int   // tensors of the files that are written and read whole
	Sparse  int64 // bytes of the sparse tensor

	// Why is the reason of the last case that was skipped or failed, Equal whether
	// the last case was compared with ours; Compared counts the comparisons, and
	// Failed says that one found a difference.
	Why      string
	Equal    bool
	Compared int
	Failed   bool
	Asked    int // operations that peers were asked for

	python string
	peer   *peer
	torch  string // a Python with PyTorch
	second *peer
	made   map[string]any
	temp   bool
}

// NewEnv reads the environment's variables. Close removes the data.
func NewEnv() (*Env, error) {
	e := &Env{
		Dir:    os.Getenv("TENSORFILE_BENCH_DIR"),
		Full:   os.Getenv("TENSORFILE_BENCH") == "full",
		python: os.Getenv("TENSORFILE_PYTHON"),
		torch:  os.Getenv("TENSORFILE_TORCH"),
		made:   map[string]any{},
	}
	e.Big, e.Tensors, e.Small, e.Sparse = 4<<20, []int{1000}, 500, 100_000_000_000
	if e.Full {
		e.Big, e.Tensors, e.Small = 256<<20, []int{10_000, 100_000, 232_670}, 10_000
	}
	var err error
	if e.Dir == "" {
		e.temp = true
		e.Dir, err = os.MkdirTemp("", "tensorfile-bench-")
	} else {
		err = os.MkdirAll(e.Dir, 0o777)
	}
	return e, err
}

// Reset ends the peers and forgets the data, which is made again when it is asked
// for. What it made for itself is removed.
func (e *Env) Reset() error {
	errs := []error{e.endPeers()}
	for _, x := range e.made {
		switch x := x.(type) {
		case io.Closer:
			errs = append(errs, x.Close())
		case *tensorfile.Tensor:
			errs = append(errs, x.File().Close())
		}
	}
	e.made = map[string]any{}
	runtime.GC()
	if e.temp {
		errs = append(errs, os.RemoveAll(e.Dir), os.Mkdir(e.Dir, 0o700))
	}
	return errors.Join(errs...)
}

// Close ends the peer and removes the data, unless it has a folder of its own.
func (e *Env) Close() error {
	errs := []error{e.endPeers()}
	if e.temp {
		errs = append(errs, os.RemoveAll(e.Dir))
	}
	return errors.Join(errs...)
}

func (e *Env) endPeers() error {
	var errs []error
	for _, p := range []**peer{&e.peer, &e.second} {
		if *p != nil {
			errs = append(errs, (*p).close())
			*p = nil
		}
	}
	return errors.Join(errs...)
}

func (e *Env) path(name string) string { return filepath.Join(e.Dir, name) }

// get makes a value once.
func get[T any](b *testing.B, e *Env, key string, make func() (T, error)) T {
	if x, ok := e.made[key]; ok {
		return x.(T)
	}
	x, err := make()
	check(b, err)
	e.made[key] = x
	return x
}

// check ends a benchmark. testing.Benchmark swallows what b.Fatal says, so it
// goes to standard error, too.
func check(b *testing.B, err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		b.Fatal(err)
	}
}

// floats is a large tensor's worth of weights: normal, deviation 0.02.
func (e *Env) floats(b *testing.B) []float32 {
	return get(b, e, "floats", func() ([]float32, error) {
		r := rand.New(rand.NewPCG(1, 2))
		x := make([]float32, e.Big/4)
		for i := range x {
			x[i] = float32(0.02 * r.NormFloat64())
		}
		return x, nil
	})
}

// bytes is a large tensor's worth of evenly distributed bytes.
func (e *Env) bytes(b *testing.B) []byte {
	return get(b, e, "bytes", func() ([]byte, error) {
		x := make([]byte, e.Big)
		var c [32]byte
		rand.NewChaCha8(c).Read(x)
		return x, nil
	})
}

// bytesFile holds bytes, for the peers.
func (e *Env) bytesFile(b *testing.B, name string, bytes []byte) string {
	return get(b, e, "bytes file "+name, func() (string, error) {
		path := e.path(name + ".bin")
		return path, os.WriteFile(path, bytes, 0o666)
	})
}

// weightsOutcome is the large tensor itself.
func (e *Env) weightsOutcome(b *testing.B) outcome {
	return e.outcome(tensor.FromSlice(e.floats(b), e.Big/4096, 1024))
}

// halves are the weights as f16.
func (e *Env) halves(b *testing.B) []tensor.Float16 {
	x := e.floats(b)
	return get(b, e, "halves", func() ([]tensor.Float16, error) {
		h := make([]tensor.Float16, len(x))
		for i := range h {
			h[i] = tensor.ToFloat16(x[i])
		}
		return h, nil
	})
}

// names are the names of n tensors of a mixture-of-experts model.
func names(n int) []string {
	list := make([]string, 0, n)
	for layer := 0; ; layer++ {
		add := func(format string, args ...any) bool {
			if len(list) == n {
				return false
			}
			list = append(list, fmt.Sprintf("model.layers.%d.", layer)+fmt.Sprintf(format, args...))
			return true
		}
		for _, part := range []string{"input_layernorm", "post_attention_layernorm", "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj", "mlp.gate"} {
			if !add("%s.weight", part) {
				return list
			}
		}
		for expert := range 256 {
			for _, part := range []string{"gate", "up", "down"} {
				if !add("mlp.experts.%d.%s_proj.weight", expert, part) {
					return list
				}
			}
		}
	}
}

// smallData are the elements of n small tensors.
func smallData(n int) []float32 {
	r := rand.New(rand.NewPCG(5, 6))
	x := make([]float32, 16*n)
	for i := range x {
		x[i] = r.Float32()
	}
	return x
}

// smallShape is the shape of small tensor i, of 16 elements.
func smallShape(i int) []int64 {
	switch i % 3 {
	case 0:
		return []int64{16}
	case 1:
		return []int64{4, 4}
	}
	return []int64{2, 2, 4}
}
