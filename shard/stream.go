package shard

import (
	"context"
	"crypto/sha256"
	"hash"
	"io"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/internal/atomicfile"
	"github.com/tensorfile/tensorfile/mmap"
	"github.com/tensorfile/tensorfile/tensor"
)

// Stream writes a .tensor file to out, a shard to be that is called name, and returns
// the index of a set of it alone, as Describe would. fill adds what the file holds, and
// neither commits nor keeps the Writer. out is written once and not read: what the
// index tells is noted as it goes by, in as much memory as the catalog takes.
func Stream(ctx context.Context, out io.Writer, name string, o *tensorfile.CreateOptions, fill func(w *tensorfile.Writer) error) (x *Index, err error) {
	r := &recorder{out: out, hash: sha256.New()}
	w, err := tensorfile.NewWriter(r, o)
	if err != nil {
		return nil, err
	}
	defer func() { err = atomicfile.Also(err, w.Close()) }()
	if err = fill(w); err != nil {
		return nil, err
	}
	r.all = true // the catalog is written last
	if err = w.Commit(ctx); err != nil {
		return nil, err
	}
	f, err := tensorfile.OpenMap(mmap.NewReaderAt(r, r.size, name), &tensorfile.OpenOptions{TailFirst: true})
	if err != nil {
		return nil, err
	}
	defer func() { err = atomicfile.Also(err, f.Close()) }()
	if x, err = indexOf(f, name); err == nil {
		r.hash.Sum(x.Shards[0].SHA256[:0])
	}
	return x, err
}

// A recorder notes what goes by: a hash of it, how much it is, and the end of it.
type recorder struct {
	out  io.Writer
	hash hash.Hash
	size int64
	end  []byte
	all  bool // all that comes belongs to the end
}

func (r *recorder) Write(p []byte) (int, error) {
	n, err := r.out.Write(p)
	r.hash.Write(p[:n])
	r.size += int64(n)
	last := p[:n]
	if !r.all { // of what comes before, a reader wants as much as it reads at first
		last = last[max(len(last)-format.TailSize, 0):]
		r.end = r.end[:copy(r.end, r.end[max(len(r.end)+len(last)-format.TailSize, 0):])]
	}
	r.end = append(r.end, last...)
	return n, err
}

// ReadAt reads from the end.
func (r *recorder) ReadAt(p []byte, off int64) (int, error) {
	at := off - (r.size - int64(len(r.end)))
	if at < 0 {
		return 0, &tensor.Error{Kind: tensor.ErrIO, Offset: off, Field: "read", Got: "bytes before the catalog", Want: "those of the catalog"}
	}
	n := 0
	if at < int64(len(r.end)) {
		n = copy(p, r.end[at:])
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}
