package main

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/convert/operate"
	"github.com/tensorfile/tensorfile/tensor"
	"github.com/tensorfile/tensorfile/transform/image"
)

// operatorFlags are the flags that change tensors, in the order in which they
// were given.
type operatorFlags struct {
	steps  []operate.Step
	fit    fitFlag
	filter filterFlag
}

// operatorHelp is what the flags take, in the order of the help.
var operatorHelp = []struct{ name, usage string }{
	{"select", "take a part as NumPy does, `[GLOB=]SELECTION`: '0:10, ::2, -1'"},
	{"dtype", "convert elements to `[GLOB=]DTYPE`: f16, u8, ..."},
	{"quant", "keep floats as `[GLOB=]SCHEME`: few bits with scales, such as i8:axis=0, i4:group=32, u4:group=128, mxfp8_e4m3 or mxfp4"},
	{"dequant", "make numbers of quantised tensors, of the dtype `[GLOB=]DTYPE`"},
	{"layout", "keep elements as `[GLOB=]LAYOUT`: coo, csr, csc, bsr[:HxW], csf or bitmap, with entries for those that are not 0, or dense; behind :DENSITY the limit to it"},
	{"rearrange", "move, split and merge axes by an einops `[GLOB=]PATTERN[; a=N, ...]`: 'b (h 2) w c -> b c h w'"},
	{"reduce", "make one element of many, min, max, sum, mean, prod, any or all, by a pattern: `[GLOB=]OP PATTERN`"},
	{"stack", "make one tensor of all, along a new axis in front"},
	{"concat", "make one tensor of all, one behind the other along `[GLOB=]AXIS`"},
	{"resize", "make images `[GLOB=]WxH` pixels large"},
	{"crop", "cut images to `[GLOB=]WxH[+X+Y]`, without an offset the middle"},
	{"channels", "make images grey (`[GLOB=]N` is 1), RGB (3) or RGBA (4)"},
	{"flip", "reverse `[GLOB=]AXIS,...`: h is left and right of an image, v top and bottom"},
	{"pad", "put `[GLOB=]N[; MODE]` pixels around images, or BEFORE:BEHIND,... by axis; edge, reflect, constant=V"},
	{"mono", "mix the channels of recordings to one"},
	{"rate", "change the sampling rate to `[GLOB=][FROM:]HZ`, from that of the attribute sample_rate"},
	{"scale", "compute y = A*x + B, limited to LO:HI, `[GLOB=]A[,B[,LO:HI]]`: '1/255'"},
}

func (o *operatorFlags) add(cmd *cobra.Command) {
	f := cmd.Flags()
	for _, h := range operatorHelp {
		v := &operatorFlag{o, h.name}
		f.Var(v, h.name, h.usage)
		if h.name == "stack" || h.name == "mono" {
			f.Lookup(h.name).NoOptDefVal = " "
		}
		cmd.RegisterFlagCompletionFunc(h.name, completeOperator(h.name))
		switch h.name {
		case "resize":
			f.Var(&o.fit, "fit", "how --resize keeps proportions: `FIT` is stretch (not at all), crop or pad (default stretch)")
			f.Var(&o.filter, "filter", "how --resize computes pixels: `FILTER` is nearest, bilinear or bicubic (default bilinear)")
			cmd.RegisterFlagCompletionFunc("fit", cobra.FixedCompletions([]string{"stretch", "crop", "pad"}, cobra.ShellCompDirectiveNoFileComp))
			cmd.RegisterFlagCompletionFunc("filter", cobra.FixedCompletions([]string{"nearest", "bilinear", "bicubic"}, cobra.ShellCompDirectiveNoFileComp))
		}
	}
}

// completeOperator completes what the values of an operator can begin with,
// behind a "GLOB=" too.
func completeOperator(name string) func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	values := map[string][]string{
		"dtype":    {"bool", "u8", "i8", "u16", "i16", "u32", "i32", "u64", "i64", "f16", "bf16", "f32", "f64", "f8_e4m3fn", "f8_e5m2", "c64", "c128"},
		"quant":    {"i8", "i8:axis=0", "i4:group=32", "u4:group=128", "mxfp8_e4m3", "mxfp8_e5m2", "mxfp6_e2m3", "mxfp6_e3m2", "mxfp4", "mxint8"},
		"dequant":  {"f16", "bf16", "f32", "f64"},
		"layout":   {"coo", "csr", "csc", "bsr", "csf", "bitmap", "dense"},
		"channels": {"1", "3", "4"},
		"flip":     {"h", "v", "0", "1", "2"},
		"concat":   {"0", "1", "2", "-1"},
		"resize":   {"224x224", "227x227", "299x299"},
		"crop":     {"224x224", "227x227", "299x299"},
		"pad":      {"1", "7", "1; edge", "1; reflect", "1; constant=1"},
		"reduce":   {"min ", "max ", "sum ", "mean ", "prod ", "any ", "all "},
		"rate":     {"16000", "22050", "44100", "48000"},
		"scale":    {"1/255", "2/255,-1", "1,0,0:1"},
	}[name]
	return func(_ *cobra.Command, _ []string, prefix string) ([]string, cobra.ShellCompDirective) {
		list := slices.Clone(values)
		if i := strings.LastIndexByte(prefix, '='); i >= 0 {
			for k := range list {
				list[k] = prefix[:i+1] + list[k]
			}
		}
		return list, cobra.ShellCompDirectiveNoFileComp
	}
}

// operatorFlag is one of the flags.
type operatorFlag struct {
	all  *operatorFlags
	name string
}

func (f *operatorFlag) String() string { return "" }
func (f *operatorFlag) Type() string   { return "" }

func (f *operatorFlag) Set(text string) error {
	s, err := operate.Parse(f.name, text)
	if err == nil {
		f.all.steps = append(f.all.steps, s)
	}
	return err
}

type fitFlag struct {
	image.Fit
	set bool
}

func (f *fitFlag) String() string { return "" }
func (f *fitFlag) Type() string   { return "FIT" }

func (f *fitFlag) Set(text string) (err error) {
	f.Fit, err = image.ParseFit(text)
	f.set = true
	return err
}

type filterFlag struct {
	image.Filter
	set bool
}

func (f *filterFlag) String() string { return "" }
func (f *filterFlag) Type() string   { return "FILTER" }

func (f *filterFlag) Set(text string) (err error) {
	f.Filter, err = image.ParseFilter(text)
	f.set = true
	return err
}

// operators puts the steps into the options of a conversion. A joined tensor is
// called --name or, without it, like the output.
func (o *operatorFlags) operators(t *tool, cmd *cobra.Command, c *convert.Options, out string) error {
	resizes := 0
	for i, s := range o.steps {
		switch x := s.Operator.(type) {
		case operate.Resize:
			resizes++
			if o.fit.set {
				x.Fit = o.fit.Fit
			}
			if o.filter.set {
				x.Filter = o.filter.Filter
			}
			o.steps[i].Operator = x
		case operate.Stack:
			x.Name = joinedName(c, out)
			o.steps[i].Operator = x
		case operate.Concat:
			x.Name = joinedName(c, out)
			o.steps[i].Operator = x
		}
	}
	switch {
	case resizes == 0 && o.fit.set:
		return usage(cmd, "--fit says how --resize goes about it, and there is none")
	case resizes == 0 && o.filter.set:
		return usage(cmd, "--filter says how --resize goes about it, and there is none")
	case len(o.steps) == 0:
		return nil
	}
	if slices.ContainsFunc(o.steps, func(s operate.Step) bool { return joins(s.Operator) }) {
		c.Name = "" // it is the result's, not the one input's
	}
	c.Operate = &operate.Pipeline{Steps: o.steps, MaxBytes: int64(t.mem), Workers: t.jobs}
	return nil
}

func joins(op operate.Operator) bool {
	switch op.(type) {
	case operate.Stack, operate.Concat:
		return true
	}
	return false
}

func joinedName(c *convert.Options, out string) string {
	if c.Name != "" {
		return c.Name
	}
	if out == convert.Stream {
		return "stdout"
	}
	base := filepath.Base(out)
	return strings.TrimSuffix(base, filepath.Ext(base))
}

// operatorAdvice is what to try after an error about an operator.
func operatorAdvice(e *tensor.Error) string {
	switch {
	case e.Field == "stack" && errors.Is(e.Kind, tensor.ErrDType):
		return "--dtype makes them alike"
	case e.Field == "stack" && errors.Is(e.Kind, tensor.ErrShape):
		return "--channels 1, 3 or 4 makes pictures alike in channels, --resize in size"
	case strings.HasPrefix(e.Field, "memory for "):
		return "a larger --mem allows it; --select in front of it takes less"
	case e.Field == "layout" && strings.HasPrefix(e.Want, "a dense tensor for") && e.Got == "quantised":
		return "--dequant f32 in front of it makes one"
	case e.Field == "layout" && strings.HasPrefix(e.Want, "a dense tensor for") && sparseWord(e.Got):
		return "--layout dense in front of it makes one, --select takes rows of a sparse one and --dtype converts it"
	case e.Field == "density":
		return "the number behind the layout is the limit: --layout dense:0.01, --layout csr:0.5"
	case errors.Is(e.Kind, tensor.ErrLimit) && strings.HasSuffix(e.Got, " bytes") && strings.HasPrefix(e.Want, "at most "):
		return "a larger --mem allows it; --select in front of it takes less"
	case e.Field == "axes of a recording":
		return "--rearrange puts axes in order, for example --rearrange 'c t -> t c'; names in the attribute dims (t, c) do as well"
	case e.Field == "axes of an image":
		return "--rearrange puts axes in order, for example --rearrange 'b c h w -> b h w c'; names in the attribute dims (h, w, c) do as well"
	}
	return ""
}
