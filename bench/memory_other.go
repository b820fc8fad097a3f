//go:build !linux

package bench

func pages(n int64) []byte { return make([]byte, n) }
