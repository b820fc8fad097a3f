package sparse

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/tensorfile/tensorfile/tensor"
)

// calledOff is a context that is called off when it has been asked n times.
type calledOff struct {
	context.Context
	left, asked atomic.Int64
}

func calledOffAfter(n int64) *calledOff {
	c := &calledOff{Context: context.Background()}
	c.left.Store(n)
	return c
}

func (c *calledOff) Err() error {
	c.asked.Add(1)
	if c.left.Add(-1) < 0 {
		return context.Canceled
	}
	return nil
}

// told is a result as text.
func told(t testing.TB, x any) string {
	t.Helper()
	switch x := x.(type) {
	case *Array:
		var b bytes.Buffer
		fmt.Fprintf(&b, "%v %v %v %+v", x.Layout(), x.Shape(), x.DType(), x.Properties())
		for _, p := range x.Parts() {
			b.WriteString(" " + p.Role + told(t, p.View))
		}
		return b.String()
	case tensor.View:
		var b bytes.Buffer
		if err := x.WriteCOrder(&b, tensor.LittleEndian); err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf("%v%v %x", x.DType(), x.Shape(), b.Bytes())
	}
	return fmt.Sprint(x)
}

// operations are all that can be done to an array, each with what comes of it.
func operations(a *Array) map[string]func(ctx context.Context, o Options) (any, error) {
	type op = func(ctx context.Context, o Options) (any, error)
	ops := map[string]op{
		"Validate": func(ctx context.Context, o Options) (any, error) {
			return nil, a.Validate(ctx, &ValidateOptions{Workers: o.Workers})
		},
		"Dense":     func(ctx context.Context, o Options) (any, error) { return a.Dense(ctx, &o) },
		"Canonical": func(ctx context.Context, o Options) (any, error) { return a.Canonical(ctx, &o) },
		"Transpose": func(ctx context.Context, o Options) (any, error) { return a.Transpose(ctx, nil, &o) },
		"Dense and back": func(ctx context.Context, o Options) (any, error) {
			v, err := a.Dense(context.Background(), nil)
			if err != nil {
				return nil, err
			}
			return FromDense(ctx, v, tensor.View{}, a.Layout(), &o)
		},
	}
	for axis := range a.Rank() {
		ops[fmt.Sprint("Counts of axis ", axis)] = func(ctx context.Context, o Options) (any, error) { return a.Counts(ctx, axis, &o) }
	}
	for _, text := range []string{"1:", "::2", "-1", "::-1", "..., 1:3"} {
		sel, err := tensor.ParseSelection(text)
		if err != nil {
			panic(err)
		}
		ops["Select "+text] = func(ctx context.Context, o Options) (any, error) { return a.Select(ctx, sel, &o) }
	}
	for to := COO; to <= Bitmap; to++ {
		if to == BSR {
			ops["Convert to blocks that suit"] = func(ctx context.Context, o Options) (any, error) { return a.Convert(ctx, BSR, &o) }
		}
		ops["Convert to "+to.String()] = func(ctx context.Context, o Options) (any, error) {
			o.Block = [2]int64{1, 1}
			return a.Convert(ctx, to, &o)
		}
	}
	ops["General"] = func(ctx context.Context, o Options) (any, error) { return a.General(ctx, &o) }
	ops["Structured"] = func(ctx context.Context, o Options) (any, error) { return a.Structured(ctx, Symmetric, false, &o) }
	if a.Rank() == 2 {
		ops["Image"] = func(ctx context.Context, o Options) (any, error) { return a.Image(ctx, 3, 2, tensor.U16, &o) }
		ops["EstimateBlock"] = func(ctx context.Context, o Options) (any, error) { return a.EstimateBlock(ctx, &o) }
		ops["Mul"] = func(ctx context.Context, o Options) (any, error) {
			x, err := tensor.Make(a.DType(), tensor.Shape{a.Shape()[1], 2})
			if err != nil {
				return nil, err
			}
			return a.Mul(ctx, x, &o)
		}
	}
	return ops
}

// Every operation that is called off, wherever it asks, ends with the error of its
// context, or had nothing left to do; one that has too little memory says so; and
// what is done is the same whatever the limits.
func TestOperationsWithin(t *testing.T) {
	off, small, done, refused := 0, 0, 0, 0
	for seed := range uint64(120) {
		r := maker{t, rand.New(rand.NewPCG(seed, 21))}
		a, _ := r.random()
		fresh := func() *Array { // nothing is known of it
			b, err := New(Spec{Layout: a.Layout(), Shape: a.Shape(), DType: a.DType(), Properties: a.Properties(), Parts: a.Parts()})
			if err != nil {
				t.Fatal(err)
			}
			return b
		}
		for what := range operations(a) {
			do := func(ctx context.Context, o Options) (any, error) { return operations(fresh())[what](ctx, o) }
			count := calledOffAfter(1 << 40)
			x, err := do(count, Options{Workers: 1})
			if err != nil {
				refused++
				var e *tensor.Error
				if kinds := []error{tensor.ErrShape, tensor.ErrIndex, tensor.ErrUnsupported, tensor.ErrDType, tensor.ErrOverflow}; !errors.As(err, &e) || !slices.ContainsFunc(kinds, func(k error) bool { return errors.Is(err, k) }) {
					t.Fatalf("seed %d, %s: %v of %s", seed, what, err, describe(a))
				}
				continue
			}
			done++
			want := told(t, x)
			for at := range min(count.asked.Load(), 50) {
				x, err := do(calledOffAfter(at), Options{Workers: 1})
				switch {
				case err == nil && told(t, x) != want:
					t.Errorf("seed %d, %s: asked %d times: another result of %s", seed, what, at, describe(a))
				case err != nil && !errors.Is(err, context.Canceled):
					t.Errorf("seed %d, %s: asked %d times: %v", seed, what, at, err)
				case err != nil:
					off++
				}
			}
			for most := int64(1); most < 1<<16; most *= 3 {
				x, err := do(context.Background(), Options{Workers: 1, MaxBytes: most})
				switch {
				case err == nil && told(t, x) != want:
					t.Errorf("seed %d, %s: another result within %d bytes of %s", seed, what, most, describe(a))
				case err != nil && !errors.Is(err, tensor.ErrLimit):
					t.Errorf("seed %d, %s: %d bytes: %v", seed, what, most, err)
				case err != nil:
					small++
				}
			}
		}
	}
	t.Logf("%d operations, %d refused; %d called off, %d had too little memory", done, refused, off, small)
	if done < 1000 || off < 1000 || small < 300 {
		t.Error("too few")
	}
}
