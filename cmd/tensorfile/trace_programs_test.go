package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"time"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/loader"
	"github.com/tensorfile/tensorfile/tensor"
)

// planted does one thing that no command does. A trace of it must have that.
func planted() {
	f, err := os.Open("in")
	if err == nil {
		defer f.Close()
		err = os.WriteFile("out", []byte("out"), 0o666)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	var c net.Conn
	var l net.Listener
	switch os.Args[1] {
	case "nothing":
	case "read":
		_, err = os.ReadFile("other")
	case "look":
		_, err = os.Stat("other")
	case "list":
		_, err = os.ReadDir(".")
	case "write":
		err = os.WriteFile("other", nil, 0o666)
	case "make":
		err = os.WriteFile("made", nil, 0o666)
	case "append":
		var a *os.File
		if a, err = os.OpenFile("in", os.O_WRONLY|os.O_APPEND, 0); err == nil {
			a.Close()
		}
	case "lock":
		var a *os.File
		if a, err = os.OpenFile("in", os.O_RDWR, 0); err == nil {
			a.Close()
		}
	case "truncate":
		err = os.Truncate("in", 0)
	case "rename":
		err = os.Rename("other", "made")
	case "link":
		err = os.Link("other", "made")
	case "symlink":
		err = os.Symlink("other", "made")
	case "remove":
		err = os.Remove("other")
	case "mkdir":
		err = os.Mkdir("made", 0o777)
	case "chmod":
		err = os.Chmod("in", 0o600)
	case "fchmod":
		err = f.Chmod(0o600)
	case "times":
		err = os.Chtimes("in", time.Time{}, time.Unix(1e9, 0))
	case "start":
		err = exec.Command("/bin/true").Run()
	case "connect":
		c, err = net.Dial("tcp", "127.0.0.1:9")
	case "udp":
		c, err = net.Dial("udp", "127.0.0.1:9")
	case "listen":
		l, err = net.Listen("tcp", "127.0.0.1:0")
	case "unix":
		c, err = net.Dial("unix", "socket")
	}
	if c != nil {
		c.Close()
	}
	if l != nil {
		l.Close()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
}

// libraryWrites are the files that the program library makes.
var libraryWrites = []string{"a.tensor", "b.tensor", "c.tensor", "d.npz", "e.tensor"}

// library is a program that uses what the packages offer: it writes, appends to,
// reads, maps, verifies, repacks, recovers and converts files, makes batches of
// one, and reads the address that it is given.
func library() {
	if err := useLibrary(context.Background(), os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
}

func useLibrary(ctx context.Context, address string) error {
	if err := tensorfile.Save("a.tensor", map[string]any{"w": make([]float32, 1000), "step": int64(3)}); err != nil {
		return err
	}
	w, err := tensorfile.OpenAppend("a.tensor", nil)
	if err != nil {
		return err
	}
	v, err := tensor.FromSlice([]int32{1, 2, 3, 4, 5, 6}, 2, 3)
	if err == nil {
		err = w.Add(ctx, "more", v, &tensorfile.TensorOptions{Codec: "zstd", Chunk: tensor.Shape{1, 3}})
	}
	if err == nil {
		err = w.Commit(ctx)
	}
	if err = errors.Join(err, w.Close()); err != nil {
		return err
	}
	for _, path := range []string{"a.tensor", address} {
		if err := useFile(ctx, path); err != nil {
			return err
		}
	}
	if _, err := tensorfile.Recover(ctx, "a.tensor", "c.tensor", nil); err != nil {
		return err
	}
	_, err = convert.Files(ctx, []string{"a.tensor"}, "d.npz", nil)
	if err == nil {
		_, err = convert.Files(ctx, []string{"d.npz"}, "e.tensor", nil)
	}
	return err
}

func useFile(ctx context.Context, path string) (err error) {
	f, err := convert.Open(ctx, path, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	t, err := f.Tensor("w")
	if err != nil {
		return err
	}
	if _, err := t.Read(ctx); err != nil {
		return err
	}
	if _, err := f.Hash(ctx, nil); err != nil {
		return err
	}
	if _, err := f.Verify(ctx, nil); err != nil {
		return err
	}
	l, err := loader.New(&loader.Options{Batch: 2}, loader.Source{Tensor: t})
	if err != nil {
		return err
	}
	for _, err := range l.Batches(ctx) {
		if err != nil {
			return err
		}
	}
	if path == "a.tensor" {
		_, err = tensorfile.Repack(ctx, f, "b.tensor", nil)
	}
	return err
}
