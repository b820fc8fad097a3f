//go:build unix && !aix

package tensorfile_test

import (
	"bufio"
	"bytes"
	"compress/flate"
	"compress/zlib"
	"context"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/binary"
	"encoding/gob"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"hash/adler32"
	"hash/crc32"
	"hash/crc64"
	"hash/fnv"
	"hash/maphash"
	"io"
	"iter"
	"math/big"
	"os"
	"reflect"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"text/template"
	"unicode/utf8"
	"unique"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/tensor"
)

var (
	anything any
	number   int
)

// insideForms are what callers do with a tensor inside Guard. b is what the
// file has lost.
var insideForms = map[string]form{
	// Loads and stores.
	"load":              touch(func(b []byte) { touched += b[100] }),
	"load uint64":       touch(func(b []byte) { number += int(binary.LittleEndian.Uint64(b[8:])) }),
	"load big-endian":   touch(func(b []byte) { number += int(binary.BigEndian.Uint32(b[8:])) }),
	"load array":        touch(func(b []byte) { anything = [200]byte(b[64:]) }),
	"load through any":  touch(func(b []byte) { anything = any(b[5]) }),
	"load complex":      inside(func(v *torn, _ []byte) error { anything = v.doubles[len(v.doubles)-1]; return nil }),
	"load atomic":       inside(func(v *torn, _ []byte) error { number += int(atomic.LoadUint64(&v.numbers[cutKeep])); return nil }),
	"sum of float32":    inside(func(v *torn, _ []byte) error { anything = total(v.reals); return nil }),
	"sum of uint64":     inside(func(v *torn, _ []byte) error { anything = total(v.numbers); return nil }),
	"sum under a lease": inside(func(v *torn, _ []byte) error { anything = total(v.leased); return nil }),
	"store":             touch(func(b []byte) { b[9] = 1 }),
	"add atomic":        inside(func(v *torn, _ []byte) error { atomic.AddUint64(&v.numbers[cutKeep], 1); return nil }),
	"copy out":          touch(func(b []byte) { number += copy(make([]byte, 70000), b) }),
	"copy in":           touch(func(b []byte) { number += copy(b, make([]byte, 70000)) }),
	"copy inside":       touch(func(b []byte) { number += copy(b, b[5000:]) }),
	"append":            touch(func(b []byte) { anything = append([]byte("x"), b[:5000]...) }),
	"append grows":      touch(func(b []byte) { anything = append(b[:4096:4096], 1) }),
	"string":            touch(func(b []byte) { anything = string(b[:3000]) }),
	"string joined":     touch(func(b []byte) { anything = "x" + string(b[:300]) + "y" }),
	"string compare":    touch(func(b []byte) { anything = string(b[:500]) < string(b[600:900]) }),
	"string switch":     touch(func(b []byte) { stringSwitch(b) }),
	"runes":             touch(func(b []byte) { anything = []rune(string(b[:300])) }),
	"clear":             touch(func(b []byte) { clear(b[:8192]) }),
	"range":             touch(func(b []byte) { number += int(total(b)) }),
	"range func":        touch(func(b []byte) { each(b, func(x byte) { touched += x }) }),
	"iter.Pull":         touch(func(b []byte) { pullOne(b) }),
	"collect":           touch(func(b []byte) { anything = slices.Collect(slices.Values(b[:500])) }),
	"reflect.Copy":      touch(func(b []byte) { reflect.Copy(reflect.ValueOf(make([]byte, 99)), reflect.ValueOf(b)) }),
	"reflect index":     touch(func(b []byte) { number += int(reflect.ValueOf(b).Index(3).Uint()) }),
	"reflect.DeepEqual": touch(func(b []byte) { anything = reflect.DeepEqual(b[:900], make([]byte, 900)) }),
	"map lookup":        touch(func(b []byte) { number += map[string]int{"a": 1, "b": 2}[string(b[:1])] }),
	"map insert":        touch(mapInsert),
	"map array key":     touch(func(b []byte) { number += map[[8]byte]int{{1}: 1}[[8]byte(b)] }),
	"unique":            touch(func(b []byte) { anything = unique.Make([32]byte(b)) }),
	"interface compare": touch(func(b []byte) { anything = any([32]byte(b)) == any([32]byte{1}) }),

	// The standard library, assembly included.
	"bytes.Equal":      touch(func(b []byte) { anything = bytes.Equal(make([]byte, 9000), b[:9000]) }),
	"bytes.Compare":    touch(func(b []byte) { number += bytes.Compare(b[:9000], b[9000:]) }),
	"bytes.IndexByte":  touch(func(b []byte) { number += bytes.IndexByte(b, 9) }),
	"bytes.Index":      touch(func(b []byte) { number += bytes.Index(b, []byte("needle")) }),
	"bytes.Count":      touch(func(b []byte) { number += bytes.Count(b, []byte{7}) }),
	"bytes.Clone":      touch(func(b []byte) { anything = bytes.Clone(b[:5000]) }),
	"strings.Builder":  touch(func(b []byte) { new(strings.Builder).Write(b[:5000]) }),
	"utf8.Valid":       touch(func(b []byte) { anything = utf8.Valid(b) }),
	"crc32 IEEE":       touch(func(b []byte) { anything = crc32.ChecksumIEEE(b) }),
	"crc32 Castagnoli": touch(func(b []byte) { anything = crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }),
	"crc64":            touch(func(b []byte) { anything = crc64.Checksum(b, crc64.MakeTable(crc64.ISO)) }),
	"adler32":          touch(func(b []byte) { anything = adler32.Checksum(b) }),
	"fnv":              touch(func(b []byte) { h := fnv.New64a(); h.Write(b); anything = h.Sum64() }),
	"maphash":          touch(func(b []byte) { anything = maphash.Bytes(maphash.MakeSeed(), b) }),
	"md5":              touch(func(b []byte) { anything = md5.Sum(b) }),
	"sha1":             touch(func(b []byte) { anything = sha1.Sum(b) }),
	"sha256":           touch(func(b []byte) { anything = sha256.Sum256(b) }),
	"sha512":           touch(func(b []byte) { anything = sha512.Sum512(b) }),
	"hex":              touch(func(b []byte) { anything = hex.EncodeToString(b[:100]) }),
	"base64":           touch(func(b []byte) { anything = base64.StdEncoding.EncodeToString(b[:100]) }),
	"big.Int":          touch(func(b []byte) { anything = new(big.Int).SetBytes(b[:100]) }),
	"strconv":          touch(func(b []byte) { _, anything = strconv.Atoi(string(b[:3])) }),
	"fmt":              touch(func(b []byte) { anything = fmt.Sprintf("%x", b[:100]) }),
	"fmt element":      touch(func(b []byte) { anything = fmt.Sprint(&b[7], b[7]) }),
	"template":         touch(func(b []byte) { templated(b) }),
	"regexp":           touch(func(b []byte) { anything = regexp.MustCompile("x+y").Match(b) }),
	"sort.Slice":       touch(func(b []byte) { sort.Slice(make([]int, 99), func(i, j int) bool { return b[i] < b[j] }) }),
	"sort.Search":      touch(func(b []byte) { number += sort.Search(len(b), func(i int) bool { return b[i] > 9 }) }),
	"slices.Max":       touch(func(b []byte) { touched += slices.Max(b) }),
	"slices.Sort":      touch(func(b []byte) { slices.Sort(b[:500]) }),
	"slices.Index":     inside(func(v *torn, _ []byte) error { number += slices.Index(v.numbers, 9); return nil }),
	"json":             touch(func(b []byte) { anything = json.Unmarshal(b[:200], new(any)) }),
	"json.Valid":       touch(func(b []byte) { anything = json.Valid(b[:200]) }),
	"json.Marshal":     inside(func(v *torn, _ []byte) error { _, err := json.Marshal(v.numbers); return err }),
	"xml":              touch(func(b []byte) { anything = xml.Unmarshal(b[:200], new(struct{})) }),
	"gob":              touch(func(b []byte) { gob.NewEncoder(io.Discard).Encode(b[:200]) }),
	"binary.Read":      touch(func(b []byte) { binary.Read(bytes.NewReader(b), binary.LittleEndian, new([9]uint32)) }),
	"flate":            touch(func(b []byte) { io.Copy(io.Discard, flate.NewReader(bytes.NewReader(b))) }),
	"zlib writer":      touch(func(b []byte) { zlib.NewWriter(io.Discard).Write(b) }),
	"io.Copy":          touch(func(b []byte) { io.Copy(new(bytes.Buffer), bytes.NewReader(b)) }),
	"bufio":            touch(func(b []byte) { bufio.NewReader(bytes.NewReader(b)).ReadByte() }),
	"bufio.Scanner":    touch(func(b []byte) { bufio.NewScanner(bytes.NewReader(b)).Scan() }),

	// Control flow.
	"select send":       touch(selectSend),
	"deferred lock":     touch(deferredLock),
	"once":              touch(func(b []byte) { new(sync.Once).Do(func() { touched += b[0] }) }),
	"deferred function": touch(func(b []byte) { defer func() { touched += b[3] }() }),
	"second panic":      touch(func(b []byte) { defer func() { touched += b[3] }(); panic("first") }),
	"deep stack":        touch(func(b []byte) { number += deep(b, 5000) }),
	"twice":             touch(touchTwice),
	"nested": inside(func(v *torn, b []byte) error {
		return v.words.Guard(func(tensor.View) error { touched += b[0]; return nil })
	}),
	"nested elsewhere": inside(nestedElsewhere),
	"goroutine of its own Guard": inside(func(v *torn, b []byte) error {
		done := make(chan error)
		for range 2 {
			go func() { done <- v.bytes.Guard(func(tensor.View) error { touchByte(b); return nil }) }()
		}
		return errors.Join(<-done, <-done)
	}),
	"goroutine under the lease": inside(func(v *torn, b []byte) error {
		l, err := v.bytes.Lease()
		if err != nil {
			return err
		}
		defer l.Release()
		done := make(chan error)
		go func() { done <- l.Guard(func() error { touchByte(b); return nil }) }()
		return <-done
	}),

	// System calls, which do not fault.
	"write to file": inside(func(v *torn, b []byte) error {
		return toFile(v, func(_ context.Context, w io.Writer) error { _, err := w.Write(b); return err })
	}),
	"write to pipe": inside(func(v *torn, b []byte) error {
		return toPipe(v, func(_ context.Context, w io.Writer) error { _, err := w.Write(b); return err })
	}),
	"read into": inside(func(v *torn, b []byte) error {
		in, err := os.Open(os.DevNull)
		if err == nil {
			defer in.Close()
			in, err = os.Open("/dev/zero")
		}
		if err != nil {
			return err
		}
		defer in.Close()
		_, err = in.Read(b)
		return err
	}),

	// The calls of package tensor.
	"tensor.Copy": views(func(v *torn, x tensor.View) error { return tensor.Copy(must2(tensor.Make(x.DType(), x.Shape())), x) }),
	"tensor.Copy turned": views(func(v *torn, x tensor.View) error {
		return tensor.Copy(must2(must2(tensor.Make(x.DType(), x.Shape())).Flip(0)), x)
	}),
	"tensor.Copy into": views(func(v *torn, x tensor.View) error {
		x = must2(x.Slice(0, cutKeep, tensor.None, 1))
		return tensor.Copy(x, must2(tensor.Make(x.DType(), x.Shape())))
	}),
	"tensor.Cast": views(func(v *torn, x tensor.View) error { return tensor.Cast(must2(tensor.Make(tensor.F64, x.Shape())), x) }),
	"View.Cast":   views(func(v *torn, x tensor.View) error { _, err := x.Cast(tensor.F16); return err }),
	"tensor.Equal": views(func(v *torn, x tensor.View) error {
		_, err := tensor.Equal(x, must2(must2(v.other.Tensor("floats")).View()))
		return err
	}),
	"View.Clone":       views(func(v *torn, x tensor.View) error { _, err := x.Clone(); return err }),
	"View.String":      views(func(v *torn, x tensor.View) error { anything = x.String(); return nil }),
	"tensor.Fprint":    views(func(v *torn, x tensor.View) error { return tensor.Fprint(io.Discard, x, nil) }),
	"View.WriteCOrder": views(func(v *torn, x tensor.View) error { return x.WriteCOrder(io.Discard, tensor.BigEndian) }),
	"View.Float64At":   views(func(v *torn, x tensor.View) error { _, err := x.Float64At(x.Shape()[0] - 1); return err }),
	"View.UnitAt": views(func(v *torn, x tensor.View) error {
		b, err := x.UnitAt(x.Shape()[0] - 1)
		touched += b[0]
		return err
	}),
	"tensor.ReadElem": views(func(v *torn, x tensor.View) error {
		_, err := tensor.ReadElem[float32](x, x.Shape()[0]-1)
		return err
	}),
	"Strided.At":  inside(func(v *torn, _ []byte) error { anything = v.strided.At(cutSize/4 - 1); return nil }),
	"Strided.All": inside(func(v *torn, _ []byte) error { return ranged(v.strided.All()) }),
	"Span":        views(func(v *torn, x tensor.View) error { s := x.Span(); touched += s[len(s)-1]; return nil }),
	"Data inside Guard": inside(func(v *torn, _ []byte) error {
		s, err := tensorfile.Data[uint64](v.words)
		number += int(s[len(s)-1])
		return err
	}),
}

func must2[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// views runs fn inside Guard on the whole tensor of floats.
func views(fn func(v *torn, x tensor.View) error) form {
	return func(v *torn) error {
		return v.floats.Guard(func(x tensor.View) error { return fn(v, x) })
	}
}

func total[T byte | uint64 | float32](s []T) (n T) {
	for _, x := range s {
		n += x
	}
	return n
}

//go:noinline
func touchByte(b []byte) { anything = b[0] }

func each(b []byte, f func(byte)) {
	for x := range slices.Values(b) {
		f(x)
	}
}

func ranged(all iter.Seq2[int64, float32]) error {
	var sum float32
	for _, x := range all {
		sum += x
	}
	anything = sum
	return nil
}

func pullOne(b []byte) {
	next, stop := iter.Pull(slices.Values([]int{1, 2}))
	defer stop()
	i, _ := next()
	number += int(b[i])
}

func stringSwitch(b []byte) {
	switch string(b[:5]) {
	case "hello":
		number++
	case "world":
		number--
	}
}

func mapInsert(b []byte) {
	m := map[string]int{"a": 1}
	defer func() {
		if len(m) != 1 || m["a"] != 1 {
			fmt.Println("the map was damaged")
		}
	}()
	m[string(b[:8])] = 2
}

func templated(b []byte) {
	template.Must(template.New("").Parse("{{index . 5}}")).Execute(io.Discard, b)
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
		touched += b[0]
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
		touched += b[0]
	}()
	touched += b[5]
}

// nestedElsewhere faults inside a guarded call of another file: the error is
// that of the file that was touched.
func nestedElsewhere(v *torn, b []byte) error {
	x, err := v.other.Tensor("bytes")
	if err != nil {
		return err
	}
	return x.Guard(func(tensor.View) error { touched += b[0]; return nil })
}
