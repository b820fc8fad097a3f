package shard

import (
	"cmp"
	"context"
	"strings"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/format"
)

// Merge writes all tensors of the set whose index is at path to one file, as
// convert.Files does with its options: o.Store counts for what it names. Rows that
// were in chunks of several shards are in chunks again, by the pipelines of the first
// shard. o may be nil.
func Merge(ctx context.Context, path, out string, o *convert.Options) (*convert.Result, error) {
	own := convert.Options{}
	if o != nil {
		own = *o
	}
	open := own.Open
	open.Format = Format
	f, err := convert.Open(ctx, path, &open)
	if err != nil {
		return nil, err
	}
	rules, err := storeRules(f, own.Open.SkipBad)
	if e := f.Close(); err == nil {
		err = e
	}
	if err != nil {
		return nil, err
	}
	own.Open = open
	if own.To == format.Name || own.To == "" && (out == convert.Stream || strings.HasSuffix(strings.ToLower(out), format.Extension)) {
		own.Store = append(rules, own.Store...)
	}
	return convert.Files(ctx, []string{path}, out, &own)
}

// storeRules say for each tensor in rows how its first shard stores it.
func storeRules(f *tensorfile.File, skipBad bool) (rules []convert.Store, err error) {
	l := f.Layout()
	for i := range l.Tensors {
		t := &l.Tensors[i]
		if t.Storage < 0 {
			continue
		}
		first, err := l.Storages[t.Storage].Rows[0].Open()
		if err != nil && skipBad {
			continue
		}
		if err != nil {
			return nil, err
		}
		if st := first.Storage(); st.Kind == tensorfile.StorageGrid {
			rules = append(rules, convert.Store{Names: t.Name, Codec: cmp.Or(st.Codec, "raw"), Chunk: first.ChunkShape()})
		}
	}
	return rules, nil
}
