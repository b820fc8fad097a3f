package mmap

import (
	"os"
	"runtime"
	"testing"
)

// BenchmarkGuard measures what protection costs around nearly nothing.
func BenchmarkGuard(b *testing.B) {
	m := openMapped(b, writeTemp(b, pattern(4096, 1)))
	lease := mustAcquire(b, m)
	defer lease.Release()
	var sum int
	bench := func(name string, f func(i int)) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				f(i & 4095)
				i++
			}
		})
	}
	bench("form=none", func(i int) { sum += int(m.Bytes()[i]) })
	bench("form=Map.Guard", func(i int) {
		m.Guard(func() error { sum += int(m.Bytes()[i]); return nil })
	})
	bench("form=Map.Enter", func(i int) {
		x, _ := guardedByte(m, i)
		sum += int(x)
	})
	bench("form=Lease.Guard", func(i int) {
		lease.Guard(func() error { sum += int(m.Bytes()[i]); return nil })
	})
	b.Run("form=Map.Guard/procs="+procs(), func(b *testing.B) {
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			n := 0
			for pb.Next() {
				m.Guard(func() error { n += int(m.Bytes()[n&4095]); return nil })
			}
		})
	})
	runtime.KeepAlive(sum)
}

func procs() string { return string('0' + rune(min(runtime.GOMAXPROCS(0), 9))) }

// BenchmarkLease measures a lease taken and given back.
func BenchmarkLease(b *testing.B) {
	m := openMapped(b, writeTemp(b, pattern(4096, 1)))
	pair := func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			l, err := m.Acquire()
			if err != nil {
				b.Fatal(err)
			}
			l.Release()
		}
	}
	b.Run("held=0", pair)
	b.Run("held=0/procs="+procs(), func(b *testing.B) {
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				l, err := m.Acquire()
				if err != nil {
					b.Error(err)
					return
				}
				l.Release()
			}
		})
	})
	b.Run("held=100000", func(b *testing.B) {
		held := make([]Lease, 100000)
		for i := range held {
			held[i] = mustAcquire(b, m)
		}
		pair(b)
		for _, l := range held {
			l.Release()
		}
	})
}

// BenchmarkFetch measures a slice of the mapping and a positioned read.
func BenchmarkFetch(b *testing.B) {
	path := writeTemp(b, pattern(1<<20, 1))
	for name, m := range map[string]*Map{
		"source=mapped/size=4KiB": openMapped(b, path),
		"source=pread/size=4KiB":  openOnly(b, path, &Options{NoMmap: true}),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(4096)
			i := uint64(0)
			for b.Loop() {
				if _, err := m.Fetch(i&255<<12, 4096); err != nil {
					b.Fatal(err)
				}
				i++
			}
		})
	}
}

// BenchmarkOpen measures a file opened, mapped and closed, beside the bare
// system calls.
func BenchmarkOpen(b *testing.B) {
	path := writeTemp(b, pattern(1<<20, 1))
	b.Run("op=open+map+close", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			m, err := Open(path, nil)
			if err != nil {
				b.Fatal(err)
			}
			if err := m.Map(1 << 20); err != nil {
				b.Fatal(err)
			}
			if err := m.Close(); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("op=os.Open+Stat+mmap+munmap+Close", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			f, err := os.Open(path)
			if err != nil {
				b.Fatal(err)
			}
			if _, err := f.Stat(); err != nil {
				b.Fatal(err)
			}
			p, err := mapFile(f, 1<<20)
			if err != nil {
				b.Skip(err)
			}
			if err := unmapFile(p); err != nil {
				b.Fatal(err)
			}
			if err := f.Close(); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkCheck measures the question whether the file changed.
func BenchmarkCheck(b *testing.B) {
	m := openMapped(b, writeTemp(b, pattern(4096, 1)))
	b.ReportAllocs()
	for b.Loop() {
		if err := m.Check(); err != nil {
			b.Fatal(err)
		}
	}
}
