package mmap

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/tensorfile/tensorfile/tensor"
)

// TestKernelFiles opens files that are made up as they are read (E01): their
// size says nothing.
func TestKernelFiles(t *testing.T) {
	for _, c := range []struct{ path, name string }{
		{"/proc/self/status", "procfs"},
		{"/proc/version", "procfs"},
		{"/sys/kernel/mm/transparent_hugepage/enabled", "sysfs"},
	} {
		if _, err := os.Stat(c.path); err != nil {
			t.Log(err)
			continue
		}
		_, err := Open(c.path, nil)
		wantError(t, err, tensor.ErrFormat, c.path+": not a regular file (made up by the kernel, in "+c.name+")")
	}
}

// TestOneDescriptorOneMapping counts what an open file holds.
func TestOneDescriptorOneMapping(t *testing.T) {
	path := writeTemp(t, pattern(50000, 1))
	count := func() (fds, maps int) {
		dir, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Skip(err)
		}
		for _, d := range dir {
			if to, _ := os.Readlink("/proc/self/fd/" + d.Name()); to == path {
				fds++
			}
		}
		all, err := os.ReadFile("/proc/self/maps")
		if err != nil {
			t.Skip(err)
		}
		s := bufio.NewScanner(bytes.NewReader(all))
		for s.Scan() {
			if strings.HasSuffix(s.Text(), path) {
				maps++
				if !strings.Contains(s.Text(), " r--s ") {
					t.Errorf("mapped other than read-only and shared: %s", s.Text())
				}
			}
		}
		return fds, maps
	}
	check := func(when string, wantFds, wantMaps int) {
		t.Helper()
		if fds, maps := count(); fds != wantFds || maps != wantMaps {
			t.Errorf("%s: %d descriptors, %d mappings, want %d, %d", when, fds, maps, wantFds, wantMaps)
		}
	}
	m, err := Open(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	check("open", 1, 0)
	m.Map(50000)
	m.Map(50000)
	l := mustAcquire(t, m)
	m.Guard(func() error { return m.Advise(0, -1, Populate) })
	m.Check()
	check("mapped", 1, 1)
	m.Close()
	check("Close refused", 1, 1)
	l.Release()
	m.Close()
	check("closed", 0, 0)
	if f, err := Open(filepath.Dir(path), nil); err == nil {
		f.Close()
	}
	check("after an error", 0, 0)
}

// TestPermission opens a file without the permission to, as another user.
func TestPermission(t *testing.T) {
	path := writeTemp(t, pattern(10, 1))
	if err := os.Chmod(path, 0); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() == 0 {
		// This thread alone becomes someone else for the file system.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		unix.RawSyscall(unix.SYS_SETFSUID, 65534, 0, 0)
		defer unix.RawSyscall(unix.SYS_SETFSUID, 0, 0, 0)
	}
	m, err := Open(path, nil)
	if m != nil {
		m.Close()
		t.Skip("permissions are not enforced here")
	}
	wantError(t, err, tensor.ErrIO)
	if !errors.Is(err, fs.ErrPermission) {
		t.Errorf("error is %v, want a missing permission", err)
	}
}

func init() {
	children["limit"] = limitChild
}

// TestAddressLimit runs under a limit on address space, which closed mappings
// must not use up.
func TestAddressLimit(t *testing.T) {
	if raceEnabled || ^uint(0)>>63 == 0 || invariants {
		t.Skip("needs a small address space")
	}
	path := writeTemp(t, nil)
	if err := os.Truncate(path, 700<<20); err != nil {
		t.Skip(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"=limit "+path)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func limitChild(path string) int {
	if err := unix.Setrlimit(unix.RLIMIT_AS, &unix.Rlimit{Cur: 4 << 30, Max: 4 << 30}); err != nil {
		fmt.Println(err)
		return 0
	}
	// Large ones are not kept, small ones leave in order, and where nothing
	// else helps everything kept is given back.
	for i := range 51 {
		size := int64(100 << 20)
		switch {
		case i%3 == 0:
			size = 700 << 20
		case i == 50: // as if the limit had been lowered after the fact
			var blocks [][]byte
			for {
				b, err := unix.Mmap(-1, 0, 64<<20, unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANON)
				if err != nil {
					break
				}
				blocks = append(blocks, b)
			}
			for _, b := range blocks[:2] { // room for the heap and a file
				unix.Munmap(b)
			}
			if len(retired.queue) < 2 {
				fmt.Println("nothing in quarantine to give back")
				return 1
			}
			size = 200 << 20
			defer func() {
				for _, b := range blocks[2:] {
					unix.Munmap(b)
				}
			}()
		}
		m, err := Open(path, nil)
		if err != nil {
			fmt.Println(err)
			return 1
		}
		if err := m.Map(size); err != nil || !m.Mapped() {
			fmt.Println("round", i, err, m.Reason())
			return 1
		}
		if err := m.Close(); err != nil {
			fmt.Println(err)
			return 1
		}
		if retired.bytes > 512<<20 {
			fmt.Println(retired.bytes, "bytes in quarantine")
			return 1
		}
	}
	return 0
}

// TestPopulateLost asks for pages that the file no longer has.
func TestPopulateLost(t *testing.T) {
	path := writeTemp(t, pattern(1<<20, 0))
	m := openMapped(t, path)
	if err := os.Truncate(path, 600000); err != nil {
		t.Fatal(err)
	}
	err := m.Advise(5000, -1, Populate)
	if err == nil {
		t.Skip("the kernel does not populate")
	}
	page := int64(os.Getpagesize())
	e := wantError(t, err, tensor.ErrChanged, "mapping: got file of 600000 bytes")
	if want := (600000 + page - 1) &^ (page - 1); e.Offset != want || !errors.Is(err, syscall.EFAULT) {
		t.Errorf("offset %d in %v, want %d", e.Offset, err, want)
	}
	if err := m.Advise(5000, 500000, Populate); err != nil {
		t.Errorf("pages that are there: %v", err)
	}
}
