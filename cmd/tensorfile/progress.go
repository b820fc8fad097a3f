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
	if total > 0 {
		p.show(float64(done)/float64(total), sizeText(done)+" of "+sizeText(total))
	}
}

// show says what share is done, and how much that is.
func (p *progress) show(share float64, text string) {
	now := time.Now()
	if p.w == nil || now.Sub(p.begin) < progressAfter || now.Sub(p.last) < progressEvery {
		return
	}
	p.last = now
	const width = 30
	full := min(int(share*width), width)
	line := fmt.Sprintf("[%s%s] %3.0f%%  %s", strings.Repeat("=", full), strings.Repeat(" ", width-full), 100*share, text)
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
