package hdf5

import (
	"github.com/tensorfile/tensorfile/tensor"
)

// Types of messages.
const (
	msgDataspace    = 0x01
	msgLinkInfo     = 0x02
	msgDatatype     = 0x03
	msgOldFill      = 0x04
	msgFill         = 0x05
	msgLink         = 0x06
	msgExternal     = 0x07
	msgLayout       = 0x08
	msgGroupInfo    = 0x0a
	msgFilters      = 0x0b
	msgAttribute    = 0x0c
	msgSharedTable  = 0x0f
	msgContinuation = 0x10
	msgSymbolTable  = 0x11
	msgDriver       = 0x14
	msgAttrInfo     = 0x15
	msgLast         = 0x18
)

// Flags of messages.
const (
	flagShared      = 1 << 1 // the body says where the message is
	flagMustBeKnown = 1 << 7
)

// message is a message of an object header.
type message struct {
	f     *file
	kind  uint16
	flags uint8
	order uint16 // of attributes: in which they were made
	addr  uint64
	body  []byte
}

// object is an object header: a group, a dataset or a datatype with a name.
type object struct {
	addr     uint64
	messages []message
}

// find is the first message of a kind.
func (o *object) find(kind uint16) *message {
	for i := range o.messages {
		if o.messages[i].kind == kind {
			return &o.messages[i]
		}
	}
	return nil
}

// names says what the messages are called in errors.
var names = map[uint16]string{
	msgDataspace: "dataspace", msgLinkInfo: "link info", msgDatatype: "datatype", msgOldFill: "fill value",
	msgFill: "fill value", msgLink: "link", msgExternal: "external files", msgLayout: "data layout",
	msgFilters: "filter pipeline", msgAttribute: "attribute", msgContinuation: "continuation",
	msgSymbolTable: "symbol table", msgAttrInfo: "attribute info", msgSharedTable: "shared message table",
}

// block reads the body, which is not that of a shared message.
func (m *message) block() *block {
	return &block{f: m.f, b: m.body, addr: m.addr, what: names[m.kind] + " message"}
}

// open reads the body, wherever it is.
func (m *message) open() *block {
	if m.flags&flagShared == 0 {
		return m.block()
	}
	r := m.block()
	return r.shared(m.kind)
}

// shared follows what stands where a message of a kind could stand itself.
func (r *block) shared(kind uint16) *block {
	version, where := r.u8(), r.u8()
	addr := uint64(none)
	switch {
	case r.err != nil:
		return r
	case version == 1:
		r.skip(6)
		addr = r.address()
	case version == 2 || version == 3 && where != 1:
		addr = r.address()
	case version == 3:
		id := r.bytes(8)
		if r.err != nil {
			return r
		}
		m := r.f.sharedMessage(kind, id)
		m.what = names[kind] + " message"
		return m
	default:
		r.wrong(tensor.ErrUnsupported, "version of what is shared", count(version), "1 to 3")
	}
	if r.err != nil {
		return r
	}
	o := r.f.shared[addr]
	if o == nil {
		var err error
		if o, err = r.f.object(addr); err != nil {
			r.err = err
			return r
		}
		r.f.shared[addr] = o
	}
	m := o.find(kind)
	if m == nil || m.flags&flagShared != 0 {
		r.wrong(tensor.ErrCorrupt, "shared message", "an object without it", "one that holds it")
		return r
	}
	return m.block()
}

// object reads the object header at addr.
func (f *file) object(addr uint64) (*object, error) {
	first := f.block(addr, 6, "object header")
	if first.err != nil {
		return nil, first.err
	}
	o := &object{addr: addr}
	h := headerReader{f: f, o: o, seen: map[uint64]bool{}}
	var err error
	if string(first.b[:4]) == "OHDR" {
		err = h.version2(first)
	} else {
		err = h.version1(first)
	}
	if err != nil {
		return nil, err
	}
	return o, nil
}

// headerReader reads the messages of a header, which may go on elsewhere.
type headerReader struct {
	f     *file
	o     *object
	seen  map[uint64]bool // where it goes on
	todo  []extent
	order bool // messages have a number
}

type extent struct{ addr, size uint64 }

func (h *headerReader) version1(first *block) error {
	if v := first.b[0]; v != 1 {
		first.fail(tensor.ErrFormat, 0, "version", count(v), "1, or the signature OHDR")
		return first.err
	}
	r := h.f.block(h.o.addr, 16, "object header")
	r.skip(8) // version, number of messages, references
	size := r.u32()
	if r.err != nil {
		return r.err
	}
	h.todo = append(h.todo, extent{h.o.addr + 16, uint64(size)})
	for len(h.todo) > 0 {
		e := h.todo[0]
		h.todo = h.todo[1:]
		r := h.f.block(e.addr, e.size, "object header")
		for r.err == nil && r.left() >= 8 {
			kind, n, flags := r.u16(), r.u16(), r.u8()
			r.skip(3)
			if r.err == nil && n%8 != 0 {
				r.wrong(tensor.ErrCorrupt, "size of a message", count(n), "a multiple of 8")
				break
			}
			h.add(r, kind, flags, 0, int(n))
		}
		if r.err != nil {
			return r.err
		}
	}
	return nil
}

func (h *headerReader) version2(first *block) error {
	if v := first.b[4]; v != 2 {
		first.fail(tensor.ErrUnsupported, 4, "version", count(v), "2")
		return first.err
	}
	flags := first.b[5]
	prefix := 6
	if flags&(1<<5) != 0 {
		prefix += 16 // times
	}
	if flags&(1<<4) != 0 {
		prefix += 4 // when attributes move elsewhere
	}
	width := 1 << (flags & 3)
	r := h.f.block(h.o.addr, uint64(prefix+width), "object header")
	r.skip(prefix)
	size := r.uint(width)
	if r.err != nil {
		return r.err
	}
	h.order = flags&(1<<2) != 0
	total := uint64(prefix+width) + size
	if total < size || total+4 < total {
		r.wrong(tensor.ErrOverflow, "size", count(size), "one that the file has room for")
		return r.err
	}
	r = h.f.block(h.o.addr, total+4, "object header")
	r.skip(prefix + width)
	r.seal()
	if err := h.messages(r); err != nil {
		return err
	}
	for len(h.todo) > 0 {
		e := h.todo[0]
		h.todo = h.todo[1:]
		r := h.f.block(e.addr, e.size, "object header continuation")
		if got := r.bytes(4); r.err == nil && string(got) != "OCHK" {
			r.fail(tensor.ErrFormat, 0, "signature", tensor.Quote(string(got)), "OCHK")
		}
		r.seal()
		if err := h.messages(r); err != nil {
			return err
		}
	}
	return nil
}

// messages reads those of a part of a header of version 2.
func (h *headerReader) messages(r *block) error {
	prefix := 4
	if h.order {
		prefix = 6
	}
	for r.err == nil && r.left() >= prefix {
		kind, n, flags := uint16(r.u8()), r.u16(), r.u8()
		order := uint16(0)
		if h.order {
			order = r.u16()
		}
		h.add(r, kind, flags, order, int(n))
	}
	return r.err // what is left is a gap too small for a message
}

// add takes the n bytes of a message.
func (h *headerReader) add(r *block, kind uint16, flags uint8, order uint16, n int) {
	m := message{f: h.f, kind: kind, flags: flags, order: order, addr: r.addr + uint64(r.at)}
	m.body = r.bytes(n)
	if r.err != nil || kind == 0 {
		return
	}
	if kind > msgLast && flags&flagMustBeKnown != 0 {
		r.wrong(tensor.ErrUnsupported, "message", "type "+count(kind)+", which must be known", "types up to "+count(msgLast))
		return
	}
	if kind != msgContinuation {
		h.o.messages = append(h.o.messages, m)
		return
	}
	c := m.block()
	e := extent{c.address(), c.length()}
	if c.err != nil {
		r.err = c.err
		return
	}
	if e.size == 0 {
		r.wrong(tensor.ErrCorrupt, "continuation", "0 bytes", "room for a message")
		return
	}
	if h.seen[e.addr] || e.addr == h.o.addr {
		r.wrong(tensor.ErrCorrupt, "continuation", "address "+count(e.addr)+" twice", "each once")
		return
	}
	h.seen[e.addr] = true
	h.todo = append(h.todo, e)
}
