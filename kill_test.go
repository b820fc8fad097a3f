package tensorfile_test

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/tensor"
)

// killedModel is what a generation holds: the seed and the size of each tensor,
// from which its bytes follow. Copies share them.
type killedModel map[string]killedTensor

type killedTensor struct {
	seed uint64
	size int
}

// bytes are the elements of a tensor. The first eight are the seed.
func (k killedTensor) bytes() []byte {
	b := make([]byte, k.size)
	binary.LittleEndian.PutUint64(b, k.seed)
	s := k.seed
	for i := 8; i+8 <= len(b); i += 8 {
		s = s*6364136223846793005 + 1442695040888963407
		binary.LittleEndian.PutUint64(b[i:], s)
	}
	return b
}

func (m killedModel) String() string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(m)) {
		fmt.Fprintf(&b, "%s=%x:%d,", name, m[name].seed, m[name].size)
	}
	return b.String()
}

// killedState reads what the file at path is.
func killedState(path string) (gen uint64, m killedModel, err error) {
	f, err := tensorfile.Open(path, &tensorfile.OpenOptions{Verify: tensorfile.VerifyOnFirstUse})
	if err != nil {
		return 0, nil, err
	}
	defer f.Close()
	m = killedModel{}
	for t, err := range f.Tensors() {
		if err != nil {
			return 0, nil, err
		}
		v, err := t.Read(ctx)
		if err != nil {
			return 0, nil, err
		}
		b, err := v.Bytes()
		if err != nil {
			return 0, nil, err
		}
		k := killedTensor{binary.LittleEndian.Uint64(b), len(b)}
		if string(b) != string(k.bytes()) {
			return 0, nil, fmt.Errorf("tensor %q: other bytes than its first eight say", t.Name())
		}
		m[t.Name()] = k
	}
	return f.Info().Generation, m, nil
}

func init() { children["writer"] = killedWriter }

// killedWriter edits a file until it is killed. It says "ready" when it begins,
// "begin GENERATION MODEL" before a commit or a replacement of the file, and
// "done" after it.
func killedWriter(arg string) int {
	seedText, path, _ := strings.Cut(arg, " ")
	seed, _ := strconv.ParseUint(seedText, 10, 64)
	w := &doomed{path: path, rng: rand.New(rand.NewPCG(seed, 1)), past: map[uint64]killedModel{}}
	w.say("ready")
	err := w.run()
	fmt.Fprintln(os.Stderr, err)
	return 1
}

type doomed struct {
	path string
	rng  *rand.Rand
	gen  uint64
	now  killedModel
	past map[uint64]killedModel // generations that a revert may go back to
}

func (v *doomed) say(format string, args ...any) {
	if _, err := fmt.Printf(format+"\n", args...); err != nil {
		os.Exit(0) // nobody listens
	}
}

func (v *doomed) run() (err error) {
	v.gen, v.now, err = killedState(v.path)
	if errors.Is(err, fs.ErrNotExist) {
		err = v.create()
	}
	for err == nil {
		fi, serr := os.Stat(v.path)
		if serr != nil {
			return serr
		}
		switch n := v.rng.IntN(12); {
		case n == 0:
			err = v.create()
		case n < 3 || fi.Size() > 8<<20:
			err = v.repack()
		default:
			err = v.session()
		}
	}
	return err
}

// value makes a new tensor, mostly small.
func (v *doomed) value() killedTensor {
	n := 8 << v.rng.IntN(12)
	if v.rng.IntN(40) == 0 {
		n = 3 << 20
	}
	return killedTensor{v.rng.Uint64(), n}
}

func (v *doomed) add(w *tensorfile.Writer, m killedModel, name string, replace bool) error {
	k := v.value()
	x, err := tensor.FromSlice(k.bytes())
	if err == nil {
		err = w.Add(ctx, name, x, &tensorfile.TensorOptions{Replace: replace})
	}
	m[name] = k
	return err
}

// create replaces the whole file.
func (v *doomed) create() error {
	w, err := tensorfile.Create(v.path, &tensorfile.CreateOptions{Overwrite: true})
	if err != nil {
		return err
	}
	defer w.Close()
	m := killedModel{}
	for i := range 1 + v.rng.IntN(4) {
		if err := v.add(w, m, fmt.Sprint("c", i), false); err != nil {
			return err
		}
	}
	v.past = map[uint64]killedModel{}
	return v.commit(1, m, func() error { return w.Commit(ctx) })
}

func (v *doomed) commit(gen uint64, m killedModel, fn func() error) error {
	v.say("begin %d %v", gen, m)
	if err := fn(); err != nil {
		return err
	}
	v.say("done")
	v.gen, v.now, v.past[gen] = gen, m, m
	return nil
}

// repack replaces the file by one with the same content.
func (v *doomed) repack() error {
	f, err := tensorfile.Open(v.path, nil)
	if err != nil {
		return err
	}
	defer f.Close()
	all := v.rng.IntN(3) == 0
	err = v.commit(v.gen, v.now, func() error {
		_, err := tensorfile.Repack(ctx, f, v.path, &tensorfile.RepackOptions{KeepAll: all})
		return err
	})
	if !all {
		v.past = map[uint64]killedModel{v.gen: v.now}
	}
	return err
}

// session is one writer with some commits, of which the last may be given up.
func (v *doomed) session() error {
	w, err := tensorfile.OpenAppend(v.path, nil)
	if err != nil {
		return err
	}
	defer w.Close()
	for range 1 + v.rng.IntN(6) {
		m := maps.Clone(v.now)
		if v.rng.IntN(8) == 0 {
			old := slices.Sorted(maps.Keys(v.past))
			if len(old) > 0 {
				g := old[v.rng.IntN(len(old))]
				if err := w.Revert(g); err != nil {
					return err
				}
				m = maps.Clone(v.past[g])
			}
		}
		for range 1 + v.rng.IntN(3) {
			if err := v.change(w, m); err != nil {
				return err
			}
		}
		if v.rng.IntN(10) == 0 {
			return nil // given up
		}
		if err := v.commit(v.gen+1, m, func() error { return w.Commit(ctx) }); err != nil {
			return err
		}
	}
	return nil
}

// change changes one thing.
func (v *doomed) change(w *tensorfile.Writer, m killedModel) error {
	names := slices.Sorted(maps.Keys(m))
	free := fmt.Sprint("t", v.rng.IntN(1000))
	if _, taken := m[free]; taken {
		return nil
	}
	kind := v.rng.IntN(8)
	if len(names) > 12 {
		kind = 3
	}
	if kind < 3 || len(names) == 0 {
		return v.add(w, m, free, false)
	}
	name := names[v.rng.IntN(len(names))]
	switch kind {
	case 3:
		delete(m, name)
		return w.Delete(name)
	case 4:
		m[free] = m[name]
		delete(m, name)
		return w.Rename(name, free)
	case 5:
		m[free] = m[name]
		return w.CopyTensor(name, free)
	case 6:
		return w.SetAttrs(tensorfile.Attrs{"n": int64(v.rng.IntN(100))})
	}
	return v.add(w, m, name, true)
}

// killCounts are what a run of kills met.
type killCounts struct {
	kills, early, inside, leftover, temporary, generations int
}

func (k *killCounts) add(o killCounts) {
	k.kills, k.early, k.inside, k.leftover = k.kills+o.kills, k.early+o.early, k.inside+o.inside, k.leftover+o.leftover
	k.temporary, k.generations = k.temporary+o.temporary, k.generations+o.generations
}

// killer kills writers of one file, one after the other.
type killer struct {
	t      *testing.T
	path   string
	rng    *rand.Rand
	gen    uint64      // that must be there
	model  killedModel // of it; nil: no file
	counts killCounts
}

// kill starts a writer, kills it after a while and looks at what is left.
func (k *killer) kill() error {
	k.counts.kills++
	c := startChild(k.t, "writer", fmt.Sprint(k.rng.Uint64(), " ", k.path))
	defer c.in.Close()
	// From microseconds to many commits, each length of time as often as another
	// of the same magnitude.
	after := time.Duration(math.Exp(k.rng.Float64()*math.Log(50e6/5e3)) * 5e3)
	line, err := c.out.ReadString('\n')
	if err != nil || line != "ready\n" {
		c.cmd.Process.Kill()
		c.cmd.Wait()
		return fmt.Errorf("no child: %q, %v, %s", line, err, &c.stderr)
	}
	timer := time.AfterFunc(after, func() { c.cmd.Process.Kill() })
	defer timer.Stop()
	var begun string
	said := 0
	for s := bufio.NewScanner(c.out); s.Scan(); said++ {
		switch line := s.Text(); {
		case strings.HasPrefix(line, "begin "):
			begun = line[6:]
		case line == "done":
			if k.gen, k.model, err = parseKilled(begun); err != nil {
				return err
			}
			k.counts.generations++
			begun = ""
		}
	}
	c.cmd.Wait()
	if c.stderr.Len() > 0 {
		return fmt.Errorf("the writer failed: %s", &c.stderr)
	}
	if said == 0 {
		k.counts.early++
	}
	return k.look(begun)
}

// parseKilled reads "GENERATION MODEL".
func parseKilled(s string) (gen uint64, m killedModel, err error) {
	g, list, _ := strings.Cut(s, " ")
	if gen, err = strconv.ParseUint(g, 10, 64); err != nil {
		return 0, nil, err
	}
	m = killedModel{}
	for _, item := range strings.Split(list, ",") {
		if item == "" {
			continue
		}
		var k killedTensor
		name, value, _ := strings.Cut(item, "=")
		if _, err := fmt.Sscanf(value, "%x:%d", &k.seed, &k.size); err != nil {
			return 0, nil, fmt.Errorf("%q: %w", item, err)
		}
		m[name] = k
	}
	return gen, m, nil
}

// look demands that the file is the last acknowledged state, or the one that was
// begun.
func (k *killer) look(begun string) error {
	var nextGen uint64
	var next killedModel
	if begun != "" {
		k.counts.inside++
		var err error
		if nextGen, next, err = parseKilled(begun); err != nil {
			return err
		}
	}
	temps, err := filepath.Glob(filepath.Join(filepath.Dir(k.path), ".*.tmp"))
	if err != nil || len(temps) > 1 {
		return fmt.Errorf("temporary files pile up: %v, %v", temps, err)
	}
	k.counts.temporary += len(temps)
	gen, m, err := killedState(k.path)
	if errors.Is(err, fs.ErrNotExist) && k.model == nil {
		return nil
	}
	if err != nil {
		return fmt.Errorf("damaged: %w", err)
	}
	switch {
	case k.model != nil && gen == k.gen && maps.Equal(m, k.model):
	case next != nil && gen == nextGen && maps.Equal(m, next):
		k.gen, k.model = gen, m
	default:
		return fmt.Errorf("generation %d with %v; acknowledged was %d with %v, begun %q", gen, m, k.gen, k.model, begun)
	}
	f, err := tensorfile.Open(k.path, nil)
	if err != nil {
		return err
	}
	defer f.Close()
	if f.Info().Leftover > 0 {
		k.counts.leftover++
	}
	if k.counts.kills%16 == 0 {
		r, err := f.Verify(ctx, nil)
		if err != nil || len(r.Findings) > 0 {
			return fmt.Errorf("verify: %v, %v", err, r.Findings)
		}
	}
	return nil
}

// end has one more writer go on, which must clear away what the dead left.
func (k *killer) end() error {
	w, err := tensorfile.OpenAppend(k.path, nil)
	if err != nil {
		return err
	}
	defer w.Close()
	if err := w.SetAttrs(tensorfile.Attrs{"end": true}); err != nil {
		return err
	}
	if err := w.Commit(ctx); err != nil {
		return err
	}
	list, err := os.ReadDir(filepath.Dir(k.path))
	if err != nil || len(list) != 1 {
		return fmt.Errorf("left behind: %v, %v", list, err)
	}
	f, err := tensorfile.Open(k.path, nil)
	if err != nil {
		return err
	}
	defer f.Close()
	r, err := f.Verify(ctx, nil)
	if err != nil || len(r.Findings) > 0 || f.Info().Leftover > 0 {
		return fmt.Errorf("at the end: %v, %v, %d bytes left over", err, r.Findings, f.Info().Leftover)
	}
	return nil
}

// TestKill kills writers of a real file with SIGKILL at random moments, while
// they append, replace, delete, rename, copy, revert, repack and create. After
// each the file must be the last acknowledged state or the one in commit, every
// value as it was, and the next writer goes on with it. TENSORFILE_KILLS is how
// many, TENSORFILE_SEED where to begin. The page cache outlives a process: this
// finds no missing barrier, for which there are the crash tests.
func TestKill(t *testing.T) {
	kills := 60
	if testing.Short() || raceBuild {
		kills = 15
	}
	kills = envInt(t, "TENSORFILE_KILLS", kills)
	seed := uint64(envInt(t, "TENSORFILE_SEED", 1))
	const files = 2
	var total killCounts
	var mu sync.Mutex
	var wg sync.WaitGroup
	for i := range files {
		k := &killer{t: t, path: filepath.Join(t.TempDir(), "x.tensor"), rng: rand.New(rand.NewPCG(seed, uint64(i)))}
		wg.Go(func() {
			var err error
			for n := i; n < kills && err == nil; n += files {
				err = k.kill()
			}
			if err == nil && k.model != nil {
				err = k.end()
			}
			if err != nil {
				t.Errorf("file %d, kill %d, seed %d: %v", i, k.counts.kills, seed, err)
			}
			mu.Lock()
			total.add(k.counts)
			mu.Unlock()
		})
	}
	wg.Wait()
	t.Logf("%d kills: %d inside a commit, %d before anything was begun, %d left bytes past the end, %d a temporary file; %d acknowledged commits; 0 damaged files wanted",
		total.kills, total.inside, total.early, total.leftover, total.temporary, total.generations)
	// Where a kill hits is chance, and on a busy machine most hit early: only many
	// of them must have hit commits.
	inside, generations := 0, 1
	if kills >= 500 {
		inside, generations = kills/20, kills/4
	}
	if !t.Failed() && (total.kills != kills || total.inside < inside || total.generations < generations) {
		t.Errorf("too little was hit: %+v", total)
	}
}

// envInt is a number from the environment.
func envInt(t testing.TB, name string, def int) int {
	t.Helper()
	s := os.Getenv(name)
	if s == "" {
		return def
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 {
		t.Fatalf("%s=%q: a number above 0 is wanted", name, s)
	}
	return n
}
