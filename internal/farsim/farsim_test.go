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

// object is a finished file that holds b as the tensor "a".
func object(t *testing.T, b []byte, o *tensorfile.TensorOptions) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := tensorfile.NewWriter(&out, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	d, err := tensor.ParseDType("f32")
	if err == nil {
		err = w.AddReader(t.Context(), "a", d, tensor.Shape{int64(len(b) / 4 / columns), columns}, bytes.NewReader(b), o)
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

// stored is a way to store a tensor.
type stored struct {
	name    string
	o       *tensorfile.TensorOptions
	workers int // OpenOptions.ReadWorkers, which ask for as many pieces at a time
}

var cases = []stored{
	{"raw", nil, 0},
	{"chunks of 4 MiB", &tensorfile.TensorOptions{Chunk: tensor.Shape{16, columns}, Codec: "raw"}, 0},
}

var small = &tensorfile.TensorOptions{Chunk: tensor.Shape{1, 4096}, Codec: "raw"} // 16 KiB

// All of a tensor of 320 MiB comes at nine tenths of the link or more, with 64 requests in
// flight at most and hardly more than there must be.
func TestBulk(t *testing.T) {
	b := data(1280)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			file := object(t, b, c.o)
			synctest.Test(t, func(t *testing.T) {
				s := newStore(file)
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
				speed := float64(len(b)) / took.Seconds() / link
				n, ideal := len(s.Requests())-1, len(b)/(4<<20)
				t.Logf("simulated: %.3f of the link, %d requests, ideal %d, %d in flight at most, %v", speed, n, ideal, s.Width(), took)
				if speed < 0.9 {
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

// Rows in the middle of a tensor come in two round trips after opening: one for the page
// of the table that names their chunks, if it is not in what opening brought, and one for
// the chunks. Where two pages name them, the second is asked for with the chunks of the
// first, which makes three.
func TestRows(t *testing.T) {
	b := data(512)
	for _, c := range []struct {
		stored
		from, to int64
		rounds   int
	}{
		{cases[0], 203, 207, 1},
		{cases[1], 203, 207, 2},
		{stored{"chunks of 16 KiB", small, inFlight}, 201, 203, 2},
		{stored{"chunks of 16 KiB, named by two pages", small, inFlight}, 203, 207, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := object(t, b, c.o)
			synctest.Test(t, func(t *testing.T) {
				s := newStore(file)
				f := open(t.Context(), t, s, c.workers)
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
				if rounds > c.rounds {
					t.Errorf("%d round trips, want %d at most: %v", rounds, c.rounds, list)
				}
			})
		})
	}
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
