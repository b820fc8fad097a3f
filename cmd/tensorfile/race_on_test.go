//go:build race

package main

// raceBuild says that the race detector is on. What runs commands one after the
// other is left to the run without it, which is ten times faster.
const raceBuild = true
