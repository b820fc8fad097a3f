package safetensors

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/internal/strictjson"
	"github.com/tensorfile/tensorfile/mmap"
	"github.com/tensorfile/tensorfile/tensor"
)

const (
	indexName = "safetensors-index"
	maxIndex  = maxHeader
	maxShards = 4096 // each is an open file
)

// detectIndex takes an object in whose begin one of its two keys stands.
func detectIndex(prefix []byte) bool {
	p := bytes.TrimLeft(prefix, " \t\r\n")
	return len(p) > 0 && p[0] == '{' && bytes.Contains(p, []byte(`"weight_map"`))
}

// index is a parsed index.
type index struct {
	metadata convert.Attrs
	shards   map[string][]string // file -> names of tensors
}

func parseIndex(b []byte) (*index, error) {
	bad := func(kind error, field, got, want string) error {
		return &tensor.Error{Kind: kind, Format: indexName, Offset: -1, Field: field, Got: got, Want: want}
	}
	m, err := strictjson.Parse(b, strictjson.Limits{Depth: 32, Values: 4 * maxTensors})
	var e *strictjson.Error
	if errors.As(err, &e) {
		kind := tensor.ErrFormat
		switch e.Problem {
		case strictjson.Duplicate:
			kind = tensor.ErrDuplicate
		case strictjson.TooDeep, strictjson.TooMany:
			kind = tensor.ErrLimit
		}
		return nil, &tensor.Error{Kind: kind, Format: indexName, Offset: int64(e.Offset), Field: "index", Got: e.Got, Want: e.Want}
	}
	weights, ok := m["weight_map"].(map[string]any)
	if !ok {
		return nil, bad(tensor.ErrFormat, "weight_map", "none", "an object of names and files")
	}
	x := &index{shards: map[string][]string{}}
	for _, name := range slices.Sorted(maps.Keys(weights)) {
		file, ok := weights[name].(string)
		if !ok {
			return nil, bad(tensor.ErrFormat, "weight_map: "+tensor.Quote(name), fmt.Sprintf("%T", weights[name]), "the name of a file")
		}
		if x.shards[file] = append(x.shards[file], name); len(x.shards) > maxShards {
			return nil, bad(tensor.ErrLimit, "weight_map", "more files", "at most "+strconv.Itoa(maxShards))
		}
	}
	if meta, ok := m["metadata"].(map[string]any); ok {
		delete(meta, "total_size") // of the set, as it was split
		x.metadata = convert.Attrs(meta)
	}
	return x, nil
}

func openIndex(ctx context.Context, in convert.Input, o *convert.ReadOptions) (_ *convert.Layout, err error) {
	if o == nil {
		o = &convert.ReadOptions{}
	}
	if in.Size() > maxIndex {
		return nil, &tensor.Error{Kind: tensor.ErrLimit, Format: indexName, Offset: -1, Field: "index", Got: count(in.Size()), Want: "at most " + strconv.Itoa(maxIndex)}
	}
	b := make([]byte, in.Size())
	if _, err := io.ReadFull(io.NewSectionReader(in, 0, in.Size()), b); err != nil {
		return nil, err
	}
	x, err := parseIndex(b)
	if err != nil {
		return nil, err
	}
	l := &convert.Layout{Format: indexName, Attrs: maps.Clone(x.metadata)}
	defer func() {
		if err != nil {
			for _, m := range l.Sources {
				m.Close()
			}
		}
	}()
	for _, file := range slices.Sorted(maps.Keys(x.shards)) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		m, err := x.shard(ctx, l, in, file, o)
		if err != nil {
			if ctx.Err() != nil || !o.SkipBad {
				return nil, err
			}
			for _, name := range x.shards[file] {
				l.Skipped = append(l.Skipped, &tensor.Error{Kind: kindOf(err), Format: indexName, Tensor: name, Offset: -1, Err: err})
			}
			continue
		}
		l.Sources = append(l.Sources, m)
	}
	return l, nil
}

// shard adds the tensors of one file that the index names to l.
func (x *index) shard(ctx context.Context, l *convert.Layout, in convert.Input, file string, o *convert.ReadOptions) (_ *mmap.Map, err error) {
	m, err := o.OpenBeside(ctx, in, file)
	if err != nil {
		return nil, err
	}
	tensors, storages := len(l.Tensors), len(l.Storages)
	defer func() {
		if err != nil {
			m.Close()
			l.Tensors, l.Storages = l.Tensors[:tensors], l.Storages[:storages]
			var e *tensor.Error
			if errors.As(err, &e) && e.Path == "" {
				e.Path = m.Path()
			}
		}
	}()
	h, err := readHeader(m, o.SkipBad)
	if err != nil {
		return nil, err
	}
	names := x.shards[file] // sorted
	found := 0
	for i := range h.entries {
		if _, ok := slices.BinarySearch(names, h.entries[i].name); ok {
			h.add(l, &h.entries[i], m, len(l.Sources)+1)
			found++
		}
	}
	for _, err := range h.skipped {
		var e *tensor.Error
		if errors.As(err, &e) {
			e.Path = m.Path()
			if _, ok := slices.BinarySearch(names, e.Tensor); ok {
				l.Skipped = append(l.Skipped, err)
				found++
			}
		}
	}
	if found != len(names) {
		has := map[string]bool{}
		for _, t := range l.Tensors[tensors:] {
			has[t.Name] = true
		}
		for _, n := range names {
			if !has[n] {
				return nil, &tensor.Error{Kind: tensor.ErrNotFound, Path: m.Path(), Format: indexName, Tensor: n, Offset: -1, Field: "weight_map", Got: "a name that this file does not have", Want: "one that it has"}
			}
		}
	}
	if more := len(h.entries) - (len(l.Tensors) - tensors); more > 0 {
		l.Notes = append(l.Notes, fmt.Sprintf("%s has %d tensors that the index does not name", tensor.Quote(file), more))
	}
	for k, v := range h.metadata {
		if l.Attrs == nil {
			l.Attrs = convert.Attrs{}
		}
		if _, ok := l.Attrs[k]; !ok {
			l.Attrs[k] = v
		}
	}
	return m, nil
}

// kindOf is the kind of an error that has one.
func kindOf(err error) error {
	var e *tensor.Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return tensor.ErrIO
}
