package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Every document has the keys, and the types, that testdata/documents.json
// says, and no others.
func TestDocuments(t *testing.T) {
	text, err := os.ReadFile("testdata/documents.json")
	if err != nil {
		t.Fatal(err)
	}
	var shapes map[string]any
	if err := json.Unmarshal(text, &shapes); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "m.tensor")
	err = makeFile(file, []string{
		`:{"a":1,"list":[1,2.5,"x",null]}`, `w:{"unit":"m"}`, "w=f32(3,4)", "v=@w.T", "f=f64(3):nan,inf,-inf", "s=S3(2):ab", "e=i8(0)", "c=c128(2)", "h=bf16(2)", "u=u64(1)", "q=q4_0(32):a",
	})
	if err != nil {
		t.Fatal(err)
	}
	damaged := filepath.Join(dir, "damaged.tensor")
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	b[4096+4], b[8192+4] = b[4096+4]^1, b[8192+4]^1
	if err := os.WriteFile(damaged, append(b, 1, 2, 3), 0o666); err != nil {
		t.Fatal(err)
	}
	runs := [][]string{
		{"info", file}, {"info", file, damaged, filepath.Join(dir, "none")}, {"ls", file}, {"ls", damaged, "w"}, {"ls", file, "nothing*"},
		{"ls", "--sort", "size", file}, {"stats", file}, {"stats", file, "--hist", "3", "w[0]", "f", "w[9]"}, {"stats", file, "--quantiles", ""},
		{"formats"}, {"version"},
		{"append", "-n", file, damaged, "--only", "f", "--name", "new"}, {"rm", "-n", file, "w"}, {"mv", "-n", file, "w", "x"}, {"cp", "-n", file, "w", "x"},
		{"attr", "ls", file}, {"attr", "get", file, "w", "unit"}, {"cp", file, "w", "x"}, {"revert", "-n", file, "1"}, {"log", file},
		{"repack", "-n", file, "-i"}, {"repack", file, "-i"}, {"recover", "-n", damaged}, {"recover", file, "-o", file + ".saved"},
	}
	chunked, rows := filepath.Join(dir, "chunked.tensor"), filepath.Join(dir, "rows.tensor")
	if err := makeFile(rows, []string{"w=f32(2,4)"}); err != nil {
		t.Fatal(err)
	}
	runs = append(runs, [][]string{
		{"convert", "-n", file, chunked, "--codec", "w=shuffle|lz4", "--chunk", "w=2,2", "--codec", "no*=auto"}, {"convert", file, chunked, "--codec", "w=shuffle|lz4", "--chunk", "w=2,2"},
		{"convert", "-n", file, file + ".npz", "--only", "w", "--only", "v", "--flip", "0", "--select", "v=:3", "--select", "w=:, :3", "--stack"},
		{"ls", chunked}, {"info", chunked}, {"stats", chunked}, {"show", chunked, "w"}, {"log", chunked}, {"append", "-n", chunked, "w", rows}, {"append", chunked, "w", rows},
		{"append", chunked, "--name", "f", file, "--only", "f"}, {"log", chunked},
		{"repack", "-n", chunked, "-i", "--codec", "w=planes"}, {"repack", chunked, "-i", "--codec", "w=planes"},
		{"recover", chunked, "-o", chunked + ".saved"},
		{"bench", "--loader", file, "w", "--time", "1us"}, {"bench", "--loader", chunked, "w", "--time", "1us", "--mem", "1MiB", "--batch", "2"},
		{"bench", file, "w", "e", "--time", "1us", "--codec", "auto", "--codec", "planes"},
	}...)
	runs = append(runs, [][]string{
		{"gpu", "info", "--device", "host"}, {"gpu", "info", "--device", "auto"}, {"gpu", "load", file, "w", "--device", "host", "--time", "1us"},
		{"gpu", "load", chunked, "w", "--device", "host", "--time", "1us", "--stream"}, {"gpu", "bench", "cast *", "--device", "host", "--time", "1us", "--size", "1KiB"},
	}...)
	matrix := filepath.Join(dir, "m.mtx")
	if err := os.WriteFile(matrix, []byte("%%MatrixMarket matrix coordinate real general\n3 4 2\n1 1 1\n3 4 -2\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	sparse := filepath.Join(dir, "sparse.tensor")
	runs = append(runs, [][]string{
		{"convert", "-n", matrix, sparse}, {"convert", matrix, sparse, "--codec", "zstd"}, {"ls", matrix}, {"ls", sparse}, {"info", matrix}, {"stats", sparse},
		{"append", "-n", sparse, "m", matrix}, {"append", sparse, "m", matrix}, {"log", sparse}, {"attr", "ls", sparse}, {"repack", sparse, "-i"},
	}...)
	for _, name := range []string{"w", "v", "f", "s", "e", "c", "h", "u", "w[1]", "w[0, 0]"} {
		runs = append(runs, []string{"show", file, name})
	}
	golden, _ := filepath.Glob("../../testdata/npy/*.np[yz]")
	for _, path := range golden {
		runs = append(runs, []string{"info", path}, []string{"ls", path})
	}
	if len(golden) > 0 {
		runs = append(runs, append([]string{"info"}, golden...))
	}
	for _, args := range runs {
		stdout, stderr, _ := runTool(t, nil, append(args, "--json")...)
		if stdout == "" && strings.HasPrefix(stderr, "tensorfile: ") {
			continue // could not be opened at all
		}
		d := json.NewDecoder(strings.NewReader(stdout))
		d.UseNumber()
		var doc any
		if err := d.Decode(&doc); err != nil {
			t.Errorf("%v: %v\n%s", args, err, stdout)
			continue
		}
		if d.More() || !strings.HasSuffix(stdout, "\n") {
			t.Errorf("%v: more than one document, or no line", args)
		}
		name := args[0]
		if name == "gpu" { // a document of its own for each of its commands
			name += "-" + args[1]
		}
		for _, problem := range fits(shapes, shapes[name], doc, "") {
			t.Errorf("%v: %s", args, problem)
		}
		if !bytes.Contains([]byte(stdout), []byte(`"schema":"`+schema(name)+`"`)) {
			t.Errorf("%v: no schema", args)
		}
	}
}

// fits compares a value with its description.
func fits(all map[string]any, want, got any, at string) (bad []string) {
	wrong := func() []string { return []string{at + " is not as described"} }
	switch want := want.(type) {
	case map[string]any:
		m, ok := got.(map[string]any)
		if got == nil && strings.HasSuffix(at, "?") {
			return nil
		}
		if !ok {
			return wrong()
		}
		known := map[string]bool{}
		for key, w := range want {
			name, optional := strings.CutSuffix(key, "?")
			known[name] = true
			if x, ok := m[name]; ok {
				bad = append(bad, fits(all, w, x, at+"."+key)...)
			} else if !optional {
				bad = append(bad, at+"."+name+" is missing")
			}
		}
		for key := range m {
			if !known[key] {
				bad = append(bad, at+"."+key+" is not described")
			}
		}
		return bad
	case []any:
		list, ok := got.([]any)
		if got == nil && strings.HasSuffix(at, "?") {
			return nil
		}
		if !ok {
			return wrong()
		}
		for _, x := range list {
			bad = append(bad, fits(all, want[0], x, at+"[]")...)
		}
		return bad
	case string:
		kinds := strings.Split(want, "|")
		switch got := got.(type) {
		case nil:
			if !slices.Contains(kinds, "null") && want != "any" {
				return wrong()
			}
		case bool:
			if kinds[0] != "bool" && want != "any" {
				return wrong()
			}
		case json.Number:
			if _, err := got.Int64(); kinds[0] == "int" && err != nil || !slices.Contains([]string{"int", "number", "any"}, kinds[0]) {
				return wrong()
			}
		case string:
			special := slices.Contains([]string{"NaN", "Infinity", "-Infinity"}, got)
			if kinds[0] != "string" && want != "any" && want != got && !(kinds[0] == "number" && special) {
				return wrong()
			}
		case map[string]any:
			switch kinds[0] {
			case "object", "any":
			case "error":
				return fits(all, all["error"], got, at)
			default:
				return wrong()
			}
		case []any:
			if want != "any" {
				return wrong()
			}
		}
	}
	return nil
}
