// Command embeddings keeps sentences and their vectors in one file, and finds the
// sentences nearest to a question:
//
//	go run ./examples/embeddings [FOLDER]
//
// A batch that comes in becomes two tensors, "BATCH/vectors" and "BATCH/texts", in
// one commit. Plain tensors are mapped as they lie, so that a search walks over the
// pages of the file and copies nothing; one that is under way is not disturbed by
// what is added or removed meanwhile. What is removed is still in older
// generations, until a repack writes the file without it.
//
// A vector counts the letter triples of a sentence, which finds the same words in
// other forms. A model that knows what words mean would take the place of embed.
package main

import (
	"cmp"
	"context"
	"fmt"
	"hash/fnv"
	"io"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/examples/program"
	"github.com/tensorfile/tensorfile/ragged"
	"github.com/tensorfile/tensorfile/tensor"
)

func main() { program.Main(run) }

func run(ctx context.Context, dir string, out io.Writer) error {
	s, err := create(ctx, filepath.Join(dir, "sentences.tensor"))
	if err != nil {
		return err
	}
	for _, place := range []string{"the forest", "a garden", "the old town"} {
		texts := sentences(place)
		if err := s.add(ctx, place, texts); err != nil {
			return err
		}
		fmt.Fprintf(out, "added %d sentences about %s\n", len(texts), place)
	}

	const question = "sleepy foxes are resting in a forest"
	ask := func(generation uint64) ([]hit, error) {
		hits, err := s.nearest(ctx, question, 3, generation)
		for _, h := range hits {
			fmt.Fprintf(out, "  %.3f  %s\n", h.cosine, h.text)
		}
		return hits, err
	}
	fmt.Fprintf(out, "nearest to %q:\n", question)
	hits, err := ask(0)
	if err != nil {
		return err
	}
	before, err := s.remove(ctx, hits[0].text)
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "without the first of them:")
	if _, err := ask(0); err != nil {
		return err
	}
	fmt.Fprintln(out, "as it was before:")
	if _, err := ask(before); err != nil {
		return err
	}
	r, err := s.compact(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "repacked: %d KiB, %d before\n", r.After>>10, r.Before>>10)
	return nil
}

// dims is the length of a vector.
const dims = 128

// store is a file of sentences in batches.
type store struct{ path string }

// create begins an empty store.
func create(ctx context.Context, path string) (store, error) {
	w, err := tensorfile.Create(path, &tensorfile.CreateOptions{Overwrite: true})
	if err != nil {
		return store{}, err
	}
	defer w.Close() // takes back what was not committed
	return store{path}, w.Commit(ctx)
}

// add writes a batch as a new generation of the file. Nothing that is there is
// written again.
func (s store) add(ctx context.Context, batch string, texts []string) error {
	vectors := make([]float32, 0, len(texts)*dims)
	for _, text := range texts {
		vectors = append(vectors, embed(text)...)
	}
	return s.put(ctx, batch, texts, vectors, nil)
}

// put writes the two tensors of a batch in one commit: after a crash there are
// both or none.
func (s store) put(ctx context.Context, batch string, texts []string, vectors []float32, o *tensorfile.TensorOptions) error {
	list, err := ragged.FromStrings(texts)
	if err != nil {
		return err
	}
	matrix, err := tensor.FromSlice(vectors, int64(len(texts)), dims)
	if err != nil {
		return err
	}
	w, err := tensorfile.OpenAppend(s.path, nil)
	if err != nil {
		return err
	}
	defer w.Close()
	if err := w.Add(ctx, batch+"/vectors", matrix, o); err != nil {
		return err
	}
	if err := w.AddStrings(ctx, batch+"/texts", list, o); err != nil {
		return err
	}
	return w.Commit(ctx)
}

// hit is a sentence that was found.
type hit struct {
	text   string
	cosine float32
}

// nearest returns the n sentences nearest to a question, the nearest first, of a
// generation of the file; 0 is the newest.
func (s store) nearest(ctx context.Context, question string, n int, generation uint64) ([]hit, error) {
	f, err := tensorfile.Open(s.path, &tensorfile.OpenOptions{Generation: generation})
	if err != nil {
		return nil, err
	}
	defer f.Close()
	q := embed(question)
	var best []hit
	for t, err := range f.Tensors() {
		if err != nil {
			return nil, err
		}
		batch, ok := strings.CutSuffix(t.Name(), "/vectors")
		if !ok {
			continue
		}
		list, err := f.Tensor(batch + "/texts")
		if err != nil {
			return nil, err
		}
		texts, err := list.Strings(ctx)
		if err != nil {
			return nil, err
		}
		// In Guard a file that somebody cuts short is an error, not a crash.
		err = t.Guard(func(v tensor.View) error {
			rows, err := tensor.Data[float32](v) // the mapping itself
			if err != nil {
				return err
			}
			for i := range int(v.Shape()[0]) {
				c := dot(q, rows[i*dims:(i+1)*dims])
				if len(best) == n && c < best[n-1].cosine {
					continue
				}
				text, err := texts.At(int64(i))
				if err != nil {
					return err
				}
				best = insert(best, hit{text, c}, n)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return best, nil
}

// insert puts a hit to its place among the best n, equal ones by their text.
func insert(best []hit, h hit, n int) []hit {
	at, _ := slices.BinarySearchFunc(best, h, func(a, b hit) int {
		return cmp.Or(cmp.Compare(b.cosine, a.cosine), strings.Compare(a.text, b.text))
	})
	best = slices.Insert(best, at, h)
	return best[:min(n, len(best))]
}

// remove writes the batch of a sentence again without it, and returns the
// generation that still has it.
func (s store) remove(ctx context.Context, text string) (before uint64, err error) {
	f, err := tensorfile.Open(s.path, nil)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	for list, err := range f.Tensors() {
		if err != nil {
			return 0, err
		}
		batch, ok := strings.CutSuffix(list.Name(), "/texts")
		if !ok {
			continue
		}
		strs, err := list.Strings(ctx)
		if err != nil {
			return 0, err
		}
		texts, err := strs.List(ctx)
		if err != nil {
			return 0, err
		}
		i := slices.Index(texts, text)
		if i < 0 {
			continue
		}
		t, err := f.Tensor(batch + "/vectors")
		if err != nil {
			return 0, err
		}
		v, err := t.Read(ctx) // a copy, to be changed
		if err != nil {
			return 0, err
		}
		vectors, err := tensor.Data[float32](v)
		if err != nil {
			return 0, err
		}
		vectors = slices.Delete(vectors, i*dims, (i+1)*dims)
		err = s.put(ctx, batch, slices.Delete(texts, i, i+1), vectors, &tensorfile.TensorOptions{Replace: true})
		return f.Info().Generation, err
	}
	return 0, fmt.Errorf("%s has no sentence %q", s.path, text)
}

// compact writes the file anew, in one step, without what is only in older
// generations.
func (s store) compact(ctx context.Context) (*tensorfile.RepackResult, error) {
	f, err := tensorfile.Open(s.path, nil)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return tensorfile.Repack(ctx, f, s.path, nil)
}

// embed is the vector of a text: its letter triples, counted at places and with
// signs that their hashes say, of length 1.
func embed(text string) []float32 {
	v := make([]float32, dims)
	for _, word := range strings.Fields(text) {
		word = "^" + word + "$"
		for i := range len(word) - 2 {
			h := fnv.New32a()
			h.Write([]byte(word[i : i+3]))
			sum := h.Sum32()
			v[sum%dims] += 1 - 2*float32(sum>>31)
		}
	}
	if n := float32(math.Sqrt(float64(dot(v, v)))); n > 0 {
		for i := range v {
			v[i] /= n
		}
	}
	return v
}

func dot(a, b []float32) (sum float32) {
	for i, x := range a {
		sum += x * b[i]
	}
	return sum
}

// sentences says what may be going on at a place.
func sentences(place string) (list []string) {
	for _, how := range []string{"a sleepy", "a hungry", "a curious", "an angry", "a shy", "a very old"} {
		for _, who := range []string{"fox", "hedgehog", "robin", "cat", "squirrel", "beetle", "toad", "deer"} {
			for _, what := range []string{"rests", "looks for food", "builds a nest", "watches the rain", "hides from a dog", "runs home"} {
				list = append(list, fmt.Sprintf("%s %s %s in %s", how, who, what, place))
			}
		}
	}
	return list
}
