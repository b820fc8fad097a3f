package tensorfile_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/internal/crashfs"
	"github.com/tensorfile/tensorfile/mmap"
	"github.com/tensorfile/tensorfile/tensor"
)

// What no crash shows: writers that meet, and files that no writer leaves.
var crashRaces = []struct {
	name string
	test func() error
}{
	{"replaced before the lock", raceReplaced},
	{"another commit before ours", func() error { return raceWriters(false) }},
	{"another commit at our barrier", func() error { return raceWriters(true) }},
	{"a commit before a repack", raceRepack},
	{"an edit that is given up", raceGivenUp},
	{"roots that do not count", raceRoots},
	{"a torn run head", raceRunHead},
}

func TestRaces(t *testing.T) {
	for _, c := range crashRaces {
		if err := c.test(); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// raced runs a test of a life and returns the violation that ends it.
func raced(test func(l *life)) (err error) {
	defer func() {
		if r := recover(); r != nil {
			v, ok := r.(violation)
			if !ok {
				v.error = fmt.Errorf("panic: %v", r)
			}
			err = v.error
		}
	}()
	test(newLife(rand.New(rand.NewPCG(7, 7))))
	return nil
}

// A file that was replaced between being opened and being locked is not the one
// that is written.
func raceReplaced() error {
	return raced(func(l *life) {
		l.create(crashFile, 2, false, true)
		first := true
		l.fs.Fault = func(op crashfs.Op) (int, error) {
			if op.Kind == crashfs.Open && first {
				first = false
				l.repack(crashFile, crashFile, false)
			}
			return len(op.Data), nil
		}
		w, err := tensorfile.OpenAppend(crashFile, tensorfile.AppendOptions{Time: someTime}.On(l.fs))
		l.must(err)
		l.fs.Fault = nil
		l.w, l.name = w, crashFile
		l.restart(l.look(crashFile))
		l.add(false)
		l.commit()
		l.close()
		l.look(crashFile)
	})
}

// Without locks a second writer is found out by the slots, before it harms what
// was committed.
func raceWriters(atBarrier bool) error {
	return raced(func(l *life) {
		l.create(crashFile, 2, false, true)
		l.fs.NoLocks = true
		open := func() *tensorfile.Writer {
			w, err := tensorfile.OpenAppend(crashFile, tensorfile.AppendOptions{Time: someTime, Unlocked: true}.On(l.fs))
			l.must(err)
			return w
		}
		late := open()
		v, err := tensor.FromSlice(l.data(3000))
		l.must(err)
		l.must(late.Add(ctx, "late", v, nil))
		other := func() {
			v := l.look(crashFile)
			l.w, l.name = open(), crashFile
			l.restart(v)
			l.add(false)
			l.commit()
		}
		if atBarrier {
			l.fs.Fault = func(op crashfs.Op) (int, error) {
				if op.Kind == crashfs.Sync {
					l.fs.Fault = nil
					other()
				}
				return len(op.Data), nil
			}
		} else {
			other()
		}
		if err := late.Commit(ctx); !errors.Is(err, tensorfile.ErrChanged) {
			l.broken("the later commit: %v", err)
		}
		l.look(crashFile)
	})
}

// A repack in place does not lose a commit that its source does not show.
func raceRepack() error {
	return raced(func(l *life) {
		l.create(crashFile, 2, false, true)
		r, err := l.fs.OpenWrite(crashFile)
		l.must(err)
		b := l.fs.Files()[crashFile]
		f, err := tensorfile.OpenMap(mmap.NewReaderAt(r, int64(len(b)), crashFile), nil)
		l.must(err)
		l.session(crashFile, 1, func() { l.add(false) })
		if _, err := tensorfile.Repack(ctx, f, crashFile, tensorfile.RepackOptions{}.On(l.fs)); !errors.Is(err, tensorfile.ErrChanged) {
			l.broken("the repack: %v", err)
		}
		l.look(crashFile)
	})
}

// What an edit has written before it is given up is taken back.
func raceGivenUp() error {
	return raced(func(l *life) {
		l.create(crashFile, 2, false, true)
		before := bytes.Clone(l.fs.Files()[crashFile])
		l.open(crashFile)
		v, err := tensor.FromSlice(make([]byte, 3<<20))
		l.must(err)
		l.must(l.w.Add(ctx, "large", v, nil))
		if len(l.fs.Files()[crashFile]) == len(before) {
			l.broken("nothing was written")
		}
		l.close()
		if !bytes.Equal(l.fs.Files()[crashFile], before) {
			l.broken("the file is not as before")
		}
	})
}

// A run head that lies across a block may lose what is in one of them.
func raceRunHead() error {
	return raced(func(l *life) {
		l.create(crashFile, 2, false, true)
		b := l.fs.Files()[crashFile]
		head := b[binary.LittleEndian.Uint64(b[format.SlotA+56:]):]
		if string(head[:4]) != "TSRC" {
			l.broken("no run at %q", head[:4])
		}
		clear(head[48:68]) // heap, names, counts
		f, err := tensorfile.OpenReaderAt(bytes.NewReader(b), int64(len(b)), nil)
		if err == nil {
			f.Close()
		}
		if !errors.Is(err, tensorfile.ErrCorrupt) {
			l.broken("opened: %v", err)
		}
	})
}

// Rows of the table of roots that no single crash leads to.
func raceRoots() error {
	return raced(func(l *life) {
		l.create(crashFile, 2, false, true)
		first := bytes.Clone(l.fs.Files()[crashFile][format.SlotA:][:format.PageSize])
		l.session(crashFile, 2, func() { l.add(false) })
		whole := l.fs.Files()[crashFile]
		open := func(change func(b []byte) []byte) (uint64, error) {
			b := change(bytes.Clone(whole))
			f, err := tensorfile.OpenReaderAt(bytes.NewReader(b), int64(len(b)), nil)
			if err != nil {
				return 0, err
			}
			defer f.Close()
			return f.Info().Generation, nil
		}
		if g, err := open(func(b []byte) []byte { clear(b[format.SlotA:format.DataStart]); return b }); !errors.Is(err, tensorfile.ErrCorrupt) {
			l.broken("no slot, and the trailer of an append: generation %d, %v", g, err)
		}
		if g, err := open(func(b []byte) []byte {
			clear(b[format.SlotA:format.DataStart])
			copy(b[format.SlotB:], first)
			return b
		}); g != 1 || err != nil {
			l.broken("the slot of generation 1, and the trailer of 3: generation %d, %v", g, err)
		}
		if g, err := open(func(b []byte) []byte { return b[:len(b)-1] }); !errors.Is(err, tensorfile.ErrTruncated) {
			l.broken("a file that was cut: generation %d, %v", g, err)
		}
		fs := crashfs.From(map[string][]byte{crashFile: whole[:len(whole)-1]})
		if _, err := tensorfile.OpenAppend(crashFile, tensorfile.AppendOptions{}.On(fs)); !errors.Is(err, tensorfile.ErrTruncated) {
			l.broken("an append to a file that was cut: %v", err)
		}
	})
}
