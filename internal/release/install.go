package main

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/internal/fsys"
)

// modulePath is what people install and import.
const modulePath = "github.com/tensorfile/tensorfile"

// trials begins the versions under which the module is offered to the go command:
// none that a published one can have. What follows is of the files, since the go
// command remembers what it saw of a version also when its files are gone.
const trials = "v0.0.0-release."

// install installs the tool and builds a program that imports the library, as those
// do who have the module from a proxy: here that is a folder, and behind it come
// the modules that were downloaded before. What the go command keeps of the module
// is removed again.
func install(c *commit, work string, step func(string, ...any)) (err error) {
	proxy, gobin, fresh := filepath.Join(work, "proxy"), filepath.Join(work, "bin"), filepath.Join(work, "fresh")
	for _, dir := range []string{gobin, fresh} {
		if err := os.Mkdir(dir, 0o777); err != nil {
			return err
		}
	}
	trial, n, err := c.offer(proxy)
	if err != nil {
		return err
	}
	settings, err := output("", nil, "go", "env", "GOMODCACHE", "GOPROXY")
	if err != nil {
		return err
	}
	cache, upstream, _ := strings.Cut(strings.TrimSpace(settings), "\n")
	unlock, err := alone()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	if err := forget(cache); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, forget(cache)) }()
	env := []string{
		"GOPROXY=" + fileURL(proxy) + "," + fileURL(filepath.Join(cache, "cache", "download")) + "," + upstream,
		"GOSUMDB=off", "GOFLAGS=-trimpath -modcacherw", "GOWORK=off", "GOBIN=" + gobin, "CGO_ENABLED=0", "GO111MODULE=on",
	}

	// There is no go.mod: the module's own counts.
	if _, err := output(gobin, env, "go", "install", modulePath+"/cmd/tensorfile@"+trial); err != nil {
		return err
	}
	said, err := output(gobin, env, filepath.Join(gobin, hostTargets()[0].tool("tensorfile")), "version", "--json")
	if err != nil {
		return err
	}
	if want := regexp.MustCompile(`"version":"` + regexp.QuoteMeta(tensorfile.Version) + `".*"module":"` + regexp.QuoteMeta(trial) + `"`); !want.MatchString(said) {
		return fmt.Errorf("the tool that was installed says %swant %s", said, want)
	}
	step("go install: the tool, of a module of %d files", n)

	if err := os.WriteFile(filepath.Join(fresh, "main.go"), []byte(freshProgram), 0o666); err != nil {
		return err
	}
	for _, words := range [][]string{{"mod", "init", "example.org/fresh"}, {"get", modulePath + "@" + trial}, {"get", "."}, {"vet", "."}} {
		if _, err := output(fresh, env, "go", words...); err != nil {
			return err
		}
	}
	said, err = output(fresh, env, "go", "run", ".")
	if err != nil {
		return err
	}
	if said != freshOutput {
		return fmt.Errorf("the fresh program printed %q, want %q", said, freshOutput)
	}
	step("go get: a program that imports the library")
	return nil
}

// freshProgram is what somebody may write first.
const freshProgram = `// Command fresh saves a tensor, maps it, and opens a file of NumPy.
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	_ "github.com/tensorfile/tensorfile/convert/npy"
)

func main() {
	dir, err := os.MkdirTemp("", "fresh")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path, other := filepath.Join(dir, "m.tensor"), filepath.Join(dir, "bias.npy")
	if err := tensorfile.Save(path, map[string]any{"bias": []float32{1, 2.5, -3}}); err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	if _, err := convert.Files(ctx, []string{path}, other, nil); err != nil {
		log.Fatal(err)
	}
	for _, name := range []string{path, other} {
		f, err := convert.Open(ctx, name, nil)
		if err != nil {
			log.Fatal(err)
		}
		t, err := f.Tensor("bias")
		if err != nil {
			log.Fatal(err)
		}
		x, err := tensorfile.Data[float32](t)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(f.Info().Format, t.DType(), t.Shape(), x)
		if err := f.Close(); err != nil {
			log.Fatal(err)
		}
	}
}
`

const freshOutput = "tensorfile f32 (3,) [1 2.5 -3]\nnpy f32 (3,) [1 2.5 -3]\n"

// offer makes a proxy of modules, as https://go.dev/ref/mod has it, that has this
// one: what git keeps, without the modules below it.
func (c *commit) offer(proxy string) (trial string, files int, err error) {
	contents, err := c.contents()
	if err != nil {
		return "", 0, err
	}
	names := slices.Sorted(maps.Keys(contents))
	sum := sha256.New()
	for _, name := range names {
		fmt.Fprintf(sum, "%q %x\n", name, sha256.Sum256(contents[name]))
	}
	trial = fmt.Sprintf("%sh%x", trials, sum.Sum(nil)[:8]) // a letter: digits alone must not begin with 0
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, name := range names {
		w, err := z.CreateHeader(&zip.FileHeader{Name: modulePath + "@" + trial + "/" + name, Method: zip.Store})
		if err == nil {
			_, err = w.Write(contents[name])
		}
		if err != nil {
			return "", 0, err
		}
	}
	if err := z.Close(); err != nil {
		return "", 0, err
	}
	dir := filepath.Join(proxy, filepath.FromSlash(modulePath), "@v")
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return "", 0, err
	}
	info := fmt.Sprintf("{%q:%q,%q:%q}\n", "Version", trial, "Time", c.when.UTC().Format(time.RFC3339))
	for name, data := range map[string][]byte{"list": []byte(trial + "\n"), trial + ".info": []byte(info), trial + ".mod": contents["go.mod"], trial + ".zip": b.Bytes()} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o666); err != nil {
			return "", 0, err
		}
	}
	return trial, len(names), nil
}

// contents are the files of the module by name.
func (c *commit) contents() (map[string][]byte, error) {
	list, err := output(c.root, nil, "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	if err != nil {
		return nil, err
	}
	names := strings.Split(strings.TrimSuffix(list, "\x00"), "\x00")
	var below []string // folders that are modules of their own
	for _, name := range names {
		if path.Base(name) == "go.mod" && name != "go.mod" {
			below = append(below, path.Dir(name)+"/")
		}
	}
	contents := map[string][]byte{}
	for _, name := range names {
		if slices.ContainsFunc(below, func(dir string) bool { return strings.HasPrefix(name, dir) }) {
			continue
		}
		data, err := os.ReadFile(filepath.Join(c.root, filepath.FromSlash(name)))
		if errors.Is(err, fs.ErrNotExist) {
			continue // removed, and not yet in a commit
		}
		if err != nil {
			return nil, err
		}
		contents[name] = data
	}
	return contents, nil
}

// alone waits until no other run of this command on the machine has a trial among
// the modules that the go command keeps.
func alone() (unlock func() error, err error) {
	path := filepath.Join(os.TempDir(), "tensorfile-release.lock")
	made, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o666)
	if err != nil {
		return nil, err
	}
	if err := made.Close(); err != nil {
		return nil, err
	}
	f, err := fsys.Default().OpenWrite(path)
	if err != nil {
		return nil, err
	}
	for {
		err := f.Lock()
		if err == nil {
			return f.Close, nil
		}
		if !errors.Is(err, fsys.ErrLocked) {
			return nil, errors.Join(err, f.Close())
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// forget removes trials from the modules that the go command keeps.
func forget(cache string) error {
	place := filepath.FromSlash(modulePath)
	var kept []string
	for _, pattern := range []string{filepath.Join(cache, "cache", "download", place, "@v", trials+"*"), filepath.Join(cache, place+"@"+trials+"*")} {
		names, err := filepath.Glob(pattern)
		if err != nil {
			return err
		}
		kept = append(kept, names...)
	}
	kept = append(kept, filepath.Join(cache, "cache", "download", place, "@v", "list")) // of versions; the go command makes it again
	var all []error
	for _, name := range kept {
		all = append(all, os.RemoveAll(name))
	}
	return errors.Join(all...)
}

// fileURL is the address of a folder.
func fileURL(dir string) string {
	dir = filepath.ToSlash(dir)
	if !strings.HasPrefix(dir, "/") {
		dir = "/" + dir // C:/...
	}
	return "file://" + dir
}
