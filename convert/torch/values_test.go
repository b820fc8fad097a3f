package torch_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/mmap"
	"github.com/tensorfile/tensorfile/tensor"
)

func openPickle(t *testing.T, p, path string) (*tensorfile.File, error) {
	t.Helper()
	b := pickled(p)
	return convert.OpenMap(t.Context(), mmap.NewReaderAt(bytes.NewReader(b), int64(len(b)), path), &convert.OpenOptions{Format: "torch"})
}

// Values beside the tensors are attributes.
func TestValues(t *testing.T) {
	f, err := openPickle(t, "\x80\x02"+dict(
		str("x"), rebuild(storage("ByteStorage", "0", 10), 0, []int{10}, []int{1}),
		str("float"), "F2.5\n",
		str("device"), "ctorch\ndevice\n"+tuple(str("cuda"), num(0))+"R",
		str("pairs"), "ccollections\nOrderedDict\n"+tuple("]("+tuple(str("k"), num(3))+"e")+"R",
		str("none"), "cbuiltins\nset\n)R",
		str("dtype"), "ctorch\nfloat32\n",
		// What protocols 0 and 1 have, and what is taken off the stack again.
		"S'single'\np7\n", "g7\n", "Vtext\n", "I01\n", "U\x02no", "I00\n", str("long"), "L-7L\n", str("in words"), "(0(NN1N0I12\n",
		str("inner"), "(S'a'\nK\x01d", str("set"), "\x8f(K\x05\x90", str("twice"), "K\x0220",
	)+".", "a.pt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	a, err := f.Attrs()
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]any{"float": 2.5, "device": "cuda:0", "pairs.k": int64(3), "dtype": "torch.float32", "single": "single", "text": true, "no": false, "long": int64(-7), "in words": int64(12), "inner.a": int64(1), "twice": int64(2)} {
		if a[key] != want {
			t.Errorf("%s is %v, want %v", key, a[key], want)
		}
	}
	x, err := f.Tensor("x")
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := x.WriteCOrder(t.Context(), &b); err != nil || b.String() != ten {
		t.Errorf("%q, %v", &b, err)
	}
}

// A tensor alone is called what its file is, or "tensor" if nothing can be called so.
func TestNameOfNone(t *testing.T) {
	f, err := openPickle(t, "\x80\x02"+rebuild(storage("ByteStorage", "0", 10), 0, []int{10}, []int{1})+".", "\xff.pt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Tensor("tensor"); err != nil {
		t.Error(err)
	}
}

// Numbers and lines that break off.
func TestOddValues(t *testing.T) {
	for _, c := range []struct {
		what, p string
		kind    error
		field   string
	}{
		{"no number", "\x80\x02Fx\n.", tensor.ErrFormat, "float"},
		{"pairs of one", "\x80\x02ccollections\nOrderedDict\n" + tuple("]("+tuple(str("k"))+"e") + "R.", tensor.ErrFormat, "collections.OrderedDict"},
		{"a string that goes on", "\x80\x02Vabc", tensor.ErrTruncated, ""},
	} {
		_, err := openPickle(t, c.p, "a.pt")
		var e *tensor.Error
		if !errors.As(err, &e) || e.Kind != c.kind || c.field != "" && e.Field != c.field {
			t.Errorf("%s: %v, want %v about %s", c.what, err, c.kind, c.field)
		}
	}
}
