package host

import "testing"

// A copy to the device: bench has what the speed of memory is.
func BenchmarkCopyHtoD(b *testing.B) {
	const n = 64 << 20
	dev, err := New(Options{}).Open(0)
	if err != nil {
		b.Fatal(err)
	}
	defer dev.Close()
	p, err := dev.Alloc(n)
	if err != nil {
		b.Fatal(err)
	}
	src, err := dev.HostAlloc(n)
	if err != nil {
		b.Fatal(err)
	}
	for i := range src {
		src[i] = byte(i)
	}
	b.SetBytes(n)
	for b.Loop() {
		if err := dev.CopyHtoD(p, src, 0); err != nil {
			b.Fatal(err)
		}
	}
}
