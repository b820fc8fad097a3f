//go:build race

package codec

// Under the race detector pools forget at random.
const raceDetector = true
