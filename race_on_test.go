//go:build race

package tensorfile_test

// raceBuild says that the race detector is on: sweeps take a sample then, as
// what they try is the same without it, and ten times faster.
const raceBuild = true
