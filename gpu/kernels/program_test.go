package kernels_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"

	"github.com/tensorfile/tensorfile/gpu"
	"github.com/tensorfile/tensorfile/tensor"
)

// adder is a module that adds a number to each of n bytes, whatever the grid.
var adder = &gpu.Module{
	Name: "adder",
	PTX: `.version 7.0
.target sm_75
.address_size 64
.visible .entry add(.param .u64 x, .param .u64 n, .param .u32 v)
{
	.reg .pred %past;
	.reg .b32 %block, %size, %thread, %blocks, %v, %b;
	.reg .b64 %x, %n, %i, %step, %t, %at;
	ld.param.u64 %x, [x];
	ld.param.u64 %n, [n];
	ld.param.u32 %v, [v];
	cvta.to.global.u64 %x, %x;
	mov.u32 %block, %ctaid.x;
	mov.u32 %size, %ntid.x;
	mov.u32 %thread, %tid.x;
	mov.u32 %blocks, %nctaid.x;
	mul.wide.u32 %i, %block, %size;
	cvt.u64.u32 %t, %thread;
	add.u64 %i, %i, %t;
	mul.wide.u32 %step, %blocks, %size;
LOOP:
	setp.ge.u64 %past, %i, %n;
	@%past bra DONE;
	add.u64 %at, %x, %i;
	ld.global.u8 %b, [%at];
	add.u32 %b, %b, %v;
	st.global.u8 [%at], %b;
	add.u64 %i, %i, %step;
	bra LOOP;
DONE:
	ret;
}
`,
	Kernels: []gpu.Kernel{{
		Name:   "add",
		Params: gpu.Signature{gpu.TypePointer, gpu.TypeU64, gpu.TypeU32},
		Go: func(m gpu.Memory, grid, block gpu.Dim, a gpu.Args) error {
			b, err := m.Bytes(a.Ptr(0), int64(a.U64(1)))
			for i := range b {
				b[i] += byte(a.U32(2))
			}
			return err
		},
	}},
}

// Every kind of device does the same: programs of random calls, which order what
// touches the same memory and nothing else, read the same bytes and get errors of
// the same kinds as on the host backend.
func TestPrograms(t *testing.T) {
	for _, p := range places[1:] {
		t.Run(p.name, func(t *testing.T) { likeHost(t, 10, func(t testing.TB, _ uint64) *gpu.Device { return p.open(t) }) })
	}
	if len(places) == 1 && places[0].name != "host" {
		likeHost(t, 100, func(t testing.TB, _ uint64) *gpu.Device { return places[0].open(t) })
	}
}

// likeHost runs programs on the host and on another device, which may go by the
// seed too.
func likeHost(t *testing.T, programs int, open func(t testing.TB, seed uint64) *gpu.Device) {
	seed := rand.Uint64N(1e9)
	if s := os.Getenv("TENSORFILE_SEED"); s != "" {
		seed = get(strconv.ParseUint(s, 10, 64))(t)
	}
	if testing.Short() {
		programs = (programs + 4) / 5
	}
	lines := 0
	for i := range uint64(programs) {
		want := program(get(gpu.OpenHost(nil))(t), adder, seed+i)
		got := program(open(t, seed+i), adder, seed+i)
		for j := range want {
			if j >= len(got) || got[j] != want[j] {
				t.Fatalf("TENSORFILE_SEED=%d, line %d:\nhost: %s\nhere: %s", seed+i, j, want[j], slices.Concat(got, []string{"-"})[min(j, len(got))])
			}
		}
		if len(got) != len(want) || t.Failed() {
			t.Fatalf("TENSORFILE_SEED=%d: %d lines, and %d on the host", seed+i, len(got), len(want))
		}
		lines += len(got)
	}
	t.Logf("TENSORFILE_SEED=%d: %d programs, %d lines compared", seed, programs, lines)
	if lines < 100*programs {
		t.Error("the programs are short")
	}
}

// bytesOf is n bytes that repeat nowhere.
func bytesOf(seed uint64, n int64) []byte {
	r := rand.New(rand.NewPCG(seed, 11))
	b := make([]byte, 0, n+8)
	for int64(len(b)) < n {
		b = binary.LittleEndian.AppendUint64(b, r.Uint64())
	}
	return b[:n]
}

// program makes random calls and writes down what can be seen of them. The calls
// follow from the seed alone.
func program(d *gpu.Device, m *gpu.Module, seed uint64) (trace []string) {
	ctx := context.Background()
	r := rand.New(rand.NewPCG(seed, 5))
	say := func(format string, args ...any) { trace = append(trace, fmt.Sprintf(format, args...)) }
	note := func(what string, err error) {
		say("%s: %s", what, kindOf(err))
	}
	type memory struct {
		b    *gpu.Buffer
		last *gpu.Stream // who touched it, and may still
	}
	var buffers []*memory
	var streams []*gpu.Stream
	var events []*gpu.Event
	f, err := d.Func(m, "add")
	note("func", err)
	for range 3 {
		s, err := d.NewStream()
		note("stream", err)
		streams = append(streams, s)
		e, err := d.NewEvent(nil)
		note("event", err)
		events = append(events, e)
	}
	// take orders a stream behind whoever touched the memory before.
	take := func(s *gpu.Stream, m *memory) {
		if m.last != nil && m.last != s {
			e := events[r.IntN(len(events))]
			if err := errors.Join(e.Record(m.last), s.Wait(e)); err != nil {
				note("order", err)
			}
		}
		m.last = s
	}
	some := func() *memory { return buffers[r.IntN(len(buffers))] }
	piece := func(m *memory) *gpu.Buffer {
		off := r.Int64N(m.b.Len() + 1)
		p, err := m.b.Slice(off, r.Int64N(m.b.Len()-off+1))
		if err != nil {
			note("slice", err)
		}
		return p
	}
	for range 120 {
		s := streams[r.IntN(len(streams))]
		op := r.IntN(14)
		if len(buffers) < 2 {
			op = 0
		}
		switch op {
		case 0:
			b, err := d.Alloc(r.Int64N(1 << (1 + r.IntN(17))))
			note("alloc", err)
			if err == nil {
				note("first bytes", b.WriteFrom(ctx, bytesOf(r.Uint64(), b.Len())))
				buffers = append(buffers, &memory{b: b})
			}
		case 1:
			_, err := d.Alloc(1 << 50)
			note("too much", err)
		case 2, 3:
			m := some()
			take(s, m)
			p := piece(m)
			note("write", s.Write(ctx, p, bytesOf(r.Uint64(), p.Len())))
		case 4, 5:
			m := some()
			take(s, m)
			p := piece(m)
			out := make([]byte, p.Len())
			err := s.Read(ctx, out, p)
			say("read %d: %08x %s", len(out), crc32.ChecksumIEEE(out), kindOf(err))
		case 6:
			m := some()
			out := make([]byte, m.b.Len())
			err := m.b.ReadTo(ctx, out)
			say("read all %d: %08x %s", len(out), crc32.ChecksumIEEE(out), kindOf(err))
		case 7:
			m := some()
			take(s, m)
			note("fill", s.Fill(piece(m), byte(r.Uint32())))
		case 8, 9:
			a, b := some(), some()
			take(s, a)
			take(s, b)
			from, to := piece(a), piece(b)
			n := min(from.Len(), to.Len())
			from, _ = from.Slice(0, n)
			to, _ = to.Slice(0, n)
			note("copy", s.Copy(to, from))
		case 10, 11:
			m := some()
			take(s, m)
			p := piece(m)
			if p.Len() > 0 {
				note("launch", f.Launch(s, gpu.Dim{X: 1 + r.Uint32N(5)}, gpu.Dim{X: 32}, 0, gpu.Ptr(p), gpu.U64(uint64(p.Len())), gpu.U32(r.Uint32N(256))))
			}
		case 12:
			i := r.IntN(len(buffers))
			note("free", buffers[i].b.Free())
			note("free again", buffers[i].b.Free())
			buffers = slices.Delete(buffers, i, i+1)
		case 13:
			switch r.IntN(4) {
			case 0:
				note("synchronize", d.Synchronize())
			case 1:
				i := r.IntN(len(streams))
				old := streams[i]
				note("free stream", old.Free())
				note("use it", old.Fill(some().b, 0))
				streams[i], err = d.NewStream()
				note("stream", err)
				for _, m := range buffers {
					if m.last == old {
						m.last = nil // done, as Free has waited
					}
				}
			case 2:
				i := r.IntN(len(events))
				note("free event", events[i].Free())
				events[i], err = d.NewEvent(&gpu.EventOptions{Timing: r.IntN(2) == 0})
				note("event", err)
				done, err := events[i].Done()
				say("not recorded: %v %s", done, kindOf(err))
			case 3:
				m := some()
				if m.b.Len() == 0 {
					break
				}
				w, err := d.WrapPtr(m.b.Ptr(), m.b.Len(), m)
				note("wrap", err)
				ws, err := d.WrapStream(s.Handle())
				note("wrap", err)
				take(s, m)
				note("fill", ws.Fill(w, 3))
				note("free", errors.Join(w.Free(), ws.Free()))
			}
		}
	}
	for _, m := range buffers {
		out := make([]byte, m.b.Len())
		err := m.b.ReadTo(ctx, out)
		say("end %d: %08x %s", len(out), crc32.ChecksumIEEE(out), kindOf(err))
		if r.IntN(3) > 0 {
			note("free", m.b.Free())
		}
	}
	free, total, err := d.Memory()
	say("memory %v: %s", free <= total, kindOf(err))
	err = d.Close()
	var leaks *gpu.LeakError
	if errors.As(err, &leaks) {
		say("%d leaks", len(leaks.Leaks))
	} else {
		note("close", err)
	}
	return trace
}

// kindOf is what two backends must agree on of an error.
func kindOf(err error) string {
	var e *gpu.Error
	var u *tensor.Error
	switch {
	case err == nil:
		return "ok"
	case errors.As(err, &e):
		return e.Name
	case errors.As(err, &u):
		return u.Error()
	}
	return err.Error()
}
