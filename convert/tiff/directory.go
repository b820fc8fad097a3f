package tiff

import (
	"context"
	"encoding/binary"
	"fmt"
	"strconv"

	"github.com/tensorfile/tensorfile/convert/internal/picture"
	"github.com/tensorfile/tensorfile/tensor"
)

// The tags that are read.
const (
	tagKind          = 254
	tagWidth         = 256
	tagHeight        = 257
	tagBits          = 258
	tagCompression   = 259
	tagPhotometric   = 262
	tagFillOrder     = 266
	tagStripOffsets  = 273
	tagOrientation   = 274
	tagSamples       = 277
	tagRowsPerStrip  = 278
	tagStripCounts   = 279
	tagPlanar        = 284
	tagGroup3Options = 292
	tagPredictor     = 317
	tagPalette       = 320
	tagTileWidth     = 322
	tagTileHeight    = 323
	tagTileOffsets   = 324
	tagTileCounts    = 325
	tagExtra         = 338
	tagSampleFormat  = 339
	tagProfile       = 34675
)

// typeBytes are the sizes of the types that numbers have.
var typeBytes = map[uint16]int64{1: 1, 3: 2, 4: 4, 16: 8}

// entry is one of a directory; the zero value is none.
type entry struct {
	at    int64 // of the entry
	tag   uint16
	kind  uint16
	count int64
	value int64   // the offset of its numbers
	bytes [8]byte // the numbers, if they are few
	few   bool
}

// page is a picture of the file.
type page struct {
	at              int64 // of the directory
	width, height   int64
	bits, samples   int64 // of a sample, of a pixel
	sample          int64 // 1 unsigned, 2 signed, 3 float
	compression     int64
	photometric     int64
	alpha           int64 // 1 multiplied, 2 straight; 0: none
	predictor       int64
	lsbFirst        bool // bits of a byte, of CCITT
	planar          bool
	twoDimensional  bool // group 3
	orientation     int
	profile         bool
	palette         []uint16
	blockW, blockH  int64 // of a tile, or a strip
	tiled           bool
	offsets, counts entry // of strips or tiles; no count: none
	reduced         bool  // a thumbnail or a mask
}

// walk goes through the directories of the file.
func (f *file) walk(ctx context.Context, skip bool) error {
	var head [16]byte
	if err := picture.ReadAt(f.in, "tiff", head[:8], 0, "header"); err != nil {
		return err
	}
	switch string(head[:2]) {
	case "II":
		f.order = binary.LittleEndian
	case "MM":
		f.order = binary.BigEndian
	default:
		return bad(tensor.ErrFormat, 0, "byte order", tensor.Quote(string(head[:2])), "II or MM")
	}
	place := int64(4)
	at := int64(f.order.Uint32(head[4:]))
	switch n := f.order.Uint16(head[2:]); n {
	case 42:
		f.layout.Version = "6.0"
	case 43:
		f.big, f.layout.Version = true, "BigTIFF"
		if err := picture.ReadAt(f.in, "tiff", head[:], 0, "header"); err != nil {
			return err
		}
		if n := f.order.Uint32(head[4:]); f.order.Uint16(head[4:]) != 8 || f.order.Uint16(head[6:]) != 0 {
			return bad(tensor.ErrFormat, 4, "size of offsets", fmt.Sprintf("%08x", n), "8")
		}
		place, at = 8, f.offset(head[8:])
	default:
		return bad(tensor.ErrFormat, 2, "version", fmt.Sprint(n), "42 or 43")
	}
	seen := map[int64]bool{}
	d := &reader{f: f}
	for n := 0; at != 0; n++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		if seen[at] {
			return bad(tensor.ErrCorrupt, place, fmt.Sprintf("directory %d", n), fmt.Sprintf("offset %d", at), "one that was not seen before")
		}
		if n == maxPages {
			return bad(tensor.ErrLimit, place, "directories", "more", fmt.Sprintf("at most %d", maxPages))
		}
		seen[at] = true
		p, next, err := d.directory(n, place, at)
		if err != nil {
			return err
		}
		place = next
		b := d.scratch[:]
		if err := picture.ReadAt(f.in, "tiff", b[:f.offsetBytes()], next, "offset of the next directory"); err != nil {
			return err
		}
		at = f.offset(b)
		if err := f.add(p, n, skip); err != nil {
			return err
		}
	}
	if len(f.pages) == 0 {
		return bad(tensor.ErrFormat, place, "pages", "none", "at least one")
	}
	return nil
}

// add makes a directory a page, if it is one.
func (f *file) add(p *page, n int, skip bool) error {
	if p.reduced {
		f.note("directory %d is a thumbnail or a mask, and left out", n)
		return nil
	}
	if len(f.pages) == 0 {
		f.pages = append(f.pages, p)
		return nil
	}
	a := f.pages[0]
	if p.width != a.width || p.height != a.height || p.channels() != a.channels() || p.dtype() != a.dtype() || max(p.orientation, 1) != max(a.orientation, 1) {
		text := func(p *page) string {
			return fmt.Sprintf("%dx%d, %d channels of %v, orientation %d", p.width, p.height, p.channels(), p.dtype(), max(p.orientation, 1))
		}
		err := bad(tensor.ErrUnsupported, p.at, fmt.Sprintf("page %d", n), text(p), text(a)+", as the first")
		if !skip {
			return err
		}
		f.layout.Skipped = append(f.layout.Skipped, err)
		return nil
	}
	f.pages = append(f.pages, p)
	return nil
}

func (f *file) offsetBytes() int64 {
	if f.big {
		return 8
	}
	return 4
}

// offset is the one that b begins with.
func (f *file) offset(b []byte) int64 { return f.value(b[:f.offsetBytes()]) }

// reader reads directories, and the entries of one up to the first error.
type reader struct {
	f       *file
	n       int   // of the directory
	at      int64 // where it is
	err     error
	entries []entry

	raw     []byte  // entries as they lie
	list    []int64 // of numbers
	scratch [8]byte
}

// directory reads number n, whose offset stands at place. next is where that of
// the next stands.
func (d *reader) directory(n int, place, at int64) (p *page, next int64, err error) {
	f := d.f
	d.n, d.at, d.entries, d.err = n, at, d.entries[:0], nil
	size, entryBytes := int64(2), int64(12)
	if f.big {
		size, entryBytes = 8, 20
	}
	if at < 8 || at > f.in.Size()-size {
		return nil, 0, bad(tensor.ErrTruncated, place, d.field(""), fmt.Sprintf("offset %d", at), fmt.Sprintf("within the %d bytes of the file", f.in.Size()))
	}
	b := d.scratch[:]
	if err := picture.ReadAt(f.in, "tiff", b[:size], at, "directory"); err != nil {
		return nil, 0, err
	}
	count := int64(f.order.Uint16(b))
	if f.big {
		count = f.offset(b)
	}
	if count < 1 || count > maxEntries {
		return nil, 0, bad(tensor.ErrFormat, at, d.field("entries"), fmt.Sprint(count), fmt.Sprintf("1 to %d", maxEntries))
	}
	d.raw = grown(d.raw, count*entryBytes)
	if err := picture.ReadAt(f.in, "tiff", d.raw, at+size, "directory"); err != nil {
		return nil, 0, err
	}
	for i := range count {
		e := d.raw[i*entryBytes : (i+1)*entryBytes]
		r := entry{at: at + size + i*entryBytes, tag: f.order.Uint16(e), kind: f.order.Uint16(e[2:]), count: f.offset(e[4:])}
		inside := 4 + f.offsetBytes() // where the value stands in it, or its offset
		r.value, r.few = r.at+inside, true
		copy(r.bytes[:], e[inside:])
		if width, ok := typeBytes[r.kind]; ok && r.count > f.offsetBytes()/width {
			r.value, r.few = f.offset(e[inside:]), false
		}
		d.entries = append(d.entries, r)
	}
	if p = d.page(); d.err != nil {
		return nil, 0, d.err
	}
	return p, at + size + count*entryBytes, nil
}

// field is what an error is about.
func (d *reader) field(what string) string {
	field := "directory " + strconv.Itoa(d.n)
	if what != "" {
		field += " " + what
	}
	return field
}

// entry finds that of a tag, the first if there are several.
func (d *reader) entry(tag uint16) (e entry, ok bool) {
	for _, e := range d.entries {
		if e.tag == tag {
			return e, true
		}
	}
	return entry{at: d.at}, false
}

// fail keeps the first error, which is about a tag.
func (d *reader) fail(kind error, tag uint16, what, got, want string) {
	if d.err == nil {
		e, _ := d.entry(tag)
		d.err = bad(kind, e.at, d.field(what), got, want)
	}
}

// check looks at the type of an entry's numbers, and at where they stand.
func (d *reader) check(e entry) (width int64, ok bool) {
	if d.err != nil {
		return 0, false
	}
	width, ok = typeBytes[e.kind]
	if ok && e.count >= 1 && e.count <= (1<<62)/width && e.value <= d.f.in.Size() && e.count*width <= d.f.in.Size()-e.value {
		return width, true
	}
	what := fmt.Sprintf("tag %d", e.tag)
	switch {
	case !ok:
		d.fail(tensor.ErrFormat, e.tag, what, fmt.Sprintf("type %d", e.kind), "whole numbers")
	case e.count < 1:
		d.fail(tensor.ErrFormat, e.tag, what, "no number", "at least one")
	case e.count > (1<<62)/width:
		d.fail(tensor.ErrOverflow, e.tag, what, fmt.Sprintf("%d numbers of %d bytes", e.count, width), "less than 2^62 bytes")
	default:
		d.fail(tensor.ErrTruncated, e.tag, what, fmt.Sprintf("%d numbers of %d bytes at %d", e.count, width, e.value), fmt.Sprintf("within the %d bytes of the file", d.f.in.Size()))
	}
	return 0, false
}

// numbers reads the first ones of an entry, at most so many. They hold until it is
// called again.
func (d *reader) numbers(tag uint16, most int64) []int64 {
	e, ok := d.entry(tag)
	if !ok {
		return nil
	}
	if _, ok := d.check(e); !ok {
		return nil
	}
	d.list = d.list[:0]
	for i := range min(e.count, most) {
		n, err := d.f.number(e, i)
		if d.err = err; err != nil {
			return nil
		}
		d.list = append(d.list, n)
	}
	return d.list
}

// number reads number i of an entry.
func (f *file) number(e entry, i int64) (int64, error) {
	width := typeBytes[e.kind]
	if e.few {
		return f.value(e.bytes[i*width:][:width]), nil
	}
	var b [8]byte
	err := picture.ReadAt(f.in, "tiff", b[:width], e.value+i*width, "number")
	return f.value(b[:width]), err
}

// value is the number that bytes are; too large ones are past any file.
func (f *file) value(b []byte) int64 {
	v := uint64(0)
	for i, c := range b {
		if f.order == binary.BigEndian {
			v = v<<8 | uint64(c)
		} else {
			v |= uint64(c) << (8 * i)
		}
	}
	return int64(min(v, 1<<62))
}

// number is the first of an entry, or another if there is none.
func (d *reader) number(tag uint16, other int64) int64 {
	e, ok := d.entry(tag)
	if !ok {
		return other
	}
	if _, ok := d.check(e); !ok {
		return other
	}
	var n int64
	n, d.err = d.f.number(e, 0)
	return n
}

// need is number of an entry that must be there.
func (d *reader) need(tag uint16, what string) int64 {
	if _, ok := d.entry(tag); !ok {
		d.fail(tensor.ErrFormat, tag, what, "none", fmt.Sprintf("tag %d", tag))
		return 0
	}
	return d.number(tag, 0)
}

// among refuses a number that is none of a list.
func (d *reader) among(tag uint16, what string, kind error, v int64, list ...int64) {
	for _, x := range list {
		if v == x {
			return
		}
	}
	want := fmt.Sprint(list)
	d.fail(kind, tag, what, fmt.Sprint(v), "one of "+want[1:len(want)-1])
}

// page reads the entries of the directory.
func (d *reader) page() *page {
	p := &page{at: d.at, sample: 1}
	kind := d.number(tagKind, 0)
	p.reduced = kind&5 != 0
	p.width, p.height = d.need(tagWidth, "width"), d.need(tagHeight, "height")
	if min(p.width, p.height) < 1 || max(p.width, p.height) > 1<<31-1 {
		d.fail(tensor.ErrFormat, tagWidth, "sides", fmt.Sprintf("%dx%d", p.width, p.height), "1 to 2147483647 each")
	}
	p.samples = d.number(tagSamples, 1)
	if p.samples < 1 || p.samples > 64 {
		d.fail(tensor.ErrFormat, tagSamples, "samples of a pixel", fmt.Sprint(p.samples), "1 to 64")
	}
	p.bits = 1
	for i, n := range d.numbers(tagBits, p.samples) {
		if i > 0 && n != p.bits {
			d.fail(tensor.ErrUnsupported, tagBits, "bits", fmt.Sprintf("%d and %d", p.bits, n), "as many for each sample")
		}
		p.bits = n
	}
	d.among(tagBits, "bits of a sample", tensor.ErrFormat, p.bits, 1, 2, 4, 8, 16, 32, 64)
	for i, n := range d.numbers(tagSampleFormat, p.samples) {
		if n == 4 { // nobody knows
			n = 1
		}
		if i > 0 && n != p.sample {
			d.fail(tensor.ErrUnsupported, tagSampleFormat, "formats of samples", fmt.Sprintf("%d and %d", p.sample, n), "one")
		}
		p.sample = n
	}
	d.among(tagSampleFormat, "format of samples", tensor.ErrUnsupported, p.sample, 1, 2, 3)
	p.compression = d.number(tagCompression, plain)
	if name := compressions[p.compression]; name != "" {
		d.fail(tensor.ErrUnsupported, tagCompression, "compression", fmt.Sprintf("%d (%s)", p.compression, name), "none, PackBits, LZW, deflate, or CCITT group 3 or 4")
	}
	d.among(tagCompression, "compression", tensor.ErrUnsupported, p.compression, plain, group3, group4, lempelZiv, deflate, oldDeflate, packBits)
	p.photometric = d.number(tagPhotometric, blackIsZero)
	d.among(tagPhotometric, "photometric interpretation", tensor.ErrUnsupported, p.photometric, whiteIsZero, blackIsZero, colours, mapped, inks)
	p.predictor = d.number(tagPredictor, 1)
	d.among(tagPredictor, "predictor", tensor.ErrUnsupported, p.predictor, 1, 2)
	fill := d.number(tagFillOrder, 1)
	d.among(tagFillOrder, "fill order", tensor.ErrFormat, fill, 1, 2)
	p.lsbFirst = fill == 2
	planar := d.number(tagPlanar, 1)
	d.among(tagPlanar, "planar configuration", tensor.ErrFormat, planar, 1, 2)
	p.planar = planar == 2 && p.samples > 1
	p.twoDimensional = d.number(tagGroup3Options, 0)&1 != 0
	if o := d.number(tagOrientation, 0); o >= 1 && o <= 8 {
		p.orientation = int(o)
	}
	_, p.profile = d.entry(tagProfile)
	d.colours(p)
	d.blocks(p)
	return p
}

// colours looks at what the samples of a pixel are.
func (d *reader) colours(p *page) {
	extra := d.numbers(tagExtra, 64)
	own := map[int64]int64{whiteIsZero: 1, blackIsZero: 1, colours: 3, mapped: 1, inks: 4}[p.photometric]
	switch more := p.samples - own; {
	case d.err != nil:
		return
	case more < 0:
		d.fail(tensor.ErrFormat, tagSamples, "samples of a pixel", fmt.Sprint(p.samples), fmt.Sprintf("at least %d", own))
	case more > 0 && len(extra) > 0 && (extra[0] == 1 || extra[0] == 2) && p.photometric != mapped && p.photometric != inks:
		p.alpha = extra[0]
	case more > 0 && p.photometric == mapped:
		d.fail(tensor.ErrUnsupported, tagSamples, "samples of a pixel", fmt.Sprint(p.samples), "1 of a palette")
	}
	unsigned := p.sample == 1
	switch {
	case p.sample == 3 && p.bits < 16, p.sample == 2 && p.bits < 8:
		d.fail(tensor.ErrFormat, tagSampleFormat, "format of samples", fmt.Sprint(p.sample), fmt.Sprintf("1 of %d bits", p.bits))
	case p.bits < 8 && p.samples > 1:
		d.fail(tensor.ErrUnsupported, tagBits, "bits of a sample", fmt.Sprintf("%d of %d samples", p.bits, p.samples), "8 or more where a pixel has several")
	case p.photometric == whiteIsZero && (!unsigned || p.samples > 1):
		d.fail(tensor.ErrUnsupported, tagPhotometric, "photometric interpretation", "white is zero", "black is zero where samples are signed, floats or several")
	case p.alpha == 1 && (!unsigned || p.bits > 16 || p.planar):
		d.fail(tensor.ErrUnsupported, tagExtra, "alpha", fmt.Sprintf("multiplied into samples of %d bits, format %d, planes %v", p.bits, p.sample, p.planar), "8 or 16 bits, unsigned, side by side")
	case p.predictor == 2 && p.bits < 8:
		d.fail(tensor.ErrUnsupported, tagPredictor, "predictor", fmt.Sprintf("2 of %d bits", p.bits), "8, 16, 32 or 64 bits")
	case (p.compression == group3 || p.compression == group4) && p.bits != 1:
		d.fail(tensor.ErrFormat, tagCompression, "compression", fmt.Sprintf("%d of %d bits", p.compression, p.bits), "1 bit")
	case p.lsbFirst && p.bits < 8 && p.compression != group3 && p.compression != group4:
		d.fail(tensor.ErrUnsupported, tagFillOrder, "fill order", "2", "1 but for CCITT")
	}
	if p.photometric != mapped || d.err != nil {
		return
	}
	if !unsigned || p.bits > 8 {
		d.fail(tensor.ErrUnsupported, tagBits, "bits of a palette", fmt.Sprint(p.bits), "1, 2, 4 or 8, unsigned")
		return
	}
	want := int64(3) << p.bits
	if e, _ := d.entry(tagPalette); e.count != want || e.kind != 3 {
		d.fail(tensor.ErrFormat, tagPalette, "palette", "none of the right size", fmt.Sprintf("%d numbers of 16 bits", want))
		return
	}
	for _, v := range d.numbers(tagPalette, want) {
		p.palette = append(p.palette, uint16(v))
	}
}

// blocks looks at strips or tiles.
func (d *reader) blocks(p *page) {
	if d.err != nil {
		return
	}
	offsets, counts := uint16(tagStripOffsets), uint16(tagStripCounts)
	p.blockW, p.blockH = p.width, min(d.number(tagRowsPerStrip, p.height), p.height)
	if _, p.tiled = d.entry(tagTileWidth); p.tiled {
		offsets, counts = tagTileOffsets, tagTileCounts
		p.blockW, p.blockH = d.number(tagTileWidth, 0), d.need(tagTileHeight, "height of a tile")
		// Tiles are padded, and that is no reason for more than this.
		if most := func(side int64) int64 { return max(1024, side+15) }; p.blockW > most(p.width) || p.blockH > most(p.height) {
			d.fail(tensor.ErrLimit, tagTileWidth, "tile", fmt.Sprintf("%dx%d", p.blockW, p.blockH), fmt.Sprintf("at most %dx%d for %dx%d pixels", most(p.width), most(p.height), p.width, p.height))
		}
	}
	if p.blockW < 1 || p.blockH < 1 {
		d.fail(tensor.ErrFormat, tagRowsPerStrip, "strip or tile", fmt.Sprintf("%dx%d", p.blockW, p.blockH), "at least a pixel")
		return
	}
	p.offsets = d.all(p, offsets)
	if _, ok := d.entry(counts); ok || p.compression != plain { // else it is as much as there must be
		p.counts = d.all(p, counts)
	}
}

// all finds the numbers of all strips or tiles.
func (d *reader) all(p *page, tag uint16) entry {
	e, ok := d.entry(tag)
	if !ok {
		d.fail(tensor.ErrFormat, tag, "strips", fmt.Sprintf("no tag %d", tag), "offsets and sizes of strips or tiles")
		return e
	}
	width, ok := d.check(e)
	if !ok {
		return e
	}
	if n := p.blocks(); e.count < n {
		d.fail(tensor.ErrCorrupt, tag, "strips", fmt.Sprint(e.count), fmt.Sprintf("%d, by the sides of the page and of a strip or tile", n))
	}
	// Directories that share their lists would make a small file a large one.
	if d.f.arrays += e.count * width; d.f.arrays > d.f.in.Size() {
		d.fail(tensor.ErrLimit, tag, "strips", "lists that add up to more than the file", "lists that do not overlap")
	}
	return e
}

// across and down are how many strips or tiles there are each way.
func (p *page) across() int64 { return (p.width + p.blockW - 1) / p.blockW }
func (p *page) down() int64   { return (p.height + p.blockH - 1) / p.blockH }
