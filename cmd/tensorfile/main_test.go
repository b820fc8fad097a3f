package main

import (
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/tensorfile/tensorfile/gpu"
)

var update = flag.Bool("update", false, "write what the tool prints into the scripts")

// noSleep keeps processes that are built with the race detector from sleeping
// a second when they end; each script runs dozens.
const noSleep = "atexit_sleep_ms=0"

func TestMain(m *testing.M) {
	os.Setenv("GORACE", noSleep)
	testscript.Main(m, map[string]func(){
		"tensorfile": recorded,
		"mkfile":     mkfile,
		"planted":    planted,
		"library":    library,
	})
}

// The scripts in testdata/script run the tool as people do. Beside the commands
// of testscript they have
//
//	rc CODE COMMAND ARG...   the command ends with that exit status
//	mkfile OUT TENSOR...     a native file, see mkfile
//	mkopaque OUT             a file with a tensor of a codec that nobody knows
//	mkcomposites OUT         a file with a composite of each layout
//	mkuneven OUT             a file with rows of different lengths, and strings
//	hurtchunk FILE NAME N     change a byte of chunk N of a tensor
//	mksparse OUT N           an .npy file of N f4, a hole in the file system
//	patch FILE OFFSET HEX    change bytes
//	cut FILE N               leave the first N bytes
//	join OUT FILE...         the bytes of files, one behind the other
//	same A B                 equal but for UUIDs
//	holdlock FILE TIME       keep other writers from a file for a while
//	unfinished OUT OLD NEW   what an append to OLD leaves that never ended
//	bucket NAME              a store with an empty bucket, which the environment names
//	objects BUCKET KEY...    what a bucket holds
//
// $NONE and $NODIR are what this system says of a file that is not there, and of
// one in a folder that is not there.
func TestScript(t *testing.T) {
	schemas, err := filepath.Abs("../../docs/schema")
	if err != nil {
		t.Fatal(err)
	}
	documents := t.TempDir()
	documentsSeen(t, documents)
	testscript.Run(t, testscript.Params{
		Dir:           "testdata/script",
		UpdateScripts: *update,
		Setup: func(e *testscript.Env) error {
			npy, err := filepath.Abs("../../testdata/npy")
			e.Setenv("NPY", npy)
			kept, _ := filepath.Abs("../../convert")
			e.Setenv("KEPT", kept)
			e.Setenv("HOME", e.WorkDir)
			e.Setenv("GORACE", noSleep)
			e.Setenv(envSchemas, schemas)
			e.Setenv(envDocuments, documents)
			e.Setenv(envIgnore, os.Getenv(envIgnore))
			e.Setenv("NONE", whyNot(e.WorkDir, "none"))
			e.Setenv("NODIR", whyNot(e.WorkDir, filepath.Join("none", "none")))
			return err
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"rc": scriptRC, "mksparse": scriptSparse, "patch": scriptPatch, "cut": scriptCut, "join": scriptJoin, "same": scriptSame,
			"mkopaque": scriptOpaque, "hurtchunk": scriptHurtChunk, "mkcomposites": scriptComposites, "mkuneven": scriptUneven, "holdlock": scriptHoldLock, "unfinished": scriptUnfinished,
			"bucket": scriptBucket, "objects": scriptObjects,
		},
		Condition: func(cond string) (bool, error) {
			switch cond {
			case "npy":
				_, err := os.Stat("../../testdata/npy/manifest.json")
				return err == nil, nil
			case "links":
				return haveLinks(), nil
			case "cuda":
				_, err := gpu.Probe()
				return err == nil, nil
			}
			return false, fmt.Errorf("unknown condition %q", cond)
		},
	})
}

func scriptRC(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: rc CODE COMMAND ARG...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if got != want {
		ts.Fatalf("exit status %d, want %d", got, want)
	}
}

func scriptSparse(ts *testscript.TestScript, neg bool, args []string) {
	n, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	ts.Check(writeHole(ts.MkAbs(args[0]), n))
}

// writeHole writes an .npy file of n f4 zeros that takes no room.
func writeHole(path string, n int64) error {
	head := fmt.Sprintf("{'descr': '<f4', 'fortran_order': False, 'shape': (%d,), }", n)
	head = fmt.Sprintf("\x93NUMPY\x01\x00\x76\x00%-117s\n", head)
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.WriteString(head); err != nil {
		return err
	}
	return f.Truncate(int64(len(head)) + 4*n)
}

func scriptPatch(ts *testscript.TestScript, neg bool, args []string) {
	off, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	b, err := hex.DecodeString(args[2])
	ts.Check(err)
	f, err := os.OpenFile(ts.MkAbs(args[0]), os.O_RDWR, 0)
	ts.Check(err)
	defer f.Close()
	_, err = f.WriteAt(b, off)
	ts.Check(err)
}

func scriptCut(ts *testscript.TestScript, neg bool, args []string) {
	n, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	ts.Check(os.Truncate(ts.MkAbs(args[0]), n))
}

func scriptJoin(ts *testscript.TestScript, neg bool, args []string) {
	var b []byte
	for _, name := range args[1:] {
		b = append(b, ts.ReadFile(name)...)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), b, 0o666))
}

// whyNot is what the system says of a file that is not there.
func whyNot(dir, name string) string {
	_, err := os.Open(filepath.Join(dir, name))
	var e *os.PathError
	if !errors.As(err, &e) {
		return fmt.Sprint(err)
	}
	return e.Err.Error()
}

// haveLinks says whether there are symbolic links. Wine says yes and makes none.
var haveLinks = sync.OnceValue(func() bool {
	dir, err := os.MkdirTemp("", "links")
	if err != nil {
		return false
	}
	defer os.RemoveAll(dir)
	link := filepath.Join(dir, "link")
	err = os.Symlink("file", link)
	name, err2 := os.Readlink(link)
	return err == nil && err2 == nil && name == "file"
})

var uuidText = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)

func scriptSame(ts *testscript.TestScript, neg bool, args []string) {
	a := uuidText.ReplaceAllString(ts.ReadFile(args[0]), "UUID")
	b := uuidText.ReplaceAllString(ts.ReadFile(args[1]), "UUID")
	if (a == b) == neg {
		ts.Fatalf("%s:\n%s\n%s:\n%s", args[0], a, args[1], b)
	}
}
