package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// schemas are those of docs/schema, by document.
type schemas map[string]map[string]any

func readSchemas(dir string) (schemas, error) {
	list, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		return nil, err
	}
	all := schemas{}
	for _, path := range list {
		b, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		var s map[string]any
		if err := json.Unmarshal(b, &s); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		all[strings.TrimSuffix(filepath.Base(path), ".json")] = s
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("no schemas in %s", dir)
	}
	return all, nil
}

// check compares the document in b, and all of b, with the schema that it names.
func (s schemas) check(b []byte) (name string, problems []string) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var doc map[string]any
	if err := d.Decode(&doc); err != nil {
		return "", []string{err.Error()}
	}
	if string(b[d.InputOffset():]) != "\n" {
		problems = append(problems, "more than one document, or no line")
	}
	text, _ := doc["schema"].(string)
	name, version, _ := strings.Cut(strings.TrimPrefix(text, "tensorfile/"), "/")
	root := s[name]
	if root == nil || version != "1" {
		return name, append(problems, fmt.Sprintf("document %q has no schema in docs/schema", text))
	}
	v := validator{root: root}
	v.value(root, doc, "")
	return name, append(problems, v.problems...)
}

// A validator compares values with a JSON Schema (draft 2020-12), of which it knows
// what docs/schema uses.
type validator struct {
	root     map[string]any
	problems []string
}

func (v *validator) fail(at, format string, args ...any) {
	if at == "" {
		at = "the document"
	}
	v.problems = append(v.problems, at+": "+fmt.Sprintf(format, args...))
}

// resolve follows a reference to $defs.
func (v *validator) resolve(ref string) (map[string]any, bool) {
	name, ok := strings.CutPrefix(ref, "#/$defs/")
	defs, _ := v.root["$defs"].(map[string]any)
	s, there := defs[name].(map[string]any)
	return s, ok && there
}

func (v *validator) value(s map[string]any, x any, at string) {
	for _, word := range slices.Sorted(maps.Keys(s)) {
		want := s[word]
		switch word {
		case "$schema", "$id", "$defs", "title", "description":
		case "$ref":
			if to, ok := v.resolve(want.(string)); ok {
				v.value(to, x, at)
			} else {
				v.fail(at, "there is no %v", want)
			}
		case "const":
			if !reflect.DeepEqual(want, x) {
				v.fail(at, "%v is not %v", x, want)
			}
		case "enum":
			if !slices.ContainsFunc(want.([]any), func(w any) bool { return reflect.DeepEqual(w, x) }) {
				v.fail(at, "%v is none of %v", x, want)
			}
		case "type":
			kinds, ok := want.([]any)
			if !ok {
				kinds = []any{want}
			}
			if !slices.ContainsFunc(kinds, func(k any) bool { return isKind(k.(string), x) }) {
				v.fail(at, "%v is not of type %v", x, want)
			}
		case "anyOf":
			var why []string
			if !slices.ContainsFunc(want.([]any), func(w any) bool {
				one := validator{root: v.root}
				one.value(w.(map[string]any), x, at)
				why = append(why, one.problems...)
				return len(one.problems) == 0
			}) {
				v.fail(at, "fits nothing: %s", strings.Join(why, "; "))
			}
		case "items":
			if list, ok := x.([]any); ok {
				for i, item := range list {
					v.value(want.(map[string]any), item, fmt.Sprintf("%s[%d]", at, i))
				}
			}
		case "properties":
			if m, ok := x.(map[string]any); ok {
				for key, w := range want.(map[string]any) {
					if item, ok := m[key]; ok {
						v.value(w.(map[string]any), item, at+"."+key)
					}
				}
			}
		case "required":
			if m, ok := x.(map[string]any); ok {
				for _, key := range want.([]any) {
					if _, ok := m[key.(string)]; !ok {
						v.fail(at, "%v is missing", key)
					}
				}
			}
		case "additionalProperties":
			m, ok := x.(map[string]any)
			known, _ := s["properties"].(map[string]any)
			for key := range m {
				if _, there := known[key]; ok && !there && want == false {
					v.fail(at, "%s is not in the schema", key)
				}
			}
		default:
			v.fail(at, "the schema has %q, which the test does not know", word)
		}
	}
}

func isKind(kind string, x any) bool {
	switch x := x.(type) {
	case nil:
		return kind == "null"
	case bool:
		return kind == "boolean"
	case string:
		return kind == "string"
	case []any:
		return kind == "array"
	case map[string]any:
		return kind == "object"
	case json.Number:
		if kind == "number" {
			return true
		}
		_, signed := x.Int64()
		f, err := x.Float64()
		return kind == "integer" && (signed == nil || err == nil && f == math.Trunc(f))
	}
	return false
}

// jsonCommands are the commands with --json, as their schemas are called.
func jsonCommands() map[string]bool {
	names := map[string]bool{}
	for _, p := range pagesBelow(newRootCmd(&tool{})) {
		if f := p.cmd.LocalFlags().Lookup("json"); f != nil {
			name := strings.ReplaceAll(strings.TrimPrefix(p.name, "tensorfile "), " ", "-")
			if name == "attr-ls" || name == "attr-get" {
				name = "attr" // one document for both
			}
			names[name] = true
		}
	}
	return names
}

// Each document has a schema, each schema a document and a line in the README; they
// say nothing that the test does not understand, and all that they name is there.
func TestSchemas(t *testing.T) {
	const dir = "../../docs/schema"
	all, err := readSchemas(dir)
	if err != nil {
		t.Fatal(err)
	}
	readme, err := os.ReadFile(filepath.Join(dir, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	documents := jsonCommands()
	for name := range documents {
		if all[name] == nil {
			t.Errorf("the document of %s has no schema", name)
		}
	}
	for name, s := range all {
		if !documents[name] {
			t.Errorf("%s.json is the schema of no document", name)
		}
		if s["$id"] != "urn:tensorfile:"+name+":1" || s["$schema"] != "https://json-schema.org/draft/2020-12/schema" {
			t.Errorf("%s.json: $id %v, $schema %v", name, s["$id"], s["$schema"])
		}
		if first := s["properties"].(map[string]any)["schema"].(map[string]any)["const"]; first != schema(name) {
			t.Errorf("%s.json is of %v", name, first)
		}
		if !bytes.Contains(readme, []byte("["+name+"]("+name+".json)")) {
			t.Errorf("README.md does not have %s.json", name)
		}
		used := map[string]bool{}
		v := validator{root: s}
		v.wellFormed(s, name, used)
		defs, _ := s["$defs"].(map[string]any)
		for def := range defs {
			if !used[def] {
				v.fail(name, "$defs has %s, which nothing refers to", def)
			}
		}
		for _, p := range v.problems {
			t.Error(p)
		}
	}
	t.Logf("%d schemas", len(all))
	if len(all) < 25 {
		t.Error("too few")
	}
}

// wellFormed looks at a schema itself: words that are known, objects that name
// their keys, references to what is there.
func (v *validator) wellFormed(s map[string]any, at string, used map[string]bool) {
	none := validator{root: v.root}
	none.value(s, nil, "")
	for _, p := range none.problems {
		if strings.Contains(p, "does not know") {
			v.fail(at, "%s", p)
		}
	}
	properties, _ := s["properties"].(map[string]any)
	if properties != nil && s["additionalProperties"] != false {
		v.fail(at, "other keys are allowed")
	}
	required, _ := s["required"].([]any)
	for _, key := range required {
		if properties[key.(string)] == nil {
			v.fail(at, "%v is required and not described", key)
		}
	}
	if ref, ok := s["$ref"].(string); ok {
		if _, ok := v.resolve(ref); !ok {
			v.fail(at, "there is no %s", ref)
		}
		used[strings.TrimPrefix(ref, "#/$defs/")] = true
	}
	down := func(x any, at string) {
		if m, ok := x.(map[string]any); ok {
			v.wellFormed(m, at, used)
		} else {
			v.fail(at, "no schema")
		}
	}
	for key, x := range properties {
		down(x, at+"."+key)
	}
	if x, ok := s["items"]; ok {
		down(x, at+"[]")
	}
	list, _ := s["anyOf"].([]any)
	for i, x := range list {
		down(x, fmt.Sprintf("%s|%d", at, i))
	}
	defs, _ := s["$defs"].(map[string]any)
	for name, x := range defs {
		down(x, at+"#"+name)
	}
}

// What schemas define under one name is the same in all of them, and a definition that
// nothing names is none.
func TestSchemasAgree(t *testing.T) {
	all, err := readSchemas("../../docs/schema")
	if err != nil {
		t.Fatal(err)
	}
	first, seen := map[string]string{}, 0
	for _, name := range slices.Sorted(maps.Keys(all)) {
		defs, _ := all[name]["$defs"].(map[string]any)
		text, err := json.Marshal(all[name])
		if err != nil {
			t.Fatal(err)
		}
		for of, def := range defs {
			seen++
			if !strings.Contains(string(text), `"#/$defs/`+of+`"`) {
				t.Errorf("%s: nothing names %s", name, of)
			}
			if from, ok := first[of]; !ok {
				first[of] = name
			} else if other := all[from]["$defs"].(map[string]any)[of]; !reflect.DeepEqual(def, other) {
				t.Errorf("%s is another thing in %s than in %s", of, name, from)
			}
		}
	}
	if seen < 20 {
		t.Errorf("%d definitions", seen)
	}
}

// The validator says no to what does not fit.
func TestValidator(t *testing.T) {
	all, err := readSchemas("../../docs/schema")
	if err != nil {
		t.Fatal(err)
	}
	const good = `{"schema":"tensorfile/hash/1","files":[{"path":"x","format":"npy","hash":null,"tensors":[{"name":"w","hash":"00"}],"error":{"message":"no","offset":3}}]}` + "\n"
	if name, problems := all.check([]byte(good)); name != "hash" || len(problems) > 0 {
		t.Errorf("%s: %v", name, problems)
	}
	for from, to := range map[string]string{
		`"hash":null,`:           ``,
		`"hash":null`:            `"hash":7`,
		`"path":"x"`:             `"path":"x","more":1`,
		`"offset":3`:             `"offset":3.5`,
		`"message":"no",`:        ``,
		`[{"name":"w"`:           `[7,{"name":"w"`,
		`/hash/1`:                `/hash/2`,
		`tensorfile/hash`:        `tensorfile/nothing`,
		"]}\n":                   "]}",
		`{"schema"`:              `{{"schema"`,
		`"tensors":[{"name":"w"`: `"tensors":[{"name":null`,
	} {
		if !strings.Contains(good, from) {
			t.Fatal(from)
		}
		if _, problems := all.check([]byte(strings.Replace(good, from, to, 1))); len(problems) == 0 {
			t.Errorf("%s for %s is not noticed", to, from)
		}
	}
	v := validator{}
	number := map[string]any{"anyOf": []any{map[string]any{"type": "number"}, map[string]any{"enum": []any{"NaN"}}}}
	for _, x := range []any{"NaN", json.Number("1e9")} {
		if v.value(number, x, ""); len(v.problems) > 0 {
			t.Error(v.problems)
		}
	}
	if v.value(number, "nan", ""); len(v.problems) == 0 {
		t.Error("nan is no number")
	}
}
