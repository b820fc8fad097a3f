package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math"
	"math/rand/v2"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/testing/ptest"
	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/beam/tensorio"
	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/tensor"
)

func TestMain(m *testing.M) { ptest.MainWithDefault(m, "prism") }

// runJob runs a job on Prism.
func runJob(t *testing.T, build func(ctx context.Context, s beam.Scope) error) {
	t.Helper()
	p, s := beam.NewPipelineWithRoot()
	if err := build(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	if err := ptest.Run(p); err != nil {
		t.Fatal(err)
	}
}

// input is a file with the tensor "a", i16 [60 50 7], in chunks, and its values.
func input(t *testing.T) (path string, values []int16) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "a.tensor")
	r := rand.New(rand.NewPCG(3, 4))
	values = make([]int16, 60*50*7)
	for i := range values {
		values[i] = int16(r.Uint32N(1<<15)) + int16(i%7*100)
	}
	v, err := tensor.FromSlice(values, 60, 50, 7)
	if err != nil {
		t.Fatal(err)
	}
	w, err := tensorfile.Create(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	err = w.Add(t.Context(), "a", v, &tensorfile.TensorOptions{Chunk: tensor.Shape{9, 50, 4}, Codec: "zstd:1", Attrs: tensorfile.Attrs{"scale": int64(3)}})
	if err == nil {
		err = w.Commit(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	return path, values
}

func read(t *testing.T, f *tensorfile.File, name string) []byte {
	t.Helper()
	a, err := f.Tensor(name)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := a.WriteCOrder(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func open(t *testing.T, path string) *tensorfile.File {
	t.Helper()
	f, err := convert.Open(t.Context(), path, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// Means and variances are those of sums of integers, which are exact.
func TestStatistics(t *testing.T) {
	path, values := input(t)
	o := tensorio.Output{Path: filepath.Join(t.TempDir(), "s.shards.json"), Shards: 1}
	runJob(t, func(ctx context.Context, s beam.Scope) error { return statistics(ctx, s, path, "a", -1, o) })
	f := open(t, o.Path)
	mean, variance := read(t, f, "mean"), read(t, f, "variance")
	if len(mean) != 7*8 || len(variance) != 7*8 {
		t.Fatalf("%d and %d bytes, want 56", len(mean), len(variance))
	}
	for c := range 7 {
		n, sum, squares := int64(0), int64(0), int64(0)
		for i := c; i < len(values); i += 7 {
			n, sum, squares = n+1, sum+int64(values[i]), squares+int64(values[i])*int64(values[i])
		}
		want := []float64{float64(sum) / float64(n), float64(squares*n-sum*sum) / float64(n*n)}
		for k, b := range [][]byte{mean, variance} {
			if got := math.Float64frombits(binary.LittleEndian.Uint64(b[8*c:])); math.Abs(got-want[k]) > 1e-12*want[k] {
				t.Errorf("channel %d: %v, want %v", c, got, want[k])
			}
		}
	}
}

// A tensor of 42,000 bytes is written anew by 8,000 bytes of memory, and not by fewer
// than its chunks need.
func TestRechunk(t *testing.T) {
	path, values := input(t)
	var want []byte
	for _, x := range values {
		want = binary.LittleEndian.AppendUint16(want, uint16(x))
	}
	o := tensorio.Output{Path: filepath.Join(t.TempDir(), "r.shards.json"), Shards: 4}
	runJob(t, func(ctx context.Context, s beam.Scope) error {
		return rechunk(ctx, s, path, []int64{5, 10, 7}, "shuffle|zstd:3", 8000, o)
	})
	f := open(t, o.Path)
	if got := read(t, f, "a"); !bytes.Equal(got, want) {
		t.Error("other values")
	}
	a, err := f.Tensor("a")
	if err != nil {
		t.Fatal(err)
	}
	if at, err := a.Attrs(); err != nil || at["scale"] != int64(3) {
		t.Errorf("attributes %v, %v", at, err)
	}
	part := open(t, filepath.Join(filepath.Dir(o.Path), o.ShardName(3)))
	if a, err = part.Tensor("a"); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(a.ChunkShape(), tensor.Shape{5, 10, 7}) || !slices.Equal(a.Shape(), tensor.Shape{15, 50, 7}) || a.Storage().Codec != "shuffle|zstd:3" {
		t.Errorf("shard of %v in chunks of %v by %q", a.Shape(), a.ChunkShape(), a.Storage().Codec)
	}
	_, s := beam.NewPipelineWithRoot()
	if err := rechunk(t.Context(), s, path, []int64{5, 10, 7}, "raw", 6000, o); err == nil || !strings.Contains(err.Error(), "a row of chunks is 6300 bytes") {
		t.Errorf("too little memory: %v", err)
	}
}

// blocks of rows hold no more than they may, and begin and end anywhere.
func TestBlocks(t *testing.T) {
	path, values := input(t)
	a, err := open(t, path).Tensor("a")
	if err != nil {
		t.Fatal(err)
	}
	b := &blocks{ctx: t.Context(), t: a, at: 4, to: 58, most: 13000}
	var got bytes.Buffer
	if _, err := got.ReadFrom(b); err != nil {
		t.Fatal(err)
	}
	if cap(b.buf) > 13000 || cap(b.buf) < 6300 {
		t.Errorf("%d bytes in memory, want 13,000 at most", cap(b.buf))
	}
	var want []byte
	for _, x := range values[4*350 : 58*350] {
		want = binary.LittleEndian.AppendUint16(want, uint16(x))
	}
	if !bytes.Equal(got.Bytes(), want) {
		t.Error("other values")
	}
}

// Pictures in a bucket become a data set, in the order of their names.
func TestImages(t *testing.T) {
	backend := s3mem.New()
	if err := backend.CreateBucket("bucket"); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(gofakes3.New(backend).Server())
	defer server.Close()
	for k, v := range map[string]string{"AWS_ENDPOINT_URL": server.URL, "AWS_ENDPOINT_URL_S3": server.URL, "AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "us-east-1"} {
		t.Setenv(k, v)
	}
	put := func(key string, m image.Image) {
		var b bytes.Buffer
		if err := png.Encode(&b, m); err != nil {
			t.Fatal(err)
		}
		if _, err := backend.PutObject("bucket", key, nil, bytes.NewReader(b.Bytes()), int64(b.Len()), nil); err != nil {
			t.Fatal(err)
		}
	}
	var want []byte
	for i := range 10 {
		m := image.NewNRGBA(image.Rect(0, 0, 4, 4))
		g := image.NewGray(m.Rect)
		for p := range 16 {
			c := color.NRGBA{uint8(i*20 + p), uint8(200 - p*i), uint8(p * 16), 255}
			m.SetNRGBA(p%4, p/4, c)
			g.SetGray(p%4, p/4, color.Gray{c.R})
			if i == 3 {
				c.G, c.B = c.R, c.R
			}
			want = append(want, c.R, c.G, c.B)
		}
		// Folder "b" stands before "c" by its name, and was made after it.
		folder := "c"
		if i < 4 {
			folder = "b"
		}
		if i == 3 {
			put(fmt.Sprintf("photos/%s/%d.png", folder, i), g)
			continue
		}
		put(fmt.Sprintf("photos/%s/%d.png", folder, i), m)
	}
	put("other/x.png", image.NewGray(image.Rect(0, 0, 1, 1)))
	o := tensorio.Output{Path: "s3://bucket/sets/p.shards.json", Shards: 3}
	runJob(t, func(ctx context.Context, s beam.Scope) error { return images(ctx, s, "s3://bucket/photos/", 4, o) })
	f := open(t, o.Path)
	if got := read(t, f, "images"); !bytes.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	for i, b := range slices.Collect(slices.Chunk(read(t, f, "labels"), 8)) {
		label := uint64(1)
		if i < 4 {
			label = 0
		}
		if got := binary.LittleEndian.Uint64(b); got != label {
			t.Errorf("label %d: %d, want %d", i, got, label)
		}
	}
	a, err := f.Attrs()
	if err != nil || fmt.Sprint(a["classes"]) != "[b c]" {
		t.Errorf("attributes %v, %v", a, err)
	}
	if _, err := f.Tensor("images"); err != nil {
		t.Error(err)
	}
}
