package main

import (
	"bytes"
	"cmp"
	"context"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/sparse"
	"github.com/tensorfile/tensorfile/tensor"
)

var ctx = context.Background()

// learned is a file with ratings and similarities, and the ratings as a full
// matrix.
func learned(t *testing.T) (path string, full [][films]float64) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "films.tensor")
	people := visitors(150)
	if err := write(ctx, path, people); err != nil {
		t.Fatal(err)
	}
	if err := learn(ctx, path); err != nil {
		t.Fatal(err)
	}
	full = make([][films]float64, len(people))
	n := 0
	for i, p := range people {
		for k, film := range p.films {
			full[i][film] = float64(p.stars[k])
			n++
		}
	}
	if n < 1000 {
		t.Fatalf("%d ratings", n)
	}
	return path, full
}

func open(t *testing.T, path string) (f *tensorfile.File, ratings, similarity *tensorfile.Tensor) {
	t.Helper()
	f, err := tensorfile.Open(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	if ratings, err = f.Tensor("ratings"); err != nil {
		t.Fatal(err)
	}
	if similarity, err = f.Tensor("similarity"); err != nil {
		t.Fatal(err)
	}
	return f, ratings, similarity
}

// The matrix in the file is the one that was written, and a cosine is that of two
// columns of it.
func TestSimilarity(t *testing.T) {
	path, full := learned(t)
	_, ratings, similarity := open(t, path)
	a, err := ratings.Sparse(ctx)
	if err != nil {
		t.Fatal(err)
	}
	dense, err := a.Dense(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err := tensor.Data[uint8](dense)
	if err != nil {
		t.Fatal(err)
	}
	for i := range full {
		for j, want := range full[i] {
			if float64(got[i*films+j]) != want {
				t.Fatalf("person %d, film %d: %d, want %v", i, j, got[i*films+j], want)
			}
		}
	}
	cosines, err := tensorfile.Data[float32](similarity)
	if err != nil {
		t.Fatal(err)
	}
	some := 0
	for a := range films {
		for b := range films {
			var ab, aa, bb float64
			for i := range full {
				ab, aa, bb = ab+full[i][a]*full[i][b], aa+full[i][a]*full[i][a], bb+full[i][b]*full[i][b]
			}
			want := 0.
			if ab > 0 {
				want = ab / math.Sqrt(aa*bb)
				some++
			}
			if c := float64(cosines[a*films+b]); math.Abs(c-want) > 1e-7 {
				t.Fatalf("films %d and %d: %v, want %v", a, b, c, want)
			}
		}
	}
	t.Logf("%d cosines above 0", some)
	if some < 1000 {
		t.Error("too few")
	}
}

// The films are those that a sort of all of them gives.
func TestRecommend(t *testing.T) {
	path, full := learned(t)
	f, _, similarity := open(t, path)
	cosines, err := tensorfile.Data[float32](similarity)
	if err != nil {
		t.Fatal(err)
	}
	for person, row := range full {
		var want []recommendation
		for b := range films {
			sum, weight := 0., 0.
			for a, stars := range row {
				if stars > 0 {
					c := float64(cosines[b*films+a]) // symmetric
					sum, weight = sum+c*(stars-3), weight+c
				}
			}
			if row[b] == 0 && weight > 0 {
				want = append(want, recommendation{b, sum / weight})
			}
		}
		slices.SortStableFunc(want, func(a, b recommendation) int { return cmp.Compare(b.score, a.score) })
		got, err := recommend(ctx, f, int64(person), 10)
		if err != nil {
			t.Fatal(err)
		}
		for i, x := range got {
			if math.Abs(x.score-want[i].score) > 1e-12 || row[x.film] != 0 {
				t.Errorf("person %d, place %d: %v, want %v", person, i, x, want[i])
			}
		}
		if len(got) != 10 {
			t.Errorf("person %d: %d films", person, len(got))
		}
	}
	if _, err := recommend(ctx, f, int64(len(full)), 3); err == nil {
		t.Error("a person who is not there")
	}
}

// counter counts what is read.
type counter struct {
	io.ReaderAt
	bytes atomic.Int64
}

func (c *counter) ReadAt(p []byte, off int64) (int, error) {
	n, err := c.ReaderAt.ReadAt(p, off)
	c.bytes.Add(int64(n))
	return n, err
}

// A row takes some pages of a large file.
func TestRowsReadLittle(t *testing.T) {
	if testing.Short() {
		t.Skip("20,000 people")
	}
	path := filepath.Join(t.TempDir(), "films.tensor")
	people := visitors(20000)
	if err := write(ctx, path, people); err != nil {
		t.Fatal(err)
	}
	in, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	fi, err := in.Stat()
	if err != nil {
		t.Fatal(err)
	}
	c := &counter{ReaderAt: in}
	f, err := tensorfile.OpenReaderAt(c, fi.Size(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	ratings, err := f.Tensor("ratings")
	if err != nil {
		t.Fatal(err)
	}
	const person = 12345
	calls := 0
	err = each(ctx, ratings, person, person+1, func(columns []int32, stars []uint8) {
		calls++
		if !slices.Equal(columns, people[person].films) || !bytes.Equal(stars, people[person].stars) {
			t.Errorf("person %d rated %v with %v", person, columns, stars)
		}
	})
	if err != nil || calls != 1 {
		t.Fatal(calls, err)
	}
	t.Logf("%d of %d bytes read", c.bytes.Load(), fi.Size())
	if c.bytes.Load() > fi.Size()/4 {
		t.Error("too many")
	}
}

// What is wrong in a matrix is an error, not a film that is not there.
func TestDamaged(t *testing.T) {
	a, err := csr(tensor.Shape{2, films}, []int64{0, 1, 2}, []int32{5, films}, []uint8{3, 4})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Validate(ctx, nil); err == nil || !strings.Contains(err.Error(), "composite.index") {
		t.Error(err)
	}
	if _, err := csr(tensor.Shape{3, films}, []int64{0, 1, 2}, []int32{5, 6}, []uint8{3, 4}); err == nil {
		t.Error("two rows for three people")
	}
	if _, ok := a.Part(sparse.RoleValues); !ok {
		t.Error("no values")
	}
}

func TestRun(t *testing.T) {
	var out bytes.Buffer
	if err := run(ctx, t.TempDir(), &out); err != nil {
		t.Fatal(err)
	}
	t.Log("\n" + out.String())
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 6 || !strings.Contains(lines[5], " of 2000 recommendations") || lines[5] < "15" || lines[5] > "2" {
		t.Errorf("%q", lines)
	}
}
