package crashfs

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile/internal/fsys"
)

// states returns what a walk shows, as names and the first byte of each block.
func states(f *FS, start map[string][]byte, o Options) map[string]bool {
	all := map[string]bool{}
	f.Crashes(start, o, func(c Crash) bool {
		var s []string
		for _, name := range slices.Sorted(maps.Keys(c.Files)) {
			b := c.Files[name]
			text := name + fmt.Sprintf(" %d ", len(b))
			for i := 0; i < len(b); i += blockSize {
				text += fmt.Sprintf("%c", b[i]|0x20)
			}
			s = append(s, text)
		}
		all[fmt.Sprint(len(c.Marks), " ", strings.Join(s, ", "))] = true
		return true
	})
	return all
}

func want(t *testing.T, all map[string]bool, there, not []string) {
	t.Helper()
	for _, s := range there {
		if !all[s] {
			t.Errorf("no state %q", s)
		}
	}
	for _, s := range not {
		if all[s] {
			t.Errorf("a state %q", s)
		}
	}
	if t.Failed() {
		t.Log(slices.Sorted(maps.Keys(all)))
	}
}

func open(t *testing.T, f *FS, name string) fsys.File {
	t.Helper()
	w, err := f.OpenWrite(name)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func blocks(s string) []byte {
	var b []byte
	for _, c := range s {
		b = append(b, bytes.Repeat([]byte{byte(c)}, blockSize)...)
	}
	return b
}

// Any set of unsynced blocks, any size, and after a sync all of them.
func TestBlocks(t *testing.T) {
	start := map[string][]byte{"f": blocks("oo")}
	f := From(start)
	w := open(t, f, "f")
	w.WriteAt(blocks("abc"), 0)
	f.Mark("written")
	w.Sync()
	f.Mark("synced")
	want(t, states(f, start, Options{}),
		[]string{"0 f 8192 oo", "1 f 8192 ob", "1 f 12288 oo ", "1 f 12288 aoc", "1 f 8192 ao", "1 f 12288 abc", "2 f 12288 abc"},
		[]string{"2 f 8192 ab", "2 f 12288 aoc", "1 f 4096 a"})
	if all := states(f, start, Options{IgnoreSyncs: true}); !all["2 f 8192 oo"] {
		t.Error("a disk that lies has synced")
	}
}

// A cut may be there or not; what is written behind it begins as zeros.
func TestCut(t *testing.T) {
	start := map[string][]byte{"f": blocks("ooo")}
	f := From(start)
	w := open(t, f, "f")
	w.Truncate(blockSize)
	w.WriteAt(blocks("c"), 2*blockSize)
	w.Sync()
	f.Mark("synced")
	want(t, states(f, start, Options{}), []string{"0 f 4096 o", "0 f 12288 ooc", "0 f 12288 ooo", "1 f 12288 o c"}, []string{"1 f 12288 ooc"})
}

// After a failed sync a block is there or lost; later syncs do not bring it.
func TestFailedSync(t *testing.T) {
	start := map[string][]byte{"f": blocks("oo")}
	var fired bool
	all := map[string]bool{}
	for seed := range uint64(64) {
		f := From(start)
		w := open(t, f, "f")
		w.WriteAt(blocks("ab"), 0)
		fired = false
		f.Fault = FailNth(0, ErrInjected, func(op Op) bool { return op.Kind == Sync }, &fired)
		if err := w.Sync(); !errors.Is(err, ErrInjected) || !fired {
			t.Fatal(err)
		}
		f.Fault = nil
		w.WriteAt(blocks("c"), blockSize)
		w.Sync()
		f.Mark("synced")
		maps.Copy(all, states(f, start, Options{Seed: seed}))
	}
	want(t, all, []string{"1 f 8192 ac", "1 f 8192 oc", "0 f 8192 ab", "0 f 8192 ao"}, []string{"1 f 8192 ab", "1 f 8192 oo", "1 f 8192 ao"})
}

// Names are durable when their directory is, and in no order but their own.
func TestNames(t *testing.T) {
	start := map[string][]byte{"d/x": blocks("o"), "d/y": blocks("y")}
	f := From(start)
	f.Rename("d/y", "d/x")
	f.Remove("d/x")
	f.Mark("renamed")
	f.SyncDir("d")
	f.Mark("synced")
	want(t, states(f, start, Options{}),
		[]string{"0 d/x 4096 o, d/y 4096 y", "1 d/x 4096 y, d/y 4096 y", "1 d/x 4096 y", "1 d/y 4096 y", "1 ", "2 "},
		[]string{"1 d/x 4096 o", "2 d/x 4096 y"})
}

// A killed process loses its locks and its files, and nothing that it wrote.
func TestKill(t *testing.T) {
	f := From(map[string][]byte{"f": blocks("o")})
	a := open(t, f, "f")
	if err := a.Lock(); err != nil {
		t.Fatal(err)
	}
	if err := open(t, f, "f").Lock(); !errors.Is(err, fsys.ErrLocked) {
		t.Fatal(err)
	}
	a.WriteAt(blocks("a"), 0)
	f.Kill()
	if _, err := a.WriteAt(blocks("b"), 0); err == nil {
		t.Error("the dead write")
	}
	if err := open(t, f, "f").Lock(); err != nil {
		t.Error(err)
	}
	if b := f.Files()["f"]; b[0] != 'a' {
		t.Errorf("%c", b[0])
	}
}

// The block of a write that stands alone is torn at each byte of a record.
func TestTears(t *testing.T) {
	start := map[string][]byte{"f": blocks("o")}
	f := From(start)
	open(t, f, "f").WriteAt(blocks("n"), 0)
	cuts := map[int]bool{}
	stats := f.Crashes(start, Options{}, func(c Crash) bool {
		b := c.Files["f"]
		if n := bytes.IndexByte(b, 'o'); n > 0 && bytes.Count(b[n:], []byte("o")) == len(b)-n {
			cuts[n] = true
		}
		if len(c.What()) < 10 {
			t.Errorf("%q", c.What())
		}
		return true
	})
	for at := 1; at <= 128; at++ {
		if !cuts[at] {
			t.Errorf("no tear at %d", at)
		}
	}
	if stats.Distinct < 280 || stats.Distinct != stats.Visited {
		t.Errorf("%+v", stats)
	}
	t.Logf("%+v", stats)
}

func TestSet(t *testing.T) {
	s := NewSet(1000)
	for range 2 {
		for i := range uint64(1000) {
			s.Add(i * 0x9e3779b97f4a7c15)
		}
	}
	if s.Len() != 1000 || s.Add(0) {
		t.Error(s.Len())
	}
	for i := range uint64(10_000) {
		s.Add(i)
	}
	if s.Len() > 2048 {
		t.Error(s.Len())
	}
}
