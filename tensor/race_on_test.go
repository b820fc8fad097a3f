//go:build race

package tensor

// Under the race detector pools forget at random.
const raceDetector = true
