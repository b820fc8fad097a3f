package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"syscall"
	"time"
)

// gate tells whether others use the machine. Where it cannot know it is open.
type gate struct {
	patience time.Duration
}

// moment is the CPU time that was used up to now, in seconds.
type moment struct {
	at         time.Time
	all, ours  float64
	unreadable bool
}

const tick = 0.01 // the resolution of /proc/stat

func (g *gate) now(peers []int) moment {
	m := moment{at: time.Now()}
	text, err := os.ReadFile("/proc/stat")
	f := bytes.Fields(bytes.SplitN(text, []byte("\n"), 2)[0])
	if err != nil || len(f) < 9 {
		m.unreadable = true
		return m
	}
	for i, x := range f[1:9] { // user nice system idle iowait irq softirq steal
		n, _ := strconv.ParseFloat(string(x), 64)
		if i != 3 && i != 4 {
			m.all += n * tick
		}
	}
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var u syscall.Rusage
		syscall.Getrusage(who, &u)
		m.ours += float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
	}
	for _, peer := range peers {
		text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", peer))
		if i := bytes.LastIndexByte(text, ')'); i >= 0 {
			if f := bytes.Fields(text[i+1:]); len(f) > 12 {
				for _, x := range f[11:13] {
					n, _ := strconv.ParseFloat(string(x), 64)
					m.ours += n * tick
				}
			}
		}
	}
	return m
}

// wait returns when nobody used the machine for a tenth of a second, or when
// its patience ends.
func (g *gate) wait(peers []int) {
	for end := time.Now().Add(g.patience); time.Now().Before(end); {
		m := g.now(peers)
		time.Sleep(100 * time.Millisecond)
		if g.quietSince(m, peers) {
			return
		}
	}
}

// quietSince reports whether others used less than 15 percent of one CPU since
// m, two ticks aside, which is what the clock's grain can make of nothing.
func (g *gate) quietSince(m moment, peers []int) bool {
	n := g.now(peers)
	if m.unreadable || n.unreadable {
		return true
	}
	foreign := (n.all - m.all) - (n.ours - m.ours)
	return foreign <= 0.15*n.at.Sub(m.at).Seconds()+2*tick
}
