package compare

// SetBlockBytes changes the size of blocks and returns a function that undoes
// it.
func SetBlockBytes(n int) func() {
	before := blockBytes
	blockBytes = n
	return func() { blockBytes = before }
}

// Steps is the distance of two codes of a float with this sign bit.
func Steps(c, d, sign uint64) uint64 { return steps(c, d, sign) }
