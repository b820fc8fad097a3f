package tensorfile

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/internal/watch"
	"github.com/tensorfile/tensorfile/mmap"
)

// VerifyOptions says what Verify looks at. The zero value, and nil, mean every
// byte.
type VerifyOptions struct {
	// Quick leaves payloads out: structure, catalog and padding only. Default:
	// false.
	Quick bool
	// Sample, between 0 and 1, checks that share of the payload blocks, chosen
	// at random. Default: 0, all.
	Sample float64
	// Decode also decodes every chunk and looks at elements: a bool is 0 or 1. It
	// holds a chunk a worker in memory; one above OpenOptions.MaxBytes is left
	// out, and told in Report.Unknown. Streams of foreign files are decoded
	// without it, too. Default: false, checksums only.
	Decode bool
	// Workers that check payloads. Default: GOMAXPROCS.
	Workers int
}

// Report is what Verify found.
type Report struct {
	Generations int
	Tensors     int   // names in the newest generation, parts included
	Storages    int   // payloads, each counted once
	Blocks      int64 // checksummed pieces of payload that were read
	Bytes       int64 // of payload that were read
	Decoded     int64 // chunks of native files that were decoded, with VerifyOptions.Decode
	// Findings are what is wrong: errors that name place and rule. Those of a
	// native file ascend by offset, and those without one come last.
	Findings []error
	// Unknown is what could not be checked because it is not known here.
	Unknown []error
}

// OK reports whether nothing is wrong.
func (r *Report) OK() bool { return len(r.Findings) == 0 }

// maxFindings bounds a report: a file of noise is told by fewer.
const maxFindings = 10_000

type verifier struct {
	ctx   context.Context
	f     *File
	o     VerifyOptions
	lease mmap.Lease

	mu     sync.Mutex
	rep    *Report
	seen   map[string]struct{} // findings, each once
	owners []owner
	sums   map[int64]*format.StorageRecord // payload offset -> record
	runs   map[int64]struct{}              // heads that were checked
	newer  visited                         // the generation looked at before this one
	told   map[uint64]told                 // by storage id
	again  map[int64]format.Root           // generations to be looked at whole, by trailer
	grids  verifiedGrids
	found  []compositeAt
	bools  map[string]*Tensor // on raw storages, to be looked at
	blind  bool               // some structure could not be read, so what lies between owners may be its own
}

// owner is an extent of the file that belongs to something.
type owner struct {
	begin, end int64
	what       string
	chunk      int64 // of what, from 1; 0: all of it
}

func (o *owner) String() string {
	if o.chunk > 0 {
		return fmt.Sprintf("chunk %d of %s", o.chunk-1, o.what)
	}
	return o.what
}

// Verify checks the file: of a native one every structure of every generation,
// every payload, and that what belongs to nothing is zero; of a foreign one
// what checksums it has. Damage is in the report; the error is for what could
// not be read, and for ctx.
func (f *File) Verify(ctx context.Context, o *VerifyOptions) (*Report, error) {
	v := &verifier{ctx: ctx, f: f, rep: &Report{}, seen: map[string]struct{}{}, sums: map[int64]*format.StorageRecord{}, runs: map[int64]struct{}{}, told: map[uint64]told{}, again: map[int64]format.Root{}, bools: map[string]*Tensor{}}
	if o != nil {
		v.o = *o
	}
	if v.o.Workers <= 0 {
		v.o.Workers = runtime.GOMAXPROCS(0)
	}
	var err error
	if v.lease, err = f.m.Acquire(); err != nil {
		return nil, err
	}
	defer v.lease.Release()
	if f.layout != nil {
		err = v.foreign()
	} else {
		err = v.native()
	}
	if err == nil {
		err = ctx.Err()
	}
	if !v.rep.OK() {
		// Is it damage, or has someone written to the file meanwhile?
		if err := f.Check(); err != nil {
			v.find(err)
		}
		if f.layout == nil {
			slices.SortStableFunc(v.rep.Findings, byOffset)
		}
	}
	return v.rep, located(err, f.Path(), "")
}

func (v *verifier) find(err error) {
	err = located(err, v.f.Path(), "")
	v.mu.Lock()
	defer v.mu.Unlock()
	if _, ok := v.seen[err.Error()]; ok || len(v.rep.Findings) == maxFindings {
		return
	}
	v.seen[err.Error()] = struct{}{}
	if errors.Is(err, ErrUnsupported) {
		v.rep.Unknown = append(v.rep.Unknown, err)
		return
	}
	v.rep.Findings = append(v.rep.Findings, err)
}

func (v *verifier) own(begin, n int64, what string) {
	if n > 0 {
		v.owners = append(v.owners, owner{begin, begin + n, what, 0})
	}
}

func finding(rule string, off int64, field, got, want string) error {
	return &Error{Kind: ErrCorrupt, Format: format.Name, Offset: off, Field: field, Got: got, Want: want, Rule: rule}
}

func (v *verifier) native() error {
	if err := v.control(); err != nil {
		return err
	}
	before := len(v.rep.Findings)
	root := &v.f.choice.Root
	for {
		v.rep.Generations++
		cat, err := format.OpenCatalog(v.f.m, root)
		if err != nil {
			v.find(err)
		} else {
			v.generation(cat)
		}
		v.own(root.TrailerAt(), format.RootSize, fmt.Sprintf("trailer of generation %d", root.Generation))
		if root.Previous == 0 {
			break
		}
		b := make([]byte, format.RootSize)
		if err := v.f.readAt(b, root.Previous); err != nil {
			return err
		}
		prev, err := format.ParseTrailer(b, root.Previous, v.f.uuid)
		if err == nil && prev.Generation >= root.Generation {
			err = finding(format.RuleRootPrevious, root.Previous, "generation", fmt.Sprint(prev.Generation), fmt.Sprintf("below %d", root.Generation))
		}
		if err != nil {
			v.find(err)
			break
		}
		root = &prev
		if err := v.ctx.Err(); err != nil {
			return err
		}
	}
	if err := v.lookAgain(); err != nil {
		return err
	}
	v.blind = len(v.rep.Findings) > before
	if err := v.gaps(); err != nil {
		return err
	}
	if !v.o.Quick {
		if err := v.payloads(); err != nil {
			return err
		}
		if err := v.plainBools(); err != nil {
			return err
		}
	}
	return v.composites()
}

// control checks the three pages before the data, and the trailers that the
// slots repeat.
func (v *verifier) control() error {
	b := make([]byte, format.DataStart)
	if err := v.f.readAt(b, 0); err != nil {
		return err
	}
	zero := func(begin, end int64, what string) {
		for i := begin; i < end; i++ {
			if b[i] != 0 {
				v.find(finding(format.RuleControlZero, i, what, fmt.Sprint(b[i]), "0"))
				return
			}
		}
	}
	zero(format.HeaderSize, format.SlotA, "header page beyond the header")
	c, streamed := v.f.choice, v.f.Info().Streamed
	if v.f.headless {
		var ok bool
		if c, ok = v.head(b); !ok {
			return nil
		}
		streamed = c.Slots[0] != nil && c.Slots[1] != nil
	}
	// What a writer has committed since the file was opened is none of f's.
	later := func(p format.Place, at int64) bool {
		var err error
		for range slotTries { // it may be at work on the slot
			var r format.Root
			if r, err = format.ParseSlot(b[at:at+format.RootSize], p, v.f.uuid); err == nil {
				return r.Generation > v.f.choice.Root.Generation
			}
			if v.f.readAt(b[at:at+format.PageSize], at) != nil {
				break
			}
		}
		return false
	}
	if streamed && (later(format.InSlotA, format.SlotA) || later(format.InSlotB, format.SlotB)) {
		return nil
	}
	if streamed {
		zero(format.SlotA, format.DataStart, "root slots of a streamed file")
		return nil
	}
	for i, at := range [2]int64{format.SlotA, format.SlotB} {
		if later(format.Place(i), at) {
			continue
		}
		zero(at+format.RootSize, at+format.PageSize, fmt.Sprintf("%v beyond its record", format.Place(i)))
		if err := c.Slots[i]; err != nil {
			v.find(err)
			continue
		}
		v.trailerOf(b[at:at+format.RootSize], format.Place(i))
	}
	return nil
}

// head checks what opening from the end of the file left out: the header, and
// that the slots, too, say that the record at the end is the root.
func (v *verifier) head(b []byte) (format.Choice, bool) {
	h, err := format.ParseHeader(b)
	if err == nil && h.UUID != v.f.uuid {
		const field = 16 // of the header
		err = finding(format.RuleRootUUID, field, "header UUID", h.UUID.String(), v.f.uuid.String()+", as in the trailer")
	}
	if err != nil {
		v.find(err)
		return format.Choice{}, false
	}
	own := v.f.choice.Bytes
	c, err := format.ChooseRoot(v.f.uuid, b[format.SlotA:], b[format.SlotB:], v.f.m.Size(), func() ([]byte, error) { return own[:], nil })
	if err == nil && c.Bytes != own {
		err = finding(format.RuleRootTrailer, v.f.choice.Root.TrailerAt(), "root", fmt.Sprintf("generation %d, committed length %d", c.Root.Generation, c.Root.Length), fmt.Sprintf("generation %d, whose trailer ends the file", v.f.choice.Root.Generation))
	}
	if err != nil {
		v.find(err)
	}
	return c, err == nil
}

// trailerOf checks that the record of a slot also stands as a trailer.
func (v *verifier) trailerOf(rec []byte, p format.Place) {
	root, err := format.ParseSlot(rec, p, v.f.uuid)
	if err != nil {
		v.find(err)
		return
	}
	at := root.TrailerAt()
	b := make([]byte, format.RootSize)
	if at > v.f.m.Size()-format.RootSize {
		v.find(finding(format.RuleRootTrailer, at, "trailer", "the end of the file", fmt.Sprintf("the record of %v", p)))
		return
	}
	if err := v.f.readAt(b, at); err != nil {
		v.find(err)
		return
	}
	for i := range b {
		if b[i] != rec[i] {
			v.find(finding(format.RuleRootTrailer, at+int64(i), "trailer", fmt.Sprintf("%#02x", b[i]), fmt.Sprintf("%#02x, as in %v", rec[i], p)))
			return
		}
	}
}

func named(err error, name string) error { return located(err, "", name) }

// gaps checks that owners do not overlap and that what lies between them is
// zero, journal runs apart, which nothing points to.
func (v *verifier) gaps() error {
	v.own(0, format.DataStart, "control pages")
	slices.SortFunc(v.owners, func(a, b owner) int { return cmp.Or(cmp.Compare(a.begin, b.begin), cmp.Compare(a.end, b.end)) })
	end, last := int64(0), owner{}
	a := newAhead(v.f.m)
	defer a.done()
	for i := range v.owners {
		a.extent(end, v.owners[i].begin)
		end = max(end, v.owners[i].end)
	}
	a.extent(end, v.f.choice.Root.Length)
	a.end()
	end = 0
	for i := 0; i < len(v.owners); i++ {
		o := v.owners[i]
		if o.begin < end {
			v.find(finding(format.RuleOverlap, o.begin, "extent", fmt.Sprintf("%s at [%d, %d) overlaps %s at [%d, %d)", &o, o.begin, o.end, &last, last.begin, last.end), "extents apart"))
		} else if err := v.gap(end, o.begin); err != nil {
			return err
		}
		if o.end > end {
			end, last = o.end, o
		}
	}
	return v.gap(end, v.f.choice.Root.Length)
}

var noBytes [4096]byte

// firstByte is the index of the first byte of b that is not zero, or -1.
func firstByte(b []byte) int {
	for at := 0; at < len(b); at += len(noBytes) {
		p := b[at:min(at+len(noBytes), len(b))]
		if bytes.Equal(p, noBytes[:len(p)]) {
			continue
		}
		return at + slices.IndexFunc(p, func(c byte) bool { return c != 0 })
	}
	return -1
}

// gap looks through [begin, end) for bytes that are not zero. Where a structure could
// not be read, they are a consequence of that and no finding of their own.
func (v *verifier) gap(begin, end int64) error {
	const window = 1 << 20
	for at := begin; at < end; {
		if err := v.ctx.Err(); err != nil {
			return err
		}
		n := int(min(end-at, window))
		first := -1
		err := v.lease.Guard(func() error {
			b, err := v.f.m.Fetch(uint64(at), n)
			first = firstByte(b)
			return err
		})
		if err != nil {
			return err
		}
		if first < 0 {
			at += int64(n)
			continue
		}
		at += int64(first)
		run, err := v.journal(at, end)
		if err != nil {
			return err
		}
		if run == nil || run.Begin() < begin {
			if !v.blind {
				v.find(finding(format.RulePadding, at, "padding", "a byte that is not zero", "0"))
			}
			return nil
		}
		run.Verify(v.find)
		at = run.Offset + run.Length()
	}
	return nil
}

// journal finds the journal run whose body holds the byte at begin: its head
// stands at the next multiple of 64 that has the magic and points back here.
func (v *verifier) journal(begin, end int64) (found *format.Run, err error) {
	gerr := v.lease.Guard(func() error {
		found, err = format.FindRun(v.f.m, &v.f.choice.Root, begin, end)
		return nil
	})
	return found, cmp.Or(gerr, err)
}

// block is a checksummed piece of payload.
type block struct {
	off, n  int64
	sum     uint32
	storage *format.StorageRecord
	index   int64
	chunk   bool       // of a grid
	decode  *decodable // nil: its checksum is all that is looked at
}

func (v *verifier) payloads() error {
	storages := make([]*format.StorageRecord, 0, len(v.sums))
	for _, s := range v.sums {
		storages = append(storages, s)
	}
	slices.SortFunc(storages, func(a, b *format.StorageRecord) int { return cmp.Compare(a.Payload, b.Payload) })
	names := v.names()
	a := newAhead(v.f.m)
	defer a.done()
	if v.o.Sample == 0 {
		for _, s := range storages {
			if s.Size > s.BlockSize() {
				a.extent(int64(s.Ref.Offset), int64(s.Ref.Offset)+int64(s.Ref.Length))
			}
			a.extent(s.Payload, s.Payload+s.Size)
		}
		for i := range v.grids.work {
			b := &v.grids.work[i]
			a.extent(b.off, b.off+b.n)
		}
		a.end()
	}
	work := make(chan block, 64)
	var wg sync.WaitGroup
	var failed atomic.Pointer[error]
	for range v.o.Workers {
		wg.Go(func() {
			w := chunkWorks.Get().(*chunkWork)
			defer w.release()
			for b := range work {
				if v.ctx.Err() != nil || failed.Load() != nil {
					continue
				}
				if err := v.block(b, names, w); err != nil {
					failed.CompareAndSwap(nil, &err)
				}
			}
		})
	}
	for _, s := range storages {
		if v.ctx.Err() != nil {
			break
		}
		sums, err := v.f.blockSums(s.Size, s.Block, s.Ref)
		if err != nil {
			v.find(named(err, names[s.ID]))
			continue
		}
		for i, sum := range sums {
			if v.o.Sample > 0 && rand.Float64() >= v.o.Sample {
				continue
			}
			at := int64(i) << s.Block
			work <- block{off: s.Payload + at, n: min(s.Size-at, s.BlockSize()), sum: sum, storage: s, index: int64(i)}
		}
	}
	v.chunkBlocks(func(b block) { work <- b })
	close(work)
	wg.Wait()
	if err := failed.Load(); err != nil {
		return *err
	}
	return nil
}

// byOffset compares places in a file; no place comes last.
func byOffset(a, b error) int { return cmp.Compare(uint64(offsetOf(a)), uint64(offsetOf(b))) }

// offsetOf is where an error lies, or negative.
func offsetOf(err error) int64 {
	var e *Error
	if errors.As(err, &e) {
		return e.Offset
	}
	return -1
}

// names gives each storage of the newest generation the name of a tensor on it.
func (v *verifier) names() map[uint64]string {
	names := map[uint64]string{}
	scan(v.f, func(rec *format.TensorRecord) (struct{}, error) {
		if _, ok := names[rec.Storage]; !ok {
			names[rec.Storage] = rec.Name
		}
		return struct{}{}, nil
	}, func(struct{}, error) bool { return true })
	return names
}

// block compares a block with its checksum, and decodes it if it is to be.
func (v *verifier) block(b block, names map[uint64]string, w *chunkWork) error {
	count := func(decoded int64) {
		watch.Add(v.ctx, b.n)
		v.mu.Lock()
		defer v.mu.Unlock()
		v.rep.Blocks++
		v.rep.Bytes += b.n
		v.rep.Decoded += decoded
	}
	if b.decode != nil {
		if done, err := v.decode(b, names[b.storage.ID], w); done || err != nil {
			count(1)
			return err
		}
	}
	sum, err := v.f.checksum(v.lease, b.off, b.n)
	if err != nil {
		return err
	}
	count(0)
	if sum != b.sum {
		v.find(badBlock(names[b.storage.ID], b, sum))
	}
	return nil
}

func badBlock(name string, b block, got uint32) error {
	if b.chunk {
		return named(checkError(b.off, b.index, got, b.sum), name)
	}
	return &Error{Kind: ErrCorrupt, Format: format.Name, Tensor: name, Chunk: fmt.Sprintf("block %d", b.index), Offset: b.off, Field: "checksum", Got: fmt.Sprintf("%08x", got), Want: fmt.Sprintf("%08x", b.sum), Rule: format.RuleRawCRC}
}

// blockSums returns the checksums of the blocks of a raw storage.
func (f *File) blockSums(size int64, block uint8, ref format.Ref) ([]uint32, error) {
	if size == 0 {
		return nil, nil
	}
	if size <= 1<<block {
		return []uint32{ref.CRC}, nil
	}
	b := make([]byte, ref.Length)
	if err := f.readAt(b, int64(ref.Offset)); err != nil {
		return nil, err
	}
	return format.ParseSums(b, ref)
}

// checksum computes the sum of [off, off+n) of the file under a lease.
func (f *File) checksum(l mmap.Lease, off, n int64) (sum uint32, err error) {
	if f.m.Mapped() {
		err = l.Guard(func() error {
			b, err := f.m.Fetch(uint64(off), int(n))
			sum = format.Checksum(b)
			return err
		})
		return sum, err
	}
	const piece = 1 << 20
	buf := make([]byte, min(n, piece))
	for n > 0 {
		b := buf[:min(n, piece)]
		if _, err := l.ReadAt(b, off); err != nil {
			return 0, err
		}
		sum = format.UpdateChecksum(sum, b)
		off, n = off+int64(len(b)), n-int64(len(b))
	}
	return sum, nil
}

// foreign checks what checksums a foreign file has: those of plain extents, and
// those that decoders look at; and what the parts of composites say of each other.
func (v *verifier) foreign() error {
	l := v.f.layout
	v.rep.Tensors, v.rep.Storages = len(l.Tensors), len(l.Storages)
	for _, err := range l.Skipped {
		v.find(err)
	}
	if l.Members != nil {
		rep, err := l.Members.Verify(v.ctx, &v.o)
		if err != nil {
			return err
		}
		v.rep.Storages += rep.Storages
		v.rep.Blocks += rep.Blocks
		v.rep.Bytes += rep.Bytes
		for _, err := range slices.Concat(rep.Findings, rep.Unknown) {
			v.find(err)
		}
	}
	if v.o.Quick {
		return nil
	}
	for _, c := range l.Checks {
		if err := v.ctx.Err(); err != nil {
			return err
		}
		if v.o.Sample > 0 && rand.Float64() >= v.o.Sample {
			continue
		}
		h, f := crc32.NewIEEE(), v.f.bySource[0]
		buf := make([]byte, min(c.Size, 1<<20))
		for at := int64(0); at < c.Size; at += int64(len(buf)) {
			b := buf[:min(int64(len(buf)), c.Size-at)]
			if err := f.readAt(b, c.Offset+at); err != nil {
				return err
			}
			h.Write(b)
			watch.Add(v.ctx, int64(len(b)))
		}
		v.rep.Blocks++
		v.rep.Bytes += c.Size
		if got := h.Sum32(); got != c.CRC32 {
			v.find(&Error{Kind: ErrCorrupt, Path: f.Path(), Format: l.Format, Member: c.Member, Offset: c.Offset, Field: "CRC-32", Got: fmt.Sprintf("%08x", got), Want: fmt.Sprintf("%08x", c.CRC32)})
		}
	}
	for i := range l.Storages {
		s := &l.Storages[i]
		if s.Open == nil {
			continue
		}
		if err := v.ctx.Err(); err != nil {
			return err
		}
		in, err := s.Open(v.ctx)
		if err == nil {
			var n int64
			n, err = io.Copy(watch.Writer(v.ctx, io.Discard), contextReader{v.ctx, in})
			in.Close()
			v.rep.Blocks++
			v.rep.Bytes += n
			if err == nil && n != s.Size {
				err = &Error{Kind: ErrCorrupt, Format: l.Format, Member: s.Member, Offset: -1, Field: "decoded bytes", Got: fmt.Sprint(n), Want: fmt.Sprint(s.Size)}
			}
		}
		if err != nil {
			if ctxErr := v.ctx.Err(); ctxErr != nil {
				return ctxErr
			}
			v.find(err)
		}
	}
	if v.o.Decode {
		for i := range l.Tensors {
			if err := v.foreignBools(&l.Tensors[i], l.Tensors[i].Name); err != nil {
				return err
			}
		}
	}
	if len(v.rep.Findings) > 0 || v.o.Sample > 0 {
		return nil // what is damaged would be told again
	}
	for i := range l.Tensors {
		if l.Tensors[i].Layout == 0 {
			continue
		}
		t, err := v.f.Tensor(l.Tensors[i].Name)
		if err == nil {
			err = t.wholeComposite(v.ctx)
		}
		if ctxErr := v.ctx.Err(); ctxErr != nil {
			return ctxErr
		}
		if err != nil && !errors.Is(err, ErrLimit) {
			v.find(err)
		}
	}
	return nil
}

type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}
