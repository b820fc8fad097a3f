// Package parallel shares numbered tasks among goroutines.
package parallel

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// Each runs the tasks 0 to n-1 on at most workers goroutines, the caller's
// among them, and returns the first error. Less than one worker means
// GOMAXPROCS. After an error no task is begun; those that run are waited for.
func Each(workers int, n int64, task func(i int64) error) error {
	return EachWith(workers, n, func() struct{} { return struct{}{} }, func(_ struct{}, i int64) error { return task(i) })
}

// EachWith is [Each] where each goroutine has room of its own, which start makes.
func EachWith[T any](workers int, n int64, start func() T, task func(room T, i int64) error) error {
	if workers < 1 {
		workers = runtime.GOMAXPROCS(0)
	}
	var next atomic.Int64
	var once sync.Once
	var failed error
	work := func() {
		room := start()
		for i := next.Add(1) - 1; i < n; i = next.Add(1) - 1 {
			if err := task(room, i); err != nil {
				once.Do(func() { failed = err })
				next.Store(n)
			}
		}
	}
	var wg sync.WaitGroup
	for range min(int64(workers), n) - 1 {
		wg.Go(work)
	}
	if n > 0 {
		work()
	}
	wg.Wait()
	return failed
}
