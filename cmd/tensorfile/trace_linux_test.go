package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
)

// A traced run is a command and what it has leave to do. Files that its arguments
// name, with or without "FLAG=", may be read. A run gets a directory of its own,
// with the files of traceFiles.
type tracedRun struct {
	command string
	writes  string // files
	locks   string // files that are kept from writers meanwhile, and stay as they are
	reads   string // files that belong to those that are named
	temps   bool   // may use the directory for temporary files
	code    int
	stdin   string // a file that comes through a pipe
}

// traced has at least one run of each command. Who adds a command adds one here.
var traced = []tracedRun{
	{command: "info m.tensor"},
	{command: "info --json m.tensor x.npz none.tensor", code: 2},
	{command: "ls -l m.tensor"},
	{command: "ls -", stdin: "m.tensor"},
	{command: "show m.tensor w"},
	{command: "show m.tensor w --as npy -o out.npy", writes: "out.npy"},
	{command: "show --no-mmap m.tensor w --as csv"},
	{command: "stats m.tensor --hist 3"},
	{command: "stats big.tensor"},
	{command: "plot m.tensor w -o out.png", writes: "out.png"},
	{command: "plot m.tensor w -o - --to svg"},
	{command: "convert m.tensor out.tensor", writes: "out.tensor"},
	{command: "convert -n m.tensor out.tensor"},
	{command: "convert m.tensor x.npz -f", writes: "x.npz"},
	{command: "convert m.tensor x.npz", code: 2},
	{command: "convert m.tensor -"},
	{command: "convert m.tensor out.tensor --codec auto", writes: "out.tensor"},
	{command: "convert pictures out.tensor --stack --labels dir", writes: "out.tensor"},
	{command: "convert --files-from list.txt out.tensor --stack", writes: "out.tensor", reads: "pictures"},
	{command: "append m.tensor new x.npy", writes: "m.tensor"},
	{command: "append m.tensor rows more.tensor", writes: "m.tensor"},
	{command: "append -n m.tensor new x.npy", locks: "m.tensor"},
	{command: "rm m.tensor w", writes: "m.tensor"},
	{command: "mv m.tensor w v", writes: "m.tensor"},
	{command: "cp m.tensor w v", writes: "m.tensor"},
	{command: "attr ls m.tensor"},
	{command: "attr get m.tensor w unit"},
	{command: "attr set m.tensor w unit=mm", writes: "m.tensor"},
	{command: "attr rm m.tensor w unit", writes: "m.tensor"},
	{command: "revert m.tensor 1", writes: "m.tensor"},
	{command: "log m.tensor"},
	{command: "verify m.tensor x.npz damaged.tensor", code: 1},
	{command: "recover damaged.tensor -o out.tensor", writes: "out.tensor", code: 3},
	{command: "repack m.tensor out.tensor", writes: "out.tensor", locks: "m.tensor"},
	{command: "repack -i m.tensor", writes: "m.tensor"},
	{command: "split m.tensor out.shards.json --parts 2", writes: "out.shards.json out-00001-of-00002.tensor out-00002-of-00002.tensor out-00001-of-00002.tensor.unfinished out-00002-of-00002.tensor.unfinished"},
	{command: "split -n m.tensor out.shards.json --parts 2", reads: "out-00001-of-00002.tensor out-00002-of-00002.tensor"}, // whether they are there
	{command: "merge set.shards.json out.tensor", writes: "out.tensor", reads: "set-00001-of-00002.tensor set-00002-of-00002.tensor"},
	{command: "show set.shards.json w", reads: "set-00001-of-00002.tensor set-00002-of-00002.tensor"},
	{command: "diff m.tensor x.npz", code: 1},
	{command: "hash m.tensor x.npz"},
	{command: "inspect --bytes m.tensor"},
	{command: "bench --time 1us --codec lz4"},
	{command: "bench m.tensor --time 1us"},
	{command: "bench --loader m.tensor rows --time 1us"},
	{command: "gpu info --device host"},
	{command: "gpu info --device auto"},
	{command: "gpu load m.tensor --device host --time 1us"},
	{command: "gpu bench cast* --device host --size 1KiB --time 1us"},
	{command: "formats"},
	{command: "version"},
	{command: "--version"},
	{command: "help convert"},
	{command: "man attr set"},
	{command: "show picture.tensor p --picture kitty"},
	{command: "completion bash"},
	{command: "__complete ls m.tensor w"},
	{command: "view --addr nowhere m.tensor", code: 2},
	{command: "no-such-command", code: 2},
	{command: "stats words.sqlite --query VALUES(1)", reads: "words.sqlite-journal words.sqlite-wal"},
	{command: "convert words.txt words.sqlite --table more", writes: "words.sqlite words.sqlite-journal", reads: "words.sqlite-wal", temps: true},
	{command: "ls - --table tensors", stdin: "words.sqlite", temps: true},
}

// traceFiles makes the files of the runs.
func traceFiles(t *testing.T, dir string) {
	t.Helper()
	at := func(name string) string { return filepath.Join(dir, name) }
	for _, args := range [][]string{
		{"m.tensor", `w:{"unit":"m"}`, "w=f32(30,40)", "rows=f32(8,4)", "s=S5(2):ab,cde"}, {"more.tensor", "rows=f32(2,4)"}, {"big.tensor", "x=f64(300,1000)"},
		{"damaged.tensor", "w=f32(3,4)", "x=u8(9)"}, {"picture.tensor", "p=u8(4,5,3)"},
	} {
		if err := makeFile(at(args[0]), args[1:]); err != nil {
			t.Fatal(err)
		}
	}
	write(t, at("words.txt"), []byte("one\ntwo\n"))
	write(t, at("list.txt"), []byte("pictures/cat/1.npy\npictures/dog/2.npy\n"))
	for _, c := range []string{
		"convert m.tensor x.npy --only w", "convert m.tensor x.npz --only w --only rows", "attr set m.tensor w note=second", "convert words.txt words.sqlite", "split m.tensor set.shards.json --parts 2",
		"convert picture.tensor pictures/cat/1.npy", "convert picture.tensor pictures/dog/2.npy",
	} {
		if i := strings.Index(c, "pictures/"); i >= 0 {
			if err := os.MkdirAll(filepath.Dir(at(c[i:])), 0o777); err != nil {
				t.Fatal(err)
			}
		}
		if out := runIn(t, dir, strings.Fields(c)...); strings.Contains(out, "tensorfile: ") {
			t.Fatal(out)
		}
	}
	b, err := os.ReadFile(at("damaged.tensor"))
	if err != nil {
		t.Fatal(err)
	}
	b[12288+4] ^= 1
	write(t, at("damaged.tensor"), b)
}

// start runs the tool under a trace, in dir, and reports what it does without
// leave.
func (r *tracedRun) start(t *testing.T, dir string, more leave, env ...string) {
	t.Helper()
	temps, home := filepath.Join(dir, "temps"), filepath.Join(dir, "home")
	for _, d := range []string{temps, home} {
		if err := os.Mkdir(d, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	args := strings.Fields(r.command)
	l := more
	for _, name := range slices.Concat(args, strings.Fields(r.reads)) {
		name = name[strings.LastIndexByte(name, '=')+1:]
		if !strings.HasPrefix(name, "-") && name != "." {
			l.reads = append(l.reads, rooted(dir, name))
		}
	}
	l.dir = dir
	for _, name := range strings.Fields(r.writes) {
		l.writes = append(l.writes, rooted(dir, name))
	}
	for _, name := range strings.Fields(r.locks) {
		l.locks = append(l.locks, rooted(dir, name))
	}
	if r.temps {
		l.temps = temps
	}
	cmd := exec.Command("tensorfile", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), append([]string{"PWD=" + dir, "TMPDIR=" + temps, "HOME=" + home, "GORACE=" + noSleep}, env...)...)
	if r.stdin != "" {
		f, err := os.Open(filepath.Join(dir, r.stdin))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		cmd.Stdin = struct{ *os.File }{f} // not a file to exec: a pipe
	}
	before := contents(t, dir)
	did, stdout, stderr, code := strace(t, cmd)
	if code != r.code {
		t.Errorf("status %d, want %d\n%s%s", code, r.code, stdout, stderr)
	}
	if bad := l.exceeds(did); len(bad) > 0 {
		t.Errorf("without leave it\n%s\n%s", strings.Join(bad, "\n"), stderr)
	}
	if len(did) < 5 {
		t.Errorf("the trace has %d deeds", len(did))
	}
	// What a trace cannot show: what is there now is what was there and what was
	// asked for.
	after := contents(t, dir)
	for path, b := range after {
		if was, ok := before[path]; (!ok || was != b) && !slices.Contains(l.writes, path) {
			t.Errorf("%s is other than before", path)
		}
	}
	for path := range before {
		if _, ok := after[path]; !ok {
			t.Errorf("%s is gone", path)
		}
	}
}

func rooted(dir, name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(dir, name)
}

// contents are the files below a directory.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	m := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		m[path] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// Commands open no connection but to the addresses that they are given, and write
// no file but what they are asked for, its temporary file beside it, and where the
// runs above say so the directory for temporary files. They read what they are
// given and what systemFiles lists.
func TestTraceCommands(t *testing.T) {
	needTrace(t)
	missing := map[string]bool{}
	var walk func(c *cobra.Command, path string)
	walk = func(c *cobra.Command, path string) {
		for _, sub := range c.Commands() {
			if sub.HasSubCommands() {
				walk(sub, path+sub.Name()+" ")
			} else {
				missing[path+sub.Name()] = true
			}
		}
	}
	walk(newRootCmd(&tool{}), "")
	if len(missing) < 20 {
		t.Fatalf("%d commands", len(missing))
	}
	commands := len(missing)
	files := t.TempDir()
	traceFiles(t, files)
	for _, r := range traced {
		words := strings.Fields(r.command)
		delete(missing, words[0])
		if len(words) > 1 {
			delete(missing, words[0]+" "+words[1])
		}
		t.Run(r.command, func(t *testing.T) {
			t.Parallel()
			r.start(t, traceCopy(t, files), leave{})
		})
	}
	for c := range missing {
		t.Errorf("command %q has no run in traced", c)
	}
	t.Logf("%d commands in %d runs", commands, len(traced))
}

// traceCopy is a directory with the files of another.
func traceCopy(t *testing.T, files string) string {
	t.Helper()
	dir := realDir(t)
	if err := os.CopyFS(dir, os.DirFS(files)); err != nil {
		t.Fatal(err)
	}
	return dir
}

// realDir is a new directory by the name that a trace has for it.
func realDir(t *testing.T) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// The same of every format, read and written.
func TestTraceFormats(t *testing.T) {
	needTrace(t)
	for _, f := range knownFormats() {
		c := formatCases[f.Name]
		if c.elsewhere != "" {
			continue
		}
		t.Run(f.Name, func(t *testing.T) {
			if c.needs != "" {
				if _, err := exec.LookPath(c.needs); err != nil {
					t.Skip("there is no ", c.needs)
				}
			}
			dir := realDir(t)
			path, err := filepath.Abs(c.file(t, f, dir))
			if err != nil {
				t.Fatal(err)
			}
			more := leave{}
			if f.Name == "ffmpeg" {
				more.programs = []string{"ffmpeg", "ffprobe"}
				more.system = []string{"/usr/share/", "/etc/", "/proc/filesystems", "/proc/sys/crypto/", "/sys/fs/selinux/", "/selinux/"}
			}
			t.Run("read", func(t *testing.T) {
				t.Parallel()
				run := tracedRun{command: "stats " + path, temps: f.Name == "csv" || f.Name == "tsv" || f.Name == "jsonl"}
				if f.Name == "safetensors-index" {
					run.reads = filepath.Join(dir, "x-00001-of-00001.safetensors")
				}
				if f.Name == "shards" {
					run.reads = filepath.Join(dir, "x-00001-of-00002.tensor") + " " + filepath.Join(dir, "x-00002-of-00002.tensor")
				}
				if f.Name == "text" {
					run.command = "ls " + path
				}
				if f.Name == "sqlite" {
					run.reads = path + "-journal " + path + "-wal"
				}
				run.start(t, realDir(t), more)
			})
			if !f.Write {
				return
			}
			t.Run("write", func(t *testing.T) {
				t.Parallel()
				run := tracedRun{command: "convert " + path + " out" + c.extension(f), writes: "out" + c.extension(f), temps: f.Name == "sqlite"}
				run.reads = path + "-journal " + path + "-wal"
				run.start(t, realDir(t), more)
			})
		})
	}
}

// Addresses are the only ones that are dialled. A server elsewhere is told to in
// three ways that must not matter: an address in a file, and proxies of other
// schemes.
func TestTraceAddresses(t *testing.T) {
	needTrace(t)
	files := t.TempDir()
	traceFiles(t, files)
	srv := httptest.NewServer(http.FileServer(http.Dir(files)))
	t.Cleanup(srv.Close)
	given := srv.Listener.Addr().String()
	write(t, filepath.Join(files, "page.tensor"), []byte("http://127.0.0.2:9/m.tensor\n"))
	for _, r := range []tracedRun{
		{command: "info " + srv.URL + "/m.tensor"},
		{command: "show " + srv.URL + "/x.npz w"},
		{command: "convert " + srv.URL + "/m.tensor out.npz --only w", writes: "out.npz"},
		{command: "ls " + srv.URL + "/page.tensor", code: 2},
		{command: "ls " + srv.URL + "/none", code: 2},
		{command: "ls postgres://me@127.0.0.1:1/db?sslmode=disable --table t", code: 2},
	} {
		name, _, _ := strings.Cut(r.command, srv.URL)
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := leave{addresses: []string{given}}
			dir := traceCopy(t, files)
			if strings.Contains(r.command, "postgres") {
				l.addresses = []string{"127.0.0.1:1"} // nobody is there
				// What libpq reads, too: docs/sql.md.
				l.reads = []string{filepath.Join(dir, "home/.pgpass"), filepath.Join(dir, "home/.pg_service.conf"), filepath.Join(dir, "home/.postgresql")}
				l.system = []string{"/etc/passwd", "/etc/nsswitch.conf", "/etc/ssl/", "/var/run/postgresql/"}
			} else {
				l.system = []string{"/etc/ssl/", "/etc/hosts", "/etc/resolv.conf", "/etc/nsswitch.conf", "/proc/sys/net/"}
			}
			r.start(t, dir, l, "http_proxy=", "HTTP_PROXY=", "https_proxy=http://127.0.0.2:9")
		})
	}
}

// So do programs that use the library alone.
func TestTraceLibrary(t *testing.T) {
	needTrace(t)
	dir := realDir(t)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f, err := os.Open(filepath.Join(dir, "served.tensor"))
		if err != nil {
			http.NotFound(w, r)
			return
		}
		defer f.Close()
		http.ServeContent(w, r, "", time.Unix(1e9, 0), f)
	}))
	defer srv.Close()
	if err := makeFile(filepath.Join(dir, "served.tensor"), []string{"w=f32(3,4)"}); err != nil {
		t.Fatal(err)
	}
	l := leave{dir: dir, reads: []string{filepath.Join(dir, "served.tensor")}, addresses: []string{srv.Listener.Addr().String()}}
	for _, name := range libraryWrites {
		l.writes = append(l.writes, filepath.Join(dir, name))
	}
	cmd := exec.Command("library", srv.URL+"/served.tensor")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PWD="+dir, "TMPDIR="+filepath.Join(dir, "none"), "HOME="+filepath.Join(dir, "none"), "http_proxy=", "HTTP_PROXY=")
	did, stdout, stderr, code := strace(t, cmd)
	if code != 0 {
		t.Fatalf("status %d\n%s%s", code, stdout, stderr)
	}
	if bad := l.exceeds(did); len(bad) > 0 {
		t.Errorf("without leave it\n%s", strings.Join(bad, "\n"))
	}
	made := map[string]bool{}
	dials := 0
	for _, d := range did {
		made[d.what] = made[d.what] || d.kind == changed || d.kind == locked
		if d.kind == dialled {
			dials++
		}
	}
	for _, path := range l.writes {
		if !made[path] {
			t.Errorf("%s is not in the trace", path)
		}
	}
	if dials == 0 {
		t.Error("the address is not in the trace")
	}
}
