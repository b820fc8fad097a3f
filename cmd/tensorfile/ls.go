package main

import (
	"cmp"
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/internal/survey"
)

func init() { commands = append(commands, newLsCmd) }

type lsFlags struct {
	long, tree, noHeader, json bool
	sort                       string
}

var sortKeys = []string{"name", "size", "offset", "dtype"}

func newLsCmd(t *tool) *cobra.Command {
	var o lsFlags
	cmd := &cobra.Command{
		Use:   "ls FILE [GLOB...]",
		Short: "List the tensors of a file",
		Long: `List the tensors of a file, one on a line, in the order of the file: name,
dtype, shape, how the elements lie, codec, size of all elements and how many
times larger that is than what is stored.

LAYOUT is C or F order, strided (gaps, turned axes, windows), broadcast (one
element stands for many), chunked, a sparse layout, ragged or string (rows that
differ in length), or quantised: with the dtype and group of its values. RATIO
is - where nothing is stored: one element repeated, or none. CODEC is - for plain
bytes; of what is made of parts it is theirs, or mixed, and -l says which has which.
With globs, only the tensors whose names match are listed; * crosses / and . like any
character.

-l adds the strides in bytes, where the storage begins in the file (and how far
into it the tensor starts), the shape of chunks, and notes: which tensors share
a storage, big-endian elements, units, names of axes. Elements are "unaligned"
where they do not begin at multiples of their size, as in many archives: all is
there, but a read of them is a copy, never a view of the file.

On a terminal long names and codecs are shortened to its width, and where that is
too narrow DENSITY and NNZ are left out but for -l; never in a pipe. Lines are
printed as the file is read, some hundred at a time, so that columns can grow
wider on the way.`,
		Example: `  tensorfile ls model.tensor
  tensorfile ls -l weights.npz 'layers.*.weight'
  tensorfile ls --sort size model.tensor | head
  tensorfile ls --json model.tensor | jq -r '.tensors[].name'`,
		Annotations: map[string]string{exitStatus: exitText(
			"0  done",
			"1  no tensor matches",
			"2  the file or a tensor in it cannot be opened; the others are listed")},
		Args:              nArgs(1, -1),
		ValidArgsFunction: t.completeNames,
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.sort != "" && !slices.Contains(sortKeys, o.sort) {
				return usage(cmd, "--sort is one of %s", strings.Join(sortKeys, ", "))
			}
			if o.tree && (o.long || o.json || o.sort != "") {
				return usage(cmd, "--tree goes with none of -l, --json and --sort")
			}
			in, err := t.open(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			defer in.close()
			return t.ls(cmd, in, args[1:], &o)
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.BoolVarP(&o.long, "long", "l", false, "strides, offsets, chunks and notes, too")
	f.StringVar(&o.sort, "sort", "", "by `KEY`: name, size (largest first), offset or dtype")
	f.BoolVar(&o.tree, "tree", false, "as a tree, names cut at . and /")
	f.BoolVarP(&o.noHeader, "no-header", "H", false, "without the line of titles")
	f.BoolVar(&o.json, "json", false, "print one JSON document")
	cmd.RegisterFlagCompletionFunc("sort", cobra.FixedCompletions(sortKeys, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// each calls fn for the tensors that the globs name, each once, for all if
// there are none. A tensor that cannot be opened comes as its name and error.
func (t *tool) each(cmd *cobra.Command, in *input, globs []string, fn func(name string, x *tensorfile.Tensor, err error)) error {
	ctx := cmd.Context()
	one := func(x *tensorfile.Tensor, err error) error {
		if e := ctx.Err(); e != nil {
			return e
		}
		name := ""
		if x != nil {
			name = x.Name()
		} else if name = failedName(err); name == "" {
			return err
		}
		fn(name, x, err)
		return nil
	}
	if len(globs) == 0 {
		for x, err := range in.Tensors() {
			if err := one(x, err); err != nil {
				return err
			}
		}
		for _, err := range in.skipped() {
			if err := one(nil, err); err != nil {
				return err
			}
		}
		return nil
	}
	seen := map[string]bool{}
	for _, g := range globs {
		found, err := in.find(g, false, func(p pick, err error) error {
			name := failedName(err)
			if p.Tensor != nil {
				name = p.Name()
			}
			if seen[name] {
				return nil
			}
			seen[name] = true
			return one(p.Tensor, err)
		})
		if err != nil {
			if errors.Is(err, tensorfile.ErrNotFound) {
				t.fail(err)
				continue
			}
			return err
		}
		if !found {
			t.raise(exitNo)
			t.note("%s: nothing matches %s", in.Path(), g)
		}
	}
	return nil
}

// ls lists the tensors of an open file.
func (t *tool) ls(cmd *cobra.Command, in *input, globs []string, o *lsFlags) error {
	var shared map[storageKey]int
	if o.long || o.json {
		var err error
		if shared, err = sharedStorages(in); err != nil {
			return err
		}
	}
	bad := 0
	defer func() {
		if bad > 0 {
			t.raise(exitBad)
			t.note("%s: %d of the tensors cannot be opened", in.Path(), bad)
		}
	}()
	count := func(err error) {
		if err != nil {
			bad++
		}
	}
	switch {
	case o.json:
		return t.lsJSON(cmd, in, globs, o, shared, count)
	case o.tree:
		tree := newTree(in.Tensor)
		err := t.each(cmd, in, globs, func(name string, x *tensorfile.Tensor, err error) {
			count(err)
			var bytes int64
			if x != nil {
				bytes = x.ByteSize()
			}
			tree.add(name, bytes, err)
		})
		return cmp.Or(err, tree.write(cmd.Context(), t.out, t.colored()))
	}
	titles := []string{"~NAME", "DTYPE", "SHAPE", "LAYOUT", ">?-NNZ", ">?-DENSITY", "<CODEC", ">SIZE", ">RATIO"}
	if o.long { // all of them, below each other if need be
		titles = []string{"~NAME", "DTYPE", "SHAPE", "LAYOUT", ">?NNZ", ">?DENSITY", "CODEC", ">SIZE", ">RATIO", "STRIDES", ">OFFSET", "CHUNK", "<NOTES"}
	}
	tab := newTable(titles...)
	if o.sort == "" {
		tab.stream(t.out, !o.noHeader, t.colored())
	}
	var keys []sortKey
	err := t.each(cmd, in, globs, func(name string, x *tensorfile.Tensor, err error) {
		count(err)
		if o.sort != "" {
			keys = append(keys, keyOf(o.sort, name, x))
		}
		if x == nil {
			tab.cell(clean(name))
			tab.span("error: " + clean(err.Error()))
			return
		}
		lsRow(tab, name, x)
		if o.long {
			lsLong(tab, x, shared)
		}
	})
	switch {
	case o.sort == "":
		tab.flush()
	case tab.rows() > 0:
		tab.order = sortOrder(keys, o.sort)
		tab.write(t.out, !o.noHeader, t.colored())
	}
	return err
}

// lsRow fills the columns of the short form. It is called very often, so it
// allocates nothing.
func lsRow(tab *table, name string, x *tensorfile.Tensor) {
	st := x.Storage()
	layout, n := layoutWord(x), x.ByteSize()
	tab.cell(clean(name))
	tab.cells = append(tab.cells, x.DType().String()...)
	tab.end()
	tab.cells = appendTuple(tab.cells, x.Shape())
	tab.end()
	tab.cells = append(tab.cells, layout...)
	tab.end()
	if entries, ok := entriesOf(x); ok {
		tab.cells = strconv.AppendInt(tab.cells, entries, 10)
		tab.end()
		tab.cells = strconv.AppendFloat(tab.cells, density(x, entries), 'g', 3, 64)
	} else {
		tab.end()
	}
	tab.end()
	tab.cell(cmp.Or(codecOf(x), "-"))
	tab.cells = appendSize(tab.cells, n)
	tab.end()
	stored := n
	if layout != "C" || st.Kind != tensorfile.StorageRaw {
		stored = storedBytes(x)
	}
	if n == stored && n > 0 {
		tab.cells = append(tab.cells, "1.00"...)
	} else {
		tab.cells = appendRatio(tab.cells, ratio(n, stored))
	}
	tab.end()
}

func lsLong(tab *table, x *tensorfile.Tensor, shared map[storageKey]int) {
	st := x.Storage()
	tab.cells = appendTuple(tab.cells, x.Strides())
	tab.end()
	where := "-"
	if st.Kind == tensorfile.StorageRaw || st.Kind == tensorfile.StorageEncoded { // chunks are anywhere
		where = itoa(st.Offset)
		if x.Offset() != 0 {
			where += "+" + itoa(x.Offset())
		}
	}
	tab.cell(where)
	chunk := "-"
	if c := survey.ChunkOf(x); c != nil {
		chunk = c.String()
	}
	tab.cell(chunk)
	tab.cell(strings.Join(notes(x, shared), "; "))
}

// notes are what is unusual about a tensor.
func notes(x *tensorfile.Tensor, shared map[storageKey]int) []string {
	var n []string
	if k := storageOf(x); shared[k] > 1 {
		n = append(n, "shares storage "+itoa(int64(k.id)))
	}
	if foreignOrder(x) {
		n = append(n, "big-endian")
	}
	if misaligned(x) {
		n = append(n, "unaligned, reads copy")
	}
	a, err := x.Attrs()
	if err != nil {
		return append(n, "bad attributes")
	}
	if codecOf(x) == survey.Mixed {
		n = append(n, partCodecs(x))
	}
	if u, ok := a["unit"].(string); ok {
		n = append(n, "unit "+clean(u))
	}
	if names, ok := a["layout"].(map[string]any); ok {
		if b, ok := names["binsparse"].(map[string]any); ok {
			if name, ok := b["format"].(string); ok {
				n = append(n, "binsparse "+clean(name))
			}
		}
	}
	if dims := a.Dims(); dims != nil {
		n = append(n, "axes "+clean(strings.Join(dims, ",")))
	}
	return n
}

// partCodecs says which part of a composite has which codec.
func partCodecs(x *tensorfile.Tensor) string {
	parts, err := x.Parts()
	if err != nil {
		return survey.Mixed
	}
	var list []string
	for _, p := range parts {
		if p.NumElements() > 0 {
			list = append(list, clean(p.Role)+" "+cmp.Or(codecOf(p.Tensor), "plain"))
		}
	}
	return strings.Join(list, ", ")
}

// A storageKey tells storages apart, also where an input has several files.
type storageKey struct {
	f  *tensorfile.File
	id uint64
}

func storageOf(x *tensorfile.Tensor) storageKey { return storageKey{x.File(), x.Storage().ID} }

// sharedStorages counts the tensors on each storage. What is damaged does not
// count; what the disk does not give is an error.
func sharedStorages(in *input) (map[storageKey]int, error) {
	n := map[storageKey]int{}
	for x, err := range in.Tensors() {
		switch {
		case errors.Is(err, tensorfile.ErrIO):
			return nil, err
		case err == nil && x.Storage().ID != 0:
			n[storageOf(x)]++
		}
	}
	return n, nil
}

// sortKey is what rows are sorted by.
type sortKey struct {
	name, dtype  string
	size, offset int64
}

// keyOf returns what is needed to sort by a key, and no more: there may be a million.
func keyOf(by, name string, x *tensorfile.Tensor) (k sortKey) {
	switch {
	case by == "name":
		k.name = name
	case x == nil: // behind all others
		k = sortKey{size: -1, offset: math.MaxInt64, dtype: "\xff"}
	case by == "dtype":
		k.dtype = x.DType().String()
	default:
		k.size, k.offset = x.ByteSize(), x.Storage().Offset+x.Offset()
	}
	return k
}

// sortOrder returns the rows in the order of a key; equal ones stay as they
// are.
func sortOrder(keys []sortKey, by string) []int {
	order := make([]int, len(keys))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int {
		a, b := &keys[i], &keys[j]
		switch by {
		case "size":
			return cmp.Compare(b.size, a.size)
		case "offset":
			return cmp.Compare(a.offset, b.offset)
		case "dtype":
			return cmp.Compare(a.dtype, b.dtype)
		}
		return cmp.Compare(a.name, b.name)
	})
	return order
}

// tensorJSON is a tensor in the document of ls.
type tensorJSON struct {
	Name       string         `json:"name"`
	DType      string         `json:"dtype"`
	Shape      []int64        `json:"shape"`
	Layout     string         `json:"layout"`
	Order      *string        `json:"order"` // null for composites
	ByteOrder  string         `json:"byte_order"`
	Codec      *string        `json:"codec"`
	Elements   int64          `json:"elements"`
	NNZ        *int64         `json:"nnz,omitempty"` // of what is sparse
	Density    *jsonFloat     `json:"density,omitempty"`
	Quantised  *quantisedJSON `json:"quantised,omitempty"`
	Parts      []roleJSON     `json:"parts,omitempty"` // of composites
	Bytes      int64          `json:"bytes"`
	Stored     int64          `json:"stored"`
	Ratio      *jsonFloat     `json:"ratio"`
	Strides    []int64        `json:"strides"`
	Offset     int64          `json:"offset"` // of element (0, ..., 0) in the storage
	Storage    *storageJSON   `json:"storage"`
	Chunk      []int64        `json:"chunk"`
	Shared     bool           `json:"shared"`
	Misaligned bool           `json:"misaligned"`
	Generation uint64         `json:"generation,omitempty"`
	Attrs      any            `json:"attrs"`
	Error      *errorJSON     `json:"error,omitempty"`
}

type storageJSON struct {
	ID     uint64 `json:"id"`
	Kind   string `json:"kind"`
	Offset int64  `json:"offset"` // in the file
	Size   int64  `json:"size"`
	Stored int64  `json:"stored"`
	Member string `json:"member,omitempty"`
}

// roleJSON is a part of a composite.
type roleJSON struct {
	Role   string  `json:"role"`
	DType  string  `json:"dtype"`
	Shape  []int64 `json:"shape"`
	Layout string  `json:"layout"`
	Codec  *string `json:"codec"`
	Bytes  int64   `json:"bytes"`
	Stored int64   `json:"stored"`
}

// codecDoc is a codec in a document: null for plain bytes.
func codecDoc(x *tensorfile.Tensor) *string {
	if codec := codecOf(x); codec != "" {
		return &codec
	}
	return nil
}

func tensorDoc(x *tensorfile.Tensor, shared map[storageKey]int) tensorJSON {
	st := x.Storage()
	j := tensorJSON{
		Name: x.Name(), DType: x.DType().String(), Shape: list(x.Shape()), Layout: layoutName(x),
		ByteOrder: x.Order().String(), Elements: x.NumElements(), Bytes: x.ByteSize(), Stored: storedBytes(x),
		Strides: list(x.Strides()), Offset: x.Offset(), Chunk: survey.ChunkOf(x), Shared: shared[storageOf(x)] > 1, Codec: codecDoc(x),
		Misaligned: misaligned(x), Generation: x.Generation(),
	}
	if _, _, composite := x.Composite(); !composite {
		order := orderName(x)
		j.Order = &order
	} else if n, ok := entriesOf(x); ok {
		d := jsonFloat(density(x, n))
		j.NNZ, j.Density = &n, &d
	}
	if j.Layout == "quantised" {
		j.Quantised = quantisedDoc(x)
	}
	if parts, err := x.Parts(); err == nil {
		for _, p := range parts {
			j.Parts = append(j.Parts, roleJSON{p.Role, p.DType().String(), list(p.Shape()), layoutName(p.Tensor), codecDoc(p.Tensor), p.ByteSize(), storedBytes(p.Tensor)})
		}
	}
	if r := jsonFloat(ratio(j.Bytes, j.Stored)); j.Stored > 0 {
		j.Ratio = &r
	}
	if st.Kind != tensorfile.StorageNone {
		j.Storage = &storageJSON{st.ID, st.Kind.String(), st.Offset, st.Size, st.Stored, st.Member}
	}
	a, err := x.Attrs()
	j.Attrs, j.Error = attrsJSON(a), errorDoc(err)
	return j
}

// list is a slice that JSON shows as [] where it has no items.
func list(s []int64) []int64 {
	if s == nil {
		return []int64{}
	}
	return s
}

// failedJSON is a tensor that cannot be opened.
type failedJSON struct {
	Name  string     `json:"name"`
	Error *errorJSON `json:"error"`
}

// lsJSON prints the document line by line, so that it needs no memory of its
// own.
func (t *tool) lsJSON(cmd *cobra.Command, in *input, globs []string, o *lsFlags, shared map[storageKey]int, count func(error)) error {
	doc, err := t.openDoc("ls", in)
	if err != nil {
		return err
	}
	var lines []any
	var keys []sortKey
	err = t.each(cmd, in, globs, func(name string, x *tensorfile.Tensor, err error) {
		count(err)
		var line any = failedJSON{textJSON(name), errorDoc(err)}
		if x != nil {
			line = tensorDoc(x, shared)
		}
		if o.sort != "" {
			lines, keys = append(lines, line), append(keys, keyOf(o.sort, name, x))
		} else if err := doc.add(line); err != nil {
			t.fail(err)
		}
	})
	for _, i := range sortOrder(keys, o.sort) {
		if err := doc.add(lines[i]); err != nil {
			t.fail(err)
		}
	}
	doc.end()
	return err
}
