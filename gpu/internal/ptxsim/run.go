package ptxsim

import (
	"errors"
	"fmt"
	"math/bits"

	"github.com/tensorfile/tensorfile/gpu/internal/driver"
)

// launch is what the blocks of a launch share.
type launch struct {
	p           *Program
	e           *entry
	mem         driver.Memory
	grid, block driver.Dim
	params      []byte
	shared      int
	left        int64 // steps, if the program limits them
	nan         uint32
}

// block is a block of threads while it runs.
type block struct {
	at      driver.Dim
	threads []*thread
	shared  []byte
	shadow  []shadow
	epoch   int32 // barriers passed, from 1
}

// shadow says who touched a byte of shared memory since which barrier. Several
// readers are manyThreads, atomics are atomicThread.
type shadow struct {
	writer, wrote int32
	reader, read  int32
}

const (
	manyThreads  = -1
	atomicThread = -2
)

type state uint8

const (
	stateRun state = iota
	stateBarrier
	stateWarp
	stateDone
)

type thread struct {
	l     *launch
	b     *block
	n     int // in the block
	tid   driver.Dim
	regs  []uint64
	set   []bool
	pc    int
	state state
	err   error

	// What a warp does together.
	mask  uint64
	act   func(lanes []*thread)
	value uint64
	by    int
	limit uint64
}

func (t *thread) get(r int) uint64 {
	if !t.set[r] {
		t.fault(0, "%s is read before it is written", t.l.e.regs[r].name)
	}
	return t.regs[r]
}

// fault ends the thread with an error. Code 0 is LaunchFailed.
func (t *thread) fault(code driver.Code, format string, args ...any) {
	if code == 0 {
		code = driver.LaunchFailed
	}
	if t.err == nil {
		t.err = &driver.Error{Op: "cuLaunchKernel", Code: code, Name: codeName(code), Text: fmt.Sprintf(format, args...)}
	}
}

// where puts the place before an error of a thread.
func (t *thread) where(pc int) error {
	in := t.l.e.code[min(pc, len(t.l.e.code)-1)]
	return fmt.Errorf("%s: line %d: %s: block (%d,%d,%d), thread (%d,%d,%d): %w", t.l.e.name, in.line, in.text,
		t.b.at.X, t.b.at.Y, t.b.at.Z, t.tid.X, t.tid.Y, t.tid.Z, t.err)
}

func place(i uint64, d driver.Dim) driver.Dim {
	return driver.Dim{X: uint32(i % uint64(d.X)), Y: uint32(i / uint64(d.X) % uint64(d.Y)), Z: uint32(i / uint64(d.X) / uint64(d.Y))}
}

// blocks runs one after the other.
func (l *launch) blocks() error {
	n := int(l.block.Size())
	b := &block{threads: make([]*thread, n), shared: make([]byte, l.shared), shadow: make([]shadow, l.shared)}
	for i := range b.threads {
		b.threads[i] = &thread{l: l, b: b, n: i, tid: place(uint64(i), l.block), regs: make([]uint64, len(l.e.regs)), set: make([]bool, len(l.e.regs))}
	}
	count := l.grid.Size()
	for i := range count {
		if l.p.Reverse {
			i = count - 1 - i
		}
		b.at, b.epoch = place(i, l.grid), 1
		clear(b.shadow)
		for _, t := range b.threads {
			t.pc, t.state, t.err = 0, stateRun, nil
			clear(t.set)
		}
		if err := b.run(l.p.Reverse); err != nil {
			return err
		}
	}
	return nil
}

// run takes the threads as far as each comes, until all are done.
func (b *block) run(reverse bool) error {
	for {
		for i := range b.threads {
			if reverse {
				i = len(b.threads) - 1 - i
			}
			if err := b.threads[i].run(); err != nil {
				return err
			}
		}
		switch moved, err := b.meet(); {
		case err != nil:
			return err
		case moved:
			continue
		}
		done := 0
		first := b.threads[0]
		for _, t := range b.threads {
			switch {
			case t.state == stateDone:
				done++
			case t.state == stateWarp:
				t.fault(0, "waits for lanes %#x, which do not come", t.mask)
				return t.where(t.pc - 1)
			case first.state != stateBarrier || t.pc != first.pc:
				t.fault(0, "a barrier to which thread %d does not come", first.n)
				return t.where(t.pc - 1)
			}
		}
		if done == len(b.threads) {
			return nil
		}
		if done > 0 {
			first.fault(0, "a barrier to which %d threads do not come: they are done", done)
			return first.where(first.pc - 1)
		}
		b.epoch++
		for _, t := range b.threads {
			t.state = stateRun
		}
	}
}

// run executes until the thread waits or is done.
func (t *thread) run() error {
	code := t.l.e.code
	for t.state == stateRun {
		at := t.pc
		if at >= len(code) {
			t.fault(0, "runs past the last instruction")
			return t.where(at)
		}
		if t.l.p.Steps > 0 {
			if t.l.left--; t.l.left < 0 {
				t.fault(timeout, "more than %d steps", t.l.p.Steps)
				return t.where(at)
			}
		}
		t.pc++
		in := &code[at]
		if in.guard >= 0 && (t.get(in.guard) == 1) == in.not {
			if t.err != nil {
				return t.where(at)
			}
			continue
		}
		in.run(t)
		if t.err != nil {
			return t.where(at)
		}
	}
	return nil
}

// meet lets the thread wait until all lanes of the mask are at this instruction;
// act is then done once.
func (t *thread) meet(mask uint64, act func([]*thread)) {
	if mask>>(t.n%32)&1 == 0 {
		t.fault(0, "a mask %#x without its own lane", mask)
		return
	}
	t.state, t.mask, t.act = stateWarp, mask, act
}

// meet does what warps wait for, where all have come.
func (b *block) meet() (moved bool, err error) {
	for i := 0; i < len(b.threads); i += 32 {
		warp := b.threads[i:min(i+32, len(b.threads))]
		for _, t := range warp {
			if t.state != stateWarp {
				continue
			}
			var lanes []*thread
			for _, o := range warp {
				if o.state == stateWarp && o.pc == t.pc && o.mask == t.mask && t.mask>>(o.n%32)&1 == 1 {
					lanes = append(lanes, o)
				}
			}
			if len(lanes) != bits.OnesCount64(t.mask) {
				continue
			}
			t.act(lanes)
			for _, o := range lanes {
				if o.err != nil {
					return false, o.where(o.pc - 1)
				}
				o.state = stateRun
			}
			moved = true
		}
	}
	return moved, nil
}

type accessKind uint8

const (
	accessRead accessKind = iota
	accessWrite
	accessAtomic
)

// bytes is the memory of an access, nil if it fails.
func (t *thread) bytes(a access, kind accessKind) []byte {
	addr := a.addr(t)
	if t.err != nil {
		return nil
	}
	if addr%a.align != 0 {
		t.fault(misaligned, "address %#x is no multiple of %d", addr, a.align)
		return nil
	}
	var from []byte
	switch a.space {
	case spaceGlobal:
		b, err := t.l.mem.Bytes(driver.Ptr(addr), int64(a.size))
		if err == nil && len(b) != a.size {
			err = errors.New("memory of another length")
		}
		if err != nil {
			t.err = fmt.Errorf("address %#x: %w", addr, err)
			return nil
		}
		return b
	case spaceShared:
		from = t.b.shared
	case spaceConst:
		from = t.l.e.consts
	default:
		from = t.l.params
	}
	if addr > uint64(len(from)) || uint64(a.size) > uint64(len(from))-addr {
		t.fault(driver.IllegalAddress, "%d bytes at %#x of %d", a.size, addr, len(from))
		return nil
	}
	if a.space == spaceShared && !t.share(int(addr), a.size, kind) {
		return nil
	}
	return from[addr : addr+uint64(a.size)]
}

// share notes an access to shared memory and finds those that race.
func (t *thread) share(at, n int, kind accessKind) bool {
	me, now := int32(t.n), t.b.epoch
	if kind == accessAtomic {
		me = atomicThread
	}
	for i := range t.b.shadow[at : at+n] {
		s := &t.b.shadow[at+i]
		if kind != accessWrite && s.wrote == 0 {
			t.fault(0, "byte %d of shared memory is read before it is written", at+i)
			return false
		}
		if s.wrote == now && s.writer != me {
			t.fault(0, "byte %d of shared memory: a race with %s that wrote it", at+i, who(s.writer))
			return false
		}
		if kind == accessRead {
			if s.read == now && s.reader != me {
				s.reader = manyThreads
			} else {
				s.reader, s.read = me, now
			}
			continue
		}
		if s.read == now && s.reader != me {
			t.fault(0, "byte %d of shared memory: a race with %s that read it", at+i, who(s.reader))
			return false
		}
		s.writer, s.wrote = me, now
	}
	return true
}

func who(n int32) string {
	switch n {
	case manyThreads:
		return "threads"
	case atomicThread:
		return "an atomic"
	}
	return fmt.Sprintf("thread %d", n)
}
