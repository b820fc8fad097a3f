package convert

// SetPiece changes how much is appended at a time and returns a function that
// sets it back.
func SetPiece(n int64) func() {
	old := piece
	piece = n
	return func() { piece = old }
}
