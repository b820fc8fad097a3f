package bench

import (
	"fmt"
	"os"
	"os/exec"
	"testing"
)

// The tool as a process, from its start to its end. TENSORFILE_TOOL is its
// path; run.sh builds it.
func toolCases(e *Env) []Case {
	var list []Case
	tool := os.Getenv("TENSORFILE_TOOL")
	process := func(name string, args func(b *testing.B) []string) {
		list = append(list, once("tool", name, func(b *testing.B) {
			argv := args(b)
			if argv[0] == "" {
				e.skip(b, "no program")
			}
			for b.Loop() {
				check(b, exec.Command(argv[0], argv[1:]...).Run())
			}
		}))
	}
	for _, n := range e.Tensors {
		process(fmt.Sprintf("tensors=%d/op=ls/impl=tensorfile", n), func(b *testing.B) []string {
			return []string{tool, "ls", e.manyFile(b, n)}
		})
	}
	n := e.Tensors[0]
	process(fmt.Sprintf("tensors=%d/op=ls/impl=numpy-npz", n), func(b *testing.B) []string {
		code := "import numpy, sys\nprint('\\n'.join(numpy.load(sys.argv[1]).files))"
		return []string{e.python, "-c", code, e.npzFile(b, n)}
	})
	process("impl=true", func(b *testing.B) []string { // what any process takes
		path, err := exec.LookPath("true")
		if err != nil {
			e.skip(b, err)
		}
		return []string{path}
	})
	process("op=sparse-ls/impl=tensorfile", func(b *testing.B) []string {
		return []string{tool, "ls", e.sparseFile(b, e.Sparse)}
	})
	process("op=sparse-show/impl=tensorfile", func(b *testing.B) []string {
		return []string{tool, "show", e.sparseFile(b, e.Sparse), "weights[500:510, ::100]"}
	})
	process("op=small-ls/impl=tensorfile", func(b *testing.B) []string {
		return []string{tool, "ls", e.sparseFile(b, sparseSmall)}
	})
	process("op=small-show/impl=tensorfile", func(b *testing.B) []string {
		return []string{tool, "show", e.sparseFile(b, sparseSmall), "weights[500:510, ::100]"}
	})
	return list
}
