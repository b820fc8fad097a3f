package main

import (
	"cmp"
	"errors"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/internal/glob"
	"github.com/tensorfile/tensorfile/internal/survey"
	"github.com/tensorfile/tensorfile/tensor"
)

// A pick is a tensor that an argument names, and the selection behind its name
// if it had one.
type pick struct{ survey.Pick }

func picked(t *tensorfile.Tensor, sel tensor.Selection) pick {
	return pick{survey.Pick{Tensor: t, Sel: sel}}
}

// label is the name with the selection.
func (p pick) label() string {
	if p.Sel == nil {
		return p.Name()
	}
	return p.Name() + p.Sel.String()
}

// find opens the tensors that an argument names, in the order of the file. The
// rules, of which the first that applies wins:
//
//  1. the argument is the name of a tensor;
//  2. it is the name of a tensor and a selection: 'w[0:10, ::2, -1]';
//  3. it is a glob that matches names;
//  4. it is a glob that matches names, and a selection.
//
// A glob that matches nothing gives no tensors and no error; a plain name that
// is not there is an error. Selections are only looked for if selections is
// set. each gets an error for a tensor that matches but cannot be opened.
func (in *input) find(arg string, selections bool, each func(pick, error) error) (found bool, err error) {
	t, err := in.Tensor(arg)
	if err == nil {
		return true, each(picked(t, nil), nil)
	}
	if !errors.Is(err, tensorfile.ErrNotFound) {
		return true, each(pick{}, err)
	}
	if err := in.skippedAs(arg); err != nil {
		return true, each(pick{}, err)
	}
	name, sel, selErr := "", tensor.Selection(nil), error(nil)
	if i := strings.LastIndexByte(arg, '['); selections && i > 0 {
		name = strings.TrimRight(arg[:i], " ")
		sel, selErr = tensor.ParseSelection(arg[i:])
		t, err := in.Tensor(name)
		switch {
		case err == nil && selErr != nil:
			return false, survey.Located(selErr, t)
		case err == nil:
			return true, each(picked(t, sel), nil)
		case !errors.Is(err, tensorfile.ErrNotFound):
			return true, each(pick{}, err)
		}
		if selErr != nil {
			name = ""
		}
	}
	if isGlob(arg) {
		if found, err := in.matching(arg, nil, each); found || err != nil {
			return found, err
		}
		if name != "" && isGlob(name) {
			return in.matching(name, sel, each)
		}
		if name == "" {
			return false, nil
		}
	}
	if name == "" {
		name = arg
	}
	return false, in.notFound(name)
}

// matching opens the tensors whose names match a pattern.
func (in *input) matching(pattern string, sel tensor.Selection, each func(pick, error) error) (found bool, err error) {
	for name, err := range in.NamesWith(glob.Prefix(pattern)) {
		if err != nil && name == "" {
			name = failedName(err)
		}
		if name == "" && err != nil {
			return found, err
		}
		if !glob.Match(pattern, name) {
			continue
		}
		found = true
		var t *tensorfile.Tensor
		if err == nil {
			t, err = in.Tensor(name)
		}
		if err := each(picked(t, sel), err); err != nil {
			return found, err
		}
	}
	for _, err := range in.skipped() {
		if glob.Match(pattern, failedName(err)) {
			found = true
			if err := each(pick{}, err); err != nil {
				return found, err
			}
		}
	}
	return found, nil
}

// skippedAs returns why a tensor of that name was left out, if it was.
func (in *input) skippedAs(name string) error {
	for _, err := range in.skipped() {
		if failedName(err) == name {
			return err
		}
	}
	return nil
}

// isGlob reports whether s can match other names than itself.
func isGlob(s string) bool { return glob.Has(s) && glob.Check(s) == nil }

// notFound is the error for a name that is not there, with the names that it
// might have been.
func (in *input) notFound(name string) error {
	_, err := in.Tensor(name)
	if err == nil { // a reading that failed before works now
		err = &tensorfile.Error{Kind: tensorfile.ErrNotFound, Path: in.Path(), Tensor: name, Offset: -1}
	}
	near := in.similar(name)
	switch {
	case len(near) == 1:
		return &hinted{err, "did you mean " + near[0] + "?"}
	case len(near) > 1:
		return &hinted{err, "did you mean " + strings.Join(near[:len(near)-1], ", ") + " or " + near[len(near)-1] + "?"}
	}
	return &hinted{err, "'tensorfile ls " + in.Path() + "' lists the tensors"}
}

// similarNames is how many names are offered.
const similarNames = 3

// similar returns the names that look most like one that is not there.
func (in *input) similar(name string) []string {
	type candidate struct {
		name string
		far  int
	}
	var best []candidate
	limit := min(utf8.RuneCountInString(name)/3, 8)
	if limit == 0 && len(name) > 1 { // one letter is like any other
		limit = 1
	}
	low := strings.ToLower(name)
	for have, err := range in.Names() {
		if err != nil {
			break
		}
		far := limit + 1
		switch l := strings.ToLower(have); {
		case l == low:
			far = 0
		case len(low) >= 3 && (strings.HasSuffix(l, low) || strings.HasPrefix(l, low)):
			far = limit
		default:
			if d := len(l) - len(low); d <= limit && -d <= limit {
				far = distance(l, low, limit)
			}
		}
		if far > limit {
			continue
		}
		at, _ := slices.BinarySearchFunc(best, far, func(c candidate, far int) int { return cmp.Or(cmp.Compare(c.far, far), -1) })
		if at < similarNames {
			best = slices.Insert(best, at, candidate{have, far})
			best = best[:min(len(best), similarNames)]
		}
	}
	var names []string
	for _, c := range best {
		if c.far == 0 || best[0].far > 0 {
			names = append(names, tensor.Quote(c.name))
		}
	}
	return names
}

// distance is the number of bytes to insert, remove, change or swap with their
// neighbour to make b of a, or anything above limit.
func distance(a, b string, limit int) int {
	if len(a) > 200 || len(b) > 200 {
		return limit + 1
	}
	var rows [3][201]int
	for j := range len(b) + 1 {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		row, above, two := &rows[i%3], &rows[(i+2)%3], &rows[(i+1)%3]
		row[0] = i
		least := i
		for j := 1; j <= len(b); j++ {
			d := above[j-1]
			if a[i-1] != b[j-1] {
				d++
			}
			d = min(d, above[j]+1, row[j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d = min(d, two[j-2]+1)
			}
			row[j] = d
			least = min(least, d)
		}
		if least > limit+1 {
			return limit + 1
		}
	}
	return rows[len(a)%3][len(b)]
}
