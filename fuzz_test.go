package tensorfile_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/internal/badinput/forge"
)

// fuzzFile is one file a process, which each input replaces.
var fuzzFile = sync.OnceValue(func() string {
	f, err := os.CreateTemp("", "fuzz*.tensor")
	if err != nil {
		panic(err)
	}
	f.Close()
	return f.Name()
})

// FuzzOpen gives whole files of any bytes, checksums made right on request, to
// everything that reads: no panic, errors with kind and place, work bounded by
// the bytes that are there, and the same verdict mapped and read.
func FuzzOpen(f *testing.F) {
	files, err := filepath.Glob("testdata/*/*.tensor")
	if err != nil || len(files) == 0 {
		f.Fatal("no corpus", err)
	}
	for _, name := range files {
		if b, err := os.ReadFile(name); err == nil && len(b) <= 72<<10 {
			f.Add(b, true)
			f.Add(b, false)
		}
	}
	f.Add([]byte{}, false)
	f.Fuzz(func(t *testing.T, b []byte, seal bool) {
		if len(b) > 256<<10 {
			return
		}
		if seal {
			b = bytes.Clone(b)
			forge.Reseal(b)
		}
		sameVerdict(t, b)
	})
}

// FuzzEdits is FuzzOpen on files of the corpus with a few bytes changed: each
// edit is an offset in the part of the file that matters, and a byte. Of a file
// of 16 KiB nearly all is zero, so changes at random places say little.
func FuzzEdits(f *testing.F) {
	edited := editable(f)
	f.Fuzz(func(t *testing.T, which uint8, edits []byte, seal bool) { sameVerdict(t, edited(which, edits, seal)) })
}

// editable adds seeds, and returns what makes a file of them: one of the corpus
// with edits, three bytes each.
func editable(f *testing.F) func(which uint8, edits []byte, seal bool) []byte {
	files, err := filepath.Glob("testdata/accept/*.tensor")
	if err != nil || len(files) == 0 {
		f.Fatal("no corpus", err)
	}
	var images [][]byte
	var places [][]int
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil || len(b) > 72<<10 {
			continue
		}
		var at []int // what is not zero, and some bytes around it
		for i := range b {
			if !allZero(b[max(i-8, 0):min(i+9, len(b))]) {
				at = append(at, i)
			}
		}
		images, places = append(images, b), append(places, at)
	}
	for i := range images {
		f.Add(uint8(i), []byte{0, 30, 1, 0, 200, 255}, true)
		f.Add(uint8(i), []byte{1, 10, 0x80}, false)
	}
	return func(which uint8, edits []byte, seal bool) []byte {
		i := int(which) % len(images)
		b := bytes.Clone(images[i])
		for ; len(edits) >= 3; edits = edits[3:] {
			at := (int(edits[0])<<8 | int(edits[1])) % len(places[i])
			b[places[i][at]] = edits[2]
		}
		if seal {
			forge.Reseal(b)
		}
		return b
	}
}

// FuzzRecover recovers such files. What comes of it is a sound file, of which all
// can be read but chunks that the report says were damaged before, and whose indices
// may be those of a writer that was wrong; a dry run says the same and writes nothing.
func FuzzRecover(f *testing.F) {
	edited := editable(f)
	f.Fuzz(func(t *testing.T, which uint8, edits []byte, seal bool) {
		path := fuzzFile()
		if err := os.WriteFile(path, edited(which, edits, seal), 0o600); err != nil {
			t.Skip(err)
		}
		dst := path + ".recovered"
		said := func(r *tensorfile.RecoverReport, err error) string {
			var e *tensorfile.Error
			if err != nil && (!errors.As(err, &e) || e.Kind == nil) {
				t.Fatalf("%T %v", err, err)
			}
			if err != nil {
				return err.Error()
			}
			return fmt.Sprintf("%d %v %d %d %d %v %v", r.Generation, r.Whole, r.Tensors, r.Storages, r.DamagedChunks, r.Damage, r.Lost)
		}
		o := &tensorfile.RecoverOptions{Overwrite: true, NoSync: true, DryRun: true}
		dry := said(tensorfile.Recover(ctx, path, dst, o))
		o.DryRun = false
		report, err := tensorfile.Recover(ctx, path, dst, o)
		if wet := said(report, err); err == nil && wet != dry {
			t.Fatalf("recovers\n%s\nand dry\n%s", wet, dry)
		}
		if err != nil {
			return
		}
		defer os.Remove(dst)
		file, err := tensorfile.Open(dst, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		v, err := file.Verify(ctx, nil)
		if err != nil {
			t.Fatal(err)
		}
		findings := slices.DeleteFunc(v.Findings, func(err error) bool { return isRule(err, tensorfile.ErrCorrupt, format.RuleLayoutIndex) })
		if len(findings) > 0 && report.DamagedChunks == 0 {
			t.Fatal(findings)
		}
	})
}

// sameVerdict demands that a file says the same mapped and read.
func sameVerdict(t *testing.T, b []byte) {
	o := &tensorfile.OpenOptions{MaxBytes: 1 << 20, ReadWorkers: 1} // so that of several faults the first is told
	read := everything(t, func() (*tensorfile.File, error) {
		return tensorfile.OpenReaderAt(bytes.NewReader(b), int64(len(b)), o)
	}, int64(len(b)))
	path := fuzzFile()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Skip(err)
	}
	mapped := everything(t, func() (*tensorfile.File, error) { return tensorfile.Open(path, o) }, int64(len(b)))
	if mapped = strings.ReplaceAll(mapped, path+": ", ""); mapped != read {
		t.Fatalf("mapped:\n%s\nread:\n%s", mapped, read)
	}
}

// everything does all that can be done with a file and says what came of it.
func everything(t *testing.T, open func() (*tensorfile.File, error), size int64) string {
	var out strings.Builder
	say := func(what string, err error) {
		if errors.Is(err, tensorfile.ErrPoisoned) {
			return // a copy failed before
		}
		var e *tensorfile.Error
		if err != nil && (!errors.As(err, &e) || e.Kind == nil) {
			t.Fatalf("%s: %T %v", what, err, err)
		}
		fmt.Fprintln(&out, what, err)
	}
	got := allocated(func() {
		f, err := open()
		say("open", err)
		if err != nil {
			return
		}
		defer f.Close()
		i := f.Info()
		fmt.Fprintln(&out, i.Generation, i.Length, i.Live, i.Notes)
		a, err := f.Attrs()
		say(fmt.Sprint(a), err)
		w, err := tensorfile.NewWriter(io.Discard, nil)
		ok(t, err)
		total := int64(0)
		for x, err := range f.Tensors() {
			if err != nil {
				say("tensor", err)
				continue
			}
			say(x.Name(), nil)
			a, err := x.Attrs()
			say(fmt.Sprint(a), err)
			if total += x.ByteSize(); total > 4<<20 || total < 0 {
				continue
			}
			if _, _, composite := x.Composite(); composite {
				c, err := x.ReadComposite(ctx)
				say(fmt.Sprint(len(c.Parts)), err)
				if a, err := x.Sparse(ctx); err == nil {
					say("array", a.Validate(ctx, nil))
				}
				if n := x.Shape(); len(n) > 0 {
					rows, err := x.ReadRows(ctx, 0, min(2, n[0]))
					say(rows.Shape.String(), err)
				}
				continue
			}
			v, err := x.Read(ctx)
			say("read", err)
			if err == nil {
				var c counting
				if err := x.WriteCOrder(ctx, &c); err != nil || c.n != x.ByteSize() {
					t.Fatalf("wrote %d bytes of %d, %v", c.n, x.ByteSize(), err)
				}
				raw, err := v.Bytes()
				fmt.Fprintf(&out, "%x %v\n", raw[:min(len(raw), 100)], err)
			}
			say("copy", w.Copy(ctx, tensorfile.Item{Tensor: x}))
		}
		r, err := f.Verify(ctx, nil)
		say("verify", err)
		for _, err := range r.Findings {
			say("finding", err)
		}
	})
	if got > 64<<20+16*size {
		t.Fatalf("allocated %d MiB for %d KiB", got>>20, size>>10)
	}
	return out.String()
}
