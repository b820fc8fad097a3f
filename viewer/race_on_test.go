//go:build race

package viewer

// raceBuild says that the race detector is on: there is less of what is the same without
// it, and ten times faster.
const raceBuild = true
