package forge

// Offsets of fields in a chunk page and in a chunk entry.
const (
	PCRC, PStorage, PFirst, PLevel, PZero, PLength, PEntries = 4, 8, 16, 24, 25, 28, 32

	EOffset, ELength, ECRC, EOrigin, ECoding, EZero, ESize = 0, 8, 12, 16, 24, 25, 32
)

// Chunk is one chunk of a grid storage. Without data its entry holds Unit.
type Chunk struct {
	Coding byte
	Data   []byte
	Unit   [16]byte
	Origin uint64
}

// chunks writes the chunks of a grid and a tree of pages, and returns where
// the pages are, the root last, and where the chunks are.
func (im *Image) chunks(s *Storage) (pages, places []int64) {
	if len(s.Chunks) == 0 {
		return nil, nil
	}
	var entries []byte
	for _, c := range s.Chunks {
		e := make([]byte, ESize)
		copy(e, c.Unit[:])
		place := int64(0)
		if len(c.Data) > 0 {
			align := int64(64)
			if c.Coding == 2 && len(c.Data) >= 64<<10 {
				align = 4096
			}
			place = im.align(align)
			im.B = append(im.B, c.Data...)
			le.PutUint64(e[EOffset:], uint64(place))
			le.PutUint32(e[ELength:], uint32(len(c.Data)))
			le.PutUint32(e[ECRC:], CRC(c.Data))
		}
		places = append(places, place)
		le.PutUint64(e[EOrigin:], c.Origin)
		e[ECoding] = c.Coding
		entries = append(entries, e...)
	}
	for first := 0; first < len(s.Chunks); first += 127 {
		n := min(127, len(s.Chunks)-first)
		pages = append(pages, im.page(s.ID, uint64(first), 0, entries[first*ESize:(first+n)*ESize]))
	}
	span := uint64(127)
	for level, below := byte(1), pages; len(below) > 1; level++ {
		span *= 254
		var up []int64
		for i := 0; i < len(below); i += 254 {
			list := below[i:min(i+254, len(below))]
			dir := make([]byte, 16*len(list))
			for j, at := range list {
				le.PutUint64(dir[16*j:], uint64(at))
				le.PutUint32(dir[16*j+8:], le.Uint32(im.B[at+PLength:]))
			}
			up = append(up, im.page(s.ID, uint64(len(up))*span, level, dir))
		}
		pages, below = append(pages, up...), up
	}
	return pages, places
}

// page writes a page, but for its checksum.
func (im *Image) page(id, first uint64, level byte, entries []byte) int64 {
	at := im.align(64)
	h := make([]byte, PEntries)
	copy(h, "TSRP")
	le.PutUint64(h[PStorage:], id)
	le.PutUint64(h[PFirst:], first)
	h[PLevel] = level
	le.PutUint32(h[PLength:], uint32(PEntries+len(entries)))
	im.B = append(append(im.B, h...), entries...)
	return at
}

// sealGrid makes the checksums of pages and of the Refs to them right, from the
// pages of level 0 up to the root, whose Ref stands at ref.
func (im *Image) sealGrid(pages []int64, ref int64) {
	for _, at := range pages {
		if im.B[at+PLevel] > 0 {
			for e := at + PEntries; e < at+int64(le.Uint32(im.B[at+PLength:])) && e < at+4096; e += 16 {
				im.sealRef(e)
			}
		}
		im.sealPage(at)
	}
	if len(pages) > 0 {
		im.sealRef(ref)
	}
}

// SealRef makes the checksum in the Ref at off right.
func (im *Image) SealRef(off int64) *Image { im.sealRef(off); return im }

func (im *Image) sealPage(at int64) {
	n := int64(le.Uint32(im.B[at+PLength:]))
	if n < PEntries || n > 4096 || at+n > int64(len(im.B)) {
		n = PEntries
	}
	le.PutUint32(im.B[at+PCRC:], CRC(im.B[at+PStorage:at+n]))
}
