package nameset

import (
	"fmt"
	"testing"
)

func TestSet(t *testing.T) {
	for _, n := range []int{0, 1, 3, 4, 5, 1000, 70000} {
		list := make([]string, n)
		for i := range list {
			list[i] = fmt.Sprintf("name %d", i*i%(n/2+1)) // many twice
		}
		s := New(n, func(i int) string { return list[i] })
		first := map[string]int{}
		for i, name := range list {
			want, twice := first[name]
			if !twice {
				want, first[name] = i, i
			}
			if got, ok := s.Add(i); got != want || ok == twice {
				t.Fatalf("%d: Add(%d) = %d, %v; want %d", n, i, got, ok, want)
			}
		}
		for name, want := range first {
			if got, ok := s.Find(name); got != want || !ok {
				t.Fatalf("%d: Find(%q) = %d, %v; want %d", n, name, got, ok, want)
			}
			if _, ok := s.Find(name + "."); ok {
				t.Fatalf("%d: found %q", n, name+".")
			}
		}
		if _, ok := s.Find(""); ok {
			t.Fatal("found nothing")
		}
	}
}
