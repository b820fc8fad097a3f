package format

import (
	"encoding/hex"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tensorfile/tensorfile/spec"
	"github.com/tensorfile/tensorfile/tensor"
)

// The specification and the code say the same: each test here compares a table
// of the text with the constants that the code reads and writes by.

func specTable(t *testing.T, name string) []spec.Row {
	t.Helper()
	rows, err := spec.Table(name)
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func specNumber(t *testing.T, row spec.Row, column string) uint64 {
	t.Helper()
	x, err := strconv.ParseUint(row[column], 10, 64)
	if err != nil {
		t.Fatalf("%v: %s: %v", row, column, err)
	}
	return x
}

func TestSpecStructs(t *testing.T) {
	want, err := spec.Structs()
	if err != nil {
		t.Fatal(err)
	}
	got := Structs()
	if len(got) != len(want) {
		t.Errorf("%d structures, the text has %d", len(got), len(want))
	}
	headings := spec.Headings()
	for _, w := range want {
		i := slices.IndexFunc(got, func(s Struct) bool { return s.Name == w.Name })
		if i < 0 {
			t.Errorf("the code has no %s", w.Name)
			continue
		}
		s := got[i]
		if s.Size != w.Fixed {
			t.Errorf("%s: %d bytes, the text says %s", s.Name, s.Size, w.Size)
		}
		if !slices.Contains(headings, s.Section) {
			t.Errorf("%s: the text has no section %q", s.Name, s.Section)
		}
		for j := range max(len(s.Fields), len(w.Fields)) {
			switch {
			case j >= len(s.Fields):
				t.Errorf("%s: the code has no %s", s.Name, w.Fields[j].Name)
			case j >= len(w.Fields):
				t.Errorf("%s: the text has no %s", s.Name, s.Fields[j].Name)
			default:
				f, x := s.Fields[j], w.Fields[j]
				if f != (Field{x.Name, x.Offset, x.Size, x.Type}) {
					t.Errorf("%s: %+v, the text says %s at %d, %d bytes, %s", s.Name, f, x.Name, x.Offset, x.Size, x.Type)
				}
			}
		}
	}
}

func TestSpecFileMap(t *testing.T) {
	var begins []string
	for _, row := range specTable(t, "filemap") {
		begins = append(begins, row["begin"])
	}
	var want []string
	for _, n := range []int64{0, HeaderSize, SlotA, SlotA + RootSize, SlotB, SlotB + RootSize, DataStart} {
		want = append(want, strconv.FormatInt(n, 10))
	}
	if len(begins) < len(want) || !slices.Equal(begins[:len(want)], want) {
		t.Errorf("the text says %v, the code %v", begins, want)
	}
	for i, s := range (&RunHead{}).Sections() {
		if rows := specTable(t, "sections"); i >= len(rows) || rows[i]["section"] != s.Name {
			t.Errorf("section %d is %q: %v", i, s.Name, rows)
		}
	}
}

func specDType(t *testing.T, row spec.Row) tensor.DType {
	d := tensor.DType{Class: tensor.ClassBlock}
	if _, ok := row["class"]; ok {
		d.Class = tensor.Class(specNumber(t, row, "class"))
		d.Bits = uint32(specNumber(t, row, "bits"))
	}
	d.Variant = uint16(specNumber(t, row, "variant"))
	d.UnitElems, d.UnitBytes = uint32(specNumber(t, row, "e")), uint32(specNumber(t, row, "b"))
	return d
}

// Every registered dtype is known by its name, and none is known besides.
func TestSpecDTypes(t *testing.T) {
	registered := map[tensor.DType]string{}
	for _, table := range []string{"dtypes", "blocks"} {
		for _, row := range specTable(t, table) {
			d, name := specDType(t, row), row["name"]
			registered[d] = name
			if got, err := tensor.ParseDType(name); err != nil || got != d {
				t.Errorf("%s is %+v, %v; the text says %+v", name, got, err, d)
			}
			if d.String() != name || !d.Known() || d.Validate() != nil {
				t.Errorf("%+v: %s, known %v, %v; the text calls it %s", d, d, d.Known(), d.Validate(), name)
			}
		}
	}
	for class := range tensor.Class(9) {
		for variant := range uint16(300) {
			for _, bits := range []uint32{0, 1, 2, 3, 4, 6, 8, 16, 24, 32, 64, 128, 256} {
				for _, unit := range [][2]uint32{{1, bits / 8}, {8, 1}, {4, 3}, {4, 1}, {2, 1}} {
					d := tensor.DType{Class: class, Variant: variant, Bits: bits, UnitElems: unit[0], UnitBytes: unit[1]}
					if _, ok := registered[d]; d.Known() && !ok && class != tensor.ClassBytes {
						t.Errorf("%v (%+v) is known and not in the text", d, d)
					}
				}
			}
		}
	}
	for i := range 1 << 16 {
		if d, ok := tensor.Block(i); ok && registered[d] == "" {
			t.Errorf("block %d is not in the text", i)
		}
	}
	for _, row := range specTable(t, "dtype-vectors") {
		d, err := tensor.ParseDType(row["dtype"])
		if err != nil {
			t.Errorf("%s: %v", row["dtype"], err)
			continue
		}
		b := AppendDType(nil, d)
		if got := hex.EncodeToString(b); got != row["descriptor"] {
			t.Errorf("%s: %s, the text says %s", row["dtype"], got, row["descriptor"])
		}
		if got, err := DecodeDType(b); err != nil || got != d {
			t.Errorf("%s: reads back as %v, %v", row["dtype"], got, err)
		}
	}
}

func TestSpecClasses(t *testing.T) {
	classes := []struct {
		c    tensor.Class
		name string
	}{
		{tensor.ClassNone, "none"}, {tensor.ClassBool, "bool"}, {tensor.ClassInt, "int"}, {tensor.ClassUint, "uint"},
		{tensor.ClassFloat, "float"}, {tensor.ClassComplex, "complex"}, {tensor.ClassBytes, "bytes"}, {tensor.ClassBlock, "block"},
	}
	rows := specTable(t, "classes")
	if len(rows) != len(classes) {
		t.Errorf("%d classes, the text has %d", len(classes), len(rows))
	}
	for i, row := range rows {
		if i < len(classes) && (specNumber(t, row, "class") != uint64(classes[i].c) || row["name"] != classes[i].name) {
			t.Errorf("%v, the code has %v", row, classes[i])
		}
	}
	variants := map[string]uint16{
		"ieee": tensor.VariantIEEE, "bfloat16": tensor.VariantBFloat16, "e4m3fn": tensor.VariantE4M3FN, "e5m2": tensor.VariantE5M2,
		"e4m3fnuz": tensor.VariantE4M3FNUZ, "e5m2fnuz": tensor.VariantE5M2FNUZ, "e8m0": tensor.VariantE8M0,
		"e2m1": tensor.VariantE2M1, "e2m3": tensor.VariantE2M3, "e3m2": tensor.VariantE3M2,
		"opaque": tensor.VariantOpaque, "text": tensor.VariantText, "utf32": tensor.VariantUTF32,
	}
	for _, row := range specTable(t, "variants") {
		v, ok := variants[row["name"]]
		if !ok || uint64(v) != specNumber(t, row, "variant") {
			t.Errorf("%v, the code has %d", row, v)
		}
		delete(variants, row["name"])
	}
	if len(variants) > 0 {
		t.Errorf("not in the text: %v", variants)
	}
}

// later are limits of what no code reads yet.
var later = map[string]bool{"window": true}

func TestSpecLimits(t *testing.T) {
	limits := map[string]uint64{
		"length": MaxOffset + 1 - PageSize, "generation": MaxGeneration,
		"extent": math.MaxInt64, "elements": math.MaxInt64, "bytes": math.MaxInt64,
		"rank": MaxRank, "name": MaxName, "role": MaxRole, "roles": MaxRoles, "runs": MaxRuns,
		"records": math.MaxUint32, "names": math.MaxUint32, "head": MaxRunHead,
		"attributes": MaxAttrBytes, "depth": MaxAttrDepth, "array": MaxAttrArray, "values": MaxAttrCount, "unit": 1 << 24,
		"chunk": MaxChunk, "stored": MaxChunk, "pipelines": MaxPipelines, "stages": MaxStages, "text": MaxPipeText,
	}
	for _, row := range specTable(t, "limits") {
		id := row["id"]
		want, ok := limits[id]
		if !ok && !later[id] {
			t.Errorf("the code has no limit %q", id)
		}
		if ok && specNumber(t, row, "at most") != want {
			t.Errorf("%s: %d, the text says %s", id, want, row["at most"])
		}
		delete(limits, id)
	}
	if len(limits) > 0 {
		t.Errorf("not in the text: %v", limits)
	}
	// Limits that are not a constant hold in what is read.
	if tensor.MaxRank != MaxRank {
		t.Errorf("rank %d and %d", tensor.MaxRank, MaxRank)
	}
	if tensor.Opaque(1<<24).Validate() != nil || tensor.Opaque(1<<24+1).Validate() == nil {
		t.Error("the width of bytes is not 2^24")
	}
	for length, ok := range map[int64]bool{MaxOffset + 1 - PageSize: true, MaxOffset + 1: false, MinLength: true, MinLength - PageSize: false, MinLength + 1: false} {
		r := Root{Generation: 1, Length: length, Time: time.Unix(0, 0), AlignExp: MinAlignExp, Catalog: Ref{DataStart, runHeadSize, 0}}
		b := r.AppendTo(nil)
		if _, err := ParseTrailer(b, length-RootSize, UUID{}); (err == nil) != ok {
			t.Errorf("committed length %d: %v", length, err)
		}
	}
}

func TestSpecCodings(t *testing.T) {
	want := []string{CodingMissing: "missing", CodingConstant: "constant", CodingRaw: "raw", CodingPipeline: "pipeline k"}
	rows := specTable(t, "codings")
	if len(rows) != len(want) {
		t.Fatalf("%d codings, the text has %d", len(want), len(rows))
	}
	for i, row := range rows {
		if row["name"] != want[i] || !strings.HasPrefix(row["coding"], strconv.Itoa(i)) {
			t.Errorf("%v, the code has %d %s", row, i, want[i])
		}
	}
}

func TestSpecChecksums(t *testing.T) {
	for _, c := range []struct {
		b    string
		want uint32
	}{{"", 0}, {"123456789", 0xE3069283}, {"\x00", 0x527D5351}, {strings.Repeat("\xff", 32), 0x62A8AB43}, {strings.Repeat("\x00", 4096), 0x98f94189}} {
		if got := Checksum([]byte(c.b)); got != c.want {
			t.Errorf("checksum of %d bytes: %08x, want %08x", len(c.b), got, c.want)
		}
	}
	found := 0
	for _, row := range specTable(t, "crc-vectors") {
		for _, c := range row {
			if c == "e3069283" || c == "62a8ab43" || c == "98f94189" {
				found++
			}
		}
	}
	if found != 3 {
		t.Errorf("%d of 3 sums are in the text", found)
	}
}
