package main

import (
	"regexp"
	"strings"
)

// scope is what is mutated: the format, and all that a commit of a file goes
// through. A package without files is mutated whole. This is the one place that
// says so.
var scope = []struct {
	dir   string // from the module's root
	files []string
}{
	{"format", nil},
	{"internal/atomicfile", nil},
	{"internal/fsys", nil},
	{".", []string{
		// what writes
		"save.go", "writer.go", "stream.go", "payload.go", "layout.go", "layout_chunks.go",
		"chunk_write.go", "chunk_copy.go",
		"composite.go", "composite_copy.go",
		// what edits and commits
		"edit.go", "edit_names.go", "edit_commit.go", "chunk_grow.go", "chunk_shrink.go", "composite_grow.go",
		// what finds a state again, or makes a file of it
		"generations.go", "content.go", "copy.go", "repack.go", "chunk_repack.go",
		"recover.go", "chunk_recover.go",
		// what says that all is well
		"verify.go", "verify_catalog.go", "chunk_verify.go", "composite_verify.go",
	}},
}

// sweeps are tests of which a short run does but a part, every fault in turn or
// so: what survives the short tests meets the whole of these, too.
var sweeps = regexp.MustCompile(`^Test(Faults|CalledOffAnywhere)`)

// flat makes a file's name of a directory's.
func flat(dir string) string {
	if dir == "." {
		return "root"
	}
	return strings.ReplaceAll(dir, "/", "_")
}
