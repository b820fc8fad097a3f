package sqlite_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/tensor"
)

// TestInterop exchanges random databases with Python's sqlite3: what it wrote is
// read as it reads it, and what we write anew it reads as the same. "make interop"
// sets TENSORFILE_PYTHON; TENSORFILE_SEED makes other databases.
func TestInterop(t *testing.T) {
	python := os.Getenv("TENSORFILE_PYTHON")
	if python == "" {
		t.Skip("TENSORFILE_PYTHON names no Python; make interop does")
	}
	seed, count := "20261121", 300
	if s := os.Getenv("TENSORFILE_SEED"); s != "" {
		seed = s
	}
	dir := t.TempDir()
	run := func(verb string) string {
		t.Helper()
		script := filepath.Join("..", "..", "..", "testdata", "interop", "sqlite_interop.py")
		b, err := exec.Command(python, "-B", script, verb, seed, strconv.Itoa(count), dir).CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, b)
		}
		return string(b)
	}
	run("write")
	b, err := os.ReadFile(filepath.Join(dir, "expect.json"))
	if err != nil {
		t.Fatal(err)
	}
	var expect []struct {
		File    string
		Rows    int64
		Columns []struct {
			Name, Kind string
			Values     []string
		}
	}
	if err := json.Unmarshal(b, &expect); err != nil || len(expect) != count {
		t.Fatalf("%d databases, %v", len(expect), err)
	}
	kinds := map[string]int{}
	for _, e := range expect {
		path := filepath.Join(dir, e.File)
		f, err := convert.Open(t.Context(), path, options("", "t"))
		if err != nil {
			t.Fatal(err)
		}
		i := 0
		for x, err := range f.Tensors() {
			if err != nil {
				t.Fatal(err)
			}
			want := e.Columns[i]
			if i++; x.Name() != want.Name || x.Shape()[0] != e.Rows {
				t.Fatalf("%s: %q %v, want %q of %d", e.File, x.Name(), x.Shape(), want.Name, e.Rows)
			}
			kind, values := texts(t, x)
			if kind != want.Kind || !slices.Equal(values, want.Values) {
				t.Fatalf("%s: %q: %s %.300q, want %s %.300q", e.File, want.Name, kind, values, want.Kind, want.Values)
			}
			kinds[kind] += len(values)
		}
		f.Close()
		out := filepath.Join(dir, "out."+e.File)
		if _, err := convert.Files(t.Context(), []string{path}, out, &convert.Options{Open: *options("", "t"), NoSync: true}); err != nil {
			t.Fatal(err)
		}
	}
	report := strings.TrimSpace(run("check"))
	t.Logf("seed %s: %s; values by kind %v", seed, report, kinds)
	if !strings.HasPrefix(report, "compared "+strconv.Itoa(count)+" databases") || len(kinds) != 5 {
		t.Errorf("%q for %d databases", report, count)
	}
}

// texts is what a tensor is, and its elements as Python's script writes them.
func texts(t testing.TB, x *tensorfile.Tensor) (kind string, values []string) {
	t.Helper()
	values = []string{}
	if layout, _, ok := x.Composite(); ok {
		c, err := x.ReadComposite(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		role := format.RoleBytes
		if layout == format.LayoutRagged {
			role = format.RoleValues
		}
		v, err := c.Part(format.RoleOffsets).View.Cast(tensor.I64)
		if err != nil {
			t.Fatal(err)
		}
		at, err := tensor.Data[int64](v)
		if err != nil {
			t.Fatal(err)
		}
		b, err := c.Part(role).View.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		for i := range at[1:] {
			s := string(b[at[i]:at[i+1]])
			if layout == format.LayoutRagged {
				s = hex.EncodeToString([]byte(s))
			}
			values = append(values, s)
		}
		if layout == format.LayoutRagged {
			return "bytes", values
		}
		return "text", values
	}
	v, err := x.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	switch x.DType() {
	case tensor.Bool:
		list, _ := tensor.Data[bool](v)
		for _, y := range list {
			values = append(values, map[bool]string{true: "True", false: "False"}[y])
		}
	case tensor.I64:
		list, _ := tensor.Data[int64](v)
		for _, y := range list {
			values = append(values, strconv.FormatInt(y, 10))
		}
	default:
		list, _ := tensor.Data[float64](v)
		for _, y := range list {
			values = append(values, floatHex(y))
		}
	}
	return x.DType().String(), values
}

// floatHex is Python's float.hex.
func floatHex(x float64) string {
	switch {
	case x != x:
		return "nan"
	case x > 1.7976931348623157e308:
		return "inf"
	case x < -1.7976931348623157e308:
		return "-inf"
	case x == 0:
		return strings.Replace(fmt.Sprintf("%x", x), "0x0p+00", "0x0.0p+0", 1)
	}
	s := strconv.FormatFloat(x, 'x', 13, 64) // 0x1.8000000000000p+01
	mantissa, exponent, _ := strings.Cut(s, "p")
	n, _ := strconv.Atoi(exponent)
	if n < -1022 { // Python does not normalise
		shift := -1022 - n
		frac, _ := strconv.ParseUint(strings.Replace(strings.TrimPrefix(mantissa, "-"), "0x1.", "1", 1), 16, 64)
		sign := ""
		if x < 0 {
			sign = "-"
		}
		return fmt.Sprintf("%s0x0.%013xp-1022", sign, frac>>shift)
	}
	return fmt.Sprintf("%sp%+d", mantissa, n)
}

// TestCommandInterop: the sqlite3 program reads what we write, as a file and as a
// table beside others, and we read what it wrote.
func TestCommandInterop(t *testing.T) {
	program, err := exec.LookPath("sqlite3")
	if err != nil || os.Getenv("TENSORFILE_PYTHON") == "" {
		t.Skip("TENSORFILE_PYTHON is not set, or there is no sqlite3")
	}
	dir := t.TempDir()
	path, out := filepath.Join(dir, "a.sqlite"), filepath.Join(dir, "b.db")
	run := func(file, statements string) string {
		t.Helper()
		cmd := exec.Command(program, "-bail", "-batch", file)
		cmd.Stdin = strings.NewReader(statements)
		var b bytes.Buffer
		cmd.Stdout, cmd.Stderr = &b, &b
		if err := cmd.Run(); err != nil {
			t.Fatalf("%v\n%s", err, b.Bytes())
		}
		return b.String()
	}
	run(path, "PRAGMA journal_mode = WAL; CREATE TABLE t (n INTEGER, x REAL, s TEXT, b BLOB); INSERT INTO t VALUES (1, 0.5, 'é;''', x'00ff'), (2, NULL, NULL, NULL);")
	o := &convert.Options{Open: *options("SELECT * FROM t ORDER BY n", "")}
	if _, err := convert.Files(t.Context(), []string{path}, out, o); err != nil {
		t.Fatal(err)
	}
	o.Write.Table = `it's "two"`
	if _, err := convert.Files(t.Context(), []string{path}, out, o); err != nil {
		t.Fatal(err)
	}
	got := run(out, ".tables\nSELECT quote(n), quote(x), quote(s), quote(b) FROM tensors;\nSELECT count(*) FROM \"it's \"\"two\"\"\";\nPRAGMA integrity_check;")
	if want := "it's \"two\"  tensors   \n1|0.5|'é;'''|X'00FF'\n2|NULL|''|X''\n2\nok\n"; got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}
