//go:build !race && linux && !android && !nogpu && (amd64 || arm64)

package cuda

const raceEnabled = false
