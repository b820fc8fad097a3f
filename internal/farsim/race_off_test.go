//go:build !race

package farsim_test

// raceBuild says that the race detector is on: it looks at fewer bytes then.
const (
	raceBuild = false
	bulkRows  = 320 * 4 // of 256 KiB
)
