package watch

import (
	"bytes"
	"context"
	"sync/atomic"
	"testing"
)

func TestWatch(t *testing.T) {
	Add(context.Background(), 5) // nobody looks
	var b bytes.Buffer
	if w := Writer(context.Background(), &b); w != &b {
		t.Error("a writer that nobody watches is another one")
	}
	var n atomic.Int64
	ctx := With(context.Background(), func(k int64) { n.Add(k) })
	Add(ctx, 5)
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	if _, err := Writer(inner, &b).Write([]byte("abc")); err != nil || b.String() != "abc" || n.Load() != 8 {
		t.Errorf("%v %q %d", err, b.String(), n.Load())
	}
}
