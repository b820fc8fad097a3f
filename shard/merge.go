package shard

import (
	"context"

	"github.com/tensorfile/tensorfile/convert"
)

// Merge writes all tensors of the set whose index is at path to one file, as
// convert.Files does with its options. Rows that were in chunks of several shards are
// in chunks again, by the pipelines of the first shard, where the output has chunks.
// path must be an index. o may be nil.
func Merge(ctx context.Context, path, out string, o *convert.Options) (*convert.Result, error) {
	own := convert.Options{}
	if o != nil {
		own = *o
	}
	own.Open.Format = Format
	return convert.Files(ctx, []string{path}, out, &own)
}
