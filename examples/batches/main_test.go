package main

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/tensor"
)

// data is a file of images whose brightest stripe is their label.
func data(t *testing.T) string {
	t.Helper()
	const n, side = 640, 10
	rng := rand.New(rand.NewPCG(1, 2))
	images, labels := make([]byte, n*side*side*3), make([]int64, n)
	for i := range labels {
		labels[i] = rng.Int64N(classes)
		for k := range side * side * 3 {
			v := rng.IntN(100)
			if k/3/side == int(labels[i]) {
				v += 100
			}
			images[i*side*side*3+k] = byte(v)
		}
	}
	path := filepath.Join(t.TempDir(), "train.tensor")
	w, err := tensorfile.Create(path, &tensorfile.CreateOptions{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	ctx := context.Background()
	x, err := tensor.NewView(images, tensor.U8, tensor.Shape{n, side, side, 3}, nil, 0, tensor.LittleEndian)
	if err == nil {
		err = w.Add(ctx, "images", x, &tensorfile.TensorOptions{Chunk: tensor.Shape{16, side, side, 3}, Codec: "zstd:1"})
	}
	if err != nil {
		t.Fatal(err)
	}
	y, err := tensor.FromSlice(labels)
	if err == nil {
		err = w.Add(ctx, "images.labels", y, nil)
	}
	if err == nil {
		err = w.Commit(ctx)
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// A run that is ended again and again comes to the weights of one that is not.
func TestTraining(t *testing.T) {
	path := data(t)
	var out bytes.Buffer
	whole := training{data: path, checkpoint: filepath.Join(t.TempDir(), "a.json"), epochs: 2, every: 100, out: &out}
	if err := whole.run(context.Background()); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 2 || !strings.HasPrefix(lines[1], "epoch 1: 6") || !strings.HasSuffix(lines[1], " of 640 right") {
		t.Errorf("%q", lines)
	}
	checkpoint, ends := filepath.Join(t.TempDir(), "b.json"), 0
	for n := int64(1); ; n++ {
		ctx, cancel := context.WithCancel(context.Background())
		part := training{data: path, checkpoint: checkpoint, epochs: 2, every: 1, out: &stopper{cancel, 0}}
		if n%2 == 1 { // at once after the first checkpoint
			part.every = 3
		}
		err := part.run(ctx)
		cancel()
		if err == nil {
			if !reflect.DeepEqual(part.saved, whole.saved) {
				t.Error("other weights, or another position")
			}
			break
		}
		if ends++; !errors.Is(err, context.Canceled) || ends > 50 {
			t.Fatal(err)
		}
	}
	t.Logf("ended %d times", ends)
}

// stopper ends a run when it tells of an epoch.
type stopper struct {
	cancel context.CancelFunc
	lines  int
}

func (s *stopper) Write(p []byte) (int, error) {
	if s.lines++; s.lines == 1 {
		s.cancel()
	}
	return len(p), nil
}
