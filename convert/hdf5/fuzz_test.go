package hdf5_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/convert/hdf5"
	"github.com/tensorfile/tensorfile/tensor"
)

// resealed makes the checksums right of what says how long it is, so that what
// was changed there is looked at.
func resealed(b []byte) []byte {
	b = bytes.Clone(b)
	seal := func(begin, n int) {
		if n >= 0 && n < len(b) && begin < len(b)-n-3 {
			le.PutUint32(b[begin+n:], hdf5.Lookup3(b[begin:begin+n]))
		}
	}
	if len(b) > 48 && (b[8] == 2 || b[8] == 3) {
		seal(0, 44)
	}
	fixed := map[string]int{"BTHD": 34, "FRHP": 142, "FAHD": 24, "EAHD": 68}
	for i := 0; i+32 < len(b); i++ {
		switch s := string(b[i : i+4]); s {
		case "OHDR":
			flags, n := b[i+5], 6
			if flags&(1<<5) != 0 {
				n += 16
			}
			if flags&(1<<4) != 0 {
				n += 4
			}
			width := 1 << (flags & 3)
			size := 0
			for k := range min(width, 4) {
				size |= int(b[i+n+k]) << (8 * k)
			}
			if size < len(b) {
				seal(i, n+width+size)
			}
		case "BTHD", "FRHP", "FAHD", "EAHD":
			seal(i, fixed[s])
		}
	}
	return b
}

// FuzzOpen opens any bytes and reads what opens.
func FuzzOpen(f *testing.F) {
	files, err := filepath.Glob("testdata/*.h5")
	if err != nil || len(files) < 10 {
		f.Fatal(len(files), err)
	}
	for _, path := range files {
		b, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		if len(b) < 32<<10 {
			f.Add(b, true)
		}
	}
	forged := newForge()
	a := forged.put("abcdefgh")
	f.Add(forged.one(dataspace(8), datatype(u8Type), forged.fixed(0, 8, 10, 2, u64(a)+u64(a+4))), true)
	forged = newForge()
	a = forged.put("abcdefgh")
	f.Add(forged.one(growing([]uint64{8}, []uint64{none}), datatype(u8Type), forged.extensible(32, 1, 16, 4, 10, u64(a)+strings.Repeat(u64(none), 6+25))), true)
	forged = newForge()
	a = forged.put("abcdefgh")
	f.Add(forged.one(growing([]uint64{8, 1}, []uint64{none, none}), datatype(u8Type), chunked(0, 5, zeros(6), forged.tree2(10, u64(a)+u64(0)+u64(0), u64(a+4)+u64(1)+u64(0)), 4, 1, 1)), true)
	forged = newForge()
	heap, ids := forged.heap(7, hard("x", 48).body)
	f.Add(forged.file(forged.put(header(dense(heap, forged.tree2(5, zeros(4)+ids[0]))))), true)
	forged = newForge()
	at := forged.put(collection(4096, object(1, "abc"), object(2, "é")))
	f.Add(forged.one(dataspace(2), datatype(vlenText), compact(ref(3, at, 1)+ref(2, at, 2))), true)
	m := filters(shuffle4, deflate)
	forged = newForge()
	z := deflated("abcdefgh")
	f.Add(forged.chunksOf(8, 8, &m, key(int64(len(z)), 0, 0)+u64(forged.put(z))), true)
	f.Fuzz(func(t *testing.T, b []byte, reseal bool) {
		if reseal {
			b = resealed(b)
		}
		for _, skip := range []bool{false, true} {
			o := &convert.OpenOptions{Format: "hdf5"}
			o.MaxBytes, o.MaxDecoded, o.SkipBad = 1<<20, 1<<20, skip
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			file, err := openBytes(b, "x.h5", o)
			runtime.ReadMemStats(&after)
			if n := after.TotalAlloc - before.TotalAlloc; n > 64<<20+64*uint64(len(b)) {
				t.Fatalf("opening %d bytes allocated %d", len(b), n)
			}
			if err != nil {
				known(t, err)
				continue
			}
			n := 0
			for x, err := range file.Tensors() {
				if n++; n > 100 {
					break
				}
				if err != nil {
					known(t, err)
					continue
				}
				if _, err := x.Attrs(); err != nil {
					known(t, err)
				}
				if _, _, composite := x.Composite(); composite {
					if _, err := x.ReadComposite(context.Background()); err != nil {
						known(t, err)
					}
				} else if x.ByteSize() <= 16<<10 {
					if err := x.WriteCOrder(context.Background(), io.Discard); err != nil {
						known(t, err)
					}
				}
			}
			if err := file.Close(); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// known fails unless err is one of ours.
func known(t *testing.T, err error) {
	t.Helper()
	var e *tensor.Error
	if !errors.As(err, &e) || e.Kind == nil {
		t.Fatalf("%v is no tensor.Error", err)
	}
}
