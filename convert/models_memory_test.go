package convert_test

import (
	"archive/zip"
	"bufio"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tensorfile/tensorfile/convert"
)

// A model of 256 MiB is converted in 32 MiB of heap and other anonymous memory. The
// page cache, mapped or not, is apart. A process of its own does it.
func TestModelsMemory(t *testing.T) {
	const env, most = "TENSORFILE_CONVERT", 32 << 20
	if v := os.Getenv(env); v != "" {
		in, out, _ := strings.Cut(v, "\n")
		fmt.Printf("peak %d\n", peak(func() {
			r := run(t, []string{in}, out, convert.Options{})
			if r.Bytes < modelBytes || len(r.Losses) > 0 {
				t.Errorf("%d bytes, lost %q", r.Bytes, r.Losses)
			}
		}))
		return
	}
	if testing.Short() {
		t.Skip("some times 256 MiB")
	}
	if anonymous() < 0 {
		t.Skip("the system does not tell the anonymous memory of a process")
	}
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	safetensorsFile(t, at("in.safetensors"))
	ggufFile(t, at("in.gguf"))
	torchFile(t, at("in.pt"))
	for _, c := range [][2]string{{"in.safetensors", "in.tensor"}, {"in.tensor", "out.safetensors"}, {"in.gguf", "gguf.tensor"}, {"in.pt", "out.safetensors"}} {
		cmd := exec.Command(os.Args[0], "-test.run=^TestModelsMemory$", "-test.timeout=10m")
		cmd.Env = append(os.Environ(), env+"="+at(c[0])+"\n"+at(c[1]))
		begin := time.Now()
		text, err := cmd.CombinedOutput()
		m := regexp.MustCompile(`peak (\d+)`).FindSubmatch(text)
		if err != nil || m == nil {
			t.Fatalf("%v: %v\n%s", c, err, text)
		}
		n, err := strconv.ParseInt(string(m[1]), 10, 64)
		must(t, err)
		t.Logf("%s to %s: %.1f MiB anonymous at the most, %.1f s", c[0], c[1], float64(n)/(1<<20), time.Since(begin).Seconds())
		if n > most {
			t.Errorf("%s to %s: %d bytes, want at most %d", c[0], c[1], n, most)
		}
		if c[0] == "in.safetensors" {
			continue // its output is the next input
		}
		must(t, os.Remove(at(c[1])))
		must(t, os.Remove(at(c[0])))
	}
}

// peak is the most anonymous memory that the process has while fn runs.
func peak(fn func()) (most int64) {
	done := make(chan struct{})
	go func() { defer close(done); fn() }()
	for {
		select {
		case <-done:
			return max(most, anonymous())
		case <-time.After(2 * time.Millisecond):
			most = max(most, anonymous())
		}
	}
}

var rssAnon = regexp.MustCompile(`(?m)^RssAnon:\s+(\d+) kB`)

// anonymous is the resident memory of the process that is no file's, -1 where the
// system does not tell.
func anonymous() int64 {
	b, err := os.ReadFile("/proc/self/status")
	m := rssAnon.FindSubmatch(b)
	if err != nil || m == nil {
		return -1
	}
	n, _ := strconv.ParseInt(string(m[1]), 10, 64)
	return n << 10
}

// modelBytes is the size of a model: eight times what converting it may take.
const modelBytes = 256 << 20

// parts are the bytes of the tensors of a model.
var parts = []int64{modelBytes / 2, modelBytes / 4, modelBytes / 8, modelBytes/8 - 4096, 4096}

// piece is what stands at the begin of each MiB of a model, different everywhere;
// the rest is a hole.
func piece(i int64) []byte {
	b := make([]byte, 4096)
	var seed [32]byte
	binary.LittleEndian.PutUint64(seed[:], uint64(i))
	rand.NewChaCha8(seed).Read(b)
	return b
}

// holes writes a file of a head and the model's elements.
func holes(t *testing.T, path string, head []byte) {
	t.Helper()
	f, err := os.Create(path)
	must(t, err)
	defer f.Close()
	_, err = f.Write(head)
	for i := int64(0); i < modelBytes>>20 && err == nil; i++ {
		_, err = f.WriteAt(piece(i), int64(len(head))+i<<20)
	}
	must(t, err)
	must(t, f.Truncate(int64(len(head))+modelBytes))
	must(t, f.Close())
}

func safetensorsFile(t *testing.T, path string) {
	t.Helper()
	text, at := "{", int64(0)
	for i, n := range parts {
		text += fmt.Sprintf(`"layer.%d":{"dtype":"F32","shape":[%d],"data_offsets":[%d,%d]},`, i, n/4, at, at+n)
		at += n
	}
	text = strings.TrimSuffix(text, ",") + "}"
	text += strings.Repeat(" ", -(len(text)+8)&63)
	holes(t, path, append(binary.LittleEndian.AppendUint64(nil, uint64(len(text))), text...))
}

func ggufFile(t *testing.T, path string) {
	t.Helper()
	le := binary.LittleEndian
	b := le.AppendUint64(le.AppendUint64([]byte("GGUF\x03\x00\x00\x00"), uint64(len(parts))), 0)
	at := uint64(0)
	for i, n := range parts {
		name := fmt.Sprintf("layer.%d", i)
		b = append(le.AppendUint64(b, uint64(len(name))), name...)
		b = le.AppendUint64(le.AppendUint32(b, 1), uint64(n/4))
		b = le.AppendUint64(le.AppendUint32(b, 0), at) // f32
		at += uint64(n)
	}
	holes(t, path, append(b, make([]byte, -len(b)&31)...))
}

// torchFile is what torch.save makes of {"w": a tensor of f32 of modelBytes}.
func torchFile(t *testing.T, path string) {
	t.Helper()
	const n = "J\x00\x00\x00\x04" // 2^26
	pickle := "\x80\x02}X\x01\x00\x00\x00wctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpu" + n +
		"tQK\x00(" + n + "t(K\x01t\x89ccollections\nOrderedDict\n)RtRs."
	f, err := os.Create(path)
	must(t, err)
	defer f.Close()
	w := bufio.NewWriterSize(f, 1<<20)
	z := zip.NewWriter(w)
	raw := func(name string, size int64, write func(io.Writer)) {
		sum := crc32.NewIEEE()
		write(sum)
		h := &zip.FileHeader{Name: name, Method: zip.Store, CRC32: sum.Sum32(), CompressedSize64: uint64(size), UncompressedSize64: uint64(size)}
		member, err := z.CreateRaw(h)
		must(t, err)
		write(member)
	}
	raw("m/data.pkl", int64(len(pickle)), func(w io.Writer) { io.WriteString(w, pickle) })
	chunk := make([]byte, 1<<20)
	raw("m/data/0", modelBytes, func(w io.Writer) {
		for i := range int64(modelBytes >> 20) {
			copy(chunk, piece(i))
			_, err := w.Write(chunk)
			must(t, err)
		}
	})
	must(t, z.Close())
	must(t, w.Flush())
	must(t, f.Close())
}
