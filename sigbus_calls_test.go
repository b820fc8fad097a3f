//go:build unix && !aix

package tensorfile_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/compare"
	"github.com/tensorfile/tensorfile/convert"
	_ "github.com/tensorfile/tensorfile/convert/npy"
	"github.com/tensorfile/tensorfile/internal/fsys"
	"github.com/tensorfile/tensorfile/mmap"
	"github.com/tensorfile/tensorfile/tensor"
	"github.com/tensorfile/tensorfile/tensor/stats"
)

// cutForms are all forms by name. Each runs in a process of its own.
var cutForms = func() map[string]form {
	all := map[string]form{}
	for group, forms := range map[string]map[string]form{"call ": callForms, "inside ": insideForms} {
		for name, f := range forms {
			all[group+name] = f
		}
	}
	return all
}()

// callForms are the calls of the library that reach mapped bytes by themselves.
var callForms = map[string]form{
	"Read": func(v *torn) error { _, err := v.bytes.Read(ctx); return err },
	"Read selection": func(v *torn) error {
		_, err := v.floats.Read(ctx, tensor.Selection{{Kind: tensor.SelectRange, Start: tensor.None, Stop: tensor.None, Step: -1000}})
		return err
	},
	"Read one element": func(v *torn) error {
		_, err := v.words.Read(ctx, tensor.Selection{{Kind: tensor.SelectIndex, Start: -1}})
		return err
	},
	"Read strided tensor": func(v *torn) error { return readNamed(v, "back") },
	"ReadInto": func(v *torn) error {
		dst, err := tensor.Make(tensor.F32, v.floats.Shape())
		return errors.Join(err, v.floats.ReadInto(ctx, dst))
	},
	"ReadInto backward": func(v *torn) error {
		dst, _ := tensor.Make(tensor.F32, v.floats.Shape())
		dst, err := dst.Flip(0)
		return errors.Join(err, v.floats.ReadInto(ctx, dst))
	},
	"ReadInto big-endian": func(v *torn) error {
		dst, err := tensor.NewView(make([]byte, cutSize), tensor.U64, v.words.Shape(), nil, 0, tensor.BigEndian)
		return errors.Join(err, v.words.ReadInto(ctx, dst))
	},
	"WriteCOrder discard": func(v *torn) error { return v.bytes.WriteCOrder(ctx, io.Discard) },
	"WriteCOrder buffer":  func(v *torn) error { return v.bytes.WriteCOrder(ctx, new(bytes.Buffer)) },
	"WriteCOrder hash":    func(v *torn) error { return v.bytes.WriteCOrder(ctx, sha256.New()) },
	"WriteCOrder gzip":    func(v *torn) error { return v.bytes.WriteCOrder(ctx, gzip.NewWriter(io.Discard)) },
	"WriteCOrder file":    func(v *torn) error { return toFile(v, v.bytes.WriteCOrder) },
	"WriteCOrder pipe":    func(v *torn) error { return toPipe(v, v.bytes.WriteCOrder) },
	"WriteOrder":          func(v *torn) error { return v.words.WriteOrder(ctx, io.Discard, []int{0}) },
	"Data of bools":       func(v *torn) error { _, err := tensorfile.Data[bool](v.flags); return err },
	"AcquireData of bools": func(v *torn) error {
		_, l, err := tensorfile.AcquireData[bool](v.flags)
		l.Release()
		return err
	},
	"View of bools": func(v *torn) error { _, err := tensorfile.View[bool](v.flags); return err },
	"Verify": func(v *torn) error {
		r, err := v.f.Verify(ctx, nil)
		if err == nil {
			err = errors.Join(r.Findings...)
		}
		return err
	},
	"Read of chunks":         func(v *torn) error { _, err := v.grid.Read(ctx); return err },
	"Read of encoded chunks": func(v *torn) error { _, err := v.coded.Read(ctx); return err },
	"Read of one chunk":      func(v *torn) error { return oneOf(v.coded) },
	"WriteCOrder of chunks":  func(v *torn) error { return v.grid.WriteCOrder(ctx, io.Discard) },
	"Hash of encoded chunks": func(v *torn) error { _, err := v.coded.Hash(ctx); return err },
	"Copy of chunks":         func(v *torn) error { return copyOf(v.grid) },
	"Copy of encoded chunks": func(v *torn) error { return copyOf(v.coded) },
	"Chunks":                 func(v *torn) error { return eachChunk(v.coded) },
	"Tensor.Hash":            func(v *torn) error { _, err := v.bytes.Hash(ctx); return err },
	"File.Hash":              func(v *torn) error { _, err := v.f.Hash(ctx, nil); return err },
	"File.Hashes": func(v *torn) (last error) {
		for _, err := range v.f.Hashes(ctx, nil) {
			last = errors.Join(last, err)
		}
		return last
	},
	"Writer.Copy": func(v *torn) error {
		w, err := tensorfile.Create(filepath.Join(v.dir, "copy"), nil)
		if err != nil {
			return err
		}
		defer w.Close()
		return w.Copy(ctx, tensorfile.Item{Tensor: v.bytes})
	},
	"Writer.Copy of a part": func(v *torn) error {
		x, err := v.other.Tensor("second")
		w, e := tensorfile.NewWriter(io.Discard, nil)
		if err = errors.Join(err, e, w.Copy(ctx, tensorfile.Item{Tensor: x})); err != nil {
			return err
		}
		return w.Copy(ctx, tensorfile.Item{Tensor: v.floats, Name: "f"})
	},
	"Writer.Add": inside(func(v *torn, _ []byte) error {
		x, err := v.bytes.View()
		w, e := tensorfile.NewWriter(io.Discard, nil)
		return errors.Join(err, e, w.Add(ctx, "x", x, nil))
	}),
	"Writer.Add small": inside(func(v *torn, _ []byte) error {
		x, err := v.bytes.View()
		y, e := x.Slice(0, -100, tensor.None, 1)
		w, e2 := tensorfile.NewWriter(io.Discard, nil)
		return errors.Join(err, e, e2, w.Add(ctx, "x", y, nil))
	}),
	"Writer.Add turned": inside(func(v *torn, _ []byte) error {
		x, err := v.floats.View()
		y, e := x.Reshape(tensor.Shape{1024, cutSize / 4096})
		y, e2 := y.Permute(1, 0)
		w, e3 := tensorfile.NewWriter(io.Discard, nil)
		return errors.Join(err, e, e2, e3, w.Add(ctx, "x", y, nil))
	}),
	"Writer.AddReader": inside(func(v *torn, _ []byte) error {
		w, err := tensorfile.NewWriter(io.Discard, nil)
		return errors.Join(err, w.AddReader(ctx, "x", tensor.U8, v.bytes.Shape(), bytes.NewReader(v.data), nil))
	}),
	"Repack": func(v *torn) error {
		_, err := tensorfile.Repack(ctx, v.f, filepath.Join(v.dir, "repacked"), nil)
		return err
	},
	"Repack in place": func(v *torn) error {
		_, err := tensorfile.Repack(ctx, v.f, v.path, nil)
		return err
	},
	"Recover": func(v *torn) error {
		_, err := tensorfile.RecoverMap(ctx, v.byPread, filepath.Join(v.dir, "recovered"), fsys.OS)
		return err
	},
	"Tensor":   func(v *torn) error { _, err := v.f.Tensor("second"); return err },
	"Attrs":    func(v *torn) error { _, err := v.f.Attrs(); return err },
	"Len":      func(v *torn) error { _, err := v.f.Len(); return err },
	"Names":    func(v *torn) error { return lastOf(maps.Collect(v.f.Names())) },
	"Tensors":  func(v *torn) error { return lastOf(maps.Collect(v.f.Tensors())) },
	"Usage":    func(v *torn) error { _, err := v.f.Usage(ctx); return err },
	"Changes":  func(v *torn) error { _, err := v.f.Changes(ctx, 1, 2); return err },
	"Check":    func(v *torn) error { return v.f.Check() },
	"Refresh":  func(v *torn) error { _, err := v.f.Refresh(); return err },
	"Populate": func(v *torn) error { return v.f.Map().Advise(0, -1, mmap.Populate) },
	"Map.ReadAt": func(v *torn) error {
		_, err := v.f.Map().ReadAt(make([]byte, 10), cutKeep+5000)
		return err
	},
	"Map.Guard": func(v *torn) error {
		return v.f.Map().Guard(func() error { touched += v.f.Map().Bytes()[cutKeep+5000]; return nil })
	},
	"Map.Enter": func(v *torn) (err error) {
		fence, err := v.f.Map().Enter()
		if err != nil {
			return err
		}
		defer fence.Leave(&err)
		touched += v.data[cutKeep+5000]
		return nil
	},
	"Lease.Guard": func(v *torn) error {
		l, err := v.words.Lease()
		if err != nil {
			return err
		}
		defer l.Release()
		return l.Guard(func() error { touched += byte(v.numbers[len(v.numbers)-1]); return nil })
	},
	"Generations": func(v *torn) (last error) {
		for _, err := range v.f.Generations(ctx) {
			last = err
		}
		return last
	},
	"compare.Files":   func(v *torn) error { return compared(v.f, v.other) },
	"compare.Files 2": func(v *torn) error { return compared(v.other, v.f) },
	"compare.Tensors": func(v *torn) error {
		other, err := v.other.Tensor("floats")
		if err != nil {
			return err
		}
		r, err := compare.Tensors(ctx, other, v.floats, &compare.Options{Tolerance: &compare.Tolerance{}})
		if err == nil {
			err = r.Err
		}
		return err
	},
	"convert to npz": func(v *torn) error {
		w, ok := convert.ByName("npz")
		if !ok {
			return errors.New("no npz")
		}
		return w.Write(ctx, io.Discard, []convert.Source{{As: "a", Tensor: v.floats}, {As: "b", Tensor: v.bytes}}, &convert.WriteOptions{})
	},
	"convert to npy": func(v *torn) error {
		w, ok := convert.ByName("npy")
		if !ok {
			return errors.New("no npy")
		}
		return w.Write(ctx, io.Discard, []convert.Source{{As: "a", Tensor: v.words}}, &convert.WriteOptions{})
	},
	"stats": func(v *torn) error {
		return v.floats.Guard(func(x tensor.View) error {
			a, err := stats.New(tensor.F32, nil)
			if err != nil {
				return err
			}
			return a.Add(x)
		})
	},
	"ReadMapped":          func(v *torn) error { return readBy(v, tensorfile.ReadMapped) },
	"ReadPositioned":      func(v *torn) error { return readBy(v, tensorfile.ReadPositioned) },
	"ReadDirect":          func(v *torn) error { return readBy(v, tensorfile.ReadDirect) },
	"View on first use":   func(v *torn) error { _, err := v.first.View(); return err },
	"Read on first use":   func(v *torn) error { _, err := v.first.Read(ctx); return err },
	"Write on first use":  func(v *torn) error { return v.first.WriteCOrder(ctx, io.Discard) },
	"Data on first use":   func(v *torn) error { _, err := tensorfile.Data[byte](v.first); return err },
	"Guard on first use":  func(v *torn) error { return v.first.Guard(func(tensor.View) error { return nil }) },
	"lookup on first use": func(v *torn) error { _, err := v.lazy.Tensor("second"); return err },
}

// readBy reads in one of the ways that there are.
func readBy(v *torn, mode tensorfile.ReadMode) error {
	_, err := v.ways[mode].Read(ctx)
	return err
}

// oneOf reads an element out of a chunk in the middle.
func oneOf(t *tensorfile.Tensor) error {
	_, err := t.Read(ctx, tensor.Selection{{Kind: tensor.SelectIndex, Start: 300}, {Kind: tensor.SelectIndex, Start: -1}})
	return err
}

func copyOf(t *tensorfile.Tensor) error {
	w, err := tensorfile.NewWriter(io.Discard, nil)
	return errors.Join(err, w.Copy(ctx, tensorfile.Item{Tensor: t}))
}

func eachChunk(t *tensorfile.Tensor) (all error) {
	for _, err := range t.Chunks(ctx, nil) {
		all = errors.Join(all, err)
	}
	return all
}

func readNamed(v *torn, name string) error {
	t, err := v.f.Tensor(name)
	if err != nil {
		return err
	}
	_, err = t.Read(ctx)
	return err
}

func lastOf[K comparable](all map[K]error) (last error) {
	for _, err := range all {
		if err != nil {
			last = err
		}
	}
	return last
}

func compared(a, b *tensorfile.File) (last error) {
	for r, err := range compare.Files(ctx, a, b, nil) {
		switch {
		case err != nil:
			last = err
		case r.Err != nil && last == nil:
			last = r.Err
		}
	}
	return last
}

// toFile gives mapped bytes to write(2).
func toFile(v *torn, write func(context.Context, io.Writer) error) error {
	out, err := os.CreateTemp(v.dir, "")
	if err != nil {
		return err
	}
	defer out.Close()
	return write(ctx, out)
}

// toPipe is toFile with a pipe, which takes a little at a time.
func toPipe(_ *torn, write func(context.Context, io.Writer) error) error {
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		io.Copy(io.Discard, r)
	}()
	err = write(ctx, w)
	w.Close()
	<-done
	r.Close()
	return err
}
