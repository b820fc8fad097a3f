package convert_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/mmap"
)

// What a file names beside itself is opened there, and nothing else is.
func TestOpenBeside(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"index", "shard é"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("of "+name), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	in, err := mmap.Open(filepath.Join(dir, "index"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	var o *convert.ReadOptions
	m, err := o.OpenBeside(context.Background(), in, "shard é")
	if err != nil {
		t.Fatal(err)
	}
	if m.Path() != filepath.Join(dir, "shard é") || m.Size() != int64(len("of shard é")) {
		t.Errorf("%s, %d bytes", m.Path(), m.Size())
	}
	m.Close()
	if _, err := o.OpenBeside(context.Background(), in, "absent"); !errors.Is(err, tensorfile.ErrIO) {
		t.Errorf("absent: %v", err)
	}
	for _, name := range []string{"", ".", "..", "../index", "/etc/hosts", "a/b", `a\b`, `..\index`, "C:index", "index\x00", strings.Repeat("n", 256)} {
		if m, err := o.OpenBeside(context.Background(), in, name); !errors.Is(err, tensorfile.ErrFormat) {
			t.Errorf("%.20q: %v, %v", name, m, err)
		}
	}
}

// Beside an address is an address, with its user and without its query.
func TestOpenBesideAddress(t *testing.T) {
	var asked []string
	convert.RegisterScheme("beside", func(_ context.Context, address string) (*mmap.Map, error) {
		asked = append(asked, address)
		return mmap.NewReaderAt(strings.NewReader("beside"), 6, "beside://host/..."), nil
	})
	convert.Register(convert.Format{Name: "beside", Extensions: []string{".beside"}, Open: func(ctx context.Context, in convert.Input, o *convert.ReadOptions) (*convert.Layout, error) {
		m, err := o.OpenBeside(ctx, in, "b c.bin")
		if err != nil {
			return nil, err
		}
		return &convert.Layout{Format: "beside", Sources: []*mmap.Map{m}}, nil
	}})
	f, err := convert.Open(context.Background(), "beside://me:secret@host/dir/a.beside?sig=1#x", &convert.OpenOptions{Format: "beside"})
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	if len(asked) != 2 || asked[1] != "beside://me:secret@host/dir/b%20c.bin" {
		t.Errorf("asked for %q", asked)
	}
}
