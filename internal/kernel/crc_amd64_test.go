//go:build !noasm

package kernel

import "testing"

// Processors with AVX2 that fold no registers of 32 bytes.
func TestCRC32CWithoutFolding(t *testing.T) {
	defer func(folds bool) { crcFolds = folds }(crcFolds)
	crcFolds = false
	TestCRC32C(t)
}
