// Package spec holds the normative text of the file format and gives small,
// parsed access to its tables, so that tests can compare them with the code.
//
// A field box stands behind a line <!-- struct: NAME size: SIZE -->, any other
// table behind <!-- table: NAME -->, a worked dump behind <!-- dump: PATH -->.
// Values that are returned are the caller's own. All functions are safe for
// concurrent use.
package spec

import (
	_ "embed"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Text is the specification.
//
//go:embed tensorfile-1.0.md
var Text string

// Rationale says why the specification is as it is.
//
//go:embed rationale.md
var Rationale string

// A Field is a row of a field box.
type Field struct {
	Offset  int // in the structure
	Size    int
	Type    string // u8, u16, u32, u64, i64, bytes, zero, ref, dtype
	Name    string
	Meaning string
	Rejects string // what a reader rejects, with the ids of the rules
}

// A Struct is a field box.
type Struct struct {
	Name   string
	Size   string // as the text gives it: a number, or a sum that begins with one
	Fixed  int    // the number, the size of the fixed part
	Fields []Field
}

// A Row is a row of a table: cells by column, without the marks of code.
type Row map[string]string

// A Rule is a row of the index of rules.
type Rule struct {
	ID    string
	Text  string
	Found []string // open, first touch, verify, write
	Kinds []string // kinds of error: Corrupt, Format, ...
}

var marker = regexp.MustCompile(`^<!-- (struct|table|dump): (\S+)(?: size: (\S+))? -->$`)

// lines returns the lines behind the marker of the given kind and name.
func lines(kind, name string) (size string, rest []string, err error) {
	all := strings.Split(Text, "\n")
	for i, line := range all {
		if m := marker.FindStringSubmatch(line); m != nil && m[1] == kind && m[2] == name {
			return m[3], all[i+1:], nil
		}
	}
	return "", nil, fmt.Errorf("spec: the text has no %s %q", kind, name)
}

// names returns the names of all markers of a kind, in the order of the text.
func names(kind string) []string {
	var list []string
	for line := range strings.Lines(Text) {
		if m := marker.FindStringSubmatch(strings.TrimSuffix(line, "\n")); m != nil && m[1] == kind {
			list = append(list, m[2])
		}
	}
	return list
}

// Tables returns the names of all tables but field boxes, in the order of the
// text.
func Tables() []string { return names("table") }

// Table returns the rows of a table.
func Table(name string) ([]Row, error) {
	_, rest, err := lines("table", name)
	if err != nil {
		return nil, err
	}
	return table(name, rest)
}

func table(name string, rest []string) ([]Row, error) {
	var header []string
	var rows []Row
	for i, line := range rest {
		if !strings.HasPrefix(line, "|") {
			break
		}
		cells := split(line)
		switch {
		case i == 0:
			header = cells
			continue
		case len(cells) != len(header):
			return nil, fmt.Errorf("spec: table %q: %d cells, want %d: %s", name, len(cells), len(header), line)
		case i == 1:
			continue // the line of dashes
		}
		row := Row{}
		for j, c := range cells {
			row[header[j]] = c
		}
		rows = append(rows, row)
	}
	if len(rows) == 0 {
		return nil, fmt.Errorf("spec: table %q has no rows", name)
	}
	return rows, nil
}

// split cuts a line of a table into cells. A bar that belongs to a cell stands
// behind a backslash.
func split(line string) []string {
	line = strings.ReplaceAll(strings.TrimSpace(line), `\|`, "\x00")
	cells := strings.Split(strings.TrimSuffix(strings.TrimPrefix(line, "|"), "|"), "|")
	for i, c := range cells {
		c = strings.TrimSpace(strings.ReplaceAll(c, "\x00", "|"))
		if len(c) > 1 && c[0] == '`' && strings.IndexByte(c[1:], '`') == len(c)-2 {
			c = c[1 : len(c)-1]
		}
		cells[i] = c
	}
	return cells
}

// Structs returns all field boxes in the order of the text.
func Structs() ([]Struct, error) {
	var list []Struct
	for _, name := range names("struct") {
		size, rest, err := lines("struct", name)
		if err != nil {
			return nil, err
		}
		s := Struct{Name: name, Size: size}
		fixed, _, _ := strings.Cut(size, "+")
		if s.Fixed, err = strconv.Atoi(fixed); err != nil {
			return nil, fmt.Errorf("spec: struct %q: size %q", name, size)
		}
		rows, err := table(name, rest)
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			f := Field{Type: row["type"], Name: row["field"], Meaning: row["meaning"], Rejects: row["a reader rejects"]}
			var errs [2]error
			f.Offset, errs[0] = strconv.Atoi(row["offset"])
			f.Size, errs[1] = strconv.Atoi(row["size"])
			if errs[0] != nil || errs[1] != nil {
				return nil, fmt.Errorf("spec: struct %q: field %q at %q of size %q", name, f.Name, row["offset"], row["size"])
			}
			s.Fields = append(s.Fields, f)
		}
		list = append(list, s)
	}
	return list, nil
}

// Rules returns the index of rules.
func Rules() ([]Rule, error) {
	rows, err := Table("rules")
	if err != nil {
		return nil, err
	}
	rules := make([]Rule, len(rows))
	for i, row := range rows {
		rules[i] = Rule{
			ID:    row["id"],
			Text:  row["rule"],
			Found: strings.Split(row["found at"], ", "),
			Kinds: strings.Split(row["kind"], ", "),
		}
	}
	return rules, nil
}

// Headings returns the headings of the specification, without their marks.
func Headings() []string {
	var list []string
	fenced := false
	for line := range strings.Lines(Text) {
		if strings.HasPrefix(line, "```") {
			fenced = !fenced
		}
		if h := strings.TrimLeft(line, "#"); !fenced && h != line && strings.HasPrefix(h, " ") {
			list = append(list, strings.TrimSpace(h))
		}
	}
	return list
}

// Dumps returns the paths of the files whose dumps are in the text.
func Dumps() []string { return names("dump") }

// Dump returns the worked dump of a file: the lines of its fenced block.
func Dump(path string) (string, error) {
	_, rest, err := lines("dump", path)
	if err != nil {
		return "", err
	}
	if len(rest) == 0 || rest[0] != "```text" {
		return "", fmt.Errorf("spec: no fenced block behind the marker of dump %q", path)
	}
	for i, line := range rest[1:] {
		if line == "```" {
			if i == 0 {
				return "", nil
			}
			return strings.Join(rest[1:i+1], "\n") + "\n", nil
		}
	}
	return "", fmt.Errorf("spec: the fenced block of dump %q has no end", path)
}
