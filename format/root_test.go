package format_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/internal/badinput/forge"
	"github.com/tensorfile/tensorfile/tensor"
)

// The generations of the table: committed lengths and where their trailers are.
func lengthOf(gen uint64) uint64  { return 16384 + 4096*gen }
func trailerOf(gen uint64) uint64 { return lengthOf(gen) - 128 }

// record makes the root record of a generation from offsets alone.
func record(gen uint64, previous uint64, created bool) []byte {
	b := make([]byte, 128)
	le := binary.LittleEndian
	copy(b, "TSRR")
	copy(b[8:], forge.UUID[:])
	le.PutUint64(b[24:], gen)
	le.PutUint64(b[32:], lengthOf(gen))
	le.PutUint64(b[48:], previous)
	le.PutUint64(b[56:], 12288)
	le.PutUint32(b[64:], 96)
	if created {
		b[106] = 1
	}
	b[108] = 12
	return resum(b)
}

func resum(b []byte) []byte {
	binary.LittleEndian.PutUint32(b[4:], forge.CRC(b[8:128]))
	return b
}

func chained(gen uint64) []byte {
	if gen == 1 {
		return record(1, 0, true)
	}
	return record(gen, trailerOf(gen-1), false)
}

// state is what may stand in a slot or at the end of a file.
type state struct {
	name  string
	b     []byte
	sound bool
}

func slotStates() []state {
	broken := func(i int, v byte) []byte {
		b := chained(2)
		b[i] ^= v
		return b
	}
	otherFile := chained(2)
	otherFile[8] ^= 1
	twin := chained(2)
	twin[40] = 9 // commit time
	return []state{
		{"gen1", chained(1), true}, {"gen2", chained(2), true}, {"gen3", chained(3), true}, {"gen2 other time", resum(twin), true},
		{"zero", make([]byte, 128), false}, {"magic", broken(3, 1), false}, {"crc", broken(127, 0x80), false}, {"uuid", resum(otherFile), false},
		{"torn", append(chained(3)[:40], chained(2)[40:]...), false},
	}
}

func endStates() []state {
	s := slotStates()
	for _, gen := range []uint64{2, 3, 4} {
		for _, created := range []bool{false, true} {
			for _, previous := range []uint64{0, trailerOf(1), trailerOf(2), trailerOf(3)} {
				s = append(s, state{fmt.Sprintf("gen%d created=%v previous=%d", gen, created, previous), record(gen, previous, created), true})
			}
		}
	}
	return s
}

// TestChooseRootTable compares ChooseRoot with the rule of the format, written
// once more and from its text, in every combination of two slots, an end of
// file and a size.
func TestChooseRootTable(t *testing.T) {
	le := binary.LittleEndian
	gen := func(b []byte) uint64 { return le.Uint64(b[24:]) }
	length := func(b []byte) uint64 { return le.Uint64(b[32:]) }
	n := 0
	for _, a := range slotStates() {
		for _, b := range slotStates() {
			for _, e := range endStates() {
				for _, size := range []uint64{lengthOf(0), lengthOf(1), lengthOf(2), lengthOf(3), lengthOf(4), lengthOf(4) + 100} {
					n++
					end := e.sound && length(e.b) == size
					var want []byte
					var rule string
					place := format.InTrailer
					looks := true
					switch {
					case a.sound && b.sound:
						looks = false
						switch {
						case gen(a.b) == gen(b.b) && !bytes.Equal(a.b, b.b):
							rule = format.RuleRootTwins
						case gen(b.b) > gen(a.b):
							want, place = b.b, format.InSlotB
						default:
							want, place = a.b, format.InSlotA
						}
					case a.sound || b.sound:
						want, place = a.b, format.InSlotA
						if b.sound {
							want, place = b.b, format.InSlotB
						}
						if end && le.Uint64(e.b[48:]) == length(want)-128 {
							want, place = e.b, format.InTrailer
						}
					case end && e.b[106]&1 != 0:
						want = e.b
					default:
						rule = format.RuleRootNone
					}
					if want != nil && length(want) > size {
						rule = format.RuleRootTruncated
					}
					// A record whose previous is not before itself breaks
					// another rule, tested elsewhere.
					if rule == "" && le.Uint64(want[48:]) >= length(want)-128 {
						rule = format.RuleRootPrevious
					}
					looked := false
					got, err := format.ChooseRoot(forge.UUID, a.b, b.b, int64(size), func() ([]byte, error) {
						looked = true
						return e.b, nil
					})
					name := fmt.Sprintf("A %s, B %s, end %s, size %d", a.name, b.name, e.name, size)
					if looked && !looks {
						t.Errorf("%s: read the end of the file", name)
					}
					if (got.Slots[0] == nil) != a.sound || (got.Slots[1] == nil) != b.sound {
						t.Errorf("%s: slots %v", name, got.Slots)
					}
					if rule != "" {
						var te *tensor.Error
						if !errors.As(err, &te) || te.Rule != rule {
							t.Errorf("%s: %v, want rule %s", name, err, rule)
						}
						continue
					}
					if err != nil || got.Place != place || !bytes.Equal(got.Bytes[:], want) || got.Root.Generation != gen(want) {
						t.Errorf("%s: %v of %v, %v, want generation %d of %v", name, got.Root.Generation, got.Place, err, gen(want), place)
					}
				}
			}
		}
	}
	if n < 10_000 {
		t.Errorf("only %d cases", n)
	}
}

// Some rows of the table in words.
func TestChooseRootCases(t *testing.T) {
	zero := make([]byte, 128)
	for _, c := range []struct {
		name    string
		a, b, e []byte
		size    uint64
		gen     uint64
		place   format.Place
		rule    string
	}{
		{"created", chained(1), chained(1), chained(1), lengthOf(1), 1, format.InSlotA, ""},
		{"after one append", chained(1), chained(2), chained(2), lengthOf(2), 2, format.InSlotB, ""},
		{"crash before the slot write: the trailer is not believed", chained(1), chained(2), chained(3), lengthOf(3), 2, format.InSlotB, ""},
		{"crash in the slot write: its own trailer", zero, chained(2), chained(3), lengthOf(3), 3, format.InTrailer, ""},
		{"crash in the slot write, the tail lost", zero, chained(2), chained(3), lengthOf(2), 2, format.InSlotB, ""},
		{"streamed", zero, zero, chained(1), lengthOf(1), 1, format.InTrailer, ""},
		{"streamed and cut", zero, zero, zero, lengthOf(1), 0, 0, format.RuleRootNone},
		{"no slot, and a trailer that is no creator's", zero, zero, chained(2), lengthOf(2), 0, 0, format.RuleRootNone},
		{"a trailer of two generations on", zero, chained(1), chained(3), lengthOf(3), 1, format.InSlotB, ""},
		{"copy of a slot with another time", chained(2), slotStates()[3].b, chained(2), lengthOf(2), 0, 0, format.RuleRootTwins},
		{"cut", chained(1), chained(2), zero, lengthOf(1), 0, 0, format.RuleRootTruncated},
	} {
		got, err := format.ChooseRoot(forge.UUID, c.a, c.b, int64(c.size), func() ([]byte, error) { return c.e, nil })
		if c.rule != "" {
			var te *tensor.Error
			if !errors.As(err, &te) || te.Rule != c.rule {
				t.Errorf("%s: %v, want rule %s", c.name, err, c.rule)
			}
			continue
		}
		if err != nil || got.Root.Generation != c.gen || got.Place != c.place {
			t.Errorf("%s: generation %d of %v, %v", c.name, got.Root.Generation, got.Place, err)
		}
	}
}

// The reasons for each slot stand in the error, and that of the end of file.
func TestChooseRootNoneText(t *testing.T) {
	a, b := chained(1), chained(2)
	a[100]++
	b[0] = 'X'
	_, err := format.ChooseRoot(forge.UUID, a, b, int64(lengthOf(2)), func() ([]byte, error) { return make([]byte, 128), nil })
	wantError(t, err, tensor.ErrCorrupt, format.RuleRootNone, 4096)
	for _, s := range []string{"slot A", "offset 4100", "root checksum", "slot B", "offset 8192", "root magic", "end of file", fmt.Sprint("offset ", trailerOf(2))} {
		if !strings.Contains(err.Error(), s) {
			t.Errorf("no %q in %v", s, err)
		}
	}
	_, err = format.ChooseRoot(forge.UUID, nil, nil, 100, nil)
	wantError(t, err, tensor.ErrTruncated, format.RuleRootTruncated, 100)
	ioErr := errors.New("disk on fire")
	_, err = format.ChooseRoot(forge.UUID, a, b, int64(lengthOf(2)), func() ([]byte, error) { return nil, ioErr })
	if !errors.Is(err, ioErr) {
		t.Errorf("the cause is lost: %v", err)
	}
}

// Generations are compared as unsigned numbers.
func TestChooseRootLargeGenerations(t *testing.T) {
	for _, g := range []uint64{1<<63 - 1, 1 << 63, 1<<64 - 2} {
		a, b := chained(1), chained(2)
		binary.LittleEndian.PutUint64(a[24:], g+1)
		binary.LittleEndian.PutUint64(b[24:], g)
		got, err := format.ChooseRoot(forge.UUID, resum(a), resum(b), int64(lengthOf(2)), nil)
		if err != nil || got.Root.Generation != g+1 {
			t.Errorf("%d: %d, %v", g, got.Root.Generation, err)
		}
	}
}

// Every field of a root record that can be wrong is refused by its rule and
// with its place.
func TestRootFields(t *testing.T) {
	for _, c := range []struct {
		name  string
		off   int64
		value []byte
		kind  error
		rule  string
		at    int64 // offset in the record, where it is not off
	}{
		{"generation 0", 24, make([]byte, 8), tensor.ErrCorrupt, format.RuleRootGeneration, 24},
		{"length not a multiple", 32, []byte{1}, tensor.ErrCorrupt, format.RuleRootLength, 32},
		{"length small", 32, []byte{0, 0x30, 0, 0}, tensor.ErrCorrupt, format.RuleRootLength, 32},
		{"length 2^63", 39, []byte{0x80}, tensor.ErrCorrupt, format.RuleRootLength, 32},
		{"length 2^62", 39, []byte{0x40}, tensor.ErrCorrupt, format.RuleRootLength, 32},
		{"previous itself", 48, []byte{0x80, 0x4f}, tensor.ErrCorrupt, format.RuleRootPrevious, 48},
		{"previous forward", 48, []byte{0x80, 0x5f}, tensor.ErrCorrupt, format.RuleRootPrevious, 48},
		{"previous in the control pages", 48, []byte{0x80, 0x2f}, tensor.ErrCorrupt, format.RuleRootPrevious, 48},
		{"previous not a trailer's place", 48, []byte{0x84, 0x3f}, tensor.ErrCorrupt, format.RuleRootPrevious, 48},
		{"previous 2^64-128", 48, []byte{0x80, 255, 255, 255, 255, 255, 255, 255}, tensor.ErrCorrupt, format.RuleRootPrevious, 48},
		{"catalog absent", 56, make([]byte, 16), tensor.ErrCorrupt, format.RuleRootCatalog, 56},
		{"catalog in a slot", 56, []byte{0, 0x20}, tensor.ErrCorrupt, format.RuleRootCatalog, 56},
		{"catalog unaligned", 56, []byte{8, 0x30}, tensor.ErrCorrupt, format.RuleRootCatalog, 56},
		{"catalog over the trailer", 56, []byte{0, 0x50, 0, 0, 0, 0, 0, 0, 96}, tensor.ErrCorrupt, format.RuleRootCatalog, 56},
		{"catalog too long", 64, []byte{0, 0x40}, tensor.ErrTruncated, format.RuleRootCatalog, 56},
		{"catalog overflows", 56, bytes.Repeat([]byte{0xff}, 12), tensor.ErrOverflow, format.RuleRootCatalog, 56},
		{"catalog short", 64, []byte{95}, tensor.ErrCorrupt, format.RuleRootCatalog, 64},
		{"must-read bit", 79, []byte{0x80}, tensor.ErrUnsupported, format.RuleRootMustRead, 72},
		{"flag", 107, []byte{1}, tensor.ErrCorrupt, format.RuleRootZero, 106},
		{"alignment 11", 108, []byte{11}, tensor.ErrCorrupt, format.RuleRootAlignment, 108},
		{"alignment 22", 108, []byte{22}, tensor.ErrCorrupt, format.RuleRootAlignment, 108},
		{"reserved", 111, []byte{1}, tensor.ErrCorrupt, format.RuleRootZero, 0},
		{"writer with ESC", 112, []byte("a\x1b"), tensor.ErrCorrupt, format.RuleRootWriter, 113},
		{"writer with NUL inside", 112, []byte("a\x00b"), tensor.ErrCorrupt, format.RuleRootWriter, 113},
		{"writer beyond ASCII", 112, []byte("\xe9"), tensor.ErrCorrupt, format.RuleRootWriter, 112},
	} {
		b := record(1, 0, true)
		copy(b[c.off:], c.value)
		resum(b)
		_, err := format.ParseSlot(b, format.InSlotB, forge.UUID)
		at := c.at
		if at > 0 {
			at += format.SlotB
		}
		t.Run(c.name, func(t *testing.T) { wantError(t, err, c.kind, c.rule, at) })
		if _, err := format.ChooseRoot(forge.UUID, b, b, 1<<20, nil); err == nil {
			t.Errorf("%s: chosen", c.name)
		}
	}
	_, err := format.ParseTrailer(chained(2), int64(trailerOf(2))+4096, forge.UUID)
	wantError(t, err, tensor.ErrCorrupt, format.RuleRootTrailer, int64(trailerOf(2))+4096+32)
	_, err = format.ParseTrailer(chained(2)[:127], int64(trailerOf(2)), forge.UUID)
	wantError(t, err, tensor.ErrTruncated, format.RuleRootTrailer, 0)
}

// Reserved fields are free in a generation with features that are unknown.
func TestRootUnknownFeatures(t *testing.T) {
	for _, off := range []int{80, 88} {
		b := record(1, 0, true)
		b[off], b[107], b[110] = 4, 2, 9
		r, err := format.ParseSlot(resum(b), format.InSlotA, forge.UUID)
		if err != nil || r.ReadOnly() != (off == 80) {
			t.Errorf("word at %d: read-only %v, %v", off, r.ReadOnly(), err)
		}
	}
}

func TestPlaces(t *testing.T) {
	if s := fmt.Sprint(format.InSlotA, format.InSlotB, format.InTrailer); s != "slot A slot B trailer" {
		t.Error(s)
	}
	if s := fmt.Sprint(format.Ref{Offset: 5, Length: 6}); s != "[5, +6)" {
		t.Error(s)
	}
	if !(format.Ref{}).Absent() || (format.Ref{CRC: 1}).Absent() {
		t.Error("Absent")
	}
}

func TestHeaderFields(t *testing.T) {
	good := forge.File(nil).B[:64]
	for n := range 64 {
		_, err := format.ParseHeader(good[:n])
		off := int64(-1)
		if n >= 8 {
			off = int64(n)
		}
		wantError(t, err, tensor.ErrTruncated, format.RuleHeaderShort, max(off, 0))
	}
	for _, c := range []struct {
		off  int
		v    byte
		sum  bool
		kind error
		rule string
		at   int64
	}{
		{0, 0x88, false, tensor.ErrFormat, format.RuleHeaderMagic, 0},
		{4, '\n', false, tensor.ErrFormat, format.RuleHeaderMagic, 0},
		{12, 2, true, tensor.ErrUnsupported, format.RuleHeaderMajor, 12},
		{12, 0, true, tensor.ErrUnsupported, format.RuleHeaderMajor, 12},
		{13, 1, false, tensor.ErrUnsupported, format.RuleHeaderMajor, 12},
		{14, 65, true, tensor.ErrFormat, format.RuleHeaderSize, 14},
		{20, 1, false, tensor.ErrCorrupt, format.RuleHeaderCRC, 8},
		{8, 1, false, tensor.ErrCorrupt, format.RuleHeaderCRC, 8},
		{63, 1, true, tensor.ErrCorrupt, format.RuleHeaderZero, 63},
	} {
		b := bytes.Clone(good)
		b[c.off] = c.v
		if c.sum {
			binary.LittleEndian.PutUint32(b[8:], forge.CRC(b[12:64]))
		}
		_, err := format.ParseHeader(b)
		wantError(t, err, c.kind, c.rule, c.at)
	}
}

// Every reserved byte of the header counts.
func TestHeaderReserved(t *testing.T) {
	for off := 32; off < 64; off++ {
		b := bytes.Clone(forge.File(nil).B[:64])
		b[off] = 1
		binary.LittleEndian.PutUint32(b[8:], forge.CRC(b[12:64]))
		_, err := format.ParseHeader(b)
		wantError(t, err, tensor.ErrCorrupt, format.RuleHeaderZero, int64(off))
	}
}

// A file of another format is told by name.
func TestLooksLike(t *testing.T) {
	for _, c := range []struct{ b, says string }{
		{"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "PNG"},
		{"GGUF\x03\x00\x00\x00", "GGUF"},
		{"PK\x03\x04\x14\x00\x00\x00", "zip"},
		{"\x40\x00\x00\x00\x00\x00\x00\x00{\"a\":{}}", "safetensors"},
		{"\x89HDF\r\n\x1a\n", "HDF5"},
		{"\x93NUMPY\x01\x00", "NumPy"},
		{"\x80\x04\x95\x00\x00\x00\x00\x00", "pickle"},
		{"version https://git-lfs.github.com/spec/v1\n", "LFS"},
		{"{\"a\": 1, \"b\": 2}", "JSON"},
		{"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", "never written"},
		{"\x89TSR\n\x1a\n\x00\x00\x00\x00", "as text"},
		{"\x89TSR\r\r\n\x1a\r\n\x00", "as text"},
		{"\xef\xbf\xbdTSR\r\n\x1a\n", "as text"},
	} {
		_, err := format.ParseHeader([]byte(c.b))
		wantError(t, err, tensor.ErrFormat, format.RuleHeaderMagic, 0)
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%q: %v", c.b, err)
		}
	}
	_, err := format.ParseHeader([]byte("no such thing at all"))
	if strings.Contains(err.Error(), "looks like") {
		t.Error(err)
	}
}
