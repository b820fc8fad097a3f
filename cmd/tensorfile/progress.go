package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tensorfile/tensorfile/internal/term"
	"github.com/tensorfile/tensorfile/internal/watch"
)

// progress shows on a terminal how far a long piece of work is, how fast it goes
// and how long it will take. Its methods may be called by any goroutine.
type progress struct {
	w       io.Writer // nil: nothing is shown
	columns int       // of the terminal

	mu    sync.Mutex
	begin time.Time
	last  time.Time
	shown int // columns of the line that are taken
}

// Work of less than progressAfter shows nothing.
var (
	progressAfter = time.Second
	progressEvery = 100 * time.Millisecond
)

// newProgress makes a progress line as --progress asks for it. What the tool prints
// takes it away first.
func (t *tool) newProgress() *progress {
	p := &progress{begin: time.Now(), columns: 80}
	t.bar = p
	f, ok := t.err.(*os.File)
	onTerminal := ok && terminal(f)
	if t.progress == "always" || t.progress != "never" && onTerminal && os.Getenv("TERM") != "dumb" {
		p.w = t.err
		if s, ok := term.SizeOf(f); onTerminal && ok {
			p.columns = s.Columns
		}
		if onTerminal && terminal(t.out.file) {
			t.out.before = t.wipe
		}
	}
	return p
}

// newOutputProgress is for results that go on to w while a line is shown: there is
// none where they come on the same terminal.
func (t *tool) newOutputProgress(w io.Writer) *progress {
	if w == io.Writer(t.out) && t.out.file != nil && terminal(t.out.file) {
		return &progress{}
	}
	return t.newProgress()
}

// wipe takes away the line that is shown, if there is one.
func (t *tool) wipe() {
	if t.bar != nil {
		t.bar.end()
	}
}

// set says how many bytes of how many are done.
func (p *progress) set(done, total int64) {
	if total > 0 {
		p.show(float64(done)/float64(total), sizeText(done)+" of "+sizeText(total), float64(done))
	}
}

// steps says what share of the work is done, and how much that is.
func (p *progress) steps(share float64, text string) { p.show(share, text, 0) }

// count says how many bytes are done of nobody knows how many.
func (p *progress) count(done int64) { p.show(-1, sizeText(done), float64(done)) }

// show draws the line. A negative share is not known; bytes give the speed.
func (p *progress) show(share float64, text string, bytes float64) {
	if p.w == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if now.Sub(p.begin) < progressAfter || now.Sub(p.last) < progressEvery {
		return
	}
	p.last = now
	line := progressLine(share, text, bytes, now.Sub(p.begin), p.columns-1)
	pad := max(0, p.shown-term.Width(line))
	p.shown = term.Width(line)
	fmt.Fprintf(p.w, "\r%s%s", line, strings.Repeat(" ", pad))
}

// progressLine is a line of at most so many columns. The bar gives way first.
func progressLine(share float64, text string, bytes float64, took time.Duration, columns int) string {
	if sec := took.Seconds(); bytes > 0 && sec > 0 {
		text += "  " + sizeText(int64(bytes/sec)) + "/s"
	}
	if share >= 0 {
		share = min(share, 1)
		if share > 0.001 {
			text += "  " + leftText(time.Duration(float64(took)*(1-share)/share)) + " left"
		}
		text = fmt.Sprintf("%3.0f%%  %s", 100*share, text)
	}
	const widest, narrowest = 30, 5
	bar := min(columns-term.Width(text)-3, widest)
	if share >= 0 && bar >= narrowest {
		full := int(share * float64(bar))
		text = "[" + strings.Repeat("=", full) + strings.Repeat(" ", bar-full) + "] " + text
	}
	return term.Head(text, columns)
}

// leftText is a time that is left: 12 s, 3 min 20 s, 2 h 05 min.
func leftText(d time.Duration) string {
	const day = 24 * time.Hour
	switch d = d.Round(time.Second); {
	case d < time.Minute:
		return fmt.Sprintf("%d s", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%d min %02d s", d/time.Minute, d%time.Minute/time.Second)
	case d < 10*day:
		return fmt.Sprintf("%d h %02d min", d/time.Hour, d%time.Hour/time.Minute)
	}
	return "days"
}

// end takes the line away.
func (p *progress) end() {
	if p.w == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shown > 0 {
		fmt.Fprintf(p.w, "\r%s\r", strings.Repeat(" ", p.shown))
		p.shown = 0
	}
}

// watch makes work under the context that it returns move the line, until total
// bytes are done.
func (p *progress) watch(ctx context.Context, total int64) context.Context {
	if p.w == nil {
		return ctx
	}
	var done atomic.Int64
	return watch.With(ctx, func(n int64) { p.set(done.Add(n), total) })
}

// reader counts what is read from r.
func (p *progress) reader(r io.Reader) io.Reader {
	return &countingReader{r: r, bar: p}
}

type countingReader struct {
	r   io.Reader
	bar *progress
	n   int64
}

func (c *countingReader) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	c.n += int64(n)
	c.bar.count(c.n)
	return n, err
}
