package tensorfile

import (
	"context"
	"fmt"
	"io"

	"github.com/tensorfile/tensorfile/tensor"
)

// region is a strided view on a tensor's storage as numbers only, for bytes
// that are not in memory yet.
type region struct {
	dtype   tensor.DType
	shape   tensor.Shape
	strides tensor.Strides
	offset  int64 // in the storage
}

// region is the part of t that sel takes.
func (t *Tensor) region(sel ...tensor.Selection) (region, error) {
	r := region{t.dtype, t.shape, t.strides, t.offset}
	var err error
	for _, s := range sel {
		if r, err = r.selection(s); err != nil {
			return r, located(err, t.f.Path(), t.name)
		}
	}
	if t.st.Kind == StorageNone {
		return r, t.access().err
	}
	return r, nil
}

// selection applies s as tensor.View.Select does.
func (r region) selection(s tensor.Selection) (region, error) {
	ranges, _, err := s.Resolve(r.shape)
	if err != nil {
		return r, err
	}
	out := region{dtype: r.dtype, offset: r.offset}
	empty := false
	for _, a := range ranges {
		empty = empty || a.Count == 0
	}
	axis := 0
	keep := func(n int) error {
		for ; n > 0; n-- {
			a, stride := ranges[axis], r.strides[axis]
			first := a.First
			if r.dtype.Packed() && axis == len(r.shape)-1 {
				e, end := int64(r.dtype.UnitElems), a.First+a.Count
				if a.Drop || a.Count > 0 && (a.Step != 1 || first%e != 0 || end%e != 0 && end != r.shape[axis]) {
					return &Error{Kind: ErrUnsupported, Offset: -1, Field: "selection of a packed axis", Got: s.String(), Want: fmt.Sprintf("whole units of %d elements of %v", e, r.dtype)}
				}
				first /= e
			}
			if !empty {
				out.offset += first * stride
			}
			if !a.Drop {
				out.shape = append(out.shape, a.Count)
				if a.Count > 1 {
					stride *= a.Step // reaches an element, so it cannot overflow
				}
				out.strides = append(out.strides, stride)
			}
			axis++
		}
		return nil
	}
	whole := len(r.shape)
	for _, it := range s {
		if it.Kind == tensor.SelectRange || it.Kind == tensor.SelectIndex {
			whole--
		}
	}
	for _, it := range s {
		switch it.Kind {
		case tensor.SelectNewAxis:
			out.shape, out.strides = append(out.shape, 1), append(out.strides, 0)
		case tensor.SelectEllipsis:
			err = keep(whole)
		default:
			err = keep(1)
		}
		if err != nil {
			return out, err
		}
	}
	if err := keep(len(r.shape) - axis); err != nil {
		return out, err
	}
	if n := len(out.shape); r.dtype.Packed() && (n == 0 || out.strides[n-1] != int64(r.dtype.UnitBytes)) {
		return out, &Error{Kind: ErrUnsupported, Offset: -1, Field: "selection of a packed axis", Got: s.String(), Want: "the packed axis last"}
	}
	return out, nil
}

func (r region) permute(axes []int) (region, error) {
	bad := &Error{Kind: tensor.ErrIndex, Offset: -1, Field: "axes", Got: fmt.Sprint(axes), Want: fmt.Sprintf("each of 0..%d once", len(r.shape)-1)}
	if len(axes) != len(r.shape) {
		return r, bad
	}
	out := region{dtype: r.dtype, offset: r.offset}
	var seen [tensor.MaxRank]bool
	for _, a := range axes {
		if a < 0 || a >= len(r.shape) || seen[a] {
			return r, bad
		}
		seen[a] = true
		out.shape, out.strides = append(out.shape, r.shape[a]), append(out.strides, r.strides[a])
	}
	if n := len(axes); r.dtype.Packed() && axes[n-1] != n-1 {
		return r, &Error{Kind: ErrUnsupported, Offset: -1, Field: "axes", Got: fmt.Sprint(axes), Want: "the packed axis last"}
	}
	return out, nil
}

// rows is [a, b) along an axis; a packed one begins on a unit.
func (r region) rows(axis int, a, b int64) region {
	step := a
	if axis == len(r.shape)-1 {
		step /= int64(r.dtype.UnitElems)
	}
	r.offset += step * r.strides[axis]
	r.shape = r.shape.Clone()
	r.shape[axis] = b - a
	return r
}

func (r region) empty() bool {
	for _, n := range r.shape {
		if n == 0 {
			return true
		}
	}
	return false
}

// bytes of the C-order image; the region was checked when it was made.
func (r region) bytes() int64 {
	n, _ := tensor.ByteSize(r.dtype, r.shape)
	return n
}

func (r region) reach() (lo, hi int64) {
	lo, hi, _ = tensor.Reach(r.dtype, r.shape, r.strides, r.offset)
	return lo, hi
}

// contiguous reports whether the region is its own C-order image.
func (r region) contiguous() bool { return dense(r.dtype, r.shape, r.strides) }

// widest is the axis to cut: the one with the largest steps, or -1 if there is
// nothing to cut but a packed axis.
func (r region) widest() int {
	axis, far := -1, int64(-1)
	for i, n := range r.shape {
		if n < 2 || r.dtype.Packed() && i == len(r.shape)-1 {
			continue
		}
		s := max(r.strides[i], -r.strides[i])
		if s > far {
			axis, far = i, s
		}
	}
	return axis
}

const (
	// pieceBytes is how much is copied between two looks at the context.
	pieceBytes = 4 << 20
	// blockBytes bounds what a stream of a strided tensor holds in memory.
	blockBytes = 4 << 20
	// acrossBytes bounds it where elements lie across the order in which they
	// are written: the more of them at a time, the longer the runs that are read.
	acrossBytes = 32 << 20
)

// readRegion copies r to dst, which has its shape and dtype.
func (t *Tensor) readRegion(ctx context.Context, dst tensor.View, r region) (err error) {
	defer func() { err = located(err, t.f.Path(), t.name) }()
	if err := ctx.Err(); err != nil || r.empty() {
		return err
	}
	switch {
	case t.grid() != nil:
		return t.readGrid(ctx, dst, r)
	case t.st.Kind == StorageRows:
		return t.readJoined(ctx, dst, r)
	case t.st.Kind == StorageEncoded:
		return t.decodeRegion(ctx, dst, r)
	default:
		return t.readRaw(ctx, dst, r)
	}
}

// decodeRegion decodes the storage up to the last byte of r, once, and from its
// first byte on if the stream can go there.
func (t *Tensor) decodeRegion(ctx context.Context, dst tensor.View, r region) error {
	lo, hi := r.reach()
	in, err := t.openStream(ctx)
	if err != nil {
		return err
	}
	defer in.Close()
	if err := skip(in, lo); err != nil {
		return err
	}
	if dst.Order() == t.order && r.contiguous() {
		if b, err := dst.Bytes(); err == nil {
			err := t.fill(in, b, hi)
			clearTails(b, r)
			return err
		}
	}
	if t.f.limit >= 0 && hi-lo > t.f.limit {
		return &Error{Kind: ErrLimit, Offset: -1, Field: "bytes to decode", Got: fmt.Sprint(hi - lo), Want: fmt.Sprintf("at most %d (OpenOptions.MaxBytes)", t.f.limit)}
	}
	b, err := readGrowing(in, hi-lo)
	if err != nil {
		return err
	}
	if err := t.finish(in, hi); err != nil {
		return err
	}
	src, err := tensor.NewView(b, r.dtype, r.shape, r.strides, r.offset-lo, t.order)
	if err != nil {
		return err
	}
	return tensor.Copy(dst, src)
}

// fill reads b, which ends at end of the storage.
func (t *Tensor) fill(in io.Reader, b []byte, end int64) error {
	if _, err := io.ReadFull(in, b); err != nil {
		return streamError(err)
	}
	return t.finish(in, end)
}

// finish reads the end of a stream that was wanted whole, where its decoder
// looks at checksums.
func (t *Tensor) finish(in io.Reader, at int64) error {
	if at != t.st.Size {
		return nil
	}
	var one [1]byte
	if n, err := in.Read(one[:]); n != 0 {
		return &Error{Kind: ErrCorrupt, Offset: -1, Field: "decoded bytes", Got: "more", Want: fmt.Sprint(t.st.Size)}
	} else if err != nil && err != io.EOF {
		return err
	}
	return nil
}

// readGrowing reads n bytes without believing n before the bytes are there.
func readGrowing(in io.Reader, n int64) ([]byte, error) {
	if n <= 1<<20 {
		b := make([]byte, n)
		_, err := io.ReadFull(in, b)
		return b, streamError(err)
	}
	b := make([]byte, 1<<20)
	for have := int64(0); ; {
		m, err := io.ReadFull(in, b[have:])
		have += int64(m)
		if err != nil {
			return nil, streamError(err)
		}
		if have == n {
			return b, nil
		}
		c := make([]byte, min(n, 4*have))
		copy(c, b)
		b = c
	}
}

// skip goes to byte n of a stream that was just opened.
func skip(in io.Reader, n int64) error {
	if n == 0 {
		return nil
	}
	if s, ok := in.(io.Seeker); ok {
		_, err := s.Seek(n, io.SeekStart)
		return err
	}
	_, err := io.CopyN(io.Discard, in, n)
	return streamError(err)
}

func streamError(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return &Error{Kind: ErrTruncated, Offset: -1, Field: "decoded bytes", Got: "fewer", Want: "as many as declared"}
	}
	return err
}

// openStream opens an encoded storage; its errors name the member.
func (t *Tensor) openStream(ctx context.Context) (io.ReadCloser, error) {
	if g := t.grid(); g != nil && (t.order == tensor.LittleEndian || t.dtype.UnitBytes == 1) {
		return t.gridStream(ctx)
	}
	if t.st.Kind == StorageRows {
		return t.gridStream(ctx)
	}
	return t.f.layout.Storages[t.st.ID-1].Open(ctx)
}

// contextWriter looks at the context before each write.
type contextWriter struct {
	ctx context.Context
	w   io.Writer
}

func (c contextWriter) Write(p []byte) (n int, err error) {
	for n < len(p) || n == 0 {
		if err := c.ctx.Err(); err != nil {
			return n, err
		}
		m, err := c.w.Write(p[n:min(len(p), n+pieceBytes)])
		n += m
		if err != nil || len(p) == 0 {
			return n, err
		}
	}
	return n, nil
}

// writeRegion writes the C-order image of r, little-endian, in bounded memory.
func (t *Tensor) writeRegion(ctx context.Context, w io.Writer, r region) (err error) {
	defer func() { err = located(err, t.f.Path(), t.name) }()
	if err := ctx.Err(); err != nil || r.empty() {
		return err
	}
	mapped := t.access().err == nil
	c := t.f.checkOf(t)
	ahead := c != nil && !c.done.Load() && mapped && r.contiguous() && t.order == tensor.LittleEndian && !t.dtype.Packed() && t.st.Size > hugePage
	if c != nil && !ahead {
		if err := t.f.verifyOnce(t); err != nil {
			return err
		}
	}
	out := contextWriter{ctx, w}
	switch {
	case t.grid() != nil:
		return t.writeGrid(ctx, out, r)
	case t.st.Kind == StorageRows:
		return t.writeJoined(ctx, out, r)
	case mapped:
		lease, err := t.f.m.Acquire()
		if err != nil {
			return err
		}
		defer lease.Release()
		data := t.f.m.Bytes()[t.st.Offset : t.st.Offset+t.st.Size]
		src, err := tensor.NewView(data, r.dtype, r.shape, r.strides, r.offset, t.order)
		if err != nil {
			return err
		}
		if b, e := src.Bytes(); ahead && e == nil {
			err = t.writeChecked(ctx, out, b, r.offset, lease, c)
		} else {
			err = lease.Guard(func() error { return src.WriteCOrder(out, tensor.LittleEndian) })
		}
		if err != nil {
			return t.f.m.FaultError(err, t.st.Offset)
		}
		return t.stillThere(lease, r)
	case t.st.Kind == StorageEncoded && r.contiguous():
		return t.streamRegion(ctx, out, r)
	case t.st.Kind == StorageEncoded:
		if err := t.f.allow(t, r); err != nil {
			return err
		}
		all, err := tensor.Make(r.dtype, r.shape)
		if err != nil {
			return err
		}
		if err := t.decodeRegion(ctx, all, r); err != nil {
			return err
		}
		return all.WriteCOrder(out, tensor.LittleEndian)
	}
	lease, err := t.f.m.Acquire()
	if err != nil {
		return err
	}
	defer lease.Release()
	defer t.expect(r)()
	var buf []byte
	return writeBlocks(ctx, out, r, t.order, func(dst tensor.View, r region) error {
		return t.preadRegion(ctx, lease, dst, r, &buf)
	})
}

// writeBlocks writes the C-order image of a region whose elements read copies to
// memory, block by block. Elements that lie as they are written have this order.
func writeBlocks(ctx context.Context, out io.Writer, r region, order tensor.ByteOrder, read func(dst tensor.View, r region) error) error {
	w := blockWriter{out: out, most: blockBytes, order: order, read: read}
	if r.across() {
		w.most = acrossBytes
	}
	return w.write(ctx, r)
}

// across reports whether the axis that changes least often in C order is not
// the one with the longest steps.
func (r region) across() bool {
	widest := r.widest()
	for axis, n := range r.shape {
		if n > 1 && widest >= 0 {
			return axis != widest
		}
	}
	return false
}

// blockWriter writes a region that is not mapped block by block in C order.
type blockWriter struct {
	out   io.Writer
	most  int64 // bytes of a block
	order tensor.ByteOrder
	read  func(dst tensor.View, r region) error
	block []byte
}

func (w *blockWriter) write(ctx context.Context, r region) error {
	axis := 0
	for axis < len(r.shape) && r.shape[axis] < 2 {
		axis++
	}
	size := r.bytes()
	if size > w.most && axis < len(r.shape) {
		n, cut := r.shape[axis], r.shape[axis]/2
		if axis == len(r.shape)-1 {
			cut -= cut % int64(r.dtype.UnitElems)
		}
		if cut > 0 {
			if err := w.write(ctx, r.rows(axis, 0, cut)); err != nil {
				return err
			}
			return w.write(ctx, r.rows(axis, cut, n))
		}
	}
	// Elements that lie as they are written keep their byte order until then.
	order := tensor.LittleEndian
	if r.contiguous() {
		order = w.order
	}
	block, err := tensor.NewView(scratch(&w.block, size), r.dtype, r.shape, nil, 0, order)
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := w.read(block, r); err != nil {
		return err
	}
	return block.WriteCOrder(w.out, tensor.LittleEndian)
}

// streamRegion copies a contiguous part of an encoded storage without holding
// it.
func (t *Tensor) streamRegion(ctx context.Context, out io.Writer, r region) error {
	lo, hi := r.reach()
	in, err := t.openStream(ctx)
	if err != nil {
		return err
	}
	defer in.Close()
	if err := skip(in, lo); err != nil {
		return err
	}
	unit := int64(r.dtype.UnitBytes)
	buf := make([]byte, min(hi-lo, max(blockBytes/4/unit, 1)*unit))
	var swapped []byte
	for at := lo; at < hi; {
		b := buf[:min(int64(len(buf)), hi-at)]
		if _, err := io.ReadFull(in, b); err != nil {
			return streamError(err)
		}
		clearTailsFrom(b, r, at-lo)
		if t.order == tensor.LittleEndian {
			_, err = out.Write(b)
		} else {
			err = writeSwapped(out, b, r.dtype, &swapped)
		}
		if err != nil {
			return err
		}
		at += int64(len(b))
	}
	return t.finish(in, hi)
}

// writeSwapped writes big-endian units as little-endian ones.
func writeSwapped(out io.Writer, b []byte, d tensor.DType, buf *[]byte) error {
	shape := tensor.Shape{int64(len(b)) / int64(d.UnitBytes) * int64(d.UnitElems)}
	src, err := tensor.NewView(b, d, shape, nil, 0, tensor.BigEndian)
	if err != nil {
		return err
	}
	b = scratch(buf, int64(len(b)))
	dst, err := tensor.NewView(b, d, shape, nil, 0, tensor.LittleEndian)
	if err != nil {
		return err
	}
	if err := tensor.Copy(dst, src); err != nil {
		return err
	}
	_, err = out.Write(b)
	return err
}
