package loader

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/tensorfile/tensorfile/tensor"
)

// ErrResume is the kind of the error about a State that belongs to other
// batches: another data set, shape, seed, rank.
var ErrResume = errors.New("state of other batches")

// StateVersion is the version of State that this package writes, and the only
// one that it reads.
const StateVersion = 1

// A State is a position in the batches of a loader, and what the order of the
// batches depends on. It is plain data, made to be kept as JSON beside a
// checkpoint. docs/loader.md has the fields.
type State struct {
	Version  int           `json:"version"`
	Tensors  []TensorState `json:"tensors"` // by source
	Samples  int64         `json:"samples"`
	Shuffle  bool          `json:"shuffle"`
	Seed     uint64        `json:"seed,string"` // a string: JSON numbers lose bits
	Block    int64         `json:"block"`
	Window   int64         `json:"window"`
	Fixed    bool          `json:"fixed"`
	Batch    int64         `json:"batch"`
	DropLast bool          `json:"drop_last"`
	Rank     int64         `json:"rank"`
	World    int64         `json:"world"`
	Division string        `json:"division"`
	Epoch    int64         `json:"epoch"` // of the next batch
	Next     int64         `json:"next"`  // its number in the epoch
}

// TensorState tells a tensor from others.
type TensorState struct {
	Name  string       `json:"name"`
	File  string       `json:"file,omitempty"` // UUID of a native file
	DType string       `json:"dtype"`
	Shape tensor.Shape `json:"shape"`
	Axis  int          `json:"axis"`
}

// mostState bounds the text of a State.
const mostState = 16 << 20

// ParseState reads the JSON of a State. Text that is none, has an unknown
// field, or numbers that fit no data is ErrFormat; another version is
// ErrUnsupported.
func ParseState(text []byte) (State, error) {
	wrong := func(field, got, want string) (State, error) {
		return State{}, bad(tensor.ErrFormat, "state: "+field, got, want)
	}
	if len(text) > mostState {
		return wrong("text", fmt.Sprintf("%d bytes", len(text)), fmt.Sprintf("at most %d", mostState))
	}
	var version struct {
		Version int `json:"version"`
	}
	if err := json.Unmarshal(text, &version); err != nil {
		return wrong("text", tensor.Quote(err.Error()), "JSON")
	}
	if version.Version != StateVersion {
		return State{}, bad(tensor.ErrUnsupported, "state: version", strconv.Itoa(version.Version), strconv.Itoa(StateVersion))
	}
	var s State
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&s); err != nil {
		return wrong("text", tensor.Quote(err.Error()), "the fields of a state")
	}
	if _, err := d.Token(); err != io.EOF {
		return wrong("text", "more", "one object")
	}
	return s, s.check()
}

// check looks at what can be seen without data.
func (s *State) check() error {
	wrong := func(field, got, want string) error { return bad(tensor.ErrFormat, "state: "+field, got, want) }
	for _, x := range []struct {
		field       string
		n           int64
		least, most int64
	}{
		{"tensors", int64(len(s.Tensors)), 1, mostSources}, {"samples", s.Samples, 0, 1<<63 - 1}, {"block", s.Block, 1, max(s.Samples, 1)},
		{"window", s.Window, 1, 1<<63 - 1}, {"batch", s.Batch, 1, 1<<63 - 1}, {"world", s.World, 1, 1<<63 - 1}, {"rank", s.Rank, 0, s.World - 1},
		{"epoch", s.Epoch, 0, 1<<63 - 1}, {"next", s.Next, 0, 1<<63 - 1},
	} {
		if x.n < x.least || x.n > x.most {
			return wrong(x.field, strconv.FormatInt(x.n, 10), fmt.Sprintf("%d to %d", x.least, x.most))
		}
	}
	if s.Version != StateVersion {
		return bad(tensor.ErrUnsupported, "state: version", strconv.Itoa(s.Version), strconv.Itoa(StateVersion))
	}
	d := -1
	for i, name := range divisions {
		if name == s.Division {
			d = i
		}
	}
	if d < 0 {
		return wrong("division", tensor.Quote(s.Division), "all, drop or repeat")
	}
	lo, hi := share(s.Samples, s.Rank, s.World, Division(d))
	if n := batches(hi-lo, s.Batch, s.DropLast); s.Next > n {
		return wrong("next", strconv.FormatInt(s.Next, 10), fmt.Sprintf("at most the %d batches of an epoch", n))
	}
	return nil
}

// batches of n samples.
func batches(n, batch int64, dropLast bool) int64 {
	b := n / batch
	if n%batch != 0 && !dropLast {
		b++
	}
	return b
}

// mustBe refuses to go on from s unless it is about the same batches as now.
func (s *State) mustBe(now *State) error {
	if err := s.check(); err != nil {
		return err
	}
	differ := func(field string, got, want any) error {
		return bad(ErrResume, "resume: "+field, fmt.Sprint(want), fmt.Sprintf("%v, as in the state", got))
	}
	if len(s.Tensors) != len(now.Tensors) {
		return differ("number of sources", len(s.Tensors), len(now.Tensors))
	}
	for i := range s.Tensors {
		a, b := &s.Tensors[i], &now.Tensors[i]
		of := fmt.Sprintf("source %d: ", i)
		switch {
		case a.Name != b.Name:
			return differ(of+"name", tensor.Quote(a.Name), tensor.Quote(b.Name))
		case a.DType != b.DType:
			return differ(of+"dtype", tensor.Quote(a.DType), b.DType)
		case !a.Shape.Equal(b.Shape):
			return differ(of+"shape", a.Shape, b.Shape)
		case a.Axis != b.Axis:
			return differ(of+"axis", a.Axis, b.Axis)
		case a.File != "" && b.File != "" && a.File != b.File:
			return differ(of+"file", tensor.Quote(a.File), b.File)
		}
	}
	for _, x := range []struct {
		field    string
		got, now any
	}{
		{"samples", s.Samples, now.Samples}, {"shuffle", s.Shuffle, now.Shuffle}, {"seed", s.Seed, now.Seed}, {"block", s.Block, now.Block},
		{"window", s.Window, now.Window}, {"order of blocks fixed", s.Fixed, now.Fixed}, {"batch", s.Batch, now.Batch},
		{"drop last", s.DropLast, now.DropLast}, {"world", s.World, now.World}, {"rank", s.Rank, now.Rank}, {"division", s.Division, now.Division},
	} {
		if x.got != x.now {
			return differ(x.field, x.got, x.now)
		}
	}
	return nil
}
