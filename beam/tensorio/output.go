package tensorio

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/internal/strictjson"
	"github.com/tensorfile/tensorfile/shard"
	"github.com/tensorfile/tensorfile/tensor"
)

func beamType[T any]() reflect.Type { return reflect.TypeFor[T]() }

// An Output is a set of shards to be written.
type Output struct {
	// Path of the index, NAME.shards.json, or its address of a scheme that the program
	// writes to. The shards stand beside it, as NAME-00001-of-00016.tensor.
	Path string
	// Shards is their number, at most the rows of the longest tensor, and at least 1.
	// Each has as many rows of every tensor, give or take one.
	Shards int
	// Tensors are what is written: all of each, nothing else.
	Tensors []Spec
	// Attrs are those of the set, by EncodeAttrs.
	Attrs string
	// Overwrite replaces a set that is there. Default: false, it is ErrExists.
	Overwrite bool
}

// A Spec is a tensor to be written.
type Spec struct {
	Name  string
	DType string  // as tensor.ParseDType takes it
	Shape []int64 // in elements
	// Chunk and Codec are those of tensorfile.TensorOptions.
	Chunk []int64
	Codec string
	Attrs string // by EncodeAttrs
}

// EncodeAttrs is attributes as the text that Output and Spec have of them, which keeps
// their types on the way to a worker: a JSON object, "" of none.
func EncodeAttrs(a tensorfile.Attrs) (string, error) {
	if len(a) == 0 {
		return "", nil
	}
	b, err := strictjson.Append(nil, a)
	return string(b), err
}

// decodeAttrs reads what EncodeAttrs wrote.
func decodeAttrs(s string) (tensorfile.Attrs, error) {
	if s == "" {
		return nil, nil
	}
	return strictjson.Parse([]byte(s), strictjson.Limits{Depth: 32, Size: 1 << 30, Values: 1 << 25})
}

func (o *Output) fail(kind error, name, field, got, want string) error {
	return &tensor.Error{Kind: kind, Path: o.Path, Tensor: name, Offset: -1, Field: field, Got: got, Want: want}
}

// check checks the output as a whole.
func (o *Output) check() error {
	longest := int64(1)
	seen := map[string]bool{}
	for i := range o.Tensors {
		t := &o.Tensors[i]
		if err := format.CheckName(t.Name); err != nil {
			return err
		}
		if seen[t.Name] {
			return o.fail(tensor.ErrDuplicate, t.Name, "tensor", "two", "one of each name")
		}
		seen[t.Name] = true
		d, err := tensor.ParseDType(t.DType)
		if err == nil && len(t.Shape) > tensor.MaxRank {
			err = o.fail(tensor.ErrLimit, t.Name, "shape", fmt.Sprintf("%d axes", len(t.Shape)), fmt.Sprintf("at most %d", tensor.MaxRank))
		}
		if err == nil {
			_, err = tensor.ByteSize(d, t.Shape)
		}
		if err != nil {
			return err
		}
		n, unit := t.rows()
		longest = max(longest, (n+unit-1)/unit)
	}
	if len(o.Tensors) == 0 {
		return o.fail(tensor.ErrNotFound, "", "tensors", "none", "one or more")
	}
	if o.Shards < 1 || int64(o.Shards) > longest || o.Shards > 1<<16 {
		return o.fail(tensor.ErrLimit, "", "shards", fmt.Sprint(o.Shards), fmt.Sprintf("1 to %d", min(longest, 1<<16)))
	}
	if name := o.ShardName(0); !convert.PlainName(name) || !strings.HasSuffix(o.Path, shard.Extension) || base(o.Path) == shard.Extension {
		return o.fail(tensor.ErrPath, "", "index", tensor.Quote(o.Path), "a name that ends with "+shard.Extension)
	}
	return nil
}

// rows is the extent along which t is cut, and how many of it stay together.
func (t *Spec) rows() (n, unit int64) {
	if len(t.Shape) == 0 || slices.Contains(t.Shape, 0) {
		return 0, 1
	}
	unit = 1
	if d, err := tensor.ParseDType(t.DType); err == nil && len(t.Shape) == 1 {
		unit = int64(d.UnitElems)
	}
	return t.Shape[0], unit
}

// ShardName is the name of the file of shard i, from 0.
func (o *Output) ShardName(i int) string {
	return fmt.Sprintf("%s-%05d-of-%05d%s", strings.TrimSuffix(base(o.Path), shard.Extension), i+1, o.Shards, format.Extension)
}

func base(p string) string {
	if strings.Contains(p, "://") {
		return path.Base(p)
	}
	return filepath.Base(p)
}

// beside is the path of the file called name next to the index.
func (o *Output) beside(name string) string { return strings.TrimSuffix(o.Path, base(o.Path)) + name }

// Rows are those of t that shard i has: from to, but not to. Of a tensor without rows
// or elements shard 0 has all, and from and to are 0.
func (o *Output) Rows(t *Spec, i int) (from, to int64) {
	n, unit := t.rows()
	steps, of := (n+unit-1)/unit, int64(o.Shards)
	at := func(i int64) int64 { return min((steps/of*i+steps%of*i/of)*unit, n) }
	return at(int64(i)), at(int64(i) + 1)
}

// partShape is the shape of what shard i has of t; ok is false if it has nothing.
func (o *Output) partShape(t *Spec, i int) (s tensor.Shape, ok bool) {
	s = slices.Clone(t.Shape)
	if n, _ := t.rows(); n == 0 {
		return s, i == 0
	}
	from, to := o.Rows(t, i)
	s[0] = to - from
	return s, to > from
}

// Written says that a shard is there: the element between WriteShard and WriteIndex.
type Written struct {
	Shard int
	Index []byte // of a set of this shard alone, as JSON
}

// WriteShard writes shard i of o. rows gives the bytes of rows from to, but not to, of
// a tensor, in C order, little-endian; from and to are 0 where Rows says so. It is
// closed after use.
//
// seed stands for all bytes that rows gives, such as the UUID of the file that they are
// of: with the same seed they must be the same, and so is the file then, with another
// one its UUID differs.
//
// Memory is that of a row of chunks. The file has its name when it is complete, and
// replaces one that is there: a bundle that runs twice writes the same again. Where the
// index of a set is there already it is ErrExists, unless o.Overwrite.
func WriteShard(ctx context.Context, o Output, i int, seed []byte, rows func(t *Spec, from, to int64) (io.ReadCloser, error)) (Written, error) {
	done := Written{Shard: i}
	if err := o.check(); err != nil {
		return done, err
	}
	if i < 0 || i >= o.Shards {
		return done, o.fail(tensor.ErrIndex, "", "shard", fmt.Sprint(i), fmt.Sprintf("0 to %d", o.Shards-1))
	}
	if err := o.free(ctx); err != nil {
		return done, err
	}
	name := o.ShardName(i)
	p := o.beside(name)
	opts := &tensorfile.CreateOptions{Overwrite: true, Deterministic: true, Seed: fmt.Appendf(nil, "%s\x00%s", name, seed)}
	out, remote, err := convert.CreateOutput(ctx, p, true)
	if err != nil {
		return done, err
	}
	if err = func() (err error) {
		var w *tensorfile.Writer
		if remote {
			defer func() { err = errors.Join(err, out.Close()) }()
			w, err = tensorfile.NewWriter(out, opts)
		} else {
			w, err = tensorfile.Create(p, opts)
		}
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, w.Close()) }()
		if err := o.fill(ctx, w, i, rows); err != nil {
			return err
		}
		if err := w.Commit(ctx); err != nil || !remote {
			return err
		}
		return out.Commit()
	}(); err != nil {
		return done, err
	}
	x, err := shard.Describe(ctx, p, nil)
	for range mostBundles { // one that runs beside this one puts the same bytes in its place
		if !errors.Is(err, tensor.ErrChanged) {
			break
		}
		x, err = shard.Describe(ctx, p, nil)
	}
	if err == nil {
		done.Index, err = x.AppendJSON(nil)
	}
	return done, err
}

// mostBundles of one shard are thought to end at the same time.
const mostBundles = 16

// fill writes the tensors of shard i.
func (o *Output) fill(ctx context.Context, w *tensorfile.Writer, i int, rows func(t *Spec, from, to int64) (io.ReadCloser, error)) error {
	a, err := decodeAttrs(o.Attrs)
	if err == nil && len(a) > 0 {
		err = w.SetAttrs(a)
	}
	if err != nil {
		return err
	}
	for k := range o.Tensors {
		t := &o.Tensors[k]
		shape, ok := o.partShape(t, i)
		if !ok {
			continue
		}
		d, err := tensor.ParseDType(t.DType)
		if err != nil {
			return err
		}
		a, err := decodeAttrs(t.Attrs)
		if err != nil {
			return err
		}
		opts := &tensorfile.TensorOptions{Attrs: a, Codec: t.Codec, Chunk: slices.Clone(t.Chunk)}
		if len(opts.Chunk) > 0 && len(shape) > 0 {
			opts.Chunk[0] = max(min(opts.Chunk[0], shape[0]), 1)
		}
		from, to := o.Rows(t, i)
		r, err := rows(t, from, to)
		if err != nil {
			return err
		}
		err = w.AddReader(ctx, t.Name, d, shape, r, opts)
		if err = cmp.Or(err, r.Close()); err != nil {
			return err
		}
	}
	return nil
}

// free reports ErrExists where the set is there already and must not be replaced.
func (o *Output) free(ctx context.Context) error {
	if o.Overwrite {
		return nil
	}
	f, err := convert.Open(ctx, o.Path, nil)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = f.Close()
	}
	if err != nil && errors.Is(err, tensor.ErrIO) {
		return err // nobody knows what is there
	}
	return o.fail(tensor.ErrExists, "", "index", "a file", "none (Output.Overwrite)")
}
