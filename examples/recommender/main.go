// Command recommender keeps who rated which film as a sparse matrix, finds out
// which films are rated alike, and recommends by that:
//
//	go run ./examples/recommender [FOLDER]
//
// The matrix has a row for each person, compressed (CSR): of 400 x 120 elements 13%
// have an entry. It is written once, in chunks that are compressed by themselves.
// What films have in common is counted from some rows at a time, so that the whole
// is never in memory, and appended to the same file as a dense matrix. To recommend
// takes one row of ratings and some of the other: nothing else is read.
package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"slices"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/examples/program"
	"github.com/tensorfile/tensorfile/sparse"
	"github.com/tensorfile/tensorfile/tensor"
)

func main() { program.Main(run) }

func run(ctx context.Context, dir string, out io.Writer) error {
	path := filepath.Join(dir, "films.tensor")
	people := visitors(400)
	if err := write(ctx, path, people); err != nil {
		return err
	}
	if err := learn(ctx, path); err != nil {
		return err
	}

	f, err := tensorfile.Open(path, nil)
	if err != nil {
		return err
	}
	defer f.Close()
	ratings, err := f.Tensor("ratings")
	if err != nil {
		return err
	}
	s := ratings.Storage()
	fmt.Fprintf(out, "%v ratings of %v: %d bytes in the file, %d in memory\n", ratings.DType(), ratings.Shape(), s.Stored, s.Size)

	const person = 7
	top, err := recommend(ctx, f, person, 3)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "person %d likes %s and %s:\n", person, genres[people[person].likes[0]], genres[people[person].likes[1]])
	for _, x := range top {
		fmt.Fprintf(out, "  %+.2f  %s\n", x.score, title(x.film))
	}

	hits, all := 0, 0
	for i, p := range people {
		top, err := recommend(ctx, f, int64(i), 5)
		if err != nil {
			return err
		}
		for _, x := range top {
			if all++; slices.Contains(p.likes[:], genre(x.film)) {
				hits++
			}
		}
	}
	fmt.Fprintf(out, "%d of %d recommendations are of a genre that the person likes\n", hits, all)
	return nil
}

// write makes a file of the ratings: row i is person i, column j film j.
func write(ctx context.Context, path string, people []visitor) error {
	pointers := []int64{0} // row i is entries pointers[i] to pointers[i+1]
	var columns []int32
	var stars []uint8
	for _, p := range people {
		columns = append(columns, p.films...)
		stars = append(stars, p.stars...)
		pointers = append(pointers, int64(len(columns)))
	}
	a, err := csr(tensor.Shape{int64(len(people)), films}, pointers, columns, stars)
	if err != nil {
		return err
	}
	w, err := tensorfile.Create(path, &tensorfile.CreateOptions{Overwrite: true})
	if err != nil {
		return err
	}
	defer w.Close() // takes back what was not committed
	// Indices that ascend and numbers from 1 to 5 become small: each part gets a
	// pipeline of its own.
	o := &tensorfile.TensorOptions{Dims: []string{"person", "film"}, Chunk: tensor.Shape{512}, Codec: "auto"}
	if err := w.AddSparse(ctx, "ratings", a, o); err != nil {
		return err
	}
	return w.Commit(ctx)
}

// csr is a sparse matrix over three slices, which are not copied.
func csr(shape tensor.Shape, pointers []int64, columns []int32, values []uint8) (*sparse.Array, error) {
	p, err := tensor.FromSlice(pointers)
	if err != nil {
		return nil, err
	}
	c, err := tensor.FromSlice(columns)
	if err != nil {
		return nil, err
	}
	v, err := tensor.FromSlice(values)
	if err != nil {
		return nil, err
	}
	return sparse.New(sparse.Spec{
		Layout: sparse.CSR, Shape: shape,
		Properties: sparse.Properties{Sorted: true, Unique: true},
		Parts:      []sparse.Part{{Role: sparse.RoleIndptr, View: p}, {Role: sparse.RoleIndices, View: c}, {Role: sparse.RoleValues, View: v}},
	})
}

// each calls fn with the ratings of people from to to: the films, ascending, and
// their stars. Of the file it reads the chunks that hold these rows.
func each(ctx context.Context, ratings *tensorfile.Tensor, from, to int64, fn func(columns []int32, stars []uint8)) error {
	rows, err := ratings.SparseRows(ctx, from, to)
	if err != nil {
		return err
	}
	if err := rows.Validate(ctx, nil); err != nil { // no index leads out of a row
		return err
	}
	pointers, err := sparse.Data[int64](rows, sparse.RoleIndptr)
	if err != nil {
		return err
	}
	columns, err := sparse.Data[int32](rows, sparse.RoleIndices)
	if err != nil {
		return err
	}
	stars, err := sparse.Data[uint8](rows, sparse.RoleValues)
	if err != nil {
		return err
	}
	for i, a := range pointers[:len(pointers)-1] {
		b := pointers[i+1]
		fn(columns[a:b], stars[a:b])
	}
	return nil
}

// learn appends "similarity", f32 (film, film): the cosine of the columns of each
// two films. It has a block of rows in memory at a time.
func learn(ctx context.Context, path string) error {
	f, err := tensorfile.Open(path, nil)
	if err != nil {
		return err
	}
	defer f.Close()
	ratings, err := f.Tensor("ratings")
	if err != nil {
		return err
	}
	people, n := ratings.Shape()[0], ratings.Shape()[1]
	products := make([]int64, n*n) // sums of products of stars, exactly
	const block = 64
	for from := int64(0); from < people; from += block {
		err := each(ctx, ratings, from, min(from+block, people), func(columns []int32, stars []uint8) {
			for i, a := range columns {
				for j, b := range columns {
					products[int64(a)*n+int64(b)] += int64(stars[i]) * int64(stars[j])
				}
			}
		})
		if err != nil {
			return err
		}
	}
	cosines := make([]float32, n*n)
	for a := range n {
		for b := range n {
			if p := products[a*n+b]; p > 0 {
				cosines[a*n+b] = float32(float64(p) / math.Sqrt(float64(products[a*n+a])*float64(products[b*n+b])))
			}
		}
	}
	v, err := tensor.FromSlice(cosines, n, n)
	if err != nil {
		return err
	}
	w, err := tensorfile.OpenAppend(path, nil)
	if err != nil {
		return err
	}
	defer w.Close()
	if err := w.Add(ctx, "similarity", v, &tensorfile.TensorOptions{Dims: []string{"film", "film"}}); err != nil {
		return err
	}
	return w.Commit(ctx)
}

// recommendation is a film and what is expected of it, from -2 to 2.
type recommendation struct {
	film  int
	score float64
}

// recommend returns the n films that a person has not rated, but films like them
// best: the mean of what he gave to others, more or less than three stars, weighed
// by how similar they are.
func recommend(ctx context.Context, f *tensorfile.File, person int64, n int) ([]recommendation, error) {
	ratings, err := f.Tensor("ratings")
	if err != nil {
		return nil, err
	}
	t, err := f.Tensor("similarity")
	if err != nil {
		return nil, err
	}
	similarity, err := tensorfile.View[float32](t) // of the mapping: rows are read as they are touched
	if err != nil {
		return nil, err
	}
	films := int(t.Shape()[0])
	sums, weights, seen := make([]float64, films), make([]float64, films), make([]bool, films)
	err = each(ctx, ratings, person, person+1, func(columns []int32, stars []uint8) {
		for i, a := range columns {
			seen[a] = true
			for b := range films {
				s := float64(similarity.At(int64(a), int64(b)))
				sums[b] += s * (float64(stars[i]) - 3)
				weights[b] += s
			}
		}
	})
	if err != nil {
		return nil, err
	}
	var list []recommendation
	for b := range films {
		if !seen[b] && weights[b] > 0 {
			list = append(list, recommendation{b, sums[b] / weights[b]})
		}
	}
	slices.SortStableFunc(list, func(a, b recommendation) int { return cmp.Compare(b.score, a.score) })
	return list[:min(n, len(list))], nil
}
