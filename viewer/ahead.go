package viewer

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// What the page asks first is sent along with it, so that it can draw after one
// exchange and not after six: each question waits for the answer to the one before.

// aheadMark stands in index.html for the answers.
const aheadMark = "{{ahead}}"

// aheadTime is how long the page waits for them; files may be slow to open. By then
// the browser has what the head of the page names, and would do nothing.
var aheadTime = 100 * time.Millisecond

// An aheadDoc is the answer to a request that the page is about to make.
type aheadDoc struct {
	Name   string          `json:"name"`
	Params [][2]string     `json:"params"` // in the order in which the page puts them
	Answer json.RawMessage `json:"answer"`
}

// ahead answers what the page asks when it shows the first file, as far as that takes
// no longer than aheadTime.
func (s *Server) ahead(r *http.Request) []aheadDoc {
	ctx, cancel := context.WithTimeout(r.Context(), aheadTime)
	defer cancel()
	answers := make(chan aheadDoc)
	s.background(func() {
		defer close(answers)
		ask := func(name string, params ...[2]string) json.RawMessage {
			b := s.answer(r.WithContext(ctx), name, params)
			if b == nil {
				return nil
			}
			select {
			case answers <- aheadDoc{name, append([][2]string{}, params...), b}: // not null
				return b
			case <-ctx.Done():
				return nil
			}
		}
		var list struct {
			Files []struct {
				Tensors  number
				Counting bool
			}
		}
		if json.Unmarshal(ask("files"), &list) != nil || len(list.Files) == 0 || s.opts.Generation != 0 {
			return
		}
		ask("colormaps")
		f := [2]string{"f", "0"}
		if list.Files[0].Tensors == 1 {
			var first struct{ Rows []struct{ Name string } }
			if json.Unmarshal(ask("tensors", f, [2]string{"limit", "1"}), &first) == nil && len(first.Rows) == 1 {
				ask("tensor", f, [2]string{"t", first.Rows[0].Name})
			}
		}
		var both sync.WaitGroup // each waits for names that are being read
		both.Go(func() { ask("tree", f, [2]string{"offset", "0"}, [2]string{"limit", "200"}) })
		switch {
		case list.Files[0].Counting: // for glance; which are the largest is not known soon
			ask("tensors", f, [2]string{"limit", "12"})
		case list.Files[0].Tensors != 1:
			ask("tensors", f, [2]string{"sort", "bytes"}, [2]string{"desc", "1"}, [2]string{"offset", "0"}, [2]string{"limit", "12"})
		}
		both.Wait()
	})
	docs := []aheadDoc{}
	for {
		select {
		case d, more := <-answers:
			if !more {
				return docs
			}
			docs = append(docs, d)
		case <-ctx.Done():
			return docs
		}
	}
}

// answer is what the server answers to a request, nil unless that is a document.
func (s *Server) answer(r *http.Request, name string, params [][2]string) json.RawMessage {
	if s.enter() != nil {
		return nil
	}
	defer s.leave()
	q := url.Values{}
	for _, p := range params {
		q.Set(p[0], p[1])
	}
	r.Method, r.URL = http.MethodGet, &url.URL{RawQuery: q.Encode()} // a copy, by WithContext
	w := &document{header: http.Header{}}
	s.call(w, r, routes[name])
	if w.status != 0 && w.status != http.StatusOK || !json.Valid(w.body.Bytes()) {
		return nil
	}
	return w.body.Bytes()
}

// A document is an answer in memory.
type document struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (d *document) Header() http.Header         { return d.header }
func (d *document) WriteHeader(status int)      { d.status = status }
func (d *document) Write(b []byte) (int, error) { return d.body.Write(b) }
