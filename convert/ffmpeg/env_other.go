//go:build !windows

package ffmpeg

// systemEnv is what programs cannot start without.
func systemEnv() []string { return nil }
