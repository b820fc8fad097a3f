package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/internal/term"
)

func init() { commands = append(commands, newInfoCmd) }

// infoJSON is what info knows of a file. The keys are also those of --get.
type infoJSON struct {
	jsonPath
	Format     string      `json:"format"`
	Version    string      `json:"version"`
	UUID       string      `json:"uuid,omitempty"` // native files only, as those below
	Generation uint64      `json:"generation,omitempty"`
	Time       string      `json:"time,omitempty"`
	Writer     string      `json:"writer,omitempty"`
	Alignment  int64       `json:"alignment,omitempty"` // of large payloads
	Length     int64       `json:"length,omitempty"`    // committed bytes
	Live       int64       `json:"live,omitempty"`      // of payloads and their tables
	Dead       *int64      `json:"dead,omitempty"`
	Leftover   int64       `json:"leftover,omitempty"` // behind the committed bytes
	Streamed   bool        `json:"streamed,omitempty"`
	ReadOnly   bool        `json:"read_only,omitempty"`
	Size       int64       `json:"size"` // of the file
	Mapped     bool        `json:"mapped"`
	Tensors    int64       `json:"tensors"`
	Elements   int64       `json:"elements"`
	Bytes      int64       `json:"bytes"`  // of all elements
	Stored     int64       `json:"stored"` // what the storages take, shared ones once
	Ratio      *jsonFloat  `json:"ratio"`
	DTypes     []dtypeJSON `json:"dtypes"`
	Attrs      any         `json:"attrs"`
	Notes      []string    `json:"notes"`
	Errors     []errorJSON `json:"errors"`

	mapReason string
}

type dtypeJSON struct {
	DType   string `json:"dtype"`
	Tensors int64  `json:"tensors"`
	Bytes   int64  `json:"bytes"`
}

func newInfoCmd(t *tool) *cobra.Command {
	var get string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "info FILE...",
		Short: "Say what files are and hold",
		Long: `Say what files are and hold: format, version and generation, number of tensors
and elements, their bytes and how many times larger that is than what is stored,
the mix of dtypes, bytes that no tensor reaches any more, attributes, and what is
unusual.

--get KEY prints one value, a line for each file and nothing else. Keys are those
of --json, such as tensors, elements, bytes, stored, ratio, generation, format.`,
		Example: `  tensorfile info model.tensor
  tensorfile info --get tensors *.npz
  tensorfile info --json weights.npz | jq .files[0].dtypes`,
		Annotations: map[string]string{exitStatus: exitText(
			"0  done",
			"2  a file or a tensor in it cannot be opened; the others are shown")},
		Args: nArgs(1, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if get != "" && asJSON {
				return usage(cmd, "--get and --json exclude each other")
			}
			if get != "" && !slices.Contains(infoKeys(), get) {
				e := usage(cmd, "there is no key %q; keys are %s", get, strings.Join(infoKeys(), ", "))
				if near := nearWord(get, infoKeys()); near != "" {
					e.hint = "did you mean --get " + near + "?"
				}
				return e
			}
			list := []infoJSON{}
			for i, path := range files(args) {
				info, err := t.info(cmd.Context(), path, get)
				if err != nil {
					if cmd.Context().Err() != nil {
						return err
					}
					t.fail(err)
					continue
				}
				switch {
				case asJSON:
					list = append(list, info)
				case get != "":
					t.out.WriteString(info.get(get) + "\n")
				default:
					if i > 0 {
						t.out.WriteByte('\n')
					}
					info.write(t.out)
				}
			}
			if !asJSON {
				return nil
			}
			return t.writeJSON(struct {
				Schema string     `json:"schema"`
				Files  []infoJSON `json:"files"`
			}{schema("info"), list})
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVar(&get, "get", "", "print the value of one `KEY`, nothing else")
	f.BoolVar(&asJSON, "json", false, "print one JSON document")
	cmd.RegisterFlagCompletionFunc("get", cobra.FixedCompletions(infoKeys(), cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// infoKeys are the keys of --get.
func infoKeys() []string {
	return []string{
		"format", "version", "uuid", "generation", "time", "writer", "alignment", "length", "live", "dead", "leftover",
		"streamed", "read_only", "size", "mapped", "tensors", "elements", "bytes", "stored", "ratio", "dtypes",
	}
}

// needsWalk reports whether a key can only be known from the tensors.
func needsWalk(key string) bool {
	switch key {
	case "", "tensors", "elements", "bytes", "stored", "ratio", "dtypes":
		return true
	}
	return false
}

// get is the value of a key as --get prints it: empty where the file has none.
func (i *infoJSON) get(key string) string {
	if key == "dtypes" {
		names := make([]string, len(i.DTypes))
		for k, d := range i.DTypes {
			names[k] = d.DType
		}
		return strings.Join(names, " ")
	}
	b, err := marshal(i)
	var m map[string]json.RawMessage
	if err == nil {
		err = json.Unmarshal(b, &m)
	}
	v := string(m[key])
	switch {
	case err != nil || v == "null":
		return ""
	case v == "" && (key == "streamed" || key == "read_only"):
		return "false"
	case v == "" && key == "leftover":
		return "0"
	case strings.HasPrefix(v, `"`):
		json.Unmarshal(m[key], &v)
		return clean(v)
	}
	return v
}

// info collects what a file says and holds. What it cannot open of the tensors
// is listed and makes the exit status 2.
func (t *tool) info(ctx context.Context, path, get string) (infoJSON, error) {
	in, err := t.open(ctx, path)
	if err != nil {
		return infoJSON{}, err
	}
	defer in.close()
	i := in.Info()
	j := infoJSON{
		jsonPath: pathJSON(in.Path()), Format: i.Format, Version: i.Version, UUID: i.UUID, Generation: i.Generation,
		Writer: clean(i.Writer), Length: i.Length, Live: i.Live, Leftover: i.Leftover, Streamed: i.Streamed, ReadOnly: i.ReadOnly,
		Size: i.Size, Mapped: i.Mapped, mapReason: i.MapReason, DTypes: []dtypeJSON{}, Notes: []string{}, Errors: []errorJSON{},
	}
	for _, n := range i.Notes {
		j.Notes = append(j.Notes, clean(n))
	}
	if i.UUID != "" {
		j.Alignment = 1 << i.AlignExp
		if !i.Time.IsZero() {
			j.Time = i.Time.UTC().Format(time.RFC3339Nano)
		}
		switch n, err := deadBytes(in.File, i); {
		case err == nil:
			j.Dead = &n
		case errors.Is(err, tensorfile.ErrIO):
			return j, err
		}
	}
	if !needsWalk(get) {
		return j, nil
	}
	a, err := in.Attrs()
	j.Attrs = attrsJSON(a)
	bad := func(err error) {
		j.Errors = append(j.Errors, *errorDoc(err))
		t.raise(exitBad)
		if get != "" {
			t.report(err)
		}
	}
	if err != nil {
		bad(err)
	}
	if err := j.walk(ctx, in, bad); err != nil {
		return j, err
	}
	return j, nil
}

// stores adds up the storages of a tensor, or of the parts of a composite.
func (j *infoJSON) stores(x *tensorfile.Tensor, seen map[storageKey]bool) {
	if st := x.Storage(); st.ID != 0 && !seen[storageOf(x)] {
		seen[storageOf(x)] = true
		j.Stored = addSaturated(j.Stored, st.Stored)
	}
	parts, _ := x.Parts() // what is wrong with them is for verify to say
	for _, p := range parts {
		j.stores(p.Tensor, seen)
	}
}

// walk adds up the tensors.
func (j *infoJSON) walk(ctx context.Context, in *input, bad func(error)) error {
	mix := map[string]*dtypeJSON{}
	storages := map[storageKey]bool{}
	folded := map[string]string{}
	var alike [2]string
	for x, err := range in.Tensors() {
		if e := ctx.Err(); e != nil {
			return e
		}
		if err != nil {
			bad(err)
			if failedName(err) != "" {
				j.Tensors++
			}
			continue
		}
		n := x.ByteSize()
		j.Tensors++
		j.Elements = addSaturated(j.Elements, x.NumElements())
		j.Bytes = addSaturated(j.Bytes, n)
		j.stores(x, storages)
		d := mix[x.DType().String()]
		if d == nil {
			d = &dtypeJSON{DType: x.DType().String()}
			mix[d.DType] = d
		}
		d.Tensors++
		d.Bytes = addSaturated(d.Bytes, n)
		if low := strings.ToLower(x.Name()); low != x.Name() || folded[low] != "" {
			if other := folded[low]; other != "" && alike[0] == "" {
				alike = [2]string{other, x.Name()}
			}
			folded[low] = x.Name()
		}
	}
	for _, err := range in.skipped() {
		bad(err)
		j.Tensors++
	}
	if alike[0] != "" {
		j.Notes = append(j.Notes, fmt.Sprintf("names that differ only in case: %s and %s", clean(alike[0]), clean(alike[1])))
	}
	if j.Stored > 0 {
		r := jsonFloat(ratio(j.Bytes, j.Stored))
		j.Ratio = &r
	}
	for _, d := range mix {
		j.DTypes = append(j.DTypes, *d)
	}
	slices.SortFunc(j.DTypes, func(a, b dtypeJSON) int {
		return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(a.DType, b.DType))
	})
	return nil
}

// write prints the block for people.
func (j *infoJSON) write(w *output) {
	line := func(key, format string, args ...any) {
		fmt.Fprintf(w, "%-12s: %s\n", key, fmt.Sprintf(format, args...))
	}
	bytes := func(n int64) string {
		if n < 1024 {
			return sizeText(n)
		}
		return sizeText(n) + " (" + countText(n) + " bytes)"
	}
	line("File", "%s", clean(j.Path))
	line("Format", "%s", strings.TrimSpace(clean(j.Format)+" "+clean(j.Version)))
	if j.UUID != "" {
		line("UUID", "%s", j.UUID)
		line("Generation", "%d", j.Generation)
		if j.Time != "" {
			line("Committed", "%s", j.Time)
		}
		if j.Writer != "" {
			line("Writer", "%s", j.Writer)
		}
	}
	line("Size", "%s", bytes(j.Size))
	line("Tensors", "%s", countText(j.Tensors))
	line("Elements", "%s", countText(j.Elements))
	line("Bytes", "%s", bytes(j.Bytes))
	line("Stored", "%s", bytes(j.Stored))
	if r := j.Ratio; r != nil {
		text := string(appendRatio(nil, float64(*r)))
		if *r >= 1e4 && *r < 1e15 { // there is room here
			text = countText(int64(*r))
		}
		line("Ratio", "%s", text)
	}
	for i, d := range j.DTypes {
		key := ""
		if i == 0 {
			key = "DTypes"
		}
		share := ""
		if j.Bytes > 0 {
			share = fmt.Sprintf(", %.1f%%", math.Min(100, 100*float64(d.Bytes)/float64(j.Bytes)))
		}
		line(key, "%s: %s, %s%s", d.DType, plural(d.Tensors, "tensor"), sizeText(d.Bytes), share)
	}
	if j.Dead != nil {
		line("Dead", "%s", bytes(*j.Dead))
	}
	if j.Alignment != 0 {
		line("Alignment", "%s", sizeText(j.Alignment))
	}
	if !j.Mapped && j.mapReason != "" {
		line("Mapped", "no: %s", j.mapReason)
	}
	if a, ok := j.Attrs.(map[string]any); ok {
		keys := make([]string, 0, len(a))
		for k := range a {
			keys = append(keys, k)
		}
		slices.Sort(keys)
		for i, k := range keys {
			title := ""
			if i == 0 {
				title = "Attributes"
			}
			b, err := marshal(a[k])
			if err != nil {
				continue
			}
			text := clean(k) + " = " + shorten(clean(string(b)), 200)
			if n := w.columns(); n > 0 {
				text = term.Head(text, max(n-len("Attributes  : "), leastCut))
			}
			line(title, "%s", text)
		}
	}
	note := func(s string) { line("Note", "%s", s) }
	if j.Streamed {
		note("written to a stream: the root slots are empty, the trailer counts")
	}
	if j.ReadOnly {
		note("has a feature that this version can read but must not write")
	}
	if j.Leftover > 0 {
		note(sizeText(j.Leftover) + " behind the committed length: left by an interrupted append, and ignored")
	}
	for _, s := range j.Notes {
		note(s)
	}
	for _, e := range j.Errors {
		line("Error", "%s", e.Message)
	}
}

func plural(n int64, what string) string {
	if n != 1 {
		what += "s"
	}
	return countText(n) + " " + what
}

// shorten cuts a text for people after n characters.
func shorten(s string, n int) string {
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	return string(r[:n]) + "..."
}

// deadBytes is how much of a native file nothing reaches any more: what is left
// of the committed bytes without the live ones, the control pages, the runs of
// the catalog and the trailer. Padding counts as dead once something has been
// replaced; a file of one generation has no dead bytes.
func deadBytes(f *tensorfile.File, i tensorfile.Info) (int64, error) {
	if i.Generation <= 1 {
		return 0, nil
	}
	n, err := catalogBytes(f.Map(), i.Length)
	return max(i.Length-i.Live-n, 0), err
}

// catalogBytes is what the control pages, the runs of the newest catalog and
// the trailer take.
func catalogBytes(src format.Source, length int64) (int64, error) {
	head, last := make([]byte, format.SlotA), make([]byte, format.RootSize)
	if _, err := src.ReadAt(head, 0); err != nil {
		return 0, err
	}
	h, err := format.ParseHeader(head)
	if err != nil {
		return 0, err
	}
	if _, err := src.ReadAt(last, length-format.RootSize); err != nil {
		return 0, err
	}
	root, err := format.ParseTrailer(last, length-format.RootSize, h.UUID)
	if err != nil {
		return 0, err
	}
	c, err := format.OpenCatalog(src, &root)
	if err != nil {
		return 0, err
	}
	runs, err := c.Runs()
	n := int64(format.DataStart + format.RootSize)
	for _, r := range runs {
		n += r.Body + int64(len(r.Sums))
	}
	return n, err
}
