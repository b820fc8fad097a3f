package format

import (
	"fmt"

	"github.com/tensorfile/tensorfile/tensor"
)

// How far a cursor reads ahead: records, and bytes of either section.
const (
	aheadRecords = 64
	aheadBytes   = 64 << 10
)

// cursor walks the names of one run, and reads names and records a piece
// ahead: what lies side by side costs one look at the page sums and one copy.
type cursor struct {
	r    *run
	i    int64
	key  string
	end  uint32 // of key
	done bool

	// [first, limit) is what was read ahead.
	first, limit int64
	ends         [aheadRecords]uint32
	names        string // of these records
	begin        uint32 // of names
	records      []byte // nil: not readable as one, so each is read on its own
	buf          []byte
}

func newCursor(r *run) *cursor { return &cursor{r: r, i: -1} }

// next goes to the next name. Its errors are the end of the walk: names cannot
// be trusted from there on.
func (c *cursor) next() error {
	h := c.r.head
	if c.i++; c.i >= h.Tensors {
		c.done = true
		return nil
	}
	if c.i == c.limit {
		if err := c.ahead(); err != nil {
			return err
		}
	}
	end := c.ends[c.i-c.first]
	if end < c.end || int64(end) > h.Names {
		return c.r.badEnd(c.i, c.end, end)
	}
	key := c.names[c.end-c.begin : end-c.begin]
	if c.i > 0 && key <= c.key {
		kind := tensor.ErrCorrupt
		if key == c.key {
			kind = tensor.ErrDuplicate
		}
		return fail(kind, RuleNameOrder, h.Begin()+h.namesAt+int64(c.end), "name", tensor.Quote(key)+" behind "+tensor.Quote(c.key), "strictly ascending names")
	}
	if key != "" && !plainName(key) {
		if err := checkKey(key, h.Begin()+h.namesAt+int64(c.end)); err != nil {
			return err
		}
	}
	c.key, c.end = key, end
	return nil
}

// seek goes to the first name that is not below key.
func (c *cursor) seek(key string) error {
	i, err := c.r.seek(key)
	if err != nil {
		return err
	}
	*c = cursor{r: c.r, i: i - 1, first: i, limit: i, buf: c.buf}
	if i > 0 && i < c.r.head.Tensors {
		b, err := c.r.name(i - 1)
		if err != nil {
			return err
		}
		if _, c.end, err = c.r.nameExtent(i - 1); err != nil {
			return err
		}
		c.key = string(b)
	}
	return c.next()
}

// ahead reads the ends and names of records from c.i on, and the records.
func (c *cursor) ahead() error {
	h := c.r.head
	n := min(h.Tensors-c.i, aheadRecords, max(aheadBytes/h.TensorSize, 1))
	var b [4 * aheadRecords]byte
	if err := c.r.read(b[:4*n], h.endsAt+4*c.i); err != nil {
		return err
	}
	end := c.end
	for k := range n {
		e := le.Uint32(b[4*k:])
		c.ends[k] = e
		bad := e < end || int64(e) > h.Names
		if !bad && e-end > maxKey && k == 0 {
			return c.r.longName(end, e)
		}
		if bad || e-end > maxKey || k > 0 && e-c.end > aheadBytes {
			// What is wrong is reported when the walk comes to it.
			n = max(k, 1)
			break
		}
		end = e
	}
	p, err := c.r.view(h.namesAt+int64(c.end), int(end-c.end))
	if err != nil {
		return err
	}
	c.first, c.limit = c.i, c.i+n
	c.names, c.begin = string(p), c.end
	if size := int(n * h.TensorSize); cap(c.buf) < size {
		c.buf = make([]byte, size)
	}
	c.records = c.buf[:n*h.TensorSize]
	if c.r.read(c.records, c.i*h.TensorSize) != nil {
		c.records = nil
	}
	return nil
}

// tensor is the record of the name that the cursor is at.
func (c *cursor) tensor(rec *TensorRecord, heap *[]byte) error {
	if c.records == nil {
		return c.r.tensor(c.i, rec, heap)
	}
	b := c.records[(c.i-c.first)*c.r.head.TensorSize:]
	return c.r.parseTensor(c.i, (*[TensorSize]byte)(b), rec, heap)
}

func (r *run) badEnd(i int64, begin, end uint32) error {
	return fail(tensor.ErrCorrupt, RuleNameEnds, r.head.Begin()+r.head.endsAt+4*i, fmt.Sprintf("end of name %d", i), fmt.Sprint(end), fmt.Sprintf("%d..%d", begin, r.head.Names))
}
