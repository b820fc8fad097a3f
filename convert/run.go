package convert

import (
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/internal/atomicfile"
	"github.com/tensorfile/tensorfile/internal/fsys"
	"github.com/tensorfile/tensorfile/mmap"
	"github.com/tensorfile/tensorfile/tensor"
)

// Options says what Files writes and how. The zero value, and nil, are the
// defaults.
type Options struct {
	// Open says how the inputs are opened. Payloads are always compared with the
	// checksums that their format has, whatever Open.Verify says. With
	// Open.SkipBad, tensors that are damaged or cannot be read are left out.
	Open OpenOptions
	// Stdin opens the input "-". Default: nil, "-" is an error.
	Stdin func(ctx context.Context, o *OpenOptions) (*tensorfile.File, error)
	// To is the name of the output's format. Default: by the extension of the
	// output.
	To string

	// Only and Exclude are names or globs: what is taken, and what of that is
	// left out. Default: everything.
	Only, Exclude []string
	// Rename gives tensors other names.
	Rename []Rename
	// Operate changes the tensors that were taken, under their new names. Default:
	// nil, they stay what they are.
	Operate Operators
	// Name is the name of the one tensor that is converted; of an input that
	// holds a single array without a name it is the name that all its parts get
	// theirs from. Default: the tensor's own, or that of the file.
	Name string

	// Limit bounds the bytes that are written out: aliases and broadcasts can be
	// far larger than the file that holds them. Default: 4 GiB or eight times
	// the inputs, whichever is more. Negative: no limit.
	Limit int64
	// Overwrite replaces an output that is there. Default: false.
	Overwrite bool
	// DryRun plans, checks, and writes nothing. Default: false.
	DryRun bool
	// Strict makes what the output's format cannot hold an error instead of a
	// loss that Result lists. Default: false.
	Strict bool
	// Stdout takes the output "-". Default: nil, "-" is an error.
	Stdout io.Writer

	// Align, Deterministic, Time and NoSync are those of
	// tensorfile.CreateOptions, NoSync for foreign outputs, too.
	Align         int
	Deterministic bool
	Time          time.Time
	NoSync        bool
	// Store says how tensors are stored in a native output. Default: as plain
	// bytes, and tensors in chunks as they are.
	Store []Store
	// Write says how foreign outputs are written.
	Write WriteOptions

	// Progress is called now and then from one goroutine with the bytes written
	// so far and those expected in all. Default: nil.
	Progress func(done, total int64)
}

// Rename is a new name for a tensor.
type Rename struct{ Old, New string }

// Stream is the path that means standard input or output.
const Stream = "-"

// Written is one tensor of an output.
type Written struct {
	From  string // path of the input
	Old   string // name there
	Parts int    // how many tensors it is made of: From and Old are of the first
	Name  string
	DType tensor.DType
	Shape tensor.Shape
	// Layout is that of a composite: "csr". Default: "", it is dense.
	Layout string
	Bytes  int64 // logical
	// Codec and Chunk are what rules ask for, of the native output. Default: "",
	// nil, the tensor is stored as it is.
	Codec string
	Chunk tensor.Shape
}

// Ruled reports whether a rule says how the tensor is stored.
func (w *Written) Ruled() bool { return w.Codec != "" || w.Chunk != nil }

// Result is what Files did, or would do.
type Result struct {
	Format  string
	Tensors []Written
	Bytes   int64 // logical, of all tensors
	// Skipped is what was left out because it cannot be read, where
	// Options.Open.SkipBad allows that.
	Skipped []error
	// Losses say what the output's format does not hold.
	Losses []string
	// Notes say what is worth knowing about how it is stored.
	Notes []string
}

// ErrNoMatch is what Files returns if nothing is left to convert: no pattern
// matches, or the inputs are empty of what was asked for.
var ErrNoMatch = errors.New("no tensor matches")

// job is one conversion.
type job struct {
	o      Options
	out    string // as it is shown
	place  string // the path, or the address
	remote bool   // an address that bytes are written to
	into   bool   // something that is there: Format.WriteTo writes
	native bool
	format Format
	files  []*tensorfile.File
	chosen []item // of the inputs
	items  []item // to write: those, or what operators make of them
	res    Result
	size   int64 // of the inputs
	checks map[*Layout]map[string]LayoutCheck

	derived *Derived // what operators made
	digest  []byte   // of inputs that are not in files; nil: none
}

type item struct {
	t      *tensorfile.Tensor
	name   string
	chunks *tensorfile.TensorOptions // nil: as it is
	from   []*tensorfile.Tensor      // of the inputs; nil: t itself
	// write, if not nil, writes it to a native output.
	write func(ctx context.Context, w *tensorfile.Writer, name string, o *tensorfile.TensorOptions) error
}

// sources are the tensors of the inputs that it is made of.
func (it *item) sources() []*tensorfile.Tensor {
	if it.from == nil {
		return []*tensorfile.Tensor{it.t}
	}
	return it.from
}

// Files converts the tensors of one or more files, native or of any registered
// format, to one file. Several inputs become one namespace, in which no name
// may occur twice. The output is a file, written beside its place, synced and
// renamed, or "-". Whatever fails, the output is then as it was before; an
// output that is one of the inputs is refused.
//
// Between native files, and from mapped foreign ones to native ones, strides
// and shared storages are kept.
func Files(ctx context.Context, inputs []string, out string, o *Options) (*Result, error) {
	j := &job{out: Redact(out), place: out}
	if o != nil {
		j.o = *o
	}
	defer j.close()
	if err := j.target(inputs); err != nil {
		return nil, err
	}
	if err := j.open(ctx, inputs); err != nil {
		return nil, err
	}
	early := j.o.Operate != nil && j.o.Open.SkipBad // what is made of the others may be another thing
	probe := func() error {
		if early {
			return j.probe(ctx)
		}
		return nil
	}
	derive := func() error { return j.derive(ctx) }
	for _, step := range []func() error{j.choose, j.rename, probe, derive, j.holds, j.distinct, j.stores, j.limit, j.losses} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	if j.o.DryRun {
		if err := j.plan(ctx); err != nil {
			return nil, err
		}
	} else {
		if !early {
			if err := j.probe(ctx); err != nil {
				return nil, err
			}
		}
		if err := j.write(ctx); err != nil {
			return nil, err
		}
	}
	j.written()
	return &j.res, nil
}

// written lists the tensors in the result.
func (j *job) written() {
	j.res.Bytes = 0
	for _, it := range j.items {
		j.res.Bytes += it.t.ByteSize()
		from := it.sources()
		w := Written{From: from[0].File().Path(), Old: from[0].Name(), Parts: len(from), Name: it.name, DType: it.t.DType(), Shape: it.t.Shape(), Bytes: it.t.ByteSize(), Layout: layoutOf(it.t)}
		if it.chunks != nil {
			w.Codec, w.Chunk = it.chunks.Codec, it.chunks.Chunk
		}
		j.res.Tensors = append(j.res.Tensors, w)
	}
}

func (j *job) close() {
	if j.derived != nil {
		j.derived.Close()
	}
	for _, f := range j.files {
		f.Close()
	}
}

func (j *job) fail(kind error, field, got, want string) error {
	return &Error{Kind: kind, Path: j.out, Offset: -1, Field: field, Got: got, Want: want}
}

// target finds the output's format and looks at its place: neither an input
// nor something that must stay.
func (j *job) target(inputs []string) error {
	if len(inputs) == 0 {
		return j.fail(tensorfile.ErrPath, "inputs", "none", "at least one")
	}
	if err := j.outFormat(); err != nil {
		return err
	}
	j.res.Format = format.Name
	if !j.native {
		j.res.Format = j.format.Name
	}
	if e := j.o.Write.Encoding; e != "" && !slices.Contains(j.format.Encodings, e) {
		want := "none: " + j.res.Format + " has no encodings of samples"
		if len(j.format.Encodings) > 0 {
			want = "one of " + strings.Join(j.format.Encodings, ", ")
		}
		return j.fail(tensorfile.ErrUnsupported, "encoding", tensor.Quote(e), want)
	}
	if j.out == Stream {
		if j.o.Stdout == nil {
			return j.fail(tensorfile.ErrPath, "output", "standard output", "a file")
		}
		return nil
	}
	for _, in := range inputs {
		if in == Stream || schemeOf(in) != "" {
			continue
		}
		if schemeOf(j.place) != "" {
			break
		}
		switch same, err := atomicfile.Same(fsys.Default(), in, j.out); {
		case err != nil:
			return err
		case same:
			return j.fail(tensorfile.ErrPath, "output", "the same file as the input "+tensor.Quote(in), "another file")
		}
	}
	if j.into || j.remote {
		return nil // what is written says whether it may be
	}
	return atomicfile.Check(j.out, &atomicfile.Options{Overwrite: j.o.Overwrite})
}

// outFormat finds the output's format, and whether it is something that is there
// and is written into.
func (j *job) outFormat() error {
	unsupported := func(got, want string) error {
		return j.fail(tensorfile.ErrUnsupported, "output format", got, want)
	}
	if f, ok := byScheme(j.place); ok {
		j.format, j.into = f, true
		if f.WriteTo == nil || j.o.To != "" && j.o.To != f.Name {
			return unsupported(tensor.Quote(j.o.To)+" at such an address", f.Name)
		}
		return nil
	}
	if j.remote = takesOutput(j.place); j.remote {
		// By its extension, as a path.
	} else if scheme := schemeOf(j.place); scheme != "" {
		j.out = "" // may have a password
		return unsupported(scheme+"://...", "a path, or an address of a format that this program has")
	}
	switch f, ok := ByExtension(j.out); {
	case j.o.To == format.Name, j.o.To == "" && (j.out == Stream || strings.HasSuffix(strings.ToLower(j.out), format.Extension)):
		j.native = true
		return nil
	case j.o.To != "":
		if j.format, ok = ByName(j.o.To); !ok || j.format.Write == nil {
			return unsupported(tensor.Quote(j.o.To), "one of "+writable())
		}
	case !ok || f.Write == nil:
		return unsupported("an extension that names none", "one such as "+extensions()+", or a format by name")
	default:
		j.format = f
	}
	if j.format.WriteTo != nil && j.o.Write.Table != "" && j.out != Stream && !j.remote {
		var err error
		j.into, err = holds(j.out, j.format)
		return err
	}
	return nil
}

// holds reports whether there is a file at path that is of the format.
func holds(path string, f Format) (bool, error) {
	m, err := mmap.Open(path, &mmap.Options{NoMmap: true})
	if err != nil {
		return false, nil // there is none, or none that can be read: creating it says more
	}
	defer m.Close()
	prefix := make([]byte, min(m.Size(), 512))
	_, err = m.ReadAt(prefix, 0)
	return err == nil && f.Detect(prefix), err
}

func writable() string {
	names := []string{format.Name}
	for _, f := range Formats() {
		if f.Write != nil {
			names = append(names, f.Name)
		}
	}
	return strings.Join(names, ", ")
}

func extensions() string {
	names := []string{format.Extension}
	for _, f := range Formats() {
		if f.Write != nil && len(f.Extensions) > 0 {
			names = append(names, f.Extensions[0])
		}
	}
	return strings.Join(names, ", ")
}

// open opens the inputs.
func (j *job) open(ctx context.Context, inputs []string) error {
	o := j.o.Open
	o.Verify = tensorfile.VerifyOnFirstUse
	o.SkipBad = true // choose decides: what is bad and not wanted does no harm
	if j.o.Name != "" {
		if len(inputs) > 1 {
			return j.fail(tensorfile.ErrDuplicate, "name", fmt.Sprintf("%s for %d inputs", tensor.Quote(j.o.Name), len(inputs)), "one input")
		}
		if err := format.CheckName(j.o.Name); err != nil {
			return inFile(err, j.out, "")
		}
		o.Name = j.o.Name
	}
	for _, in := range inputs {
		var f *tensorfile.File
		var err error
		if in == Stream {
			if j.o.Stdin == nil {
				return &Error{Kind: tensorfile.ErrPath, Path: in, Offset: -1, Field: "input", Got: "standard input", Want: "a file"}
			}
			so := o // the function may change it
			f, err = j.o.Stdin(ctx, &so)
		} else {
			f, err = Open(ctx, in, &o)
		}
		if err != nil {
			return err
		}
		j.files = append(j.files, f)
		j.size += f.Info().Size
	}
	return nil
}

// write writes the output.
func (j *job) write(ctx context.Context) (err error) {
	if j.native {
		return j.writeNative(ctx)
	}
	if slices.ContainsFunc(j.files, func(f *tensorfile.File) bool { return f.Map().Expects() }) {
		tensors := make([]*tensorfile.Tensor, len(j.items))
		for i, it := range j.items {
			tensors[i] = it.t
		}
		defer tensorfile.ReadAhead(tensors...)()
	}
	if j.into {
		return inFile(j.format.WriteTo(ctx, j.destination(), sources(j.items), &j.o.Write), j.out, j.format.Name)
	}
	if j.out == Stream {
		b := bufio.NewWriterSize(j.progress(j.o.Stdout), writeBuffer)
		if err := j.format.Write(ctx, b, sources(j.items), &j.o.Write); err != nil {
			return inFile(err, j.out, j.format.Name)
		}
		return inFile(b.Flush(), j.out, j.format.Name)
	}
	var f Output
	var fill io.WriterAt
	if j.remote {
		f, _, err = CreateOutput(ctx, j.place, j.o.Overwrite)
	} else {
		var file *atomicfile.File
		file, err = atomicfile.Create(j.out, &atomicfile.Options{Overwrite: j.o.Overwrite, NoSync: j.o.NoSync})
		f, fill = file, file
	}
	if err != nil {
		return err
	}
	defer func() { err = atomicfile.Also(err, f.Close()) }()
	buf := bufio.NewWriterSize(j.progress(f), writeBuffer)
	var b io.Writer = buf
	if fill != nil {
		b = &output{buf, fill}
	}
	if err = j.format.Write(ctx, b, sources(j.items), &j.o.Write); err == nil {
		err = buf.Flush()
	}
	if err == nil {
		err = ctx.Err()
	}
	if err == nil {
		err = j.unchanged()
	}
	if err == nil {
		err = f.Commit()
	}
	return inFile(err, j.out, j.format.Name)
}

// destination is what Format.WriteTo writes into.
func (j *job) destination() Target {
	to := Target{Path: j.place, Overwrite: j.o.Overwrite, DryRun: j.o.DryRun, NoSync: j.o.NoSync, Check: j.unchanged}
	if j.o.Progress != nil {
		to.Progress = func(done int64) { j.o.Progress(min(done, j.res.Bytes), j.res.Bytes) }
	}
	return to
}

// output is a file that is written in order, and of which what was written can be
// filled in.
type output struct {
	*bufio.Writer
	f io.WriterAt
}

func (o *output) WriteAt(p []byte, off int64) (int, error) {
	if err := o.Flush(); err != nil {
		return 0, err
	}
	return o.f.WriteAt(p, off)
}

func sources(items []item) []Source {
	src := make([]Source, len(items))
	for i, it := range items {
		src[i] = Source{it.t, it.name}
	}
	return src
}

// plan finds out whether the output's format can hold the tensors: formats look
// at all of them before they write the first byte, and get no further.
func (j *job) plan(ctx context.Context) error {
	if j.native {
		return nil
	}
	if j.into {
		return inFile(j.format.WriteTo(ctx, j.destination(), sources(j.items), &j.o.Write), j.out, j.format.Name)
	}
	err := j.format.Write(ctx, noWriter{}, sources(j.items), &j.o.Write)
	if errors.Is(err, errNoWrite) {
		err = nil
	}
	return inFile(err, j.out, j.format.Name)
}

var errNoWrite = errors.New("nothing is written")

type noWriter struct{}

func (noWriter) Write([]byte) (int, error) { return 0, errNoWrite }

// writeBuffer gathers the small writes of a format; payloads pass by it.
const writeBuffer = 1 << 20

func (j *job) writeNative(ctx context.Context) (err error) {
	o := &tensorfile.CreateOptions{
		Overwrite: j.o.Overwrite, Align: j.o.Align, Deterministic: j.o.Deterministic, Time: j.o.Time, NoSync: j.o.NoSync,
	}
	if o.Deterministic {
		if o.Seed, err = j.seed(ctx); err != nil {
			return err
		}
	}
	var w *tensorfile.Writer
	var far Output
	switch {
	case j.remote:
		if far, _, err = CreateOutput(ctx, j.place, j.o.Overwrite); err != nil {
			return err
		}
		defer func() { err = atomicfile.Also(err, far.Close()) }()
		w, err = tensorfile.NewWriter(far, o)
	case j.out == Stream:
		w, err = tensorfile.NewWriter(j.o.Stdout, o)
	default:
		w, err = tensorfile.Create(j.out, o)
	}
	if err != nil {
		return err
	}
	defer func() { err = atomicfile.Also(err, w.Close()) }()
	attrs, err := j.fileAttrs()
	if err == nil && len(attrs) > 0 {
		err = w.SetAttrs(attrs)
	}
	if err != nil {
		return err
	}
	if err := j.copyTo(ctx, w); err != nil {
		return err
	}
	if err := w.Commit(ctx); err != nil || far == nil {
		return err
	}
	return far.Commit()
}

// copyTo copies the tensors to w.
func (j *job) copyTo(ctx context.Context, w *tensorfile.Writer) error {
	done := int64(0)
	groups, err := j.groups()
	if err != nil {
		return err
	}
	for _, group := range groups {
		var items []tensorfile.Item
		for _, it := range group {
			done += it.t.ByteSize()
			if it.write != nil {
				if err := it.write(ctx, w, it.name, it.chunks); err != nil {
					return err
				}
			} else if !it.anew() {
				items = append(items, tensorfile.Item{Tensor: it.t, Name: it.name, Chunks: it.chunks})
			} else if err := it.add(ctx, w); err != nil {
				return err
			}
		}
		if err := w.Copy(ctx, items...); err != nil {
			return err
		}
		if j.o.Progress != nil {
			j.o.Progress(done, j.res.Bytes)
		}
	}
	return j.unchanged()
}

// seed hashes all that decides the bytes of the output, so that different
// files have different UUIDs: the inputs as they are, and what is taken of
// them. It reads the inputs once more.
func (j *job) seed(ctx context.Context) ([]byte, error) {
	h := sha256.New()
	attrs, err := j.fileAttrs()
	if err != nil {
		return nil, err
	}
	b, err := format.AppendAttrs(nil, attrs, -1)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(h, "align %d\nattributes %d %s\n", j.o.Align, len(b), b)
	if j.o.Operate != nil {
		fmt.Fprintf(h, "operators %q\n", j.o.Operate)
	}
	h.Write(j.digest)
	number := map[*tensorfile.File]int{}
	for _, it := range j.chosen {
		f := it.t.File()
		if _, ok := number[f]; !ok {
			number[f] = len(number)
			size := f.Map().Size()
			fmt.Fprintf(h, "input %d\n", size)
			if _, err := io.Copy(h, contextReader{ctx, io.NewSectionReader(f.Map(), 0, size)}); err != nil {
				return nil, err
			}
		}
		fmt.Fprintf(h, "%d %q as %q\n", number[f], it.t.Name(), it.name)
	}
	for _, it := range j.items {
		if it.chunks != nil {
			fmt.Fprintf(h, "%q: %q in %v\n", it.name, it.chunks.Codec, it.chunks.Chunk)
		}
	}
	return h.Sum(nil), nil
}

// unchanged reports an error if an input is no longer the file that was opened:
// bytes that come from a page cut off in its middle are zero, not a fault.
func (j *job) unchanged() error {
	for _, f := range j.files {
		if err := f.Check(); err != nil {
			return err
		}
	}
	return nil
}

// fileAttrs merges the inputs' own attributes; where two inputs differ the
// first counts.
func (j *job) fileAttrs() (Attrs, error) {
	all := Attrs{}
	for _, f := range j.files {
		a, err := f.Attrs()
		if err != nil {
			return nil, err
		}
		for k, v := range a {
			if _, ok := all[k]; !ok {
				all[k] = v
			}
		}
	}
	return all, nil
}

// progress counts what goes to w.
func (j *job) progress(w io.Writer) io.Writer {
	if j.o.Progress == nil {
		return w
	}
	return &countingWriter{w: w, total: j.res.Bytes, fn: j.o.Progress}
}

type countingWriter struct {
	w           io.Writer
	done, total int64
	fn          func(done, total int64)
}

func (c *countingWriter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.done += int64(n)
	c.fn(min(c.done, c.total), c.total)
	return n, err
}
