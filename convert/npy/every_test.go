package npy_test

import (
	"path/filepath"
	"testing"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/internal/badinput"
)

func TestEveryRead(t *testing.T) {
	for _, name := range []string{"f4.npy", "fortran_3d_big.npy", "stored.npz", "deflated.npz", "streamed_deflated.npz"} {
		badinput.EveryRead(t, filepath.Join(goldens, name), nil)
	}
}

func TestEveryWrite(t *testing.T) {
	badinput.EveryWrite(t, filepath.Join(goldens, "fortran_3d_big.npy"), "npy", nil)
	badinput.EveryWrite(t, filepath.Join(goldens, "stored.npz"), "npz", nil)
	badinput.EveryWrite(t, filepath.Join(goldens, "fortran_3d_big.npy"), "npz", &badinput.EveryOptions{Write: &convert.WriteOptions{Compress: true}})
}
