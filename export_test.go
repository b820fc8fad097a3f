package tensorfile

import (
	"context"

	"github.com/tensorfile/tensorfile/internal/fsys"
	"github.com/tensorfile/tensorfile/mmap"
	"github.com/tensorfile/tensorfile/tensor"
)

// On makes a writer work on another file system.
func (o CreateOptions) On(fs fsys.FS) *CreateOptions {
	o.fs = fs
	return &o
}

const (
	HugePage   = hugePage
	WriterName = writerName
)

func (o AppendOptions) On(fs fsys.FS) *AppendOptions {
	o.fs = fs
	return &o
}

func (o RepackOptions) On(fs fsys.FS) *RepackOptions {
	o.fs = fs
	return &o
}

// RecoverMap is Recover of a source on another file system.
func RecoverMap(ctx context.Context, m *mmap.Map, dst string, fs fsys.FS) (*RecoverReport, error) {
	return recoverMap(ctx, m, dst, &RecoverOptions{fs: fs, Overwrite: true})
}

// JournalEvery is the number of bytes of payload between two journal runs.
func JournalEvery() int64 { return journalEvery }

// SetJournalEvery sets that number until the function that it returns is called.
func SetJournalEvery(n int64) (back func()) {
	old := journalEvery
	journalEvery = n
	return func() { journalEvery = old }
}

// ChunksDecoded is how many chunks of f were decoded so far.
func (f *File) ChunksDecoded() int64 { return f.decoded.Load() }

// UUID of the file being written.
func (w *Writer) UUID() string { return w.uuid.String() }

// LastStorage is the storage that was written last.
func (w *Writer) LastStorage() StorageID {
	s := w.storages[len(w.storages)-1]
	return StorageID{w, s.ID, s.Size}
}

// DefaultChunk is the shape of chunks where nobody says another.
func DefaultChunk(d tensor.DType, shape tensor.Shape) tensor.Shape { return defaultChunk(d, shape) }

// SetCheckPiece sets how many entries of a composite are checked together until
// the function that it returns is called.
func SetCheckPiece(n int64) (back func()) {
	old := checkPiece
	checkPiece = n
	return func() { checkPiece = old }
}
