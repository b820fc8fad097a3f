// Package golden gives tests the cases that other libraries made, a JSON document
// a line: those that are kept in testdata, and fresh ones of a library that is
// there.
package golden

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
)

// Kept returns the lines of a file that was packed with gzip.
func Kept(t testing.TB, name string) io.Reader {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// Fresh returns the lines that a script of Python prints, given a seed and a
// number of cases. It skips the test unless TENSORFILE_PYTHON names an
// interpreter that has the library, as "make interop" does. The seed is another
// one each time, and logged; TENSORFILE_SEED repeats a run.
func Fresh(t testing.TB, library, script string, count int) (lines io.Reader, seed uint64) {
	t.Helper()
	python := os.Getenv("TENSORFILE_PYTHON")
	if python == "" {
		t.Skipf("TENSORFILE_PYTHON names no Python with %s; make interop does", library)
	}
	seed = rand.Uint64N(1e9)
	if s := os.Getenv("TENSORFILE_SEED"); s != "" {
		var err error
		if seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("TENSORFILE_SEED=%d", seed)
	cmd := exec.Command(python, "-B", "-W", "ignore", script, strconv.FormatUint(seed, 10), strconv.Itoa(count))
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return bytes.NewReader(out), seed
}

// Each calls check for each case, and returns how many there were. The case that
// fails first is logged as it stands, its first 1000 bytes.
func Each[C any](t testing.TB, lines io.Reader, check func(c *C)) (n int) {
	t.Helper()
	in := bufio.NewReader(lines)
	for ; ; n++ {
		line, err := in.ReadBytes('\n')
		if err == io.EOF && len(line) == 0 {
			return n
		}
		if err != nil {
			t.Fatal(err) // a last line without its end, too
		}
		var c C
		if err := json.Unmarshal(line, &c); err != nil {
			t.Fatal(err)
		}
		failed := t.Failed()
		if check(&c); t.Failed() && !failed {
			t.Logf("case %d: %.1000s", n, line)
		}
	}
}

// Table returns the cells of the rows of a Markdown table, those of the first one
// whose heading begins with the cell heading.
func Table(t testing.TB, path, heading string) (rows [][]string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	_, text, ok := strings.Cut(string(b), "\n| "+heading+" |")
	if !ok {
		t.Fatalf("%s has no table of %q", path, heading)
	}
	for i, line := range strings.Split(text, "\n") {
		if !strings.HasPrefix(line, "|") && i > 0 {
			break
		}
		if i < 2 { // the heading and the line below it
			continue
		}
		cells := strings.Split(strings.Trim(line, "| "), " | ")
		rows = append(rows, cells)
	}
	return rows
}
