package convert

import (
	"context"

	"github.com/tensorfile/tensorfile"
)

// SetPiece changes how much is appended at a time and returns a function that
// sets it back.
func SetPiece(n int64) func() {
	old := piece
	piece = n
	return func() { piece = old }
}

// SetLargeRow changes how large a row of a set may be to be held, and returns a
// function that sets it back.
func SetLargeRow(n int64) func() {
	old := largeRow
	largeRow = n
	return func() { largeRow = old }
}

// SetOpenMember changes how files of a set are opened, and returns a function that
// sets it back.
func SetOpenMember(fn func(ctx context.Context, path string, o *OpenOptions) (*tensorfile.File, error)) func() {
	old := openMember
	openMember = fn
	return func() { openMember = old }
}
