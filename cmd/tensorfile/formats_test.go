package main

import (
	"archive/zip"
	"bytes"
	"cmp"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/format"
)

// formatCase makes a file of a format. It needs one of tensors, content, golden,
// make and elsewhere.
type formatCase struct {
	tensors []string                              // of a native file that is converted, as mkfile's arguments
	content string                                // of the file
	golden  string                                // is the file
	make    func(t *testing.T, dir string) string // makes it and returns its path

	options   convert.Options // of conversions to the format
	ext       string          // Default: the format's first extension
	lossy     bool            // elements come back as others
	needs     string          // a program, without which the case is left out
	elsewhere string          // why no file is made here, and where it is tested
}

var (
	someTensors = []string{"a=f32(3,4)", "b=i64(5)"}
	someMatrix  = []string{"m=f32(3,4)"}
	someImage   = []string{"x=u8(5,7,3)"}
	someSound   = []string{`x:{"sample_rate":8000}`, "x=i16(500,2)"}
)

// formatCases has a case for each format. Who adds a format adds one here.
var formatCases = map[string]formatCase{
	"tensorfile":  {tensors: someTensors},
	"aiff":        {tensors: someSound},
	"bmp":         {tensors: someImage},
	"csv":         {tensors: someTensors[:1]},
	"ffmpeg":      {content: ".snd\x00\x00\x00\x18\x00\x00\x00\x08\x00\x00\x00\x03\x00\x00\x1f\x40\x00\x00\x00\x01abcdefgh", ext: ".au", needs: "ffmpeg"},
	"flac":        {tensors: someSound},
	"gguf":        {tensors: someTensors[:1]},
	"gif":         {tensors: someImage, lossy: true},
	"hdf5":        {golden: "../../convert/hdf5/testdata/small.h5"},
	"idx":         {tensors: someMatrix},
	"idx.gz":      {tensors: someMatrix},
	"jpeg":        {tensors: someImage, lossy: true},
	"jsonl":       {tensors: someTensors[:1]},
	"mp3":         {golden: "../../convert/mp3/testdata/mono.mp3"},
	"mtx":         {tensors: someMatrix},
	"mtx.gz":      {tensors: someMatrix},
	"npy":         {tensors: someMatrix},
	"npz":         {tensors: someTensors},
	"pfm":         {tensors: someMatrix},
	"png":         {tensors: someImage},
	"pnm":         {tensors: someImage},
	"postgres":    {elsewhere: "it needs a server: convert/sql/postgres"},
	"safetensors": {tensors: someTensors},
	"safetensors-index": {make: func(t *testing.T, dir string) string {
		made(t, someTensors, filepath.Join(dir, "x-00001-of-00001.safetensors"), nil)
		path := filepath.Join(dir, "x.safetensors.index.json")
		write(t, path, []byte(`{"metadata":{},"weight_map":{"a":"x-00001-of-00001.safetensors","b":"x-00001-of-00001.safetensors"}}`))
		return path
	}},
	"shards": {make: func(t *testing.T, dir string) string {
		native, path := filepath.Join(t.TempDir(), "x.tensor"), filepath.Join(dir, "x.shards.json")
		if err := makeFile(native, someTensors); err != nil {
			t.Fatal(err)
		}
		if _, stderr, code := inProcess(t, "split", native, path, "--parts", "2"); code != exitOK {
			t.Fatal(stderr)
		}
		return path
	}},
	"sqlite": {tensors: someMatrix},
	"text":   {content: "one\ntwo\n"},
	"tiff":   {tensors: someImage},
	"torch":  {make: torchFile},
	"tsv":    {tensors: someTensors[:1]},
	"wav":    {tensors: someSound},
	"webp":   {golden: "../../convert/webp/testdata/*.webp"},
}

func write(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o666); err != nil {
		t.Fatal(err)
	}
}

// made writes a native file of tensors, and converts it to path.
func made(t *testing.T, tensors []string, path string, o *convert.Options) {
	t.Helper()
	native := filepath.Join(t.TempDir(), "x.tensor")
	if err := makeFile(native, tensors); err != nil {
		t.Fatal(err)
	}
	if _, err := convert.Files(t.Context(), []string{native}, path, o); err != nil {
		t.Fatal(err)
	}
}

// torchFile is what torch.save writes of {"w": two floats}.
func torchFile(t *testing.T, dir string) string {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, content := range map[string]string{
		"x/data.pkl": "\x80\x02}X\x01\x00\x00\x00wctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storagectorch\nFloatStorage\n" +
			"X\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x02tQK\x00K\x02\x85K\x01\x85\x89ccollections\nOrderedDict\n)RtRs.",
		"x/data/0": "\x00\x00\x80\x3f\x00\x00\x00\x40",
	} {
		w, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store})
		if err == nil {
			_, err = w.Write([]byte(content))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "x.pt")
	write(t, path, b.Bytes())
	return path
}

// file makes the file of a case.
func (c *formatCase) file(t *testing.T, f formatJSON, dir string) string {
	t.Helper()
	path := filepath.Join(dir, "x"+c.extension(f))
	switch {
	case c.make != nil:
		return c.make(t, dir)
	case c.golden != "":
		list, err := filepath.Glob(c.golden)
		if err != nil || len(list) == 0 {
			t.Fatalf("no file %s", c.golden)
		}
		return list[0]
	case c.content != "":
		write(t, path, []byte(c.content))
	default:
		o := c.options
		o.To = f.Name
		made(t, c.tensors, path, &o)
	}
	return path
}

func (c *formatCase) extension(f formatJSON) string {
	if c.ext == "" && len(f.Extensions) > 0 {
		return f.Extensions[0]
	}
	return c.ext
}

// TestFormats opens and writes a file of every line that 'tensorfile formats'
// prints. What is written is found to be of the format, without being told, and
// holds what the file held.
func TestFormats(t *testing.T) {
	read, written := 0, 0
	for _, f := range knownFormats() {
		for _, ext := range f.Extensions {
			if g, ok := convert.ByExtension("x" + ext); f.Name != format.Name && (!ok || g.Name != f.Name) {
				t.Errorf("%s of %s is taken for %s", ext, f.Name, g.Name)
			}
		}
		c, ok := formatCases[f.Name]
		if !ok {
			t.Errorf("format %s has no case in formatCases", f.Name)
			continue
		}
		if c.elsewhere != "" {
			t.Logf("%s: %s", f.Name, c.elsewhere)
			continue
		}
		t.Run(f.Name, func(t *testing.T) {
			if c.needs != "" {
				if _, err := exec.LookPath(c.needs); err != nil {
					t.Skip("there is no ", c.needs)
				}
			}
			path := c.file(t, f, t.TempDir())
			if !f.Read {
				return
			}
			was := contentOf(t, path, f.Name)
			read++
			if len(was) == 0 {
				t.Fatal("no tensors")
			}
			if !f.Write {
				return
			}
			o := c.options
			o.To = f.Name
			out := filepath.Join(t.TempDir(), "x"+c.extension(f))
			if _, err := convert.Files(t.Context(), []string{path}, out, &o); err != nil {
				t.Fatal(err)
			}
			is := contentOf(t, out, f.Name)
			written++
			if !slices.EqualFunc(was, is, func(a, b tensorContent) bool {
				return a.kind == b.kind && (c.lossy || bytes.Equal(a.elements, b.elements)) && (f.Single || a.name == b.name)
			}) {
				t.Errorf("written and read:\n%v\n%v", was, is)
			}
		})
	}
	if t.Logf("%d formats read, %d written", read, written); read < 26 || written < 22 {
		t.Error("too few")
	}
}

type tensorContent struct {
	name, kind string // kind: dtype, shape, layout
	elements   []byte // of a dense tensor
}

// contentOf reads a file that must be of a format.
func contentOf(t *testing.T, path, want string) (list []tensorContent) {
	t.Helper()
	f, err := convert.Open(t.Context(), path, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	is := format.Name
	if l := f.Layout(); l != nil {
		is = l.Format
	}
	if is != want {
		t.Errorf("%s is taken for %s", filepath.Base(path), is)
	}
	for x, err := range f.Tensors() {
		if err != nil {
			t.Fatal(err)
		}
		c := tensorContent{name: x.Name(), kind: x.DType().String() + " " + x.Shape().String()}
		if layout, _, ok := x.Composite(); ok {
			c.kind += " " + format.LayoutName(layout)
		} else {
			c.elements = elementsOf(t, x)
		}
		list = append(list, c)
	}
	slices.SortFunc(list, func(a, b tensorContent) int { return cmp.Compare(a.name, b.name) })
	return list
}

func elementsOf(t *testing.T, x *tensorfile.Tensor) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := x.WriteCOrder(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
