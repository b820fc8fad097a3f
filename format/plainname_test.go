package format

import (
	"bytes"
	"strings"
	"testing"
)

// The quick look at a name takes what is printable ASCII and nothing else, every
// byte at every place of the eight that are looked at together.
func TestPlainName(t *testing.T) {
	for n := 1; n <= 17; n++ {
		for at := range n {
			for _, fill := range []string{"~", " ", "a"} {
				for c := range 256 {
					b := bytes.Repeat([]byte(fill), n)
					b[at] = byte(c)
					if got, want := plainName(string(b)), c >= ' ' && c < 0x7f; got != want {
						t.Errorf("byte %#02x at %d of %d: %v, want %v", c, at, n, got, want)
					}
				}
			}
		}
	}
	if plainName("") || plainName(strings.Repeat("a", MaxName+1)) || !plainName(strings.Repeat("a", MaxName)) {
		t.Error("names of no byte, and of the most")
	}
}
