// Package watch lets a program see how far long work of the engine is: verify,
// hash, compare, repack, recover. As with net/http/httptrace, who wants to know
// puts a function into the context.
package watch

import (
	"context"
	"io"
)

type key struct{}

// With makes work under the context that it returns tell fn how many bytes more it
// has gone through. fn is called by any goroutine, by several at a time, and is
// quick.
func With(ctx context.Context, fn func(n int64)) context.Context {
	return context.WithValue(ctx, key{}, fn)
}

// Add says that n bytes more are through.
func Add(ctx context.Context, n int64) {
	if fn, ok := ctx.Value(key{}).(func(int64)); ok {
		fn(n)
	}
}

// Writer tells of all that is written to w.
func Writer(ctx context.Context, w io.Writer) io.Writer {
	if fn, ok := ctx.Value(key{}).(func(int64)); ok {
		return &writer{w, fn}
	}
	return w
}

type writer struct {
	w  io.Writer
	fn func(int64)
}

func (w *writer) Write(p []byte) (int, error) {
	n, err := w.w.Write(p)
	w.fn(int64(n))
	return n, err
}
