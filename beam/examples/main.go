// Examples are three jobs on Apache Beam, in one program that is its own worker.
//
//	go run ./examples -job statistics -in images.tensor -tensor images -axis 3 -out stats.shards.json
//	go run ./examples -job rechunk -in big.tensor -chunk 64,64,64 -codec 'shuffle|zstd:3' -memory 256MiB -shards 16 -out small.shards.json
//	go run ./examples -job images -in s3://bucket/photos/ -size 224 -shards 8 -out photos.shards.json
//
// Prism, inside this process, runs them, or what -runner says: see docs/beam.md.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/x/beamx"
	"github.com/tensorfile/tensorfile/beam/tensorio"
	_ "github.com/tensorfile/tensorfile/remote/httprange"
	_ "github.com/tensorfile/tensorfile/remote/s3"
)

var (
	job       = flag.String("job", "", "statistics, rechunk or images")
	in        = flag.String("in", "", "file, set of shards or address; of images a folder or s3://BUCKET/PREFIX")
	out       = flag.String("out", "", "index of the set that is written, NAME.shards.json")
	overwrite = flag.Bool("overwrite", false, "replace a set that is there")
	shards    = flag.Int("shards", 1, "shards that are written")
	name      = flag.String("tensor", "", "statistics: name of the tensor")
	axis      = flag.Int("axis", -1, "statistics: axis of the channels; negative from the last")
	chunk     = flag.String("chunk", "", "rechunk: extents of a chunk, such as 64,64,64")
	codec     = flag.String("codec", "shuffle|zstd:3", "rechunk: pipeline of the chunks")
	memory    = flag.Int64("memory", 256<<20, "rechunk: bytes of rows that a worker holds at a time")
	size      = flag.Int64("size", 224, "images: pixels of an edge")
)

func main() {
	flag.Parse()
	beam.Init() // a worker ends here
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	p, s := beam.NewPipelineWithRoot()
	o := tensorio.Output{Path: *out, Shards: *shards, Overwrite: *overwrite}
	var err error
	switch *job {
	case "statistics":
		o.Shards = 1
		err = statistics(ctx, s, *in, *name, *axis, o)
	case "rechunk":
		var extents []int64
		if extents, err = numbers(*chunk); err == nil {
			err = rechunk(ctx, s, *in, extents, *codec, *memory, o)
		}
	case "images":
		err = images(ctx, s, *in, *size, o)
	default:
		err = fmt.Errorf("-job %q: want statistics, rechunk or images", *job)
	}
	if err != nil {
		return err
	}
	return beamx.Run(ctx, p)
}

func numbers(s string) (list []int64, err error) {
	for _, part := range strings.Split(s, ",") {
		n, err := strconv.ParseInt(part, 10, 64)
		if err != nil || n < 1 {
			return nil, fmt.Errorf("-chunk %q: want extents such as 64,64,64", s)
		}
		list = append(list, n)
	}
	return list, nil
}
