package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/internal/cast"
	"github.com/tensorfile/tensorfile/tensor"
)

// commitSize is the payload of a commit.
const commitSize = 1 << 20

// commitLimit is how large files grow before they begin anew.
const commitLimit = 512 << 20

// commitCases time commits and bare writes in turns, one or the other by the
// clock: how long a sync takes depends on what the disk did before.
func commitCases(e *Env) []Case {
	pair := func(impl string, ours bool) Case {
		return Case{Group: "commit", Name: "size=" + size(commitSize) + "/impl=" + impl, Bytes: commitSize, Run: func(b *testing.B) {
			c, w := &committer{e: e}, &bareWriter{e: e}
			turn := func(timed bool, fn func(b *testing.B, n int), n int) {
				if !timed {
					b.StopTimer()
					defer b.StartTimer()
				}
				fn(b, n)
			}
			c.begin(b)
			w.begin(b)
			b.SetBytes(commitSize)
			n := 0
			for b.Loop() {
				turn(ours, c.write, n)
				turn(!ours, w.write, n)
				if n++; n%(commitLimit/commitSize) == 0 {
					b.StopTimer()
					c.end(b)
					w.end(b)
					c.begin(b)
					w.begin(b)
					b.StartTimer()
				}
			}
			c.end(b)
			w.end(b)
		}}
	}
	return []Case{pair("tensorfile", true), pair("write+2-fdatasync", false)}
}

// committer commits.
type committer struct {
	e *Env
	w *tensorfile.Writer
	v tensor.View
}

func (c *committer) begin(b *testing.B) {
	path := c.e.path("commit.tensor")
	check(b, tensorfile.Save(path, map[string]any{"a": int64(1)}))
	var err error
	c.w, err = tensorfile.OpenAppend(path, nil)
	check(b, err)
	c.v, err = tensor.FromSlice(c.e.bytes(b)[:commitSize])
	check(b, err)
}

func (c *committer) write(b *testing.B, n int) {
	ctx := context.Background()
	check(b, c.w.Add(ctx, fmt.Sprint("t", n), c.v, nil))
	check(b, c.w.Commit(ctx))
}

func (c *committer) end(b *testing.B) {
	check(b, c.w.Close())
	check(b, os.Remove(c.e.path("commit.tensor")))
}

// bareWriter writes and syncs as a commit must: what is new, then a page that
// is there.
type bareWriter struct {
	e   *Env
	f   *os.File
	off int64
}

func (w *bareWriter) begin(b *testing.B) {
	var err error
	w.f, err = os.Create(w.e.path("commit.bin"))
	check(b, err)
	w.off = 3 * 4096
	_, err = w.f.Write(make([]byte, w.off))
	check(b, err)
	check(b, w.f.Sync())
}

func (w *bareWriter) write(b *testing.B, _ int) {
	x := w.e.bytes(b)[:commitSize]
	_, err := w.f.WriteAt(x, w.off)
	check(b, err)
	check(b, datasync(w.f))
	_, err = w.f.WriteAt(x[:4096], 4096)
	check(b, err)
	check(b, datasync(w.f))
	w.off += commitSize
}

func (w *bareWriter) end(b *testing.B) {
	check(b, w.f.Close())
	check(b, os.Remove(w.e.path("commit.bin")))
}

// repackCases compare a repack with a copy of the same bytes, both left to the
// page cache and both synced.
func repackCases(e *Env) []Case {
	var list []Case
	for _, sync := range []string{"no", "yes"} {
		name := "size=" + size(e.Big) + "/sync=" + sync + "/impl="
		list = append(list,
			stream("repack", name+"tensorfile", e.Big, func(b *testing.B) {
				f, err := tensorfile.Open(e.bigFile(b), nil)
				check(b, err)
				path := e.path("repacked.tensor")
				fresh(b, path, func() error {
					_, err := tensorfile.Repack(context.Background(), f, path, &tensorfile.RepackOptions{NoSync: sync == "no"})
					return err
				})
				check(b, f.Close())
			}),
			stream("repack", name+"io.Copy", e.Big, func(b *testing.B) {
				source, path := e.bigFile(b), e.path("repack-copy.tensor")
				fresh(b, path, func() error {
					if sync == "no" {
						return copyFile(path, source)
					}
					return copySynced(path, source)
				})
			}))
	}
	return list
}

// copySynced is copyFile and a sync.
func copySynced(to, from string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Sync(), out.Close())
}

// durableCases are a save that lasts, beside what a disk can do: direct writes
// of 4 MiB and a sync.
func durableCases(e *Env) []Case {
	big := "size=" + size(e.Big) + "/sync=yes/impl="
	return []Case{
		stream("save", big+"tensorfile", e.Big, func(b *testing.B) {
			v, err := tensor.FromSlice(e.floats(b))
			check(b, err)
			path := e.path("durable.tensor")
			fresh(b, path, func() error { return tensorfile.Save(path, map[string]any{"x": v}) })
		}),
		stream("save", big+"direct+fdatasync", e.Big, func(b *testing.B) {
			x := cast.Bytes(e.floats(b))
			path := e.path("durable.bin")
			fresh(b, path, func() error {
				err := writeDirect(path, x)
				if errors.Is(err, errors.ErrUnsupported) {
					os.Remove(path)
					e.skip(b, err)
				}
				return err
			})
		}),
		stream("save", big+"write+fdatasync", e.Big, func(b *testing.B) {
			x := cast.Bytes(e.floats(b))
			path := e.path("durable2.bin")
			fresh(b, path, func() error {
				f, err := os.Create(path)
				if err != nil {
					return err
				}
				for at := 0; at < len(x) && err == nil; at += 4 << 20 {
					_, err = f.Write(x[at:min(len(x), at+4<<20)])
				}
				return errors.Join(err, datasync(f), f.Close())
			})
		}),
	}
}
