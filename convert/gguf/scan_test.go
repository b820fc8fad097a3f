package gguf

import (
	"bytes"
	"testing"
)

// What follows a string in the buffer does not count, and what stands in it does.
func TestShortASCII(t *testing.T) {
	for n := range 9 {
		b := bytes.Repeat([]byte{0xff}, 16)
		copy(b, "abcdefgh"[:n])
		if !shortASCII(b[:n]) {
			t.Errorf("%q is none", b[:n])
		}
		for i := range n {
			b[i] |= 0x80
			if shortASCII(b[:n]) {
				t.Errorf("%q is one", b[:n])
			}
			b[i] &= 0x7f
		}
	}
	if shortASCII([]byte("abc")[:3:3]) || shortASCII([]byte("abcdefghi")) {
		t.Error("one that it cannot look at")
	}
}
