package viewer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/internal/survey"
	"github.com/tensorfile/tensorfile/tensor"
)

// A route answers one kind of request. It writes nothing before it is sure to have
// an answer, or streams.
type route func(c *call) error

// routes are the addresses behind api/.
var routes = map[string]route{
	"files":       (*call).fileList,
	"tensors":     (*call).tensors,
	"tree":        (*call).tree,
	"tensor":      (*call).tensor,
	"values":      (*call).values,
	"tile":        (*call).tile,
	"range":       (*call).extremes,
	"profile":     (*call).profile,
	"spectrogram": (*call).spectrogram,
	"stats":       (*call).stats,
	"histogram":   (*call).histogram,
	"image":       (*call).image,
	"thumbs":      (*call).thumbs,
	"audio":       (*call).audio,
	"sparse":      (*call).pattern,
	"sparserow":   (*call).sparseRow,
	"rows":        (*call).rows,
	"bytes":       (*call).byteMap,
	"bytemap":     (*call).byteKinds,
	"generations": (*call).generations,
	"difffiles":   (*call).diffFiles,
	"diff":        (*call).diff,
	"colormaps":   (*call).colourMaps,
	"download":    (*call).download,
}

// A call is one request.
type call struct {
	*Server
	ctx    context.Context
	r      *http.Request
	q      url.Values
	out    *paced
	began  bool // something was written
	cancel context.CancelFunc

	held []func() // to be given back
}

// call answers a request by fn.
func (s *Server) call(w http.ResponseWriter, r *http.Request, fn route) {
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(s.ctx, cancel)()
	c := &call{Server: s, ctx: ctx, cancel: cancel, r: r, out: newPaced(w)}
	defer func() {
		for _, give := range c.held {
			give()
		}
	}()
	var err error
	if c.q, err = url.ParseQuery(r.URL.RawQuery); err != nil {
		answerError(w, bad("query", "a malformed one", "name=value&name=value"))
		return
	}
	err = fn(c)
	switch {
	case err == nil:
	case c.began:
		// The client must not take a part for the whole.
		panic(http.ErrAbortHandler)
	case r.Context().Err() != nil: // nobody listens
	case ctx.Err() != nil:
		answerError(w, &refusal{http.StatusServiceUnavailable, "the server is being closed", ""})
	default:
		answerError(w, err)
	}
}

// hold lets in work of about so many bytes, until the call ends.
func (c *call) hold(bytes int64) error { return c.enter(c.work, bytes) }

// holdLight is hold for what takes little time.
func (c *call) holdLight(bytes int64) error { return c.enter(c.light, bytes) }

func (c *call) enter(g *gate, bytes int64) error {
	leave, err := g.enter(c.ctx, bytes)
	if err == nil {
		c.held = append(c.held, leave)
	}
	return err
}

// A refusal is a request that gets no answer, and why.
type refusal struct {
	status int
	text   string
	field  string
}

func (e *refusal) Error() string { return e.text }

// bad is a parameter that makes no sense.
func bad(field, got, want string) error {
	return &refusal{http.StatusBadRequest, fmt.Sprintf("%s: got %s, want %s", field, got, want), field}
}

// tooMuch is a request for more than a limit.
func tooMuch(field, got, want string) error {
	return &refusal{http.StatusRequestEntityTooLarge, fmt.Sprintf("%s: got %s, want %s", field, got, want), field}
}

func busy() error {
	return &refusal{http.StatusTooManyRequests, "too much is asked for at once; ask again in a second", ""}
}

type errorDoc struct {
	Message string  `json:"message"`
	Kind    string  `json:"kind"`
	Tensor  string  `json:"tensor,omitempty"`
	Chunk   string  `json:"chunk,omitempty"`
	Offset  *number `json:"offset,omitempty"`
	Field   string  `json:"field,omitempty"`
}

// describeError is an error as a document, and the status that goes with it.
func describeError(err error) (doc errorDoc, status int) {
	var r *refusal
	if errors.As(err, &r) {
		return errorDoc{Message: r.text, Kind: strings.ToLower(http.StatusText(r.status)), Field: r.field}, r.status
	}
	doc = errorDoc{Message: tensor.Escape(err.Error()), Kind: "error"}
	is := func(kinds ...error) bool {
		for _, k := range kinds {
			if errors.Is(err, k) {
				return true
			}
		}
		return false
	}
	switch {
	case is(tensorfile.ErrNotFound):
		status = http.StatusNotFound
	case is(tensorfile.ErrLimit, tensorfile.ErrOverflow):
		status = http.StatusRequestEntityTooLarge
	case is(tensorfile.ErrIndex, tensorfile.ErrShape, tensorfile.ErrDType, tensorfile.ErrUnsupported):
		status = http.StatusBadRequest
	default:
		status = http.StatusInternalServerError
	}
	var e *tensorfile.Error
	if errors.As(err, &e) {
		doc.Message = e.Error() // its text is escaped
		if e.Kind != nil {
			doc.Kind = e.Kind.Error()
		}
		doc.Tensor, doc.Chunk, doc.Field = e.Tensor, e.Chunk, e.Field
		if e.Offset >= 0 {
			n := number(e.Offset)
			doc.Offset = &n
		}
	}
	return doc, status
}

// answerError answers with an error.
func answerError(w http.ResponseWriter, err error) {
	doc, status := describeError(err)
	b, _ := json.Marshal(map[string]any{"error": doc}) // strings and numbers
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Del("ETag")
	h.Set("Cache-Control", "no-store")
	if status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable {
		h.Set("Retry-After", "1")
	}
	w.WriteHeader(status)
	w.Write(append(b, '\n'))
}

// number is an integer in a document: a string where a JavaScript number would
// round it.
type number int64

// MarshalJSON implements json.Marshaler.
func (n number) MarshalJSON() ([]byte, error) {
	if n > 1<<53-1 || n < -(1<<53-1) {
		return strconv.AppendQuote(nil, strconv.FormatInt(int64(n), 10)), nil
	}
	return strconv.AppendInt(nil, int64(n), 10), nil
}

// numbers of a shape or an index.
func numbers(list []int64) []number {
	out := make([]number, len(list))
	for i, n := range list {
		out[i] = number(n)
	}
	return out
}

// schema is the first key of a document.
func schema(name string) string { return "tensorfile/view/" + name + "/1" }

// json answers with a document.
func (c *call) json(v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	c.header().Set("Content-Type", "application/json")
	return c.write(append(b, '\n'))
}

func (c *call) header() http.Header { return c.out.w.Header() }

// write writes all of an answer.
func (c *call) write(b []byte) error {
	c.header().Set("Content-Length", strconv.Itoa(len(b)))
	c.began = true
	if c.r.Method == http.MethodHead {
		return nil
	}
	_, err := c.out.Write(b)
	return err
}

// raw answers with numbers, little-endian, and their shape.
func (c *call) raw(dtype string, shape []int64, b []byte) error {
	text := make([]string, len(shape))
	for i, n := range shape {
		text[i] = strconv.FormatInt(n, 10)
	}
	h := c.header()
	h.Set("Content-Type", "application/octet-stream")
	h.Set("X-DType", dtype)
	h.Set("X-Shape", strings.Join(text, ","))
	return c.write(b)
}

// keepable says that the answer may be kept, and asks whether it is the one that
// the client has. tag tells answers apart.
func (c *call) keepable(tag string) (have bool) {
	h := c.header()
	etag := `"` + tag + `"`
	h.Set("Cache-Control", "private, no-cache")
	h.Set("ETag", etag)
	for part := range strings.SplitSeq(c.r.Header.Get("If-None-Match"), ",") {
		if p := strings.TrimSpace(part); p == etag || p == "W/"+etag || p == "*" {
			c.began = true
			c.out.w.WriteHeader(http.StatusNotModified)
			return true
		}
	}
	return false
}

// lines answers with a job that takes its time: lines of JSON, of which the last is
// the result. Progress is said at most ten times a second.
type lines struct {
	c    *call
	last time.Time
}

// linePause is how long nothing is said of a job's progress.
const linePause = 100 * time.Millisecond

func (c *call) lines() *lines {
	c.header().Set("Content-Type", "application/x-ndjson")
	c.header().Set("X-Accel-Buffering", "no")
	c.began = true
	return &lines{c: c}
}

func (l *lines) line(v any) error {
	b, err := json.Marshal(v)
	if err != nil || l.c.r.Method == http.MethodHead {
		return err
	}
	if _, err := l.c.out.Write(append(b, '\n')); err != nil {
		return err
	}
	return l.c.out.flush()
}

type progressDoc struct {
	Done  number `json:"done"`
	Total number `json:"total"`
}

// progress says how far the job is.
func (l *lines) progress(done, total int64) error {
	l.last = time.Now()
	return l.line(progressDoc{number(done), number(total)})
}

// result ends the job. An error becomes the last line, as the head of the answer is
// gone.
func (l *lines) result(v any, err error) error {
	if err == nil {
		return l.line(map[string]any{"result": v})
	}
	if l.c.ctx.Err() != nil {
		return err
	}
	doc, _ := describeError(err)
	return l.line(map[string]any{"error": doc})
}

// job runs a long job, of which fn reports how far it is, and answers with lines.
// Few run at a time. Results are kept under key, if it is not nil.
func (c *call) job(key any, total int64, fn func(report func(done int64)) (any, error)) error {
	l := c.lines()
	if v, ok := c.results.get(key); ok && key != nil {
		return l.line(map[string]any{"result": v})
	}
	type end struct {
		v   any
		err error
	}
	done := make(chan end, 1)
	var at counter
	go func() {
		v, err := c.guarded(func() (any, error) {
			leave, err := c.long.enter(c.ctx, 1)
			if err != nil {
				return nil, err
			}
			defer leave()
			return fn(at.set)
		})
		done <- end{v, err}
	}()
	tick := time.NewTicker(linePause)
	defer tick.Stop()
	var failed error
	for {
		select {
		case e := <-done:
			if e.err == nil && key != nil {
				if b, err := json.Marshal(e.v); err == nil {
					c.results.put(key, json.RawMessage(b), int64(len(b)))
				}
			}
			if failed != nil {
				return failed
			}
			return l.result(e.v, e.err)
		case <-tick.C:
			if failed == nil && c.ctx.Err() == nil {
				// After an error the job, which the end of the request ends, is waited for.
				if failed = l.progress(min(at.get(), total), total); failed != nil {
					c.cancel()
				}
			}
		}
	}
}

// guarded turns a panic in the goroutine of a job into an error: in one of a request
// net/http would catch it.
func (c *call) guarded(fn func() (any, error)) (v any, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the job failed: %v", p)
		}
	}()
	return fn()
}

// Parameters.

func (c *call) text(name, other string) string {
	if c.q.Has(name) {
		return c.q.Get(name)
	}
	return other
}

// int is a whole number from least to most.
func (c *call) int(name string, other, least, most int64) (int64, error) {
	s := c.q.Get(name)
	if s == "" {
		return other, nil
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) || err == nil && n < least {
		return 0, bad(name, tensor.Quote(s), fmt.Sprintf("a whole number from %d on", least))
	}
	if err != nil || n > most {
		return 0, tooMuch(name, tensor.Quote(s), fmt.Sprintf("at most %d", most))
	}
	return n, nil
}

// axis is the number of an axis, or -1.
func (c *call) axis(name string, other, rank int) (int, error) {
	s := c.q.Get(name)
	if s == "" {
		return other, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < -1 || n >= rank {
		return 0, bad(name, tensor.Quote(s), fmt.Sprintf("an axis, 0 to %d, or -1", rank-1))
	}
	return n, nil
}

// float is a number, "Infinity" and the like included; NaN is none.
func (c *call) float(name string, other float64) (float64, error) {
	s := c.q.Get(name)
	if s == "" {
		return other, nil
	}
	x, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(x) {
		return 0, bad(name, tensor.Quote(s), "a number")
	}
	return x, nil
}

// file opens the file and the generation that are asked for, until the call ends.
func (c *call) file() (*handle, error) { return c.fileAt("f", "at") }

func (c *call) fileAt(file, generation string) (*handle, error) {
	id, err := c.int(file, 0, 0, math.MaxInt32)
	if err != nil {
		return nil, err
	}
	if id >= int64(len(c.files)) {
		return nil, &refusal{http.StatusNotFound, fmt.Sprintf("there is no file %d", id), file}
	}
	gen, err := c.int(generation, int64(c.opts.Generation), 0, math.MaxInt64)
	if err != nil {
		return nil, err
	}
	h, err := c.openFile(c.ctx, c.files[id], uint64(gen))
	if err != nil {
		return nil, err
	}
	c.held = append(c.held, h.release)
	return h, nil
}

// picked opens the tensor that is asked for.
func (c *call) picked() (*handle, *tensorfile.Tensor, error) { return c.pickedAs("f", "at", "t") }

func (c *call) pickedAs(file, generation, name string) (*handle, *tensorfile.Tensor, error) {
	h, err := c.fileAt(file, generation)
	if err != nil {
		return nil, nil, err
	}
	t, err := h.file.Tensor(c.q.Get(name))
	return h, t, err
}

// pick is the tensor with the selection that is asked for.
func (c *call) pick() (*handle, survey.Pick, error) {
	h, t, err := c.picked()
	if err != nil {
		return nil, survey.Pick{}, err
	}
	p := survey.Pick{Tensor: t, Blocks: true}
	if s := c.q.Get("sel"); s != "" {
		if p.Sel, err = tensor.ParseSelection(s); err != nil {
			return nil, p, bad("sel", tensor.Quote(s), "a selection such as [0:10, ::2]")
		}
		if _, err := p.Extents(); err != nil {
			return nil, p, err
		}
	}
	return h, p, nil
}

// keyOf is a key of an answer: what it is of, and the parameters that count.
func (c *call) keyOf(h *handle, kind string, names ...string) string {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s\x00%s", kind, h.identity)
	for _, n := range names {
		fmt.Fprintf(&b, "\x00%s=%s", n, c.q.Get(n))
	}
	return b.String()
}
