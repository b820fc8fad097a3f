package wav_test

import (
	"testing"

	"github.com/tensorfile/tensorfile/internal/badinput"
)

func TestEveryRead(t *testing.T) {
	badinput.EveryRead(t, "testdata/wav_i16_1.wav", nil)
}

func TestEveryWrite(t *testing.T) {
	badinput.EveryWrite(t, "testdata/wav_i16_1.wav", "wav", nil)
}
