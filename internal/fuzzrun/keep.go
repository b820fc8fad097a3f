package main

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"os"
	"path/filepath"
	"slices"
)

// What is kept of a target in its package: few and small, so that replaying them
// is no burden on anybody's tests.
const (
	mostFiles   = 24
	mostBytes   = 48 << 10
	largestFile = 8 << 10
)

func keepAll(ts []target) error {
	cache, err := fuzzCache()
	if err != nil {
		return err
	}
	for _, t := range ts {
		if err := keep(t, cache); err != nil {
			return err
		}
	}
	return nil
}

type input struct {
	name string
	data []byte
}

// keep copies inputs that the fuzzer found interesting into testdata/fuzz, until
// the target has as many as it may. Inputs that are there stay: each was put there
// for a reason, or is as good as another.
func keep(t target, cache string) error {
	cached, err := readInputs(filepath.Join(cache, filepath.FromSlash(t.pkg), t.fn))
	if err != nil {
		return err
	}
	dir := filepath.Join(t.dir, "testdata", "fuzz", t.fn)
	stored, err := readInputs(dir)
	if err != nil {
		return err
	}
	for _, in := range choose(stored, cached) {
		if err := os.MkdirAll(dir, 0o777); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, in.name), in.data, 0o666); err != nil {
			return err
		}
	}
	return nil
}

func readInputs(dir string) ([]input, error) {
	entries, err := os.ReadDir(dir)
	if os.IsNotExist(err) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	var all []input
	for _, e := range entries {
		if !e.Type().IsRegular() {
			continue
		}
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, err
		}
		all = append(all, input{e.Name(), b})
	}
	return all, nil
}

// choose says which cached inputs to add to those stored. The fuzzer has made each
// as small as it could without losing what it reached, so none repeats another; of
// too many it takes those at even steps from the smallest to the largest. The
// choice depends on the inputs alone.
func choose(stored, cached []input) []input {
	have := map[[32]byte]bool{}
	size := 0
	for _, in := range stored {
		have[sha256.Sum256(in.data)] = true
		size += len(in.data)
	}
	var fresh []input
	for _, in := range cached {
		sum := sha256.Sum256(in.data)
		if len(in.data) <= largestFile && !have[sum] && bytes.HasPrefix(in.data, []byte("go test fuzz v1\n")) {
			have[sum] = true
			fresh = append(fresh, in)
		}
	}
	slices.SortFunc(fresh, func(a, b input) int {
		return cmp.Or(cmp.Compare(len(a.data), len(b.data)), cmp.Compare(a.name, b.name))
	})
	room := min(mostFiles-len(stored), len(fresh))
	var chosen []input
	for i := range max(room, 0) {
		in := fresh[i*len(fresh)/room]
		if size += len(in.data); size > mostBytes {
			break
		}
		chosen = append(chosen, in)
	}
	return chosen
}
