//go:build race

package farsim_test

// raceBuild says that the race detector is on: it looks at fewer bytes then.
const (
	raceBuild = true
	bulkRows  = 320 // of 256 KiB
)
