package main

// The formats that this program reads and writes beside its own.
import (
	_ "github.com/tensorfile/tensorfile/convert/aiff"
	_ "github.com/tensorfile/tensorfile/convert/bmp"
	_ "github.com/tensorfile/tensorfile/convert/csv"
	_ "github.com/tensorfile/tensorfile/convert/ffmpeg"
	_ "github.com/tensorfile/tensorfile/convert/flac"
	_ "github.com/tensorfile/tensorfile/convert/gguf"
	_ "github.com/tensorfile/tensorfile/convert/gif"
	_ "github.com/tensorfile/tensorfile/convert/hdf5"
	_ "github.com/tensorfile/tensorfile/convert/idx"
	_ "github.com/tensorfile/tensorfile/convert/jpeg"
	_ "github.com/tensorfile/tensorfile/convert/jsonl"
	_ "github.com/tensorfile/tensorfile/convert/mp3"
	_ "github.com/tensorfile/tensorfile/convert/mtx"
	_ "github.com/tensorfile/tensorfile/convert/npy"
	_ "github.com/tensorfile/tensorfile/convert/pfm"
	_ "github.com/tensorfile/tensorfile/convert/png"
	_ "github.com/tensorfile/tensorfile/convert/pnm"
	_ "github.com/tensorfile/tensorfile/convert/safetensors"
	_ "github.com/tensorfile/tensorfile/convert/text"
	_ "github.com/tensorfile/tensorfile/convert/tiff"
	_ "github.com/tensorfile/tensorfile/convert/torch"
	_ "github.com/tensorfile/tensorfile/convert/wav"
	_ "github.com/tensorfile/tensorfile/convert/webp"
)
