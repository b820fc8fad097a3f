package format

// TailSize is how much of the end of a file is worth fetching first where
// every read costs a round trip: it nearly always holds trailer and run head.
const TailSize = 64 << 10

// ChooseTail takes the root of a file of size bytes from its last 128 bytes
// alone, if the specification allows it: they hold a sound trailer at the end
// of the file with CREATED, as in every file that was never appended to. It
// reports false for any other file, damaged ones included; ChooseRoot says
// what is true of those.
//
// Neither header nor slots have been looked at then: the UUID is the
// trailer's own, and Choice.Slots says nothing. The one file that is misjudged
// is one that was appended to and has been cut exactly where it once ended
// before the first append.
func ChooseTail(end []byte, size int64) (Choice, bool) {
	c := Choice{Place: InTrailer}
	if len(end) < RootSize || size < MinLength {
		return c, false
	}
	end = end[len(end)-RootSize:]
	r, err := ParseTrailer(end, size-RootSize, UUID(end[rootUUID:rootGeneration]))
	if err != nil || !r.Created {
		return c, false
	}
	copy(c.Bytes[:], end)
	c.Root = r
	return c, true
}
