package csv_test

import (
	"bytes"
	"context"
	stdcsv "encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"math/big"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/convert/csv"
	"github.com/tensorfile/tensorfile/convert/internal/records"
	"github.com/tensorfile/tensorfile/mmap"
	"github.com/tensorfile/tensorfile/tensor"
)

func blockSize(t testing.TB, n int) {
	was := records.BlockSize
	records.BlockSize = n
	t.Cleanup(func() { records.BlockSize = was })
}

// randomTable is a table with all kinds of columns and fields, and its columns as
// the twin reads them.
func randomTable(rng *rand.Rand, rows int) string {
	makers := []func() string{
		func() string { return strconv.Itoa(rng.IntN(1000) - 500) },
		func() string { return strconv.FormatInt(int64(rng.Uint64()), 10) },
		func() string { return strconv.FormatUint(rng.Uint64(), 10) },
		func() string { return strconv.FormatFloat(rng.NormFloat64(), 'g', -1, 64) },
		func() string { return strconv.FormatFloat(math.Float64frombits(rng.Uint64()), 'e', -1, 64) },
		func() string { return []string{"true", "False", "TRUE", "false"}[rng.IntN(4)] },
		func() string { return "plain text "[:rng.IntN(12)] },
		func() string {
			parts := []string{"a", `""`, ",", "\n", "\r\n", "é", "漢", "😀", " ", "1"}
			var b strings.Builder
			for range rng.IntN(8) {
				b.WriteString(parts[rng.IntN(len(parts))])
			}
			return `"` + b.String() + `"`
		},
		func() string { return []string{"", "NA", "5", " 7 ", "null", "2.5"}[rng.IntN(6)] },
		func() string { return []string{"", "1", "-3"}[rng.IntN(3)] },
	}
	columns := 1 + rng.IntN(6)
	of := make([]func() string, columns)
	late := make([]int, columns) // another kind from this row on
	for c := range of {
		of[c] = makers[rng.IntN(len(makers))]
		late[c] = math.MaxInt
		if rng.IntN(4) == 0 {
			late[c] = rng.IntN(rows)
		}
	}
	var b strings.Builder
	end := []string{"\n", "\r\n"}[rng.IntN(2)]
	for c := range of {
		fmt.Fprintf(&b, "%c", 'a'+c)
		if c < columns-1 {
			b.WriteByte(',')
		}
	}
	b.WriteString(end)
	for r := range rows {
		if rng.IntN(10) == 0 {
			b.WriteString(end)
		}
		for c := range of {
			if r == late[c] {
				of[c] = makers[rng.IntN(len(makers))]
			}
			if c > 0 {
				b.WriteByte(',')
			}
			field := of[c]()
			if columns == 1 && strings.TrimSpace(field) == "" {
				field = "0"
			}
			b.WriteString(field)
		}
		b.WriteString(end)
	}
	return b.String()
}

// twin reads a table by encoding/csv and strconv, by the rules of the package. It
// has a header, or columns get numbers.
func twin(text string, header bool) ([]string, error) {
	// encoding/csv makes LF of CR LF in quotes, and tells no quotes.
	text = strings.ReplaceAll(text, "\r\n", "\n")
	all, err := stdcsv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil || len(all) == 0 {
		return nil, err
	}
	quoted := quotes(text)
	n := len(all[0])
	if !slices.Contains(quoted[:min(2, len(all))*n], false) {
		clear(quoted)
	}
	names, first := all[0], 1
	if !header {
		names, first = make([]string, n), 0
		for c := range names {
			names[c] = "column" + strconv.Itoa(c+1)
		}
	}
	var out []string
	for c, name := range names {
		var cells []cell
		for i, row := range all[first:] {
			cells = append(cells, newCell(row[c], quoted[(i+first)*n+c]))
		}
		out = append(out, name+" "+describe(cells))
	}
	return out, nil
}

// cell is a field as the twin sees it.
type cell struct {
	text string
	what byte // m missing, b bool, i whole number, u one beyond i64, f float, t text
	f    float64
}

var lacking = []string{"", "NA", "N/A", "n/a", "#N/A", "<NA>", "NULL", "Null", "null", "None", "none", `\N`}

func newCell(s string, quoted bool) cell {
	x := strings.Trim(s, " \t")
	switch {
	case quoted:
		return cell{text: s, what: 't'}
	case slices.Contains(lacking, x):
		return cell{text: s, what: 'm'}
	case slices.Contains([]string{"true", "True", "TRUE"}, x):
		return cell{text: s, what: 'b', f: 1}
	case slices.Contains([]string{"false", "False", "FALSE"}, x):
		return cell{text: s, what: 'b'}
	case strings.EqualFold(strings.TrimLeft(x, "+-"), "nan") && len(x) <= 4:
		return cell{text: s, what: 'f', f: math.NaN()}
	case strings.ContainsAny(x, "xXpP_"):
		return cell{text: s, what: 't'}
	}
	f, err := strconv.ParseFloat(x, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return cell{text: s, what: 't'}
	}
	c := cell{text: s, what: 'f', f: f}
	if _, err := strconv.ParseInt(x, 10, 64); err == nil && !(f == 0 && x[0] == '-') {
		c.what = 'i'
	} else if _, err := strconv.ParseUint(strings.TrimPrefix(x, "+"), 10, 64); err == nil {
		c.what = 'u'
	}
	return c
}

// describe is a column as content prints it, without the name.
func describe(cells []cell) string {
	have := map[byte]bool{}
	negative := false
	for _, x := range cells {
		have[x.what] = true
		negative = negative || x.what == 'i' && x.f < 0
	}
	numbers := have['i'] || have['u'] || have['f']
	dtype := "f64"
	switch {
	case have['t'], have['b'] && numbers:
		dtype = "string"
	case have['m'], have['f'], have['u'] && negative:
	case have['b']:
		dtype = "bool"
	case have['u']:
		dtype = "u64"
	case have['i']:
		dtype = "i64"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s %v", dtype, tensor.Shape{int64(len(cells))})
	for _, x := range cells {
		switch {
		case dtype == "string":
			fmt.Fprintf(&b, " %q", x.text)
		case dtype == "bool":
			fmt.Fprintf(&b, " %v", x.f != 0)
		case dtype == "f64" && x.what == 'm':
			fmt.Fprint(&b, " NaN")
		case dtype == "f64" && x.f == 0 && math.Signbit(x.f):
			fmt.Fprint(&b, " -0")
		case dtype == "f64":
			fmt.Fprintf(&b, " %v", x.f)
		default:
			n, _ := new(big.Int).SetString(strings.Trim(x.text, " \t"), 10)
			fmt.Fprintf(&b, " %v", n)
		}
	}
	return b.String()
}

// quotes says which fields of a valid table begin with a quote.
func quotes(text string) (list []bool) {
	text += "\n" // a field that is empty ends there
	inside, start, line := false, true, true
	for i := 0; i < len(text); i++ {
		c := text[i]
		if line && !inside && c == '\n' {
			continue // an empty line
		}
		if start {
			list = append(list, c == '"')
			start, line = false, false
		}
		switch {
		case c == '"':
			inside = !inside
		case !inside && c == ',':
			start = true
		case !inside && c == '\n':
			start, line = true, true
		}
	}
	return list
}

// Tables that are cut into blocks anywhere, read from memory, parsed again and
// from a temporary file, are what encoding/csv and strconv say.
func TestBlocks(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	tables, rows := 0, 0
	defer csv.SetBudget(1)()
	for _, size := range []int{16, 100, 1000, 1 << 20} {
		blockSize(t, size)
		for range 60 {
			n := 1 + rng.IntN(120)
			text := randomTable(rng, n)
			want, err := twin(text, true)
			if err != nil {
				t.Fatalf("%v\n%q", err, text)
			}
			for _, budget := range []int64{1 << 20, 1} {
				csv.SetBudget(budget)
				f, err := openCSV(text, "t.csv", convert.TableOptions{Matrix: convert.No, Header: convert.Yes})
				if err != nil {
					t.Fatalf("%v\n%q", err, text)
				}
				for range 2 { // the second time from a file
					got := contents(t, f)
					for i := range got {
						got[i] = strings.ReplaceAll(got[i], `\r\n`, `\n`)
					}
					if !slices.Equal(got, want) {
						t.Fatalf("blocks of %d, budget %d:\n%q\n%s\nwant\n%s", size, budget, text, strings.Join(got, "\n"), strings.Join(want, "\n"))
					}
				}
				f.Close()
			}
			tables++
			rows += n
		}
	}
	t.Logf("%d tables of %d rows", tables, rows)
	if tables < 240 {
		t.Error("too few")
	}
}

// counter counts what is read of a file.
type counter struct {
	io.ReaderAt
	n int64
}

func (c *counter) ReadAt(p []byte, at int64) (int, error) {
	n, err := c.ReaderAt.ReadAt(p, at)
	c.n += int64(n)
	return n, err
}

// How often the file is read: once if its values are kept; if not, once more for
// what is read alone, and once for all columns as soon as there is another.
func TestPasses(t *testing.T) {
	var b strings.Builder
	b.WriteString("a,b,c,d\n")
	for i := range 300_000 {
		fmt.Fprintf(&b, "%d,%d.5,w%d,%t\n", i, i, i, i%3 == 0)
	}
	text := b.String()
	open := func(c *counter) *tensorfile.File {
		t.Helper()
		c.ReaderAt = strings.NewReader(text)
		f, err := convert.OpenMap(context.Background(), mmap.NewReaderAt(c, int64(len(text)), "t.csv"), nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		return f
	}
	passes := func(c *counter, do func()) float64 {
		before := c.n
		do()
		return math.Round(10*float64(c.n-before)/float64(len(text))) / 10
	}
	read := func(f *tensorfile.File, name string) {
		t.Helper()
		x, err := f.Tensor(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, ok := x.Composite(); ok {
			_, err = x.ReadComposite(t.Context())
		} else {
			_, err = x.Read(t.Context())
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	var c counter
	var f *tensorfile.File
	if n := passes(&c, func() { f = open(&c) }); n != 1 {
		t.Errorf("open: %v passes", n)
	}
	if n := passes(&c, func() {
		for range 3 {
			for _, name := range []string{"a", "b", "c", "d"} {
				read(f, name)
			}
		}
	}); n != 0 {
		t.Errorf("from memory: %v passes", n)
	}
	defer csv.SetBudget(1 << 20)()
	var d counter
	if n := passes(&d, func() { f = open(&d) }); n != 1 {
		t.Errorf("open: %v passes", n)
	}
	if n := passes(&d, func() { read(f, "b") }); n != 1 {
		t.Errorf("a column alone: %v passes", n)
	}
	if n := passes(&d, func() {
		for range 3 {
			for _, name := range []string{"a", "c", "d", "a", "c"} {
				read(f, name)
			}
		}
	}); n != 1 {
		t.Errorf("all columns: %v passes", n)
	}
}

// A table that is larger than the memory for it is converted in bounded memory:
// what each collection finds alive is counted, with a small budget.
func TestMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("makes a table of 46 MB")
	}
	defer csv.SetBudget(1 << 20)()
	blockSize(t, 64<<10)
	path := filepath.Join(t.TempDir(), "t.csv")
	var b bytes.Buffer
	b.WriteString("a,b,c\n")
	for i := range 1_500_000 {
		fmt.Fprintf(&b, "%d,%d.25,word %d\n", i, i*7, i*13)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	size := b.Len()
	b = bytes.Buffer{}
	out := filepath.Join(t.TempDir(), "t.tensor")
	defer debug.SetGCPercent(debug.SetGCPercent(10))
	heap := func() uint64 {
		m := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
		metrics.Read(m)
		return m[0].Value.Uint64()
	}
	runtime.GC()
	before := heap()
	peak, stop, done := before, make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
				peak = max(peak, heap())
			}
		}
	}()
	_, err := convert.Files(t.Context(), []string{path}, out, &convert.Options{NoSync: true})
	close(stop)
	<-done
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("a table of %d KiB: at most %d KiB at a time", size>>10, (peak-before)>>10)
	if peak > before+26<<20 {
		t.Errorf("%d KiB kept", (peak-before)>>10)
	}
	f, err := tensorfile.Open(out, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	x, err := f.Tensor("b")
	if err != nil {
		t.Fatal(err)
	}
	v, err := x.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	all, err := tensor.Data[float64](v)
	if err != nil || len(all) != 1_500_000 {
		t.Fatal(len(all), err)
	}
	for i, y := range all {
		if y != float64(i*7)+0.25 {
			t.Fatalf("row %d: %v", i, y)
		}
	}
}

// A file that is another one when it is parsed again is an error.
func TestChanged(t *testing.T) {
	defer csv.SetBudget(1)()
	text := "a,b\n" + strings.Repeat("1,2\n", 1000)
	for what, other := range map[string]string{
		"other kind": "a,b\n" + strings.Repeat("x,2\n", 1000), "fewer": "a,b\n" + strings.Repeat("1,22222\n", 500), "other fields": "a,b\n" + strings.Repeat("122\n", 1000),
		"floats": "a,b\n.1,2\n" + strings.Repeat("1,2\n", 1000)[1:],
	} {
		src := &switched{[]byte(text)}
		f, err := convert.OpenMap(context.Background(), mmap.NewReaderAt(src, int64(len(text)), "t.csv"), nil)
		if err != nil {
			t.Fatal(err)
		}
		src.b = []byte(other)[:len(text)]
		x, err := f.Tensor("a")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := x.Read(t.Context()); err == nil {
			t.Errorf("%s: read", what)
		} else if e := new(tensorfile.Error); !errors.As(err, &e) {
			t.Errorf("%s: %v", what, err)
		}
		f.Close()
	}
}

type switched struct{ b []byte }

func (s *switched) ReadAt(p []byte, at int64) (int, error) {
	return bytes.NewReader(s.b).ReadAt(p, at)
}

// A context that ends, ends reading.
func TestCancel(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	text := "a\n1\n"
	if _, err := convert.OpenMap(ctx, mmap.NewReaderAt(strings.NewReader(text), int64(len(text)), "t.csv"), nil); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// The longest record that is read.
func TestLongRecord(t *testing.T) {
	defer func(n, m int) { records.BlockSize, records.MaxRecord = n, m }(records.BlockSize, records.MaxRecord)
	records.BlockSize, records.MaxRecord = 16, 100
	long := strings.Repeat("x", 99)
	for text, want := range map[string]string{
		long + "\n" + long + "\n": "", "a\n\"" + long[:97] + "\"": "", "a\n" + long + "xx\n": "line 2: got a record of more than 100 bytes",
		"a\n\"" + long + "x\"\n": "line 2, column 1 (\"a\"): got a quote that is not closed in 100 bytes", "a\n\"" + long + "\n" + long + "\"\n": "a quote that is not closed in 100 bytes",
		"a,b\n1,2\n1," + long + "xx\n": "line 3: got a record of more than 100 bytes", "a,b\n1,2\n1,x\"" + long + "\n": "line 3, column 2 (\"b\"): got a quote in a field",
	} {
		f, err := openCSV(text, "t.csv", convert.TableOptions{Header: convert.Yes})
		if err == nil {
			f.Close()
		}
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%.30q: %v, want %s", text, err, want)
		}
	}
}
