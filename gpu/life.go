package gpu

import (
	"sync"

	"github.com/tensorfile/tensorfile/tensor"
)

// life counts the calls that use a thing, so that its end can wait for them.
type life struct {
	what string // in errors

	mu    sync.Mutex
	users int
	over  bool
	idle  chan struct{} // there is one who waits
}

// enter begins a use, which leave ends. The error is ErrClosed.
func (l *life) enter() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over {
		return bad(tensor.ErrClosed, l.what, "", "")
	}
	l.users++
	return nil
}

func (l *life) leave() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.users--; l.users == 0 && l.idle != nil {
		close(l.idle)
		l.idle = nil
	}
}

// end refuses later uses and waits for those that are under way. It reports
// whether it was the first.
func (l *life) end() bool {
	l.mu.Lock()
	if l.over {
		l.mu.Unlock()
		return false
	}
	l.over = true
	var idle chan struct{}
	if l.users > 0 {
		idle = make(chan struct{})
		l.idle = idle
	}
	l.mu.Unlock()
	if idle != nil {
		<-idle
	}
	return true
}

// enterAll enters all or none.
func enterAll(lives []*life) error {
	for i, l := range lives {
		if err := l.enter(); err != nil {
			leaveAll(lives[:i])
			return err
		}
	}
	return nil
}

func leaveAll(lives []*life) {
	for _, l := range lives {
		l.leave()
	}
}
