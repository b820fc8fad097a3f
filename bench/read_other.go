//go:build !linux

package bench

import "errors"

func openRaw(string) error { return errors.ErrUnsupported }

// evict takes a file out of the page cache.
func evict(string) string { return "not on this system" }
