package measure

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tensorfile/tensorfile/gpu"
	"github.com/tensorfile/tensorfile/gpu/internal/driver"
	"github.com/tensorfile/tensorfile/gpu/internal/hook"
	"github.com/tensorfile/tensorfile/gpu/internal/ptx"
)

// Copies measures how the link does with copies of other sizes than that of Limits,
// from 1 MiB to o.Size, on 1, 2 and 4 streams, and with both directions at once:
// rows beside link.
func Copies(ctx context.Context, d *gpu.Device, o *Options, link Row) (rows []Row, err error) {
	own := o.resolve()
	err = hook.Driver(d, func(dev driver.Device) error {
		rows, err = own.sweep(ctx, dev, link)
		return err
	})
	return rows, err
}

func (o Options) sweep(ctx context.Context, dev driver.Device, link Row) (rows []Row, err error) {
	const most = 4
	var streams [most]driver.Stream
	for i := range streams {
		s, err := dev.NewStream()
		if err != nil {
			return nil, err
		}
		defer dev.FreeStream(s)
		streams[i] = s
	}
	// One half goes up, the other, in the last row, down.
	pinned, err := dev.HostAlloc(2 * o.Size)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, dev.HostFree(pinned)) }()
	noise(pinned, 4)
	there, err := dev.Alloc(2 * o.Size)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, dev.Free(there)) }()
	add := func(name string, bytes int64, enqueue func() error) error {
		r, err := o.median(ctx, Row{Name: name, Bytes: bytes}, clocked(func() error {
			if err := enqueue(); err != nil {
				return err
			}
			for _, s := range streams {
				if err := dev.StreamSynchronize(s); err != nil {
					return err
				}
			}
			return nil
		}))
		r.beside(link, 0)
		rows = append(rows, r)
		return err
	}
	for size := int64(1 << 20); size <= o.Size; size *= 2 {
		for n := 1; n <= most; n *= 2 {
			err := add(fmt.Sprintf("link, copies of %d MiB, %d streams", size>>20, n), o.Size/size*size, func() error {
				for i := range o.Size / size {
					if err := dev.CopyHtoD(there+driver.Ptr(i*size), pinned[i*size:][:size], streams[i%int64(n)]); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				return rows, err
			}
		}
	}
	return rows, add("link, both directions at once", 2*o.Size, func() error {
		up := dev.CopyHtoD(there, pinned[:o.Size], streams[0])
		return errors.Join(up, dev.CopyDtoH(pinned[o.Size:], there+driver.Ptr(o.Size), streams[1]))
	})
}

// Ring measures how long the ring of an uploader takes to make, beside memory of the
// driver of the same size.
func Ring(ctx context.Context, d *gpu.Device, o *Options) ([]Row, error) {
	own := o.resolve()
	const slots = 8
	limit, err := own.median(ctx, Row{Name: "pinned memory of the driver", Bytes: own.Size}, clocked(func() error {
		return hook.Driver(d, func(dev driver.Device) error {
			b, err := dev.HostAlloc(own.Size)
			if err != nil {
				return err
			}
			return dev.HostFree(b)
		})
	}))
	if err != nil {
		return nil, err
	}
	r, err := own.median(ctx, Row{Name: "ring of an uploader", Bytes: own.Size}, clocked(func() error {
		u, err := d.NewUploader(&gpu.UploadOptions{Slots: slots, SlotBytes: own.Size / slots})
		if err != nil {
			return err
		}
		return u.Close()
	}))
	r.beside(limit, 2)
	return []Row{limit, r}, err
}

// Modules measures how long the driver takes to compile each family of kernels: the
// first time, which fills its cache, and again. Bytes are those of the text.
func Modules(ctx context.Context, d *gpu.Device) (rows []Row, err error) {
	for _, m := range ptx.Modules {
		for _, name := range []string{"compile " + m.Name, "compile " + m.Name + " again"} {
			if err := ctx.Err(); err != nil {
				return rows, err
			}
			begin := time.Now()
			l, err := d.Load(m)
			if err != nil {
				return rows, err
			}
			rows = append(rows, Row{Name: name, Bytes: int64(len(m.PTX)), Runs: 1, Time: time.Since(begin)})
			if err := l.Free(); err != nil {
				return rows, err
			}
		}
	}
	return rows, nil
}
