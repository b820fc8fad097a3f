//go:build unix && !aix

package mmap

import (
	"bufio"
	"bytes"
	"compress/flate"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"hash/maphash"
	"io"
	"iter"
	"math/big"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"runtime"
	"runtime/debug"
	"slices"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"
	"unique"
	"unsafe"

	"github.com/tensorfile/tensorfile/tensor"
)

const (
	faultSize = 1 << 20
	faultKeep = 64 << 10 // what is left of the file; a whole page everywhere
)

var (
	sink    any
	sinkInt int
)

type triple struct{ a, b, c uint64 }

// faultForms are ways to touch mapped bytes; b is what the file lost. Each runs
// in a process of its own, because what is not held ends it.
var faultForms = map[string]func(b []byte){
	"load":              func(b []byte) { sinkInt += int(b[100]) },
	"load uint64":       func(b []byte) { sinkInt += int(binary.LittleEndian.Uint64(b[8:])) },
	"load big-endian":   func(b []byte) { sinkInt += int(binary.BigEndian.Uint32(b[8:])) },
	"load struct":       func(b []byte) { sink = *(*triple)(unsafe.Pointer(&b[64])) },
	"load through any":  func(b []byte) { sink = any(b[5]) },
	"load atomic":       func(b []byte) { sinkInt += int(atomic.LoadUint64((*uint64)(unsafe.Pointer(&b[8])))) },
	"float32 view":      func(b []byte) { sink = sum(unsafe.Slice((*float32)(unsafe.Pointer(&b[0])), len(b)/4)) },
	"store":             func(b []byte) { b[9] = 1 },
	"add atomic":        func(b []byte) { atomic.AddUint64((*uint64)(unsafe.Pointer(&b[8])), 1) },
	"copy out":          func(b []byte) { sinkInt += copy(make([]byte, 70000), b) },
	"copy in":           func(b []byte) { sinkInt += copy(b, make([]byte, 70000)) },
	"append":            func(b []byte) { sink = append([]byte("x"), b[:5000]...) },
	"append grows":      func(b []byte) { sink = append(b[:4096:4096], 1) },
	"string":            func(b []byte) { sink = string(b[:3000]) },
	"bytes of string":   func(b []byte) { sink = []byte(unsafe.String(&b[0], 3000)) },
	"clear":             func(b []byte) { clear(b[:8192]) },
	"range":             func(b []byte) { sinkInt += total(b) },
	"range func":        func(b []byte) { each(b, func(x byte) { sinkInt += int(x) }) },
	"iter.Pull":         func(b []byte) { pullOne(b) },
	"reflect.Copy":      func(b []byte) { reflect.Copy(reflect.ValueOf(make([]byte, 99)), reflect.ValueOf(b)) },
	"reflect index":     func(b []byte) { sinkInt += int(reflect.ValueOf(b).Index(3).Uint()) },
	"bytes.Equal":       func(b []byte) { sink = bytes.Equal(make([]byte, 9000), b[:9000]) },
	"bytes.Compare":     func(b []byte) { sinkInt += bytes.Compare(b[:9000], b[9000:]) },
	"bytes.IndexByte":   func(b []byte) { sinkInt += bytes.IndexByte(b, 0) },
	"bytes.Count":       func(b []byte) { sinkInt += bytes.Count(b, []byte{7}) },
	"strings.Contains":  func(b []byte) { sink = strings.Contains(unsafe.String(&b[0], len(b)), "nothing") },
	"string compare":    func(b []byte) { sink = unsafe.String(&b[0], 500) < unsafe.String(&b[600], 500) },
	"utf8.Valid":        func(b []byte) { sink = utf8.Valid(b) },
	"crc32 IEEE":        func(b []byte) { sink = crc32.ChecksumIEEE(b) },
	"crc32 Castagnoli":  func(b []byte) { sink = crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) },
	"sha256":            func(b []byte) { sink = sha256.Sum256(b) },
	"maphash":           func(b []byte) { sink = maphash.Bytes(maphash.MakeSeed(), b) },
	"hex":               func(b []byte) { sink = hex.EncodeToString(b[:100]) },
	"base64":            func(b []byte) { sink = base64.StdEncoding.EncodeToString(b[:100]) },
	"big.Int":           func(b []byte) { sink = new(big.Int).SetBytes(b[:100]) },
	"map lookup":        func(b []byte) { sinkInt += map[string]int{"a": 1, "b": 2}[unsafe.String(&b[0], 1)] },
	"map insert":        func(b []byte) { mapInsert(b) },
	"fmt":               func(b []byte) { sink = fmt.Sprintf("%x", b[:100]) },
	"sort":              func(b []byte) { sort.Slice(make([]int, 99), func(i, j int) bool { return b[i] < b[j] }) },
	"slices.Max":        func(b []byte) { sinkInt += int(slices.Max(b)) },
	"slices.Sort":       func(b []byte) { slices.Sort(b[:500]) },
	"sort.Search":       func(b []byte) { sinkInt += sort.Search(len(b), func(i int) bool { return b[i] > 9 }) },
	"json":              func(b []byte) { sink = json.Unmarshal(b[:200], new(any)) },
	"flate":             func(b []byte) { io.Copy(io.Discard, flate.NewReader(bytes.NewReader(b))) },
	"io.Copy":           func(b []byte) { io.Copy(new(bytes.Buffer), bytes.NewReader(b)) },
	"bufio":             func(b []byte) { bufio.NewReader(bytes.NewReader(b)).ReadByte() },
	"unique.Make":       func(b []byte) { sink = unique.Make(unsafe.String(&b[0], 40)) },
	"select send":       func(b []byte) { selectSend(b) },
	"deferred lock":     func(b []byte) { deferredLock(b) },
	"deferred function": func(b []byte) { defer func() { sinkInt += int(b[3]) }() },
	"second panic":      func(b []byte) { defer func() { sinkInt += int(b[3]) }(); panic("first") },
	"deep stack":        func(b []byte) { sinkInt += deep(b, 5000) },
	"twice":             func(b []byte) { touchTwice(b) },
}

func sum(f []float32) (s float32) {
	for _, x := range f {
		s += x
	}
	return s
}

func total(b []byte) (n int) {
	for _, x := range b {
		n += int(x)
	}
	return n
}

func each(b []byte, f func(byte)) {
	for x := range slices.Values(b) {
		f(x)
	}
}

func pullOne(b []byte) {
	next, stop := iter.Pull(slices.Values([]int{1, 2}))
	defer stop()
	i, _ := next()
	sinkInt += int(b[i])
}

func mapInsert(b []byte) {
	m := map[string]int{"a": 1}
	defer func() {
		if len(m) != 1 || m["a"] != 1 {
			fmt.Println("the map was damaged")
		}
	}()
	m[unsafe.String(&b[0], 8)] = 2
}

func selectSend(b []byte) {
	ch := make(chan byte, 1)
	select {
	case ch <- b[77]:
	default:
	}
}

func deferredLock(b []byte) {
	var mu sync.Mutex
	defer func() {
		if !mu.TryLock() {
			fmt.Println("the mutex is still locked")
		}
	}()
	func() {
		mu.Lock()
		defer mu.Unlock()
		sinkInt += int(b[0])
	}()
}

//go:noinline
func deep(b []byte, n int) int {
	if n == 0 {
		return int(b[0])
	}
	return deep(b, n-1) + 1
}

// touchTwice swallows the first fault, as careless code might.
func touchTwice(b []byte) {
	func() {
		defer func() { recover() }()
		sinkInt += int(b[0])
	}()
	sinkInt += int(b[5])
}

func init() {
	children["fault"] = faultChild
}

// faultChild maps a file, waits until it has been truncated, touches it in the
// form asked for and says what became of that.
func faultChild(arg string) int {
	path, name, _ := strings.Cut(arg, "|")
	m, err := Open(path, nil)
	if err == nil {
		err = m.Map(faultSize)
	}
	if err != nil || !m.Mapped() {
		fmt.Println("cannot map:", err, m.Reason())
		return 4
	}
	sinkInt += total(m.Bytes())
	fmt.Println("ready")
	bufio.NewReader(os.Stdin).ReadString('\n')

	// A goroutine that guards itself, as every one must, under one lease.
	lease, err := m.Acquire()
	if err != nil {
		fmt.Println(err)
		return 4
	}
	done := make(chan error)
	for range 2 {
		go func() {
			done <- lease.Guard(func() error {
				faultForms[name](m.Bytes()[faultKeep:])
				return nil
			})
		}()
	}
	errs := []error{<-done, <-done}
	lease.Release()
	errs = append(errs, m.Guard(func() error {
		faultForms[name](m.Bytes()[faultKeep:])
		return nil
	}))
	for _, err := range errs {
		var e *tensor.Error
		if !errors.As(err, &e) || e.Kind != tensor.ErrChanged || e.Field != "mapping" || e.Path != path ||
			e.Offset < faultKeep || e.Offset >= faultSize || !strings.Contains(err.Error(), "got file of 65536 bytes, changed while open, want 1048576 bytes") {
			fmt.Println("error is", err)
			return 5
		}
	}
	if flagSet() {
		fmt.Println("the flag stayed set")
		return 5
	}
	for range 3 {
		runtime.GC()
	}
	if err := m.Close(); err != nil {
		fmt.Println(err)
		return 5
	}
	fmt.Println("held")
	return 0
}

// TestFaultForms truncates a mapped file under another process, once for each
// form of access, and counts the processes that die (N55).
func TestFaultForms(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Skip(err)
	}
	data := pattern(faultSize, 0)
	names := slices.Sorted(func(yield func(string) bool) {
		for name := range faultForms {
			if !yield(name) {
				return
			}
		}
	})
	dir := t.TempDir()
	var died atomic.Int64
	work := make(chan int)
	var wg sync.WaitGroup
	for range min(4, 2*runtime.NumCPU()) {
		wg.Go(func() {
			for i := range work {
				path := filepath.Join(dir, fmt.Sprint(i))
				if err := os.WriteFile(path, data, 0o644); err != nil {
					t.Error(err)
					continue
				}
				if out, err := truncateUnder(exe, path, names[i]); err != nil {
					died.Add(1)
					t.Errorf("%s: %v\n%s", names[i], err, out)
				}
				os.Remove(path)
			}
		})
	}
	for i := range names {
		work <- i
	}
	close(work)
	wg.Wait()
	if died.Load() != 0 || len(names) < 40 {
		t.Errorf("%d of %d forms were not held", died.Load(), len(names))
	}
}

// truncateUnder runs one form in a child and truncates the file meanwhile.
func truncateUnder(exe, path, form string) (string, error) {
	cmd := exec.Command(exe)
	// A race-enabled child would sleep a second before it exits.
	cmd.Env = append(os.Environ(), childEnv+"=fault "+path+"|"+form, "GORACE=atexit_sleep_ms=0")
	in, err := cmd.StdinPipe()
	if err != nil {
		return "", err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", err
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		return "", err
	}
	r := bufio.NewReader(out)
	first, _ := r.ReadString('\n')
	if first == "ready\n" {
		err = os.Truncate(path, faultKeep)
	}
	in.Write([]byte("go\n"))
	in.Close()
	rest, _ := io.ReadAll(r)
	werr := cmd.Wait()
	text := first + string(rest) + stderr.String()[:min(stderr.Len(), 2000)]
	if werr != nil {
		return text, werr
	}
	if err == nil && string(rest) != "held\n" {
		err = errors.New("unexpected output")
	}
	return text, err
}

// TestTruncateInLastPage cuts a file where no page is lost: the bytes read as
// zeros without a fault, and Check finds it (N56).
func TestTruncateInLastPage(t *testing.T) {
	data := pattern(10000, 0)
	path := writeTemp(t, data)
	for _, o := range []*Options{nil, {NoMmap: true}} {
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
		m := openOnly(t, path, o)
		if err := m.Map(10000); err != nil {
			t.Fatal(err)
		}
		if err := m.Check(); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(path, 9990); err != nil {
			t.Fatal(err)
		}
		err := m.Guard(func() error {
			_, err := m.Fetch(9980, 20)
			return err
		})
		if m.Mapped() && err != nil {
			t.Errorf("a fault inside the last page: %v", err)
		}
		if !m.Mapped() { // positioned reads notice at once
			wantError(t, err, tensor.ErrChanged, "offset 9990: size: got 9990 bytes")
		}
		e := wantError(t, m.Check(), tensor.ErrChanged, "size: got 9990 bytes, changed while open, want 10000 bytes")
		if e.Offset != 9990 {
			t.Errorf("offset %d", e.Offset)
		}
		wantError(t, m.Guard(m.Check), tensor.ErrChanged)
	}
	// Mapping more than is left.
	m := openOnly(t, path, nil)
	if err := os.Truncate(path, 100); err != nil {
		t.Fatal(err)
	}
	wantError(t, m.Map(9990), tensor.ErrChanged, "got 100 bytes")
}

// TestTruncateStorm truncates and restores a file without pause under guarded
// readers and a closer: every call ends in bytes, an error, or closed.
func TestTruncateStorm(t *testing.T) {
	const size = 64 << 10
	data := pattern(size, 0)
	path := writeTemp(t, data)
	end := time.Now().Add(300 * time.Millisecond)
	if testing.Short() {
		end = time.Now().Add(100 * time.Millisecond)
	}
	var read, changed atomic.Int64
	for time.Now().Before(end) {
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteAt(data, 0); err != nil {
			t.Fatal(err)
		}
		m := openOnly(t, path, nil)
		if err := m.Map(size); err != nil || !m.Mapped() {
			t.Fatal(err, m.Reason())
		}
		var wg sync.WaitGroup
		for g := range 4 {
			wg.Go(func() {
				rng := rand.New(rand.NewPCG(uint64(g), 7))
				var p [512]byte
				for ; ; runtime.Gosched() {
					off := rng.IntN(size - len(p))
					err := m.Guard(func() error {
						copy(p[:], m.Bytes()[off:])
						return nil
					})
					switch {
					case err == nil:
						read.Add(1)
						for i, x := range p {
							if x != 0 && x != patternAt(off+i, 0) {
								t.Errorf("byte %d is %#x: neither the file's nor a hole's", off+i, x)
								return
							}
						}
					case errors.Is(err, tensor.ErrClosed):
						return
					default:
						changed.Add(1)
						e := wantErrorAsync(t, err, tensor.ErrChanged)
						if e != nil && (e.Offset < 0 || e.Offset >= size) {
							t.Errorf("offset %d", e.Offset)
						}
					}
				}
			})
		}
		for range 20 {
			f.Truncate(4096)
			runtime.Gosched()
			f.WriteAt(data, 0)
			runtime.Gosched()
		}
		if err := m.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		wg.Wait()
		f.Close()
	}
	t.Logf("%d reads, %d faults became errors", read.Load(), changed.Load())
	if read.Load() == 0 {
		t.Error("nothing was read")
	}
}

// wantErrorAsync is wantError for goroutines other than the test's.
func wantErrorAsync(t *testing.T, err, kind error) *tensor.Error {
	var e *tensor.Error
	if !errors.As(err, &e) || !errors.Is(err, kind) {
		t.Errorf("error is %v, want kind %q", err, kind)
		return nil
	}
	return e
}

// TestFaultInsideOtherGuard faults on one file inside guarded calls of others:
// the error belongs to the file that was touched.
func TestFaultInsideOtherGuard(t *testing.T) {
	a := openMapped(t, writeTemp(t, pattern(10, 0)))
	path := writeTemp(t, pattern(1<<20, 0))
	b := openMapped(t, path)
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	e := wantError(t, b.Guard(func() error {
		return a.Guard(func() error {
			sinkInt += int(b.Bytes()[300000])
			return nil
		})
	}), tensor.ErrChanged, "got file of 0 bytes")
	if e.Path != path || runtime.GOARCH != "s390x" && e.Offset != 300000 {
		t.Errorf("path %q, offset %d", e.Path, e.Offset)
	}
	if n := (a.state.Load() | b.state.Load()) & countMask; n != 0 || flagSet() {
		t.Errorf("%d users are left, flag %t", n, flagSet())
	}
}

// TestStrayStore writes to an intact mapping: the file is unharmed and the
// error does not claim that it was cut.
func TestStrayStore(t *testing.T) {
	data := pattern(5000, 0)
	path := writeTemp(t, data)
	m := openMapped(t, path)
	err := m.Guard(func() error { m.Bytes()[4200] = 0; return nil })
	wantError(t, err, tensor.ErrChanged, "mapping: got a fault on a page that the file still has")
	if after, _ := os.ReadFile(path); !bytes.Equal(after, data) {
		t.Error("the file was written to")
	}
}

// TestMediaError faults on a page that the file has and the disk does not
// deliver (E12).
func TestMediaError(t *testing.T) {
	path := writeTemp(t, pattern(1<<20, 0))
	m := openMapped(t, path)
	bad := errors.New("uncorrectable sector")
	m.src = readerFunc(func([]byte, int64) (int, error) { return 0, bad })
	err := m.faultError(200000, nil)
	e := wantError(t, err, tensor.ErrIO, "offset 200000: mapping: ", "uncorrectable sector")
	if !errors.Is(err, bad) || errors.Is(err, tensor.ErrChanged) || e.Field != "mapping" {
		t.Errorf("error is %#v", e)
	}
}

// TestFaultError gives lost pages to system calls.
func TestFaultError(t *testing.T) {
	path := writeTemp(t, pattern(1<<20, 0))
	m := openMapped(t, path)
	if err := os.Truncate(path, faultKeep); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	const off = faultKeep + 4096
	_, err = f.Write(m.Bytes()[off:])
	if err == nil {
		t.Fatal("wrote pages that are not there")
	}
	e := wantError(t, m.FaultError(err, off), tensor.ErrChanged, "bad address")
	if e.Offset != off || !errors.Is(e, err) {
		t.Errorf("error is %#v", e)
	}
	unmapped := openOnly(t, path, &Options{NoMmap: true})
	if unmapped.FaultError(err, 0) != err {
		t.Error("an unmapped file has no faults")
	}
}

// TestCaught finds the Map of a fault on memory whose origin is not known.
func TestCaught(t *testing.T) {
	path := writeTemp(t, pattern(1<<20, 0))
	openMapped(t, writeTemp(t, pattern(1<<20, 0)))
	m := openMapped(t, path)
	if err := os.Truncate(path, faultKeep); err != nil {
		t.Fatal(err)
	}
	fault := func(b []byte) (r any) {
		defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
		defer func() { r = recover() }()
		sinkInt += int(b[300000])
		return nil
	}
	r := fault(m.Bytes())
	if e := wantError(t, Caught(r), tensor.ErrChanged, "got file of 65536 bytes"); e.Path != path || runtime.GOARCH != "s390x" && e.Offset != 300000 {
		t.Errorf("path %q, offset %d", e.Path, e.Offset)
	}
	for _, other := range []any{nil, "text", errors.New("error")} {
		if err := Caught(other); err != nil {
			t.Errorf("%v is %v", other, err)
		}
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	if err := Caught(r); err != nil {
		t.Errorf("after Close: %v", err)
	}
}

// An error that says already what became of the file is not translated again.
func TestFaultErrorOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x")
	if err := os.WriteFile(path, pattern(3000, 1), 0o644); err != nil {
		t.Fatal(err)
	}
	m, err := Open(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if !m.Mapped() {
		t.Skip("not mapped")
	}
	told := &tensor.Error{Kind: tensor.ErrChanged, Path: path, Offset: 7, Err: syscall.EFAULT}
	if got := m.FaultError(told, 1000); got != error(told) {
		t.Errorf("%v, want it as it was", got)
	}
	var e *tensor.Error
	other := &tensor.Error{Kind: tensor.ErrChanged, Path: "another file", Offset: 7, Err: syscall.EFAULT}
	if got := m.FaultError(other, 1000); !errors.As(got, &e) || e.Path != path || e.Offset != 1000 {
		t.Errorf("%v", got)
	}
	if got := m.FaultError(os.ErrExist, 1000); got != os.ErrExist {
		t.Errorf("%v", got)
	}
}
