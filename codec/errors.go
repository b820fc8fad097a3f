package codec

import (
	"errors"
	"fmt"

	"github.com/tensorfile/tensorfile/tensor"
)

// ErrNoGain says that a chunk did not become shorter: it is to be stored raw.
var ErrNoGain = errors.New("codec: the chunk does not become shorter")

// Rules of the specification that stages break.
const (
	ruleText   = "pipeline.text"
	ruleStage  = "pipeline.stage"
	ruleLength = "chunk.length"
	ruleStream = "chunk.stream"
	ruleWindow = "chunk.window"
)

// fail returns an error about a stage.
func fail(kind error, rule, stage, got, want string) error {
	return &tensor.Error{Kind: kind, Offset: -1, Field: "stage " + stage, Got: got, Want: want, Rule: rule}
}

// broken is damage in the body of a stage.
func broken(stage, got, want string) error {
	return fail(tensor.ErrCorrupt, ruleStream, stage, got, want)
}

// brokenBy is damage that a library found.
func brokenBy(stage string, err error) error {
	return &tensor.Error{Kind: tensor.ErrCorrupt, Offset: -1, Field: "stage " + stage, Rule: ruleStream, Err: err}
}

// wrongLength is a decoded length that is not the one wanted: more is a limit
// that was passed, less is damage.
func wrongLength(stage string, got, want uint64) error {
	kind := tensor.ErrCorrupt
	if got > want {
		kind = tensor.ErrLimit
	}
	return fail(kind, ruleLength, stage, fmt.Sprintf("%d bytes", got), fmt.Sprintf("%d bytes", want))
}

// overflows is a stage whose output goes on behind its declared end.
func overflows(stage string, want int) error {
	return fail(tensor.ErrLimit, ruleLength, stage, fmt.Sprintf("more than %d bytes", want), fmt.Sprintf("%d bytes", want))
}

// short is a stage whose output ends before its declared end.
func short(stage string, got, want int) error {
	return fail(tensor.ErrCorrupt, ruleLength, stage, fmt.Sprintf("%d bytes", got), fmt.Sprintf("%d bytes", want))
}

// unknown is a stage that this package does not know, in a place or for a
// dtype where the specification does not define it, or with such an argument.
func unknown(stage, got, want string) error {
	return fail(tensor.ErrUnsupported, ruleStage, stage, got, want)
}
