package bench

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/internal/cast"
)

func verifyCases(e *Env) []Case {
	big := "/size=" + size(e.Big)
	var list []Case
	for _, workers := range []int{1, 2} {
		list = append(list, stream("verify", fmt.Sprintf("op=verify/workers=%d%s", workers, big), e.Big, func(b *testing.B) {
			f := e.weights(b).File()
			for b.Loop() {
				r, err := f.Verify(context.Background(), &tensorfile.VerifyOptions{Workers: workers})
				check(b, err)
				check(b, errors.Join(r.Findings...))
			}
		}))
	}
	return append(list, stream("verify", "op=checksum/memory=heap"+big, e.Big, func(b *testing.B) {
		x := cast.Bytes(e.floats(b))
		for b.Loop() {
			sink = float32(format.Checksum(x))
		}
	}))
}
