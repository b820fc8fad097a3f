package bench

import (
	"fmt"
	"testing"

	"github.com/tensorfile/tensorfile/tensor"
)

// rearrangement is a pattern that needs a copy, 4-D to 6-D when its axes are
// cut, on a batch of n tensors of a shape.
type rearrangement struct {
	name    string
	pattern string
	sizes   tensor.Sizes
	shape   tensor.Shape // behind the batch
}

var rearrangements = []rearrangement{
	{"tile", "b h w c -> h (b w) c", nil, tensor.Shape{224, 224, 3}},
	{"heads", "b t (h d) -> (h b) t d", tensor.Sizes{"d": 64}, tensor.Shape{256, 768}},
	{"channels-last", "b c h w -> (h w b) c", nil, tensor.Shape{64, 28, 28}},
	{"shuffle", "b (g c) h w -> b (c g) h w", tensor.Sizes{"g": 8}, tensor.Shape{64, 28, 28}},
	{"patches", "b (h p) (w q) c -> b (h w) (p q c)", tensor.Sizes{"p": 16, "q": 16}, tensor.Shape{224, 224, 3}},
	{"space-to-depth", "b c (h p) (w q) -> b (p q c) h w", tensor.Sizes{"p": 2, "q": 2}, tensor.Shape{32, 112, 112}},
	{"depth-to-space", "b (p q c) h w -> b c (h p) (w q)", tensor.Sizes{"p": 2, "q": 2}, tensor.Shape{128, 56, 56}},
	{"patches-planes", "b c (h p) (w q) -> (h w) b (p q c)", tensor.Sizes{"p": 16, "q": 16}, tensor.Shape{3, 224, 224}},
}

func (r rearrangement) in(e *Env, d tensor.DType) tensor.Shape {
	each := int64(d.UnitBytes)
	for _, n := range r.shape {
		each *= n
	}
	return append(tensor.Shape{max(e.Big/4/each, 2)}, r.shape...)
}

func (r rearrangement) key(d tensor.DType, impl string) string {
	return fmt.Sprintf("op=rearrange/what=%s/dtype=%s/%s", r.name, d, impl)
}

func (r rearrangement) ours(d tensor.DType, workers int) string {
	return r.key(d, fmt.Sprintf("workers=%d/impl=tensorfile", workers))
}

// rearrangeCases make fresh results, as einops does.
func rearrangeCases(e *Env) []Case {
	var list []Case
	for _, r := range rearrangements {
		for _, c := range []struct {
			d  tensor.DType
			np string
		}{{tensor.U8, "uint8"}, {tensor.F32, "float32"}} {
			d := c.d
			in := r.in(e, d)
			n, err := tensor.ByteSize(d, in)
			if err != nil {
				continue
			}
			for _, workers := range []int{1, 2} {
				list = append(list, stream("tensor", r.ours(d, workers), n, func(b *testing.B) {
					src := made(b, e, "source", d, in...)
					for b.Loop() {
						_, copied, err := tensor.RearrangeParallel(b.Context(), src, r.pattern, r.sizes, workers)
						check(b, err)
						if !copied {
							b.Fatal("a view")
						}
					}
				}))
			}
			list = append(list, stream("tensor", r.key(d, "impl=einops"), n, func(b *testing.B) {
				e.inPythonAs(b, n, func(b *testing.B) outcome {
					v, _, err := tensor.Rearrange(made(b, e, "source", d, in...), r.pattern, r.sizes)
					return e.outcome(v, err)
				}, "rearranged", r.pattern, r.sizes, in, c.np)
			}))
		}
	}
	return list
}

func rearrangeGoals() (g []Goal) {
	for _, r := range rearrangements {
		for _, d := range []tensor.DType{tensor.U8, tensor.F32} {
			for i, name := range []string{"one thread", "two threads"} {
				what := "rearrange " + r.name + " of " + d.String() + ", " + name + ", beside einops"
				g = append(g, Goal{what, "tensor/" + r.ours(d, i+1), "tensor/" + r.key(d, "impl=einops"), 3, 0, false})
			}
		}
	}
	return g
}
