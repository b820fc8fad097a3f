package tensorfile_test

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"slices"
)

// This file is a second reader of damaged files: it works from the offsets of
// the specification on bytes in memory and shares no code with the package.

var (
	scanLE   = binary.LittleEndian
	scanCRC  = func(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }
	scanTags = [][]byte{[]byte("TSRR"), []byte("TSRC")}
)

type scanRun struct {
	begin, head, length int64
	gen                 uint64
	journal             bool
	older               [][16]byte
	ref                 [16]byte
	tensors, storages   int64
	ends, names, heap   int64 // places in the file
	pages               []bool
	exp                 byte
	whole               bool
}

type scanLayout struct {
	trailers []int64
	runs     []*scanRun
}

type scanTensor struct {
	kind    byte
	storage uint64
	kept
}

type scanStorage struct {
	size, payload int64
	ref           int64
	reflen, crc   uint32
}

func scanRoot(b []byte, at int64, uuid [16]byte) (gen, length uint64, ok bool) {
	if at < 0 || at+128 > int64(len(b)) {
		return 0, 0, false
	}
	r := b[at : at+128]
	if !bytes.Equal(r[:4], scanTags[0]) || scanLE.Uint32(r[4:]) != scanCRC(r[8:]) || [16]byte(r[8:24]) != uuid {
		return 0, 0, false
	}
	return scanLE.Uint64(r[24:]), scanLE.Uint64(r[32:]), true
}

// scanLayoutOf finds all trailers and runs, ascending.
func scanLayoutOf(b []byte, uuid [16]byte) scanLayout {
	var l scanLayout
	size := int64(len(b))
	for at := int64(16384 - 128); at+128 <= size; at += 4096 {
		if _, n, ok := scanRoot(b, at, uuid); ok && n == uint64(at)+128 {
			l.trailers = append(l.trailers, at)
		}
	}
	for at := int64(12288); at+96 <= size; at += 64 {
		h := b[at:]
		if !bytes.Equal(h[:4], scanTags[1]) || scanLE.Uint64(h[24:]) != uint64(at) || [16]byte(h[8:24]) != uuid {
			continue
		}
		n := int64(scanLE.Uint32(h[76:]))
		if n < 96 || at+n > size || scanLE.Uint32(h[4:]) != scanCRC(h[8:n]) {
			continue
		}
		r := &scanRun{
			begin: at - int64(scanLE.Uint64(h[40:])), head: at, length: n, gen: scanLE.Uint64(h[32:]), journal: h[75]&1 != 0,
			tensors: int64(scanLE.Uint32(h[60:])), storages: int64(scanLE.Uint32(h[64:])), exp: h[74], whole: true,
		}
		scanLE.PutUint64(r.ref[:], uint64(at))
		scanLE.PutUint32(r.ref[8:], uint32(n))
		scanLE.PutUint32(r.ref[12:], scanCRC(h[:n]))
		up := func(x int64) int64 { return (x + 63) &^ 63 }
		r.ends = r.begin + up(64*r.tensors) + up(96*r.storages)
		r.names = r.ends + up(4*r.tensors)
		r.heap = r.names + up(int64(scanLE.Uint32(h[56:])))
		k := int64(scanLE.Uint16(h[68:]))
		for i := range k {
			r.older = append(r.older, [16]byte(h[96+16*i:]))
		}
		for i, p := int64(0), r.begin; p < at; i, p = i+1, p+1<<r.exp {
			good := scanLE.Uint32(h[96+16*k+4*i:]) == scanCRC(b[p:min(p+1<<r.exp, at)])
			r.pages = append(r.pages, good)
			r.whole = r.whole && good
		}
		l.runs = append(l.runs, r)
	}
	return l
}

// get returns bytes of a body, or nil if a page of them is broken.
func (r *scanRun) get(b []byte, at, n int64) []byte {
	for p := at - r.begin; p < at-r.begin+n; p++ {
		if !r.pages[p>>r.exp] {
			return nil
		}
	}
	return b[at : at+n]
}

// walk calls the functions with every record that can be read.
func (r *scanRun) walk(b []byte, tensor func(string, scanTensor), storage func(uint64, scanStorage)) {
	for i := range r.tensors {
		rec, end := r.get(b, r.begin+64*i, 64), r.get(b, r.ends+4*i, 4)
		if rec == nil || end == nil {
			continue
		}
		from := int64(0)
		if i > 0 {
			f := r.get(b, r.ends+4*i-4, 4)
			if f == nil {
				continue
			}
			from = int64(scanLE.Uint32(f))
		}
		n := int64(scanLE.Uint32(end)) - from
		name := r.get(b, r.names+from, n)
		heap := r.get(b, r.heap+int64(scanLE.Uint64(rec[32:])), int64(scanLE.Uint32(rec[40:])))
		if n > 0 && name == nil || heap == nil && scanLE.Uint32(rec[40:]) > 0 {
			continue
		}
		x := scanTensor{kind: rec[44], storage: scanLE.Uint64(rec)}
		x.offset = int64(scanLE.Uint64(rec[8:]))
		rank := int(rec[45])
		for j := range rank {
			x.shape = append(x.shape, int64(scanLE.Uint64(heap[8*j:])))
			x.strides = append(x.strides, int64(scanLE.Uint64(heap[8*(rank+j):])))
		}
		x.attrs = string(heap[16*rank:])
		tensor(string(name), x)
	}
	for i := range r.storages {
		rec := r.get(b, r.begin+(64*r.tensors+63)&^63+96*i, 96)
		if rec != nil {
			storage(scanLE.Uint64(rec), scanStorage{
				int64(scanLE.Uint64(rec[8:])), int64(scanLE.Uint64(rec[24:])), int64(scanLE.Uint64(rec[32:])), scanLE.Uint32(rec[40:]), scanLE.Uint32(rec[44:]),
			})
		}
	}
}

// acknowledged is the generation and length of the root that counts.
func acknowledged(b []byte, l scanLayout, uuid [16]byte) (gen, length uint64, known bool) {
	ga, la, oka := scanRoot(b, 4096, uuid)
	gb, lb, okb := scanRoot(b, 8192, uuid)
	size := uint64(len(b))
	ge, le, oke := scanRoot(b, int64(size)-128, uuid)
	oke = oke && le == size
	if len(b) >= 64 && bytes.Equal(b[:8], []byte("\x89TSR\r\n\x1a\n")) && scanLE.Uint32(b[8:]) == scanCRC(b[12:64]) {
		switch {
		case oka && okb && ga >= gb && la <= size:
			return ga, la, ga != gb || bytes.Equal(b[4096:4224], b[8192:8320])
		case oka && okb && gb > ga && lb <= size:
			return gb, lb, true
		case oka != okb:
			g, n := ga, la
			if okb {
				g, n = gb, lb
			}
			if oke && scanLE.Uint64(b[size-128+48:]) == n-128 {
				return ge, le, true
			}
			if n <= size {
				return g, n, true
			}
		case !oka && !okb && oke && scanLE.Uint16(b[size-128+106:])&1 != 0:
			return ge, le, true
		}
	}
	for _, at := range append(slices.Clone(l.trailers), 4096, 8192) {
		if g, n, ok := scanRoot(b, at, uuid); ok && (!known || g > gen) {
			gen, length, known = g, n, true
		}
	}
	return gen, length, known
}

// intact finds everything in b that is undamaged. The file has no forged parts,
// so nothing needs to be left out for lying in a payload.
func intact(b []byte, uuid [16]byte) map[string]kept {
	l := scanLayoutOf(b, uuid)
	if gen, length, known := acknowledged(b, l, uuid); known {
		l.runs = slices.DeleteFunc(l.runs, func(r *scanRun) bool { return r.gen > gen || uint64(r.head) >= length })
	}
	// The newest whole catalog, and what came behind it.
	var replay []*scanRun
	from := 0
	for i := len(l.runs) - 1; i >= 0 && replay == nil; i-- {
		r := l.runs[i]
		list := []*scanRun{r}
		for _, ref := range r.older {
			j := slices.IndexFunc(l.runs, func(o *scanRun) bool { return o.ref == ref && o.whole })
			if j < 0 {
				list = nil
				break
			}
			list = append([]*scanRun{l.runs[j]}, list...)
		}
		if r.whole && !r.journal && list != nil {
			replay, from = list, i+1
		}
	}
	replay = append(replay, l.runs[from:]...)
	tensors, storages := map[string]scanTensor{}, map[uint64]scanStorage{}
	for _, r := range replay {
		r.walk(b, func(name string, x scanTensor) {
			if tensors[name] = x; x.kind == 0 {
				delete(tensors, name)
			}
		}, func(uint64, scanStorage) {})
	}
	for _, r := range l.runs {
		r.walk(b, func(string, scanTensor) {}, func(id uint64, s scanStorage) { storages[id] = s })
	}
	found := map[string]kept{}
	for name, x := range tensors {
		if x.storage != 0 {
			s, ok := storages[x.storage]
			if !ok || s.payload+s.size > int64(len(b)) || s.ref+int64(s.reflen) > int64(len(b)) {
				continue
			}
			data, list := b[s.payload:s.payload+s.size], b[s.ref:s.ref+int64(s.reflen)]
			good := scanCRC(list) == s.crc
			for i := int64(0); good && s.size > 1<<20 && i<<20 < s.size; i++ {
				good = scanLE.Uint32(list[4*i:]) == scanCRC(data[i<<20:min(s.size, (i+1)<<20)])
			}
			if !good {
				continue
			}
			x.payload = string(data)
		}
		found[name] = x.kept
	}
	return found
}
