package s3

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/shard"
	"github.com/tensorfile/tensorfile/tensor"
)

// bucketFile is a file with two tensors, and the environment names the fake.
func bucketFile(t *testing.T, f *fake) *tensorfile.File {
	t.Helper()
	for k, v := range map[string]string{"AWS_ENDPOINT_URL": f.URL, "AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "eu-test-1"} {
		t.Setenv(k, v)
	}
	path := filepath.Join(t.TempDir(), "in.tensor")
	x, y := make([]float32, 90*50), make([]int64, 90)
	for i := range x {
		x[i] = float32(i*i%7919) / 3
	}
	for i := range y {
		y[i] = int64(i * i)
	}
	v, err := tensor.FromSlice(x, 90, 50)
	if err != nil {
		t.Fatal(err)
	}
	w, err := tensorfile.Create(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	err = w.Add(t.Context(), "x", v, &tensorfile.TensorOptions{Codec: "shuffle|zstd:1", Chunk: tensor.Shape{8, 50}})
	if err == nil {
		if v, err = tensor.FromSlice(y); err == nil {
			err = w.Add(t.Context(), "y", v, nil)
		}
	}
	if err == nil {
		err = w.Commit(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	in, err := tensorfile.Open(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close() })
	return in
}

// bucketNames are those of the set that the tests write.
var bucketNames = []string{"set/m-00001-of-00003.tensor", "set/m-00002-of-00003.tensor", "set/m-00003-of-00003.tensor", "set/m.shards.json"}

// there lists which of them there are.
func there(t *testing.T, f *fake) (list []string) {
	t.Helper()
	for _, name := range bucketNames {
		if f.object(t, name) != nil {
			list = append(list, name)
		}
	}
	return list
}

const bucketIndex = "s3://bucket/set/m.shards.json"

func TestSplit(t *testing.T) {
	f := newFake(t)
	in := bucketFile(t, f)
	seen := 0
	f.set(func(_ int, _ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodGet {
			seen++ // nothing is read back
		}
		return false
	})
	r, err := shard.Split(t.Context(), in, bucketIndex, &shard.SplitOptions{Parts: 3})
	if err != nil {
		t.Fatal(err)
	}
	if seen != 0 || len(there(t, f)) != 4 || f.uploads(t) != 0 {
		t.Errorf("%d reads, objects %v, %d uploads", seen, there(t, f), f.uploads(t))
	}
	for i, s := range r.Index.Shards {
		d, err := shard.Describe(t.Context(), "s3://bucket/set/"+s.Name, nil)
		if err != nil {
			t.Fatal(err)
		}
		if d.Shards[0] != s {
			t.Errorf("shard %d: %v, the index says %v", i, d.Shards[0], s)
		}
	}
	set, err := convert.Open(t.Context(), bucketIndex, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	if rep, err := set.Verify(t.Context(), nil); err != nil || !rep.OK() {
		t.Errorf("verify: %v, %v", rep, err)
	}
	a, err := in.Hash(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := set.Hash(t.Context(), nil); err != nil || a != b {
		t.Errorf("hash %v, %v, want %v", b, err, a)
	}
	// Another set does not take the place of this one, unless that is asked for.
	if _, err := shard.Split(t.Context(), in, bucketIndex, &shard.SplitOptions{Parts: 3}); !errors.Is(err, tensor.ErrExists) {
		t.Errorf("%v", err)
	}
	if _, err := shard.Split(t.Context(), in, bucketIndex, &shard.SplitOptions{Parts: 3, Overwrite: true}); err != nil {
		t.Error(err)
	}
}

// Whatever fails, and whenever, no shard, no index and no part stays.
func TestFailedSplits(t *testing.T) {
	for _, c := range []struct {
		name string
		hit  func(r *http.Request) bool
	}{
		{"the begin of a shard", func(r *http.Request) bool {
			return r.Method == "POST" && strings.Contains(r.URL.Path, "00002") && r.URL.Query().Has("uploads")
		}},
		{"a part", func(r *http.Request) bool { return r.Method == "PUT" && strings.Contains(r.URL.Path, "00003") }},
		{"the end of a shard", func(r *http.Request) bool {
			return r.Method == "POST" && strings.Contains(r.URL.Path, "00002") && r.URL.Query().Has("uploadId")
		}},
		{"the index", func(r *http.Request) bool { return r.Method == "PUT" && strings.Contains(r.URL.Path, ".json") }},
	} {
		f := newFake(t)
		in := bucketFile(t, f)
		f.set(func(_ int, w http.ResponseWriter, r *http.Request) bool {
			if c.hit(r) {
				xmlError(403, "AccessDenied", "no")(w)
			}
			return c.hit(r)
		})
		_, err := shard.Split(t.Context(), in, bucketIndex, &shard.SplitOptions{Parts: 3})
		if !errors.Is(err, tensor.ErrIO) || !strings.Contains(fmt.Sprint(err), "AccessDenied") {
			t.Errorf("%s: %v", c.name, err)
		}
		if list := there(t, f); list != nil || f.uploads(t) != 0 {
			t.Errorf("%s: %v are left, %d uploads", c.name, list, f.uploads(t))
		}
	}
}

// A split that is interrupted at any request leaves nothing, or is whole.
func TestInterruptedSplits(t *testing.T) {
	for at := 0; ; at++ {
		f := newFake(t)
		in := bucketFile(t, f)
		ctx, cancel := context.WithCancel(t.Context())
		var n atomic.Int64
		f.set(func(_ int, _ http.ResponseWriter, _ *http.Request) bool {
			if n.Add(1) == int64(at)+1 {
				cancel()
			}
			return false
		})
		_, err := shard.Split(ctx, in, bucketIndex, &shard.SplitOptions{Parts: 3})
		cancel()
		f.set(nil)
		list := there(t, f)
		switch {
		case err == nil && len(list) == 4:
		case errors.Is(err, tensor.ErrCommitUnknown): // the answer to the last request was not waited for
		case err == nil || list != nil || f.uploads(t) != 0:
			t.Errorf("at request %d: %v, %v are there, %d uploads", at, err, list, f.uploads(t))
		}
		if int64(at) > n.Load() {
			break
		}
	}
}

// Flush leaves one request for Commit, and Remove takes the object away.
func TestFlush(t *testing.T) {
	for _, n := range []int{0, 1, leastPart, 2*leastPart + 5} {
		f := newFake(t)
		u := create(t, f, "x", nil)
		if _, err := u.Write(noise(n)); err != nil {
			t.Fatal(err)
		}
		if err := u.Flush(); err != nil {
			t.Fatal(err)
		}
		if f.object(t, "x") != nil {
			t.Errorf("%d bytes: it is there before Commit", n)
		}
		if _, err := u.Write([]byte{1}); !errors.Is(err, tensor.ErrUnsupported) {
			t.Errorf("%d bytes: write after Flush: %v", n, err)
		}
		before := len(f.requests())
		if err := u.Commit(); err != nil || len(f.requests()) != before+1 {
			t.Errorf("%d bytes: %v, %v", n, err, f.requests()[before:])
		}
		if got := f.object(t, "x"); got == nil || string(got) != string(noise(n)) {
			t.Errorf("%d bytes: %d are there", n, len(got))
		}
		if err := u.Remove(); err != nil || f.object(t, "x") != nil {
			t.Errorf("%d bytes: removed: %v", n, err)
		}
	}
}
