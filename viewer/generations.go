package viewer

import (
	"math"
	"time"

	"github.com/tensorfile/tensorfile"
)

// mostChanges bounds the names of changes that are told of a generation, of each
// kind.
const mostChanges = 200

type generationDoc struct {
	Generation number            `json:"generation"`
	Previous   number            `json:"previous"` // 0: none
	Time       *string           `json:"time"`
	Writer     string            `json:"writer"`
	Bytes      *number           `json:"bytes"` // that it added; null: not known
	Length     number            `json:"length"`
	Live       number            `json:"live"`
	Added      []string          `json:"added"`
	Removed    []string          `json:"removed"`
	Replaced   []string          `json:"replaced"`
	Attributes []string          `json:"attributes"` // tensors of which only those changed
	Counts     map[string]number `json:"counts"`     // of these, of which the first are told
	File       bool              `json:"file_attributes,omitempty"`
	Error      *errorDoc         `json:"error,omitempty"`
}

// generations answers a page of the history of a native file, newest first.
func (c *call) generations() error {
	h, err := c.file()
	if err != nil {
		return err
	}
	offset, err := c.int("offset", 0, 0, math.MaxInt32)
	if err != nil {
		return err
	}
	limit, err := c.int("limit", 50, 0, mostRows)
	if err != nil {
		return err
	}
	if err := c.holdLight(8 << 20); err != nil {
		return err
	}
	doc := struct {
		Schema      string          `json:"schema"`
		Next        number          `json:"next,omitempty"` // the offset of the next page, if there is one
		Offset      number          `json:"offset"`
		Generations []generationDoc `json:"generations"`
		Error       *errorDoc       `json:"error,omitempty"` // that ended the history early
	}{Schema: schema("generations"), Offset: number(offset), Generations: []generationDoc{}}
	n := int64(0)
	for g, err := range h.file.Generations(c.ctx) {
		if c.ctx.Err() != nil {
			return c.ctx.Err()
		}
		if err != nil {
			if n == 0 {
				return err
			}
			e, _ := describeError(err)
			doc.Error = &e
			break
		}
		if n++; n <= offset {
			continue
		}
		if n > offset+limit {
			doc.Next = number(offset + limit)
			break
		}
		doc.Generations = append(doc.Generations, c.generation(h.file, g))
	}
	return c.json(doc)
}

func (c *call) generation(f *tensorfile.File, g tensorfile.Generation) generationDoc {
	d := generationDoc{
		Generation: number(g.Number), Previous: number(g.Previous), Writer: g.Writer, Length: number(g.Length), Live: number(g.Live),
		Added: []string{}, Removed: []string{}, Replaced: []string{}, Attributes: []string{}, Counts: map[string]number{},
	}
	bytes := number(g.Bytes)
	d.Bytes = &bytes
	if !g.Time.IsZero() {
		when := g.Time.UTC().Format(time.RFC3339Nano)
		d.Time = &when
	}
	changes, err := f.Changes(c.ctx, g.Previous, g.Number)
	if err != nil {
		e, _ := describeError(err)
		d.Error = &e
		return d
	}
	to := map[tensorfile.ChangeKind]*[]string{
		tensorfile.Added: &d.Added, tensorfile.Removed: &d.Removed, tensorfile.Replaced: &d.Replaced, tensorfile.Attributes: &d.Attributes,
	}
	for _, x := range changes {
		if x.Name == "" {
			d.File = true
			continue
		}
		kind := x.Kind.String()
		if d.Counts[kind]++; d.Counts[kind] <= mostChanges {
			*to[x.Kind] = append(*to[x.Kind], x.Name)
		}
	}
	return d
}
