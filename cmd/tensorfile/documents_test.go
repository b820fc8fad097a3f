package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Every document has the keys, and the types, that its schema in docs/schema says,
// and no others. Those of the scripts are compared, too: see recorded.
func TestDocuments(t *testing.T) {
	if raceBuild {
		t.Skip("one command after the other: run without the race detector")
	}
	all, err := readSchemas("../../docs/schema")
	if err != nil {
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
		{"plot", file, "w", "-o", file + ".svg"}, {"plot", file, "f", "-o", file + ".png"}, {"plot", "-n", file, "w[0]", "c", "-o", file + ".svg"}, {"plot", file, "h", "-f", "--kind", "hist", "-o", file + ".svg"},
		{"formats"}, {"version"},
		{"append", "-n", file, damaged, "--only", "f", "--name", "new"}, {"rm", "-n", file, "w"}, {"mv", "-n", file, "w", "x"}, {"cp", "-n", file, "w", "x"},
		{"attr", "ls", file}, {"attr", "get", file, "w", "unit"}, {"cp", file, "w", "x"}, {"revert", "-n", file, "1"}, {"log", file},
		{"repack", "-n", file, "-i"}, {"repack", file, "-i"}, {"recover", "-n", damaged}, {"verify", "--decode", file, damaged}, {"recover", file, "-o", file + ".saved"},
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
	set := filepath.Join(dir, "set.shards.json")
	runs = append(runs, [][]string{
		{"split", "-n", rows, set, "--parts", "2"}, {"split", rows, set, "--parts", "2"}, {"info", set}, {"ls", set}, {"show", set, "w"}, {"verify", set},
		{"merge", "-n", set, rows + ".merged"}, {"merge", set, dir + "/merged.tensor"}, {"merge", set, dir + "/merged.npy"},
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
		want := args[0]
		if want == "gpu" { // a document of its own for each of its commands
			want += "-" + args[1]
		}
		name, problems := all.check([]byte(stdout))
		for _, p := range problems {
			t.Errorf("%v: %s", args, p)
		}
		if name != want {
			t.Errorf("%v: the document of %s", args, name)
		}
	}
}
