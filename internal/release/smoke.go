package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"

	"github.com/tensorfile/tensorfile"
)

// promised are names that each archive has, beside that of the tool.
var promised = []string{
	"CHANGELOG.md", "LICENSE", "README.md", "licences.txt", "sbom.cdx.json",
	"completions/_tensorfile", "completions/tensorfile.bash", "completions/tensorfile.fish", "completions/tensorfile.ps1",
	"man/man1/tensorfile.1", "mime/media-type.txt", "mime/tensorfile.magic", "mime/tensorfile.xml",
}

// smoke unpacks an archive of this system in an empty folder and runs the tool on
// files that it makes, with nothing else in the path. The static one runs with the
// folder as its root, where that is allowed: not even a loader is in reach.
func smoke(archive string, c *commit, t target, work string) (commands int, err error) {
	dir, err := os.MkdirTemp(work, "smoke")
	if err != nil {
		return 0, err
	}
	if err := unpack(archive, dir); err != nil {
		return 0, err
	}
	folder := c.folder(t)
	names, err := tree(filepath.Join(dir, folder))
	if err != nil {
		return 0, err
	}
	for _, name := range append(slices.Clone(promised), t.tool("tensorfile")) {
		if !slices.Contains(names, name) {
			return 0, fmt.Errorf("%s is not in it", name)
		}
	}
	if fi, err := os.Stat(filepath.Join(dir, folder, t.tool("tensorfile"))); err != nil || runtime.GOOS != "windows" && fi.Mode().Perm()&0o111 == 0 {
		return 0, fmt.Errorf("the tool cannot be run: %w", errors.Join(err, os.ErrPermission))
	}
	data := filepath.Join(dir, "data")
	if err := os.Mkdir(data, 0o777); err != nil {
		return 0, err
	}
	a := npy(37, 5)
	if err := os.WriteFile(filepath.Join(data, "a.npy"), a, 0o666); err != nil {
		return 0, err
	}
	run := func(status int, words ...string) (string, error) {
		commands++
		cmd := exec.Command(filepath.Join(dir, folder, t.tool("tensorfile")), words...)
		cmd.Dir = data
		cmd.Env = []string{"PATH=" + filepath.Join(dir, folder)}
		if t.static && jail(cmd, dir) {
			cmd.Path, cmd.Dir, cmd.Env = "/"+folder+"/tensorfile", "/data", []string{"PATH=/" + folder}
		}
		if runtime.GOOS == "windows" {
			cmd.Env = append(cmd.Env, "SystemRoot="+os.Getenv("SystemRoot"))
		}
		var out, errs bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &errs
		err := cmd.Run()
		var exit *exec.ExitError
		if errors.As(err, &exit) && exit.ExitCode() == status {
			return errs.String(), nil
		}
		if err == nil && status != 0 {
			err = fmt.Errorf("status 0, want %d", status)
		}
		if err != nil {
			return "", fmt.Errorf("tensorfile %s: %w\n%s", strings.Join(words, " "), err, errs.String())
		}
		return out.String(), nil
	}
	for _, step := range []struct {
		status int
		words  []string
		prints string // a pattern
	}{
		{0, []string{"version"}, "^tensorfile " + regexp.QuoteMeta(tensorfile.Version) + "\nformat 1\\.0\n" + regexp.QuoteMeta(runtime.Version()) + " " + t.goos + "/" + t.goarch + "\n(?s:.*)revision " + c.revision + " of "},
		{0, []string{"formats"}, `(?m)^npy `},
		{0, []string{"ls", "a.npy"}, `(?m)^a +f64 +\(37, 5\) `},
		{0, []string{"convert", "a.npy", "a.tensor"}, `^a\.tensor: 1 tensor, 1\.4 KiB`},
		{0, []string{"show", "a.tensor", "a[36, 4]"}, `6\.69084`},
		{0, []string{"verify", "a.tensor"}, `^a\.tensor: ok \(1 tensor, `},
		{0, []string{"diff", "a.npy", "a.tensor"}, `^$`},
		{0, []string{"convert", "a.tensor", "b.npy"}, `^b\.npy: 1 tensor`},
		{0, []string{"convert", "a.tensor", "small.tensor", "--codec", "auto"}, `^small\.tensor: 1 tensor`},
		{0, []string{"attr", "set", "a.tensor", "a", "unit=m"}, ``},
		{0, []string{"log", "a.tensor"}, `(?m)^ *2 `},
		{0, []string{"gpu", "info", "--device", "host"}, `^host: `},
		{2, []string{"ls", "none.tensor"}, `none\.tensor`},
		{2, []string{"lss"}, `did you mean`},
	} {
		got, err := run(step.status, step.words...)
		if err != nil {
			return commands, err
		}
		if !regexp.MustCompile(step.prints).MatchString(got) {
			return commands, fmt.Errorf("tensorfile %s printed\n%s\nwant %s", strings.Join(step.words, " "), got, step.prints)
		}
	}
	b, err := os.ReadFile(filepath.Join(data, "b.npy"))
	if err != nil {
		return commands, err
	}
	if !bytes.Equal(a, b) {
		return commands, fmt.Errorf("a.npy came back as %q, was %q", b, a)
	}
	// One hash for a.npy and for a.tensor, which holds the same under the same name.
	var hashes [2]string
	for i, name := range []string{"a.npy", "a.tensor"} {
		out, err := run(0, "hash", name)
		if err != nil {
			return commands, err
		}
		hashes[i] = regexp.MustCompile(`[0-9a-f]{64}`).FindString(out)
	}
	if hashes[0] == "" || hashes[0] != hashes[1] {
		return commands, fmt.Errorf("hashes %q", hashes)
	}
	return commands, nil
}

// npy is a NumPy file of format 1.0 as NumPy writes it: doubles whose element (i, j)
// is (i + 0.7 j)^2 / 225.
func npy(rows, columns int) []byte {
	header := fmt.Sprintf("{'descr': '<f8', 'fortran_order': False, 'shape': (%d, %d), }", rows, columns)
	header += strings.Repeat(" ", (64-(10+len(header)+1)%64)%64) + "\n"
	b := []byte("\x93NUMPY\x01\x00")
	b = binary.LittleEndian.AppendUint16(b, uint16(len(header)))
	b = append(b, header...)
	for i := range rows {
		for j := range columns {
			x := (float64(i) + 0.7*float64(j)) * (float64(i) + 0.7*float64(j)) / 225
			b = binary.LittleEndian.AppendUint64(b, math.Float64bits(x))
		}
	}
	return b
}
