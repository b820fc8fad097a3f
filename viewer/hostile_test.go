package viewer

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/tensor"
)

// hostileNames are names that a page or a terminal might obey.
var hostileNames = []string{
	"<script>alert(1)</script>", `"><img src=x onerror=alert(1)>`, `'";--`, "a&b<c>d", "{{constructor}}", "${x}", "../../../etc/passwd", "..%2f..%2fetc", "a b+c%20d#e?f=g&t=h;i",
	"\u202eevil", "\u2066x\u2069", "__proto__", "constructor", "null", "javascript:alert(1)", strings.Repeat("n", 1000), "ünïcödé 名前 🙂",
}

// E19: names and attributes come as they are in documents, where nothing of them is
// markup, and a request finds every one.
func TestHostileNames(t *testing.T) {
	attrs := tensorfile.Attrs{"<b>": "<script>", "__proto__": map[string]any{"x": "</script>"}, "unit": "\u202e", "dims": []any{"<i>"}}
	path := write(t, filepath.Join(t.TempDir(), "<script>.tensor"), func(w *tensorfile.Writer) {
		for i, n := range hostileNames {
			ok(t, w.Add(ctx, n, slice(t, []int32{int32(i)}), &tensorfile.TensorOptions{Attrs: attrs}))
		}
	})
	s := show(t, nil, path)
	s.ready()
	body := s.ask("tensors").Body.String() + s.ask("files").Body.String() + s.ask("tree").Body.String()
	for _, n := range hostileNames {
		w := s.ask("tensor", "t="+n)
		body += w.Body.String()
		var d object
		ok(t, json.Unmarshal(w.Body.Bytes(), &d))
		if w.Code != 200 || d["name"] != n || d["attrs"].(object)["<b>"] != "<script>" || d["dims"].([]any)[0] != "<i>" {
			t.Errorf("%q: %d %v", n, w.Code, d["name"])
		}
		if w := s.ask("tile", "t="+n); w.Code != 200 || w.Body.Len() != 4 {
			t.Errorf("%q: %d", n, w.Code)
		}
		body += s.ask("tensor", "t="+n+"!").Body.String() + s.ask("values", "t="+n, "i="+n).Body.String() + s.ask("tensors", "sort="+n, "filter="+n).Body.String()
		h := s.ask("download", "t="+n).Header()
		if d := h.Get("Content-Disposition"); !strings.HasPrefix(d, `attachment; filename="`) || strings.Count(d, `"`) != 2 || strings.ContainsAny(d, "\r\n<>/\\") {
			t.Errorf("%q: %q", n, d)
		}
	}
	for _, c := range body {
		if c == '<' || c == '>' || c == '&' || c < ' ' && c != '\n' {
			t.Fatalf("%q in a document", c)
		}
	}
	if got := s.doc("tensors", "limit=1000")["total"]; got != float64(len(hostileNames)) {
		t.Error(got)
	}
}

// E20: what asks for more than the limits is refused before anything is allocated,
// whatever the numbers.
func TestTooMuch(t *testing.T) {
	path := write(t, filepath.Join(t.TempDir(), "a.tensor"), func(w *tensorfile.Writer) {
		v, err := slice(t, []float32{1}, 1, 1).BroadcastTo(tensor.Shape{1 << 30, 1 << 30})
		ok(t, err)
		ok(t, w.Add(ctx, "huge", v, nil))
		v, err = slice(t, []uint8{1}, 1).BroadcastTo(tensor.Shape{1 << 40})
		ok(t, err)
		ok(t, w.Add(ctx, "long", v, nil))
	})
	s := show(t, nil, path)
	s.ready()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for _, c := range [][]string{
		{"values", "t=huge", "rows=1048576", "cols=1048576"}, {"tile", "t=huge", "level=22"}, {"tile", "t=huge", "level=12"}, {"tile", "t=long", "level=32"}, {"image", "t=huge", "c=-1"}, {"image", "t=huge", "w=1099511627776", "h=1"},
		{"thumbs", "t=huge", "axis=0", "y=1", "x=-1", "count=1099511627776"}, {"profile", "t=long", "n=1099511627776"}, {"spectrogram", "t=long"}, {"spectrogram", "t=long", "window=1099511627776"}, {"audio", "t=long"},
		{"tensors", "limit=1099511627776"}, {"tree", "limit=1099511627776"}, {"bytemap", "cells=1099511627776"}, {"bytes", "limit=1099511627776"}, {"generations", "limit=1099511627776"}, {"histogram", "t=huge", "bins=1099511627776"},
		{"range", "t=huge", "p=" + strings.Repeat("1,", 100)}, {"values", "t=huge", "rows=99999999999999999999"}, {"tensors", "offset=99999999999999999999"},
	} {
		s.status(413, c[0], c[1:]...)
	}
	for _, c := range [][]string{{"tile", "t=huge", "level=49"}, {"tile", "t=huge", "level=-1"}, {"tile", "t=huge", "level=1,2,3"}, {"tile", "t=huge", "ty=4194304"}, {"tile", "t=huge", "tx=9223372036854775807"}} {
		s.status(400, c[0], c[1:]...)
	}
	runtime.ReadMemStats(&after)
	if got := (after.TotalAlloc - before.TotalAlloc) >> 20; got > 64 {
		t.Errorf("%d MiB were allocated for what was refused", got)
	}
	// Small parts of huge tensors are shown.
	for _, c := range [][]string{{"tile", "t=huge", "level=30", "reduce=nearest"}, {"tile", "t=huge", "ty=4194303", "tx=4194303"}, {"values", "t=huge", "r0=1073741800", "c0=1073741800"}, {"range", "t=huge"}, {"tile", "t=long", "level=16", "reduce=max"}} {
		s.status(200, c[0], c[1:]...)
	}
	if w := request(s, "GET", "http://127.0.0.1:4000"+s.Path()+"api/values?t=huge&"+strings.Repeat("%", 3), nil); w.Code != 400 {
		t.Error(w.Code)
	}
}

// E20: ten thousand requests at once are answered or sent away, in memory that does not
// grow with them.
func TestManyAtOnce(t *testing.T) {
	list := make([]float32, 1000*1000)
	for i := range list {
		list[i] = float32(i)
	}
	path := write(t, filepath.Join(t.TempDir(), "a.tensor"), func(w *tensorfile.Writer) {
		ok(t, w.Add(ctx, "x", slice(t, list, 1000, 1000), &tensorfile.TensorOptions{Chunk: tensor.Shape{250, 250}, Codec: "zstd"}))
	})
	s := show(t, nil, path)
	s.ready()
	n := 10_000
	if raceBuild {
		n = 2000
	}
	var answered, refused, other atomic.Int64
	var wg sync.WaitGroup
	var peak atomic.Int64
	start := make(chan struct{})
	for i := range n {
		wg.Go(func() {
			<-start
			w := s.ask("tile", "t=x", fmt.Sprint("level=", i%2), fmt.Sprint("ty=", i%4/2), "reduce="+[]string{"mean", "min", "max"}[i%3])
			switch {
			case w.Code == 200 && w.Body.Len() > 0:
				answered.Add(1)
			case w.Code == 429 && w.Header().Get("Retry-After") != "":
				refused.Add(1)
			default:
				other.Add(1)
			}
			s.mu.Lock()
			if a := int64(s.active); a > peak.Load() {
				peak.Store(a)
			}
			s.mu.Unlock()
		})
	}
	close(start)
	wg.Wait()
	t.Logf("%d answered, %d refused, at most %d at once", answered.Load(), refused.Load(), peak.Load())
	if other.Load() > 0 || answered.Load() < mostAtOnce || answered.Load()+refused.Load() != int64(n) || peak.Load() > mostAtOnce {
		t.Error("other answers:", other.Load())
	}
	if !s.work.idle() || s.active != 0 || s.cache.used > cacheBytes {
		t.Error(s.work.free, s.active, s.cache.used)
	}
	// The gate refuses what would wait behind too many.
	g := newGate(10, 2)
	leave, err := g.enter(ctx, 10)
	ok(t, err)
	short, cancel := context.WithCancel(ctx)
	done := make(chan error, 2)
	for range 2 {
		go func() {
			_, err := g.enter(short, 1)
			done <- err
		}()
	}
	for g.waiting() < 2 {
		runtime.Gosched()
	}
	if _, err := g.enter(ctx, 1); err == nil {
		t.Error("a third waits")
	}
	cancel()
	if err1, err2 := <-done, <-done; err1 == nil || err2 == nil {
		t.Error(err1, err2)
	}
	leave()
	if leave, err = g.enter(ctx, 1000); err != nil || g.free != 0 {
		t.Error(err, g.free)
	}
	leave()
}

func (g *gate) idle() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.free == g.limit && g.queue.Len() == 0
}

func (g *gate) waiting() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.queue.Len()
}

// E20: a client that does not read, and one that does not ask, are let go of.
func TestSlowClient(t *testing.T) {
	old := []time.Duration{headerTime, writeTime}
	headerTime, writeTime = 200*time.Millisecond, 1500*time.Millisecond // a loaded machine pauses, too
	defer func() { headerTime, writeTime = old[0], old[1] }()
	s := show(t, nil, hole(t, 2048, 3072)) // 24 MiB, more than the buffers between them
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ok(t, err)
	serving, stop := context.WithCancel(ctx)
	end := make(chan error, 1)
	go func() { end <- s.Serve(serving, l) }()
	defer func() {
		stop()
		if err := <-end; err != nil {
			t.Error(err)
		}
	}()
	dial := func(text string) net.Conn {
		c, err := net.Dial("tcp", l.Addr().String())
		ok(t, err)
		t.Cleanup(func() { c.Close() })
		io.WriteString(c, text) // what is refused may not be read to its end
		return c
	}
	head := "GET " + s.Path() + "api/download?t=hole HTTP/1.1\r\nHost: " + l.Addr().String() + "\r\n\r\n"
	lazy := dial(head)
	dumb := dial(head[:30])
	// The one that sends nothing is closed.
	ok(t, dumb.SetReadDeadline(time.Now().Add(20*time.Second)))
	if b, err := io.ReadAll(dumb); err != nil || strings.Contains(string(b), "200 OK") {
		t.Errorf("%v %.100q", err, b)
	}
	// The one that reads nothing ends, and does not get everything.
	for began := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		s.mu.Lock()
		busy := s.active
		s.mu.Unlock()
		if busy == 0 && time.Since(began) > writeTime {
			break
		}
		if time.Since(began) > 20*time.Second {
			t.Fatal("still busy")
		}
	}
	ok(t, lazy.SetReadDeadline(time.Now().Add(20*time.Second)))
	if n, _ := io.Copy(io.Discard, lazy); n >= 24<<20 {
		t.Errorf("%d bytes", n)
	}
	// One that is only slow gets everything: each piece has a time of its own.
	steady := dial(head)
	resp, err := http.ReadResponse(bufio.NewReaderSize(slow{steady}, 64<<10), nil)
	ok(t, err)
	n, err := io.Copy(io.Discard, resp.Body)
	if err != nil || n < 24<<20 {
		t.Errorf("%d bytes: %v", n, err)
	}
	resp.Body.Close()
	// What is no request is refused.
	for _, text := range []string{"\x00\x01\x02\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "GET / HTTP/1.1\r\nX: " + strings.Repeat("x", 1<<20) + "\r\n\r\n"} {
		c := dial(text[:min(len(text), 300<<10)])
		ok(t, c.SetReadDeadline(time.Now().Add(20*time.Second)))
		if b, _ := io.ReadAll(c); strings.Contains(string(b), "200 OK") {
			t.Errorf("%.20q: %.100q", text, b)
		}
	}
}

// slow reads a little now and then.
type slow struct{ net.Conn }

func (s slow) Read(b []byte) (int, error) {
	time.Sleep(2 * time.Millisecond)
	return s.Conn.Read(b)
}

// A request that is given up ends its work, and one that ends badly leaves nothing
// behind.
func TestCancel(t *testing.T) {
	path := hole(t, 20_000, 20_000)
	s := show(t, nil, path)
	s.ready()
	name := s.doc("tensors")["rows"].([]any)[0].(object)["name"].(string)
	for _, c := range [][]string{{"tile", "level=7"}, {"stats"}, {"profile", "axis=0"}, {"download"}, {"histogram"}, {"diff", "g=0"}} {
		short, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
		began := time.Now()
		func() {
			defer func() { recover() }() // of what was cut off
			s.askAs(short, c[0], append(c[1:], "t="+name)...)
		}()
		cancel()
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("%s ended after %v", c[0], took)
		}
	}
	if !s.work.idle() || !s.long.idle() || !s.streams.idle() || s.active != 0 {
		t.Error(s.work.free, s.long.free, s.streams.free, s.active)
	}
	// Close ends what is under way.
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() { recover() }()
		s.ask("stats", "t="+name)
	}()
	time.Sleep(30 * time.Millisecond)
	ok(t, s.Close())
	<-done
	s.status(503, "files")
}

// Memory is that of the cache and of the work, however large the plane.
func TestMemory(t *testing.T) {
	if raceBuild {
		t.Skip("memory is the same without the race detector, and that is ten times faster")
	}
	path := hole(t, 8_000, 8_000)
	s := show(t, nil, path)
	s.ready()
	name := s.doc("tensors")["rows"].([]any)[0].(object)["name"].(string)
	var peak uint64
	look := func() {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		peak = max(peak, m.HeapAlloc)
	}
	runtime.GC()
	for level := 5; level >= 0; level-- {
		for _, at := range []int{0, 1, 3, 7} {
			s.ask("tile", "t="+name, fmt.Sprint("level=", level), fmt.Sprint("ty=", at), fmt.Sprint("tx=", at/2))
			look()
		}
	}
	list := s.result("stats", "t="+name)
	look()
	if list["count"] != 64_000_000. || list["zeros"] != 64_000_000. {
		t.Error(list)
	}
	t.Logf("heap of at most %d MiB, cache of %d MiB", peak>>20, s.cache.used>>20)
	if peak > 256<<20 || s.cache.used > cacheBytes {
		t.Error("too much")
	}
}

// The cache forgets what was used longest ago.
func TestCache(t *testing.T) {
	c := newCache(10 * (100 + keptOverhead))
	for i := range 30 {
		c.put(i, i, 100)
		c.get(3)
	}
	var have []int
	for i := range 30 {
		if v, ok := c.get(i); ok {
			have = append(have, v.(int))
		}
	}
	if !slices.Equal(have, []int{3, 21, 22, 23, 24, 25, 26, 27, 28, 29}) || c.used > c.limit {
		t.Error(have, c.used)
	}
	if c.put("large", 0, c.limit); len(c.byKey) != 10 {
		t.Error("a large one drove out others")
	}
}
