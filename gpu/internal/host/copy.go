package host

import (
	"encoding/binary"

	"github.com/tensorfile/tensorfile/gpu/internal/driver"
	"github.com/tensorfile/tensorfile/internal/cast"
	"github.com/tensorfile/tensorfile/internal/kernel"
	"github.com/tensorfile/tensorfile/internal/parallel"
)

// share is what a goroutine copies at a time.
const share = 1 << 20

// move copies with as many goroutines as the size is worth.
func move(dst, src []byte) error {
	if len(src) <= share || cast.Overlap(dst, src) {
		copy(dst, src)
		return nil
	}
	n := int64((len(src) + share - 1) / share)
	return parallel.Each(0, n, func(i int64) error {
		return onFault(func() error {
			lo, hi := int(i)*share, min(int(i+1)*share, len(src))
			kernel.CopyStream(dst[lo:hi], src[lo:hi])
			return nil
		})
	})
}

// enqueue puts a copy into a stream. It waits for it if it is on no stream, or if
// host memory that is not pinned takes part.
func (d *device) enqueue(op string, h driver.Stream, wait bool, do func() error) error {
	held := func() error {
		d.running.RLock()
		defer d.running.RUnlock()
		return do()
	}
	if h == 0 {
		if err := d.failed(); err != nil {
			return err
		}
		d.lose(onFault(held))
		return d.failed()
	}
	s, err := d.stream(op, h)
	if err != nil {
		return err
	}
	s.push(work{do: held})
	if wait {
		s.wait()
		return d.failed()
	}
	return nil
}

// check refuses a copy beyond an allocation before it is enqueued, as the driver
// does.
func (d *device) check(op string, p driver.Ptr, n int64) error {
	if err := d.failed(); err != nil {
		return err
	}
	if _, err := d.Bytes(p, n); err != nil {
		return fail(op, driver.InvalidValue, "%d bytes at %#x do not lie in one allocation", n, p)
	}
	return nil
}

func (d *device) CopyHtoD(dst driver.Ptr, src []byte, s driver.Stream) error {
	if err := d.check("CopyHtoD", dst, int64(len(src))); err != nil {
		return err
	}
	return d.enqueue("CopyHtoD", s, !d.pinned.has(src), func() error {
		to, err := d.Bytes(dst, int64(len(src)))
		if err != nil {
			return err
		}
		return move(to, src)
	})
}

func (d *device) CopyDtoH(dst []byte, src driver.Ptr, s driver.Stream) error {
	if err := d.check("CopyDtoH", src, int64(len(dst))); err != nil {
		return err
	}
	return d.enqueue("CopyDtoH", s, !d.pinned.has(dst), func() error {
		from, err := d.Bytes(src, int64(len(dst)))
		if err != nil {
			return err
		}
		return move(dst, from)
	})
}

func (d *device) CopyDtoD(dst, src driver.Ptr, n int64, s driver.Stream) error {
	for _, p := range [2]driver.Ptr{dst, src} {
		if err := d.check("CopyDtoD", p, n); err != nil {
			return err
		}
	}
	return d.enqueue("CopyDtoD", s, false, func() error {
		to, err := d.Bytes(dst, n)
		if err != nil {
			return err
		}
		from, err := d.Bytes(src, n)
		if err != nil {
			return err
		}
		return move(to, from)
	})
}

func (d *device) CopyHtoD2D(dst driver.Ptr, dstPitch int64, src []byte, srcPitch, width, rows int64, s driver.Stream) error {
	if width < 0 || rows < 0 || dstPitch < width || srcPitch < width {
		return fail("CopyHtoD2D", driver.InvalidValue, "%d rows of %d bytes, %d and %d apart", rows, width, srcPitch, dstPitch)
	}
	if width == 0 || rows == 0 {
		return nil
	}
	if n := int64(len(src)); n < width || (n-width)/srcPitch < rows-1 {
		return fail("CopyHtoD2D", driver.InvalidValue, "%d rows of %d bytes, %d apart, in %d bytes", rows, width, srcPitch, n)
	}
	if rows-1 > (d.properties.Memory-width)/dstPitch {
		return fail("CopyHtoD2D", driver.InvalidValue, "%d rows, %d bytes apart", rows, dstPitch)
	}
	span := (rows-1)*dstPitch + width
	if err := d.check("CopyHtoD2D", dst, span); err != nil {
		return err
	}
	return d.enqueue("CopyHtoD2D", s, !d.pinned.has(src), func() error {
		to, err := d.Bytes(dst, span)
		if err != nil {
			return err
		}
		for r := range rows {
			copy(to[r*dstPitch:r*dstPitch+width], src[r*srcPitch:])
		}
		return nil
	})
}

func (d *device) Memset8(dst driver.Ptr, v byte, n int64, s driver.Stream) error {
	return d.memset("Memset8", dst, []byte{v}, n, s)
}

func (d *device) Memset32(dst driver.Ptr, v uint32, n int64, s driver.Stream) error {
	if dst%4 != 0 || n > 1<<61 {
		return fail("Memset32", driver.InvalidValue, "%d words at %#x", n, dst)
	}
	return d.memset("Memset32", dst, binary.NativeEndian.AppendUint32(nil, v), 4*n, s)
}

// memset repeats a pattern over n bytes.
func (d *device) memset(op string, dst driver.Ptr, pattern []byte, n int64, s driver.Stream) error {
	if err := d.check(op, dst, n); err != nil {
		return err
	}
	return d.enqueue(op, s, false, func() error {
		to, err := d.Bytes(dst, n)
		if err != nil {
			return err
		}
		for done := copy(to, pattern); done < len(to); done *= 2 {
			copy(to[done:], to[:done])
		}
		return nil
	})
}
