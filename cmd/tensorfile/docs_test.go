package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/internal/inspect"
	"github.com/tensorfile/tensorfile/internal/sampledata"
	"github.com/tensorfile/tensorfile/mmap"
	"github.com/tensorfile/tensorfile/tensor"
)

// codecCommands are run for the blocks of docs/codecs.md, in their order.
var codecCommands = [][]string{
	{"convert data.tensor small.tensor --codec auto --chunk field=1,64,256", "ls -l small.tensor"},
	{"append small.tensor index more.tensor", "ls small.tensor index", "append data.tensor index more.tensor --codec 'delta|bitpack'"},
	{"verify damaged.tensor", "show damaged.tensor field[0,0,0]", "show damaged.tensor field[0,720,1439]", "recover damaged.tensor -o saved.tensor"},
	{"repack -n small.tensor other.tensor --codec 'image=none' --codec 'w*=shuffle|lz4'", "hash small.tensor", "repack small.tensor other.tensor --codec none", "hash other.tensor"},
}

// What docs/codecs.md shows is what the tool prints. With -update it is written
// there.
func TestCodecsDoc(t *testing.T) {
	const path = "../../docs/codecs.md"
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	writeSamples(t, filepath.Join(dir, "data.tensor"), 1, map[string]string{"weights": "f32weights", "bfloat": "bf16weights", "image": "u8image", "index": "i64index", "field": "f32field", "mask": "boolmask", "noise": "u8noise"})
	writeSamples(t, filepath.Join(dir, "more.tensor"), 2, map[string]string{"index": "i64index"})
	const begin, end = "<!-- run -->\n```text\n", "```\n"
	parts := strings.Split(string(text), begin)
	if len(parts) != len(codecCommands)+1 {
		t.Fatalf("%d blocks, want %d", len(parts)-1, len(codecCommands))
	}
	out := parts[0]
	for i, commands := range codecCommands {
		old, rest, ok := strings.Cut(parts[i+1], end)
		if !ok {
			t.Fatal("a block without an end")
		}
		var b strings.Builder
		for j, c := range commands {
			if j > 0 {
				b.WriteByte('\n')
			}
			fmt.Fprintf(&b, "$ tensorfile %s\n", c)
			damagedCopy(t, dir, c, out+b.String())
			cmd := exec.Command("tensorfile", strings.Fields(strings.ReplaceAll(c, "'", ""))...)
			cmd.Dir = dir
			cmd.Env = append(os.Environ(), "SOURCE_DATE_EPOCH=1700000000")
			both, err := cmd.CombinedOutput()
			if _, failed := err.(*exec.ExitError); err != nil && !failed {
				t.Fatal(err)
			}
			b.Write(bytes.TrimRight(both, "\n"))
			b.WriteByte('\n')
		}
		if got := b.String(); got != old && !*update {
			t.Errorf("block %d shows\n%s\nthe tool prints\n%s\n(-update writes it)", i+1, old, got)
		}
		out += begin + b.String() + end + rest
	}
	if *update && out != string(text) {
		if err := os.WriteFile(path, []byte(out), 0o666); err != nil {
			t.Fatal(err)
		}
	}
}

// writeSamples makes a file of plain tensors: names and the data sets that they
// are.
func writeSamples(t *testing.T, path string, seed uint64, sets map[string]string) {
	t.Helper()
	w, err := tensorfile.Create(path, &tensorfile.CreateOptions{Deterministic: true, NoSync: true, Time: time.Unix(1700000000, 0)})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	for _, name := range []string{"weights", "bfloat", "image", "index", "field", "mask", "noise"} {
		s, ok := sampledata.Get(sets[name])
		if !ok {
			continue
		}
		size := 1 << 20
		if name == "field" {
			size = 721 * 1440 * 4
		}
		shape, data := s.Make(seed, size)
		v, err := tensor.NewView(data, s.DType, shape, nil, 0, tensor.LittleEndian)
		if err == nil {
			err = w.Add(context.Background(), name, v, nil)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Commit(context.Background()); err != nil {
		t.Fatal(err)
	}
}

// damagedCopy makes damaged.tensor of small.tensor when a command first names
// it: a byte of the first chunk of "field" differs.
func damagedCopy(t *testing.T, dir, command, before string) {
	t.Helper()
	to := filepath.Join(dir, "damaged.tensor")
	if _, err := os.Stat(to); err == nil || !strings.Contains(command, "damaged.tensor") {
		return
	}
	b, err := os.ReadFile(filepath.Join(dir, "small.tensor"))
	if err != nil {
		t.Fatalf("%v, after\n%s", err, before)
	}
	m, err := inspect.Native(context.Background(), mmap.NewReaderAt(bytes.NewReader(b), int64(len(b)), to))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range m.Parts {
		if p.Kind == inspect.Chunk && p.Tensors[0] == "field" {
			b[p.Offset+p.Length/2] ^= 1
			break
		}
	}
	if err := os.WriteFile(to, b, 0o666); err != nil {
		t.Fatal(err)
	}
}
