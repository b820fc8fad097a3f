//go:build race

package badinput

// raceBuild says that the race detector is on: sweeps take a sample then.
const raceBuild = true
