package inspect

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/mmap"
	"github.com/tensorfile/tensorfile/tensor"
)

// sample is a small file with attributes, named dimensions, strides over shared bytes, and an empty
// tensor.
func sample(t *testing.T, streamed bool) []byte {
	t.Helper()
	ctx := context.Background()
	o := &tensorfile.CreateOptions{Deterministic: true, Time: time.Unix(1700000000, 0)}
	var out bytes.Buffer
	var w *tensorfile.Writer
	var err error
	path := t.TempDir() + "/a.tensor"
	if streamed {
		w, err = tensorfile.NewWriter(&out, o)
	} else {
		w, err = tensorfile.Create(path, o)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	fail := func(err error) {
		if err != nil {
			t.Helper()
			t.Fatal(err)
		}
	}
	fail(w.SetAttrs(tensorfile.Attrs{"title": "sample"}))
	v, err := tensor.FromSlice([]float32{1, 2, 3, 4, 5, 6}, 2, 3)
	fail(err)
	fail(w.Add(ctx, "weight", v, &tensorfile.TensorOptions{Dims: []string{"out", "in"}}))
	big := make([]byte, 1<<20+100)
	for i := range big {
		big[i] = byte(i >> 10)
	}
	id, err := w.AddStorage(ctx, int64(len(big)), bytes.NewReader(big))
	fail(err)
	fail(w.TensorOn(id, "big", tensor.U8, tensor.Shape{int64(len(big))}, nil, 0, nil))
	fail(w.TensorOn(id, "big reversed", tensor.U8, tensor.Shape{100}, tensor.Strides{-1}, 99, nil))
	empty, err := tensor.Make(tensor.F64, tensor.Shape{0, 3})
	fail(err)
	fail(w.Add(ctx, "empty", empty, nil))
	fail(w.Commit(ctx))
	if streamed {
		return out.Bytes()
	}
	f, err := tensorfile.Open(path, nil)
	fail(err)
	defer f.Close()
	return bytes.Clone(f.Map().Bytes())
}

func mapOf(t *testing.T, b []byte) *Map {
	t.Helper()
	m, err := Native(context.Background(), mmap.NewReaderAt(bytes.NewReader(b), int64(len(b)), "a.tensor"))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// covered reports an error unless the parts are the file, byte for byte.
func covered(t *testing.T, m *Map) {
	t.Helper()
	at := int64(0)
	for _, p := range m.Parts {
		if p.Offset != at {
			t.Errorf("%s at %d, want %d", p.What, p.Offset, at)
		}
		at = p.Offset + p.Length
	}
	if at != m.Size {
		t.Errorf("the map ends at %d of %d", at, m.Size)
	}
}

func TestEveryByteHasAPart(t *testing.T) {
	for name, b := range map[string][]byte{
		"file": sample(t, false), "stream": sample(t, true), "leftover": append(sample(t, false), make([]byte, 777)...),
	} {
		t.Run(name, func(t *testing.T) {
			m := mapOf(t, b)
			covered(t, m)
			if m.Damages() > 0 {
				t.Errorf("not sound: %v", m.Damage)
			}
			kinds := map[string]int{}
			for i := range m.Parts {
				kinds[m.Parts[i].Kind]++
			}
			rowsCover(t, m, b)
			if kinds[Payload] != 2 || kinds[BlockSums] != 1 || kinds[RunHead] != 2 || kinds[Trailer] != 1 || kinds[Slot] != 2 {
				t.Errorf("parts: %v", kinds)
			}
			var text strings.Builder
			if err := m.WriteText(&text, true, 0); err != nil {
				t.Fatal(err)
			}
			for _, want := range []string{`"weight"`, `"big", "big reversed"`, "CREATED", `"TSRR"`, `{\"dims\":`} {
				if !strings.Contains(text.String(), want) {
					t.Errorf("the dump lacks %s", want)
				}
			}
		})
	}
}

// rowsCover reports an error unless the rows of each part are the part.
func rowsCover(t *testing.T, m *Map, b []byte) {
	t.Helper()
	for i := range m.Parts {
		p := &m.Parts[i]
		at := p.Offset
		m.Rows(p, func(r Row) bool {
			if r.Length == 0 {
				return true
			}
			if r.Offset != at {
				t.Errorf("%s: row %s at %d, want %d", p.What, r.Field, r.Offset, at)
			}
			if !bytes.Equal(r.Bytes, b[r.Offset:r.Offset+int64(len(r.Bytes))]) {
				t.Errorf("%s: row %s shows other bytes", p.What, r.Field)
			}
			at += r.Length
			return true
		})
		if at != p.Offset+p.Length {
			t.Errorf("%s: rows end at %d, want %d", p.What, at, p.Offset+p.Length)
		}
	}
}

// Whatever is damaged, the rest is shown and what is damaged is marked.
func TestDamage(t *testing.T) {
	whole := sample(t, false)
	sound := mapOf(t, whole)
	for _, p := range sound.Parts {
		if p.Kind == Payload {
			continue
		}
		for _, at := range []int64{p.Offset, p.Offset + p.Length/2, p.Offset + p.Length - 1} {
			b := bytes.Clone(whole)
			b[at] ^= 0x55
			m := mapOf(t, b)
			if m.Damages() == 0 {
				t.Errorf("%s: a change at %d is not marked", p.What, at)
			}
			if len(m.Parts) < len(sound.Parts)/2 {
				t.Errorf("%s: a change at %d leaves %d of %d parts", p.What, at, len(m.Parts), len(sound.Parts))
			}
			if err := m.WriteText(new(bytes.Buffer), true, 0); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestCut(t *testing.T) {
	whole := sample(t, false)
	for n := 0; n < len(whole); n += 1 + n/3 {
		m := mapOf(t, whole[:n])
		if m.Damages() == 0 {
			t.Errorf("cut at %d: nothing is marked", n)
		}
		if err := m.WriteText(new(bytes.Buffer), true, 0); err != nil {
			t.Fatal(err)
		}
	}
}

// With the catalog gone the journal still tells what the payloads are.
func TestJournalOnly(t *testing.T) {
	b := sample(t, false)
	m := mapOf(t, b)
	for _, p := range m.Parts {
		if p.Kind == Slot || p.Kind == Trailer || p.Kind == RunHead && !strings.Contains(p.What, "journal") {
			clear(b[p.Offset : p.Offset+p.Length])
		}
	}
	m = mapOf(t, b)
	var names []string
	for _, p := range m.Parts {
		names = append(names, p.Tensors...)
	}
	if got := strings.Join(names, ","); got != "weight,big,big reversed" {
		t.Errorf("got %s", got)
	}
}
