package main

import (
	"runtime/debug"
	"runtime/metrics"
	"strings"
	"time"

	"github.com/tensorfile/tensorfile/bench"
)

// memory is how much an operation has at most beyond what was there before: Go's
// heap, and memory that is no file's, of the process that does the work.
type memory struct{ heap, anon int64 }

// watch runs a case once, untimed, and looks at memory each millisecond.
func (r *runner) watch(c bench.Case) *memory {
	pid := 0
	if _, impl, _ := strings.Cut(c.Key(), "impl="); !strings.HasPrefix(impl, "tensorfile") {
		if pids := r.env.PeerPIDs(); len(pids) > 0 && r.results[c.Key()].peer {
			pid = pids[0]
		}
	}
	debug.FreeOSMemory()
	heap, anon := objects(), anonymous(pid)
	m := &memory{}
	stop, done := make(chan bool), make(chan bool)
	go func() {
		defer close(done)
		for {
			m.heap, m.anon = max(m.heap, objects()-heap), max(m.anon, anonymous(pid)-anon)
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
			}
		}
	}()
	_, ran := r.once(c)
	close(stop)
	<-done
	if !ran {
		return nil
	}
	if pid != 0 {
		m.heap = 0
	}
	return m
}

func objects() int64 {
	s := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(s)
	return int64(s[0].Value.Uint64())
}
