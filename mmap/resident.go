package mmap

// Resident estimates the share of n bytes at off that the page cache holds, 0
// to 1, from a few samples. It reads nothing and costs some microseconds. ok is
// false where the system does not say. Linux gives the truth about a file to
// those who own it or may write to it; others may be told that all is there.
func (l Lease) Resident(off, n int64) (share float64, ok bool) {
	m := l.check()
	if n <= 0 || off < 0 || m.file == nil {
		return 0, false
	}
	const (
		samples = 16
		sample  = 64 << 10
	)
	if n <= samples*sample {
		return m.residentAt(off, n)
	}
	sum := 0.0
	for i := range int64(samples) {
		s, ok := m.residentAt(off+(n-sample)/(samples-1)*i, sample)
		if !ok {
			return 0, false
		}
		sum += s
	}
	return sum / samples, true
}

// Network names the network file system that the file is on; "" if it is local
// or the system does not tell.
func (m *Map) Network() string {
	if m.file == nil || m.closed() {
		return ""
	}
	return remoteFS(m.file)
}
