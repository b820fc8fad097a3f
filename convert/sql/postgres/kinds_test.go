package postgres

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/mmap"
	"github.com/tensorfile/tensorfile/tensor"
)

// What the server says has a kind of ours, by its code.
func TestKinds(t *testing.T) {
	for code, want := range map[string]error{
		"42P01": tensor.ErrNotFound, "3F000": tensor.ErrNotFound, "3D000": tensor.ErrNotFound, "42P07": tensor.ErrExists,
		"25006": tensor.ErrUnsupported, "0A000": tensor.ErrUnsupported, "25001": tensor.ErrUnsupported, "2D521": tensor.ErrUnsupported,
		"53100": tensor.ErrNoSpace, "55P03": tensor.ErrLocked, "53200": tensor.ErrLimit, "54000": tensor.ErrLimit,
		"22P02": tensor.ErrFormat, "42601": tensor.ErrFormat, "57P01": tensor.ErrIO, "": tensor.ErrIO,
	} {
		e := &pgconn.PgError{Code: code, Message: "no"}
		if got := kindOf(e); got.Kind != want || !errors.Is(got, want) || !errors.As(got, new(*pgconn.PgError)) {
			t.Errorf("%q: %v, want %v", code, got, want)
		}
	}
}

// What is wrong with an address, or with what is to be written, is told before
// anything goes over the network.
func TestBeforeTheNetwork(t *testing.T) {
	for address, want := range map[string]string{
		"postgres://h/?a=%zz":               "parameters that cannot be taken apart",
		"postgres://h:port/":                "one that cannot be taken apart",
		"postgres://h/?sslpassword=hidden":  "sslpassword",
		"postgres://h/?sslmode=at+any+rate": "",
	} {
		var e *tensor.Error
		if _, err := begin(t.Context(), address, true); !errors.As(err, &e) || want != "" && e.Got != want || strings.Contains(err.Error(), "hidden") {
			t.Errorf("%s: %v, want %q", address, err, want)
		}
	}
	f, err := tensorfile.OpenLayout(mmap.NewReaderAt(bytes.NewReader(make([]byte, 16)), 16, "memory"), &convert.Layout{
		Format: "test", Storages: []convert.LayoutStorage{{Size: 16}}, Tensors: []convert.LayoutTensor{{Name: "c", DType: tensor.C64, Shape: tensor.Shape{2}}, {Name: "f", DType: tensor.F64, Shape: tensor.Shape{2}}},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for name, want := range map[string]error{"c": tensor.ErrUnsupported, "f": tensor.ErrFormat} {
		x, err := f.Tensor(name)
		if err != nil {
			t.Fatal(err)
		}
		err = writeTo(context.Background(), convert.Target{Path: "postgres://h/?a=%zz"}, []convert.Source{{Tensor: x, As: name}}, &convert.WriteOptions{})
		if !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
	}
}
