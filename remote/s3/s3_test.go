package s3

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/remote/httprange"
	"github.com/tensorfile/tensorfile/shard"
	"github.com/tensorfile/tensorfile/tensor"
)

// A fake is a store with one bucket, called "bucket". hook, if it is set, may answer
// the n-th request since it was set itself.
type fake struct {
	*httptest.Server
	store   http.Handler
	backend gofakes3.Backend

	mu   sync.Mutex
	hook func(n int, w http.ResponseWriter, r *http.Request) (done bool)
	n    int
	seen []string // "GET key range"
	auth []string
}

func newFake(t testing.TB) *fake {
	t.Helper()
	f := &fake{backend: s3mem.New()}
	if err := f.backend.CreateBucket("bucket"); err != nil {
		t.Fatal(err)
	}
	f.store = gofakes3.New(f.backend).Server()
	f.Server = httptest.NewServer(f)
	t.Cleanup(f.Close)
	return f
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	n, hook := f.n, f.hook
	f.n++
	what := r.Method + " " + strings.TrimPrefix(r.URL.Path, "/bucket/")
	if s := r.Header.Get("Range"); s != "" {
		what += " " + strings.TrimPrefix(s, "bytes=")
	}
	f.seen, f.auth = append(f.seen, what), append(f.auth, r.Header.Get("Authorization"))
	f.mu.Unlock()
	if hook != nil && hook(n, w, r) {
		return
	}
	f.store.ServeHTTP(w, r)
}

// set sets the hook, and forgets what was seen.
func (f *fake) set(hook func(n int, w http.ResponseWriter, r *http.Request) bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.hook, f.n, f.seen, f.auth = hook, 0, nil, nil
}

func (f *fake) requests() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string{}, f.seen...)
}

// put makes an object.
func (f *fake) put(t testing.TB, key string, b []byte) {
	t.Helper()
	if _, err := f.backend.PutObject("bucket", key, nil, bytes.NewReader(b), int64(len(b)), nil); err != nil {
		t.Fatal(err)
	}
}

// object returns the bytes of an object, nil if there is none.
func (f *fake) object(t testing.TB, key string) []byte {
	t.Helper()
	o, err := f.backend.GetObject("bucket", key, nil)
	if err != nil {
		return nil
	}
	defer o.Contents.Close()
	b, err := io.ReadAll(o.Contents)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// uploads counts those that are not finished.
func (f *fake) uploads(t testing.TB) int {
	t.Helper()
	w := httptest.NewRecorder()
	f.store.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/bucket?uploads", nil))
	if strings.Contains(w.Body.String(), "NoSuchUpload") {
		return 0
	}
	if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "ListMultipartUploadsResult") {
		t.Fatal(w.Code, w.Body)
	}
	return strings.Count(w.Body.String(), "<Upload>")
}

// options are those of a test: nothing of the machine counts.
func (f *fake) options(t testing.TB) *Options {
	return &Options{
		Endpoint: f.URL, Region: "eu-test-1", AccessKey: "key", SecretKey: "secret",
		Range: httprange.Options{BlockSize: 1024, Backoff: time.Millisecond, Stall: 5 * time.Second, Retries: 3},
	}
}

// noise is n bytes that differ from place to place.
func noise(n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{3}).Read(b)
	return b
}

func open(t testing.TB, f *fake, key string) *httprange.Source {
	t.Helper()
	s, err := Open(t.Context(), "s3://bucket/"+key, f.options(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestRead(t *testing.T) {
	f := newFake(t)
	for _, n := range []int{1, 1000, 65535, 65536, 65537, 200_000} {
		for _, key := range []string{"a", "deep/er/ä b+c%20d?e#f.tensor"} {
			want := noise(n)
			f.put(t, key, want)
			f.set(nil)
			s := open(t, f, key)
			// The store in this process refuses the last 64 KiB of less.
			if got := f.requests(); n >= 65536 && len(got) != 1 {
				t.Errorf("%d bytes: opened by %v", n, got)
			}
			if s.Size() != int64(n) || s.Path() != "s3://bucket/"+key {
				t.Errorf("%q: %d bytes, want %d", s.Path(), s.Size(), n)
			}
			got := make([]byte, n)
			if _, err := s.ReadAt(got, 0); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%d bytes of %q: %v", n, key, err)
			}
			if err := s.Check(); err != nil {
				t.Error(err)
			}
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, a := range f.auth {
		if !strings.HasPrefix(a, "AWS4-HMAC-SHA256 Credential=key/") || !strings.Contains(a, "/eu-test-1/s3/aws4_request") || !strings.Contains(a, "range") {
			t.Errorf("signed by %q", a)
		}
	}
}

func xmlError(code int, name, message string) func(w http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(code)
		fmt.Fprintf(w, `<?xml version="1.0"?><Error><Code>%s</Code><Message>%s</Message></Error>`, name, message)
	}
}

// What is no object, or is not for us, is told in the words of the store, once.
func TestRefused(t *testing.T) {
	f := newFake(t)
	for _, c := range []struct {
		answer func(http.ResponseWriter)
		want   error
		says   string
	}{
		{nil, fs.ErrNotExist, "s3://bucket/none: the server answered 404 Not Found: NoSuchKey"},
		{xmlError(403, "AccessDenied", "Access\nDenied"), fs.ErrPermission, "403 Forbidden: AccessDenied: Access Denied"},
		{xmlError(403, "SignatureDoesNotMatch", "no"), fs.ErrPermission, "SignatureDoesNotMatch"},
		{func(w http.ResponseWriter) { w.WriteHeader(403); io.WriteString(w, "<html>no") }, fs.ErrPermission, "403 Forbidden"},
		{xmlError(400, "ExpiredToken", "The provided token has expired."), tensor.ErrIO, "ExpiredToken: The provided token has expired."},
	} {
		n := 0
		f.set(nil)
		if c.answer != nil {
			f.set(func(_ int, w http.ResponseWriter, _ *http.Request) bool { n++; c.answer(w); return true })
		}
		_, err := Open(t.Context(), "s3://bucket/none", f.options(t))
		if !errors.Is(err, c.want) || !errors.Is(err, tensor.ErrIO) || !strings.Contains(fmt.Sprint(err), c.says) {
			t.Errorf("%v, want %q", err, c.says)
		}
		if c.answer != nil && n != 1 {
			t.Errorf("%s: %d requests", c.says, n)
		}
	}
}

// Faults that pass are survived, others are told, and no byte is wrong.
func TestFaults(t *testing.T) {
	want := noise(300_000)
	part := func(w http.ResponseWriter, r *http.Request, shift, short int) {
		var a, b int
		fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-%d", &a, &b)
		w.Header().Set("ETag", r.Header.Get("If-Match"))
		w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", a+shift, b+shift, len(want)))
		w.Header().Set("Content-Length", fmt.Sprint(b-a+1))
		w.WriteHeader(206)
		w.Write(want[a+shift : b+1+shift-short])
	}
	for _, c := range []struct {
		name string
		hook func(n int, w http.ResponseWriter, r *http.Request) bool
		kind error // nil: the read succeeds
		says string
		most int // requests
	}{
		{"a storm of 503", func(n int, w http.ResponseWriter, _ *http.Request) bool {
			if n < 3 {
				xmlError(503, "SlowDown", "Please reduce your request rate.")(w)
			}
			return n < 3
		}, nil, "", 4},
		{"a storm without end", func(_ int, w http.ResponseWriter, _ *http.Request) bool {
			xmlError(503, "SlowDown", "Please reduce your request rate.")(w)
			return true
		}, tensor.ErrIO, "503 Service Unavailable (attempt 4)", 4},
		{"500 now and then", func(n int, w http.ResponseWriter, _ *http.Request) bool {
			if n%2 == 0 && n < 6 {
				w.WriteHeader(500)
			}
			return n%2 == 0 && n < 6
		}, nil, "", 8},
		{"cut bodies", func(n int, w http.ResponseWriter, r *http.Request) bool {
			if n < 2 {
				part(w, r, 0, 1500)
			}
			return n < 2
		}, nil, "", 3},
		{"a wrong range", func(_ int, w http.ResponseWriter, r *http.Request) bool { part(w, r, 1, 0); return true }, tensor.ErrUnsupported, "Content-Range", 1},
		{"the whole object", func(_ int, w http.ResponseWriter, r *http.Request) bool {
			w.Header().Set("ETag", r.Header.Get("If-Match"))
			w.Write(want)
			return true
		}, tensor.ErrUnsupported, "the whole object", 1},
		{"another version", func(_ int, w http.ResponseWriter, _ *http.Request) bool {
			xmlError(412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold")(w)
			return true
		}, tensor.ErrChanged, "changed", 1},
		{"another ETag", func(_ int, w http.ResponseWriter, r *http.Request) bool {
			r.Header.Set("If-Match", `"other"`)
			part(w, r, 0, 0)
			return true
		}, tensor.ErrChanged, `ETag: got "\"other\""`, 1},
		{"it is gone", func(_ int, w http.ResponseWriter, _ *http.Request) bool {
			xmlError(404, "NoSuchKey", "The specified key does not exist.")(w)
			return true
		}, fs.ErrNotExist, "NoSuchKey", 1},
		{"silence", func(n int, _ http.ResponseWriter, r *http.Request) bool {
			if n == 0 {
				<-r.Context().Done()
			}
			return n == 0
		}, nil, "", 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFake(t)
			f.put(t, "x", want)
			o := f.options(t)
			if c.name == "silence" {
				o.Range.Stall = time.Second
			}
			s, err := Open(t.Context(), "s3://bucket/x", o)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			f.set(c.hook)
			got := make([]byte, 50_000)
			_, err = s.ReadAt(got, 3000)
			if n := len(f.requests()); n > c.most {
				t.Errorf("%d requests, want at most %d", n, c.most)
			}
			if c.kind == nil {
				if err != nil || !bytes.Equal(got, want[3000:53_000]) {
					t.Errorf("%v", err)
				}
				return
			}
			if !errors.Is(err, c.kind) || !strings.Contains(fmt.Sprint(err), c.says) || !strings.Contains(fmt.Sprint(err), "s3://bucket/x") {
				t.Errorf("%v, want %q", err, c.says)
			}
			f.set(nil)
			_, err = s.ReadAt(got, 3000)
			if again := c.kind == tensor.ErrChanged; again != errors.Is(err, tensor.ErrChanged) || !again && err != nil {
				t.Errorf("afterwards: %v", err)
			}
		})
	}
}

// An object that is replaced between two reads is never mixed with what came before.
func TestReplaced(t *testing.T) {
	f := newFake(t)
	f.put(t, "x", noise(200_000))
	s := open(t, f, "x")
	b := make([]byte, 100)
	if _, err := s.ReadAt(b, 0); err != nil {
		t.Fatal(err)
	}
	other := noise(200_000)
	other[150] ^= 1
	f.put(t, "x", other)
	if _, err := s.ReadAt(b, 5000); !errors.Is(err, tensor.ErrChanged) {
		t.Errorf("%v", err)
	}
	if _, err := s.ReadAt(b, 0); !errors.Is(err, tensor.ErrChanged) {
		t.Errorf("what was read before: %v", err)
	}
}

// Credentials that have run out are asked for anew, once for each request.
func TestExpiredCredentials(t *testing.T) {
	f := newFake(t)
	f.put(t, "x", noise(200_000))
	file := filepath.Join(t.TempDir(), "credentials")
	write := func(key string) {
		t.Helper()
		if err := os.WriteFile(file, []byte("[renewed]\naws_access_key_id = "+key+"\naws_secret_access_key = s\naws_session_token = token-"+key+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", file)
	t.Setenv("AWS_CONFIG_FILE", filepath.Join(t.TempDir(), "none"))
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	write("first")
	o := f.options(t)
	o.AccessKey, o.SecretKey, o.Profile = "", "", "renewed"
	s, err := Open(t.Context(), "s3://bucket/x", o)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	refuse := func(_ int, w http.ResponseWriter, r *http.Request) bool {
		old := strings.Contains(r.Header.Get("Authorization"), "Credential=first/")
		if old {
			xmlError(400, "ExpiredToken", "The provided token has expired.")(w)
		}
		return old
	}
	f.set(refuse)
	if _, err := s.ReadAt(make([]byte, 10), 0); err == nil || !strings.Contains(err.Error(), "ExpiredToken") {
		t.Errorf("with the same credentials again: %v", err)
	}
	if n := len(f.requests()); n != 1 {
		t.Errorf("%d requests with the same credentials", n)
	}
	write("second")
	f.set(refuse)
	if _, err := s.ReadAt(make([]byte, 10), 0); err != nil {
		t.Error(err)
	}
	if n := len(f.requests()); n != 2 {
		t.Errorf("%d requests", n)
	}
}

// A bucket in another region says so.
func TestRegion(t *testing.T) {
	f := newFake(t)
	f.put(t, "x", noise(70_000))
	f.set(func(_ int, w http.ResponseWriter, r *http.Request) bool {
		moved := strings.Contains(r.Header.Get("Authorization"), "/eu-test-1/")
		if moved {
			w.Header().Set("X-Amz-Bucket-Region", "mars-2")
			xmlError(400, "AuthorizationHeaderMalformed", "the region is wrong")(w)
		}
		return moved
	})
	s := open(t, f, "x")
	if _, err := s.ReadAt(make([]byte, 10), 0); err != nil {
		t.Error(err)
	}
	if n := len(f.requests()); n != 3 {
		t.Errorf("requests %v", f.requests())
	}
}

// A redirect to another host does not take the signature there.
func TestRedirect(t *testing.T) {
	var got http.Header
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r.Header.Clone()
		w.WriteHeader(404)
	}))
	defer other.Close()
	f := newFake(t)
	f.set(func(_ int, w http.ResponseWriter, r *http.Request) bool {
		http.Redirect(w, r, other.URL+"/bucket/x", http.StatusTemporaryRedirect)
		return true
	})
	o := f.options(t)
	o.SessionToken = "token"
	if _, err := Open(t.Context(), "s3://bucket/x", o); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
	for k := range got {
		if strings.HasPrefix(k, "X-Amz") || k == "Authorization" {
			t.Errorf("%s: %s goes to another host", k, got.Get(k))
		}
	}
	if got == nil {
		t.Error("nobody was asked")
	}
}

// sample is a .tensor file on disk.
func sample(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "m.tensor")
	x := make([]int32, 100_000)
	for i := range x {
		x[i] = int32(uint32(i) * 2654435761)
	}
	v, err := tensor.FromSlice(x, 1000, 100)
	if err == nil {
		err = tensorfile.Save(path, map[string]any{"w": v, "b": []float32{1, 2, 3}})
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// environment makes the fake the store of all addresses.
func (f *fake) environment(t testing.TB) {
	for k, v := range map[string]string{
		"AWS_ENDPOINT_URL_S3": f.URL, "AWS_REGION": "eu-test-1", "AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret",
		"AWS_CONFIG_FILE": os.DevNull, "AWS_EC2_METADATA_DISABLED": "true",
	} {
		t.Setenv(k, v)
	}
}

func TestConvert(t *testing.T) {
	f := newFake(t)
	f.environment(t)
	in := sample(t)
	if _, err := convert.Files(t.Context(), []string{in}, "s3://bucket/dir/m.tensor", nil); err != nil {
		t.Fatal(err)
	}
	if _, err := convert.Files(t.Context(), []string{in}, "s3://bucket/dir/m.tensor", nil); !errors.Is(err, tensorfile.ErrExists) {
		t.Errorf("over an object that is there: %v", err)
	}
	if _, err := convert.Files(t.Context(), []string{in}, "s3://bucket/dir/m.tensor", &convert.Options{Overwrite: true}); err != nil {
		t.Error(err)
	}
	f.set(nil)
	far, err := convert.Open(t.Context(), "s3://bucket/dir/m.tensor", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer far.Close()
	if got := f.requests(); len(got) != 1 || got[0] != "GET dir/m.tensor -65536" {
		t.Errorf("opened by %v", got)
	}
	near, err := tensorfile.Open(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer near.Close()
	a, err := near.Hash(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := far.Hash(t.Context(), nil); err != nil || a != b {
		t.Errorf("%v, %v, want %v", b, err, a)
	}
	if rep, err := far.Verify(t.Context(), nil); err != nil || !rep.OK() {
		t.Errorf("%v, %v", rep, err)
	}
	b := f.object(t, "dir/m.tensor")
	whole, err := tensorfile.OpenReaderAt(bytes.NewReader(b), int64(len(b)), nil)
	if err != nil || !whole.Info().Streamed {
		t.Errorf("the object is no streamed file: %v", err)
	}
	if n := f.uploads(t); n != 0 {
		t.Errorf("%d uploads are left", n)
	}
}

// A set of shards reads from a bucket as from a folder: a slice of rows costs two round
// trips when the index is open, whatever shards it is in.
func TestShards(t *testing.T) {
	f := newFake(t)
	f.environment(t)
	dir := t.TempDir()
	in, err := tensorfile.Open(sample(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	if _, err := shard.Split(t.Context(), in, filepath.Join(dir, "m.shards.json"), &shard.SplitOptions{Parts: 3}); err != nil {
		t.Fatal(err)
	}
	names, _ := filepath.Glob(filepath.Join(dir, "*"))
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		f.put(t, "sets/"+filepath.Base(name), b)
	}
	f.set(nil)
	set, err := convert.Open(t.Context(), "s3://bucket/sets/m.shards.json", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	opened := len(f.requests())
	if opened > 3 { // the index is small: see TestRead
		t.Errorf("opened by %v", f.requests())
	}
	w, err := set.Tensor("w")
	if err != nil {
		t.Fatal(err)
	}
	sel, _ := tensor.ParseSelection("[330:336, 7]")
	v, err := w.Read(t.Context(), sel)
	if err != nil {
		t.Fatal(err)
	}
	got, err := tensor.Data[int32](v)
	for i := range got {
		if want := int32(uint32((330+i)*100+7) * 2654435761); got[i] != want || err != nil {
			t.Errorf("row %d: %d, want %d, %v", 330+i, got[i], want, err)
		}
	}
	// Rows 330 to 332 are in the last 64 KiB of the first shard, the others begin the
	// second: each is opened, and read if that is not enough.
	list := f.requests()[opened:]
	slices.Sort(list)
	if want := []string{"GET sets/m-00001-of-00003.tensor -65536", "GET sets/m-00002-of-00003.tensor -65536", "GET sets/m-00002-of-00003.tensor 0-65535"}; !slices.Equal(list, want) {
		t.Errorf("requests %v, want %v", list, want)
	}
}

func TestAddresses(t *testing.T) {
	for _, address := range []string{"s3://", "s3://b", "s3://bucket", "s3://bucket/", "s3:///key", "s3://a/key", "s3://-bucket/k", "s3://buc..ket/k", "s3://bu/cket", "s3://me:pw@bucket/k", "http://bucket/key", "bucket/key", "s3://bucket.evil.com:80/key"} {
		if _, err := Open(t.Context(), address, &Options{Endpoint: "http://127.0.0.1:1", Anonymous: true}); !errors.Is(err, tensor.ErrUnsupported) {
			t.Errorf("%s: %v", address, err)
		}
	}
}

func TestConfiguration(t *testing.T) {
	for _, k := range []string{"AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE", "AWS_ACCESS_KEY_ID"} {
		t.Setenv(k, "")
	}
	file := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(file, []byte("[default]\nregion = eu-north-1\n[profile lab]\nregion = lab-1\nendpoint_url = http://store.lab:9000\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_CONFIG_FILE", file)
	for _, c := range []struct {
		set  string
		o    Options
		want string
	}{
		{"", Options{}, "https://bucket.s3.eu-north-1.amazonaws.com/k%20y eu-north-1"},
		{"AWS_REGION=us-west-2", Options{}, "https://bucket.s3.us-west-2.amazonaws.com/k%20y us-west-2"},
		{"AWS_DEFAULT_REGION=us-west-1", Options{PathStyle: true}, "https://s3.us-west-1.amazonaws.com/bucket/k%20y us-west-1"},
		{"AWS_PROFILE=lab", Options{}, "http://store.lab:9000/bucket/k%20y lab-1"},
		{"", Options{Profile: "lab"}, "http://store.lab:9000/bucket/k%20y lab-1"},
		{"AWS_ENDPOINT_URL=http://a:1", Options{}, "http://a:1/bucket/k%20y eu-north-1"},
		{"AWS_ENDPOINT_URL=http://a:1 AWS_ENDPOINT_URL_S3=http://b:2", Options{Region: "x"}, "http://b:2/bucket/k%20y x"},
		{"AWS_ENDPOINT_URL=http://a:1", Options{Endpoint: "https://storage.googleapis.com"}, "https://bucket.storage.googleapis.com/k%20y eu-north-1"},
		{"AWS_PROFILE=none", Options{}, "https://bucket.s3.us-east-1.amazonaws.com/k%20y us-east-1"},
		{"", Options{Endpoint: "ftp://x"}, "endpoint"},
		{"", Options{Endpoint: "http://user:pw@x"}, "endpoint"},
		{"", Options{Endpoint: "http://x/y"}, "endpoint"},
		{"", Options{Region: "a.evil.com/"}, "region"},
	} {
		t.Run(c.want, func(t *testing.T) {
			for _, kv := range strings.Fields(c.set) {
				k, v, _ := strings.Cut(kv, "=")
				t.Setenv(k, v)
			}
			c.o.Anonymous = true
			s, err := newStore("bucket", &c.o)
			got := fmt.Sprint(err)
			if err == nil {
				got = s.url("k y").String() + " " + s.region
			}
			if err == nil && got != c.want || err != nil && (!strings.Contains(got, c.want+": got") || strings.Contains(got, "pw")) {
				t.Errorf("%s", got)
			}
		})
	}
}

// Nobody looks again and again for credentials that are nowhere.
func TestNoCredentials(t *testing.T) {
	f := newFake(t)
	f.put(t, "x", noise(70_000))
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", os.DevNull)
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	o := f.options(t)
	o.AccessKey, o.Profile = "", "nobody"
	s, err := Open(t.Context(), "s3://bucket/x", o)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if f.auth[0] != "" {
		t.Errorf("signed by %q", f.auth[0])
	}
	if c, ok := chains.Load("nobody"); !ok {
		t.Error("the chain is not kept")
	} else if v := c.(interface{ IsExpired() bool }); v.IsExpired() {
		t.Error("it would be asked again")
	}
}
