package convert

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/internal/glob"
	"github.com/tensorfile/tensorfile/tensor"
)

// choose collects the tensors that the patterns take.
func (j *job) choose() error {
	type candidate struct {
		f    *tensorfile.File
		t    *tensorfile.Tensor
		name string
		err  error
	}
	var all []candidate
	names := map[string]struct{}{}
	for _, f := range j.files {
		add := func(t *tensorfile.Tensor, name string, err error) {
			all = append(all, candidate{f, t, name, err})
			names[name] = struct{}{}
		}
		for t, err := range f.Tensors() {
			if err != nil {
				add(nil, failedName(err), err)
			} else {
				add(t, t.Name(), nil)
			}
		}
		if l := f.Layout(); l != nil {
			for _, err := range l.Skipped {
				add(nil, failedName(err), err)
			}
		}
	}
	only, err := newPatterns(j.o.Only, names)
	if err != nil {
		return err
	}
	exclude, err := newPatterns(j.o.Exclude, names)
	if err != nil {
		return err
	}
	var hidden error // the first damage that has no name
	for _, c := range all {
		// Damage that has no name may have hidden any.
		if c.name != "" && (len(j.o.Only) > 0 && !only.match(c.name) || exclude.match(c.name)) {
			continue
		}
		if c.err == nil {
			_, c.err = c.t.Attrs()
		}
		if c.err == nil {
			j.chosen = append(j.chosen, item{t: c.t, name: c.name})
		} else if err := j.skip(c.err); err != nil {
			return err
		} else if c.name == "" {
			hidden = cmp.Or(hidden, c.err)
		}
	}
	for _, ps := range []*patterns{only, exclude} {
		if name, ok := ps.missing(); ok {
			if hidden != nil {
				return hidden
			}
			return &Error{Kind: tensorfile.ErrNotFound, Path: j.files[0].Path(), Tensor: name, Offset: -1}
		}
	}
	if pattern, ok := only.unused(); ok {
		if hidden != nil {
			return hidden
		}
		return fmt.Errorf("%w %s", ErrNoMatch, tensor.Quote(pattern))
	}
	if j.items = j.chosen; len(j.chosen) > 0 || len(all) == 0 {
		return nil
	}
	if len(j.res.Skipped) > 0 {
		return j.res.Skipped[0]
	}
	return ErrNoMatch
}

// skip notes a tensor that cannot be converted, or returns its error if nothing
// may be left out.
func (j *job) skip(err error) error {
	if !j.o.Open.SkipBad {
		return err
	}
	j.res.Skipped = append(j.res.Skipped, err)
	return nil
}

// failedName is the name of the tensor that an error is about, or "".
func failedName(err error) string {
	var e *Error
	if !errors.As(err, &e) {
		return ""
	}
	if e.Tensor != "" {
		return e.Tensor
	}
	return strings.TrimSuffix(e.Member, filepath.Ext(e.Member))
}

// patterns are names and globs. One that equals a name is that name alone.
type patterns struct {
	list  []string
	exact []bool
	used  []bool
}

func newPatterns(list []string, names map[string]struct{}) (*patterns, error) {
	p := &patterns{list, make([]bool, len(list)), make([]bool, len(list))}
	for i, s := range list {
		_, p.exact[i] = names[s]
		p.exact[i] = p.exact[i] || !glob.Has(s)
		if err := glob.Check(s); err != nil && !p.exact[i] {
			return nil, &Error{Kind: tensorfile.ErrFormat, Offset: -1, Field: "pattern", Got: tensor.Quote(s), Want: "no pattern that ends inside [...] or after a backslash"}
		}
	}
	return p, nil
}

func (p *patterns) match(name string) bool {
	any := false
	for i, s := range p.list {
		if s == name || !p.exact[i] && glob.Match(s, name) {
			p.used[i], any = true, true
		}
	}
	return any
}

// missing returns a plain name that is not there.
func (p *patterns) missing() (string, bool) {
	for i, s := range p.list {
		if p.exact[i] && !p.used[i] {
			return s, true
		}
	}
	return "", false
}

// unused returns a glob that matched nothing.
func (p *patterns) unused() (string, bool) {
	i := slices.Index(p.used, false)
	if i < 0 {
		return "", false
	}
	return p.list[i], true
}

// rename gives tensors their new names. Old names are those of the inputs, so
// that two tensors can swap theirs.
func (j *job) rename() error {
	if j.o.Name != "" && !j.namedByReader() {
		if len(j.chosen) != 1 {
			return j.fail(tensorfile.ErrDuplicate, "name", fmt.Sprintf("%s for %d tensors", tensor.Quote(j.o.Name), len(j.chosen)), "one tensor")
		}
		j.chosen[0].name = j.o.Name
	}
	at := map[string][]int{}
	for i, it := range j.chosen {
		at[it.t.Name()] = append(at[it.t.Name()], i)
	}
	for _, r := range j.o.Rename {
		// "a=b=c" is a to b=c, or a=b to c if that is what there is.
		for at[r.Old] == nil && strings.Contains(r.New, "=") {
			head, tail, _ := strings.Cut(r.New, "=")
			r.Old, r.New = r.Old+"="+head, tail
		}
		if at[r.Old] == nil {
			return &Error{Kind: tensorfile.ErrNotFound, Path: j.files[0].Path(), Tensor: r.Old, Offset: -1}
		}
		if err := format.CheckName(r.New); err != nil {
			return inFile(err, j.out, "")
		}
		for _, i := range at[r.Old] {
			j.chosen[i].name = r.New
		}
	}
	return nil
}

// namedByReader reports whether the one input is of a format that has no names,
// so that its reader took Options.Name.
func (j *job) namedByReader() bool {
	l := j.files[0].Layout()
	if l == nil {
		return false
	}
	f, ok := ByName(l.Format)
	return ok && f.Single
}

// distinct reports an error if two tensors have one name.
func (j *job) distinct() error {
	first := make(map[string]item, len(j.items))
	for _, it := range j.items {
		was, ok := first[it.name]
		if !ok {
			first[it.name] = it
			continue
		}
		say := func(it item) string {
			t := it.sources()[0]
			return fmt.Sprintf("%s of %s", tensor.Quote(t.Name()), tensor.Quote(t.File().Path()))
		}
		e := j.fail(tensorfile.ErrDuplicate, "name", say(was)+" and "+say(it), "each name once").(*Error)
		e.Tensor = it.name
		return e
	}
	return nil
}

// limit adds up what would be written and refuses too much of it: to a native
// file the storages, each once, elsewhere every tensor in full.
func (j *job) limit() error {
	seen := map[storageKey]struct{}{}
	j.res.Bytes = 0
	written := uint64(0) // of summands below 2^63, looked at after each
	for _, it := range j.items {
		n := it.t.ByteSize()
		if j.res.Bytes += n; j.res.Bytes < 0 {
			j.res.Bytes = math.MaxInt64
		}
		if j.native && it.chunks == nil { // else it gets bytes of its own
			parts, err := flat(it.t)
			if err != nil {
				return err
			}
			n = 0
			for _, p := range parts {
				k, size := keyOf(p), p.Storage().Size
				if _, ok := seen[k]; ok && k.id != 0 || p.ByteSize() == 0 {
					continue
				}
				seen[k] = struct{}{}
				n += min(size, math.MaxInt64-n)
			}
		}
		if written += uint64(n); written > math.MaxInt64 {
			written = math.MaxInt64
		}
	}
	limit := j.o.Limit
	if limit == 0 {
		limit = max(4<<30, 8*min(j.size, math.MaxInt64/8))
	}
	if limit > 0 && written > uint64(limit) {
		return j.fail(tensorfile.ErrLimit, "bytes to write", fmt.Sprint(written), fmt.Sprintf("at most %d", limit))
	}
	return nil
}

// probe looks at payloads before a byte is written: at the checksums that a
// foreign format keeps of plain bytes, and at everything if what is bad may be
// left out.
func (j *job) probe(ctx context.Context) error {
	judged := map[storageKey]error{}
	kept := make([]item, 0, len(j.chosen))
	for _, it := range j.chosen {
		err := j.sound(ctx, it.t, judged)
		if e := ctx.Err(); e != nil {
			return e
		}
		if err == nil {
			kept = append(kept, it)
		} else if err := j.skip(err); err != nil {
			return err
		}
	}
	if j.chosen = kept; len(kept) == 0 && len(j.res.Skipped) > 0 {
		return j.res.Skipped[0]
	}
	if j.o.Operate == nil {
		j.items = kept
	}
	return nil
}

// sound judges t, and the parts of a composite. judged has what was found out of
// storages.
func (j *job) sound(ctx context.Context, t *tensorfile.Tensor, judged map[storageKey]error) error {
	parts, err := flat(t)
	if err != nil {
		return err
	}
	for _, p := range parts {
		k := keyOf(p)
		err, ok := judged[k]
		if !ok && k.id != 0 {
			err = j.judge(ctx, p)
			judged[k] = err
		}
		if err != nil {
			return err
		}
	}
	if _, _, ok := t.Composite(); !ok {
		return nil
	}
	if l := t.File().Layout(); l != nil {
		for _, c := range l.Checks { // what a part is made of may lie in several members
			if err := checkCRC(ctx, t, c); err != nil {
				return err
			}
		}
	}
	if j.o.Open.SkipBad { // what the parts say of each other
		if _, err = t.ReadComposite(ctx); errors.Is(err, tensorfile.ErrUnsupported) {
			err = nil // a layout that is not known
		}
	}
	return err
}

// judge reads what t stands on as far as that tells whether it is sound.
func (j *job) judge(ctx context.Context, t *tensorfile.Tensor) error {
	st := t.Storage()
	l := t.File().Layout()
	switch {
	case st.Kind == tensorfile.StorageRows:
		if !j.o.Open.SkipBad {
			return nil
		}
		return t.WriteCOrder(ctx, io.Discard)
	case st.Kind == tensorfile.StorageEncoded:
		if !j.o.Open.SkipBad {
			return nil // decoding finds it
		}
		in, err := l.Storages[st.ID-1].Open(ctx)
		if err != nil {
			return err
		}
		defer in.Close()
		n, err := io.Copy(io.Discard, contextReader{ctx, in})
		if err == nil && n != st.Size {
			err = &Error{Kind: tensorfile.ErrTruncated, Path: t.File().Path(), Format: l.Format, Member: st.Member, Tensor: t.Name(), Offset: -1, Field: "decoded bytes", Got: fmt.Sprint(n), Want: fmt.Sprint(st.Size)}
		}
		return err
	case l != nil:
		c, ok := j.checkOf(l, st.Member)
		if ok && l.Storages[st.ID-1].Source == 0 && c.Offset <= st.Offset && st.Offset+st.Size <= c.Offset+c.Size {
			return checkCRC(ctx, t, c)
		}
		return nil
	case j.o.Open.SkipBad && st.Kind == tensorfile.StorageGrid:
		for _, err := range t.Chunks(ctx, nil) { // each chunk has a checksum of its own
			if err != nil {
				return err
			}
		}
		return nil
	case j.o.Open.SkipBad && t.NumElements() > 0:
		_, err := t.Read(ctx, first(t)...)
		return err
	}
	return nil
}

// checkOf finds the checksum that a foreign file keeps of a member.
func (j *job) checkOf(l *Layout, member string) (LayoutCheck, bool) {
	of := j.checks[l]
	if of == nil {
		of = make(map[string]LayoutCheck, len(l.Checks))
		for _, c := range l.Checks {
			of[c.Member] = c
		}
		if j.checks == nil {
			j.checks = map[*Layout]map[string]LayoutCheck{}
		}
		j.checks[l] = of
	}
	c, ok := of[member]
	return c, ok
}

// first selects the first element of t, or the unit that it is in: enough to
// have the payload verified.
func first(t *tensorfile.Tensor) []tensor.Selection {
	if len(t.Shape()) == 0 {
		return nil
	}
	n := min(int64(t.DType().UnitElems), t.Shape()[len(t.Shape())-1])
	sel, err := tensor.ParseSelection("[" + strings.Repeat("0,", len(t.Shape())-1) + fmt.Sprintf("0:%d]", n))
	if err != nil {
		return nil
	}
	return []tensor.Selection{sel}
}

// checkCRC compares an extent of a foreign file with the CRC-32 that the file
// keeps of it.
func checkCRC(ctx context.Context, t *tensorfile.Tensor, c LayoutCheck) error {
	h := crc32.NewIEEE()
	if _, err := io.Copy(h, contextReader{ctx, io.NewSectionReader(t.File().Map(), c.Offset, c.Size)}); err != nil {
		return err
	}
	if got := h.Sum32(); got != c.CRC32 {
		return &Error{Kind: tensorfile.ErrCorrupt, Path: t.File().Path(), Format: t.File().Layout().Format, Member: c.Member, Tensor: t.Name(), Offset: c.Offset, Field: "CRC-32", Got: fmt.Sprintf("%08x", got), Want: fmt.Sprintf("%08x", c.CRC32)}
	}
	return nil
}

type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}
