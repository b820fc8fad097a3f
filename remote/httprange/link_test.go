package httprange_test

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/compare"
	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/internal/badinput/forge"
	"github.com/tensorfile/tensorfile/mmap"
	"github.com/tensorfile/tensorfile/remote/httprange"
	"github.com/tensorfile/tensorfile/tensor"
)

// A link is a store behind a network in simulated time: the first byte of an answer
// comes after 20 ms, the others at 100 MB/s for each connection.
type link struct {
	object []byte

	mu             sync.Mutex
	now, most, all int   // requests under way, at most, in all
	bytes          int64 // of bodies
}

const (
	firstByte = 20 * time.Millisecond
	perSecond = 100e6 // bytes of a connection
)

func (l *link) RoundTrip(r *http.Request) (*http.Response, error) {
	l.mu.Lock()
	l.all++
	if l.now++; l.now > l.most {
		l.most = l.now
	}
	l.mu.Unlock()
	size := int64(len(l.object))
	var a, b int64
	if _, err := fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-%d", &a, &b); err != nil || strings.HasPrefix(r.Header.Get("Range"), "bytes=-") {
		fmt.Sscanf(r.Header.Get("Range"), "bytes=-%d", &a)
		a, b = max(size-a, 0), size-1
	}
	time.Sleep(firstByte)
	h := http.Header{"Etag": {`"1"`}, "Content-Range": {fmt.Sprintf("bytes %d-%d/%d", a, b, size)}, "Content-Length": {strconv.FormatInt(b-a+1, 10)}}
	return &http.Response{StatusCode: 206, Header: h, ContentLength: b - a + 1, Body: &slow{l: l, r: bytes.NewReader(l.object[a : b+1])}, Request: r}, nil
}

// slow is a body that comes at the speed of a connection.
type slow struct {
	l    *link
	r    *bytes.Reader
	once sync.Once
}

func (s *slow) Read(p []byte) (int, error) {
	n, err := s.r.Read(p[:min(len(p), 1<<20)])
	time.Sleep(time.Duration(float64(n) / perSecond * 1e9))
	s.l.mu.Lock()
	s.l.bytes += int64(n)
	s.l.mu.Unlock()
	if err == io.EOF || s.r.Len() == 0 {
		s.Close()
	}
	return n, err
}

func (s *slow) Close() error {
	s.once.Do(func() {
		s.l.mu.Lock()
		s.l.now--
		s.l.mu.Unlock()
	})
	return nil
}

// open opens the object as a file, in the time of one request.
func (l *link) open(t *testing.T, o *httprange.Options) (*tensorfile.File, *tensorfile.Tensor) {
	t.Helper()
	begin := time.Now()
	f := l.file(t, o)
	x, err := f.Tensor("a")
	if err != nil {
		t.Fatal(err)
	}
	if d := time.Since(begin); l.all != 1 || d > firstByte+5*time.Millisecond {
		t.Errorf("opened by %d requests in %v", l.all, d)
	}
	return f, x
}

func (l *link) file(t *testing.T, o *httprange.Options) *tensorfile.File {
	t.Helper()
	own := httprange.Options{Transport: l}
	if o != nil {
		own = *o
		own.Transport = l
	}
	src, err := httprange.Open(context.Background(), "http://store/object", &own)
	if err != nil {
		t.Fatal(err)
	}
	f, err := convert.OpenMap(t.Context(), src.Map(), &convert.OpenOptions{OpenOptions: tensorfile.OpenOptions{TailFirst: true}})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// bucket are the options that package s3 reads with.
func bucket() *httprange.Options { return &httprange.Options{Parallel: 32, CacheBytes: 128 << 20} }

// A bulk read fills a link of ten connections' worth, 8 Gbit/s, to nine tenths, with
// at most 64 requests under way and no more requests than 1.1 times what the plan
// needs: one for each 4 MiB.
func TestBulkRead(t *testing.T) {
	const linkSpeed = 10 * perSecond
	size, least := int64(256<<20), 0.9*linkSpeed
	if testing.Short() {
		size, least = 16<<20, 0.25*linkSpeed // slow under the race detector
	}
	raw := forge.Build(false, forge.Gen{
		Tensors:  []forge.Tensor{{Name: "a", Storage: 1, DType: forge.U8, Shape: []uint64{uint64(size)}, Strides: []int64{1}}},
		Storages: []forge.Storage{{ID: 1, Data: make([]byte, size)}},
	}).B
	chunked := chunks(t, size)
	type reader = func(context.Context, *tensorfile.File, *tensorfile.Tensor) error
	into := func(ctx context.Context, _ *tensorfile.File, x *tensorfile.Tensor) error {
		v, err := tensor.Make(x.DType(), x.Shape())
		if err == nil {
			err = x.ReadInto(ctx, v)
		}
		return err
	}
	stream := func(ctx context.Context, _ *tensorfile.File, x *tensorfile.Tensor) error {
		return x.WriteCOrder(ctx, io.Discard)
	}
	verify := func(ctx context.Context, f *tensorfile.File, _ *tensorfile.Tensor) error {
		r, err := f.Verify(ctx, nil)
		if err == nil && !r.OK() {
			err = r.Findings[0]
		}
		return err
	}
	hash := func(ctx context.Context, f *tensorfile.File, _ *tensorfile.Tensor) error {
		_, err := f.Hash(ctx, nil)
		return err
	}
	duplicate := func(ctx context.Context, _ *tensorfile.File, x *tensorfile.Tensor) error {
		w, err := tensorfile.NewWriter(io.Discard, nil)
		if err == nil {
			err = w.Copy(ctx, tensorfile.Item{Tensor: x, Name: "b"})
		}
		if err == nil {
			err = w.Commit(ctx)
		}
		return err
	}
	for _, c := range []struct {
		name string
		file []byte
		read reader
	}{
		{"Read", raw, func(ctx context.Context, _ *tensorfile.File, x *tensorfile.Tensor) error {
			_, err := x.Read(ctx)
			return err
		}},
		{"ReadInto", raw, into}, {"WriteCOrder", raw, stream}, {"chunks, ReadInto", chunked, into}, {"chunks, WriteCOrder", chunked, stream},
		{"Verify", raw, verify}, {"chunks, Verify", chunked, verify}, {"Hash", raw, hash}, {"chunks, Hash", chunked, hash}, {"Copy", raw, duplicate}, {"chunks, Copy", chunked, duplicate},
	} {
		if testing.Short() && c.name != "chunks, ReadInto" {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := &link{object: c.file}
				f, x := l.open(t, bucket())
				defer f.Close()
				before, begin := l.all, time.Now()
				if err := c.read(t.Context(), f, x); err != nil {
					t.Fatal(err)
				}
				rate := float64(size) / time.Since(begin).Seconds()
				t.Logf("%.0f MB/s in %d requests, %d at a time", rate/1e6, l.all-before, l.most)
				if rate < least {
					t.Errorf("%.2f of the link", rate/linkSpeed)
				}
				if l.most > 64 {
					t.Errorf("%d requests at a time", l.most)
				}
				ideal := size >> 22
				if strings.HasPrefix(c.name, "chunks") {
					ideal += size >> 18 / 128 // pages of chunk entries, between the chunks
				}
				if n := l.all - before; float64(n) > 1.1*float64(ideal) {
					t.Errorf("%d requests, ideal are %d", n, ideal)
				}
				if float64(l.bytes) > 1.02*float64(len(c.file)) {
					t.Errorf("%d bytes came of %d", l.bytes, len(c.file))
				}
			})
		})
	}
}

// What goes through all tensors of a file does not wait for each of many small ones.
func TestManySmall(t *testing.T) {
	const each = 64 << 10
	n, floor := 2000, 250.0
	if testing.Short() {
		n, floor = 500, 80 // slow under the race detector
	}
	data := make([]byte, n*each)
	rand.NewChaCha8([32]byte{9}).Read(data)
	for _, codec := range []string{"", "raw"} {
		var b bytes.Buffer
		w, err := tensorfile.NewWriter(&b, nil)
		for i := 0; err == nil && i < n; i++ {
			var v tensor.View
			if v, err = tensor.FromSlice(data[i*each:(i+1)*each], 64, each/64); err == nil {
				var o *tensorfile.TensorOptions
				if codec != "" {
					o = &tensorfile.TensorOptions{Codec: codec, Chunk: tensor.Shape{16, each / 64}}
				}
				err = w.Add(t.Context(), fmt.Sprintf("%04d", i), v, o)
			}
		}
		if err == nil {
			err = w.Commit(t.Context())
		}
		if err != nil {
			t.Fatal(err)
		}
		for name, read := range map[string]func(context.Context, *tensorfile.File) error{
			"Verify": func(ctx context.Context, f *tensorfile.File) error {
				r, err := f.Verify(ctx, nil)
				if err == nil && !r.OK() {
					err = r.Findings[0]
				}
				return err
			},
			"Hash": func(ctx context.Context, f *tensorfile.File) error { _, err := f.Hash(ctx, nil); return err },
			"Copy": func(ctx context.Context, f *tensorfile.File) error {
				w, err := tensorfile.NewWriter(io.Discard, nil)
				if err != nil {
					return err
				}
				var items []tensorfile.Item
				for x, err := range f.Tensors() {
					if err != nil {
						return err
					}
					items = append(items, tensorfile.Item{Tensor: x})
				}
				return w.Copy(ctx, items...)
			},
			"Diff": func(ctx context.Context, f *tensorfile.File) error {
				same, err := tensorfile.OpenMap(mmap.NewReaderAt(bytes.NewReader(b.Bytes()), int64(b.Len()), "same"), nil)
				if err != nil {
					return err
				}
				defer same.Close()
				for r, err := range compare.Files(ctx, f, same, nil) {
					if err == nil && r.Status != compare.Equal {
						err = r.Err
					}
					if err != nil {
						return err
					}
				}
				return nil
			},
			"ReadAhead": func(ctx context.Context, f *tensorfile.File) error {
				var list []*tensorfile.Tensor
				for x, err := range f.Tensors() {
					if err != nil {
						return err
					}
					list = append(list, x)
				}
				defer tensorfile.ReadAhead(list...)()
				for _, x := range list {
					if err := x.WriteCOrder(ctx, io.Discard); err != nil {
						return err
					}
				}
				return nil
			},
		} {
			if testing.Short() && name+codec != "Diff" {
				continue
			}
			t.Run(name+" "+codec, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					l := &link{object: b.Bytes()}
					f := l.file(t, bucket())
					defer f.Close()
					before, begin := l.all, time.Now()
					if err := read(t.Context(), f); err != nil {
						t.Fatal(err)
					}
					rate, requests := float64(len(data))/time.Since(begin).Seconds()/1e6, l.all-before
					t.Logf("%.0f MB/s in %d requests, %d at a time, %d bytes", rate, requests, l.most, l.bytes)
					most, least := n*each>>22+16, floor
					if name == "Verify" && codec != "" {
						most, least = most+n, 60 // all tables come before all chunks
					}
					if requests > most || rate < least || float64(l.bytes) > 1.03*float64(b.Len()) {
						t.Errorf("%d requests, want at most %d; %.0f MB/s, want at least %.0f; %d bytes of %d", requests, most, rate, least, l.bytes, b.Len())
					}
				})
			})
		}
	}
}

// Who lists many tensors does not wait for each 64 KiB of the catalog.
func TestListing(t *testing.T) {
	const n = 100_000
	if testing.Short() {
		t.Skip("slow under the race detector")
	}
	var b bytes.Buffer
	w, err := tensorfile.NewWriter(&b, nil)
	for i := 0; err == nil && i < n; i++ {
		var v tensor.View
		if v, err = tensor.FromSlice([]int32{int32(i)}, 1); err == nil {
			err = w.Add(t.Context(), fmt.Sprintf("layers.%06d.weight", i), v, nil)
		}
	}
	if err == nil {
		err = w.Commit(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		l := &link{object: b.Bytes()}
		f := l.file(t, bucket())
		defer f.Close()
		begin, k := time.Now(), 0
		for x, err := range f.Tensors() {
			if want := fmt.Sprintf("layers.%06d.weight", k); err != nil || x.Name() != want {
				t.Fatal(x, want, err)
			}
			k++
		}
		d := time.Since(begin)
		t.Logf("%d tensors, %d bytes, %d requests in %v", k, l.bytes, l.all, d)
		if k != n || l.all > 25 || d > 400*time.Millisecond {
			t.Error("want all of them, at most 25 requests and 400ms")
		}
	})
}

// A reader that goes on where it ended, a decoder say, has what comes next on its way; who
// stops has asked for three times of what it read at most.
func TestStream(t *testing.T) {
	const size = 64 << 20
	object := make([]byte, size)
	rand.NewChaCha8([32]byte{11}).Read(object)
	read := func(t *testing.T, n int64) (*link, time.Duration) {
		l := &link{object: object}
		own := *bucket()
		own.Transport = l
		src, err := httprange.Open(t.Context(), "http://store/object", &own)
		if err != nil {
			t.Fatal(err)
		}
		more, done := src.Expect() // of other bytes
		more([][2]int64{{size - 200<<10, size - 100<<10}})
		more(nil)
		begin := time.Now()
		h := sha256.New()
		if _, err := io.CopyBuffer(struct{ io.Writer }{h}, struct{ io.Reader }{io.NewSectionReader(src, 1000, n)}, make([]byte, 20_000)); err != nil {
			t.Fatal(err)
		}
		d := time.Since(begin)
		if sum := sha256.Sum256(object[1000 : 1000+n]); !bytes.Equal(h.Sum(nil), sum[:]) {
			t.Error("other bytes")
		}
		done()
		if err := src.Close(); err != nil {
			t.Fatal(err)
		}
		return l, d
	}
	synctest.Test(t, func(t *testing.T) {
		l, d := read(t, size-1000)
		t.Logf("%.0f MB/s in %d requests, %d at a time", size/d.Seconds()/1e6, l.all, l.most)
		if size/d.Seconds() < 80e6 || l.all > 45 {
			t.Error("want 80 MB/s, of a connection's 100, and at most 45 requests")
		}
	})
	synctest.Test(t, func(t *testing.T) {
		for _, blocks := range []int64{1, 3, 10, 100} {
			l, _ := read(t, blocks*64<<10-1000)
			t.Logf("%d blocks read: %d bytes in %d requests", blocks, l.bytes, l.all)
			if most := (3*blocks + 4) * 64 << 10; l.bytes > most { // with the other bytes and the end of the object
				t.Errorf("%d blocks read, and %d bytes asked for, want at most %d", blocks, l.bytes, most)
			}
		}
	})
}

// Of an archive, members that are compressed are on their way as those between them are.
func TestMixedArchive(t *testing.T) {
	const each = 1 << 20
	n, least := 48, 300.0
	if testing.Short() {
		n, least = 16, 100 // slow under the race detector
	}
	data := make([]byte, n*each)
	rand.NewChaCha8([32]byte{13}).Read(data)
	head := fmt.Sprintf("{'descr': '|u1', 'fortran_order': False, 'shape': (%d,), }", each)
	head = fmt.Sprintf("\x93NUMPY\x01\x00\x76\x00%-117s\n", head)
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for i := range n {
		method := zip.Store
		if i%3 > 0 {
			method = zip.Deflate
		}
		w, err := z.CreateHeader(&zip.FileHeader{Name: fmt.Sprintf("%02d.npy", i), Method: method})
		if err == nil {
			_, err = w.Write(append([]byte(head), data[i*each:(i+1)*each]...))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		l := &link{object: b.Bytes()}
		f := l.file(t, bucket())
		defer f.Close()
		var list []*tensorfile.Tensor
		for x, err := range f.Tensors() {
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, x)
		}
		before, begin := l.all, time.Now()
		done := tensorfile.ReadAhead(list...)
		defer done()
		h := sha256.New()
		for _, x := range list {
			if err := x.WriteCOrder(t.Context(), h); err != nil {
				t.Fatal(err)
			}
		}
		rate, requests := float64(len(data))/time.Since(begin).Seconds()/1e6, l.all-before
		t.Logf("%.0f MB/s in %d requests, %d at a time, %d bytes of %d", rate, requests, l.most, l.bytes, b.Len())
		if sum := sha256.Sum256(data); !bytes.Equal(h.Sum(nil), sum[:]) {
			t.Error("other bytes")
		}
		if requests > n+8 || rate < least { // a block of each came when the file was opened
			t.Errorf("want at most %d requests and %.0f MB/s", n+8, least)
		}
	})
}

// chunks is a file with a tensor of size bytes in chunks of 256 KiB that do not
// compress, each another one.
func chunks(t *testing.T, size int64) []byte {
	t.Helper()
	data := make([]byte, size)
	rand.NewChaCha8([32]byte{7}).Read(data)
	v, err := tensor.FromSlice(data, size/1024, 1024)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	w, err := tensorfile.NewWriter(&b, nil)
	if err == nil {
		err = w.Add(t.Context(), "a", v, &tensorfile.TensorOptions{Codec: "raw", Chunk: tensor.Shape{256, 1024}})
	}
	if err == nil {
		err = w.Commit(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// A slice of rows costs two round trips after open, in one tensor or in chunks, and a
// handful of requests.
func TestSliceRoundTrips(t *testing.T) {
	const size = 64 << 20
	raw := forge.Build(false, forge.Gen{
		Tensors:  []forge.Tensor{{Name: "a", Storage: 1, DType: forge.U8, Shape: []uint64{size / 1024, 1024}, Strides: []int64{1024, 1}}},
		Storages: []forge.Storage{{ID: 1, Data: make([]byte, size)}},
	}).B
	for name, file := range map[string][]byte{"raw": raw, "chunks": chunks(t, size)} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := &link{object: file}
				f, x := l.open(t, bucket())
				defer f.Close()
				before, begin := l.all, time.Now()
				sel, err := tensor.ParseSelection("[20000:20100]")
				if err != nil {
					t.Fatal(err)
				}
				if _, err := x.Read(t.Context(), sel); err != nil {
					t.Fatal(err)
				}
				d, n := time.Since(begin), l.all-before
				t.Logf("%v, %d requests", d, n)
				// Transfer is on top of the round trips: two chunks at most.
				if d > 2*firstByte+10*time.Millisecond || n > 3 {
					t.Errorf("%v, %d requests", d, n)
				}
			})
		})
	}
}
