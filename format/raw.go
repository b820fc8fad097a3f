package format

// ParseSums reads the list of block sums b of a raw storage, whose record
// points to it by ref.
func ParseSums(b []byte, ref Ref) ([]uint32, error) {
	if got := Checksum(b); got != ref.CRC {
		return nil, badSum(RuleRefCRC, int64(ref.Offset), "checksum of the block sums", got, ref.CRC)
	}
	sums := make([]uint32, len(b)/4)
	for i := range sums {
		sums[i] = le.Uint32(b[4*i:])
	}
	return sums, nil
}

// AppendSums appends a list of block sums to dst.
func AppendSums(dst []byte, sums []uint32) []byte {
	for _, s := range sums {
		dst = le.AppendUint32(dst, s)
	}
	return dst
}

// BlockExp is the smallest block exponent by which the list of sums of a raw
// storage of size bytes stays within MaxSumsBytes.
func BlockExp(size int64) uint8 {
	e := uint8(MinBlockExp)
	for e < MaxBlockExp && (size-1)>>e >= MaxSumsBytes/4 {
		e++
	}
	return e
}
