package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/tensorfile/tensorfile"
)

func init() { commands = append(commands, newHashCmd) }

func newHashCmd(t *tool) *cobra.Command {
	var asJSON, tensors bool
	cmd := &cobra.Command{
		Use:   "hash FILE...",
		Short: "Print a hash of what files hold, whatever their format",
		Long: `Print a SHA-256 of what files hold: names, dtypes, shapes and values of their
tensors. Format, compression, chunks, strides, byte order, the order of tensors
and attributes do not change it, so a conversion that lost nothing has the hash
of its source. The array in an .npy file is named after the file.

-t prints the hash of each tensor below that of the file. It is over dtype,
shape and values; tensors that are the same under two names have one hash.`,
		Example: `  tensorfile hash model.tensor
  tensorfile hash model.npz model.tensor | uniq -w 64
  tensorfile hash -t model.tensor
  tensorfile hash --json *.tensor | jq -r '.files[] | .hash + " " + .path'`,
		Annotations: map[string]string{exitStatus: exitText("0  done", "2  a file or a tensor cannot be read; such a file has no hash")},
		Args:        nArgs(1, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			docs := []hashJSON{}
			for _, path := range files(args) {
				h, err := t.hashFile(cmd.Context(), path)
				if err != nil {
					return err
				}
				if asJSON {
					docs = append(docs, h.json())
				} else {
					h.print(t, tensors)
				}
				if h.failed() {
					t.raise(exitBad)
				}
			}
			if asJSON {
				return t.writeJSON(struct {
					Schema string     `json:"schema"`
					Files  []hashJSON `json:"files"`
				}{schema("hash"), docs})
			}
			return nil
		},
	}
	cmd.Flags().BoolVarP(&tensors, "tensors", "t", false, "the hash of each tensor, too")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	return cmd
}

// hashed is a file and the hashes of what is in it.
type hashed struct {
	path, format string
	list         []hashedTensor
	err          error // about the file as a whole
	sum          tensorfile.Hash
}

type hashedTensor struct {
	tensorfile.TensorHash
	err error
}

func (h *hashed) failed() bool {
	for _, x := range h.list {
		if x.err != nil {
			return true
		}
	}
	return h.err != nil
}

// hashFile hashes one file. The error is that of the context only.
func (t *tool) hashFile(ctx context.Context, path string) (*hashed, error) {
	h := &hashed{path: path}
	in, err := t.open(ctx, path)
	if err != nil {
		h.err = err
		return h, ctx.Err()
	}
	defer in.close()
	h.format = in.Info().Format
	bar := t.newProgress()
	defer bar.end()
	var good []tensorfile.TensorHash
	for x, err := range in.Hashes(bar.watch(ctx, bar.total(in)), &tensorfile.HashOptions{Workers: t.jobs}) {
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case err != nil && x.Name == "":
			h.err = err
		default:
			h.list = append(h.list, hashedTensor{x, err})
			good = append(good, x)
		}
	}
	if h.err == nil {
		h.err = in.Check()
	}
	h.sum = tensorfile.HashOf(good)
	return h, nil
}

// total is how many bytes all tensors have, if progress is shown.
func (p *progress) total(in *input) (n int64) {
	if p.w == nil {
		return 0
	}
	for x, err := range in.Tensors() {
		if err == nil {
			n = addSaturated(n, x.ByteSize())
		}
	}
	return n
}

func (h *hashed) print(t *tool, tensors bool) {
	if h.err != nil {
		t.fail(h.err)
	}
	for _, x := range h.list {
		if x.err != nil {
			t.fail(x.err)
		}
	}
	if !h.failed() {
		fmt.Fprintf(t.out, "%v  %s\n", h.sum, clean(h.path))
	}
	for _, x := range h.list {
		if tensors && x.err == nil {
			fmt.Fprintf(t.out, "%v    %s\n", x.Hash, clean(x.Name))
		}
	}
}

type hashJSON struct {
	jsonPath
	Format  string           `json:"format,omitempty"`
	Hash    *string          `json:"hash"` // null: the file, or a tensor in it, cannot be read
	Tensors []tensorHashJSON `json:"tensors"`
	Error   *errorJSON       `json:"error,omitempty"`
}

type tensorHashJSON struct {
	Name  string     `json:"name"`
	Hash  *string    `json:"hash"`
	Error *errorJSON `json:"error,omitempty"`
}

func (h *hashed) json() hashJSON {
	j := hashJSON{jsonPath: pathJSON(h.path), Format: h.format, Tensors: []tensorHashJSON{}, Error: errorDoc(h.err)}
	if !h.failed() {
		s := h.sum.String()
		j.Hash = &s
	}
	for _, x := range h.list {
		one := tensorHashJSON{Name: textJSON(x.Name), Error: errorDoc(x.err)}
		if x.err == nil {
			s := x.Hash.String()
			one.Hash = &s
		}
		j.Tensors = append(j.Tensors, one)
	}
	return j
}
