package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/tensorfile/tensorfile/internal/badinput/forge"
	"github.com/tensorfile/tensorfile/internal/inspect"
	"github.com/tensorfile/tensorfile/mmap"
)

// scriptOpaque writes a file with tensor "odd", 16 u8 in one chunk of a codec
// that nobody knows, and tensor "plain".
func scriptOpaque(ts *testscript.TestScript, neg bool, args []string) {
	u8 := func(name string, id uint64) forge.Tensor {
		return forge.Tensor{Name: name, Storage: id, DType: forge.U8, Shape: []uint64{16}, Strides: []int64{1}}
	}
	odd := forge.Storage{
		ID: 1, Grid: true, Size: 16, Stored: 5, DType: forge.U8, Shape: []uint64{16}, Chunk: []uint64{16}, Slabs: 1,
		Pipelines: "shuffle|brotli:11", Chunks: []forge.Chunk{{Coding: 3, Data: []byte("abcde")}},
	}
	im := forge.File([]forge.Tensor{u8("odd", 1), u8("plain", 2)}, odd, forge.Storage{ID: 2, Data: []byte("0123456789abcdef")})
	ts.Check(im.Write(ts.MkAbs(args[0])))
}

// scriptHurtChunk changes a byte in the middle of a stored chunk and sets
// $OFFSET to where it begins.
func scriptHurtChunk(ts *testscript.TestScript, neg bool, args []string) {
	path := ts.MkAbs(args[0])
	b, err := os.ReadFile(path)
	ts.Check(err)
	src, err := mmap.Open(path, nil)
	ts.Check(err)
	m, err := inspect.Native(context.Background(), src)
	ts.Check(err)
	ts.Check(src.Close())
	part := strings.Replace(args[1], "/", "\x00", 1) // "m/values" is a part of m, if there is no such tensor
	for _, p := range m.Parts {
		if p.Kind == inspect.Chunk && (slices.Contains(p.Tensors, args[1]) || slices.Contains(p.Tensors, part)) && strings.HasPrefix(p.What, fmt.Sprintf("chunk %s of", args[2])) {
			b[p.Offset+p.Length/2] ^= 0x40
			ts.Setenv("OFFSET", fmt.Sprint(p.Offset))
			ts.Check(os.WriteFile(path, b, 0o666))
			return
		}
	}
	ts.Fatalf("%s has no such chunk", path)
}
