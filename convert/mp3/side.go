package mp3

import "fmt"

// sideInfo is the side information of a frame (ISO/IEC 11172-3, section 2.4.1.7;
// 13818-3, section 2.4.1.7).
type sideInfo struct {
	begin    int    // bytes before the frame's own where its sound begins
	share    [2]int // scfsi of the channels: which scale factors the granules share
	granules [2][2]granule
}

// granule is what side information says of one channel of a granule.
type granule struct {
	bits     int // of scale factors and values
	pairs    int // values coded by pairs, times two
	gain     int
	compress int  // how scale factors are coded
	block    int  // type: 0 long, 1 start, 2 short, 3 stop
	mixed    bool // a short block with long ones in its lowest bands
	lowLong  bool // the lowest two subbands have the window of type 0, whatever the block's
	tables   [3]int
	subgain  [3]int
	regions  [2]int // bands of the first two regions, less one
	preflag  int
	coarse   int // scalefac_scale
	quads    int // table of the values coded by quads
}

func (g *granule) short() bool { return g.block == 2 }

// bits of the sound of a frame.
func (s *sideInfo) bits(h header) (n int) {
	for i := range h.granules() {
		for c := range h.channels() {
			n += s.granules[i][c].bits
		}
	}
	return n
}

// fault is what is wrong with a frame.
type fault struct{ field, got, want string }

func wrong(field string, got any, want string) *fault { return &fault{field, fmt.Sprint(got), want} }

// parseSide reads the side information of a frame.
func parseSide(h header, frame []byte) (s sideInfo, bad *fault) {
	end := headerSize + h.side() // the shortest frame, of 24 bytes, has as many
	r := &bitReader{b: frame[end-h.sideInfo() : end]}
	channels, compress := h.channels(), 9
	if h.version() == mpeg1 {
		compress = 4
		s.begin = r.uint(9)
		r.uint(7 - 2*channels) // private
		for c := range channels {
			s.share[c] = r.uint(4)
		}
	} else {
		s.begin = r.uint(8)
		r.uint(channels)
	}
	for i := range h.granules() {
		for c := range channels {
			if bad := s.granules[i][c].parse(r, h, compress); bad != nil {
				return s, bad
			}
		}
	}
	return s, nil
}

func (g *granule) parse(r *bitReader, h header, compress int) *fault {
	g.bits = r.uint(12)
	if g.pairs = 2 * r.uint(9); g.pairs > 576 {
		return wrong("big_values", g.pairs/2, "at most 288")
	}
	g.gain = r.uint(8)
	g.compress = r.uint(compress)
	if r.uint(1) == 1 {
		if g.block = r.uint(2); g.block == 0 {
			return wrong("block_type", 0, "1 to 3 of a window that switches")
		}
		g.lowLong = r.uint(1) == 1
		g.tables = [3]int{r.uint(5), r.uint(5)}
		g.subgain = [3]int{r.uint(3), r.uint(3), r.uint(3)}
		g.mixed = g.lowLong && g.short()
	} else {
		g.tables = [3]int{r.uint(5), r.uint(5), r.uint(5)}
		if g.regions = [2]int{r.uint(4), r.uint(3)}; g.regions[0]+g.regions[1] > 20 {
			return wrong("region counts", g.regions[0]+g.regions[1], "at most 20")
		}
	}
	if h.version() == mpeg1 {
		g.preflag = r.uint(1)
	}
	g.coarse, g.quads = r.uint(1), 32+r.uint(1)
	for _, t := range g.tables {
		if g.bits > 0 && (t == 4 || t == 14) {
			return wrong("table_select", t, "a Huffman table: not 4 or 14")
		}
	}
	return nil
}
