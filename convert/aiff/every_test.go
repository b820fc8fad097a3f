package aiff_test

import (
	"testing"

	"github.com/tensorfile/tensorfile/internal/badinput"
)

func TestEveryRead(t *testing.T) {
	badinput.EveryRead(t, "testdata/aiff_i16_2.aiff", nil)
	badinput.EveryRead(t, "testdata/aiff_f64_1.aiff", nil)
	badinput.EveryRead(t, "testdata/aiff_alaw_1.aiff", nil)
}

func TestEveryWrite(t *testing.T) {
	badinput.EveryWrite(t, "testdata/aiff_i16_2.aiff", "aiff", nil)
	badinput.EveryWrite(t, "testdata/aiff_f64_1.aiff", "aiff", nil)
}
