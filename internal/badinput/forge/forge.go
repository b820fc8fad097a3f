// Package forge builds .tensor files byte by byte, from the offsets of the
// specification and without package format, so that tests have an opinion of
// their own about what a file is. An Image can be broken anywhere and sealed
// again: all checksums but those that the test leaves out are made right.
package forge

import (
	"encoding/binary"
	"hash/crc32"
	"os"
)

var le = binary.LittleEndian

// CRC is the checksum of the format, from the standard library alone.
func CRC(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }

// Fixed places of a file.
const (
	SlotA     = 4096
	SlotB     = 8192
	DataStart = 12288
	RootSize  = 128
	HeadSize  = 96
)

// Offsets of fields in the header, a root record, a run head, a tensor record
// and a storage record.
const (
	HCRC, HMajor, HSize, HUUID, HZero = 8, 12, 14, 16, 32

	RMagic, RCRC, RUUID, RGen, RLength, RTime, RPrevious, RCatalog = 0, 4, 8, 24, 32, 40, 48, 56
	RMustRead, RMustWrite, RInfo, RLive, RMinor, RFlags, RAlign    = 72, 80, 88, 96, 104, 106, 108
	RZero, RWriter                                                 = 109, 112

	NMagic, NCRC, NUUID, NOffset, NGen, NBody, NHeap, NNames         = 0, 4, 8, 24, 32, 40, 48, 56
	NTensors, NStorages, NOlder, NTensorSize, NStorageSize, NPageExp = 60, 64, 68, 70, 72, 74
	NFlags, NLength, NNextID, NZero                                  = 75, 76, 80, 88

	TStorage, TOffset, TDType, THeap, THeapBytes, TKind, TRank, TLayout = 0, 8, 16, 32, 40, 44, 45, 46
	TLayoutFlags, TZero, TGen                                           = 48, 52, 56

	SID, SSize, SStored, SPayload, SRef, SDType, SFill, SHeap = 0, 8, 16, 24, 32, 48, 64, 80
	SHeapBytes, SKind, SRank, SBlock, SFlags                  = 88, 92, 93, 94, 95
)

// DType is a descriptor as on disk.
type DType [16]byte

// DT makes a descriptor.
func DT(class byte, variant uint16, bits, elems, bytes uint32) (d DType) {
	d[0] = class
	le.PutUint16(d[2:], variant)
	le.PutUint32(d[4:], bits)
	le.PutUint32(d[8:], elems)
	le.PutUint32(d[12:], bytes)
	return d
}

// Some descriptors.
var (
	U8   = DT(3, 0, 8, 1, 1)
	I64  = DT(2, 0, 64, 1, 8)
	F32  = DT(4, 0, 32, 1, 4)
	F64  = DT(4, 0, 64, 1, 8)
	I4   = DT(2, 0, 4, 2, 1)
	Q4_0 = DT(7, 2, 0, 32, 18)
)

// Tensor is a tensor record and what it has in the heap.
type Tensor struct {
	Name        string
	Kind        byte // 1 unless set; KindDeleted for 0
	Storage     uint64
	Offset      uint64
	DType       DType
	Shape       []uint64
	Strides     []int64
	Layout      uint16
	LayoutFlags uint32
	Gen         uint64 // that of its generation unless set
	Attrs       string
}

// KindDeleted stands for kind 0 in a Tensor.
const KindDeleted = 0xff

// Storage is a storage record with its payload.
type Storage struct {
	ID   uint64
	Data []byte // raw
	Exp  byte   // block exponent, 20 unless set

	Grid         bool // the rest only then
	Size, Stored uint64
	DType        DType
	Fill         [16]byte
	Shape, Chunk []uint64
	Slabs        uint64
	Pipelines    string
	Flags        byte
	Chunks       []Chunk // none: the grid has no root page
}

// Gen is one generation.
type Gen struct {
	Tensors  []Tensor // ascending by name, unless the test wants otherwise
	Storages []Storage
	Alone    bool  // list no older runs
	Older    []int // list these generations' runs, by index, newest first; default: all
	Journal  bool  // a journal run with the same records before the run

	PageExp                 byte   // 12 unless set
	TensorSize, StorageSize int    // 64 and 96 unless set
	Extra                   int    // bytes of a further section
	NextID                  uint64 // one above the largest so far unless set
	AlignExp                byte   // 12 unless set
	Gap                     int64  // committed bytes of padding beyond what is needed, a multiple of 4096
}

// Run says where the parts of a run are in the file.
type Run struct {
	Body, Head, Len     int64 // Len of the head
	Ends, Names, Heap   int64
	Tensors, Storages   []int64 // records
	THeaps, SHeaps      []int64 // their parts of the heap
	Pages, Older, pages int64   // offsets of the sums and of the older refs; number of pages
	exp                 byte
	gen                 int
}

// Pos says where the parts of a generation are in the file.
type Pos struct {
	Run
	Journal  *Run
	Trailer  int64
	Payloads []int64   // by storage
	Sums     []int64   // list of block sums, 0: none
	Pages    [][]int64 // of chunks, by storage: level 0, then the root above them
	Chunks   [][]int64 // stored bytes, by storage
	spec     Gen
}

// Image is a file in memory.
type Image struct {
	B    []byte
	Gens []Pos
	// Slots says which generation (index) stands in slot A and B; -1: zeros.
	Slots [2]int
}

// UUID of every forged file.
var UUID = [16]byte{0: 0x10, 1: 0x21, 2: 0x32, 6: 0x40, 8: 0x80, 15: 0xff}

// Build makes a file of one or more generations. Streamed files have no slots.
func Build(streamed bool, gens ...Gen) *Image {
	im := &Image{B: make([]byte, DataStart)}
	copy(im.B, "\x89TSR\r\n\x1a\n")
	le.PutUint16(im.B[HMajor:], 1)
	le.PutUint16(im.B[HSize:], 64)
	copy(im.B[HUUID:], UUID[:])
	next := uint64(1)
	for i, g := range gens {
		im.generation(i, g, &next)
	}
	n := len(gens)
	im.Slots = [2]int{-1, -1}
	if !streamed {
		im.Slots = [2]int{0, 0}
		for i := 1; i < n; i++ {
			im.Slots[i%2] = i
		}
	}
	im.Seal()
	return im
}

// File is a created file of one generation.
func File(tensors []Tensor, storages ...Storage) *Image {
	return Build(false, Gen{Tensors: tensors, Storages: storages})
}

func (im *Image) align(n int64) int64 {
	for int64(len(im.B))%n != 0 {
		im.B = append(im.B, 0)
	}
	return int64(len(im.B))
}

func (im *Image) generation(i int, g Gen, next *uint64) {
	def := func(x *byte, v byte) {
		if *x == 0 {
			*x = v
		}
	}
	def(&g.PageExp, 12)
	def(&g.AlignExp, 12)
	if g.TensorSize == 0 {
		g.TensorSize = 64
	}
	if g.StorageSize == 0 {
		g.StorageSize = 96
	}
	p := Pos{spec: g}
	for _, s := range g.Storages {
		*next = max(*next, s.ID+1)
		pages, chunks := im.chunks(&s)
		p.Pages, p.Chunks = append(p.Pages, pages), append(p.Chunks, chunks)
		if s.Grid || len(s.Data) == 0 {
			p.Payloads, p.Sums = append(p.Payloads, 0), append(p.Sums, 0)
			continue
		}
		align := int64(64)
		if len(s.Data) >= 64<<10 {
			align = 1 << g.AlignExp
		}
		p.Payloads = append(p.Payloads, im.align(align))
		im.B = append(im.B, s.Data...)
		sums := int64(0)
		if blocks := s.blocks(); blocks > 1 {
			sums = im.align(64)
			im.B = append(im.B, make([]byte, 4*blocks)...)
		}
		p.Sums = append(p.Sums, sums)
	}
	if g.NextID == 0 {
		g.NextID = *next
	}
	if g.Journal {
		r := im.run(i, g, p, true)
		p.Journal = &r
	}
	p.Run = im.run(i, g, p, false)
	end := (int64(len(im.B))+RootSize+4095)&^4095 + g.Gap
	im.B = append(im.B, make([]byte, end-int64(len(im.B)))...)
	p.Trailer = end - RootSize
	r := im.B[p.Trailer:]
	copy(r, "TSRR")
	copy(r[RUUID:], UUID[:])
	le.PutUint64(r[RGen:], uint64(i+1))
	le.PutUint64(r[RLength:], uint64(end))
	le.PutUint64(r[RTime:], 1_700_000_000_000_000_000)
	if i > 0 {
		le.PutUint64(r[RPrevious:], uint64(im.Gens[i-1].Trailer))
	} else {
		r[RFlags] = 1
	}
	le.PutUint64(r[RCatalog:], uint64(p.Head))
	le.PutUint32(r[RCatalog+8:], uint32(p.Len))
	r[RAlign] = g.AlignExp
	copy(r[RWriter:], "forge 1")
	im.Gens = append(im.Gens, p)
}

func (s *Storage) exp() byte {
	if s.Exp == 0 {
		return 20
	}
	return s.Exp
}

func (s *Storage) blocks() int {
	b := 1 << s.exp()
	return (len(s.Data) + b - 1) / b
}

// run appends body and head of a run, without checksums.
func (im *Image) run(gen int, g Gen, p Pos, journal bool) Run {
	r := Run{Body: im.align(64), exp: g.PageExp, gen: gen}
	put64 := func(v uint64) { im.B = le.AppendUint64(im.B, v) }
	for range g.Tensors {
		r.Tensors = append(r.Tensors, int64(len(im.B)))
		im.B = append(im.B, make([]byte, g.TensorSize)...)
	}
	im.align(64)
	for range g.Storages {
		r.Storages = append(r.Storages, int64(len(im.B)))
		im.B = append(im.B, make([]byte, g.StorageSize)...)
	}
	r.Ends = im.align(64)
	names := 0
	for _, t := range g.Tensors {
		names += len(t.Name)
		im.B = le.AppendUint32(im.B, uint32(names))
	}
	r.Names = im.align(64)
	for _, t := range g.Tensors {
		im.B = append(im.B, t.Name...)
	}
	r.Heap = im.align(64)
	heap := func() int64 { im.align(8); return int64(len(im.B)) }
	for i, t := range g.Tensors {
		at := heap()
		for _, n := range t.Shape {
			put64(n)
		}
		for _, s := range t.Strides {
			put64(uint64(s))
		}
		im.B = append(im.B, t.Attrs...)
		r.THeaps = append(r.THeaps, at)
		rec := im.B[r.Tensors[i]:]
		le.PutUint64(rec[TStorage:], t.Storage)
		le.PutUint64(rec[TOffset:], t.Offset)
		copy(rec[TDType:], t.DType[:])
		if n := int64(len(im.B)) - at; n > 0 {
			le.PutUint64(rec[THeap:], uint64(at-r.Heap))
			le.PutUint32(rec[THeapBytes:], uint32(n))
		}
		switch t.Kind {
		case 0:
			rec[TKind] = 1
		case KindDeleted:
		default:
			rec[TKind] = t.Kind
		}
		rec[TRank] = byte(len(t.Shape))
		le.PutUint16(rec[TLayout:], t.Layout)
		le.PutUint32(rec[TLayoutFlags:], t.LayoutFlags)
		le.PutUint64(rec[TGen:], t.Gen)
		if t.Gen == 0 {
			le.PutUint64(rec[TGen:], uint64(gen+1))
		}
	}
	for i, s := range g.Storages {
		at := int64(0)
		if s.Grid {
			at = heap()
			for _, n := range s.Shape {
				put64(n)
			}
			for _, n := range s.Chunk {
				put64(n)
			}
			put64(s.Slabs)
			im.B = append(im.B, s.Pipelines...)
		}
		r.SHeaps = append(r.SHeaps, at)
		rec := im.B[r.Storages[i]:]
		le.PutUint64(rec[SID:], s.ID)
		if s.Grid {
			le.PutUint64(rec[SSize:], s.Size)
			le.PutUint64(rec[SStored:], s.Stored)
			copy(rec[SDType:], s.DType[:])
			copy(rec[SFill:], s.Fill[:])
			le.PutUint64(rec[SHeap:], uint64(at-r.Heap))
			le.PutUint32(rec[SHeapBytes:], uint32(int64(len(im.B))-at))
			rec[SKind], rec[SRank], rec[SFlags] = 2, byte(len(s.Shape)), s.Flags
			if pages := p.Pages[i]; len(pages) > 0 {
				root := pages[len(pages)-1]
				le.PutUint64(rec[SRef:], uint64(root))
				le.PutUint32(rec[SRef+8:], le.Uint32(im.B[root+PLength:]))
			}
			if s.Stored == 0 {
				stored := 0
				for _, c := range s.Chunks {
					stored += len(c.Data)
				}
				le.PutUint64(rec[SStored:], uint64(stored))
			}
			continue
		}
		rec[SKind], rec[SBlock] = 1, s.exp()
		if n := len(s.Data); n > 0 {
			le.PutUint64(rec[SSize:], uint64(n))
			le.PutUint64(rec[SStored:], uint64(n))
			le.PutUint64(rec[SPayload:], uint64(p.Payloads[i]))
			le.PutUint64(rec[SRef:], uint64(p.Payloads[i]))
			le.PutUint32(rec[SRef+8:], uint32(n))
			if p.Sums[i] != 0 {
				le.PutUint64(rec[SRef:], uint64(p.Sums[i]))
				le.PutUint32(rec[SRef+8:], uint32(4*s.blocks()))
			}
		}
	}
	heapLen := int64(len(im.B)) - r.Heap
	im.align(64)
	im.B = append(im.B, make([]byte, g.Extra)...)
	r.Head = im.align(64)
	body := r.Head - r.Body
	r.pages = (body + 1<<g.PageExp - 1) >> g.PageExp
	var older []Run
	for _, j := range g.Older {
		if !journal {
			older = append(older, im.Gens[j].Run)
		}
	}
	if !g.Alone && g.Older == nil && !journal {
		for j := len(im.Gens) - 1; j >= 0; j-- {
			older = append(older, im.Gens[j].Run)
			if im.Gens[j].spec.Alone {
				break
			}
		}
	}
	r.Older = r.Head + HeadSize
	r.Pages = r.Older + int64(16*len(older))
	r.Len = HeadSize + int64(16*len(older)) + 4*r.pages
	im.B = append(im.B, make([]byte, r.Len)...)
	h := im.B[r.Head:]
	copy(h, "TSRC")
	copy(h[NUUID:], UUID[:])
	le.PutUint64(h[NOffset:], uint64(r.Head))
	le.PutUint64(h[NGen:], uint64(gen+1))
	le.PutUint64(h[NBody:], uint64(body))
	le.PutUint64(h[NHeap:], uint64(heapLen))
	le.PutUint32(h[NNames:], uint32(names))
	le.PutUint32(h[NTensors:], uint32(len(g.Tensors)))
	le.PutUint32(h[NStorages:], uint32(len(g.Storages)))
	le.PutUint16(h[NOlder:], uint16(len(older)))
	le.PutUint16(h[NTensorSize:], uint16(g.TensorSize))
	le.PutUint16(h[NStorageSize:], uint16(g.StorageSize))
	h[NPageExp] = g.PageExp
	if journal {
		h[NFlags] = 1
	}
	le.PutUint32(h[NLength:], uint32(r.Len))
	le.PutUint64(h[NNextID:], g.NextID)
	for j, o := range older {
		le.PutUint64(h[HeadSize+16*j:], uint64(o.Head))
		le.PutUint32(h[HeadSize+16*j+8:], uint32(o.Len))
	}
	return r
}

// What Seal makes right.
const (
	SealPayloads = 1 << iota // sums of blocks in records and lists
	SealPages                // sums of catalog pages
	SealHeads                // checksums in run heads
	SealRefs                 // checksums in refs to run heads
	SealRoots                // checksums in trailers
	SealSlots                // slots equal to their trailers
	SealHeader
	SealAll = 1<<iota - 1
)

// Seal makes all checksums right.
func (im *Image) Seal() *Image { return im.SealOnly(SealAll) }

// SealOnly makes some checksums right, from the payloads up to the header.
func (im *Image) SealOnly(what int) *Image {
	for i := range im.Gens {
		p := &im.Gens[i]
		if what&SealPayloads != 0 {
			im.sealPayloads(p, &p.Run)
			if p.Journal != nil {
				im.sealPayloads(p, p.Journal)
			}
		}
		if p.Journal != nil {
			im.sealRun(p.Journal, what)
		}
		im.sealRun(&p.Run, what)
		r := im.B[p.Trailer : p.Trailer+RootSize]
		if what&SealRefs != 0 {
			im.sealRef(p.Trailer + RCatalog)
		}
		if what&SealRoots != 0 {
			le.PutUint32(r[RCRC:], CRC(r[8:]))
		}
	}
	for k, g := range im.Slots {
		if what&SealSlots != 0 && g >= 0 {
			copy(im.B[SlotA+4096*k:][:RootSize], im.B[im.Gens[g].Trailer:])
		}
	}
	if what&SealHeader != 0 {
		le.PutUint32(im.B[HCRC:], CRC(im.B[12:64]))
	}
	return im
}

// sealRef computes the checksum in the Ref at off, if what it points to exists.
func (im *Image) sealRef(off int64) {
	at, n := le.Uint64(im.B[off:]), uint64(le.Uint32(im.B[off+8:]))
	if size := uint64(len(im.B)); at <= size && n <= size-at {
		le.PutUint32(im.B[off+12:], CRC(im.B[at:at+n]))
	}
}

func (im *Image) sealRun(r *Run, what int) {
	if what&SealPages != 0 {
		for i := range r.pages {
			begin := r.Body + i<<r.exp
			end := min(begin+1<<r.exp, r.Head)
			le.PutUint32(im.B[r.Pages+4*i:], CRC(im.B[begin:end]))
		}
	}
	if what&SealRefs != 0 {
		for at := r.Older; at < r.Pages; at += 16 {
			im.sealRef(at)
		}
	}
	if what&SealHeads != 0 {
		h := im.B[r.Head : r.Head+r.Len]
		le.PutUint32(h[NCRC:], CRC(h[8:]))
	}
}

func (im *Image) sealPayloads(p *Pos, r *Run) {
	for i, s := range p.spec.Storages {
		im.sealGrid(p.Pages[i], r.Storages[i]+SRef)
		at, n := p.Payloads[i], int64(len(s.Data))
		if at == 0 {
			continue
		}
		rec := im.B[r.Storages[i]:]
		if p.Sums[i] == 0 {
			le.PutUint32(rec[SRef+12:], CRC(im.B[at:at+n]))
			continue
		}
		block := int64(1) << s.exp()
		list := im.B[p.Sums[i]:][:4*s.blocks()]
		for j := int64(0); j*block < n; j++ {
			le.PutUint32(list[4*j:], CRC(im.B[at+j*block:at+min(n, (j+1)*block)]))
		}
		le.PutUint32(rec[SRef+12:], CRC(list))
	}
}

// Last is the newest generation.
func (im *Image) Last() *Pos { return &im.Gens[len(im.Gens)-1] }

// P8, P16, P32 and P64 change a field.
func (im *Image) P8(off int64, v byte) *Image    { im.B[off] = v; return im }
func (im *Image) P16(off int64, v uint16) *Image { le.PutUint16(im.B[off:], v); return im }
func (im *Image) P32(off int64, v uint32) *Image { le.PutUint32(im.B[off:], v); return im }
func (im *Image) P64(off int64, v uint64) *Image { le.PutUint64(im.B[off:], v); return im }

// Put changes bytes.
func (im *Image) Put(off int64, b string) *Image { copy(im.B[off:], b); return im }

// U64 reads a field.
func (im *Image) U64(off int64) uint64 { return le.Uint64(im.B[off:]) }

// Write makes the file.
func (im *Image) Write(path string) error { return os.WriteFile(path, im.B, 0o666) }
