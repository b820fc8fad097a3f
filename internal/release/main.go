// Command release makes what is handed out: the tool for each system, in an archive
// with licences, completions, manual pages and a list of what is linked.
//
//	release [-out DIR] [-host] [-cold]
//
// Everything follows from the commit: archives are made twice, the second time from
// a clone in another place, and must be equal byte for byte. That of this system is
// unpacked and tried where there is no Go and no source; then the module is installed
// and imported as those do who have it from a proxy. docs/release.md tells more.
package main

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/tensorfile/tensorfile"
)

func main() {
	var o options
	flag.StringVar(&o.out, "out", filepath.Join("dist", "release"), "folder of the archives; those that are in it are replaced")
	flag.BoolVar(&o.host, "host", false, "archives of this system alone")
	flag.BoolVar(&o.cold, "cold", false, "compile the tool of this system once more with an empty build cache")
	flag.Parse()
	if flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	if err := release(o, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

type options struct {
	out        string
	host, cold bool
}

func release(o options, out io.Writer) (err error) {
	begin := time.Now()
	var mu sync.Mutex
	step := func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Fprintf(out, "%4.0fs  %s\n", time.Since(begin).Seconds(), fmt.Sprintf(format, args...))
	}
	c, err := checkout("")
	if err != nil {
		return err
	}
	step("%s of %s, %s", c.version(), c.when.UTC().Format(time.DateTime), runtime.Version())
	targets := hostTargets()
	if !o.host {
		targets = allTargets()
	}
	work, err := os.MkdirTemp("", "release")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()

	first := filepath.Join(work, "first")
	if err := c.make(first, targets, step); err != nil {
		return err
	}
	// Packing takes one processor and compiling as many as there are, so both go on at once.
	installed := make(chan error, 1)
	go func() { installed <- install(c, work, step) }()
	err = try(o, c, work, first, targets, step)
	if err := errors.Join(err, <-installed); err != nil {
		return err
	}
	if err := replace(o.out, first); err != nil {
		return err
	}
	step("everything is in %s", o.out)
	return nil
}

// try makes the archives again, compares them, and uses those of this system.
func try(o options, c *commit, work, first string, targets []target, step func(string, ...any)) error {
	if err := again(c, work, first, targets, step); err != nil {
		return err
	}
	if o.cold {
		if err := cold(c, work, first, step); err != nil {
			return err
		}
	}
	for _, t := range hostTargets() {
		n, err := smoke(filepath.Join(first, c.archive(t)), c, t, work)
		if err != nil {
			return fmt.Errorf("%s: %w", c.archive(t), err)
		}
		step("%s: unpacked and tried without Go and source, %d commands", t, n)
	}
	return nil
}

// commit is a checkout of the source, and what git says of it.
type commit struct {
	root     string
	revision string
	tag      string // of this version, "" if the commit has none
	modified bool
	when     time.Time
	licences string // of all that is linked; "" until somebody asked
}

// checkout looks at a folder of the source, "" for the one that the command runs in.
func checkout(dir string) (*commit, error) {
	root, err := output(dir, nil, "go", "list", "-m", "-f", "{{.Dir}}")
	if err != nil {
		return nil, err
	}
	c := &commit{root: strings.TrimSpace(root)}
	if c.revision, err = c.git("rev-parse", "HEAD"); err != nil {
		return nil, fmt.Errorf("archives are made of a commit: %w", err)
	}
	status, err := c.git("status", "--porcelain")
	if err != nil {
		return nil, err
	}
	c.modified = status != ""
	seconds := os.Getenv("SOURCE_DATE_EPOCH")
	if seconds == "" {
		if seconds, err = c.git("log", "-1", "--format=%ct"); err != nil {
			return nil, err
		}
	}
	n, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil {
		return nil, fmt.Errorf("SOURCE_DATE_EPOCH: %w", err)
	}
	c.when = time.Unix(n, 0)
	tags, err := c.git("tag", "--points-at", "HEAD")
	if err != nil {
		return nil, err
	}
	for _, tag := range strings.Fields(tags) {
		if !strings.HasPrefix(tag, "v") {
			continue
		}
		if c.tag = tag; tag != "v"+tensorfile.Version {
			return nil, fmt.Errorf("the commit has the tag %s, the source the version %s", tag, tensorfile.Version)
		}
	}
	return c, nil
}

func (c *commit) git(args ...string) (string, error) {
	out, err := output(c.root, nil, "git", args...)
	return strings.TrimSpace(out), err
}

// version is that of the source if the commit has its tag, and else says which
// commit on the way to it this is.
func (c *commit) version() string {
	v := tensorfile.Version
	if c.tag == "" {
		v += "-dev." + c.revision[:12]
	}
	if c.modified {
		v += ".modified"
	}
	return v
}

// output runs a command and returns what it prints; what it says of an error is in
// the error. env is put behind the environment.
func output(dir string, env []string, name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, errs.Bytes())
	}
	return out.String(), nil
}

// make writes the archives of targets and their sums to a folder.
func (c *commit) make(dir string, targets []target, step func(string, ...any)) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	tools := dir + ".tools"
	if err := os.MkdirAll(tools, 0o777); err != nil {
		return err
	}
	host := hostTargets()[0]
	built := func(t target) string { return filepath.Join(tools, t.tool(t.String())) }
	if err := c.compile(host, built(host), nil); err != nil {
		return err
	}
	docs, err := c.documents(built(host))
	if err != nil {
		return err
	}
	step("documents: %d files", len(docs))
	var sums strings.Builder
	for _, t := range targets {
		tool := built(t)
		if t != host {
			if err := c.compile(t, tool, nil); err != nil {
				return err
			}
		}
		b, err := os.ReadFile(tool)
		if err != nil {
			return err
		}
		bom, err := c.sbom(tool, t)
		if err != nil {
			return fmt.Errorf("%s: %w", t, err)
		}
		files := append(slices.Clone(docs), file{t.tool("tensorfile"), 0o755, b}, file{"sbom.cdx.json", 0o644, bom})
		slices.SortFunc(files, func(a, b file) int { return cmp.Compare(a.name, b.name) })
		archive, err := pack(t, c.folder(t), files, c.when)
		if err != nil {
			return err
		}
		name := c.archive(t)
		if err := os.WriteFile(filepath.Join(dir, name), archive, 0o666); err != nil {
			return err
		}
		fmt.Fprintf(&sums, "%x  %s\n", sha256.Sum256(archive), name)
		step("%s: %.1f MiB, in an archive of %.1f MiB", t, float64(len(b))/(1<<20), float64(len(archive))/(1<<20))
	}
	return os.WriteFile(filepath.Join(dir, sumsName), []byte(sums.String()), 0o666)
}

const sumsName = "SHA256SUMS"

// again makes the same from a clone in another place, and compares. A tree with
// changes has no clone: it is used again.
func again(c *commit, work, first string, targets []target, step func(string, ...any)) error {
	other := c
	if c.modified {
		step("the tree has changes: the second run is of the same place")
	} else {
		clone := filepath.Join(work, "clone")
		if _, err := output("", nil, "git", "clone", "-q", c.root, clone); err != nil {
			return err
		}
		if _, err := output(clone, nil, "git", "checkout", "-q", c.revision); err != nil {
			return err
		}
		var err error
		if other, err = checkout(clone); err != nil {
			return err
		}
		other.licences = c.licences // the same modules: looking at them takes long
	}
	second := filepath.Join(work, "second")
	if err := other.make(second, targets, func(string, ...any) {}); err != nil {
		return err
	}
	n, err := same(first, second)
	if err != nil {
		return err
	}
	step("second run: %d files, equal byte for byte", n)
	return nil
}

// same compares two folders file by file.
func same(a, b string) (n int, err error) {
	var names [2][]string
	for i, dir := range []string{a, b} {
		list, err := os.ReadDir(dir)
		if err != nil {
			return 0, err
		}
		for _, e := range list {
			names[i] = append(names[i], e.Name())
		}
	}
	if !slices.Equal(names[0], names[1]) {
		return 0, fmt.Errorf("one run made %q, the other %q", names[0], names[1])
	}
	for _, name := range names[0] {
		x, err := os.ReadFile(filepath.Join(a, name))
		if err != nil {
			return n, err
		}
		y, err := os.ReadFile(filepath.Join(b, name))
		if err != nil {
			return n, err
		}
		if !bytes.Equal(x, y) {
			return n, fmt.Errorf("%s differs from one run to the other", name)
		}
		n++
	}
	return n, nil
}

// cold compiles everything once more, for this system: the second run has taken
// what the compiler had made from the build cache.
func cold(c *commit, work, first string, step func(string, ...any)) error {
	cache := filepath.Join(work, "cache")
	t := hostTargets()[0]
	tool := filepath.Join(work, "cold")
	if err := c.compile(t, tool, []string{"GOCACHE=" + cache}); err != nil {
		return err
	}
	warm, err := os.ReadFile(filepath.Join(first+".tools", t.tool(t.String())))
	if err != nil {
		return err
	}
	b, err := os.ReadFile(tool)
	if err != nil {
		return err
	}
	if !bytes.Equal(b, warm) {
		return fmt.Errorf("%s: another tool with an empty build cache", t)
	}
	step("%s: the same tool with an empty build cache", t)
	return nil
}

// replace puts what is in a folder to a place where an earlier release may be, of
// which nothing stays.
func replace(to, from string) error {
	if err := os.MkdirAll(to, 0o777); err != nil {
		return err
	}
	old, err := filepath.Glob(filepath.Join(to, "tensorfile-*"))
	if err != nil {
		return err
	}
	for _, name := range old {
		if err := os.Remove(name); err != nil {
			return err
		}
	}
	list, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	for _, e := range list {
		b, err := os.ReadFile(filepath.Join(from, e.Name()))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(to, e.Name()), b, 0o666); err != nil {
			return err
		}
	}
	return nil
}

// tree lists the files below a folder, as slash-separated paths, ascending.
func tree(dir string) (names []string, err error) {
	err = fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			names = append(names, name)
		}
		return err
	})
	return names, err
}
