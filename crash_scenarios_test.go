package tensorfile_test

import (
	"syscall"

	"github.com/tensorfile/tensorfile/internal/crashfs"
)

const (
	crashFile  = "dir/x.tensor"
	crashOther = "dir/y.tensor"
)

// A scenario is a kind of life: what is drawn in it, and what is fixed.
type scenario struct {
	name string
	live func(l *life)
}

// begin makes a file of some tensors, durable before the log begins, unless the
// file's own creation is to be part of it.
func (l *life) begin() {
	if l.chance(4) {
		l.stream(crashFile, 1+l.rng.IntN(3))
		return
	}
	l.create(crashFile, 1+l.rng.IntN(3), false, true)
	if !l.chance(10) {
		l.power()
	}
}

func (l *life) adding() {
	for range 1 + l.rng.IntN(3) {
		l.add(l.chance(4))
		if l.w == nil {
			return
		}
	}
}

func (l *life) changing() {
	for range 1 + l.rng.IntN(3) {
		l.change()
		if l.w == nil {
			return
		}
	}
}

func (l *life) deleting() {
	name, ok := l.any()
	if !ok {
		l.add(false)
		return
	}
	l.say("delete %s", name)
	l.must(l.w.Delete(name))
	delete(l.now.tensors, name)
}

var crashScenarios = []scenario{
	{"create", func(l *life) {
		if l.chance(3) {
			l.create(crashFile, 1+l.rng.IntN(2), false, false)
		}
		l.create(crashFile, 1+l.rng.IntN(4), false, true)
		if l.chance(2) {
			l.create(crashFile, 1+l.rng.IntN(4), true, !l.chance(4))
		}
	}},
	{"stream, adopt", func(l *life) {
		l.stream(crashFile, 1+l.rng.IntN(3))
		l.session(crashFile, 1+l.rng.IntN(2), l.adding)
		l.session(crashFile, 1, l.changing)
	}},
	{"append", func(l *life) {
		l.begin()
		for range 1 + l.rng.IntN(3) {
			l.session(crashFile, 1+l.rng.IntN(2), l.adding)
		}
	}},
	{"edit", func(l *life) {
		l.begin()
		for range 1 + l.rng.IntN(3) {
			l.session(crashFile, 1+l.rng.IntN(3), l.changing)
		}
	}},
	{"delete", func(l *life) {
		l.begin()
		l.session(crashFile, 1+l.rng.IntN(3), l.deleting)
		l.session(crashFile, 2, func() { l.add(false); l.deleting() })
	}},
	{"many commits", func(l *life) {
		l.begin()
		l.session(crashFile, 4+l.rng.IntN(6), l.change)
	}},
	{"abandon", func(l *life) {
		l.begin()
		l.session(crashFile, l.rng.IntN(2), l.changing)
		l.abandon(crashFile)
		l.session(crashFile, 1, func() { l.changing() })
		l.open(crashFile)
		l.changing()
		l.commit()
		l.changing()
		l.close()
	}},
	{"repack", func(l *life) {
		l.begin()
		l.session(crashFile, 1+l.rng.IntN(3), l.changing)
		if l.chance(2) {
			l.power()
		}
		switch l.rng.IntN(3) {
		case 0:
			l.repack(crashFile, crashOther, l.chance(2))
			l.session(crashOther, 1, l.changing)
		case 1:
			l.create(crashOther, 2, false, true)
			l.power()
			l.repack(crashFile, crashOther, l.chance(2))
		default:
			l.repack(crashFile, crashFile, l.chance(2))
			l.session(crashFile, 1, l.changing)
		}
	}},
	{"append after a kill", func(l *life) {
		l.begin()
		for range 2 + l.rng.IntN(3) {
			l.killed(14, func() { l.session(crashFile, 2, l.changing) })
		}
		l.session(crashFile, 1, l.changing)
	}},
	{"killed while mending", func(l *life) {
		if l.chance(2) {
			l.stream(crashFile, 1+l.rng.IntN(3))
		} else {
			l.create(crashFile, 1+l.rng.IntN(3), false, true)
			l.session(crashFile, 1+l.rng.IntN(2), l.changing)
			l.power()
			l.tear(crashFile)
		}
		n := l.rng.IntN(3) // as many syncs before
		l.killedWhen(func(op crashfs.Op) bool {
			if op.Kind == crashfs.Sync {
				n--
			}
			return n < 0
		}, func() { l.session(crashFile, 1, l.changing) })
		l.session(crashFile, 1, l.changing)
		l.session(crashFile, 1, l.changing)
	}},
	{"killed create, repack", func(l *life) {
		l.killed(14, func() { l.create(crashFile, 2, false, true) })
		if l.look(crashFile) == nil {
			l.create(crashFile, 2, false, true)
		}
		l.session(crashFile, 1, l.changing)
		l.killed(16, func() { l.repack(crashFile, crashFile, l.chance(2)) })
		l.session(crashFile, 1, l.changing)
	}},
	{"no space", func(l *life) {
		l.begin()
		for range 1 + l.rng.IntN(2) {
			l.failing(crashfs.Write, 4, 1+l.rng.IntN(3), syscall.ENOSPC, func() { l.session(crashFile, 2+l.rng.IntN(2), l.changing) })
		}
		l.session(crashFile, 1, l.changing)
	}},
	{"failed sync", func(l *life) {
		l.begin()
		for range 1 + l.rng.IntN(2) {
			l.failing(crashfs.Sync, 4, 1, errIO, func() { l.session(crashFile, 2, l.changing) })
		}
		l.session(crashFile, 1, l.changing)
	}},
	{"failed write", func(l *life) {
		l.begin()
		l.failing(crashfs.Write, 5, 1+l.rng.IntN(2), errIO, func() { l.session(crashFile, 2, l.changing) })
		l.session(crashFile, 1, l.changing)
	}},
}

// afterCrash goes on with what a crash has left.
func (l *life) afterCrash() {
	if l.look(crashFile) == nil {
		l.create(crashFile, 1+l.rng.IntN(3), false, true)
	}
	switch l.rng.IntN(6) {
	case 0:
		l.killed(14, func() { l.session(crashFile, 2, l.changing) })
	case 1:
		l.open(crashFile)
		l.changing()
		l.close()
	case 2:
		l.failing(crashfs.Write, 4, 1, syscall.ENOSPC, func() { l.session(crashFile, 2, l.changing) })
	}
	l.session(crashFile, 1+l.rng.IntN(2), l.changing)
	if l.chance(6) {
		l.repack(crashFile, crashFile, l.chance(2))
	}
}
