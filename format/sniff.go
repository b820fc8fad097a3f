package format

import (
	"bytes"
	"encoding/json"
)

// signatures are the first bytes of formats that files with the wrong name are
// likely to have.
var signatures = []struct{ magic, name string }{
	{"\x89PNG\r\n\x1a\n", "a PNG image"},
	{"\x93NUMPY", "a NumPy array (.npy)"},
	{"PK\x03\x04", "a zip archive (.npz, .pt, .zip)"},
	{"PK\x05\x06", "an empty zip archive"},
	{"GGUF", "a GGUF model"},
	{"\x89HDF\r\n\x1a\n", "an HDF5 file"},
	{"\xff\xd8\xff", "a JPEG image"},
	{"GIF8", "a GIF image"},
	{"RIFF", "a RIFF file (WAV, WebP, AVI)"},
	{"fLaC", "a FLAC file"},
	{"II*\x00", "a TIFF image"},
	{"MM\x00*", "a TIFF image"},
	{"CDF\x01", "a NetCDF file"},
	{"CDF\x02", "a NetCDF file"},
	{"CDF\x05", "a NetCDF file"},
	{"ARROW1", "an Arrow file"},
	{"PAR1", "a Parquet file"},
	{"MATLAB ", "a MATLAB file"},
	{"%PDF", "a PDF file"},
	{"%%MatrixMarket", "a Matrix Market file"},
	{"\x1f\x8b", "gzip"},
	{"\x28\xb5\x2f\xfd", "a zstd stream"},
	{"\x80\x02", "a pickle"},
	{"\x80\x03", "a pickle"},
	{"\x80\x04", "a pickle"},
	{"\x80\x05", "a pickle"},
	{"\x7fELF", "a program"},
	{"<!DOCTYPE", "a web page"},
	{"<html", "a web page"},
	{"version https://git-lfs", "a Git LFS pointer: the file itself was not fetched"},
	// This format after a transfer as text.
	{"\x89TSR\n\x1a\n", "a .tensor file in which CR LF became LF: it was transferred as text"},
	{"\x89TSR\r\r\n\x1a", "a .tensor file in which LF became CR LF: it was transferred as text"},
	{"\x09TSR\r\n\x1a\n", "a .tensor file that lost the high bits: it was transferred as text"},
	{"\xef\xbf\xbdTSR", "a .tensor file that was read and written as text"},
}

// looksLike names the format that a file beginning with b seems to have; "" if
// it is none of those known.
func looksLike(b []byte) string {
	for _, s := range signatures {
		if bytes.HasPrefix(b, []byte(s.magic)) {
			return s.name
		}
	}
	if len(b) > 8 && b[8] == '{' && le.Uint64(b) < 100<<20 {
		return "a safetensors file"
	}
	if t := bytes.TrimLeft(b, " \t\r\n"); len(t) > 1 && t[0] == '{' && (len(b) > 256 || json.Valid(b)) {
		return "JSON"
	}
	if len(b) > 0 && zero(b) < 0 {
		return "zeros: a file that was allocated but never written"
	}
	return ""
}
