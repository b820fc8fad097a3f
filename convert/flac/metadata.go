package flac

import (
	"encoding/binary"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/convert/internal/pcm"
	"github.com/tensorfile/tensorfile/tensor"
)

// The kinds of metadata blocks that are read (RFC 9639, section 8).
const (
	blockInfo     = 0
	blockSeek     = 3
	blockComments = 4
)

const (
	infoSize  = 34
	maxBlocks = 4096    // of metadata
	maxTags   = 1 << 20 // bytes of comments, unless ReadOptions.MaxHeader says other
	maxPoints = 1 << 16 // of a seek table that are used
)

var be, le = binary.BigEndian, binary.LittleEndian

// info is what STREAMINFO says.
type info struct {
	minBlock, maxBlock int // samples of a frame
	maxFrame           int // bytes; 0: not known
	rate               int64
	channels           int
	bits               uint
	total              int64 // samples of a channel; 0: not known
	md5                [16]byte
}

// point is a frame that the seek table names.
type point struct{ sample, offset int64 }

// reader goes through the metadata of a file.
type reader struct {
	in      convert.Input
	maxTags int64
	layout  *convert.Layout
	attrs   convert.Attrs

	info   *info
	points []point // offsets are those behind the metadata
	audio  int64   // where that is
}

func (r *reader) note(format string, args ...any) {
	r.layout.Notes = append(r.layout.Notes, fmt.Sprintf(format, args...))
}

func (r *reader) bytes(at, n int64, field string) ([]byte, error) {
	b := make([]byte, n)
	return b, pcm.ReadAt(r.in, b, at, field)
}

// read reads all blocks of metadata.
func (r *reader) read() error {
	at, err := r.begin()
	if err != nil {
		return err
	}
	for n := 0; ; n++ {
		if n == maxBlocks {
			return bad(tensor.ErrLimit, at, "metadata blocks", "more", fmt.Sprintf("at most %d", maxBlocks))
		}
		if n == 0 && r.in.Size()-at < 4 {
			return bad(tensor.ErrFormat, at, "STREAMINFO", "none", "one, first")
		}
		head, err := r.bytes(at, 4, "metadata block")
		if err != nil {
			return err
		}
		kind, size := head[0]&0x7f, int64(be.Uint32(head)&0xffffff)
		if have := r.in.Size() - at - 4; size > have {
			return bad(tensor.ErrTruncated, at+1, "metadata block size", fmt.Sprint(size), fmt.Sprintf("at most the %d bytes that follow", have))
		}
		if err := r.block(kind, at+4, size); err != nil {
			return err
		}
		at += 4 + size
		if head[0]&0x80 != 0 {
			r.audio = at
			return nil
		}
	}
}

// begin finds the first block: behind the mark, before which some writers put an
// ID3 tag.
func (r *reader) begin() (int64, error) {
	at := int64(0)
	head, err := r.bytes(0, min(10, r.in.Size()), "id")
	if err != nil {
		return 0, err
	}
	if len(head) == 10 && string(head[:3]) == "ID3" {
		at = 10 + int64(head[6]&0x7f)<<21 | int64(head[7]&0x7f)<<14 | int64(head[8]&0x7f)<<7 | int64(head[9]&0x7f)
		r.note("%d bytes of an ID3 tag before the sound", at)
	}
	mark, err := r.bytes(at, 4, "id")
	if err == nil && string(mark) != "fLaC" {
		err = bad(tensor.ErrFormat, at, "id", tensor.Quote(string(mark)), "fLaC")
	}
	return at + 4, err
}

func (r *reader) block(kind byte, at, size int64) error {
	switch {
	case kind == blockInfo && r.info != nil:
		return bad(tensor.ErrFormat, at-4, "STREAMINFO", "a second one", "one")
	case kind != blockInfo && r.info == nil:
		return bad(tensor.ErrFormat, at-4, "first metadata block", fmt.Sprintf("type %d", kind), "0, STREAMINFO")
	case kind == 127:
		return bad(tensor.ErrFormat, at-4, "metadata block type", "127", "0 to 126")
	case kind == blockInfo:
		return r.readInfo(at, size)
	case kind == blockSeek:
		return r.readPoints(at, size)
	case kind == blockComments:
		return r.readComments(at, size)
	}
	return nil
}

func (r *reader) readInfo(at, size int64) error {
	if size != infoSize {
		return bad(tensor.ErrFormat, at-3, "STREAMINFO size", fmt.Sprint(size), fmt.Sprint(infoSize))
	}
	b, err := r.bytes(at, infoSize, "STREAMINFO")
	if err != nil {
		return err
	}
	x := be.Uint64(b[10:])
	s := &info{
		minBlock: int(be.Uint16(b)), maxBlock: int(be.Uint16(b[2:])),
		maxFrame: int(b[7])<<16 | int(b[8])<<8 | int(b[9]),
		rate:     int64(x >> 44), channels: int(x>>41&7) + 1, bits: uint(x>>36&31) + 1, total: int64(x & (1<<36 - 1)),
		md5: [16]byte(b[18:]),
	}
	switch {
	case s.minBlock < 16 || s.maxBlock < s.minBlock:
		return bad(tensor.ErrFormat, at, "block sizes", fmt.Sprintf("%d to %d", s.minBlock, s.maxBlock), "16 to 65535")
	case s.rate == 0:
		return bad(tensor.ErrFormat, at+10, "sample rate", "0", "above 0")
	case s.bits < 4:
		return bad(tensor.ErrFormat, at+12, "bits of a sample", fmt.Sprint(s.bits), "4 to 32")
	}
	r.info = s
	return nil
}

// readPoints reads the seek table. It is only a help: points that cannot be true
// are left out.
func (r *reader) readPoints(at, size int64) error {
	b, err := r.bytes(at, min(size/18, maxPoints)*18, "SEEKTABLE")
	for ; err == nil && len(b) >= 18; b = b[18:] {
		p := point{int64(be.Uint64(b)), int64(be.Uint64(b[8:]))}
		if n := len(r.points); p.sample < 0 || p.offset < 0 || n > 0 && (p.sample <= r.points[n-1].sample || p.offset <= r.points[n-1].offset) {
			continue // a placeholder, or out of order
		}
		r.points = append(r.points, p)
	}
	return err
}

// own are names of fields that are the ids of INFO themselves.
var own = regexp.MustCompile("^I[A-Z0-9]{3}$")

const maskName = "WAVEFORMATEXTENSIBLE_CHANNEL_MASK"

// readComments reads the Vorbis comments: those that WAV files have too become
// "info", the mask of channels "channel_mask", the others "comments".
func (r *reader) readComments(at, size int64) error {
	if size > r.maxTags {
		return bad(tensor.ErrLimit, at-3, "comments size", fmt.Sprint(size), fmt.Sprintf("at most %d", r.maxTags))
	}
	b, err := r.bytes(at, size, "VORBIS_COMMENT")
	if err != nil {
		return err
	}
	end := at + size
	take := func(field string) (string, error) {
		if len(b) < 4 {
			return "", bad(tensor.ErrCorrupt, end-int64(len(b)), field+" length", fmt.Sprintf("%d bytes", len(b)), "4")
		}
		n := int64(le.Uint32(b))
		if b = b[4:]; n > int64(len(b)) {
			return "", bad(tensor.ErrCorrupt, end-int64(len(b))-4, field+" length", fmt.Sprint(n), fmt.Sprintf("at most the %d bytes that follow", len(b)))
		}
		text := string(b[:n])
		b = b[n:]
		return text, nil
	}
	if _, err := take("vendor"); err != nil {
		return err
	}
	if len(b) < 4 {
		return bad(tensor.ErrCorrupt, end-int64(len(b)), "comments", fmt.Sprintf("%d bytes", len(b)), "4 of their number")
	}
	count := int64(le.Uint32(b))
	if b = b[4:]; count > int64(len(b)/4) {
		return bad(tensor.ErrCorrupt, end-int64(len(b))-4, "comments", fmt.Sprint(count), fmt.Sprintf("at most %d in the %d bytes that follow", len(b)/4, len(b)))
	}
	info, comments := map[string]any{}, map[string]any{}
	for range count {
		field, err := take("comment")
		if err != nil {
			return err
		}
		name, text, ok := strings.Cut(field, "=")
		name = strings.ToUpper(pcm.Text([]byte(name)))
		if !ok || !validName(name) {
			r.note("a comment without a proper name is left out: %s", tensor.Quote(name))
			continue
		}
		text = pcm.Text([]byte(text))
		if name == maskName {
			if mask, err := strconv.ParseUint(text, 0, 32); err == nil {
				r.attrs["channel_mask"] = int64(mask)
				continue
			}
		}
		id := pcm.InfoNames[name]
		if own.MatchString(name) {
			id = name
		}
		if _, taken := info[id]; id != "" && !taken {
			info[id] = text
			continue
		}
		list, _ := comments[name].([]any)
		comments[name] = append(list, text)
	}
	if len(info) > 0 {
		r.attrs["info"] = info
	}
	if len(comments) > 0 {
		r.attrs["comments"] = comments
	}
	return nil
}

// validName reports whether a field may be called so.
func validName(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(c rune) bool { return c < ' ' || c > '}' || c == '=' })
}

// masks are what channels of a number mean without a mask (RFC 9639, section
// 9.1.3, with the side speakers that flac and FFmpeg name).
var masks = [9]int64{3: 0x7, 4: 0x33, 5: 0x607, 6: 0x60f, 7: 0x70f, 8: 0x63f}

// appendBlock appends a block of metadata.
func appendBlock(b []byte, kind byte, last bool, body []byte) []byte {
	head := uint32(kind)<<24 | uint32(len(body))
	if last {
		head |= 1 << 31
	}
	return append(be.AppendUint32(b, head), body...)
}

func (s *info) append(b []byte) []byte {
	b = be.AppendUint16(b, uint16(s.minBlock))
	b = be.AppendUint16(b, uint16(s.maxBlock))
	b = append(b, make([]byte, 6)...) // the sizes of frames are not known
	b = be.AppendUint64(b, uint64(s.rate)<<44|uint64(s.channels-1)<<41|uint64(s.bits-1)<<36|uint64(s.total))
	return append(b, s.md5[:]...)
}

// comments are the fields that attrs have, as a block has them.
func comments(attrs convert.Attrs, channels int64) ([]byte, error) {
	var fields []string
	ids, texts, err := pcm.Info(attrs)
	if err != nil {
		return nil, err
	}
	for i, id := range ids {
		name := id
		for n, other := range pcm.InfoNames {
			if other == id {
				name = n
			}
		}
		fields = append(fields, name+"="+texts[i])
	}
	mask, err := pcm.Whole(attrs, "channel_mask", 1<<32-1)
	if err != nil {
		return nil, err
	}
	if mask != 0 && mask != masks[channels] {
		fields = append(fields, fmt.Sprintf("%s=0x%04X", maskName, mask))
	}
	more, _ := attrs["comments"].(map[string]any)
	fail := func(got any) error {
		return bad(tensor.ErrUnsupported, -1, "attribute comments", tensor.Quote(fmt.Sprint(got)), "lists of texts by their names")
	}
	if attrs["comments"] != nil && more == nil {
		return nil, fail(attrs["comments"])
	}
	for _, name := range slices.Sorted(maps.Keys(more)) {
		if !validName(name) {
			return nil, fail(name)
		}
		list, ok := more[name].([]any)
		if !ok {
			return nil, fail(more[name])
		}
		for _, x := range list {
			text, ok := x.(string)
			if !ok {
				return nil, fail(x)
			}
			fields = append(fields, name+"="+text)
		}
	}
	b := appendText(nil, vendor)
	b = le.AppendUint32(b, uint32(len(fields)))
	for _, f := range fields {
		b = appendText(b, f)
	}
	if len(b) > 1<<24-1 {
		return nil, bad(tensor.ErrLimit, -1, "attributes", fmt.Sprint(len(b)), "less than 16 MiB of comments")
	}
	return b, nil
}

func appendText(b []byte, s string) []byte {
	return append(le.AppendUint32(b, uint32(len(s))), s...)
}

// vendor is what files say that wrote them.
const vendor = "tensorfile"
