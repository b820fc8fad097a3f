package operate

// SetBlock changes how much is computed at a time and returns a function that
// sets it back.
func SetBlock(n int64) func() {
	old := blockBytes
	blockBytes = n
	return func() { blockBytes = old }
}
