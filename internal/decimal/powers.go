package decimal

import (
	"math/big"
	"sync"
)

// Beyond these no product with a 64-bit number is a normal float64.
const (
	minPower = -342
	maxPower = 308
)

// power is 10^q by its first 128 bits, cut off: the leading one is bit 63 of hi.
type power struct{ hi, lo uint64 }

// powers are made when they are first needed, in less than a millisecond.
var powers = sync.OnceValue(func() *[maxPower - minPower + 1]power {
	var t [maxPower - minPower + 1]power
	ten := big.NewInt(10)
	mask := new(big.Int).SetUint64(1<<64 - 1)
	for q := minPower; q <= maxPower; q++ {
		x := new(big.Int)
		if q >= 0 {
			x.Exp(ten, big.NewInt(int64(q)), nil)
		} else {
			// 2^k / 10^-q with 128 bits or some more.
			d := new(big.Int).Exp(ten, big.NewInt(int64(-q)), nil)
			x.Lsh(big.NewInt(1), uint(d.BitLen()+128))
			x.Quo(x, d)
		}
		if n := x.BitLen() - 128; n > 0 {
			x.Rsh(x, uint(n))
		} else {
			x.Lsh(x, uint(-n))
		}
		t[q-minPower] = power{new(big.Int).Rsh(x, 64).Uint64(), new(big.Int).And(x, mask).Uint64()}
	}
	return &t
})
