package operate_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert/internal/picture"
	"github.com/tensorfile/tensorfile/convert/operate"
	"github.com/tensorfile/tensorfile/tensor"
	"github.com/tensorfile/tensorfile/transform/image"
)

// Steps go before a stack where that is the same, and no further.
func TestDivide(t *testing.T) {
	n := 0
	for _, c := range []struct{ steps, each, whole string }{
		{"stack ", "", ""},
		{"dtype f32|stack |scale 2", "dtype f32|scale 2", ""},
		{"stack |resize 4x4; nearest|crop 2x2|channels 3|dtype f16|mono |rate 8000", "resize 4x4; nearest; stretch|crop 2x2|channels 3|dtype f16|mono |rate 8000", ""},
		{"stack |rearrange b h w c -> b c h w|flip h,2,name", "rearrange h w c -> c h w|flip h,1,name", ""},
		{"stack |rearrange b (h x) ... -> b x h ...; x=2", "rearrange (h x) ... -> x h ...; x=2", ""},
		{"stack |reduce mean b h w -> b h|pad 3|pad 0,1,2:3", "reduce mean h w -> h|pad 3|pad 1,2:3", ""},
		{"stack |select :|select :,1:,newaxis|select ...", "select |select 1:,newaxis", "select ..."},
		{"stack |select 0", "", "select 0"},
		{"stack |select ::2,1", "", "select ::2,1"},
		{"stack |select newaxis", "", "select newaxis"},
		{"stack |rearrange b h w c -> h b w c|dtype f16", "", "rearrange b h w c -> h b w c|dtype f16"},
		{"stack |rearrange b h -> h b", "", "rearrange b h -> h b"},
		{"stack |rearrange (b c) h -> b c h; c=2", "", "rearrange (b c) h -> b c h; c=2"},
		{"stack |rearrange b h -> b h; b=3", "", "rearrange b h -> b h; b=3"},
		{"stack |rearrange ... c -> c ...", "", "rearrange ... c -> c ..."},
		{"stack |rearrange 1 h -> 1 h", "", "rearrange 1 h -> 1 h"},
		{"stack |rearrange b(h w)->b h w;w=2", "", "rearrange b(h w)->b h w; w=2"},
		{"stack |reduce mean b h -> h", "", "reduce mean b h -> h"},
		{"stack |flip 0|dtype f16", "", "flip 0|dtype f16"},
		{"stack |flip -1", "", "flip -1"},
		{"stack |pad 1,0", "", "pad 1,0"},
		{"stack |dtype q4_0", "", "dtype q4_0"},
		{"stack |layout csr", "", "layout csr"},
		{"stack |dtype x=f16", "", "dtype x=f16"},
		{"stack |stack ", "", "stack"},
		{"crop 3x3|stack |dtype f16|concat 0|dtype f32", "crop 3x3|dtype f16", "concat 0|dtype f32"},
	} {
		text := func(list []operate.Step) string {
			var all []string
			for _, s := range list {
				all = append(all, strings.TrimSpace(s.String()))
			}
			return strings.Join(all, "|")
		}
		norm := func(list string) string {
			if list == "" {
				return ""
			}
			return text(steps(t, strings.Split(list, "|")...))
		}
		each, _, whole, ok := operate.Divide(steps(t, strings.Split(c.steps, "|")...))
		if !ok || text(each) != norm(c.each) || text(whole) != norm(c.whole) {
			t.Errorf("%s: %q and %q, want %q and %q", c.steps, text(each), text(whole), norm(c.each), norm(c.whole))
		}
		n++
	}
	for _, list := range []string{"dtype f16", "concat 0|stack ", "stack a*=", "dtype a=f16|stack "} {
		if _, _, _, ok := operate.Divide(steps(t, strings.Split(list, "|")...)); ok {
			t.Errorf("%s was divided", list)
		}
	}
	t.Logf("%d lists of steps", n)
}

// Labels and names go with the rows of a set as long as nothing moves these.
func TestKeepsRows(t *testing.T) {
	for list, want := range map[string]bool{
		"": true, "dtype q4_0|scale 2|layout csr|dequant f32|quant i8:axis=0|rearrange b c -> b 1 c|flip 1": true,
		"select :5": false, "dtype f16|reduce mean b c -> c": false, "stack ": false, "concat 1": false, "flip 0": false, "pad 1,0": false,
	} {
		var all []operate.Step
		if list != "" {
			all = steps(t, strings.Split(list, "|")...)
		}
		if got := (&operate.Pipeline{Steps: all}).KeepsRows(); got != want {
			t.Errorf("%s: %v", list, got)
		}
	}
}

// What Divide makes of steps gives the elements that the steps give.
func TestDivideIsTheSame(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	var sources []*tensorfile.Tensor
	for range 5 {
		sources = append(sources, opened(t, "mapped", noise(t, r, tensor.U8, tensor.Shape{8, 10, 3})))
	}
	n := 0
	for _, list := range [][]string{
		{"resize 6x5", "crop 4x4", "flip h", "scale 1/2,3"}, {"channels 1", "dtype f32"}, {"channels 4", "rearrange b h w c -> b c h w", "flip 1,2"},
		{"select :, 1:7:2, ::-1", "reduce max b h w c -> b c h"}, {"pad 0,1,2,0; edge", "rearrange b (h x) w c -> b (x c) h w; x=2"},
		{"pad 2", "select :, 0, ..., 1", "flip 1"}, {"dtype f16", "reduce sum b h w c -> h w"},
	} {
		all := steps(t, append([]string{"stack "}, list...)...)
		each, stack, whole, _ := operate.Divide(all)
		want, err := derive(t, &operate.Pipeline{Steps: all}, sources...)
		must(t, err)
		got, err := derive(t, &operate.Pipeline{Steps: append(append(each, operate.Step{Operator: stack}), whole...)}, sources...)
		must(t, err)
		if a, b := bytesOf(t, got[0].Tensor), bytesOf(t, want[0].Tensor); !bytes.Equal(a, b) || !got[0].Shape().Equal(want[0].Shape()) || got[0].DType() != want[0].DType() {
			t.Errorf("%v: %v, want %v", list, got[0].Shape(), want[0].Shape())
		}
		n++
	}
	t.Logf("%d lists of steps", n)
}

// Channels are those that transform/image makes, wherever the axis is, and
// attributes say what images have become.
func TestChannels(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	meanings := map[int64]image.Channels{1: image.Grey, 2: image.GreyAlpha, 3: image.RGB, 4: image.RGBA}
	n := 0
	for _, form := range forms {
		for _, d := range []tensor.DType{tensor.U8, tensor.U16, tensor.F32} {
			for from, meaning := range meanings {
				for _, planar := range []bool{false, true} {
					v := noise(t, r, d, tensor.Shape{2, 13, 11, from})
					x := v
					if planar {
						x, _ = v.Permute(0, 3, 1, 2)
					}
					src := opened(t, form, x)
					for to, target := range map[int]image.Channels{1: image.Grey, 3: image.RGB, 4: image.RGBA} {
						got, err := derive(t, &operate.Pipeline{Steps: steps(t, fmt.Sprintf("channels %d", to))}, src)
						must(t, err)
						want, _, err := image.ConvertChannels(v, image.HWC, meaning, target, nil)
						must(t, err)
						switch {
						case to == 1:
							want, err = want.Index(3, 0)
						case planar:
							want, err = want.Permute(0, 3, 1, 2)
						}
						must(t, err)
						var b bytes.Buffer
						must(t, want.WriteCOrder(&b, tensor.LittleEndian))
						if !got[0].Shape().Equal(want.Shape()) || !bytes.Equal(bytesOf(t, got[0].Tensor), b.Bytes()) {
							t.Errorf("%s %v, %d to %d, planar %v: %v, want %v", form, d, from, to, planar, got[0].Shape(), want.Shape())
						}
						n++
					}
				}
			}
		}
	}
	t.Logf("%d conversions", n)
	grey := stored(t, stock{tensor.U8, tensor.Shape{5, 4}, tensorfile.Attrs{"dims": []any{"height", "width"}, picture.ColorModel: "grey"}})
	got, err := derive(t, &operate.Pipeline{Steps: steps(t, "channels 3")}, grey...)
	must(t, err)
	a, err := got[0].Attrs()
	must(t, err)
	if fmt.Sprint(a) != fmt.Sprint(tensorfile.Attrs{"dims": []any{"height", "width", "channel"}, picture.ColorModel: "rgb"}) || !got[0].Shape().Equal(tensor.Shape{5, 4, 3}) {
		t.Errorf("%v %v", got[0].Shape(), a)
	}
	for _, s := range []stock{
		{tensor.U8, tensor.Shape{5, 4, 4}, tensorfile.Attrs{picture.ColorModel: "cmyk"}}, {tensor.U8, tensor.Shape{7}, nil}, {tensor.I32, tensor.Shape{5, 4, 3}, nil},
		{tensor.U8, tensor.Shape{5, 6, 7}, tensorfile.Attrs{"dims": []any{"h", "w", "c"}}},
	} {
		if _, err := derive(t, &operate.Pipeline{Steps: steps(t, "channels 1")}, stored(t, s)...); err == nil {
			t.Errorf("%v %v was taken", s.shape, s.attrs)
		}
	}
}
