package main

import (
	"bytes"
	"context"
	"errors"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/tensor"
	pictures "github.com/tensorfile/tensorfile/transform/image"
)

// Each row of the set is the picture that its file holds, resized, and its label
// the folder.
func TestCollect(t *testing.T) {
	dir := t.TempDir()
	folder, data := filepath.Join(dir, "pictures"), filepath.Join(dir, "pictures.tensor")
	if err := draw(folder, 60); err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	var out bytes.Buffer
	if err := collect(ctx, folder, data, &out); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); got != "60 pictures in 10 classes\n" {
		t.Errorf("%q", got)
	}
	f, err := tensorfile.Open(data, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	images, err := f.Tensor("images")
	if err != nil {
		t.Fatal(err)
	}
	rows, err := images.Read(ctx)
	if err != nil {
		t.Fatal(err)
	}
	m, err := convert.MembersOf(ctx, images)
	if err != nil {
		t.Fatal(err)
	}
	sides := map[int64]bool{}
	for i, name := range m.Files {
		file, err := os.Open(filepath.FromSlash(name))
		if err != nil {
			t.Fatal(err)
		}
		p, err := png.Decode(file)
		if err := errors.Join(err, file.Close()); err != nil {
			t.Fatal(err)
		}
		v, l, c, _, err := pictures.FromImage(p, nil)
		if err == nil {
			v, _, err = pictures.ConvertChannels(v, l, c, pictures.RGB, nil)
		}
		if err != nil {
			t.Fatal(err)
		}
		sides[v.Shape()[0]] = true
		want, err := pictures.Resize(v, pictures.HWC, 16, 16, nil)
		if err != nil {
			t.Fatal(err)
		}
		got, err := rows.Index(0, int64(i))
		if err != nil {
			t.Fatal(err)
		}
		if same, err := tensor.Equal(got, want); err != nil || !same {
			t.Errorf("row %d is not %s (%v)", i, name, err)
		}
		if class := filepath.Base(filepath.Dir(name)); m.Classes[m.Labels[i]] != class {
			t.Errorf("%s has the label %s", name, m.Classes[m.Labels[i]])
		}
	}
	if len(m.Files) != 60 || len(sides) < 10 {
		t.Errorf("%d files of %d sizes", len(m.Files), len(sides))
	}
}

// The whole program learns; the second time it has nothing left to do.
func TestRun(t *testing.T) {
	if testing.Short() {
		t.Skip("a thousand pictures")
	}
	dir := t.TempDir()
	var out bytes.Buffer
	if err := run(context.Background(), dir, &out); err != nil {
		t.Fatal(err)
	}
	t.Log(out.String())
	if lines := strings.Split(out.String(), "\n"); len(lines) != 6 || !strings.HasPrefix(lines[4], "epoch 3: 9") || !strings.HasSuffix(lines[4], " of 1000 right") {
		t.Errorf("%q", lines)
	}
	out.Reset()
	if err := run(context.Background(), dir, &out); err != nil || out.Len() != 0 {
		t.Errorf("%q, %v", &out, err)
	}
}
