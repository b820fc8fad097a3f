// Package loader reads tensors in batches: over one or several tensors zipped
// together, in order or shuffled, prefetched in bounded memory, shared out
// among ranks, resumable.
//
//	l, err := loader.New(&loader.Options{Batch: 256, Shuffle: true, Seed: 1, Epochs: 90},
//		loader.Source{Tensor: images, DType: tensor.F32, Scale: []float64{1. / 255}},
//		loader.Source{Tensor: labels})
//	if err != nil {
//		return err
//	}
//	for b, err := range l.Batches(ctx) {
//		if err != nil {
//			return err
//		}
//		train(b.Views[0], b.Views[1])
//	}
//
// # How long a batch is valid
//
// The views, samples and errors of a Batch are borrowed: they are good until
// the body of the loop ends, or is left, and then their memory becomes a later
// batch. Batch.Keep makes them the caller's. With the build tag "invariants"
// memory is not used again: on Unix a late touch of it faults, elsewhere it
// reads 0xA5, and a late call of a method of Batch panics.
//
// # Order
//
// The order of samples follows from Options.Seed, the number of the epoch,
// Block and Window and nothing else: not from the machine, the number of
// workers or the memory in use. docs/loader.md specifies it, with test vectors.
//
// # Memory
//
// Options.Memory bounds what the loader allocates: batches, those in the hands
// of the consumer included, decoded blocks, what is held for all epochs and the
// scratch memory of workers. What is mapped is the page cache's and does not
// count, nor do batches that were kept.
//
// # Concurrency
//
// A Loader delivers to one loop at a time. Its other methods are safe beside
// it. Goroutines are started when a loop begins and have ended when it has.
// Files stay open meanwhile: their Close is ErrInUse.
package loader
