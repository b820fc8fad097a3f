package viewer

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"math"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/internal/glob"
	"github.com/tensorfile/tensorfile/internal/survey"
	"github.com/tensorfile/tensorfile/tensor"
)

// An index is the list of the tensors of a file, small enough for millions. It is
// filled in the background, in the order of the file, and can be used meanwhile for
// what is there.
type index struct {
	mu       sync.RWMutex
	text     []byte   // all names
	ends     []uint64 // of names in text
	bytes    []int64
	stored   []int64
	elements []int64
	storage  []uint64
	files    map[*tensorfile.File]uint64 // numbers: in each file storages count by themselves
	dtype    []uint16                    // places in dtypes
	dtypes   []tensor.DType
	failed   map[int]error
	sorted   bool // the order of the file is that of names
	done     bool
	err      error         // that ended the list early
	more     chan struct{} // closed when there is more, or the end

	orders  map[order][]uint32 // made when first asked for
	sums    []int64            // of bytes in the order of names; one more than names
	matched map[string][]uint32
}

// order is a way to sort names.
type order string

const (
	byFile  order = "order"
	byName  order = "name"
	byDType order = "dtype"
	byShape order = "shape"
	byBytes order = "bytes"
	byRatio order = "ratio"
)

// A composite has parts to be opened for its size; of more than mostSized of them
// the sizes are left out of the list.
const mostSized = 10_000

func newIndex() *index {
	return &index{failed: map[int]error{}, sorted: true, more: make(chan struct{}), orders: map[order][]uint32{}, matched: map[string][]uint32{}}
}

// build fills the index.
func (x *index) build(ctx context.Context, f *tensorfile.File) {
	var batch struct {
		tensors []*tensorfile.Tensor
		errs    []error
	}
	numbers := map[tensor.DType]uint16{}
	composites := 0
	flush := func() {
		x.mu.Lock()
		for i, t := range batch.tensors {
			x.add(t, batch.errs[i], numbers, &composites)
		}
		close(x.more)
		x.more = make(chan struct{})
		x.mu.Unlock()
		batch.tensors, batch.errs = batch.tensors[:0], batch.errs[:0]
	}
	var end error
	size := 256 // small first, for the first page
	take := func(t *tensorfile.Tensor, err error) bool {
		if end = ctx.Err(); end != nil {
			return false
		}
		if t == nil && failedName(err) == "" {
			end = err
			return false
		}
		batch.tensors, batch.errs = append(batch.tensors, t), append(batch.errs, err)
		if len(batch.tensors) >= size {
			flush()
			size = 4096
		}
		return true
	}
	for t, err := range f.Tensors() {
		if !take(t, err) {
			break
		}
	}
	if l := f.Layout(); l != nil && end == nil {
		for _, err := range l.Skipped {
			if failedName(err) != "" && !take(nil, err) {
				break
			}
		}
	}
	flush()
	x.mu.Lock()
	x.done, x.err = true, end
	close(x.more)
	x.more = make(chan struct{})
	x.mu.Unlock()
}

// add adds a tensor, or the name of one that cannot be opened. x.mu is held.
func (x *index) add(t *tensorfile.Tensor, err error, numbers map[tensor.DType]uint16, composites *int) {
	i := len(x.ends)
	var name string
	var d tensor.DType
	var size, stored, elements int64
	var storage uint64
	if t == nil {
		name = failedName(err)
		x.failed[i] = err
		size, stored, elements = -1, -1, -1
	} else {
		name, d, elements, storage = t.Name(), t.DType(), t.NumElements(), x.storageOf(t)
		_, _, composite := t.Composite()
		if composite {
			*composites++
		}
		if !composite || *composites <= mostSized {
			size, stored = t.ByteSize(), survey.StoredBytes(t)
		}
	}
	if i > 0 && x.sorted && bytes.Compare(x.name(i-1), []byte(name)) > 0 {
		x.sorted = false
	}
	x.text = append(x.text, name...)
	x.ends = append(x.ends, uint64(len(x.text)))
	x.bytes, x.stored, x.elements = append(x.bytes, size), append(x.stored, stored), append(x.elements, elements)
	x.storage = append(x.storage, storage)
	k, ok := numbers[d]
	if !ok && len(x.dtypes) < math.MaxUint16 {
		k = uint16(len(x.dtypes))
		numbers[d] = k
		x.dtypes = append(x.dtypes, d)
	}
	x.dtype = append(x.dtype, k)
}

// failedName is the name of the tensor that an error is about, or "".
func failedName(err error) string {
	var e *tensorfile.Error
	if !errors.As(err, &e) {
		return ""
	}
	if e.Tensor != "" {
		return e.Tensor
	}
	return strings.TrimSuffix(e.Member, filepath.Ext(e.Member))
}

// name of tensor i of the file. x.mu is held.
func (x *index) name(i int) []byte {
	begin := uint64(0)
	if i > 0 {
		begin = x.ends[i-1]
	}
	return x.text[begin:x.ends[i]]
}

// len is how many tensors there are so far, and whether that is all.
func (x *index) len() (n int, done bool) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return len(x.ends), x.done
}

// wait waits until there are n tensors, or all, or the time is over.
func (x *index) wait(ctx context.Context, n int, most time.Duration) error {
	end := time.NewTimer(most)
	defer end.Stop()
	for {
		x.mu.RLock()
		more, enough := x.more, x.done || len(x.ends) >= n
		x.mu.RUnlock()
		if enough {
			return nil
		}
		select {
		case <-more:
		case <-end.C:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// inOrder returns the numbers of tensors in an order, or nil for that of the file.
// Equal ones stay in the order of names. While the list grows only what is there is
// sorted, and not kept. x.mu is held for writing.
func (x *index) inOrder(by order) []uint32 {
	if by == byFile || by == byName && x.sorted {
		return nil
	}
	if list, ok := x.orders[by]; ok {
		return list
	}
	n := len(x.ends)
	list := make([]uint32, n)
	var names []uint32
	if by != byName {
		names = x.inOrder(byName)
	}
	if names != nil {
		copy(list, names)
	} else {
		for i := range list {
			list[i] = uint32(i)
		}
	}
	switch by {
	case byName:
		slices.SortFunc(list, func(a, b uint32) int { return bytes.Compare(x.name(int(a)), x.name(int(b))) })
	case byDType:
		// Alphabetically, and those that cannot be opened last.
		place := make([]int, len(x.dtypes))
		names := make([]string, len(x.dtypes))
		for i, d := range x.dtypes {
			names[i] = d.String()
		}
		sort.Strings(names)
		for i, d := range x.dtypes {
			place[i], _ = slices.BinarySearch(names, d.String())
		}
		slices.SortStableFunc(list, func(a, b uint32) int { return cmp.Compare(place[x.dtype[a]], place[x.dtype[b]]) })
	case byShape:
		slices.SortStableFunc(list, func(a, b uint32) int { return cmp.Compare(x.elements[a], x.elements[b]) })
	case byBytes:
		slices.SortStableFunc(list, func(a, b uint32) int { return cmp.Compare(x.bytes[a], x.bytes[b]) })
	case byRatio:
		slices.SortStableFunc(list, func(a, b uint32) int { return cmp.Compare(x.ratio(a), x.ratio(b)) })
	}
	if x.done {
		x.orders[by] = list
	}
	return list
}

// ratio of logical to stored bytes, 0 where nothing is stored.
func (x *index) ratio(i uint32) float64 {
	if x.stored[i] <= 0 {
		return 0
	}
	return float64(x.bytes[i]) / float64(x.stored[i])
}

// matcher returns the function that says which names a filter lets through: a glob,
// or text that a name holds. Text without capitals finds capitals, too.
func matcher(filter string) func(name []byte) bool {
	switch {
	case filter == "":
		return func([]byte) bool { return true }
	case strings.ContainsAny(filter, "*?[") && glob.Check(filter) == nil:
		// What stands between wildcards is looked for first: few names have it.
		fixed := literals(filter)
		return func(name []byte) bool {
			rest := name
			for _, part := range fixed {
				i := bytes.Index(rest, part)
				if i < 0 {
					return false
				}
				rest = rest[i+len(part):]
			}
			return glob.Match(filter, string(name))
		}
	case strings.ToLower(filter) == filter:
		want := []byte(filter)
		return func(name []byte) bool { return containsFold(name, want) }
	}
	want := []byte(filter)
	return func(name []byte) bool { return bytes.Contains(name, want) }
}

// literals are the parts of a pattern, in their order, that every name that matches holds.
// A pattern with sets or escapes is not taken apart behind the first of them.
func literals(pattern string) (parts [][]byte) {
	if i := strings.IndexAny(pattern, `[\\`); i >= 0 {
		pattern = pattern[:i]
	}
	for part := range strings.FieldsFuncSeq(pattern, func(r rune) bool { return r == '*' || r == '?' }) {
		parts = append(parts, []byte(part))
	}
	return parts
}

// containsFold reports whether name holds want, which has no capitals, whatever the
// case of the letters of ASCII in name.
func containsFold(name, want []byte) bool {
	if bytes.Contains(name, want) {
		return true
	}
	if !capitals(name) {
		return false
	}
next:
	for i := 0; i+len(want) <= len(name); i++ {
		for j, w := range want {
			c := name[i+j]
			if 'A' <= c && c <= 'Z' {
				c += 'a' - 'A'
			}
			if c != w {
				continue next
			}
		}
		return true
	}
	return false
}

// capitals reports whether there is a capital of ASCII.
func capitals(name []byte) bool {
	for _, c := range name {
		if 'A' <= c && c <= 'Z' {
			return true
		}
	}
	return false
}

// mostMatches is how many lists of names that passed a filter are kept.
const mostMatches = 4

// matches returns the numbers of tensors that pass a filter, ascending. x.mu is held
// for writing.
func (x *index) matches(ctx context.Context, filter string) ([]uint32, error) {
	if list, ok := x.matched[filter]; ok {
		return list, nil
	}
	list := []uint32{}
	pass := matcher(filter)
	for i := range x.ends {
		if i&(1<<16-1) == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if pass(x.name(i)) {
			list = append(list, uint32(i))
		}
	}
	if x.done {
		if len(x.matched) >= mostMatches {
			clear(x.matched)
		}
		x.matched[filter] = slices.Clip(list)
	}
	return list, nil
}

// page returns some names in an order, of those that pass a filter, and how many
// pass.
func (x *index) page(ctx context.Context, filter string, by order, descending bool, offset, limit int) (names []string, errs []error, matched, total int, err error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	total = len(x.ends)
	list := x.inOrder(by)
	matched = total
	if filter != "" {
		passed, err := x.matches(ctx, filter)
		if err != nil {
			return nil, nil, 0, total, err
		}
		matched = len(passed)
		if list == nil {
			list = passed
		} else {
			set := make([]uint64, (total+63)/64)
			for _, i := range passed {
				set[i/64] |= 1 << (i % 64)
			}
			some := make([]uint32, 0, matched)
			for _, i := range list {
				if set[i/64]&(1<<(i%64)) != 0 {
					some = append(some, i)
				}
			}
			list = some
		}
	}
	for k := offset; k < matched && k < offset+limit; k++ {
		i := k
		if descending {
			i = matched - 1 - k
		}
		if list != nil {
			i = int(list[i])
		}
		names, errs = append(names, string(x.name(i))), append(errs, x.failed[i])
	}
	return names, errs, matched, total, nil
}

// storageOf is a number that tells storages apart, 0 for none. x.mu is held.
func (x *index) storageOf(t *tensorfile.Tensor) uint64 {
	id := t.Storage().ID
	if id == 0 {
		return 0
	}
	n, ok := x.files[t.File()]
	if !ok {
		if x.files == nil {
			x.files = map[*tensorfile.File]uint64{}
		}
		n = uint64(len(x.files))
		x.files[t.File()] = n
	}
	return n<<40 | id
}

// sharing returns up to most other names of tensors in the same storage, and how
// many there are.
func (x *index) sharing(t *tensorfile.Tensor, most int) (names []string, n int) {
	x.mu.Lock()
	defer x.mu.Unlock()
	id := x.storageOf(t)
	if id == 0 {
		return nil, 0
	}
	for i, other := range x.storage {
		if other == id && string(x.name(i)) != t.Name() {
			if n++; n <= most {
				names = append(names, string(x.name(i)))
			}
		}
	}
	return names, n
}

// A child is a name, or names that begin alike, below a path.
type child struct {
	Path  string    `json:"path"`
	Label string    `json:"label"`
	Leaf  bool      `json:"leaf"`
	Count number    `json:"count"`
	Bytes number    `json:"bytes"`
	DType string    `json:"dtype,omitempty"` // of a leaf, as those below
	Shape []number  `json:"shape,omitempty"`
	Error *errorDoc `json:"error,omitempty"`
}

// children returns those below a path, which is "" or ends with a separator, in the
// order of names: names cut behind the next "." or "/". A group of one thing is that
// thing, and one whose names go on alike goes on with them.
func (x *index) children(ctx context.Context, path string, offset, limit int) (list []child, total int, err error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	names := x.inOrder(byName)
	at := func(k int) []byte {
		if names != nil {
			k = int(names[k])
		}
		return x.name(k)
	}
	n := len(x.ends)
	sums := x.sums
	if sums == nil {
		sums = make([]int64, n+1)
		for k := range n {
			i := k
			if names != nil {
				i = int(names[k])
			}
			sums[k+1] = addSaturated(sums[k], max(x.bytes[i], 0))
		}
		if x.done {
			x.sums = sums
		}
	}
	prefix := []byte(path)
	// behind is the first place from k on whose name does not begin with p.
	behind := func(k int, p []byte) int {
		step := 1
		for k+step < n && bytes.HasPrefix(at(k+step), p) {
			k += step
			step *= 2
		}
		return k + sort.Search(min(step, n-k), func(j int) bool { return !bytes.HasPrefix(at(k+j), p) })
	}
	k := sort.Search(n, func(k int) bool { return bytes.Compare(at(k), prefix) >= 0 })
	for k < n && bytes.HasPrefix(at(k), prefix) {
		if total&1023 == 0 && ctx.Err() != nil {
			return nil, 0, ctx.Err()
		}
		name := at(k)
		rest := name[len(prefix):]
		if len(rest) == 0 { // a tensor of the name of the path is beside it
			k++
			continue
		}
		end := k + 1
		cut := bytes.IndexAny(rest, "./")
		leaf := cut < 0 || cut == len(rest)-1
		label := rest
		if !leaf {
			whole := name[:len(prefix)+cut+1]
			end = behind(k, whole)
			if end-k == 1 {
				leaf = true
			} else { // as far as the first and the last go on alike, all do
				last := at(end - 1)
				common := len(whole)
				for j := common; j < len(name) && j < len(last) && name[j] == last[j]; j++ {
					if (name[j] == '.' || name[j] == '/') && j < len(name)-1 {
						common = j + 1
					}
				}
				label = name[len(prefix):common]
			}
		}
		if total >= offset && total < offset+limit {
			c := child{Label: string(label), Leaf: leaf, Count: number(end - k), Bytes: number(sums[end] - sums[k])}
			c.Path = path + c.Label
			list = append(list, c)
		}
		total++
		k = end
	}
	return list, total, nil
}

func addSaturated(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}
