package viewer

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile"
	_ "github.com/tensorfile/tensorfile/convert/npy"
	_ "github.com/tensorfile/tensorfile/convert/png"
	_ "github.com/tensorfile/tensorfile/convert/wav"
	"github.com/tensorfile/tensorfile/internal/inspect"
	"github.com/tensorfile/tensorfile/tensor"
	"go.uber.org/goleak"
)

var ctx = context.Background()

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// write makes a native file.
func write(t testing.TB, path string, fn func(w *tensorfile.Writer)) string {
	t.Helper()
	w, err := tensorfile.Create(path, &tensorfile.CreateOptions{Overwrite: true, NoSync: true})
	ok(t, err)
	defer w.Close()
	fn(w)
	ok(t, w.Commit(ctx))
	return path
}

// slice is a view of numbers.
func slice[T tensor.Elem](t testing.TB, list []T, shape ...int64) tensor.View {
	t.Helper()
	v, err := tensor.FromSlice(list, shape...)
	ok(t, err)
	return v
}

// server shows files, and answers requests without a network.
type server struct {
	*Server
	t testing.TB
}

func show(t testing.TB, o *Options, paths ...string) *server {
	t.Helper()
	s, err := New(paths, o)
	ok(t, err)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return &server{s, t}
}

// ask answers a request for api/name with parameters "k=v".
func (s *server) ask(name string, params ...string) *httptest.ResponseRecorder {
	return s.askAs(ctx, name, params...)
}

func (s *server) askAs(ctx context.Context, name string, params ...string) *httptest.ResponseRecorder {
	q := url.Values{}
	for _, p := range params {
		k, v, _ := strings.Cut(p, "=")
		q.Set(k, v)
	}
	r := httptest.NewRequestWithContext(ctx, "GET", "http://127.0.0.1"+s.Path()+"api/"+name+"?"+q.Encode(), nil)
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

// status is ask of which only the status counts.
func (s *server) status(want int, name string, params ...string) errorDoc {
	s.t.Helper()
	w := s.ask(name, params...)
	if w.Code != want {
		s.t.Errorf("%s %v: %d, want %d: %.300s", name, params, w.Code, want, w.Body.String())
	}
	var d struct{ Error errorDoc }
	if want >= 400 {
		if err := json.Unmarshal(w.Body.Bytes(), &d); err != nil || d.Error.Message == "" {
			s.t.Errorf("%s %v: no error in %.300s (%v)", name, params, w.Body.String(), err)
		}
	}
	return d.Error
}

// object is a document.
type object = map[string]any

// doc is a document.
func (s *server) doc(name string, params ...string) object {
	s.t.Helper()
	w := s.ask(name, params...)
	if w.Code != 200 || w.Header().Get("Content-Type") != "application/json" {
		s.t.Fatalf("%s %v: %d %.300s", name, params, w.Code, w.Body.String())
	}
	var d object
	ok(s.t, json.Unmarshal(w.Body.Bytes(), &d))
	if got := d["schema"]; got != schema(name) {
		s.t.Errorf("%s: schema %v", name, got)
	}
	return d
}

// result is the last line of a job.
func (s *server) result(name string, params ...string) object {
	s.t.Helper()
	w := s.ask(name, params...)
	lines := strings.Split(strings.TrimSpace(w.Body.String()), "\n")
	var d struct {
		Result object
		Error  *errorDoc
	}
	ok(s.t, json.Unmarshal([]byte(lines[len(lines)-1]), &d))
	if w.Code != 200 || d.Error != nil || d.Result == nil {
		s.t.Fatalf("%s %v: %d %s", name, params, w.Code, lines[len(lines)-1])
	}
	return d.Result
}

// raw is numbers and their shape.
func raw[T float32 | float64 | uint8 | uint32](s *server, name string, params ...string) (list []T, shape []int) {
	s.t.Helper()
	w := s.ask(name, params...)
	if w.Code != 200 {
		s.t.Fatalf("%s %v: %d %.300s", name, params, w.Code, w.Body.String())
	}
	n := 1
	for _, d := range strings.Split(w.Header().Get("X-Shape"), ",") {
		k, err := strconv.Atoi(d)
		ok(s.t, err)
		shape, n = append(shape, k), n*k
	}
	list = make([]T, n)
	want := map[string]string{"float32": "f32", "float64": "f64", "uint8": "u8", "uint32": "u32"}[fmt.Sprintf("%T", *new(T))]
	if got := w.Header().Get("X-DType"); got != want {
		s.t.Fatalf("%s: dtype %s, want %s", name, got, want)
	}
	r := bytes.NewReader(w.Body.Bytes())
	ok(s.t, binary.Read(r, binary.LittleEndian, list))
	if r.Len() != 0 {
		s.t.Errorf("%s: %d bytes too many", name, r.Len())
	}
	return list, shape
}

// hurt changes a byte in the middle of stored chunk n of a tensor.
func hurt(t testing.TB, path, name string, n int) {
	t.Helper()
	f, err := tensorfile.Open(path, &tensorfile.OpenOptions{NoMmap: true})
	ok(t, err)
	m, err := inspect.Native(ctx, f.Map())
	ok(t, err)
	at := int64(-1)
	for _, p := range m.Parts {
		if p.Kind == inspect.Chunk && slices.Contains(p.Tensors, name) && strings.HasPrefix(p.What, fmt.Sprintf("chunk %d of", n)) {
			at = p.Offset + p.Length/2
		}
	}
	ok(t, f.Close())
	if at < 0 {
		t.Fatalf("%s has no chunk %d", name, n)
	}
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	ok(t, err)
	defer file.Close()
	var b [1]byte
	_, err = file.ReadAt(b[:], at)
	ok(t, err)
	b[0] ^= 0x40
	_, err = file.WriteAt(b[:], at)
	ok(t, err)
}

// same compares numbers bit for bit.
func same(t testing.TB, what string, got, want []float32) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d cells, want %d", what, len(got), len(want))
	}
	for i := range got {
		if math.Float32bits(got[i]) != math.Float32bits(want[i]) {
			t.Fatalf("%s: cell %d is %v (%08x), want %v (%08x)", what, i, got[i], math.Float32bits(got[i]), want[i], math.Float32bits(want[i]))
		}
	}
}

// hole makes an .npy file of rows x columns f4 that takes no room on the disk.
func hole(t testing.TB, rows, columns int64) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "hole.npy")
	head := fmt.Sprintf("{'descr': '<f4', 'fortran_order': False, 'shape': (%d, %d), }", rows, columns)
	head += strings.Repeat(" ", 128-10-len(head)-1) + "\n"
	f, err := os.Create(path)
	ok(t, err)
	_, err = io.WriteString(f, "\x93NUMPY\x01\x00"+string([]byte{byte(len(head)), byte(len(head) >> 8)})+head)
	ok(t, err)
	ok(t, f.Truncate(128+rows*columns*4))
	ok(t, f.Close())
	return path
}

var _ http.Handler = (*Server)(nil)
