package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/format"
)

func init() { commands = append(commands, newVerifyCmd) }

func newVerifyCmd(t *tool) *cobra.Command {
	var asJSON, quick, decode bool
	var sample share
	cmd := &cobra.Command{
		Use:   "verify FILE...",
		Short: "Check structure and checksums of files",
		Long: `Check files: every structure of every generation, every payload against its
checksum, padding and both root slots included, and list all that is wrong with
its offset, the first one first. Of a foreign file the checksums that its format
has are compared.

Chunks are compared with their checksums; --decode also decodes all of them, and
looks at elements where not every pattern of bits is one: a bool is 0 or 1. What
is compressed in a foreign file is decoded without it, too.`,
		Example: `  tensorfile verify model.tensor
  tensorfile verify --decode model.tensor
  tensorfile verify --sample 5% *.tensor
  tensorfile verify --quick --json model.tensor`,
		Annotations: map[string]string{exitStatus: exitText("0  all is well", "1  a file is damaged, truncated or torn", "2  a file could not be read, or holds what is not known here")},
		Args:        nArgs(1, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if quick && sample > 0 {
				return usage(cmd, "--quick looks at no payload, so --sample has no meaning beside it")
			}
			if quick && decode {
				return usage(cmd, "--quick looks at no payload, so --decode has no meaning beside it")
			}
			o := &tensorfile.VerifyOptions{Quick: quick, Sample: float64(sample), Decode: decode, Workers: t.jobs}
			var docs []verifyJSON
			for _, path := range files(args) {
				v, err := t.verifyFile(cmd.Context(), path, o)
				if err != nil {
					return err
				}
				if asJSON {
					docs = append(docs, v.json())
				} else {
					v.print(t)
				}
				t.raise(v.exit())
			}
			if asJSON {
				return t.writeJSON(struct {
					Schema string       `json:"schema"`
					Files  []verifyJSON `json:"files"`
				}{schema("verify"), docs})
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&quick, "quick", false, "check the structure only, no payloads")
	cmd.Flags().BoolVar(&decode, "decode", false, "decode every chunk, and check that its elements are valid")
	cmd.Flags().Var(&sample, "sample", "check this `SHARE` of the payloads, chosen at random (5%)")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	return cmd
}

// share is the value of a flag that is a part of something: "5%", "0.05".
type share float64

func (s *share) String() string {
	if *s == 0 {
		return ""
	}
	return strconv.FormatFloat(float64(*s)*100, 'g', -1, 64) + "%"
}

func (s *share) Type() string { return "SHARE" }

func (s *share) Set(text string) error {
	number, percent := strings.CutSuffix(text, "%")
	x, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if percent {
		x /= 100
	}
	if err != nil || !(x > 0 && x <= 1) {
		return fmt.Errorf("a share lies above 0%% and up to 100%%, such as 5%% or 0.05")
	}
	*s = share(x)
	return nil
}

// verified is what there is to say about one file.
type verified struct {
	path    string
	info    tensorfile.Info
	tensors int
	rep     tensorfile.Report
	failed  error // it could not be read
}

// verifyFile checks one file. The error is that of the context only.
func (t *tool) verifyFile(ctx context.Context, path string, o *tensorfile.VerifyOptions) (*verified, error) {
	v := &verified{path: shown(path)}
	note := func(err error) (*verified, error) {
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case isDamage(err):
			v.rep.Findings = append(v.rep.Findings, err)
		case errors.Is(err, tensorfile.ErrUnsupported):
			v.rep.Unknown = append(v.rep.Unknown, err)
		default:
			v.failed = err
		}
		return v, nil
	}
	in, err := t.open(ctx, path)
	if err != nil {
		return note(err)
	}
	defer in.close()
	bar := t.newProgress()
	defer bar.end()
	total := in.Info().Size
	if o.Sample > 0 {
		total = int64(float64(total) * o.Sample)
	}
	rep, err := in.Verify(bar.watch(ctx, total), o)
	if rep != nil {
		v.rep = *rep
	}
	v.info = in.Info()
	v.tensors, _ = in.Len() // what is wrong with the catalog is in the report
	if err == nil {
		err = in.Check()
	}
	if err != nil {
		return note(err)
	}
	return v, nil
}

// isDamage reports whether an error says that a file is not as it should be, not
// that it could not be read or is not known.
func isDamage(err error) bool {
	var e *tensorfile.Error
	if !errors.As(err, &e) {
		return false
	}
	is := func(kind error) bool { return errors.Is(err, kind) }
	switch {
	case is(tensorfile.ErrUnsupported), is(tensorfile.ErrIO), is(tensorfile.ErrChanged):
		return false
	case is(tensorfile.ErrTruncated), is(tensorfile.ErrCorrupt), is(tensorfile.ErrOverflow), is(tensorfile.ErrDuplicate), is(tensorfile.ErrPath):
		return true
	case is(tensorfile.ErrFormat):
		return e.Field != "magic" && e.Format != "" // else it is no file of any format known here
	}
	return e.Rule != ""
}

func (v *verified) status() string {
	switch {
	case len(v.rep.Findings) > 0:
		return "damaged"
	case v.failed != nil:
		return "unreadable"
	case len(v.rep.Unknown) > 0:
		return "unknown"
	}
	return "ok"
}

func (v *verified) exit() int {
	return map[string]int{"ok": exitOK, "damaged": exitNo, "unreadable": exitBad, "unknown": exitBad}[v.status()]
}

// print says it for people: the verdict on a line, what is wrong below.
func (v *verified) print(t *tool) {
	if v.failed != nil {
		t.fail(v.failed)
		if len(v.rep.Findings) == 0 {
			return
		}
	}
	fmt.Fprintf(t.out, "%s: %s", clean(v.path), v.status())
	if v.info.Format != "" {
		fmt.Fprintf(t.out, " (%s)", v.summary())
	}
	if n := len(v.rep.Findings); n > 0 {
		fmt.Fprintf(t.out, ", %s", counted(int64(n), "finding"))
	}
	fmt.Fprintln(t.out)
	for _, err := range v.rep.Findings {
		fmt.Fprintf(t.out, "  %s\n", clean(v.text(err)))
	}
	for _, err := range v.rep.Unknown {
		fmt.Fprintf(t.out, "  not checked: %s\n", clean(v.text(err)))
	}
	for _, s := range v.advice() {
		t.note("%s: %s", v.path, s)
	}
	if n := v.info.Leftover; n > 0 {
		t.note("%s: %s behind the committed length, left by an unfinished commit, count for nothing", v.path, counted(n, "byte"))
	}
}

// text is what is wrong without what the line above says: the file and its format.
func (v *verified) text(err error) string {
	e, ok := err.(*tensorfile.Error)
	if !ok {
		return err.Error()
	}
	own := *e
	if shown(own.Path) == v.path {
		own.Path = ""
		if own.Format == v.info.Format {
			own.Format = ""
		}
	}
	return own.Error()
}

// advice says what findings mean for the data of a .tensor file, and what to do.
func (v *verified) advice() (list []string) {
	if v.info.Format != format.Name {
		return nil // it cannot be opened, or its format has other ways
	}
	slot, other := "", false
	for _, err := range v.rep.Findings {
		var e *tensorfile.Error
		switch in := errors.As(err, &e) && strings.HasPrefix(e.Rule, "root."); {
		case in && e.Offset >= format.SlotA && e.Offset < format.SlotB:
			slot = "A"
		case in && e.Offset >= format.SlotB && e.Offset < format.DataStart:
			slot = "B"
		default:
			other = true
		}
	}
	if slot != "" {
		safe := ""
		if v.info.Leftover == 0 {
			safe = ", and no committed data is lost"
		}
		list = append(list, fmt.Sprintf("root slot %s is torn, as by a crash: the file opens without it at generation %d%s; the next edit, such as 'tensorfile append', writes the slot anew", slot, v.info.Generation, safe))
	}
	if other {
		list = append(list, "'tensorfile recover "+v.path+" -o OUT' saves all that is intact")
	}
	return list
}

func (v *verified) summary() string {
	parts := []string{counted(int64(v.tensors), "tensor"), sizeText(v.info.Size - v.info.Leftover)}
	switch {
	case v.rep.Generations > 0:
		parts = append(parts, counted(int64(v.rep.Generations), "generation"))
	case v.rep.Blocks == 0:
		parts = append(parts, "no checksums to compare in "+v.info.Format)
	}
	if v.rep.Decoded > 0 {
		parts = append(parts, counted(v.rep.Decoded, "chunk")+" decoded")
	}
	return strings.Join(parts, ", ")
}

type verifyJSON struct {
	jsonPath
	Status      string       `json:"status"` // ok, damaged, unreadable, unknown
	Format      string       `json:"format,omitempty"`
	Size        int64        `json:"size"`
	Generations int          `json:"generations"`
	Tensors     int          `json:"tensors"`
	Storages    int          `json:"storages"`
	Blocks      int64        `json:"blocks"` // that were compared with their checksums
	Bytes       int64        `json:"bytes"`  // in them
	Leftover    int64        `json:"leftover"`
	Decoded     int64        `json:"decoded"` // chunks
	Findings    []*errorJSON `json:"findings"`
	Unknown     []*errorJSON `json:"unknown"`
	Notes       []string     `json:"notes"` // advice
	Error       *errorJSON   `json:"error,omitempty"`
}

func (v *verified) json() verifyJSON {
	return verifyJSON{
		jsonPath: pathJSON(v.path), Status: v.status(), Format: v.info.Format, Size: v.info.Size,
		Generations: v.rep.Generations, Tensors: v.tensors, Storages: v.rep.Storages, Blocks: v.rep.Blocks, Bytes: v.rep.Bytes,
		Leftover: v.info.Leftover, Decoded: v.rep.Decoded, Findings: errorDocs(v.rep.Findings), Unknown: errorDocs(v.rep.Unknown),
		Notes: append([]string{}, v.advice()...), Error: errorDoc(v.failed),
	}
}
