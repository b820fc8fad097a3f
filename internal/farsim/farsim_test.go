package farsim_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/internal/farsim"
	"github.com/tensorfile/tensorfile/remote/s3"
	"github.com/tensorfile/tensorfile/shard"
	"github.com/tensorfile/tensorfile/tensor"
)

const (
	firstByte  = 20 * time.Millisecond
	connection = 100e6 // bytes a second
	link       = 500e6 // 4 Gbit/s
	inFlight   = 64
	columns    = 1 << 16 // f32 in a row of 256 KiB
)

// data is the bytes of rows of f32, each row another one.
func data(rows int) []byte {
	b := make([]byte, rows*columns*4)
	r := rand.New(rand.NewPCG(1, 2))
	for i := 0; i < len(b); i += 8 {
		binary.LittleEndian.PutUint64(b[i:], r.Uint64())
	}
	return b
}

// object is a finished file that holds b as the tensor "a", and behind it another one.
func object(t *testing.T, b []byte, o *tensorfile.TensorOptions, behind ...int) []byte {
	t.Helper()
	var out bytes.Buffer
	out.Grow(len(b) + 8<<20)
	w, err := tensorfile.NewWriter(&out, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	d, err := tensor.ParseDType("f32")
	if err == nil {
		err = w.AddReader(t.Context(), "a", d, tensor.Shape{int64(len(b) / 4 / columns), columns}, bytes.NewReader(b), o)
	}
	for _, n := range behind {
		if err == nil && n > 0 {
			err = w.AddReader(t.Context(), "b", tensor.U8, tensor.Shape{int64(n)}, bytes.NewReader(b[:n]), nil)
		}
	}
	if err == nil {
		err = w.Commit(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func newStore(b []byte) *farsim.Store {
	return &farsim.Store{FirstByte: firstByte, Connection: connection, Link: link, Objects: map[string][]byte{"/bucket/m.tensor": b}}
}

// open opens the object by package remote/s3, 64 requests at a time.
func open(ctx context.Context, t *testing.T, s *farsim.Store, workers int) *tensorfile.File {
	t.Helper()
	o := &s3.Options{Endpoint: "http://store.invalid", Anonymous: true, Transport: s}
	o.Range.Parallel = inFlight
	src, err := s3.Open(ctx, "s3://bucket/m.tensor", o)
	if err != nil {
		t.Fatal(err)
	}
	f, err := convert.OpenMap(ctx, src.Map(), &convert.OpenOptions{OpenOptions: tensorfile.OpenOptions{TailFirst: true, ReadWorkers: workers}})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// Ways to store a tensor; nil is one piece.
var (
	large = &tensorfile.TensorOptions{Chunk: tensor.Shape{16, columns}, Codec: "raw"} // 4 MiB
	small = &tensorfile.TensorOptions{Chunk: tensor.Shape{1, 4096}, Codec: "raw"}     // 16 KiB
)

// All of a tensor of 320 MiB comes at nine tenths of the link or more, with 64 requests in
// flight at most and hardly more than there must be, by whatever number of workers
// (OpenOptions.ReadWorkers).
func TestBulk(t *testing.T) {
	b := data(bulkRows)
	objects := map[*tensorfile.TensorOptions][]byte{}
	for i, c := range []struct {
		name    string
		o       *tensorfile.TensorOptions
		workers int
		link    float64
	}{
		{"raw", nil, 0, link},
		{"chunks of 4 MiB", large, 0, link},
		{"chunks of 16 KiB, 64 workers", small, 64, link},
		{"chunks of 16 KiB", small, 0, link},
		{"raw, 64 workers", nil, 64, link},
		{"chunks of 4 MiB, 64 workers", large, 64, link},
		{"raw, 8 Gbit/s", nil, 0, 2 * link},
		{"chunks of 4 MiB, 8 Gbit/s", large, 0, 2 * link},
		{"chunks of 4 MiB, 8 Gbit/s, 64 workers", large, 64, 2 * link},
	} {
		if raceBuild && i > 2 {
			break // the same code, slowly
		}
		file := objects[c.o]
		if file == nil {
			file = object(t, b, c.o)
			objects[c.o] = file
		}
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStore(file)
				s.Link = c.link
				f := open(t.Context(), t, s, c.workers)
				defer f.Close()
				if n := len(s.Requests()); n != 1 {
					t.Errorf("%d requests to open, want 1", n)
				}
				a, err := f.Tensor("a")
				if err != nil {
					t.Fatal(err)
				}
				begin := time.Now()
				v, err := a.Read(t.Context())
				took := time.Since(begin)
				if err != nil {
					t.Fatal(err)
				}
				if got, err := v.Bytes(); err != nil || !bytes.Equal(got, b) {
					t.Fatalf("other bytes, %v", err)
				}
				speed := float64(len(b)) / took.Seconds() / c.link
				n, ideal := len(s.Requests())-1, (len(file)-1)/(4<<20)+1
				t.Logf("simulated: %.3f of the link, %d requests, ideal %d, %d in flight at most, %v", speed, n, ideal, s.Width(), took)
				if speed < 0.9 && !raceBuild { // of less data the first round trip takes more
					t.Errorf("%.3f of the link, want 0.9", speed)
				}
				if float64(n) > 1.1*float64(ideal) {
					t.Errorf("%d requests, want at most 1.1 times %d", n, ideal)
				}
				if s.Width() > inFlight {
					t.Errorf("%d requests in flight, want at most %d", s.Width(), inFlight)
				}
			})
		})
	}
}

// Rows in the middle of a tensor come in two round trips after opening: one for the pages
// of the table that name their chunks, if they are not in what opening brought, and one
// for the chunks. That is so where the table has two levels, and where another tensor
// stands behind it.
func TestRows(t *testing.T) {
	b := data(512)
	type stored struct {
		o      *tensorfile.TensorOptions
		behind int
	}
	files := map[stored][]byte{}
	for _, c := range []struct {
		name             string
		o                *tensorfile.TensorOptions
		behind           int // bytes of another tensor
		from, to         int64
		rounds, requests int
	}{
		{"raw", nil, 0, 203, 207, 1, 1},
		{"chunks of 4 MiB", large, 0, 203, 207, 1, 1},
		{"chunks of 4 MiB in the middle", large, 1 << 20, 203, 220, 2, 4},
		{"chunks of 16 KiB", small, 0, 201, 203, 2, 2},
		{"chunks of 16 KiB, named by two pages", small, 0, 203, 207, 2, 2},
		{"chunks of 16 KiB, named by ten pages", small, 0, 203, 280, 2, 7},
		{"chunks of 16 KiB in the middle", small, 1 << 20, 203, 207, 2, 3},
	} {
		if raceBuild && c.o == large {
			continue // the code of small chunks, slowly
		}
		key := stored{c.o, c.behind}
		file := files[key]
		if file == nil {
			file = object(t, b, c.o, c.behind)
			files[key] = file
		}
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStore(file)
				f := open(t.Context(), t, s, 0)
				defer f.Close()
				a, err := f.Tensor("a")
				if err != nil {
					t.Fatal(err)
				}
				begin := time.Now()
				v, err := a.Read(t.Context(), tensor.Selection{{Kind: tensor.SelectRange, Start: c.from, Stop: c.to, Step: 1}})
				if err != nil {
					t.Fatal(err)
				}
				took := time.Since(begin)
				if got, err := v.Bytes(); err != nil || !bytes.Equal(got, b[c.from*columns*4:c.to*columns*4]) {
					t.Fatalf("other bytes, %v", err)
				}
				list := s.Requests()[1:]
				rounds := farsim.Rounds(list)
				t.Logf("simulated: %d round trips, %d requests, %v", rounds, len(list), took)
				if rounds > c.rounds || len(list) > c.requests {
					t.Errorf("%d round trips, %d requests, want %d and %d at most: %v", rounds, len(list), c.rounds, c.requests, list)
				}
			})
		})
	}
}

// A shard is sent in parts of 16 MiB, four at a time, and is there by one more request:
// the time is that of the parts on four connections.
func TestCommit(t *testing.T) {
	b := data(bulkRows)
	synctest.Test(t, func(t *testing.T) {
		s := &farsim.Store{FirstByte: firstByte, Connection: connection, Link: link, Objects: map[string][]byte{}}
		begin := time.Now()
		u, err := s3.Create(t.Context(), "s3://bucket/m.tensor", &s3.Options{Endpoint: "http://store.invalid", Anonymous: true, Transport: s})
		if err != nil {
			t.Fatal(err)
		}
		defer u.Close()
		x, err := shard.Stream(t.Context(), u, "m.tensor", nil, func(w *tensorfile.Writer) error {
			return w.AddReader(t.Context(), "a", tensor.F32, tensor.Shape{int64(len(b) / 4 / columns), columns}, bytes.NewReader(b), nil)
		})
		if err != nil {
			t.Fatal(err)
		}
		sent := time.Since(begin)
		if err := u.Flush(); err != nil {
			t.Fatal(err)
		}
		flushed := time.Now()
		if err := u.Commit(); err != nil {
			t.Fatal(err)
		}
		last := time.Since(flushed)
		took := time.Since(begin)
		size := len(s.Objects["/bucket/m.tensor"])
		parts := (size-1)/(16<<20) + 1
		n := len(s.Requests())
		t.Logf("simulated: %d bytes in %d parts, %d requests, %v in all, %v of it after the last byte was written, the last request %v", size, parts, n, took, took-sent, last)
		if x.Shards[0].Size != int64(size) {
			t.Errorf("%d bytes, the index says %d", size, x.Shards[0].Size)
		}
		if n != parts+3 { // a look before, the begin, and the end
			t.Errorf("%d requests for %d parts", n, parts)
		}
		if s.Width() > 4 || last.Round(time.Millisecond) != firstByte {
			t.Errorf("%d requests at a time, the last took %v", s.Width(), last)
		}
		// On paper: a round trip each for look, begin and end; parts in fours. Those that
		// begin apart share the link by pieces, which is some microseconds.
		part := firstByte + time.Duration(float64(16<<20)/connection*1e9)
		if paper := 3*firstByte + time.Duration((parts+3)/4)*part; took > paper+firstByte/100 || took < paper-part {
			t.Errorf("%v, on paper %v", took, paper)
		}
	})
}

// The model's clock: an answer takes the time to its first byte and that of its bytes,
// and answers that share the link take longer.
func TestModel(t *testing.T) {
	get := func(t *testing.T, s *farsim.Store) {
		o := &s3.Options{Endpoint: "http://store.invalid", Anonymous: true, Transport: s}
		src, err := s3.Open(t.Context(), "s3://bucket/m.tensor", o)
		if err != nil {
			t.Error(err)
			return
		}
		src.Close()
	}
	for _, c := range []struct {
		n    int
		want time.Duration
	}{
		{1, 20*time.Millisecond + 655360*time.Nanosecond},   // 64 KiB at 100 MB/s
		{64, 20*time.Millisecond + 8388608*time.Nanosecond}, // 4 MiB at 500 MB/s
	} {
		synctest.Test(t, func(t *testing.T) {
			s := newStore(make([]byte, 1<<20))
			begin := time.Now()
			done := make(chan bool)
			for range c.n {
				go func() { get(t, s); done <- true }()
			}
			for range c.n {
				<-done
			}
			if got := time.Since(begin); got.Round(time.Microsecond) != c.want.Round(time.Microsecond) {
				t.Errorf("%d answers of 64 KiB took %v, want %v", c.n, got, c.want)
			}
		})
	}
}
