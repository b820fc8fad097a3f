//go:build race && linux && !android && !nogpu && (amd64 || arm64)

package cuda

// A sync.Pool drops things at random under the race detector.
const raceEnabled = true
