package main

import (
	"runtime"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/internal/survey"
	"github.com/tensorfile/tensorfile/tensor"
)

// storeFlags are the flags that say how tensors are stored: --codec and
// --chunk, in the order in which they were given.
type storeFlags struct {
	rules []convert.Store
}

func (s *storeFlags) add(cmd *cobra.Command) {
	f := cmd.Flags()
	f.Var((*codecFlag)(s), "codec", "store by `[GLOB=]CODEC`: auto, fast, best, none, raw or a pipeline such as 'shuffle|zstd:3' (may be repeated)")
	f.Var((*chunkFlag)(s), "chunk", "store in chunks of `[GLOB=]SHAPE`, such as 64,1024 (may be repeated)")
	cmd.RegisterFlagCompletionFunc("codec", completeCodec)
	cmd.RegisterFlagCompletionFunc("chunk", cobra.NoFileCompletions)
}

// completeCodec completes codecs, behind a "GLOB=" too.
func completeCodec(_ *cobra.Command, _ []string, prefix string) ([]string, cobra.ShellCompDirective) {
	list := []string{"auto", "fast", "best", "none", "raw", "planes", "delta|bitpack", "predict|planes", "shuffle|lz4", "shuffle|zstd:3"}
	if i := strings.LastIndexByte(prefix, '='); i >= 0 {
		for k := range list {
			list[k] = prefix[:i+1] + list[k]
		}
	}
	return list, cobra.ShellCompDirectiveNoFileComp
}

// useJobs makes writers encode by as many threads as -j says, until the
// function that it returns is called.
func (t *tool) useJobs() func() {
	old := runtime.GOMAXPROCS(t.jobs)
	return func() { runtime.GOMAXPROCS(old) }
}

// rule splits GLOB=VALUE. A value has no "=", a name may.
func rule(text string) (names, value string) {
	i := strings.LastIndexByte(text, '=')
	if i < 0 {
		return "", text
	}
	return text[:i], text[i+1:]
}

type codecFlag storeFlags

func (c *codecFlag) String() string { return "" }
func (c *codecFlag) Type() string   { return "[GLOB=]CODEC" }

func (c *codecFlag) Set(text string) error {
	names, codec := rule(text)
	if codec == "" {
		return errText("it is auto, fast, best, none, raw or a pipeline")
	}
	c.rules = append(c.rules, convert.Store{Names: names, Codec: codec})
	return nil
}

type chunkFlag storeFlags

func (c *chunkFlag) String() string { return "" }
func (c *chunkFlag) Type() string   { return "[GLOB=]SHAPE" }

func (c *chunkFlag) Set(text string) error {
	names, list := rule(text)
	var shape tensor.Shape
	for s := range strings.FieldsFuncSeq(list, func(r rune) bool { return r == ',' || r == 'x' }) {
		n, err := strconv.ParseInt(strings.TrimSpace(s), 10, 64)
		if err != nil || n < 1 {
			return errText("extents are numbers from 1 on with commas between, such as 64,1024")
		}
		shape = append(shape, n)
	}
	if len(shape) == 0 {
		return errText("extents are numbers from 1 on with commas between, such as 64,1024")
	}
	c.rules = append(c.rules, convert.Store{Names: names, Chunk: shape})
	return nil
}

// errText is an error of a flag's value.
type errText string

func (e errText) Error() string { return string(e) }

const ruleAdvice = "--codec and --chunk take GLOB=VALUE, for some tensors only; of the rules that match one the last counts"

// ruleField reports whether an error is about what a rule asks for.
func ruleField(field string) bool {
	return field == "pipeline" || field == "chunk shape" || strings.HasPrefix(field, "stage ")
}

// codecOf is how a tensor is stored, as a list shows it: "" for plain bytes.
func codecOf(t *tensorfile.Tensor) string { return clean(survey.CodecOf(t)) }
