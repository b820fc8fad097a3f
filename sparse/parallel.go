package sparse

import (
	"context"
	"runtime"
	"sync"
)

// workersFor resolves a number of goroutines; 0 and less mean GOMAXPROCS.
func workersFor(n int) int {
	if n <= 0 {
		n = runtime.GOMAXPROCS(0)
	}
	return min(n, 256)
}

// grain is how many items are worth a goroutine.
const grain = 1 << 14

// split cuts [0, n) into at most workers even ranges of at least grain items,
// as parts counts them, and calls fn for each, in parallel.
func split(n, workers int, fn func(part, lo, hi int)) {
	k := parts(n, workers)
	run(k, func(p int) { fn(p, cut(n, k, p), cut(n, k, p+1)) })
}

// run calls fn for 0 to k-1, in parallel.
func run(k int, fn func(p int)) {
	if k == 1 {
		fn(0)
		return
	}
	var wg sync.WaitGroup
	for p := range k {
		wg.Go(func() { fn(p) })
	}
	wg.Wait()
}

// parts is the number of ranges that split makes.
func parts(n, workers int) int { return max(1, min(workers, n/grain)) }

// cut is where part p of k begins, without overflow for any n.
func cut(n, k, p int) int { return n/k*p + n%k*p/k }

// first runs fn over the ranges of split and returns the error of the lowest
// range that has one.
func first(ctx context.Context, n, workers int, fn func(lo, hi int) error) error {
	errs := make([]error, parts(n, workers))
	split(n, workers, func(p, lo, hi int) { errs[p] = fn(lo, hi) })
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}
