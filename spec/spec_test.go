package spec

import (
	"go/ast"
	"go/parser"
	"go/token"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// codeRules returns the ids that the code knows.
func codeRules(t *testing.T) map[string]bool {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), "../format/rules.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ids := map[string]bool{}
	ast.Inspect(f, func(n ast.Node) bool {
		lit, ok := n.(*ast.BasicLit)
		if !ok || lit.Kind != token.STRING {
			return true
		}
		id, err := strconv.Unquote(lit.Value)
		if err != nil || ids[id] {
			t.Errorf("rules.go: %s: bad, or twice", lit.Value)
		}
		ids[id] = true
		return true
	})
	if len(ids) < 100 {
		t.Fatalf("rules.go has %d ids", len(ids))
	}
	return ids
}

func TestRules(t *testing.T) {
	ids := codeRules(t)
	rules, err := Rules()
	if err != nil {
		t.Fatal(err)
	}
	text, _, ok := strings.Cut(Text, "\n## Index of rules\n")
	if !ok {
		t.Fatal("no index of rules")
	}
	found := []string{"open", "first touch", "verify", "write"}
	kinds := []string{"Truncated", "Format", "Corrupt", "Overflow", "Limit", "Unsupported", "Duplicate"}
	indexed := map[string]bool{}
	for _, r := range rules {
		if indexed[r.ID] {
			t.Errorf("%s stands twice in the index", r.ID)
		}
		indexed[r.ID] = true
		if !ids[r.ID] {
			t.Errorf("%s is in the index and not in rules.go", r.ID)
		}
		if !strings.Contains(text, "`"+r.ID+"`") {
			t.Errorf("%s is in the index and nowhere in the text", r.ID)
		}
		if r.Text == "" {
			t.Errorf("%s says nothing", r.ID)
		}
		for _, f := range r.Found {
			if !slices.Contains(found, f) {
				t.Errorf("%s: found at %q", r.ID, f)
			}
		}
		for _, k := range r.Kinds {
			if !slices.Contains(kinds, k) {
				t.Errorf("%s: kind %q", r.ID, k)
			}
		}
	}
	families := map[string]bool{}
	for id := range ids {
		if !indexed[id] {
			t.Errorf("%s is in rules.go and not in the index", id)
		}
		family, _, _ := strings.Cut(id, ".")
		families[family] = true
	}
	for _, m := range regexp.MustCompile("`([a-z-]+)\\.([a-z0-9-]+)`").FindAllStringSubmatch(text, -1) {
		if id := m[1] + "." + m[2]; families[m[1]] && !ids[id] {
			t.Errorf("the text names a rule %s that does not exist", id)
		}
	}
}

var typeSizes = map[string]int{"u8": 1, "u16": 2, "u32": 4, "u64": 8, "i64": 8, "ref": 16, "dtype": 16, "bytes": 0, "zero": 0}

func TestStructs(t *testing.T) {
	structs, err := Structs()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range structs {
		got = append(got, s.Name)
		at, seen := 0, map[string]bool{}
		for _, f := range s.Fields {
			if f.Offset != at {
				t.Errorf("%s.%s stands at %d, want %d", s.Name, f.Name, f.Offset, at)
			}
			at = f.Offset + f.Size
			size, ok := typeSizes[f.Type]
			if !ok || size != 0 && size != f.Size || f.Size <= 0 {
				t.Errorf("%s.%s: %d bytes of type %q", s.Name, f.Name, f.Size, f.Type)
			}
			if size > 0 && size < 16 && f.Offset%size != 0 {
				t.Errorf("%s.%s: misaligned at %d", s.Name, f.Name, f.Offset)
			}
			if seen[f.Name] || f.Name == "" || f.Meaning == "" || f.Rejects == "" {
				t.Errorf("%s.%s: twice, or an empty cell", s.Name, f.Name)
			}
			seen[f.Name] = true
		}
		if at != s.Fixed {
			t.Errorf("%s: fields end at %d, size is %s", s.Name, at, s.Size)
		}
	}
	want := []string{"ref", "header", "root", "runhead", "tensor", "storage", "dtype", "chunkpage", "direntry", "chunkentry"}
	if !slices.Equal(got, want) {
		t.Errorf("field boxes: %v, want %v", got, want)
	}
}

func TestTables(t *testing.T) {
	want := []string{"filemap", "sections", "classes", "variants", "dtypes", "blocks", "attributes", "codings", "codecs", "bitpack", "planes", "methods", "layouts", "roles", "layout-flags", "hash", "limits", "crc-vectors", "dtype-vectors", "codec-vectors", "hash-vectors", "rules", "roots"}
	got := Tables()
	for _, name := range want {
		if !slices.Contains(got, name) {
			t.Errorf("no table %q", name)
		}
	}
	if len(got) != len(want) {
		t.Errorf("tables: %v", got)
	}
	for _, name := range got {
		if _, err := Table(name); err != nil {
			t.Error(err)
		}
	}
}

func rows(t *testing.T, name string) []Row {
	t.Helper()
	r, err := Table(name)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// number reads a cell that is a number.
func number(t *testing.T, row Row, column string) uint64 {
	t.Helper()
	x, err := strconv.ParseUint(row[column], 10, 64)
	if err != nil {
		t.Fatalf("%v: %s: %v", row, column, err)
	}
	return x
}

func TestFileMap(t *testing.T) {
	at := "0"
	for _, row := range rows(t, "filemap") {
		if row["begin"] != at {
			t.Errorf("begins at %s, want %s", row["begin"], at)
		}
		at = row["end"]
	}
	if at != "end of file" {
		t.Errorf("ends at %s", at)
	}
}

func gcd(a, b uint64) uint64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

func TestDTypes(t *testing.T) {
	seen := map[string]bool{}
	for _, row := range rows(t, "dtypes") {
		bits, e, b := number(t, row, "bits"), number(t, row, "e"), number(t, row, "b")
		if want := 8 / gcd(bits, 8); e != want || b*8 != e*bits {
			t.Errorf("%s: %d elements in %d bytes", row["name"], e, b)
		}
		key := row["class"] + "." + row["variant"] + "." + row["bits"]
		if seen[key] || seen[row["name"]] {
			t.Errorf("%s: twice", row["name"])
		}
		seen[key], seen[row["name"]] = true, true
	}
	last := uint64(0)
	for _, row := range rows(t, "blocks") {
		v := number(t, row, "variant")
		if v <= last || number(t, row, "e") == 0 || number(t, row, "b") == 0 || seen[row["name"]] {
			t.Errorf("%v", row)
		}
		last, seen[row["name"]] = v, true
	}
}

func TestLimits(t *testing.T) {
	ids := codeRules(t)
	seen := map[string]bool{}
	for _, row := range rows(t, "limits") {
		if x, ok := new(big.Int).SetString(row["at most"], 10); !ok || x.Sign() <= 0 || !x.IsUint64() {
			t.Errorf("%s: at most %s", row["id"], row["at most"])
		}
		if !ids[row["rule"]] || seen[row["id"]] {
			t.Errorf("%s: rule %s", row["id"], row["rule"])
		}
		seen[row["id"]] = true
	}
}

func TestRegistries(t *testing.T) {
	layouts := map[string]bool{}
	for i, row := range rows(t, "layouts") {
		if number(t, row, "layout") != uint64(i+1) || layouts[row["name"]] {
			t.Errorf("%v", row)
		}
		layouts[row["name"]] = true
	}
	role := regexp.MustCompile(`^[a-z0-9_]{1,32}( \.\.\. [a-z]+\(rank - [12]\))?$`)
	with := map[string]bool{}
	for _, row := range rows(t, "roles") {
		for _, l := range strings.Split(row["layout"], ", ") {
			if !layouts[l] {
				t.Errorf("role %s of unknown layout %s", row["role"], l)
			}
			with[l] = true
		}
		if !role.MatchString(row["role"]) || row["needed"] != "yes" && row["needed"] != "no" {
			t.Errorf("%v", row)
		}
	}
	if len(with) != len(layouts) {
		t.Errorf("%d of %d layouts have roles", len(with), len(layouts))
	}
	headings := Headings()
	stage := regexp.MustCompile(`^[a-z0-9]+$`)
	for _, row := range rows(t, "codecs") {
		if name := row["name"]; !stage.MatchString(name) || !slices.Contains(headings, name) {
			t.Errorf("codec %q: no stage name, or no section", name)
		}
		if l, r := row["length"], row["readers"]; l != "kept" && l != "changed" || r != "required" && r != "optional" {
			t.Errorf("%v", row)
		}
	}
	for i, row := range rows(t, "classes") {
		if number(t, row, "class") != uint64(i) {
			t.Errorf("%v", row)
		}
	}
}

// TestText checks that links lead somewhere and that lines can be read.
func TestText(t *testing.T) {
	for name, text := range map[string]string{"tensorfile-1.0.md": Text, "rationale.md": Rationale} {
		anchors := map[string]bool{}
		fenced := false
		for line := range strings.Lines(text) {
			line = strings.TrimSuffix(line, "\n")
			if strings.HasPrefix(line, "```") {
				fenced = !fenced
			}
			if !fenced && strings.HasPrefix(line, "#") {
				h := strings.TrimSpace(strings.TrimLeft(line, "#"))
				h = regexp.MustCompile(`[^a-z0-9 _-]`).ReplaceAllString(strings.ToLower(h), "")
				anchors["#"+strings.ReplaceAll(h, " ", "-")] = true
			}
			if !fenced && !strings.HasPrefix(line, "|") && len(line) > 112 {
				t.Errorf("%s: line of %d bytes: %s", name, len(line), line)
			}
			if line != strings.TrimRight(line, " \t") {
				t.Errorf("%s: blanks at the end of %q", name, line)
			}
		}
		for _, m := range regexp.MustCompile(`\]\((#[^)]*)\)`).FindAllStringSubmatch(text, -1) {
			if !anchors[m[1]] {
				t.Errorf("%s: a link leads to %s, which is no heading", name, m[1])
			}
		}
	}
}

func TestDumps(t *testing.T) {
	want := []string{"testdata/accept/one-scalar.tensor", "testdata/accept/two-tensors.tensor"}
	if got := Dumps(); !slices.Equal(got, want) {
		t.Fatalf("dumps: %v", got)
	}
	for _, path := range want {
		if _, err := Dump(path); err != nil {
			t.Error(err)
		}
	}
	if _, err := Dump("nothing"); err == nil {
		t.Error("a dump that is not there was found")
	}
}
