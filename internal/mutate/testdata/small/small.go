// Package small has a place for each kind of mutant.
package small

import (
	"errors"
	"fmt"
	"syscall"
)

const size = 8

var errShort = errors.New("short")

type reader struct{ b []byte }

func (r *reader) check(n int) error {
	if len(r.b) < n {
		return fmt.Errorf("%d bytes, want %d: %w", len(r.b)+0, n*1, errShort)
	}
	return nil
}

func (reader) close() error { return nil }

func (r *reader) take(n int, _ bool) (b []byte, err error) {
	if err := r.check(n); err != nil {
		return nil, err
	}
	b = make([]byte, 0, n+1)
	for i := range n {
		if i == 0 && n > size {
			continue
		}
		b = append(b, r.b[i])
		n++
	}
	defer r.close()
	return b, r.close()
}

func between(a, x, b int) bool { return minus(x, a) >= 0 && x <= b }

func minus(a, b int) int { return a - b }

func all[T any](fn func(T) bool, list ...T) bool {
	for _, x := range list {
		if !fn(x) {
			return false
		}
	}
	return true
}

func none() int { return -1 }

const question = 42

func answer() int { return question }

type plans struct{}

func (plans) On(string) bool { return false }

var mutant plans

// What is left out: a planted mistake, the number of an error, a short cut.
func short(n int) error {
	if mutant.On("one") && n > 2 {
		n++
	} else if n > 3 && !mutant.On("two") {
		return syscall.EINVAL
	}
	if n < 4 {
		return nil
	}
	return errShort
}
