package hdf5_test

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile/tensor"
)

// TestSuperblockFields changes what a superblock of version 0 says beside where
// things are. libhdf5 refuses each of these files; they were found by giving it
// what this package reads.
func TestSuperblockFields(t *testing.T) {
	good, err := os.ReadFile("testdata/earliest.h5")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		at    int
		value byte
		kind  error
		text  string
	}{
		{9, 1, tensor.ErrUnsupported, "versions of what it describes"},
		{10, 1, tensor.ErrUnsupported, "versions of what it describes"},
		{12, 1, tensor.ErrUnsupported, "versions of what it describes"},
		{16, 0, tensor.ErrCorrupt, "fan-outs of groups"},
		{18, 0, tensor.ErrCorrupt, "fan-outs of groups"},
		{20, 0x3d, tensor.ErrCorrupt, "flags"},
		{21, 0x6f, tensor.ErrCorrupt, "flags"},
		{32, 0, tensor.ErrUnsupported, "free space"},
		{48, 0, tensor.ErrUnsupported, "driver: got a file in several pieces"},
		{72, 3, tensor.ErrCorrupt, "kind of the root's entry"},
		{11, 1, nil, ""}, // reserved
		{20, 7, nil, ""},
	} {
		b := bytes.Clone(good)
		b[c.at] = c.value
		f, err := openBytes(b, "x.h5", nil)
		if !errors.Is(err, c.kind) || c.kind != nil && !strings.Contains(err.Error(), c.text) {
			t.Errorf("%d at byte %d: %v, want %v: %s", c.value, c.at, err, c.kind, c.text)
		}
		if err == nil {
			f.Close()
		}
	}
	latest, err := os.ReadFile("testdata/latest.h5")
	if err != nil {
		t.Fatal(err)
	}
	latest[11] = 0x08
	if _, err := openBytes(resealed(latest), "x.h5", nil); !errors.Is(err, tensor.ErrCorrupt) || !strings.Contains(err.Error(), "flags") {
		t.Errorf("flags 8 of version 3: %v", err)
	}
	at := bytes.Index(good, []byte("SNOD"))
	if at < 0 {
		t.Fatal("there is no symbol table")
	}
	good[at+8+16] = 9
	if f, err := openBytes(good, "x.h5", nil); !errors.Is(err, tensor.ErrCorrupt) || !strings.Contains(err.Error(), "kind of an entry") {
		t.Errorf("an entry of kind 9: %v", err)
		if err == nil {
			f.Close()
		}
	}
}
