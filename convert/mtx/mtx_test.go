package mtx_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	_ "github.com/tensorfile/tensorfile/convert/mtx"
	"github.com/tensorfile/tensorfile/internal/badinput"
	"github.com/tensorfile/tensorfile/mmap"
	"github.com/tensorfile/tensorfile/sparse"
	"github.com/tensorfile/tensorfile/tensor"
)

// read opens text as a file called x.mtx and its one tensor.
func read(t testing.TB, text []byte) (*tensorfile.Tensor, error) {
	t.Helper()
	f, err := convert.OpenMap(t.Context(), mmap.NewReaderAt(bytes.NewReader(text), int64(len(text)), "x.mtx"), nil)
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { f.Close() })
	return f.Tensor("x")
}

// content is a tensor with its entries, as text.
func content(t testing.TB, text []byte) (string, error) {
	x, err := read(t, text)
	if err != nil {
		return "", err
	}
	if _, _, ok := x.Composite(); !ok {
		v, err := x.Read(t.Context())
		return x.DType().String() + " " + v.String(), err
	}
	a, err := x.Sparse(t.Context())
	if err != nil {
		return "", err
	}
	if err := a.Validate(t.Context(), nil); err != nil {
		return "", fmt.Errorf("what was read is no array: %w", err)
	}
	indices, _ := a.Part(sparse.RoleIndices)
	values, _ := a.Part(sparse.RoleValues)
	return fmt.Sprintf("%v %v %v %v %v", a.DType(), indices.DType(), a.Properties().Structure, strings.ReplaceAll(indices.String(), "\n ", ""), values), nil
}

func zip(s string) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	io.WriteString(z, s)
	z.Close()
	return b.Bytes()
}

func TestRead(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"real", "%%MatrixMarket matrix coordinate real general\n2 3 3\n1 1 1.5\n2 3 -2e3\n1 2 .25\n", "f64 i32 general [[0 0][1 2][0 1]] [ 1.5e+00 -2.0e+03  2.5e-01]"},
		{"integer", "%%MatrixMarket matrix coordinate integer symmetric\n3 3 2\n1 1 -9223372036854775808\n3 1 9223372036854775807", "i64 i32 symmetric [[0 0][2 0]] [-9223372036854775808  9223372036854775807]"},
		{"unsigned", "%%MatrixMarket matrix coordinate unsigned-integer general\n1 1 1\n1 1 18446744073709551615\n", "u64 i32 general [[0 0]] [18446744073709551615]"},
		{"complex", "%%MatrixMarket matrix coordinate complex hermitian\n2 2 1\n2 1 1 -2.5\n", "c128 i32 hermitian [[1 0]] [1.-2.5j]"},
		{"pattern", "%%MatrixMarket matrix coordinate pattern general\n2 2 2\n2 1\n1 2\n", "bool i32 general [[1 0][0 1]] [ True  True]"},
		{"wide", "%%MatrixMarket matrix coordinate pattern general\n9007199254740993 2 1\n9007199254740993 2\n", "bool i64 general [[9007199254740992                1]] [ True]"},
		{"empty", "%%MatrixMarket matrix coordinate real general\n0 5 0\n", "f64 i32 general [] []"},
		{"nothing behind the sizes", "%%MatrixMarket matrix coordinate pattern general\n4 5 0", "bool i32 general [] []"},
		{"words in any case", "%%matrixmarket MATRIX Coordinate Double GENERAL\n1 1 1\n1 1 7\n", "f64 i32 general [[0 0]] [7.]"},
		{"CRLF, blanks, comments", "%%MatrixMarket  matrix\tcoordinate real general \r\n%a\r\n\r\n%b\r\n 2  2 2 \r\n\r\n  1\t1   5 \r\n% c\r\n2 2 6\r\n \r\n", "f64 i32 general [[0 0][1 1]] [5. 6.]"},
		{"not finite", "%%MatrixMarket matrix coordinate real general\n1 3 3\n1 1 nan\n1 2 -Inf\n1 3 infinity\n", "f64 i32 general [[0 0][0 1][0 2]] [ nan -inf  inf]"},
		{"duplicates", "%%MatrixMarket matrix coordinate real general\n1 1 2\n1 1 1\n1 1 2\n", "f64 i32 general [[0 0][0 0]] [1. 2.]"},
		{"array", "%%MatrixMarket matrix array real general\n2 3\n1\n2\n3\n4\n5\n6\n", "f64 [[1. 3. 5.]\n [2. 4. 6.]]"},
		{"array, symmetric", "%%MatrixMarket matrix array integer symmetric\n3 3\n1\n2\n3\n4\n5\n6\n", "i64 [[1 2 3]\n [2 4 5]\n [3 5 6]]"},
		{"array, skew", "%%MatrixMarket matrix array real skew-symmetric\n3 3\n2\n3\n5\n", "f64 [[ 0. -2. -3.]\n [ 2.  0. -5.]\n [ 3.  5.  0.]]"},
		{"array, hermitian", "%%MatrixMarket matrix array complex hermitian\n2 2\n1 0\n2 3\n4 0\n", "c128 [[1.+0.j 2.-3.j]\n [2.+3.j 4.+0.j]]"},
		{"array, nothing", "%%MatrixMarket matrix array real general\n0 3\n", "f64 []"},
	} {
		for way, text := range map[string][]byte{"plain": []byte(c.text), "gzip": zip(c.text)} {
			if got, err := content(t, text); err != nil || got != c.want {
				t.Errorf("%s, %s: %v\n got %s\nwant %s", c.name, way, err, got, c.want)
			}
		}
	}
}

func TestMembers(t *testing.T) {
	text := "%%MatrixMarket matrix coordinate real general\n2 3 2\n1 1 1.5\n2 3 2.5\n"
	got, err := content(t, append(zip(text[:50]), zip(text[50:])...))
	if want := "f64 i32 general [[0 0][1 2]] [1.5 2.5]"; err != nil || got != want {
		t.Errorf("%v: %s", err, got)
	}
}

func TestComment(t *testing.T) {
	x, err := read(t, []byte("%%MatrixMarket matrix coordinate real general\n%first\n% second \n1 1 0\n"))
	if err != nil {
		t.Fatal(err)
	}
	if a, err := x.Attrs(); err != nil || a["comment"] != "first\nsecond" {
		t.Errorf("%v, %v", a, err)
	}
}

// TestBad goes through more of each row M01 to M10 of the catalogue.
func TestBad(t *testing.T) {
	const c, a = "%%MatrixMarket matrix coordinate real general\n", "%%MatrixMarket matrix array real general\n"
	const open, use = badinput.Open, badinput.Use
	long := strings.Repeat("1", 100<<10)
	var rows []badinput.Row
	for _, x := range []struct {
		name, text string
		kind       error
		at         badinput.Stage
		want       string
	}{
		{"M01 object", "%%MatrixMarket vector coordinate real general\n1 1 0\n", tensor.ErrFormat, open, `line 1: object: got "vector"`},
		{"M01 format", "%%MatrixMarket matrix dense real general\n1 1 0\n", tensor.ErrFormat, open, `line 1: format: got "dense"`},
		{"M01 field", "%%MatrixMarket matrix coordinate float general\n1 1 0\n", tensor.ErrFormat, open, `line 1: field: got "float"`},
		{"M01 symmetry", "%%MatrixMarket matrix coordinate real upper\n1 1 0\n", tensor.ErrFormat, open, `line 1: symmetry: got "upper"`},
		{"M01 four words", "%%MatrixMarket matrix coordinate real\n1 1 0\n", tensor.ErrFormat, open, "line 1: symmetry: got none"},
		{"M01 six words", "%%MatrixMarket matrix coordinate real general x\n1 1 0\n", tensor.ErrFormat, open, "five words"},
		{"M01 pattern array", "%%MatrixMarket matrix array pattern general\n1 1\n", tensor.ErrFormat, open, "got pattern"},
		{"M01 real hermitian", "%%MatrixMarket matrix coordinate real hermitian\n1 1 0\n", tensor.ErrFormat, open, "hermitian of field real"},
		{"M01 skew pattern", "%%MatrixMarket matrix coordinate pattern skew-symmetric\n1 1 0\n", tensor.ErrFormat, open, "skew-symmetric of field pattern"},
		{"M02 none", c, tensor.ErrTruncated, open, "sizes: got the end of the file"},
		{"M02 only comments", c + "% x\n%\n", tensor.ErrTruncated, open, "sizes: got the end of the file"},
		{"M02 negative", c + "1 -1 0\n", tensor.ErrFormat, open, `line 2: sizes: got "1 -1 0"`},
		{"M02 words", c + "1 x 0\n", tensor.ErrFormat, open, `line 2: sizes: got "1 x 0"`},
		{"M02 two", c + "1 1\n", tensor.ErrFormat, open, `line 2: sizes: got "1 1"`},
		{"M02 four", c + "1 1 0 0\n", tensor.ErrFormat, open, "want rows, columns and entries"},
		{"M02 three of an array", a + "1 1 1\n", tensor.ErrFormat, open, "want rows and columns"},
		{"M02 fraction", c + "1.0 1 0\n", tensor.ErrFormat, open, "line 2: sizes"},
		{"M02 2^63", c + "9223372036854775808 1 0\n", tensor.ErrOverflow, open, "line 2: sizes"},
		{"M02 product", c + "9223372036854775807 9223372036854775807 0\n", tensor.ErrOverflow, open, "fewer than 2^63 elements"},
		{"M02 not square", "%%MatrixMarket matrix coordinate real symmetric\n2 3 0\n", tensor.ErrFormat, open, "2 x 3"},
		{"M03 claim", c + "1000000 1000000 1000000000000\n1 1 1\n", tensor.ErrTruncated, open, "line 2: entries: got 1000000000000"},
		{"M04 fewer", c + "2 2 3\n1 1 1\n2 2 2.0000000000\n", tensor.ErrTruncated, use, "line 4: entries: got 2 before the end, want 3"},
		{"M04 more", c + "2 2 1\n1 1 1\n\n2 2 2\n1 2 3\n", tensor.ErrTruncated, use, "line 5: entries: got one more, want the end, after 1"},
		{"M04 array", a + "2 2\n1\n2\n3\n\n\n", tensor.ErrTruncated, use, "got 3 before the end, want 4"},
		{"M05 row 0", c + "2 2 1\n0 1 1\n", tensor.ErrCorrupt, use, `line 3: row: got "0", want 1..2`},
		{"M05 row 3", c + "2 2 1\n3 1 1\n", tensor.ErrCorrupt, use, `line 3: row: got "3", want 1..2`},
		{"M05 column 0", c + "2 2 2\n1 1 1\n1 0 1\n", tensor.ErrCorrupt, use, `line 4: column: got "0", want 1..2`},
		{"M05 column -1", c + "2 2 1\n1 -1 1\n", tensor.ErrCorrupt, use, `line 3: column: got "-1", want 1..2`},
		{"M05 long", c + "2 2 1\n" + long[:30] + " 1 1\n", tensor.ErrCorrupt, use, "line 3: row"},
		{"M05 wraps", c + "2 2 1\n18446744073709551617 1 1\n", tensor.ErrCorrupt, use, "line 3: row"},
		{"M06 above", "%%MatrixMarket matrix coordinate real symmetric\n2 2 1\n1 2 1\n", tensor.ErrFormat, use, "line 3: entry: got (1, 2), want on or below the diagonal"},
		{"M06 diagonal", "%%MatrixMarket matrix coordinate real skew-symmetric\n2 2 1\n2 2 1\n", tensor.ErrFormat, use, "line 3: entry: got (2, 2), want below the diagonal"},
		{"M08 long", c + "2 2 1\n" + strings.Repeat(" ", 3<<20), tensor.ErrLimit, use, "line 3: length: got more than 65536 bytes"},
		{"M08 long later", c + "2 2 2\n1 1 1\n" + strings.Repeat("9", 3<<20), tensor.ErrLimit, use, "line 4: length: got more than 65536 bytes"},
		{"M08 long comment", c + "%" + long + "\n1 1 0\n", tensor.ErrLimit, open, "line 2: length"},
		{"M08 comments", c + strings.Repeat("%"+long[:60000]+"\n", 20) + "1 1 0\n", tensor.ErrLimit, open, "comments"},
		{"M08 NUL", c + "2 2 1\n1\x001 1\n", tensor.ErrFormat, use, "line 3: entry"},
		{"M08 NUL in a value", c + "2 2 1\n1 1 1\x00\n", tensor.ErrFormat, use, "line 3: entry"},
		{"M09 range", c + "2 2 1\n1 1 1e999\n", tensor.ErrFormat, use, "line 3: value"},
		{"M09 hex", c + "2 2 1\n1 1 0x1p4\n", tensor.ErrFormat, use, "line 3: entry"},
		{"M09 comma", c + "2 2 1\n1 1 1,5\n", tensor.ErrFormat, use, "line 3: entry"},
		{"M09 d", c + "2 2 1\n1 1 1d5\n", tensor.ErrFormat, use, "line 3: entry"},
		{"M09 word", c + "2 2 1\n1 1 one\n", tensor.ErrFormat, use, "line 3: value"},
		{"M09 none", c + "2 2 1\n1 1   \n", tensor.ErrFormat, use, "line 3: value"},
		{"M09 one too many", c + "2 2 1\n1 1 1 1\n", tensor.ErrFormat, use, "line 3: entry"},
		{"M09 integer", "%%MatrixMarket matrix coordinate integer general\n2 2 1\n1 1 1.5\n", tensor.ErrFormat, use, "line 3: entry"},
		{"M09 integer of 64 bits", "%%MatrixMarket matrix coordinate integer general\n2 2 1\n1 1 9223372036854775808\n", tensor.ErrOverflow, use, "line 3: value"},
		{"M09 unsigned", "%%MatrixMarket matrix coordinate unsigned-integer general\n2 2 1\n1 1 -1\n", tensor.ErrFormat, use, "line 3: value"},
		{"M09 half a number", "%%MatrixMarket matrix coordinate complex general\n2 2 1\n1 1 1.5 \n", tensor.ErrFormat, use, "line 3: value"},
		{"M09 a value of a pattern", "%%MatrixMarket matrix coordinate pattern general\n2 2 1\n1 1 1\n", tensor.ErrFormat, use, "line 3: entry"},
		{"M10 array", a + "1000000 1000000\n1\n", tensor.ErrLimit, open, "entries: got 1000000000000"},
		{"M09 row only", c + "2 2 1\n1 \n1 1 1\n", tensor.ErrFormat, use, "line 3: entry"},
		{"M09 word for a row", c + "2 2 1\nx 1 1\n", tensor.ErrFormat, use, "line 3: entry"},
		{"M03 gzip cut off", string(zip(c + "2 2 1\n1 1 1\n")[:70]), tensor.ErrTruncated, use, "gzip"},
		{"M03 gzip, cut in its header", string(zip(c + "2 2 1\n1 1 1\n")[:10]), tensor.ErrTruncated, open, "gzip"},
		{"M03 gzip sum", string(flip(zip(c+"2 2 1\n1 1 1\n"), -6)), tensor.ErrCorrupt, use, "gzip"},
		{"M03 gzip, junk behind", string(zip(c+"2 2 1\n1 1 1\n")) + strings.Repeat("junk", 9), tensor.ErrCorrupt, use, "gzip"},
		{"M03 gzip, claim", string(zip(c + "1000000 1000000 1000000000000\n1 1 1\n")), tensor.ErrTruncated, open, "entries: got 1000000000000"},
	} {
		id, what, _ := strings.Cut(x.name, " ")
		rows = append(rows, badinput.Row{ID: id, What: what, Make: badinput.File("x.mtx", []byte(x.text)), Format: "mtx", Kind: x.kind, At: x.at, Says: []string{x.want}, NoOffset: true})
	}
	badinput.Run(t, rows)
}

func flip(b []byte, i int) []byte {
	b[len(b)+i] ^= 1
	return b
}

// Blocks are cut anywhere: lines of all lengths, more than a block of them.
func TestBlocks(t *testing.T) {
	var b bytes.Buffer
	const n = 150_000
	fmt.Fprintf(&b, "%%%%MatrixMarket matrix coordinate real general\n%d 7 %d\n", n, n)
	for i := range n {
		fmt.Fprintf(&b, "%s%d %d %g\n", strings.Repeat(" ", i%11), i+1, i%7+1, math.Sqrt(float64(i)))
		if i%1000 == 3 {
			b.WriteString("\n% here is nothing\n")
		}
	}
	x, err := read(t, b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	a, err := x.Sparse(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	indices, _ := a.Part(sparse.RoleIndices)
	own, err := indices.Clone()
	if err != nil {
		t.Fatal(err)
	}
	xy, err := tensor.Data[int32](own)
	if err != nil {
		t.Fatal(err)
	}
	v, err := sparse.Data[float64](a, sparse.RoleValues)
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		if xy[2*i] != int32(i) || xy[2*i+1] != int32(i%7) || v[i] != math.Sqrt(float64(i)) {
			t.Fatalf("entry %d is (%d, %d) %v", i, xy[2*i], xy[2*i+1], v[i])
		}
	}
	broken := bytes.Replace(b.Bytes(), []byte("140000 "), []byte("14x000 "), 1)
	if _, err := content(t, broken); err == nil || !strings.Contains(err.Error(), "line 140282: ") {
		t.Errorf("%v", err)
	}
}

// Dense matrices and vectors of every numeric dtype come back.
func TestWriteDense(t *testing.T) {
	values := []float64{0, 1, 2.5, -3, 100, 7}
	for _, d := range []tensor.DType{tensor.Bool, tensor.I8, tensor.U8, tensor.I16, tensor.U16, tensor.I32, tensor.U32, tensor.I64, tensor.U64, tensor.F16, tensor.BF16, tensor.F32, tensor.F64, tensor.C64, tensor.C128, tensor.F8E4M3FN} {
		v, err := tensor.FromSlice(values, 2, 3)
		if err == nil {
			v, err = v.Cast(d)
		}
		if err != nil {
			t.Fatal(err)
		}
		text := written(t, v)
		x, err := read(t, text)
		if err != nil {
			t.Fatalf("%v: %v", d, err)
		}
		back, err := x.Read(t.Context())
		if err == nil {
			back, err = back.Cast(d)
		}
		if err != nil {
			t.Fatal(err)
		}
		if same, err := tensor.Equal(v, back); err != nil || !same {
			t.Errorf("%v: %v became %v", d, v, back)
		}
	}
	v, err := tensor.FromSlice([]int32{4, 5}, 2)
	if err != nil {
		t.Fatal(err)
	}
	if got := string(written(t, v)); got != "%%MatrixMarket matrix array integer general\n2 1\n4\n5\n" {
		t.Errorf("%q", got)
	}
}

// file writes tensors to a native file and opens it.
func native(t *testing.T, add func(w *tensorfile.Writer) error) *tensorfile.File {
	t.Helper()
	path := t.TempDir() + "/a.tensor"
	w, err := tensorfile.Create(path, nil)
	if err == nil {
		err = add(w)
	}
	if err == nil {
		err = w.Commit(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	f, err := tensorfile.Open(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func tryWrite(t *testing.T, f *tensorfile.File) ([]byte, error) {
	t.Helper()
	x, err := f.Tensor("x")
	if err != nil {
		t.Fatal(err)
	}
	format, _ := convert.ByName("mtx")
	var out bytes.Buffer
	err = format.Write(t.Context(), &out, []convert.Source{{Tensor: x, As: "x"}}, nil)
	return out.Bytes(), err
}

func written(t *testing.T, v tensor.View) []byte {
	t.Helper()
	b, err := tryWrite(t, native(t, func(w *tensorfile.Writer) error { return w.Add(t.Context(), "x", v, nil) }))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Any layout is written, an upper triangle as the lower one.
func TestWriteSparse(t *testing.T) {
	lower, err := read(t, []byte("%%MatrixMarket matrix coordinate complex hermitian\n3 3 2\n1 1 1 0\n3 2 5 7\n"))
	if err != nil {
		t.Fatal(err)
	}
	a, err := lower.Sparse(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	upper, err := a.Structured(t.Context(), sparse.Hermitian, true, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, layout := range []sparse.Layout{sparse.COO, sparse.CSR, sparse.CSC, sparse.CSF} {
		b, err := upper.Convert(t.Context(), layout, nil)
		if err != nil {
			t.Fatal(err)
		}
		got, err := tryWrite(t, native(t, func(w *tensorfile.Writer) error { return w.AddSparse(t.Context(), "x", b, nil) }))
		want := "%%MatrixMarket matrix coordinate complex hermitian\n3 3 2\n1 1 1 0\n3 2 5 7\n"
		if err != nil || string(got) != want {
			t.Errorf("%v: %v: %q, want %q", layout, err, got, want)
		}
	}
}

func TestRefuse(t *testing.T) {
	cube, err := tensor.Make(tensor.F32, tensor.Shape{2, 2, 2})
	if err != nil {
		t.Fatal(err)
	}
	dense, err := tensor.FromSlice([]float64{1, 1, 0, 1}, 2, 2)
	if err != nil {
		t.Fatal(err)
	}
	one, err := tensor.FromSlice([]float64{1}, 1)
	if err == nil {
		one, err = one.Index(0, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	ones, err := sparse.FromDense(t.Context(), dense, one, sparse.COO, nil)
	if err != nil {
		t.Fatal(err)
	}
	text, err := tensor.NewView([]byte("ab"), tensor.Text(2), tensor.Shape{1}, nil, 0, tensor.LittleEndian)
	if err != nil {
		t.Fatal(err)
	}
	for want, add := range map[string]func(w *tensorfile.Writer) error{
		"shape: got (2, 2, 2), want a matrix": func(w *tensorfile.Writer) error { return w.Add(t.Context(), "x", cube, nil) },
		"fill value: got 1":                   func(w *tensorfile.Writer) error { return w.AddSparse(t.Context(), "x", ones, nil) },
		"dtype: got S2":                       func(w *tensorfile.Writer) error { return w.Add(t.Context(), "x", text, nil) },
	} {
		if _, err := tryWrite(t, native(t, add)); !errors.Is(err, tensor.ErrUnsupported) || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte("%%MatrixMarket matrix coordinate real general\n%c\n2 3 2\n1 1 1.5\n2 3 nan\n"))
	f.Add([]byte("%%MatrixMarket matrix array complex hermitian\n2 2\n1 0\n2 3\n4 0\n"))
	f.Add([]byte("%%MatrixMarket matrix coordinate integer skew-symmetric\n3 3 1\r\n3 1 -4"))
	f.Add(zip("%%MatrixMarket matrix coordinate pattern symmetric\n3 3 1\n3 1\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		m := mmap.NewReaderAt(bytes.NewReader(b), int64(len(b)), "x.mtx")
		file, err := convert.OpenMap(t.Context(), m, &convert.OpenOptions{Format: "mtx", OpenOptions: tensorfile.OpenOptions{MaxBytes: 1 << 24}})
		if err != nil {
			return
		}
		defer file.Close()
		x, err := file.Tensor("x")
		if err != nil {
			t.Fatal(err)
		}
		if _, _, ok := x.Composite(); !ok {
			x.Read(t.Context())
			return
		}
		a, err := x.Sparse(t.Context())
		if err != nil {
			return
		}
		if err := a.Validate(t.Context(), nil); err != nil {
			t.Fatalf("what was read is no array: %v", err)
		}
	})
}
