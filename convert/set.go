package convert

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/tensor"
)

// SetOptions says what Set makes of files. The zero value, and nil, are the
// defaults.
type SetOptions struct {
	// Open says how each file is opened. With Open.SkipBad files that cannot be
	// opened, decoded or taken by Each are left out and listed. Default: the first
	// of them is the error.
	Open OpenOptions
	// Each changes the tensor of each file before it becomes a row. It may be used
	// by several goroutines. Default: nil, nothing.
	Each Operators
	// Operate changes the set as a whole. If it does not keep rows, the names of
	// files are not kept, and there can be no labels. Default: nil, nothing.
	Operate Operators
	// Name of the tensor. Default: the output's, without its extension.
	Name string
	// Label says which class a file is of, by its name; LabelDir is the folder that
	// it lies in. Default: nil, there are no labels.
	Label func(name string) (string, error)

	// Workers is how many files are read at the same time, and open. Default:
	// GOMAXPROCS.
	Workers int
	// MaxBytes bounds the rows that wait for their turn. What the files themselves
	// need while they are decoded comes on top, for each worker once: see
	// ReadOptions.MaxDecoded and operate.Pipeline.MaxBytes. Default: 1 GiB.
	MaxBytes int64
	// Progress is called now and then, by one goroutine at a time. Default: nil.
	Progress func(SetProgress)

	// To, Limit, Overwrite, DryRun, Strict, Stdout, Align, Deterministic, Time,
	// NoSync, Store and Write are those of Options.
	To            string
	Limit         int64
	Overwrite     bool
	DryRun        bool
	Strict        bool
	Stdout        io.Writer
	Align         int
	Deterministic bool
	Time          time.Time
	NoSync        bool
	Store         []Store
	Write         WriteOptions
}

// SetProgress is how far Set is.
type SetProgress struct {
	Stage       SetStage
	Files, Of   int
	Bytes, Size int64 // of rows; 0 while Opening
}

// SetStage is what Set does.
type SetStage uint8

// The stages, in their order; after Checking comes Writing.
const (
	Opening  SetStage = iota // all files, to see what they hold
	Writing                  // rows
	Checking                 // decoding files to find out which are bad
)

// SetResult is what Set did, or would do.
type SetResult struct {
	Result
	Files   int      // rows of the set
	Classes []string // by label
	// Again says that files were decoded twice, because some of them were found
	// bad when they were decoded.
	Again bool
}

// ErrNotOne is the error, beside its kind, of a file that does not hold exactly
// one tensor, and is no file of a set. It is never skipped.
var ErrNotOne = errors.New("a set is made of files with one tensor each")

// Set makes one tensor of many files: row i is the tensor of the i-th. The files
// are of any registered formats. If their tensors differ in shape the set is
// ragged (docs/sets.md says how), which only native outputs hold; dtypes, ranks and
// channels must be the same. A native output keeps the names of the files, their
// shapes where they are not those of the rows, and with Label the labels: see
// Members.
//
// Set goes twice over the files. First it opens all of them, which reads their
// descriptions: that settles what a row is. Then it decodes them, Workers at a
// time, and writes rows in their order. No more files than workers are open, and
// what is held for a file that is not is its name and a few numbers. Rows that
// are ready before their turn wait, at most two for each worker and MaxBytes in
// all; rows larger than that are written piece by piece, one file after the
// other.
//
// If Open.SkipBad lets files be left out, and some are found bad only when they
// are decoded, the others are decoded first to find all of them, and then the set
// is written again without them: there is never a hole.
//
// The output is written as Files writes it: whatever fails, it is then as it was.
func Set(ctx context.Context, names []string, out string, o *SetOptions) (*SetResult, error) {
	s := &set{names: names, bad: map[int]error{}}
	if o != nil {
		s.o = *o
	}
	if s.workers = s.o.Workers; s.workers < 1 {
		s.workers = runtime.GOMAXPROCS(0)
	}
	if s.name = s.o.Name; s.name == "" {
		s.name = setName(out)
	}
	base := &job{out: Redact(out), place: out, o: Options{
		To: s.o.To, Operate: s.o.Operate, Limit: s.o.Limit, Overwrite: s.o.Overwrite, DryRun: s.o.DryRun, Strict: s.o.Strict,
		Stdout: s.o.Stdout, Align: s.o.Align, Deterministic: s.o.Deterministic, Time: s.o.Time, NoSync: s.o.NoSync, Store: s.o.Store, Write: s.o.Write,
	}}
	if err := format.CheckName(s.name); err != nil {
		return nil, inFile(err, out, "")
	}
	if err := base.target(names); err != nil {
		return nil, err
	}
	if s.o.Label != nil && !base.native && base.format.Single {
		return nil, base.fail(tensorfile.ErrUnsupported, "labels", "an output of format "+base.format.Name+", which holds one tensor", "one that holds two")
	}
	if s.o.Label != nil && !s.keepsRows() {
		return nil, base.fail(tensorfile.ErrUnsupported, "labels", "operators behind the stack that move its rows", "operators that keep them")
	}
	if err := s.classify(); err != nil {
		return nil, err
	}
	if err := s.look(ctx); err != nil {
		return nil, err
	}
	if base.out == Stream && s.o.Open.SkipBad && !s.o.DryRun { // what was written there stays
		if err := s.decodeAll(ctx, s.good()); err != nil {
			return nil, err
		}
	}
	for again := false; ; again = true {
		j := *base
		files, err := s.convert(ctx, &j)
		if err == nil {
			j.res.Skipped = s.skipped()
			return &SetResult{j.res, files, s.classes, again}, nil
		}
		row := s.failed
		if s.failed = -1; row < 0 || !s.o.Open.SkipBad || ctx.Err() != nil {
			return nil, err
		}
		good := s.good()
		from, _ := slices.BinarySearch(good, row)
		if err := s.decodeAll(ctx, good[from:]); err != nil {
			return nil, err
		}
	}
}

// setName is the name of a set without one.
func setName(out string) string {
	if out == Stream {
		return "stdout"
	}
	base := filepath.Base(out)
	return strings.TrimSuffix(base, filepath.Ext(base))
}

// set is many files on their way into one tensor.
type set struct {
	o       SetOptions
	names   []string
	name    string
	workers int

	classes []string
	labels  []int32 // of all files; nil: none

	mu     sync.Mutex
	bad    map[int]error
	forms  []form // that files have
	known  map[formKey]int32
	stored []int32 // the form of each file
	row    []int32 // and of what is made of it
	attrs  Attrs   // that all have
	whole  Attrs   // and those of files
	some   bool    // both are those of some
	size   int64   // bytes of all files
	digest [32]byte
	failed int // the file whose row could not be given, or -1
	opened int // files that are looked at or decoded
}

// form is a dtype and a shape.
type form struct {
	dtype tensor.DType
	shape tensor.Shape
}

type formKey struct {
	dtype tensor.DType
	shape string
}

// form notes a form and returns its number.
func (s *set) form(t *tensorfile.Tensor) int32 {
	shape := t.Shape()
	key := formKey{t.DType(), fmt.Sprint(shape)}
	n, ok := s.known[key]
	if !ok {
		n = int32(len(s.forms))
		s.known[key] = n
		s.forms = append(s.forms, form{t.DType(), shape.Clone()})
	}
	return n
}

// shown is the name of a file for people: an address is without its password.
func (s *set) shown(i int) string { return Redact(s.names[i]) }

// good are the files that make up the set, as far as is known.
func (s *set) good() []int {
	list := make([]int, 0, len(s.names)-len(s.bad))
	for i := range s.names {
		if _, bad := s.bad[i]; !bad {
			list = append(list, i)
		}
	}
	return list
}

// skipped are the errors of the others, in the order of the files.
func (s *set) skipped() []error {
	var list []error
	for _, i := range slices.Sorted(maps.Keys(s.bad)) {
		list = append(list, s.bad[i])
	}
	return list
}

// convert plans the set of the files that are good and writes it.
func (s *set) convert(ctx context.Context, j *job) (files int, err error) {
	defer j.close()
	s.failed = -1
	list := s.good()
	if len(list) == 0 {
		return 0, s.skipped()[0]
	}
	p, err := s.plan(list)
	if err != nil {
		return 0, err
	}
	if p.ragged && s.o.Operate != nil {
		a, b := s.odd(list)
		return 0, s.unlike(a, b, "an equal shape, as the operators behind the stack need one")
	}
	f, err := p.open(j.native && s.keepsRows())
	if err != nil {
		return 0, err
	}
	j.files, j.size = []*tensorfile.File{f}, s.size
	if j.o.Deterministic {
		j.digest = fmt.Appendf(nil, "files %x\neach %v\nclasses %q\n", s.digest, s.o.Each, s.classes)
	}
	var rest []item
	for t, err := range f.Tensors() {
		if err != nil {
			return 0, err
		}
		if t.Name() == s.name {
			j.chosen = []item{{t: t, name: s.name, write: p.writer()}}
		} else {
			rest = append(rest, item{t: t, name: t.Name()})
		}
	}
	j.items = j.chosen
	if err := j.derive(ctx); err != nil {
		return 0, err
	}
	j.items = append(j.items, rest...)
	if !j.native && len(s.classes) > 0 {
		j.res.Losses = append(j.res.Losses, "the list of classes")
	}
	for _, step := range []func() error{j.holds, j.distinct, j.stores, j.limit, j.losses} {
		if err := step(); err != nil {
			return 0, err
		}
	}
	if p.ragged {
		j.res.Notes = append(j.res.Notes, "shapes differ: a ragged set, the shapes of its rows are in "+tensor.Quote(s.name+".shapes"))
	}
	name, err := s.tensorName(ctx, list[0])
	switch {
	case err != nil:
	case s.o.DryRun:
		err = j.plan(ctx)
	default:
		err = j.write(ctx)
	}
	if err != nil {
		return 0, err
	}
	j.written()
	for i := range j.res.Tensors {
		w := &j.res.Tensors[i]
		w.From, w.Old, w.Parts = s.shown(list[0]), name, len(list)
	}
	return len(list), nil
}

// keepsRows reports whether the rows of the output are those of the set.
func (s *set) keepsRows() bool { return s.o.Operate == nil || s.o.Operate.KeepsRows() }

// tensorName is the name of the tensor of a file.
func (s *set) tensorName(ctx context.Context, i int) (string, error) {
	m, err := s.member(ctx, i)
	if err != nil {
		s.fail(ctx, i, err)
		return "", err
	}
	return m.t.Name(), m.close()
}
