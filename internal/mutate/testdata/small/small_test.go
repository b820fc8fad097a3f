package small

import (
	"errors"
	"testing"
)

func TestTake(t *testing.T) {
	r := &reader{b: []byte("abc")}
	if b, err := r.take(3, true); string(b) != "abc" || err != nil {
		t.Fatalf("%q, %v", b, err)
	}
	if _, err := r.take(4, true); !errors.Is(err, errShort) {
		t.Fatal(err)
	}
}

func TestBetween(t *testing.T) {
	for x, want := range []bool{false, true, true, false} {
		if between(1, x, 2) != want {
			t.Error(x)
		}
	}
}

func TestAll(t *testing.T) {
	if !all(func(int) bool { return true }, 1, 2) || all(func(x int) bool { return x < 2 }, 1, 2) {
		t.Error("all")
	}
}
