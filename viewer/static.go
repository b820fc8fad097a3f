package viewer

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"
)

//go:embed static
var pages embed.FS

// page is the files of the page, by their names below static/.
var page = sync.OnceValue(func() (p struct {
	files map[string][]byte
	hash  string // of all of them
}) {
	p.files = map[string][]byte{}
	h := sha256.New()
	// What is embedded can be read.
	_ = fs.WalkDir(pages, "static", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := pages.ReadFile(name)
		if err != nil {
			return err
		}
		h.Write([]byte(name))
		h.Write(b)
		p.files[strings.TrimPrefix(name, "static/")] = b
		return nil
	})
	p.hash = hex.EncodeToString(h.Sum(nil)[:8])
	return p
})

// hashMark stands in index.html for the hash of the page, so that files that it names
// with ?v= may be kept for ever.
const hashMark = "{{hash}}"

var types = map[string]string{
	".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8",
	".svg": "image/svg+xml", ".txt": "text/plain; charset=utf-8", ".png": "image/png", ".json": "application/json",
}

// static answers a file of the page: index.html for "", others below "static/".
func (s *Server) static(w http.ResponseWriter, r *http.Request, name string) {
	p := page()
	name, below := strings.CutPrefix(name, "static/")
	if name == "" && !below {
		name, below = "index.html", true
	}
	b, ok := p.files[name]
	kind := types[path.Ext(name)]
	if !ok || !below || kind == "" {
		refuse(w, http.StatusNotFound, "there is nothing of that name")
		return
	}
	h := w.Header()
	if name == "index.html" {
		s.index(w, r, bytes.ReplaceAll(b, []byte(hashMark), []byte(p.hash)))
		return
	}
	if r.URL.Query().Get("v") == p.hash {
		h.Set("Cache-Control", "private, max-age=31536000, immutable")
	} else {
		h.Set("Cache-Control", "private, no-cache")
		h.Set("ETag", `"`+p.hash+`"`)
		if r.Header.Get("If-None-Match") == `"`+p.hash+`"` {
			w.WriteHeader(http.StatusNotModified)
			return
		}
	}
	h.Set("Content-Type", kind)
	h.Set("Content-Length", strconv.Itoa(len(b)))
	if r.Method == http.MethodHead {
		return
	}
	newPaced(w).Write(b)
}

// index answers the page itself: its head at once, so that the browser asks for what
// it names, then what is to be seen until its script has begun, and what that would ask.
func (s *Server) index(w http.ResponseWriter, r *http.Request, b []byte) {
	w.Header().Set("Content-Type", types[".html"])
	if r.Method == http.MethodHead {
		return
	}
	out := newPaced(w)
	end := bytes.Index(b, []byte("<body")) // nothing of it is painted alone
	before, rest, _ := bytes.Cut(b[end:], []byte(glanceMark))
	between, after, _ := bytes.Cut(rest, []byte(aheadMark))
	out.Write(b[:end])
	if out.flush() != nil {
		return
	}
	docs := s.ahead(r)
	text, err := json.Marshal(docs) // escapes what HTML would take for its own
	if err != nil {
		text = []byte("[]")
	}
	var seen []byte
	if s.opts.Generation == 0 { // answers are of the newest
		seen = glance(docs)
	}
	for _, part := range [][]byte{before, seen, between, text, after} {
		out.Write(part)
	}
}
