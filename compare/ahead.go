package compare

import (
	"iter"

	"github.com/tensorfile/tensorfile"
)

// aheadPairs is how many pairs are asked for together.
const aheadPairs = 512

// ahead says of pairs that they are about to be read, while those before them are: see
// tensorfile.ReadAhead.
func ahead(pairs iter.Seq2[pair, error]) iter.Seq2[pair, error] {
	type one struct {
		pair
		err error
	}
	return func(yield func(pair, error) bool) {
		next, stop := iter.Pull2(pairs)
		defer stop()
		some := func() (list []one, done func()) {
			var a, b []*tensorfile.Tensor
			for len(list) < aheadPairs {
				p, err, ok := next()
				if !ok {
					break
				}
				list = append(list, one{p, err})
				if p.a != nil && p.b != nil && p.a.Shape().Equal(p.b.Shape()) { // others are not read
					a, b = append(a, p.a), append(b, p.b)
				}
			}
			return list, tensorfile.ReadAhead(append(a, b...)...)
		}
		before := func() {} // of those that workers may still be at
		list, done := some()
		for len(list) > 0 {
			soon, doneSoon := some()
			for _, p := range list {
				if !yield(p.pair, p.err) {
					soon = nil
					break
				}
			}
			before()
			before, list, done = done, soon, doneSoon
		}
		before()
		done()
	}
}
