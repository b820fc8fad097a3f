//go:build unix

package tensorfile_test

import (
	"encoding/binary"
	"fmt"
	"math"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/tensorfile/tensorfile/convert"
	_ "github.com/tensorfile/tensorfile/convert/npy"
)

// TestGuardServes20GB is the first job of the README on a file of 20 GB. It stands
// in for one that is full: an .npy file that is a hole but for its last row. It is
// mapped as a whole, a row of it is answered, and when it is cut short under the
// server a request fails and no more.
func TestGuardServes20GB(t *testing.T) {
	if strconv.IntSize < 64 {
		t.Skip("20 GB do not fit the address space")
	}
	const count, width = 5_000_000, 1000
	head := fmt.Sprintf("{'descr': '<f4', 'fortran_order': False, 'shape': (%d, %d), }", count, width)
	head = fmt.Sprintf("\x93NUMPY\x01\x00\x76\x00%-117s\n", head)
	path := filepath.Join(t.TempDir(), "embedding.npy")
	out, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	last := binary.LittleEndian.AppendUint32(make([]byte, 4*(width-1)), math.Float32bits(0.5))
	size := int64(len(head)) + 4*count*width
	if _, err := out.WriteString(head); err != nil {
		t.Fatal(err)
	}
	if _, err := out.WriteAt(last, size-int64(len(last))); err != nil {
		t.Skipf("no files with holes of this size: %v", err)
	}
	f, err := convert.Open(t.Context(), path, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if i := f.Info(); !i.Mapped {
		t.Skip(i.MapReason)
	}
	h, err := rows(f, "embedding")
	if err != nil {
		t.Fatal(err)
	}
	get := func(i int) (int, string) {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", fmt.Sprintf("/row?i=%d", i), nil))
		return w.Code, w.Body.String()
	}
	if code, body := get(count - 1); code != 200 || len(body) != 2*width+1+2 || body[len(body)-4:] != "0.5]" {
		t.Errorf("%d, %d bytes, %.30q", code, len(body), body)
	}
	if code, _ := get(count); code != 404 {
		t.Errorf("row %d: %d", count, code)
	}
	if err := out.Truncate(1 << 20); err != nil {
		t.Fatal(err)
	}
	if code, body := get(count - 1); code != 500 {
		t.Errorf("of a file that was cut: %d, %.60q", code, body)
	}
	if code, _ := get(3); code != 200 {
		t.Errorf("row 3 is still there: %d", code)
	}
}
