package convert_test

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/mmap"
	"github.com/tensorfile/tensorfile/tensor"
)

// room is what "room://" addresses lead to: names and what was written there.
type room struct {
	closed  int
	targets []convert.Target
	wrote   []string
}

type roomSource struct {
	*strings.Reader
	r *room
}

func (s roomSource) Close() error { s.r.closed++; return nil }

// A format with addresses is read, written into and shown without passwords.
func TestFormatSchemes(t *testing.T) {
	ctx := context.Background()
	r := &room{}
	redact := func(address string) string {
		_, rest, ok := strings.Cut(address, "@")
		if !ok {
			return address
		}
		return "room://" + rest
	}
	convert.Register(convert.Format{
		Name: "room", Description: "a test", Extensions: []string{".room"}, Schemes: []string{"room"}, Redact: redact,
		Detect: func(prefix []byte) bool { return strings.HasPrefix(string(prefix), "ROOM") },
		Connect: func(ctx context.Context, address string, o *convert.ReadOptions) (*convert.Layout, error) {
			if o.Table != "x" {
				return nil, &convert.Error{Kind: tensorfile.ErrNotFound, Offset: -1, Field: "table", Got: o.Table}
			}
			m := mmap.NewSource(roomSource{strings.NewReader("abc"), r}, redact(address))
			return &convert.Layout{Format: "room", Sources: []*mmap.Map{m}, Storages: []convert.LayoutStorage{{Source: 1, Size: 3}},
				Tensors: []convert.LayoutTensor{{Name: "x", DType: tensor.U8, Shape: tensor.Shape{3}}}}, nil
		},
		WriteTo: func(ctx context.Context, to convert.Target, src []convert.Source, o *convert.WriteOptions) error {
			check := to.Check()
			to.Check = nil
			if to.Progress != nil {
				to.Progress(100)
				to.Progress = nil
			}
			r.targets = append(r.targets, to)
			for _, s := range src {
				r.wrote = append(r.wrote, s.As+" into "+o.Table)
			}
			return check
		},
		Write: func(context.Context, io.Writer, []convert.Source, *convert.WriteOptions) error { return nil },
	})
	const address = "room://user:secret@host/1"
	o := &convert.OpenOptions{}
	_, err := convert.Open(ctx, address, o)
	var e *convert.Error
	if !errors.As(err, &e) || e.Path != "room://host/1" || e.Format != "room" || !errors.Is(err, tensorfile.ErrNotFound) {
		t.Errorf("%v", err)
	}
	o.Table = "x"
	f, err := convert.Open(ctx, address, o)
	if err != nil {
		t.Fatal(err)
	}
	x, err := f.Tensor("x")
	if err != nil {
		t.Fatal(err)
	}
	v, err := x.Read(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := v.Bytes(); err != nil || string(b) != "abc" || f.Path() != "room://host/1" {
		t.Errorf("%q, %v, %s", b, err, f.Path())
	}
	if err := f.Close(); err != nil || r.closed != 1 {
		t.Errorf("closed %d times, %v", r.closed, err)
	}
	for _, change := range []func(o *convert.OpenOptions){
		func(o *convert.OpenOptions) { o.Format = "npy" },
		func(o *convert.OpenOptions) { o.Generation = 3 },
	} {
		own := *o
		change(&own)
		if _, err := convert.Open(ctx, address, &own); !errors.Is(err, tensorfile.ErrUnsupported) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%v", err)
		}
	}

	dir := t.TempDir()
	there, other := filepath.Join(dir, "there.room"), filepath.Join(dir, "other.room")
	for path, text := range map[string]string{there: "ROOM 1", other: "something else"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	done := int64(0)
	copy := &convert.Options{Open: *o, Overwrite: true, Progress: func(n, total int64) { done = n - total }}
	copy.Write.Table = "t"
	for _, out := range []string{address, there} {
		if res, err := convert.Files(ctx, []string{address}, out, copy); err != nil || res.Format != "room" || res.Tensors[0].From != "room://host/1" {
			t.Errorf("%s: %+v, %v", out, res, err)
		}
	}
	copy.DryRun, copy.Progress, copy.NoSync, copy.Overwrite = true, nil, true, false
	if _, err := convert.Files(ctx, []string{address}, address, copy); err != nil {
		t.Error(err)
	}
	if want := []convert.Target{{Path: address, Overwrite: true}, {Path: there, Overwrite: true}, {Path: address, DryRun: true, NoSync: true}}; !reflect.DeepEqual(r.targets, want) || done != 0 {
		t.Errorf("%+v, want %+v; %d", r.targets, want, done)
	}
	if want := []string{"x into t", "x into t", "x into t"}; !reflect.DeepEqual(r.wrote, want) {
		t.Errorf("%q", r.wrote)
	}
	// A file that is not of the format, and one for which no name is given, are
	// what they are elsewhere: there already.
	for _, c := range []struct{ out, table string }{{other, "t"}, {there, ""}} {
		copy.Write.Table = c.table
		if _, err := convert.Files(ctx, []string{address}, c.out, copy); !errors.Is(err, tensorfile.ErrExists) {
			t.Errorf("%s, table %q: %v", c.out, c.table, err)
		}
	}
	for _, out := range []string{"http://user:secret@host/a.npy", "postgres://user:secret@host/a"} {
		if _, err := convert.Files(ctx, []string{address}, out, &convert.Options{Open: *o}); !errors.Is(err, tensorfile.ErrUnsupported) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%v", err)
		}
	}
}
