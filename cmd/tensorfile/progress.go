package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// progress shows on a terminal how far a long piece of work is. It belongs to
// one goroutine.
type progress struct {
	w     io.Writer // nil: nothing is shown
	begin time.Time
	last  time.Time
	shown int // characters on the line
}

// Work of less than progressAfter shows nothing.
const (
	progressAfter = time.Second
	progressEvery = 100 * time.Millisecond
)

// newProgress makes a progress line as --progress asks for it.
func (t *tool) newProgress() *progress {
	p := &progress{begin: time.Now()}
	f, ok := t.err.(*os.File)
	if t.progress == "always" || t.progress != "never" && ok && terminal(f) && os.Getenv("TERM") != "dumb" {
		p.w = t.err
	}
	return p
}

// set says how much of how much is done.
func (p *progress) set(done, total int64) {
	now := time.Now()
	if p.w == nil || now.Sub(p.begin) < progressAfter || now.Sub(p.last) < progressEvery || total <= 0 {
		return
	}
	p.last = now
	share := float64(done) / float64(total)
	const width = 30
	full := min(int(share*width), width)
	line := fmt.Sprintf("[%s%s] %3.0f%%  %s of %s", strings.Repeat("=", full), strings.Repeat(" ", width-full), 100*share, sizeText(done), sizeText(total))
	pad := max(0, p.shown-len(line))
	p.shown = len(line)
	fmt.Fprintf(p.w, "\r%s%s", line, strings.Repeat(" ", pad))
}

// end takes the line away.
func (p *progress) end() {
	if p.shown > 0 {
		fmt.Fprintf(p.w, "\r%s\r", strings.Repeat(" ", p.shown))
	}
}
