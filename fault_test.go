//go:build unix

package tensorfile_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/internal/faultfs"
)

// hard are errors that a disk gives and that no retry helps against.
var hard = []error{syscall.EIO, syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG}

// faultStride is how many faults a short run leaves out between two.
func faultStride(n int) int {
	if testing.Short() || raceBuild {
		return n
	}
	return 1
}

// faultCount counts what was tried.
type faultCount struct{ ops, faults, survived, failed, unknown int }

func (c *faultCount) String() string {
	return fmt.Sprintf("%d operations, %d faults: %d survived, %d told, %d of them commit unknown", c.ops, c.faults, c.survived, c.failed, c.unknown)
}

// sweepFaults runs once without a fault, and then with each fault of each
// operation that this one took; of reads, which are many and alike, with each
// reads-th.
func sweepFaults(t *testing.T, stride, reads int, run func(t *testing.T, f faultfs.Fault, ref *faultfs.FS, c *faultCount) *faultfs.FS) faultCount {
	t.Helper()
	var c faultCount
	ref := run(t, faultfs.Fault{N: -1}, nil, &c)
	if t.Failed() {
		t.Fatal("without a fault")
	}
	ops := ref.Ops()
	c = faultCount{ops: len(ops)}
	all := []faultfs.Fault{{N: 0, Mode: faultfs.Every, Err: syscall.EINTR}, {N: 0, Mode: faultfs.Every}}
	skipped := 0
	for n, op := range ops {
		for _, f := range faultfs.Faults(n, op, hard, syscall.EINTR) {
			if op.Kind == "ReadAt" {
				if skipped++; skipped%reads != 0 {
					continue
				}
			}
			all = append(all, f)
		}
	}
	for i := 0; i < len(all); i += stride {
		f := all[i]
		c.faults++
		t.Run(fmt.Sprintf("%d %v %v %v", f.N, ops[f.N], f.Mode, f.Err), func(t *testing.T) {
			if fs := run(t, f, ref, &c); fs != nil {
				if _, _, hit := fs.Hit(); !hit {
					t.Error("nothing was hit")
				}
			}
		})
		if t.Failed() && i > 200*stride {
			break
		}
	}
	t.Logf("%v", &c)
	return c
}

// faultError checks an error that a fault led to: its kind, and that it names
// the file, what was done, and where.
func faultError(t *testing.T, err error, path string, f faultfs.Fault, hit faultfs.Op) {
	t.Helper()
	var e *tensorfile.Error
	kind := tensorfile.ErrIO
	if f.Err != syscall.EIO {
		kind = tensorfile.ErrNoSpace
	}
	if hit.Kind == "ReadAt" && errors.Is(err, tensorfile.ErrIO) {
		kind = tensorfile.ErrIO // reading needs no space
	}
	if !errors.As(err, &e) || !errors.Is(err, kind) || !errors.Is(err, f.Err) {
		t.Errorf("%v: want %v and %v", err, kind, f.Err)
		return
	}
	if e.Path != path || e.Field == "" || !strings.Contains(err.Error(), path) {
		t.Errorf("path %q, field %q: %v", e.Path, e.Field, err)
	}
	if f.Mode != faultfs.Dead && hit.Transfer() && (e.Offset < hit.Offset || e.Offset > hit.Offset+int64(hit.Len)) {
		t.Errorf("offset %d for %v: %v", e.Offset, hit, err)
	}
	if f.Mode == faultfs.Half && hit.Writes() && e.Got != fmt.Sprintf("%d bytes written", hit.Len/2) {
		t.Errorf("got %q for %v: %v", e.Got, hit, err)
	}
	if strings.Contains(err.Error(), ".tmp") && !strings.Contains(err.Error(), "removal of the temporary file") {
		t.Errorf("a name of a temporary file: %v", err)
	}
}

// holding is what a generation holds: each tensor, and the attributes of the
// file under "", as text.
type holding map[string]string

// holdingOf reads all of a file, at a generation or (0) as it opens.
func holdingOf(b []byte, generation uint64) (c holding, number uint64, err error) {
	f, err := tensorfile.OpenReaderAt(bytes.NewReader(b), int64(len(b)), &tensorfile.OpenOptions{Generation: generation, Verify: tensorfile.VerifyOnFirstUse})
	if err != nil {
		return nil, 0, err
	}
	defer f.Close()
	c = holding{}
	a, err := f.Attrs()
	if err != nil {
		return nil, 0, err
	}
	if len(a) > 0 {
		c[""] = fmt.Sprint(a)
	}
	for x, err := range f.Tensors() {
		if err != nil {
			return nil, 0, err
		}
		v, err := x.Read(ctx)
		if err != nil {
			return nil, 0, err
		}
		a, err := x.Attrs()
		if err != nil {
			return nil, 0, err
		}
		elems, err := v.Bytes()
		if err != nil {
			return nil, 0, err
		}
		c[x.Name()] = tensorText(x.DType(), x.Shape(), a, elems)
	}
	return c, f.Info().Generation, nil
}

// wantHolding checks that a file opens at a generation and holds c.
func wantHolding(t *testing.T, b []byte, generation uint64, c holding) {
	t.Helper()
	got, g, err := holdingOf(b, 0)
	if err != nil {
		t.Errorf("the file: %v", err)
		return
	}
	if g != generation || !maps.Equal(got, c) {
		t.Errorf("generation %d, want %d: %s", g, generation, differ(got, c))
	}
}

// differ says in what two holdings differ.
func differ(got, want holding) string {
	var list []string
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if got[name] != want[name] {
			list = append(list, fmt.Sprintf("%q is %q, want %q", name, got[name], want[name]))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(got)) {
		if _, ok := want[name]; !ok {
			list = append(list, fmt.Sprintf("%q is there", name))
		}
	}
	return strings.Join(list[:min(len(list), 5)], "; ")
}
