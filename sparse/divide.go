package sparse

import (
	"math/bits"
)

// divider divides numbers that are not negative by a fixed one, with a
// multiplication where the processor's division takes some twenty times as
// long.
type divider struct{ n, inverse uint64 }

// by returns a divider by n > 0.
func by(n int64) divider { return divider{uint64(n), ^uint64(0) / uint64(n)} }

// of returns quotient and remainder.
func (d divider) of(x int64) (q, r int64) {
	hi, _ := bits.Mul64(uint64(x), d.inverse)
	rest := uint64(x) - hi*d.n
	for rest >= d.n { // the estimate is at most two too small
		hi++
		rest -= d.n
	}
	return int64(hi), int64(rest)
}
