package tensorfile

import "github.com/tensorfile/tensorfile/internal/fsys"

// On makes a writer work on another file system.
func (o CreateOptions) On(fs fsys.FS) *CreateOptions {
	o.fs = fs
	return &o
}

const (
	HugePage     = hugePage
	JournalEvery = journalEvery
	WriterName   = writerName
)

func (o AppendOptions) On(fs fsys.FS) *AppendOptions {
	o.fs = fs
	return &o
}

func (o RepackOptions) On(fs fsys.FS) *RepackOptions {
	o.fs = fs
	return &o
}
