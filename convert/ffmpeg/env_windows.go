package ffmpeg

import "os"

// systemEnv is what programs cannot start without.
func systemEnv() []string { return []string{"SystemRoot=" + os.Getenv("SystemRoot")} }
