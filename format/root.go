package format

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"github.com/tensorfile/tensorfile/internal/mutant"
	"github.com/tensorfile/tensorfile/tensor"
)

// Root record (spec, "Root record"): the state of one generation, written as
// the trailer in the last 128 bytes of the committed length and, byte for
// byte, in a slot.
const (
	rootMagic      = 0                  // 4 bytes "TSRR"
	rootCRC        = rootMagic + 4      // u32, of [8, 128)
	rootUUID       = rootCRC + 4        // 16 bytes
	rootGeneration = rootUUID + 16      // u64
	rootLength     = rootGeneration + 8 // u64
	rootTime       = rootLength + 8     // i64
	rootPrevious   = rootTime + 8       // u64
	rootCatalog    = rootPrevious + 8   // Ref
	rootMustRead   = rootCatalog + 16   // u64
	rootMustWrite  = rootMustRead + 8   // u64
	rootInfo       = rootMustWrite + 8  // u64
	rootLive       = rootInfo + 8       // u64
	rootMinor      = rootLive + 8       // u16
	rootFlags      = rootMinor + 2      // u16
	rootAlign      = rootFlags + 2      // u8
	rootZero       = rootAlign + 1      // 3 bytes
	rootWriter     = rootZero + 3       // 16 bytes
	RootSize       = rootWriter + 16    // 128
	FlagCreated    = 1 << 0             // the trailer is its creator's: it counts without slots
	MinAlignExp    = 12                 // 4 KiB
	MaxAlignExp    = 21                 // 2 MiB
	MaxGeneration  = 1<<64 - 2          // the last that can be committed
	knownMustRead  = uint64(0)
	knownMustWrite = uint64(0)
)

var _ = [1]struct{}{RootSize - 128: {}}

var rootMagicBytes = [4]byte{'T', 'S', 'R', 'R'}

// Root is one generation's root record.
type Root struct {
	UUID       UUID
	Generation uint64
	Length     int64     // committed length L; the trailer stands at L-RootSize
	Time       time.Time // information only
	Previous   int64     // offset of the previous generation's trailer; 0: none
	Catalog    Ref       // newest run head
	MustRead   uint64
	MustWrite  uint64
	Info       uint64
	Live       uint64 // bytes of payload and tables that this generation reaches
	Minor      uint16
	Created    bool
	AlignExp   uint8 // raw payloads of 64 KiB or more stand at multiples of 1<<AlignExp
	Writer     string
}

// TrailerAt is the offset of the root's trailer.
func (r *Root) TrailerAt() int64 { return r.Length - RootSize }

// ReadOnly reports whether the file has a feature that this package can read
// but must not write.
func (r *Root) ReadOnly() bool { return r.MustWrite&^knownMustWrite != 0 }

// strict says whether reserved fields must be zero: a feature that is unknown,
// even one that need not be understood, may give them a meaning.
func (r *Root) strict() bool {
	return r.MustRead&^knownMustRead == 0 && r.MustWrite&^knownMustWrite == 0 && r.Info == 0
}

// AppendTo appends the 128 bytes of r to dst. The writer is cut to what fits.
func (r *Root) AppendTo(dst []byte) []byte {
	var b [RootSize]byte
	copy(b[rootMagic:], rootMagicBytes[:])
	copy(b[rootUUID:], r.UUID[:])
	le.PutUint64(b[rootGeneration:], r.Generation)
	le.PutUint64(b[rootLength:], uint64(r.Length))
	le.PutUint64(b[rootTime:], uint64(r.Time.UnixNano()))
	le.PutUint64(b[rootPrevious:], uint64(r.Previous))
	r.Catalog.put(b[rootCatalog:])
	le.PutUint64(b[rootMustRead:], r.MustRead)
	le.PutUint64(b[rootMustWrite:], r.MustWrite)
	le.PutUint64(b[rootInfo:], r.Info)
	le.PutUint64(b[rootLive:], r.Live)
	le.PutUint16(b[rootMinor:], r.Minor)
	if r.Created {
		le.PutUint16(b[rootFlags:], FlagCreated)
	}
	b[rootAlign] = r.AlignExp
	copy(b[rootWriter:], r.Writer)
	le.PutUint32(b[rootCRC:], Checksum(b[rootUUID:]))
	return append(dst, b[:]...)
}

// soundRoot reports an error unless b, which stands at off, has the magic, the
// checksum and the UUID of a root record of this file.
func soundRoot(b []byte, off int64, uuid UUID) error {
	if !bytes.Equal(b[:4], rootMagicBytes[:]) {
		return fail(tensor.ErrCorrupt, RuleRootMagic, off, "root magic", tensor.Quote(string(b[:4])), tensor.Quote(string(rootMagicBytes[:])))
	}
	if got, want := Checksum(b[rootUUID:RootSize]), le.Uint32(b[rootCRC:]); got != want && !mutant.On("root checksum") {
		return badSum(RuleRootCRC, off+rootCRC, "root checksum", got, want)
	}
	if id := UUID(b[rootUUID:rootGeneration]); id != uuid {
		return fail(tensor.ErrCorrupt, RuleRootUUID, off+rootUUID, "root UUID", id.String(), uuid.String())
	}
	return nil
}

// parseRoot decodes and validates a sound root record that stands at off.
func parseRoot(b []byte, off int64) (Root, error) {
	r := Root{
		UUID:       UUID(b[rootUUID:rootGeneration]),
		Generation: le.Uint64(b[rootGeneration:]),
		Time:       time.Unix(0, int64(le.Uint64(b[rootTime:]))).UTC(),
		Catalog:    getRef(b[rootCatalog:]),
		MustRead:   le.Uint64(b[rootMustRead:]),
		MustWrite:  le.Uint64(b[rootMustWrite:]),
		Info:       le.Uint64(b[rootInfo:]),
		Live:       le.Uint64(b[rootLive:]),
		Minor:      le.Uint16(b[rootMinor:]),
		Created:    le.Uint16(b[rootFlags:])&FlagCreated != 0,
		AlignExp:   b[rootAlign],
		Writer:     strings.TrimRight(string(b[rootWriter:RootSize]), "\x00"),
	}
	if bits := r.MustRead &^ knownMustRead; bits != 0 {
		return r, fail(tensor.ErrUnsupported, RuleRootMustRead, off+rootMustRead, "must-read features", fmt.Sprintf("%#x", bits), "none of these bits: a newer tensorfile is needed to read this file")
	}
	strict := r.strict()
	length, previous := le.Uint64(b[rootLength:]), le.Uint64(b[rootPrevious:])
	switch {
	case r.Generation == 0:
		return r, fail(tensor.ErrCorrupt, RuleRootGeneration, off+rootGeneration, "generation", "0", "1 or more")
	case length > MaxOffset || length < MinLength || length%PageSize != 0:
		return r, fail(tensor.ErrCorrupt, RuleRootLength, off+rootLength, "committed length", u(length), fmt.Sprintf("a multiple of %d from %d to below 2^62", PageSize, MinLength))
	case previous != 0 && (previous >= length-RootSize || previous < MinLength-RootSize || (previous+RootSize)%PageSize != 0):
		return r, fail(tensor.ErrCorrupt, RuleRootPrevious, off+rootPrevious, "previous trailer", u(previous), fmt.Sprintf("0 or the place of a trailer before %d", length-RootSize))
	case r.AlignExp < MinAlignExp || r.AlignExp > MaxAlignExp:
		return r, fail(tensor.ErrCorrupt, RuleRootAlignment, off+rootAlign, "alignment exponent", fmt.Sprint(r.AlignExp), fmt.Sprintf("%d..%d", MinAlignExp, MaxAlignExp))
	case strict && le.Uint16(b[rootFlags:])&^uint16(FlagCreated) != 0:
		return r, fail(tensor.ErrCorrupt, RuleRootZero, off+rootFlags, "root flags", fmt.Sprintf("%#x", le.Uint16(b[rootFlags:])), "only bit 0")
	case strict && zero(b[rootZero:rootWriter]) >= 0:
		return r, fail(tensor.ErrCorrupt, RuleRootZero, off+rootZero, "reserved bytes", hexOf(b[rootZero:rootWriter]), "zero")
	}
	for i := range len(r.Writer) {
		if c := r.Writer[i]; c < ' ' || c > '~' {
			return r, fail(tensor.ErrCorrupt, RuleRootWriter, off+rootWriter+int64(i), "writer", tensor.Quote(r.Writer), "ASCII, padded with zeros")
		}
	}
	r.Length, r.Previous = int64(length), int64(previous)
	return r, r.checkCatalogRef(off)
}

func (r *Root) checkCatalogRef(off int64) error {
	c := r.Catalog
	at := off + rootCatalog
	if err := checkExtent(c.Offset, uint64(c.Length), DataStart, uint64(r.TrailerAt()), at, "catalog", RuleRootCatalog); err != nil {
		return err
	}
	if c.Offset%Align != 0 {
		return fail(tensor.ErrCorrupt, RuleRootCatalog, at, "catalog offset", u(c.Offset), "a multiple of 64")
	}
	if c.Length < runHeadSize {
		return fail(tensor.ErrCorrupt, RuleRootCatalog, at+refLength, "run head length", fmt.Sprint(c.Length), fmt.Sprintf("at least %d", runHeadSize))
	}
	return nil
}

// ParseTrailer reads the root record b of the file uuid that stands at off,
// the place of a trailer: a generation of the past, or what recover found.
func ParseTrailer(b []byte, off int64, uuid UUID) (Root, error) {
	if len(b) < RootSize {
		return Root{}, fail(tensor.ErrTruncated, RuleRootTrailer, off, "trailer", fmt.Sprintf("%d bytes", len(b)), u(RootSize))
	}
	b = b[:RootSize]
	if err := soundRoot(b, off, uuid); err != nil {
		return Root{}, err
	}
	if l := le.Uint64(b[rootLength:]); l != uint64(off)+RootSize {
		return Root{}, fail(tensor.ErrCorrupt, RuleRootTrailer, off+rootLength, "committed length", u(l), u(uint64(off)+RootSize)+" (this trailer's end)")
	}
	return parseRoot(b, off)
}

// ParseSlot reads the root record b of the file uuid that was read in slot p.
func ParseSlot(b []byte, p Place, uuid UUID) (Root, error) {
	off := int64(SlotA)
	if p == InSlotB {
		off = SlotB
	}
	if err := soundRoot(b, off, uuid); err != nil {
		return Root{}, err
	}
	return parseRoot(b, off)
}

// Place says where a root was read.
type Place int

// Places of a root record.
const (
	InSlotA Place = iota
	InSlotB
	InTrailer
)

func (p Place) String() string { return [...]string{"slot A", "slot B", "trailer"}[p] }

// Choice is the outcome of ChooseRoot.
type Choice struct {
	Root  Root
	Place Place
	Bytes [RootSize]byte // the record itself
	// Slots says what is wrong with slot A and slot B; nil: sound. A bad slot
	// is normal after a power cut and in a streamed file.
	Slots [2]error
	// Twins says that both slots hold the same record, as after Create.
	Twins bool
}

// ChooseRoot decides which root record of a file counts (spec, "Which root
// counts"). a and b hold the first 128 bytes of the two slots and end the last
// 128 bytes of a file of size bytes; end is read only where the rule asks for
// it. A caller that gets a Choice with a bad slot, or an error, reads the
// slots once more before it believes it: a write may have been under way.
func ChooseRoot(uuid UUID, a, b []byte, size int64, end func() ([]byte, error)) (Choice, error) {
	var c Choice
	if len(a) < RootSize || len(b) < RootSize {
		return c, fail(tensor.ErrTruncated, RuleRootTruncated, size, "root slots", fmt.Sprintf("a file of %d bytes", size), fmt.Sprintf("at least %d", MinLength))
	}
	a, b = a[:RootSize], b[:RootSize]
	c.Slots[0] = soundRoot(a, SlotA, uuid)
	c.Slots[1] = soundRoot(b, SlotB, uuid)

	trailer := func() ([]byte, error) {
		if size < MinLength {
			return nil, fail(tensor.ErrTruncated, RuleRootTrailer, size, "file size", u(uint64(size)), fmt.Sprintf("at least %d", MinLength))
		}
		t, err := end()
		if err != nil {
			return nil, err
		}
		off := size - RootSize
		if err := soundRoot(t, off, uuid); err != nil {
			return nil, err
		}
		if l := le.Uint64(t[rootLength:]); l != uint64(size) {
			return nil, fail(tensor.ErrCorrupt, RuleRootTrailer, off+rootLength, "committed length", u(l), u(uint64(size)))
		}
		return t, nil
	}

	var rec []byte
	switch {
	case c.Slots[0] == nil && c.Slots[1] == nil:
		ga, gb := le.Uint64(a[rootGeneration:]), le.Uint64(b[rootGeneration:])
		if ga == gb && !bytes.Equal(a, b) {
			return c, fail(tensor.ErrCorrupt, RuleRootTwins, SlotA, "root slots", fmt.Sprintf("two different records of generation %d at offsets %d and %d", ga, SlotA, SlotB), "equal bytes")
		}
		rec, c.Place, c.Twins = a, InSlotA, ga == gb
		if gb > ga {
			rec, c.Place = b, InSlotB
		}
	case c.Slots[0] == nil || c.Slots[1] == nil:
		rec, c.Place = a, InSlotA
		if c.Slots[0] != nil {
			rec, c.Place = b, InSlotB
		}
		// The trailer's own barrier is over once a slot was touched for it, and
		// only that can have harmed the other slot.
		if t, err := trailer(); err == nil {
			if p := le.Uint64(t[rootPrevious:]); p != 0 && p == le.Uint64(rec[rootLength:])-RootSize || mutant.On("any trailer after one slot") {
				rec, c.Place = t, InTrailer
			}
		}
	default:
		t, err := trailer()
		if err == nil && le.Uint16(t[rootFlags:])&FlagCreated == 0 && !mutant.On("any trailer after none") {
			err = fail(tensor.ErrCorrupt, RuleRootTrailer, size-RootSize+rootFlags, "trailer flags", "not CREATED", "CREATED, where no slot is sound")
		}
		if err != nil {
			e := fail(tensor.ErrCorrupt, RuleRootNone, SlotA, "root records", "no committed generation", "a sound slot, or the creator's trailer at the end of the file")
			e.Err = fmt.Errorf("slot A: %w; slot B: %w; end of file: %w", c.Slots[0], c.Slots[1], err)
			return c, e
		}
		rec, c.Place = t, InTrailer
	}
	if mutant.On("highest of slots and trailer") {
		if t, err := trailer(); err == nil && le.Uint64(t[rootGeneration:]) > le.Uint64(rec[rootGeneration:]) {
			rec, c.Place = t, InTrailer
		}
	}
	copy(c.Bytes[:], rec)
	off := [...]int64{SlotA, SlotB, size - RootSize}[c.Place]
	r, err := parseRoot(rec, off)
	if err != nil {
		return c, err
	}
	c.Root = r
	if r.Length > size && !mutant.On("file size") {
		return c, fail(tensor.ErrTruncated, RuleRootTruncated, size, "file size", u(uint64(size)), fmt.Sprintf("the committed length %d", r.Length))
	}
	return c, nil
}
