package zipfile_test

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile/convert/internal/zipfile"
	_ "github.com/tensorfile/tensorfile/convert/npy"
	"github.com/tensorfile/tensorfile/internal/badinput"
	"github.com/tensorfile/tensorfile/tensor"
)

// npy is an array of n bytes in a file of size bytes.
func npy(size, n int) []byte {
	b := header(size-n, n)
	for i := range n {
		b = append(b, byte(i*7))
	}
	return b
}

// header is that of an array of n bytes, size bytes of it.
func header(size, n int) []byte {
	head := fmt.Sprintf("{'descr': '|u1', 'fortran_order': False, 'shape': (%d,), }", n)
	head += strings.Repeat(" ", size-11-len(head)) + "\n"
	b := binary.LittleEndian.AppendUint16([]byte("\x93NUMPY\x01\x00"), uint16(len(head)))
	return append(b, head...)
}

// TestRows are the archives of package zipfile's own test as files .npz, for
// whoever opens one.
func TestRows(t *testing.T) {
	var rows []badinput.Row
	for _, c := range zipfile.BadCases(npy(100, 5), npy(100, 6), npy(160, 32)) {
		if c.Options != nil || c.What == "within the budget" {
			continue // limits that the format has otherwise
		}
		r := badinput.Row{ID: c.ID, What: c.What, Format: "npz", From: "npz", Kind: c.Kind, NoOffset: true, Make: badinput.File("x.npz", c.B)}
		if c.Kind != nil {
			r.Says = []string{c.Text}
		}
		switch c.ID + " " + c.What {
		case "Z09 more than declared":
			r.Kind, r.Says, r.Note = tensor.ErrTruncated, []string{"want at most the 90 bytes that follow"}, "100 of 160 bytes are declared, less than the header of the array takes: that is what is said"
		case "Z09 less than declared":
			r.Kind, r.Says, r.Note = tensor.ErrFormat, []string{"got 840 bytes after the last element"}, "1000 bytes are declared, more than the array has: that is what is said"
		case "Z10 crc":
			r.At = badinput.Verify
		case "Z10 crc of deflated", "Z18 after the deflate stream":
			r.At = badinput.Use
		case "Z13 case", "Z13 normalisation":
			r.Note = "names that differ are two names, whatever a file system thinks: a writer of files is where they would meet (TestWriterRefuses)"
		}
		if before, after, ok := strings.Cut(c.Text, ": got "); ok && (before == "method" || before == "flags") {
			r.Says = []string{before, "got " + after} // and in between where, if the reader does not say it otherwise
		}
		rows = append(rows, r)
	}
	rows = append(rows, badinput.Row{ID: "Z08", What: "50 MiB of zeros in 50 KiB", Format: "npz", From: "npz", Kind: tensor.ErrLimit, At: badinput.Use, NoOffset: true, Converts: true,
		Says: []string{"52428800"}, Make: badinput.File("x.npz", zipfile.Zeros(header(128, 50<<20), 50)), Note: "over the limit of the reader; the tool's is 1 GiB and it converts"})
	badinput.Run(t, rows)
	if t.Logf("%d rows", len(rows)); len(rows) < 79 {
		t.Error("too few")
	}
}
