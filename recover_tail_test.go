package tensorfile_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/tensor"
)

// unfinished writes one commit of tensors in many sizes, and returns its bytes
// with the places where payloads end.
func unfinished(t testing.TB, rng *rand.Rand, appended bool, every int64) (b []byte, names []string, ends, sizes []int64) {
	t.Helper()
	defer tensorfile.SetJournalEvery(every)()
	path := temp(t)
	sizesOf := func() int64 {
		switch rng.IntN(6) {
		case 0:
			return every + rng.Int64N(3*every) // larger than the room between two journals
		case 1:
			return 1 + rng.Int64N(every)
		default:
			return 1 + rng.Int64N(every/8)
		}
	}
	fill := func(w *tensorfile.Writer) {
		for i := range 50 {
			name := fmt.Sprintf("t%02d", i)
			n := sizesOf()
			data := make([]byte, n)
			for j := range data {
				data[j] = byte(rng.Uint32())
			}
			if i%7 == 3 { // the storage first, its tensors later
				s := must(w.AddStorage(ctx, n, bytes.NewReader(data)))(t)
				ok(t, w.TensorOn(s, name, tensor.U8, tensor.Shape{n}, nil, 0, nil))
			} else {
				put(t, w, name, data)
			}
			names = append(names, name)
			sizes = append(sizes, n)
		}
	}
	write(t, path, func(w *tensorfile.Writer) {
		put(t, w, "before", []byte("an older generation"))
		if !appended {
			fill(w)
		}
	})
	if appended {
		edit(t, path, fill)
	}
	f := must(tensorfile.Open(path, nil))(t)
	defer f.Close()
	for i, name := range names {
		st := must(f.Tensor(name))(t).Storage()
		ends = append(ends, st.Offset+st.Size)
		if sizes[i] > 1<<20 {
			ends[i] = (ends[i]+63)&^63 + (sizes[i]+1<<20-1)>>20*4 // its sums
		}
	}
	return must(os.ReadFile(path))(t), names, ends, sizes
}

// A commit that was cut anywhere loses at most what was written since the last
// journal run: the bytes between two of them and the tensor then being written
// when the next one was due, and what came into being at the cut.
func TestRecoverCutTail(t *testing.T) {
	const every = 32 << 10
	rounds := 2
	if testing.Short() || raceBuild {
		rounds = 1
	}
	cuts, lost, kept := 0, 0, 0
	var most int64
	for round := range rounds {
		rng := rand.New(rand.NewPCG(uint64(round), 5))
		b, names, ends, sizes := unfinished(t, rng, round%2 == 1, every)
		uuid := [16]byte(b[16:32])
		var places []int64
		for _, at := range ends {
			places = append(places, at, at-1, at+200)
		}
		for _, r := range scanLayoutOf(b, uuid).runs {
			places = append(places, r.begin, r.head, r.head+r.length-1, r.head+r.length)
		}
		for range 30 {
			places = append(places, 12288+rng.Int64N(int64(len(b))-12288))
		}
		slices.Sort(places)
		for _, n := range slices.Compact(places) {
			if n > int64(len(b)) {
				continue
			}
			d := b[:n]
			got, rep, err := rescue(t, d)
			sameKept(t, fmt.Sprint("cut to ", n), got, intact(d, uuid))
			if rep != nil && len(rep.Unacknowledged) > 0 { // of an append
				got, err = rescueAll(t, d)
			}
			if err != nil {
				got = nil
			}
			cuts++
			var gone, last int64
			for i, name := range names {
				if ends[i] > n {
					break
				}
				if _, there := got[name]; there {
					kept++
					continue
				}
				lost++
				gone, last = gone+sizes[i], sizes[i]
			}
			if gone-last >= every {
				t.Errorf("round %d, cut to %d of %d: %d bytes of whole tensors are lost, the last of %d, with a journal every %d", round, n, len(b), gone, last, every)
			}
			most = max(most, gone-last)
		}
	}
	t.Logf("%d cuts: of the tensors before the cut %d were recovered and %d lost, at most %d bytes and one tensor at a time; a journal every %d", cuts, kept, lost, most, every)
	if floor := rounds * 180; cuts < floor || kept < 15*floor || lost < rounds*100 {
		t.Errorf("want at least %d cuts", floor)
	}
}

// rescueAll recovers unacknowledged commits, too.
func rescueAll(t testing.TB, b []byte) (map[string]kept, error) {
	t.Helper()
	path := temp(t)
	ok(t, os.WriteFile(path, b, 0o444))
	if _, err := tensorfile.Recover(ctx, path, path+".out", &tensorfile.RecoverOptions{NoSync: true, Unacknowledged: true}); err != nil {
		return nil, err
	}
	return recovered(t, path+".out"), nil
}
