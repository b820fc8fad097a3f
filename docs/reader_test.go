package docs_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"math/bits"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"testing"
)

// A reader of steps 1 to 3 of docs/porting.md, from the specification and the
// standard library alone: it lists every file and reads all plain tensors.

var le = binary.LittleEndian

func crc(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }

// A cut is bytes of the file; what is outside of it is no bytes.
func cut(b []byte, at, n uint64) []byte {
	if at > uint64(len(b)) || n > uint64(len(b))-at {
		return nil
	}
	return b[at : at+n]
}

type readTensor struct {
	Name       string
	Descriptor []uint64
	Shape      []uint64
	Plain      bool   // its elements are in Elements
	Elements   []byte // in C order
}

// rootOf chooses the root record: Header, Root record, Which root counts.
func rootOf(file []byte) (root []byte, err error) {
	head := cut(file, 0, 64)
	switch {
	case head == nil:
		return nil, errors.New("header.short")
	case string(head[:8]) != "\x89TSR\r\n\x1a\n":
		return nil, errors.New("header.magic")
	case le.Uint16(head[12:]) != 1:
		return nil, errors.New("header.major")
	case le.Uint32(head[8:]) != crc(head[12:]):
		return nil, errors.New("header.crc")
	case le.Uint16(head[14:]) != 64:
		return nil, errors.New("header.size")
	case len(bytes.Trim(head[32:], "\x00")) > 0:
		return nil, errors.New("header.zero")
	}
	sound := func(at uint64) []byte {
		r := cut(file, at, 128)
		if r == nil || string(r[:4]) != "TSRR" || le.Uint32(r[4:]) != crc(r[8:]) || !bytes.Equal(r[8:24], head[16:32]) {
			return nil
		}
		return r
	}
	a, b := sound(4096), sound(8192)
	end := uint64(len(file)) - 128
	trailer := sound(end)
	if trailer != nil && le.Uint64(trailer[32:]) != uint64(len(file)) {
		trailer = nil
	}
	one := a
	if one == nil {
		one = b
	}
	switch {
	case a != nil && b != nil && le.Uint64(a[24:]) == le.Uint64(b[24:]) && !bytes.Equal(a, b):
		return nil, errors.New("root.twins")
	case a != nil && b != nil && le.Uint64(a[24:]) >= le.Uint64(b[24:]):
		return a, nil
	case a != nil && b != nil:
		return b, nil
	case one != nil && trailer != nil && le.Uint64(trailer[48:]) == le.Uint64(one[32:])-128:
		return trailer, nil
	case one != nil:
		return one, nil
	case trailer != nil && trailer[106]&1 != 0:
		return trailer, nil
	}
	return nil, errors.New("root.none")
}

// readFile reads the tensors of a file.
func readFile(file []byte) (generation uint64, tensors []readTensor, err error) {
	root, err := rootOf(file)
	if err != nil {
		return 0, nil, err
	}
	length := le.Uint64(root[32:])
	switch {
	case le.Uint64(root[24:]) == 0:
		return 0, nil, errors.New("root.generation")
	case length%4096 != 0 || length < 16384 || length >= 1<<62:
		return 0, nil, errors.New("root.length")
	case le.Uint64(root[72:]) != 0:
		return 0, nil, errors.New("root.must-read")
	case length > uint64(len(file)):
		return 0, nil, errors.New("root.truncated")
	}
	file = file[:length]
	// The runs, newest first: the root names one, and that one names the others.
	newest, err := runAt(file, root[56:72])
	if err != nil {
		return 0, nil, err
	}
	runs := []*run{newest}
	for i := range int(le.Uint16(newest.head[68:])) {
		r, err := runAt(file, newest.head[96+16*i:])
		if err != nil {
			return 0, nil, err
		}
		runs = append(runs, r)
	}
	names, storages := map[string][]byte{}, map[uint64][]byte{} // records; the newest run decides
	heaps := map[string][]byte{}
	for _, r := range slices.Backward(runs) {
		begin := uint32(0)
		for i := range int(le.Uint32(r.head[60:])) {
			end := le.Uint32(r.ends[4*i:])
			if end < begin || end > uint32(len(r.names)) {
				return 0, nil, errors.New("name.ends")
			}
			name := string(r.names[begin:end])
			size := int(le.Uint16(r.head[70:]))
			names[name], heaps[name], begin = r.tensors[size*i:size*(i+1)], r.heap, end
		}
		for i := range int(le.Uint32(r.head[64:])) {
			size := int(le.Uint16(r.head[72:]))
			s := r.storages[size*i : size*(i+1)]
			storages[le.Uint64(s)] = s
		}
	}
	for name, record := range names {
		kind, rank := record[44], uint64(record[45])
		if kind == 0 || kind == 3 {
			continue
		}
		heap := cut(heaps[name], le.Uint64(record[32:]), uint64(le.Uint32(record[40:])))
		if kind > 3 || rank > 32 || uint64(len(heap)) < 16*rank {
			return 0, nil, errors.New("tensor.heap")
		}
		d := record[16:32] // class, variant, bits, elements in a unit, bytes of a unit
		t := readTensor{Name: name, Shape: []uint64{}, Descriptor: []uint64{uint64(d[0]), uint64(le.Uint16(d[2:])), uint64(le.Uint32(d[4:])), uint64(le.Uint32(d[8:])), uint64(le.Uint32(d[12:]))}}
		var strides []int64
		for i := range rank {
			t.Shape = append(t.Shape, le.Uint64(heap[8*i:]))
			strides = append(strides, int64(le.Uint64(heap[8*(rank+i):])))
		}
		if kind == 1 {
			s := storages[le.Uint64(record)]
			switch {
			case slices.Contains(t.Shape, 0):
				t.Plain = true
			case s == nil:
				return 0, nil, errors.New("tensor.storage")
			case s[92] == 1:
				if t.Elements, err = elements(file, s, t, strides, int64(le.Uint64(record[8:]))); err != nil {
					return 0, nil, err
				}
				t.Plain = true
			}
		}
		tensors = append(tensors, t)
	}
	sort.Slice(tensors, func(i, k int) bool { return tensors[i].Name < tensors[k].Name })
	return le.Uint64(root[24:]), tensors, nil
}

// A run is a part of the catalog: Runs.
type run struct {
	head, tensors, storages, ends, names, heap []byte
}

func runAt(file, ref []byte) (*run, error) {
	at := le.Uint64(ref)
	head := cut(file, at, uint64(le.Uint32(ref[8:])))
	switch {
	case len(head) < 96 || crc(head) != le.Uint32(ref[12:]):
		return nil, errors.New("ref.crc")
	case string(head[:4]) != "TSRC" || crc(head[8:]) != le.Uint32(head[4:]) || le.Uint64(head[24:]) != at:
		return nil, errors.New("run.crc")
	}
	length := le.Uint64(head[40:])
	body := cut(file, at-length, length)
	if body == nil || length > at {
		return nil, errors.New("run.body")
	}
	page := uint64(1) << head[74]
	for i := uint64(0); i*page < length; i++ {
		sum := cut(head, uint64(96+16*int(le.Uint16(head[68:]))+4*int(i)), 4)
		if sum == nil || crc(body[i*page:min((i+1)*page, length)]) != le.Uint32(sum) {
			return nil, errors.New("run.page")
		}
	}
	r := &run{head: head}
	if le.Uint16(head[70:]) < 64 || le.Uint16(head[72:]) < 96 {
		return nil, errors.New("run.record")
	}
	tensors, storages := uint64(le.Uint32(head[60:])), uint64(le.Uint32(head[64:]))
	for _, s := range []struct {
		to   *[]byte
		size uint64
	}{{&r.tensors, tensors * uint64(le.Uint16(head[70:]))}, {&r.storages, storages * uint64(le.Uint16(head[72:]))}, {&r.ends, 4 * tensors}, {&r.names, uint64(le.Uint32(head[56:]))}, {&r.heap, le.Uint64(head[48:])}} {
		if *s.to = cut(body, 0, s.size); *s.to == nil {
			return nil, errors.New("run.body")
		}
		body = body[min((s.size+63)&^63, uint64(len(body))):]
	}
	return r, nil
}

// mostBytes is how much of a tensor is copied out: strides of 0 make a small file large.
const mostBytes = 64 << 20

// elements checks a raw storage and copies a view of it: Raw storages, Views.
func elements(file, s []byte, t readTensor, strides []int64, offset int64) ([]byte, error) {
	size, at := le.Uint64(s[8:]), le.Uint64(s[24:])
	payload := cut(file, at, size)
	if payload == nil {
		return nil, errors.New("storage.extent")
	}
	ref := s[32:48]
	sums := cut(file, le.Uint64(ref), uint64(le.Uint32(ref[8:])))
	if crc(sums) != le.Uint32(ref[12:]) {
		return nil, errors.New("ref.crc")
	}
	if block := uint64(1) << s[94]; size > block {
		for i := uint64(0); i*block < size; i++ {
			if sum := cut(sums, 4*i, 4); sum == nil || crc(payload[i*block:min((i+1)*block, size)]) != le.Uint32(sum) {
				return nil, errors.New("storage.crc")
			}
		}
	}
	perUnit, unit := t.Descriptor[3], t.Descriptor[4]
	extents := slices.Clone(t.Shape)
	if n := len(extents); perUnit > 1 && n > 0 {
		extents[n-1] = (extents[n-1] + perUnit - 1) / perUnit
	}
	image := unit
	for _, n := range extents {
		if hi, lo := bits.Mul64(image, n); hi != 0 || lo > mostBytes {
			return nil, errors.New("limit")
		} else {
			image = lo
		}
	}
	var out []byte
	var walk func(axis int, at int64, last bool) error
	walk = func(axis int, at int64, last bool) error {
		if axis == len(extents) {
			b := cut(payload, uint64(at), unit)
			if at < 0 || b == nil {
				return errors.New("view.reach")
			}
			out = append(out, b...)
			if axis > 0 && perUnit > 1 && last && t.Descriptor[2] > 0 { // not blocks
				clearBits(out[len(out)-int(unit):], (t.Shape[axis-1]-1)%perUnit*t.Descriptor[2]+t.Descriptor[2])
			}
			return nil
		}
		for i := range extents[axis] {
			if err := walk(axis+1, at+int64(i)*strides[axis], i+1 == extents[axis]); err != nil {
				return err
			}
		}
		return nil
	}
	err := walk(0, offset, false)
	return out, err
}

// clearBits clears what stands behind the first n bits: behind the last element of
// a packed row there may be anything.
func clearBits(b []byte, n uint64) {
	for i := range b {
		if k := uint64(8 * i); n < k+8 {
			b[i] &= byte(1<<(max(n, k)-k) - 1)
		}
	}
}

// The corpus is the test suite.
func TestReaderOfTheGuide(t *testing.T) {
	files, err := filepath.Glob("../testdata/accept/*.tensor")
	if err != nil || len(files) < 15 {
		t.Fatal(files, err)
	}
	listed, read := 0, 0
	for _, path := range files {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(path[:len(path)-len("tensor")] + "json")
		if err != nil {
			t.Fatal(err)
		}
		var want struct {
			Generation uint64
			Tensors    []struct {
				Name, SHA256      string
				Descriptor, Shape []uint64
			}
		}
		if err := json.Unmarshal(text, &want); err != nil {
			t.Fatal(err)
		}
		generation, got, err := readFile(b)
		if err != nil || generation != want.Generation || len(got) != len(want.Tensors) {
			t.Errorf("%s: generation %d, %d tensors, %v", path, generation, len(got), err)
			continue
		}
		for i, w := range want.Tensors {
			g := got[i]
			listed++
			if g.Name != w.Name || !slices.Equal(g.Shape, w.Shape) || !slices.Equal(g.Descriptor, w.Descriptor) {
				t.Errorf("%s: %+v, want %+v", path, g, w)
			}
			if sum := sha256.Sum256(g.Elements); g.Plain && len(w.SHA256) > 0 {
				read++
				if hex.EncodeToString(sum[:]) != w.SHA256 {
					t.Errorf("%s: %q: other elements", path, w.Name)
				}
			}
		}
	}
	t.Logf("%d tensors of %d files, the elements of %d", listed, len(files), read)
	if listed < 150 || read < 100 {
		t.Error("too few")
	}
	refused := 0
	files, _ = filepath.Glob("../testdata/reject/*.tensor")
	for _, path := range files {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := readFile(b); err != nil {
			refused++
		}
	}
	t.Logf("refused %d of %d files that break a rule", refused, len(files))
	if refused < 30 {
		t.Error("too few")
	}
}

// A byte that differs, anywhere in what counts, is found or does no harm.
func TestReaderOfTheGuideFindsDamage(t *testing.T) {
	b, err := os.ReadFile("../testdata/accept/two-tensors.tensor")
	if err != nil {
		t.Fatal(err)
	}
	_, want, err := readFile(b)
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for i := range b {
		b[i] ^= 0x55
		_, got, err := readFile(b)
		b[i] ^= 0x55
		if err != nil {
			found++
		} else if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("byte %d: %v", i, got)
		}
	}
	t.Logf("%d of %d bytes", found, len(b))
	if found < 500 {
		t.Error("too few")
	}
}
