// Package stats describes the elements of tensors in numbers: extremes, mean,
// deviation, quantiles, histograms, and how many are zero, NaN or infinite.
//
// An Accumulator is fed with views, block by block, so that a tensor of any
// size needs a bounded amount of memory:
//
//	a, err := stats.New(tensor.F32, nil)
//	...
//	err = a.Add(block) // as often as there are blocks
//	...
//	s := a.Summary()
//
// Blocks that several accumulators took are brought together by Merge. Results
// depend on how the elements were cut into blocks only in the last digits of
// mean and deviation, and on strides and byte order not at all.
//
// NaN is counted and otherwise left out. Infinities count for the extremes and
// the quantiles, and are left out of mean and deviation. Complex numbers are
// described by their magnitude.
package stats
