package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/internal/inspect"
	"github.com/tensorfile/tensorfile/mmap"
)

func init() { commands = append(commands, newInspectCmd) }

func newInspectCmd(t *tool) *cobra.Command {
	var asJSON, bytes bool
	cmd := &cobra.Command{
		Use:   "inspect FILE",
		Short: "Say of every byte of a file what it belongs to",
		Long: `Say of every byte of a file what it belongs to: each structure with its offset,
length, meaning and the section of the specification that describes it.

A damaged file is shown as far as it can be read, and what is damaged is marked.
Payloads are not compared with their checksums; verify does that. Of foreign
files the extents of the tensors are shown.`,
		Example: `  tensorfile inspect model.tensor
  tensorfile inspect --bytes small.tensor`,
		Annotations: map[string]string{exitStatus: exitText("0  the file is shown and nothing is marked", "2  something is damaged, or the file could not be read")},
		Args:        nArgs(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var unread readErrors
			m, done, err := t.byteMap(cmd.Context(), args[0], &unread)
			if err != nil {
				return err
			}
			defer done()
			if asJSON {
				err = t.inspectJSON(m, bytes)
			} else {
				err = m.WriteText(t.out, bytes, t.out.columns())
			}
			if err != nil {
				return err
			}
			if unread.first != nil {
				t.fail(unread.first) // its damage is what could not be read, not what is
			} else if n := m.Damages(); n > 0 {
				t.fail(fmt.Errorf("%s: %s", m.Path, counted(int64(n), "damaged place")))
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	cmd.Flags().BoolVar(&bytes, "bytes", false, "show the bytes in hex with their meaning; of payloads the first")
	return cmd
}

// byteMap maps the file at path. A native one is read as it lies there, without
// the checks of opening it; done ends the use of the map.
func (t *tool) byteMap(ctx context.Context, path string, unread *readErrors) (m *inspect.Map, done func(), err error) {
	if path != "-" && (t.from == "" || t.from == format.Name) {
		src, err := mmap.Open(path, &mmap.Options{NoMmap: true})
		if err == nil && (t.from == format.Name || isNative(src)) {
			m, err = inspect.Native(ctx, unread.of(src))
			return m, func() { src.Close() }, err
		}
		if err == nil {
			src.Close()
		}
	}
	in, err := t.open(ctx, path)
	if err != nil {
		return nil, nil, err
	}
	if in.Layout() == nil {
		m, err = inspect.Native(ctx, unread.of(in.Map()))
	} else {
		m = inspect.Foreign(in.File)
	}
	if err != nil {
		in.close()
		return nil, nil, err
	}
	return m, in.close, nil
}

// isNative reports whether src is a .tensor file, or says so by its name.
func isNative(src *mmap.Map) bool {
	if strings.EqualFold(filepath.Ext(src.Path()), format.Extension) {
		return true
	}
	b := make([]byte, min(src.Size(), int64(len(format.Magic))))
	_, err := src.ReadAt(b, 0)
	return err == nil && string(b) == string(format.Magic[:])
}

// readErrors remembers the first read that the disk refused. One goroutine
// reads.
type readErrors struct {
	m     *mmap.Map
	first error
}

// of gives the bytes of m.
func (r *readErrors) of(m *mmap.Map) *mmap.Map {
	r.m = m
	return mmap.NewReaderAt(r, m.Size(), m.Path())
}

func (r *readErrors) ReadAt(p []byte, off int64) (int, error) {
	n, err := r.m.ReadAt(p, off)
	if errors.Is(err, tensorfile.ErrIO) && r.first == nil {
		r.first = err
	}
	return n, err
}

type partJSON struct {
	Offset  int64    `json:"offset"`
	Length  int64    `json:"length"`
	Kind    string   `json:"kind"`
	What    string   `json:"what"`
	Section string   `json:"section,omitempty"`
	Tensors []string `json:"tensors,omitempty"`
	Damage  []string `json:"damage,omitempty"`
}

type rowJSON struct {
	Offset  int64  `json:"offset"`
	Length  int64  `json:"length"`
	Hex     string `json:"hex"` // of the first bytes
	Field   string `json:"field"`
	Meaning string `json:"meaning,omitempty"`
	Of      string `json:"of,omitempty"` // the record that it is a part of
}

// inspectJSON prints the map as one document, part by part: with bytes it can
// be far larger than memory.
func (t *tool) inspectJSON(m *inspect.Map, bytes bool) error {
	head, err := marshal(struct {
		Schema string `json:"schema"`
		jsonPath
		Format string       `json:"format"`
		Size   int64        `json:"size"`
		Sound  bool         `json:"sound"`
		Damage []*errorJSON `json:"damage"`
	}{schema("inspect"), pathJSON(m.Path), m.Format, m.Size, m.Damages() == 0, errorDocs(m.Damage)})
	if err != nil {
		return err
	}
	t.out.Write(head[:len(head)-1])
	t.out.WriteString(`,"parts":[`)
	for i := range m.Parts {
		p := &m.Parts[i]
		j := partJSON{Offset: p.Offset, Length: p.Length, Kind: p.Kind, What: p.What, Section: p.Section, Tensors: p.Tensors, Damage: p.Damage}
		b, err := marshal(j)
		if err != nil {
			return err
		}
		if i > 0 {
			t.out.WriteByte(',')
		}
		t.out.Write(b[:len(b)-1])
		if bytes {
			err = t.rowsJSON(m, p)
		}
		if err != nil {
			return err
		}
		if err := t.out.WriteByte('}'); err != nil {
			return err
		}
	}
	_, err = t.out.WriteString("]}\n")
	return err
}

// rowsJSON prints the rows of a part.
func (t *tool) rowsJSON(m *inspect.Map, p *inspect.Part) (err error) {
	t.out.WriteString(`,"rows":[`)
	of, comma := "", ""
	m.Rows(p, func(r inspect.Row) bool {
		if r.Length == 0 {
			of = r.Field
			return true
		}
		var b []byte
		if b, err = marshal(rowJSON{r.Offset, r.Length, hex.EncodeToString(r.Bytes), r.Field, r.Meaning, of}); err == nil {
			t.out.WriteString(comma)
			_, err = t.out.Write(b)
		}
		comma = ","
		return err == nil
	})
	t.out.WriteString("]")
	return err
}

// counted is a number and the noun it counts: "1 tensor", "2 tensors".
func counted(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return countText(n) + " " + noun + "s"
}
