package tensorfile_test

import (
	"bytes"
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/internal/badinput/forge"
)

// lowReader notes the lowest offset that is read.
type lowReader struct {
	*bytes.Reader
	mu  sync.Mutex
	low int64
}

func (r *lowReader) ReadAt(p []byte, off int64) (int, error) {
	r.mu.Lock()
	r.low = min(r.low, off)
	r.mu.Unlock()
	return r.Reader.ReadAt(p, off)
}

func openTail(b []byte) (*tensorfile.File, *lowReader, error) {
	r := &lowReader{Reader: bytes.NewReader(b), low: int64(len(b))}
	f, err := tensorfile.OpenReaderAt(r, int64(len(b)), &tensorfile.OpenOptions{TailFirst: true})
	return f, r, err
}

// farImage is a file whose head lies outside its last 64 KiB.
func farImage(streamed bool, more ...forge.Gen) *forge.Image {
	gens := append([]forge.Gen{{Tensors: []forge.Tensor{u8("a", 1, 100_000)}, Storages: []forge.Storage{{ID: 1, Data: make([]byte, 100_000)}}}}, more...)
	return forge.Build(streamed, gens...)
}

func secondGen() forge.Gen {
	return forge.Gen{Tensors: []forge.Tensor{u8("b", 2, 10)}, Storages: []forge.Storage{{ID: 2, Data: []byte("0123456789")}}}
}

// Whatever the way in, the file is the same; one that was never appended to is
// opened without a look at its head.
func TestTailFirst(t *testing.T) {
	for _, c := range []struct {
		name string
		im   *forge.Image
		far  bool // nothing before the last 64 KiB is read
	}{
		{"small", forge.File([]forge.Tensor{u8("a", 1, 9)}, forge.Storage{ID: 1, Data: make([]byte, 9)}), true},
		{"finished", farImage(false), true},
		{"streamed", farImage(true), true},
		{"appended", farImage(false, secondGen()), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			want := must(openImage(c.im))(t)
			f, r, err := openTail(c.im.B)
			ok(t, err)
			if got := r.low >= int64(len(c.im.B))-format.TailSize; got != c.far {
				t.Errorf("lowest read at %d of %d", r.low, len(c.im.B))
			}
			a, b := f.Info(), want.Info()
			if a.UUID != b.UUID || a.Generation != b.Generation || a.Length != b.Length || a.Leftover != b.Leftover {
				t.Errorf("got %+v\nwant %+v", a, b)
			}
			n, m := must(f.Len())(t), must(want.Len())(t)
			if n != m {
				t.Errorf("%d tensors, want %d", n, m)
			}
			rep := must(f.Verify(ctx, nil))(t)
			if !rep.OK() {
				t.Errorf("findings: %v", rep.Findings)
			}
			ok(t, f.Close())
		})
	}
}

// What opening from the end does not look at, Verify does.
func TestTailFirstVerify(t *testing.T) {
	resum := func(b []byte, off, n int) { // of a structure with its sum at 4 or 8
		at := 4
		if n == format.HeaderSize {
			at = 8
		}
		sum := forge.CRC(b[off+at+4 : off+n])
		for i := range 4 {
			b[off+at+i] = byte(sum >> (8 * i))
		}
	}
	for _, c := range []struct {
		name   string
		im     *forge.Image
		damage func(b []byte)
		rules  []string
	}{
		{"magic", farImage(false), func(b []byte) { b[1] = 'X' }, []string{format.RuleHeaderMagic}},
		{"major", farImage(false), func(b []byte) { b[12] = 2; resum(b, 0, format.HeaderSize) }, nil},
		{"header sum", farImage(false), func(b []byte) { b[20] ^= 1 }, []string{format.RuleHeaderCRC}},
		{"header UUID", farImage(false), func(b []byte) { b[16] ^= 1; resum(b, 0, format.HeaderSize) }, []string{format.RuleRootUUID}},
		{"slot A", farImage(false), func(b []byte) { b[4096+30] ^= 1 }, []string{format.RuleRootCRC}},
		{"slot B", farImage(false), func(b []byte) { b[8192+30] ^= 1 }, []string{format.RuleRootCRC}},
		{"behind slot B", farImage(false), func(b []byte) { b[8192+200] = 1 }, []string{format.RuleControlZero}},
		{"slots of a streamed file", farImage(true), func(b []byte) { b[8192+200] = 1 }, []string{format.RuleControlZero}},
		{"twins", farImage(false), func(b []byte) { b[4096+40] ^= 1; resum(b, 4096, format.RootSize) }, []string{format.RuleRootTwins}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.damage(c.im.B)
			f, _, err := openTail(c.im.B)
			ok(t, err)
			defer f.Close()
			rep := must(f.Verify(ctx, nil))(t)
			if got := rulesOf(append(rep.Findings, rep.Unknown...)); c.rules == nil && (len(rep.Unknown) == 0 || !rep.OK()) || c.rules != nil && !slices.Equal(got, c.rules) {
				t.Errorf("rules %q, want %q: %v %v", got, c.rules, rep.Findings, rep.Unknown)
			}
		})
	}
}

// A file that was appended to and cut exactly at its first end is the one that
// the end alone cannot tell from a whole one; its slots can.
func TestTailFirstCut(t *testing.T) {
	im := farImage(false, secondGen())
	cut := im.B[:len(farImage(false).B)]
	if _, err := tensorfile.OpenReaderAt(bytes.NewReader(cut), int64(len(cut)), nil); !errors.Is(err, tensorfile.ErrTruncated) {
		t.Fatal(err)
	}
	f, _, err := openTail(cut)
	ok(t, err)
	if got := f.Info().Generation; got != 1 {
		t.Fatal("generation", got)
	}
	rep := must(f.Verify(ctx, nil))(t)
	if got := rulesOf(rep.Findings); !slices.Equal(got, []string{format.RuleRootTruncated}) {
		t.Fatal(got)
	}
	// Cut anywhere else, it is no file with a CREATED trailer at its end.
	for _, n := range []int{1, 128, 4096, 65536} {
		b := cut[:len(cut)-n]
		if _, _, err := openTail(b); !errors.Is(err, tensorfile.ErrTruncated) {
			t.Errorf("%d bytes less: %v", n, err)
		}
	}
}

// Damage in the end of the file is told as by any other way in.
func TestTailFirstDamage(t *testing.T) {
	good := farImage(false).B
	for i := len(good) - format.RootSize; i < len(good); i++ {
		b := slices.Clone(good)
		b[i] ^= 0x40
		f, _, err := openTail(b)
		g, want := tensorfile.OpenReaderAt(bytes.NewReader(b), int64(len(b)), nil)
		if (err == nil) != (want == nil) || err != nil && err.Error() != want.Error() {
			t.Fatalf("byte %d: %v, want %v", i, err, want)
		}
		if err == nil {
			f.Close()
			g.Close()
		}
	}
}
