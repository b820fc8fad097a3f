package idx_test

import (
	"testing"

	"github.com/tensorfile/tensorfile/internal/badinput"
)

func TestEveryRead(t *testing.T) {
	badinput.EveryRead(t, "../../testdata/idx/f32-2.idx", nil)
	badinput.EveryRead(t, "../../testdata/idx/f32-2.idx.gz", nil)
}

func TestEveryWrite(t *testing.T) {
	badinput.EveryWrite(t, "../../testdata/idx/f32-2.idx", "idx", nil)
	badinput.EveryWrite(t, "../../testdata/idx/f32-2.idx", "idx.gz", nil)
}
