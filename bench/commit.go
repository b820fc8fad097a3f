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

// commitLimit is how large files grow before they begin anew: their blocks
// must be new ones, as those of a file that grows are.
const commitLimit = 512 << 20

func commitCases(e *Env) []Case {
	name := "size=" + size(commitSize) + "/impl="
	return []Case{
		{Group: "commit", Name: name + "tensorfile", Bytes: commitSize, Run: func(b *testing.B) {
			v, err := tensor.FromSlice(e.bytes(b)[:commitSize])
			check(b, err)
			path := e.path("commit.tensor")
			var w *tensorfile.Writer
			begin := func() {
				if w != nil {
					check(b, w.Close())
				}
				check(b, tensorfile.Save(path, map[string]any{"a": int64(1)}))
				w, err = tensorfile.OpenAppend(path, nil)
				check(b, err)
			}
			begin()
			ctx := context.Background()
			b.SetBytes(commitSize)
			n := 0
			for b.Loop() {
				check(b, w.Add(ctx, fmt.Sprint("t", n), v, nil))
				check(b, w.Commit(ctx))
				if n++; n%(commitLimit/commitSize) == 0 {
					b.StopTimer()
					begin()
					b.StartTimer()
				}
			}
			check(b, w.Close())
			check(b, os.Remove(path))
		}},
		{Group: "commit", Name: name + "write+2-fdatasync", Bytes: commitSize, Run: func(b *testing.B) {
			x := e.bytes(b)[:commitSize]
			path := e.path("commit.bin")
			f, err := os.Create(path)
			check(b, err)
			_, err = f.Write(make([]byte, 3*4096))
			check(b, err)
			check(b, f.Sync())
			b.SetBytes(commitSize)
			off := int64(3 * 4096)
			for b.Loop() {
				_, err := f.WriteAt(x, off)
				check(b, err)
				check(b, datasync(f))
				_, err = f.WriteAt(x[:4096], 4096)
				check(b, err)
				check(b, datasync(f))
				if off += commitSize; off > commitLimit {
					b.StopTimer()
					off = 3 * 4096
					check(b, f.Truncate(off))
					check(b, f.Sync())
					b.StartTimer()
				}
			}
			check(b, f.Close())
			check(b, os.Remove(path))
		}},
	}
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
					b.Skip(err)
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
