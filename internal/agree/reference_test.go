package agree_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/internal/agree"
	"github.com/tensorfile/tensorfile/mmap"
)

// exceptions are what the library that owns a format says of files that this
// module reads, and why that is right.
var exceptions = []struct {
	format, verdict string // a regular expression on what reference.py prints
	reason          string
}{
	{"npy", `descr is not a valid dtype descriptor: .*'[<>|=]?f1'`, "ml_dtypes writes float8_e5m2 so, and NumPy alone does not read it back"},
	{"npz", `descr is not a valid dtype descriptor: .*'[<>|=]?f1'`, "ml_dtypes writes float8_e5m2 so, and NumPy alone does not read it back"},
	{"npy", `Cannot parse header: .*\} *\\[rn] *"|precedes previous end`, "blanks behind an end of line are padding, too; some are an indented line for Python's tokenizer"},
	{"npz", `Cannot parse header: .*\} *\\[rn] *"|precedes previous end`, "blanks behind an end of line are padding, too; some are an indented line for Python's tokenizer"},
	{"gguf", "array is too big", "a tensor without elements may be of any extents; NumPy multiplies those that are not 0"},
	{"gguf", "is not a valid GGMLQuantizationType", "a type that is not known is read as bytes, with a note: newer files stay readable"},
	{"gguf", "is not a valid GGMLModelFileType|is not a valid GGUFValueType", "what says how a model was made is text here"},
	{"mtx", "Missing banner", "words of the header count in any case, as the format's own reader takes all but the first"},
	{"mtx", "ending the process: signal: segmentation fault", "SciPy's reader crashes where the last line has no end"},
	{"mtx", "Invalid (floating-point|integer) value", "numbers may have the sign + for the format's own reader, which is scanf"},
	{"mtx", "Too many values in array", "behind the last value there may be a comment"},
	{"wav", `differs shape \(0, 1\)`, "of two chunks of data the first counts"},
	{"bmp", `Unsupported BMP header type \(16\)`, "the header of OS/2 2.0 may be as short as 16 bytes"},
	{"pnm", "cannot identify image file", "a comment may stand right behind the magic number"},
	{"gif", "cannot identify image file", "extensions are passed over by the sizes of their blocks"},
	{"tiff", "slice indices must be integers|not supported between instances|invalid literal for int", "of a tag with several values the first counts; tifffile wants one"},
	{"aiff", "data in an unimplemented format", "in24, in32 and their like say how wide samples are, whatever COMM says"},
	{"aiff", "Bad 'PEAK' chunk", "chunks that samples do not depend on are passed over"},
	{"flac", "psf_fseek", "seek tables are not needed"},
	{"webp", "failed to read next frame", "the decoder of golang.org/x/image takes prefix codes that are not complete, and preprocessing of alpha is a hint"},
	{"hdf5", "deprecated info for object \\(incorrect metadata checksum", "of two indexes of links one is read, and none of free room"},
	{"hdf5", "bad coordinate offset", "the key behind the last chunk of a node is not needed"},
	{"hdf5", "invalid combination of fill-value info", "a fill value that is there counts"},
	{"png", "cannot identify image file", "a chunk that pixels do not depend on is broken: a profile, a text"},
	{"png", `differs elements L|differs shape \(\d+, \d+\) \(\d+, \d+, 2\)`, "a transparent colour with more bits than samples have: the lowest count, as in libpng; Pillow takes all"},
	{"webp", "cannot identify image file", "chunks before the picture are passed over; libwebp wants the picture or VP8X first"},
	{"flac", "data in an unimplemented format", "libsndfile reads 8, 16 and 24 bits"},
	{"flac", "array is too big", "the length of a stream may be unknown; libsndfile then gives the largest number"},
	{"flac", "unknown error in flac decoder", "blocks that samples do not depend on are passed over"},
	{"csv", "Could not determine delimiter|Expected [0-9]+ fields in line", "pandas guesses the delimiter from some lines; where it is another one, lines differ in length"},
	{"jpeg", "differs elements", "coefficients beyond those of any picture: the integers of libjpeg-turbo wrap, ours are cut"},
	{"aiff", "differs shape", "the frames that COMM counts are read; libsndfile reads all that SSND has"},
	{"wav", "SF_INFO struct incomplete", "libsndfile has no sample rates from 2^31 on"},
	{"bmp", "Unsupported BMP bitfields layout", "Pillow has some masks of bits, not any"},
	{"webp", "could not create decoder object", "reserved bits of VP8X are to be ignored (RFC 9649, 2.7.1)"},
	{"jpeg", "broken data stream", "coded data that is damaged is not given up at the same place"},
	{"wav", "No 'data' chunk marker", "chunks of odd length are padded, as RIFF has it, and a table in ds64 that is cut is not needed"},
	{"hdf5", "addr overflow|temporary file space|exceeds EOA|past end of allocation|truncated file|ran off end of input buffer", "places are held against the file, not against the end that the superblock claims"},
	{"hdf5", "object '.*' doesn't exist|component not found", "names are read one after the other; the library looks for them by order or hash, which the change broke"},
	{"hdf5", "bad object header chunk size|local heap data block", "sizes are held against what is read there"},
	{"hdf5", "bad flag combination for message|message of unshareable class", "flags of messages speak to those that write"},
	{"hdf5", "bad object header message count", "messages are read as far as there are some, whatever their number is said to be"},
	{"hdf5", "filter returned failure during read", "inflating needs no level, which libhdf5 looks for"},
	{"hdf5", "invalid dataset size, likely file corruption", "a dataset without elements may have room in the file"},
	{"hdf5", "badly formatted modification time message", "times are of no interest to who reads"},
	{"hdf5", "bad heap free list|free block size is zero|gap found in early version", "room that is free is of no interest to who reads"},
}

// batch is how many files one run of Python looks at.
const batch = 500

// TestInteropAccepted changes files a little, by a seed, until so many of each
// format are still read, and gives those to the library that owns the format: it
// must read them, too, and find the same. TENSORFILE_AGREE is the number of files
// of each format, TENSORFILE_SEED repeats a run.
func TestInteropAccepted(t *testing.T) {
	python := os.Getenv("TENSORFILE_PYTHON")
	if python == "" {
		t.Skip("TENSORFILE_PYTHON names no Python with the libraries; make interop does")
	}
	count, seed := 200, uint64(20261121)
	for name, set := range map[string]func(n uint64){"TENSORFILE_AGREE": func(n uint64) { count = int(n) }, "TENSORFILE_SEED": func(n uint64) { seed = n }} {
		if s := os.Getenv(name); s != "" {
			n, err := strconv.ParseUint(s, 10, 63)
			if err != nil {
				t.Fatal(name, err)
			}
			set(n)
		}
	}
	t.Logf("TENSORFILE_SEED=%d TENSORFILE_AGREE=%d", seed, count)
	readers := []string{
		"npy", "npz", "safetensors", "gguf", "hdf5", "mtx", "png", "wav", "bmp", "pnm", "tiff", "gif", "webp", "jpeg", "flac", "aiff", "csv", "jsonl", "idx",
	}
	for _, s := range sources {
		if !slices.Contains(readers, s.format) {
			continue
		}
		t.Run(s.format, func(t *testing.T) {
			a := &exchange{t: t, s: s, python: python, excused: map[string]int{}}
			rng := rand.New(rand.NewPCG(seed, 1))
			seeds := s.seeds(t)
			for a.accepted < count && a.tried < 400*count {
				n := min(batch, count-a.accepted)
				dir := t.TempDir()
				a.make(rng, seeds, dir, n, 400*count)
				a.compare(dir)
				if err := os.RemoveAll(dir); err != nil {
					t.Fatal(err)
				}
			}
			t.Logf("%d of %d changed files are read; the library reads %d as the same, %d cannot be compared; by reason: %v", a.accepted, a.tried, a.equal, a.apart, a.excused)
			if a.accepted < count/2 {
				t.Errorf("only %d files are read of %d", a.accepted, a.tried)
			}
			if a.equal < a.accepted/3 {
				t.Errorf("only %d of %d files could be compared", a.equal, a.accepted)
			}
			// A reason for a difference may hide another one, unless it is rare.
			if a.differ > a.accepted/20 {
				t.Errorf("%d of %d files differ, each for a reason that is known", a.differ, a.accepted)
			}
		})
	}
}

// exchange is one format's.
type exchange struct {
	t                             *testing.T
	s                             source
	python                        string
	tried, accepted, equal, apart int
	differ                        int // read otherwise by the library, for a reason that is known
	excused                       map[string]int
	failures                      int
}

// make puts n files that are read into dir, with what was read.
func (a *exchange) make(rng *rand.Rand, seeds [][]byte, dir string, n, most int) {
	for i := 0; i < n && a.tried < most; a.tried++ {
		b := agree.Mutate(rng, seeds[rng.IntN(len(seeds))], seeds[rng.IntN(len(seeds))])
		if rng.IntN(4) > 0 {
			agree.Reseal(b)
		}
		path := filepath.Join(dir, strconv.Itoa(i)+a.s.ext)
		items, err := a.read(b, path)
		if err != nil {
			continue
		}
		desc, err := json.Marshal(items)
		if err != nil {
			a.t.Fatal(err)
		}
		var data []byte
		for _, it := range items {
			data = append(data, it.data...)
		}
		base := filepath.Join(dir, strconv.Itoa(i))
		for name, b := range map[string][]byte{path: b, base + ".json": desc, base + ".bin": data} {
			if err := os.WriteFile(name, b, 0o600); err != nil {
				a.t.Fatal(err)
			}
		}
		i++
		a.accepted++
	}
}

func (a *exchange) read(b []byte, path string) ([]item, error) {
	o := a.s.options()
	file, err := convert.OpenMap(ctx, mmap.NewReaderAt(bytes.NewReader(b), int64(len(b)), path), o)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	items, err := readAll(file)
	if err != nil {
		return nil, err
	}
	for _, it := range items {
		if it.large {
			return nil, errors.New("too large to compare")
		}
	}
	// Checksums of what is mapped are looked at by Verify alone.
	if r, err := file.Verify(ctx, nil); err != nil || len(r.Findings) > 0 {
		return nil, errors.Join(append(r.Findings, err)...)
	}
	return items, nil
}

// compare runs the library over dir. Where it ends the process, it is started
// again behind the file that did.
func (a *exchange) compare(dir string) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.bin"))
	if err != nil {
		a.t.Fatal(err)
	}
	for next := 0; next < len(paths); {
		var stderr bytes.Buffer
		cmd := exec.Command(a.python, "-B", "-W", "ignore", filepath.Join("testdata", "reference.py"), a.s.format, dir, strconv.Itoa(next))
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); next++ {
			number, verdict, _ := strings.Cut(lines.Text(), " ")
			if number != strconv.Itoa(next) {
				a.t.Fatalf("%q where %d was to come", lines.Text(), next)
			}
			a.judge(dir, next, verdict)
		}
		if err != nil && next < len(paths) {
			if next == 0 && len(out) == 0 && strings.Contains(stderr.String(), "Error") {
				a.t.Fatalf("%v\n%s", err, stderr.String())
			}
			a.judge(dir, next, fmt.Sprintf("refused by ending the process: %v", err))
			next++
		}
	}
}

func (a *exchange) judge(dir string, n int, verdict string) {
	if verdict == "equal" {
		a.equal++
		return
	}
	if strings.HasPrefix(verdict, "apart ") {
		a.apart++
		a.excused[verdict]++
		return
	}
	for _, e := range exceptions {
		if e.format == a.s.format && regexp.MustCompile(e.verdict).MatchString(verdict) {
			a.excused[e.reason]++
			if strings.HasPrefix(verdict, "differs") {
				a.differ++
			}
			return
		}
	}
	if a.failures++; a.failures > 20 {
		return
	}
	b, err := os.ReadFile(filepath.Join(dir, strconv.Itoa(n)+a.s.ext))
	if err != nil {
		a.t.Fatal(err)
	}
	kept := filepath.Join(os.TempDir(), fmt.Sprintf("agree-%s-%d%s", a.s.format, a.accepted+n, a.s.ext))
	if err := os.WriteFile(kept, b, 0o600); err != nil {
		kept = err.Error()
	}
	desc, _ := os.ReadFile(filepath.Join(dir, strconv.Itoa(n)+".json"))
	a.t.Errorf("%s (kept as %s), read as %.300s\n%.200q", verdict, kept, desc, b)
}
