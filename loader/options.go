package loader

import (
	"fmt"
	"strconv"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/tensor"
)

// A Source is a tensor whose samples a Loader reads, and what becomes of them.
// All sources of a Loader have as many samples.
type Source struct {
	// Tensor to read: dense, of any storage. Its file must stay open.
	Tensor *tensorfile.Tensor
	// Axis along which the samples lie; negative ones count from the back. It
	// stays where it is: a batch has the shape of the tensor but for its extent.
	Axis int
	// Rearrange is a pattern for the axes of a batch, such as "b h w c -> b c h w",
	// by the rules of tensor.Rearrange; Sizes are those of it. It may turn the
	// axis of the samples and merge it with others, but not cut it.
	Rearrange string
	Sizes     tensor.Sizes
	// DType of the batch, by the rules of tensor.Cast. Default: that of the
	// tensor.
	DType tensor.DType
	// Scale and Bias make x*Scale+Bias of every element before it becomes the
	// DType: in float32, or in float64 where an integer of 32 bits or more or an
	// f64 is on either side; the product and the sum are rounded each. One number
	// is for all elements, several are for the indices of axis Channel of the
	// batch. Default: 1 and 0.
	Scale, Bias []float64
	Channel     int
}

// Division says what ranks get if samples cannot be shared out evenly.
type Division int

const (
	// DivideAll gives every sample to one rank, so that some have one more than
	// others. The default.
	DivideAll Division = iota
	// DivideDrop leaves out the last samples of an epoch's order, less than World
	// of them: all ranks have as many. Shuffled, others are left out each epoch.
	DivideDrop
	// DivideRepeat repeats the first samples of an epoch's order, less than World
	// of them: all ranks have as many.
	DivideRepeat
)

var divisions = [...]string{"all", "drop", "repeat"}

// String is "all", "drop" or "repeat".
func (d Division) String() string {
	if d < 0 || int(d) >= len(divisions) {
		return "Division(" + strconv.Itoa(int(d)) + ")"
	}
	return divisions[d]
}

// Damage says what to do about chunks that cannot be decoded or do not have
// their checksum.
type Damage int

const (
	// DamageFails ends the loop with an error that says which chunk of which
	// tensor it is and where. The default.
	DamageFails Damage = iota
	// DamageSkips leaves the samples out. Batches keep their places in the order
	// and have fewer samples, perhaps none; they say how many are lost and why.
	DamageSkips
)

// DefaultMemory is what Options.Memory is if nothing is said.
const DefaultMemory = 256 << 20

// Options say how samples become batches. Batch must be given; the zero value
// of each other field is its default.
type Options struct {
	// Batch is the number of samples in a batch.
	Batch int64
	// DropLast leaves out the last batch of an epoch if it would be short.
	DropLast bool

	// Shuffle the samples of each epoch, in another order each.
	Shuffle bool
	// Seed of the shuffle.
	Seed uint64
	// Block is the number of neighbouring samples that are read as one where
	// samples cannot be reached one by one. Default: as the chunks of the tensors
	// lie; 1 if all tensors are mapped or held.
	Block int64
	// Window is the number of samples that are shuffled among each other: whole
	// blocks, which are decoded together and once. Default: what a quarter of
	// Memory holds decoded; all samples if all tensors are mapped or held.
	Window int64

	// Epochs is the number of passes over the data, counted from the first one,
	// also after a resume. Default: 1. Negative: without end.
	Epochs int64

	// Rank of World gets its share of each epoch. Default: 0 of 1.
	Rank, World int64
	// Division of samples among ranks. Default: DivideAll.
	Division Division

	// Workers is the number of goroutines that decode and copy. Default: as many
	// as GOMAXPROCS.
	Workers int
	// Prefetch is the number of batches that may be ready before they are asked
	// for. Default: 4, or fewer if they are large beside Memory.
	Prefetch int
	// Memory bounds the bytes that the loader allocates; it is ErrLimit if they
	// do not suffice. Tensors that cannot be mapped and are small beside it are
	// decoded once and held. Default: DefaultMemory.
	Memory int64

	// Damaged chunks. Default: DamageFails.
	Damaged Damage

	// Resume begins where a loader was when it was asked for its State. What the
	// two disagree on is refused; Block and Window are taken from it unless they
	// are given. Workers, Prefetch, Memory, Epochs, Damaged and what is done to
	// elements may differ.
	Resume *State
}

// A Way is how the samples of a source are reached.
type Way int

const (
	// Mapped samples are copied from the mapping, in any order.
	Mapped Way = iota
	// Held samples were decoded once and stay in memory.
	Held
	// Blocked samples are read or decoded in blocks.
	Blocked
	// Streamed samples are decoded from the begin of a stream to its end in each
	// epoch: blocks cannot change places.
	Streamed
)

// String is "mapped", "held", "blocked" or "streamed".
func (w Way) String() string { return [...]string{"mapped", "held", "blocked", "streamed"}[w] }

// A Plan is what New made of the options and the data.
type Plan struct {
	Samples    int64 // of all ranks in an epoch
	Share      int64 // of them, what this rank gets
	Batches    int64 // of this rank in an epoch
	BatchBytes int64 // of a full batch
	Block      int64 // samples
	Window     int64 // samples, whole blocks; all samples if nothing is blocked
	Fixed      bool  // blocks keep their order, because of a stream
	Workers    int
	Buffers    int   // batches that are made, ready or with the consumer
	Blocks     int   // decoded blocks that are kept at a time
	Memory     int64 // bytes that all this takes at most
	Ways       []Way // by source
}

func bad(kind error, field, got, want string) error {
	return &tensor.Error{Kind: kind, Offset: -1, Field: field, Got: got, Want: want}
}

// resolve checks what does not depend on the data and fills in defaults.
func (o Options) resolve() (Options, error) {
	if o.World == 0 && o.Rank == 0 {
		o.World = 1
	}
	if o.Epochs == 0 {
		o.Epochs = 1
	}
	if o.Memory == 0 {
		o.Memory = DefaultMemory
	}
	for _, x := range []struct {
		field string
		n     int64
		least int64
	}{
		{"Batch", o.Batch, 1}, {"Block", o.Block, 0}, {"Window", o.Window, 0}, {"Rank", o.Rank, 0}, {"World", o.World, 1},
		{"Workers", int64(o.Workers), 0}, {"Prefetch", int64(o.Prefetch), 0}, {"Memory", o.Memory, 1},
	} {
		if x.n < x.least {
			return o, bad(tensor.ErrIndex, x.field, strconv.FormatInt(x.n, 10), fmt.Sprintf("at least %d", x.least))
		}
	}
	switch {
	case o.Rank >= o.World:
		return o, bad(tensor.ErrIndex, "Rank", strconv.FormatInt(o.Rank, 10), fmt.Sprintf("less than the World of %d", o.World))
	case o.Division < DivideAll || o.Division > DivideRepeat:
		return o, bad(tensor.ErrUnsupported, "Division", o.Division.String(), "all, drop or repeat")
	case o.Damaged < DamageFails || o.Damaged > DamageSkips:
		return o, bad(tensor.ErrUnsupported, "Damaged", strconv.Itoa(int(o.Damaged)), "DamageFails or DamageSkips")
	}
	return o, nil
}
