package shard_test

import (
	"fmt"
	"testing"

	"github.com/tensorfile/tensorfile/loader"
	"github.com/tensorfile/tensorfile/shard"
	"github.com/tensorfile/tensorfile/tensor"
)

// Workers divide a set among them: each sample comes once, to one of them, whatever
// shards it is in.
func TestLoaderCutsSets(t *testing.T) {
	_, _, f := split(t, &shard.SplitOptions{Parts: 5})
	a := must(f.Tensor("a"))(t)
	for _, world := range []int{1, 2, 3, 7} {
		seen := map[int32]string{}
		for rank := range world {
			l, err := loader.New(&loader.Options{Batch: 4, Shuffle: true, Seed: 9, Rank: int64(rank), World: int64(world)}, loader.Source{Tensor: a})
			if err != nil {
				t.Fatal(err)
			}
			for b, err := range l.Batches(t.Context()) {
				if err != nil {
					t.Fatal(err)
				}
				v := must(tensor.Data[int32](b.Views[0]))(t)
				for i := 0; i < len(v); i += 5 {
					if was, ok := seen[v[i]]; ok {
						t.Errorf("world %d: a row came to rank %d and to %s", world, rank, was)
					}
					seen[v[i]] = fmt.Sprintf("rank %d", rank)
				}
			}
		}
		for row := range int64(97) {
			if _, ok := seen[at(row*5)]; !ok {
				t.Errorf("world %d: row %d came to nobody", world, row)
			}
		}
	}
}
