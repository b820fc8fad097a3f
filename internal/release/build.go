package main

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// A target is a system that the tool is built for.
type target struct {
	goos, goarch string
	static       bool // without CUDA, and so without libc and loader
}

// allTargets are those that are handed out.
func allTargets() (list []target) {
	for _, goos := range []string{"linux", "darwin", "windows"} {
		for _, goarch := range []string{"amd64", "arm64"} {
			list = append(list, target{goos, goarch, false})
			if goos == "linux" {
				list = append(list, target{goos, goarch, true})
			}
		}
	}
	return list
}

// hostTargets are those of this system, the static one last.
func hostTargets() []target {
	list := []target{{runtime.GOOS, runtime.GOARCH, false}}
	if runtime.GOOS == "linux" {
		list = append(list, target{runtime.GOOS, runtime.GOARCH, true})
	}
	return list
}

func (t target) String() string {
	s := t.goos + "-" + t.goarch
	if t.static {
		s += "-static"
	}
	return s
}

// tool is the name of an executable file there.
func (t target) tool(name string) string {
	if t.goos == "windows" {
		name += ".exe"
	}
	return name
}

// folder is what an archive unpacks to.
func (c *commit) folder(t target) string { return "tensorfile-" + c.version() + "-" + t.String() }

// archive is the name of the archive of a target.
func (c *commit) archive(t target) string {
	if t.goos == "windows" {
		return c.folder(t) + ".zip"
	}
	return c.folder(t) + ".tar.gz"
}

// compile builds the tool so that its bytes follow from the commit, the version of
// Go and the target: without paths of this machine, without cgo, for the oldest
// processors. The revision is in it, and "tensorfile version" prints it.
func (c *commit) compile(t target, tool string, env []string) error {
	args := []string{"build", "-trimpath", "-buildvcs=true", "-ldflags=-s -w", "-o", tool}
	if t.static {
		args = append(args, "-tags=nogpu")
	}
	env = append([]string{
		"GOOS=" + t.goos, "GOARCH=" + t.goarch, "CGO_ENABLED=0", "GOAMD64=v1", "GOARM64=v8.0",
		"GOFLAGS=-trimpath", "GOEXPERIMENT=", "GOWORK=off",
	}, env...)
	_, err := output(c.root, env, "go", append(args, "./cmd/tensorfile")...)
	return err
}

// installed are files for the systems' lists of kinds of files.
//
//go:embed files
var installed embed.FS

// documents are the files that all archives have. Those that the tool knows come
// from the one of this system.
func (c *commit) documents(tool string) ([]file, error) {
	var list []file
	var bad []error
	add := func(name string, b []byte, err error) {
		if err == nil && len(b) == 0 {
			err = errors.New("it is empty")
		}
		if err != nil {
			bad = append(bad, fmt.Errorf("%s: %w", name, err))
		}
		list = append(list, file{name, 0o644, b})
	}
	for _, name := range []string{"LICENSE", "README.md", "CHANGELOG.md"} {
		b, err := os.ReadFile(filepath.Join(c.root, name))
		add(name, b, err)
	}
	if c.licences == "" {
		var err error
		if c.licences, err = output(c.root, nil, "go", "run", "./internal/licences", "-texts"); err != nil {
			return nil, err
		}
	}
	add("licences.txt", []byte(c.licences), nil)
	for shell, name := range map[string]string{"bash": "tensorfile.bash", "zsh": "_tensorfile", "fish": "tensorfile.fish", "powershell": "tensorfile.ps1"} {
		script, err := output("", nil, tool, "completion", shell)
		add("completions/"+name, []byte(script), err)
	}
	man, err := os.MkdirTemp("", "man")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(man)
	if _, err := output("", []string{fmt.Sprintf("SOURCE_DATE_EPOCH=%d", c.when.Unix())}, tool, "man", "--dir", man); err != nil {
		return nil, err
	}
	pages, err := tree(man)
	if err != nil {
		return nil, err
	}
	for _, page := range pages {
		b, err := os.ReadFile(filepath.Join(man, filepath.FromSlash(page)))
		add("man/man1/"+page, b, err)
	}
	kinds, err := fs.ReadDir(installed, "files")
	if err != nil {
		return nil, err
	}
	for _, e := range kinds {
		b, err := installed.ReadFile("files/" + e.Name())
		add("mime/"+e.Name(), b, err)
	}
	return list, errors.Join(bad...)
}
