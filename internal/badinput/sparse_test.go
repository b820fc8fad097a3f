package badinput

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile"
	_ "github.com/tensorfile/tensorfile/convert/mtx"
	_ "github.com/tensorfile/tensorfile/convert/npy"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/internal/badinput/forge"
)

// called writes a file of that name.
func called(name string, b []byte) func(t testing.TB, dir string) string {
	return func(t testing.TB, dir string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, b, 0o666); err != nil {
			t.Fatal(err)
		}
		return path
	}
}

// sparseRows are the rows N45 to N48: sparse tensors of the native format. Their
// parts are sound in themselves and copied as they are by a conversion between
// native files; every use of the whole finds the fault.
func sparseRows() []Row {
	wide := []uint64{3, 4}
	values, indices := f32s("values", nil, 1, 3, -2), i32s("indices", nil, 0, 2, 3)
	csr := func(flags uint32, indices []int32, indptr ...int32) *forge.Image {
		return composed(format.LayoutCSR, flags, forge.F32, wide, i32s("indices", nil, indices...), i32s("indptr", nil, indptr...), values)
	}
	columns := []int32{0, 2, 3}
	coo := func(flags uint32, x ...int32) *forge.Image {
		n := uint64(len(x) / 2)
		return composed(format.LayoutCOO, flags, forge.F32, wide, i32s("indices", []uint64{n, 2}, x...), f32s("values", nil, make([]float32, n)...))
	}
	bsr := func(shape []uint64, h, w uint64) *forge.Image {
		return composed(format.LayoutBSR, 0, forge.F32, shape, i32s("indices", nil, 0), i32s("indptr", nil, 0, 1), f32s("values", []uint64{1, h, w}, make([]float32, h*w)...))
	}
	huge := func(role string, shape []uint64) *forge.Image {
		p := []forgedPart{indices, i32s("indptr", nil, 0, 2, 2, 3), values}
		for i := range p {
			if p[i].role == role {
				p[i].shape = shape
			}
		}
		return composed(format.LayoutCSR, 0, forge.F32, wide, p...)
	}
	const sorted, unique = format.FlagSorted, format.FlagUnique
	pointer, index, part := format.RuleLayoutPointer, format.RuleLayoutIndex, format.RuleLayoutPart
	rows := []Row{
		{ID: "N45", What: "indptr falls", Make: img(csr(0, columns, 0, 2, 1, 3), nil), Kind: tensorfile.ErrCorrupt, Rule: pointer, Says: []string{`"m"`, "row 2 of part indptr", "got 1, want"}, Converts: true},
		{ID: "N45", What: "indptr begins at 1", Make: img(csr(0, columns, 1, 2, 2, 3), nil), Kind: tensorfile.ErrCorrupt, Rule: pointer, Says: []string{"row 0 of part indptr", "got 1, want 0"}, Converts: true},
		{ID: "N45", What: "indptr ends before nnz", Make: img(csr(0, columns, 0, 2, 2, 2), nil), Kind: tensorfile.ErrCorrupt, Rule: pointer, Says: []string{"row 3 of part indptr", "got 2, want 3"}, Converts: true},
		{ID: "N45", What: "indptr past nnz", Make: img(csr(0, columns, 0, 2, math.MaxInt32, 3), nil), Kind: tensorfile.ErrCorrupt, Rule: pointer, Says: []string{"row 2 of part indptr", "2147483647"}, Converts: true},
		{ID: "N45", What: "indptr below 0", Make: img(csr(0, columns, 0, -2, 2, 3), nil), Kind: tensorfile.ErrCorrupt, Rule: pointer, Says: []string{"row 1 of part indptr", "got -2"}, Converts: true},
		{ID: "N46", What: "column past the last", Make: img(csr(0, []int32{0, 4, 3}, 0, 2, 2, 3), nil), Kind: tensorfile.ErrCorrupt, Rule: index, Says: []string{`"m"`, "row 1 of part indices", "got 4, want"}, Converts: true},
		{ID: "N46", What: "column -1", Make: img(csr(0, []int32{0, -1, 3}, 0, 2, 2, 3), nil), Kind: tensorfile.ErrCorrupt, Rule: index, Says: []string{"row 1 of part indices", "got -1"}, Converts: true},
		{ID: "N46", What: "column twice", Make: img(csr(sorted|unique, []int32{2, 2, 3}, 0, 2, 2, 3), nil), Kind: tensorfile.ErrCorrupt, Rule: index, Says: []string{"row 1 of part indices", "got 2"}, Converts: true},
		{ID: "N46", What: "coordinate past the last row", Make: img(coo(0, 0, 0, 3, 0), nil), Kind: tensorfile.ErrCorrupt, Rule: index, Says: []string{"row 1 of part indices", "got 3"}, Converts: true},
		{ID: "N46", What: "coordinate twice, far apart", Make: img(coo(unique, 2, 3, 0, 0, 1, 1, 2, 3), nil), Kind: tensorfile.ErrCorrupt, Rule: index, Says: []string{"indices"}, Converts: true},
		{ID: "N46", What: "coordinate twice where that is allowed", Make: img(coo(0, 2, 3, 0, 0, 2, 3), nil)},
		{ID: "N47", What: "blocks of 0 rows", Make: img(bsr([]uint64{4, 4}, 0, 2), nil), Kind: tensorfile.ErrFormat, Rule: part, Says: []string{`"m"`, "0 by 2"}},
		{ID: "N47", What: "blocks of 0 columns", Make: img(bsr([]uint64{4, 4}, 2, 0), nil), Kind: tensorfile.ErrFormat, Rule: part, Says: []string{"2 by 0"}},
		{ID: "N47", What: "blocks that do not divide the shape", Make: img(bsr([]uint64{3, 4}, 2, 2), nil), Kind: tensorfile.ErrFormat, Rule: part, Says: []string{"2 by 2", "(3, 4)"}},
		{ID: "N48", What: "nnz 2^62", Make: img(huge("values", []uint64{1 << 62}), nil), Kind: tensorfile.ErrOverflow, Says: []string{"4611686018427387904"}},
		{ID: "N48", What: "nnz 2^40 in 12 bytes", Make: img(huge("indices", []uint64{1 << 40}), nil), Kind: tensorfile.ErrCorrupt, Says: []string{"12"}},
		{ID: "N48", What: "nnz times rank past 2^63", Make: img(composed(format.LayoutCOO, 0, forge.F32, wide, i32s("indices", []uint64{1 << 62, 2}, 0, 0), values), nil), Kind: tensorfile.ErrOverflow, Says: []string{"4611686018427387904"}},
	}
	for i := range rows {
		rows[i] = native(rows[i])
		if rows[i].Kind != nil && rows[i].At == Open {
			rows[i].At = Use
		}
	}
	return rows
}

// matrixRows are the rows M01 to M10. M07: a coordinate that occurs several times
// is that often in the tensor and means the sum, as for SciPy. M08: CRLF and a
// missing last newline are legal. M09: nan and inf are read, as SciPy writes them.
func matrixRows() []Row {
	const (
		head  = "%%MatrixMarket matrix coordinate real general\n"
		dense = "%%MatrixMarket matrix array real general\n"
	)
	kind := func(k error, at Stage) func(id, what, text string, says ...string) Row {
		return func(id, what, text string, says ...string) Row {
			return Row{ID: id, What: what, Make: called("m.mtx", []byte(text)), Format: "mtx", Kind: k, At: at, Says: says, NoOffset: true}
		}
	}
	zipped := func(text string, cut int) string {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		w.Write([]byte(text))
		w.Close()
		return b.String()[:b.Len()-cut]
	}
	malformed, entry := kind(tensorfile.ErrFormat, Open), kind(tensorfile.ErrFormat, Use)
	short, corrupt := kind(tensorfile.ErrTruncated, Use), kind(tensorfile.ErrCorrupt, Use)
	good := kind(nil, Open)
	long := strings.Repeat("9", 3<<20)
	twice := good("M07", "a coordinate twice", head+"1 1 2\n1 1 1\n1 1 2\n")
	twice.Note = "the rule: it is there twice and means the sum, as for SciPy"
	return []Row{
		malformed("M01", "no banner", "1 1 1\n1 1 1\n", "line 1"),
		malformed("M01", "another object", "%%MatrixMarket vector coordinate real general\n1 1 0\n", "line 1", `"vector"`),
		malformed("M01", "another field", "%%MatrixMarket matrix coordinate float general\n1 1 0\n", "line 1", `"float"`),
		malformed("M01", "another symmetry", "%%MatrixMarket matrix coordinate real upper\n1 1 0\n", "line 1", `"upper"`),
		good("M01", "words in any case", "%%matrixmarket MATRIX Coordinate Double GENERAL\n1 1 1\n1 1 7\n"),
		kind(tensorfile.ErrTruncated, Open)("M02", "no sizes", head+"% a comment\n", "sizes"),
		malformed("M02", "negative", head+"1 -1 0\n", "line 2", `"1 -1 0"`),
		malformed("M02", "not a number", head+"1 x 0\n", "line 2", `"1 x 0"`),
		malformed("M02", "four numbers", head+"1 1 0 0\n", "line 2"),
		kind(tensorfile.ErrOverflow, Open)("M02", "2^63", head+"9223372036854775808 1 0\n", "line 2"),
		kind(tensorfile.ErrTruncated, Open)("M03", "nnz 10^12", head+"1000000 1000000 1000000000000\n1 1 1\n", "1000000000000"),
		kind(tensorfile.ErrTruncated, Open)("M03", "nnz 10^12, gzip", zipped(head+"1000000 1000000 1000000000000\n1 1 1\n", 0), "1000000000000"),
		short("M03", "gzip cut off", zipped(head+"2 2 1\n1 1 1\n"+strings.Repeat("%\n", 99), 9), "gzip"),
		short("M04", "fewer entries", head+"2 2 3\n1 1 1\n2 2 2.0000000000000\n", "line 4", "got 2", "want 3"),
		short("M04", "more entries", head+"2 2 1\n1 1 1\n\n2 2 2\n1 2 3\n", "line 5", "after 1"),
		short("M04", "fewer of an array", dense+"2 2\n1\n2\n3\n\n\n", "got 3", "want 4"),
		corrupt("M05", "row 0", head+"2 2 1\n0 1 1\n", "line 3", "row", `"0", want 1..2`),
		corrupt("M05", "row past the last", head+"2 2 1\n3 1 1\n", "line 3", `"3", want 1..2`),
		corrupt("M05", "column past the last", head+"2 2 1\n1 3 1\n", "line 3", "column"),
		corrupt("M05", "column -1", head+"2 2 1\n1 -1 1\n", "line 3", `"-1", want 1..2`),
		corrupt("M05", "row 2^64+1", head+"2 2 1\n18446744073709551617 1 1\n", "line 3"),
		entry("M06", "above the diagonal", "%%MatrixMarket matrix coordinate real symmetric\n2 2 1\n1 2 1\n", "line 3", "(1, 2)"),
		malformed("M06", "not square", "%%MatrixMarket matrix coordinate real symmetric\n2 3 0\n", "2 x 3"),
		entry("M06", "on the diagonal of skew-symmetric", "%%MatrixMarket matrix coordinate real skew-symmetric\n2 2 1\n2 2 1\n", "line 3", "(2, 2)"),
		twice,
		kind(tensorfile.ErrLimit, Use)("M08", "3 MiB without a newline", head+"2 2 1\n1 1 "+long, "line 3", "65536"),
		kind(tensorfile.ErrLimit, Open)("M08", "a comment of 3 MiB", head+"%"+long+"\n1 1 0\n", "line 2"),
		entry("M08", "NUL", head+"2 2 1\n1\x001 1\n", "line 3"),
		good("M08", "CRLF", strings.ReplaceAll(head+"2 2 1\n1 1 1\n", "\n", "\r\n")),
		good("M08", "no last newline", head+"2 2 1\n1 1 1"),
		entry("M09", "1e999", head+"2 2 1\n1 1 1e999\n", "line 3", "1e999"),
		entry("M09", "0x1p4", head+"2 2 1\n1 1 0x1p4\n", "line 3"),
		entry("M09", "1,5", head+"2 2 1\n1 1 1,5\n", "line 3"),
		entry("M09", "1d5", head+"2 2 1\n1 1 1d5\n", "line 3"),
		good("M09", "nan and inf", head+"1 3 3\n1 1 nan\n1 2 -inf\n1 3 inf\n"),
		kind(tensorfile.ErrLimit, Open)("M10", "array of 10^6 x 10^6", dense+"1000000 1000000\n1\n", "1000000000000"),
	}
}

// archiveOf writes an .npz of members, in order, without compression.
func archiveOf(members ...archived) []byte {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, m := range members {
		w, err := z.CreateRaw(&zip.FileHeader{Name: m.name + ".npy", Method: zip.Store, CRC32: crc32.ChecksumIEEE(m.data), CompressedSize64: uint64(len(m.data)), UncompressedSize64: uint64(len(m.data))})
		if err == nil {
			_, err = w.Write(m.data)
		}
		if err != nil {
			panic(err)
		}
	}
	if err := z.Close(); err != nil {
		panic(err)
	}
	return b.Bytes()
}

type archived struct {
	name string
	data []byte
}

// array is a member of an archive.
func array(name, descr, shape string, data any) archived {
	text := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': %s, }", descr, shape)
	text += strings.Repeat(" ", 63-(10+len(text))%64) + "\n"
	b := []byte("\x93NUMPY\x01\x00")
	b = binary.LittleEndian.AppendUint16(b, uint16(len(text)))
	b = append(b, text...)
	var body bytes.Buffer
	if err := binary.Write(&body, binary.LittleEndian, data); err != nil {
		panic(err)
	}
	return archived{name, append(b, body.Bytes()...)}
}

// scipyRows are archives of scipy.sparse.save_npz that are not quite. The rows
// before those of content are refused when the archive is opened.
func scipyRows() []Row {
	type list = []archived
	word := func(s string) archived { return array("format", fmt.Sprintf("|S%d", len(s)), "()", []byte(s)) }
	i4 := func(name string, x ...int32) archived { return array(name, "<i4", fmt.Sprintf("(%d,)", len(x)), x) }
	f8 := func(shape string, n int) archived { return array("data", "<f8", shape, make([]float64, n)) }
	shape := func(x ...int64) archived { return array("shape", "<i8", fmt.Sprintf("(%d,)", len(x)), x) }
	csr := func(more ...archived) list {
		all := list{i4("indices", 0, 2, 1), i4("indptr", 0, 2, 3), word("csr"), shape(2, 3), f8("(3,)", 3)}
		for _, m := range more {
			for i := range all {
				if all[i].name == m.name {
					all[i] = m
				}
			}
		}
		return all
	}
	without := func(name string) list {
		all := csr()
		for i := range all {
			if all[i].name == name {
				return append(all[:i:i], all[i+1:]...)
			}
		}
		panic(name)
	}
	coo := func(row, col archived) list { return list{row, col, word("coo"), shape(2, 3), f8("(3,)", 3)} }
	dia := func(offsets, data archived) list { return list{offsets, word("dia"), shape(3, 3), data} }
	row := func(id, what string, kind error, at Stage, members list, says ...string) Row {
		return Row{ID: id, What: what, Make: called("m.npz", archiveOf(members...)), Format: "npz", Kind: kind, At: at, Says: says, NoOffset: true}
	}
	bad, corrupt, overflow := tensorfile.ErrFormat, tensorfile.ErrCorrupt, tensorfile.ErrOverflow
	return []Row{
		row("SC01", "no indptr", bad, Open, without("indptr"), "member indptr"),
		row("SC01", "no indices", bad, Open, without("indices"), "member indices"),
		row("SC01", "coo without rows", bad, Open, list{word("coo"), shape(2, 3), f8("(3,)", 3)}, "member row"),
		row("SC01", "dia without offsets", bad, Open, list{word("dia"), shape(2, 3), f8("(3, 3)", 9)}, "member offsets"),
		row("SC02", "shape of floats", bad, Open, csr(array("shape", "<f8", "(2,)", []float64{2, 3})), "member shape", "f64"),
		row("SC02", "shape below 0", bad, Open, csr(shape(2, -3)), "(2, -3)"),
		row("SC02", "shape past 2^63", overflow, Open, csr(shape(math.MaxInt64, 4))),
		row("SC02", "csr of rank 3", bad, Open, csr(shape(2, 3, 1)), "rank"),
		row("SC03", "a pointer too few", bad, Open, csr(i4("indptr", 0, 3)), "indptr"),
		row("SC03", "pointers of floats", bad, Open, csr(array("indptr", "<f4", "(3,)", []float32{0, 2, 3})), "indptr"),
		row("SC03", "more indices than data", bad, Open, csr(i4("indices", 0, 2, 1, 0)), "values"),
		row("SC03", "data of rank 2", bad, Open, csr(f8("(3, 1)", 3)), "values"),
		row("SC04", "blocks of 0", bad, Open, csr(word("bsr"), f8("(3, 0, 1)", 0)), "0 by 1"),
		row("SC04", "blocks that do not divide", bad, Open, csr(word("bsr"), f8("(3, 1, 2)", 6)), "1 by 2"),
		row("SC05", "rows and columns of two lengths", bad, Open, coo(i4("row", 0, 0, 0), i4("col", 0, 0)), "members row and col"),
		row("SC05", "rows and columns of two dtypes", bad, Open, coo(i4("row", 0, 0, 0), array("col", "<i8", "(3,)", []int64{0, 0, 0})), "members row and col"),
		row("SC06", "a diagonal twice", tensorfile.ErrDuplicate, Open, dia(i4("offsets", 1, 1), f8("(2, 3)", 6)), "1 twice"),
		row("SC06", "diagonals of two lengths", bad, Open, dia(i4("offsets", 0, 1), f8("(3, 3)", 9)), "members data and offsets"),
		row("SC07", "a pointer that falls", corrupt, Use, csr(i4("indptr", 0, 4, 3)), "indptr", "got 4"),
		row("SC07", "a pointer below 0", corrupt, Use, csr(i4("indptr", 0, -1, 3)), "indptr", "got -1"),
		row("SC07", "a column past the last", corrupt, Use, csr(i4("indices", 0, 3, 1)), "indices", "got 3"),
		row("SC07", "a column -1", corrupt, Use, csr(i4("indices", 0, -1, 1)), "indices", "got -1"),
		row("SC07", "a row past the last", corrupt, Use, coo(i4("row", 0, 2, 0), i4("col", 0, 0, 0)), "indices", "got 2"),
		row("SC08", "columns unsorted and twice", nil, Open, csr(i4("indices", 2, 2, 1))),
		row("SC08", "no columns at all", nil, Open, list{i4("indices"), i4("indptr", 0, 0, 0), word("csr"), shape(2, 0), f8("(0,)", 0)}),
		row("SC08", "a word that SciPy does not save", nil, Open, csr(word("lil"))),
		row("SC08", "dia beside the matrix", nil, Open, dia(i4("offsets", 7, -9), f8("(2, 3)", 6))),
	}
}

func TestSparse(t *testing.T) {
	Run(t, sparseRows())
	Run(t, matrixRows())
	Run(t, scipyRows())
	n := len(sparseRows()) + len(matrixRows()) + len(scipyRows())
	t.Logf("%d rows", n)
	if n < 75 {
		t.Error("too few")
	}
}
