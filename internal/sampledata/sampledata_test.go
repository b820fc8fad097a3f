package sampledata

import (
	"bytes"
	"testing"
)

func TestSets(t *testing.T) {
	goals := 0
	for _, s := range Sets() {
		shape, a := s.Make(1, 1<<18)
		_, b := s.Make(1, 1<<18)
		_, c := s.Make(2, 1<<18)
		if !bytes.Equal(a, b) {
			t.Errorf("%s: two makings differ", s.Name)
		}
		if bytes.Equal(a, c) {
			t.Errorf("%s: two seeds agree", s.Name)
		}
		n := int64(s.DType.UnitBytes)
		for _, extent := range shape {
			n *= extent
		}
		if n != int64(len(a)) || n < 1 {
			t.Errorf("%s: %d bytes of shape %v", s.Name, len(a), shape)
		}
		if got, ok := Get(s.Name); !ok || got.What != s.What {
			t.Errorf("%s is not found", s.Name)
		}
		if s.Goal {
			goals++
		}
	}
	if goals != 7 || len(Sets()) != 14 {
		t.Errorf("%d sets, %d of them goals", len(Sets()), goals)
	}
	if _, ok := Get("f32"); ok {
		t.Error("a name that is none")
	}
}
