package badinput

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/tensor"
)

// recorder is a test whose errors are looked at.
type recorder struct {
	testing.TB
	said []string
}

func (r *recorder) Helper()                   {}
func (r *recorder) Logf(string, ...any)       {}
func (r *recorder) Error(args ...any)         { r.said = append(r.said, fmt.Sprint(args...)) }
func (r *recorder) Errorf(f string, a ...any) { r.said = append(r.said, fmt.Sprintf(f, a...)) }

// sixteen is a format of four header bytes and sixteen of elements, with a fault
// of its reader or writer.
func sixteen(fault string) convert.Format {
	return convert.Format{
		Name: "every-" + fault,
		Open: func(ctx context.Context, in convert.Input, o *convert.ReadOptions) (*convert.Layout, error) {
			head := make([]byte, 4)
			_, err := in.ReadAt(head, 0)
			switch {
			case fault == "bare" && err != nil:
				return nil, errors.New("no header")
			case fault == "format" && err != nil:
				return nil, &convert.Error{Kind: tensor.ErrFormat, Offset: 0, Field: "header", Err: err}
			case fault == "nowhere" && err != nil:
				return nil, &convert.Error{Kind: tensor.ErrIO, Offset: -1, Err: err}
			case fault == "panic" && err != nil:
				panic("no header")
			case fault != "deaf" && err != nil:
				return nil, err
			}
			return &convert.Layout{
				Storages: []convert.LayoutStorage{{Offset: 4, Size: 16}},
				Tensors:  []convert.LayoutTensor{{Name: "t", DType: tensor.I8, Shape: tensor.Shape{16}, Strides: tensor.Strides{1}}},
			}, nil
		},
		Write: func(ctx context.Context, w io.Writer, src []convert.Source, o *convert.WriteOptions) error {
			if _, err := w.Write([]byte("head")); err != nil && fault != "deaf" {
				if fault == "bare" {
					return errors.New("not written")
				}
				return err
			}
			_, err := src[0].Read(ctx)
			if fault == "unread" && err != nil {
				return nil
			}
			if err != nil {
				return err
			}
			if at, ok := w.(io.WriterAt); ok {
				if _, err := at.WriteAt([]byte("HEAD"), 0); err != nil && fault != "unfilled" {
					return err
				}
			}
			return nil
		},
	}
}

// What EveryRead and EveryWrite are there to find is found, and only that.
func TestEvery(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.sixteen")
	if err := os.WriteFile(path, []byte("head0123456789abcdef"), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ fault, read, write string }{
		{"", "", ""},
		{"deaf", "nobody heard of it", "write 0 of 1 fails: nobody heard of it"},
		{"bare", "*errors.errorString no header", "*errors.errorString not written"},
		{"format", "want the kind truncated", ""},
		{"nowhere", "neither file nor offset", ""},
		{"panic", "panic: no header", ""},
		{"unread", "", "in writing: nobody heard of it"},
		{"unfilled", "", "write 1 of 2 fails: nobody heard of it"},
	} {
		f := sixteen(c.fault)
		convert.Register(f)
		o := &convert.OpenOptions{Format: f.Name}
		for what, want := range map[string]string{"read": c.read, "write": c.write} {
			r := &recorder{TB: t}
			if what == "read" {
				EveryRead(r, path, o)
			} else {
				EveryWrite(r, path, f.Name, &EveryOptions{Open: o})
			}
			if got := strings.Join(r.said, "\n"); (got == "") != (want == "") || !strings.Contains(got, want) {
				t.Errorf("%q, %s: got %q, want %q", c.fault, what, got, want)
			}
		}
	}
}
