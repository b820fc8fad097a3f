package bench

import (
	"slices"
	"strings"
)

// A Row is an operation of ours and what it stands beside.
type Row struct {
	Case  Case
	Peers []string // keys of the cases of other libraries
	// Limits are keys of cases that do no more than a machine must: the system's own
	// copy, bare writes, empty processes. Without one, memory is the limit of what
	// moves bytes: M.
	Limits []string
}

// What a machine can do; other ways to do it that are not ours are peers.
var limits = []string{"go", "io.Copy", "cp", "direct+fdatasync", "write+fdatasync", "write+2-fdatasync", "parallel-memcpy", "os.WriteFile", "raw-read", "syscalls", "true"}

var ours = []string{"", "tensorfile", "tensorfile1", "tensorfile2", "fast", "auto", "best", "blocks", "kernel", "blocks+kernel"}

// parts are the key=value parts of a case's key, without the implementation.
func parts(key string) (list []string, impl string) {
	for _, p := range strings.Split(key, "/") {
		if x, ok := strings.CutPrefix(p, "impl="); ok {
			impl = x
		} else {
			list = append(list, p)
		}
	}
	return list, impl
}

// Rows are the operations in the order of cases, each group in one piece. A peer's name has the parts that
// matter to it: it stands beside every operation of ours that has all of them. What a
// goal compares with is beside it, too.
func Rows(cases []Case, goals []Goal) []Row {
	var rows []Row
	for _, c := range cases {
		mine, impl := parts(c.Key())
		if !slices.Contains(ours, impl) {
			continue
		}
		row := Row{Case: c}
		add := func(key string) {
			_, impl := parts(key)
			switch {
			case slices.Contains(ours, impl):
			case slices.Contains(limits, impl):
				if !slices.Contains(row.Limits, key) {
					row.Limits = append(row.Limits, key)
				}
			case !slices.Contains(row.Peers, key):
				row.Peers = append(row.Peers, key)
			}
		}
		cold := slices.Contains(mine, "cache=cold")
		for _, p := range cases {
			theirs, impl := parts(p.Key())
			if p.Group != c.Group || slices.Contains(ours, impl) || cold != slices.Contains(theirs, "cache=cold") {
				continue
			}
			if !slices.ContainsFunc(theirs, func(x string) bool { return !slices.Contains(mine, x) }) {
				add(p.Key())
			}
		}
		for _, g := range goals {
			if g.Ours == c.Key() && g.Base != "" && g.Base != M && g.Base != Compression {
				add(g.Base)
			}
		}
		rows = append(rows, row)
	}
	first := map[string]int{}
	for i, row := range rows {
		if _, ok := first[row.Case.Group]; !ok {
			first[row.Case.Group] = i
		}
	}
	slices.SortStableFunc(rows, func(a, b Row) int { return first[a.Case.Group] - first[b.Case.Group] })
	return rows
}

// Two is the key of the copy by two threads, the limit of what moves bytes on
// as many.
func (e *Env) Two() string {
	return "gpu/device=host/size=" + size(e.Big) + "/op=copy/impl=parallel-memcpy"
}

// A Peer is a library that others would use.
type Peer struct {
	Name     string
	Module   string // of Python, as Env.Versions has it, or of Go
	Settings string
}

// Peers are all of them.
var Peers = []Peer{
	{"NumPy", "numpy", "one thread; results into memory that is there where the operation can"},
	{"SciPy", "scipy", "Matrix Market by all threads, else one"},
	{"h5py", "h5py", "defaults; in chunks of 1 MiB: shuffle and deflate 1 in `store`, 4 in `codec`, files of `hdf5` as named; one thread"},
	{"zarr", "zarr", "format 3, local folders; in `store` Blosc zstd 1 with shuffle, chunks of 1 MiB, in `codec` its defaults"},
	{"python-blosc2", "blosc2", "shuffle, two threads; `codec`: chunks of 1 MiB in memory, `store`: NDArray in a file, mapped, zstd 1"},
	{"tensorstore", "tensorstore", "driver zarr3 on local files, Blosc zstd 1 with shuffle, chunks of 1 MiB, copies by two threads"},
	{"safetensors", "safetensors", "of NumPy"},
	{"zTensor", "ztensor", "canonical files, `tobytes`; `store`: one part, seekable zstd"},
	{"ZipNN", "zipnn", "floats as bytes, two threads"},
	{"gguf", "gguf", "GGUFReader, quants.dequantize"},
	{"einops", "einops", "on NumPy"},
	{"python-zstandard", "zstandard", "level 3, chunks of 1 MiB by two threads"},
	{"pandas", "pandas", "the C engine, threads as the row says"},
	{"Pillow", "pillow", "threads as the row says"},
	{"soundfile", "soundfile", "libsndfile, one thread"},
	{"PyTorch", "torch", "DataLoader with two processes; `torch.load(mmap=True, weights_only=True)`"},
	{"TensorFlow", "tensorflow", "tf.data, two parallel calls"},
	{"npyio", "github.com/sbinet/npyio", "through a buffer of 1 MiB"},
	{"gonpy", "github.com/kshedden/gonpy", "defaults"},
}
