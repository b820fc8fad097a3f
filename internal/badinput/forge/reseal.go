package forge

// Reseal makes the checksums of a file right that was changed anywhere, as far
// as they can be found: those of pages, run heads, roots and header, from the
// records in slots and at the end. It reads what the bytes say and believes
// nothing, so it may be given any bytes; fuzzing gets past the checksums so.
func Reseal(b []byte) {
	size := int64(len(b))
	if size < DataStart+RootSize {
		return
	}
	uuid := b[HUUID : HUUID+16]
	le.PutUint32(b[HCRC:], CRC(b[12:64]))
	roots := []int64{SlotA, SlotB, size - RootSize}
	for _, at := range roots[:2] {
		if l := le.Uint64(b[at+RLength:]); l >= RootSize && l < uint64(size) {
			roots = append(roots, int64(l)-RootSize)
		}
	}
	runs := map[int64]bool{}
	for _, at := range roots {
		r := b[at : at+RootSize]
		if string(r[:4]) != "TSRR" {
			continue
		}
		copy(r[RUUID:], uuid)
		resealRun(b, r[RCatalog:RCatalog+16], uuid, runs, 0)
		le.PutUint32(r[RCRC:], CRC(r[8:]))
	}
}

// resealRun makes right the run that ref points to, those that it lists, and
// ref.
func resealRun(b, ref, uuid []byte, done map[int64]bool, depth int) {
	at, n := le.Uint64(ref), uint64(le.Uint32(ref[8:]))
	if at > uint64(len(b)) || n > uint64(len(b))-at || n < HeadSize || at < DataStart {
		return
	}
	h := b[at : at+n]
	if !done[int64(at)] {
		done[int64(at)] = true
		copy(h[NUUID:], uuid)
		older := int(le.Uint16(h[NOlder:]))
		body, exp := le.Uint64(h[NBody:]), h[NPageExp]
		if sums := HeadSize + 16*older; older < 16 && sums <= len(h) && body <= at && exp >= 12 && exp <= 16 {
			for i := range older {
				if depth < 2 {
					resealRun(b, h[HeadSize+16*i:], uuid, done, depth+1)
				}
			}
			begin := at - body
			for i := 0; sums+4*i+4 <= len(h) && begin+uint64(i)<<exp < at; i++ {
				from := begin + uint64(i)<<exp
				le.PutUint32(h[sums+4*i:], CRC(b[from:min(from+1<<exp, at)]))
			}
		}
		le.PutUint32(h[NCRC:], CRC(h[8:]))
	}
	le.PutUint32(ref[12:], CRC(h))
}
