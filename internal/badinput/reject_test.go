package badinput

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/spec"
	"github.com/tensorfile/tensorfile/tensor"
)

var update = flag.Bool("update", false, "write testdata/reject anew")

const rejectDir = "../../testdata/reject"

// expectation is the file beside a reject file: what a reader in any language
// must do with it.
type expectation struct {
	Rule string `json:"rule"`
	Kind string `json:"kind"`
	At   string `json:"at"`
	What string `json:"what"`
}

var kinds = map[string]error{
	"Truncated": tensorfile.ErrTruncated, "Format": tensorfile.ErrFormat, "Corrupt": tensorfile.ErrCorrupt, "Overflow": tensorfile.ErrOverflow,
	"Limit": tensorfile.ErrLimit, "Unsupported": tensorfile.ErrUnsupported, "Duplicate": tensorfile.ErrDuplicate,
}

// TestRejectCorpus compares testdata/reject with its generator, and opens, uses
// and verifies each file.
func TestRejectCorpus(t *testing.T) {
	rejects := Rejects()
	if *update {
		old, _ := filepath.Glob(filepath.Join(rejectDir, "*"))
		for _, f := range old {
			os.Remove(f)
		}
		if err := os.MkdirAll(rejectDir, 0o777); err != nil {
			t.Fatal(err)
		}
		for _, r := range rejects {
			j := fmt.Sprintf("{\"rule\": %q, \"kind\": %q, \"at\": %q, \"what\": %q}\n", r.Rule, r.Kind, r.At, r.What)
			base := filepath.Join(rejectDir, r.Name())
			if err := errors.Join(os.WriteFile(base+".tensor", r.Make(), 0o666), os.WriteFile(base+".json", []byte(j), 0o666)); err != nil {
				t.Fatal(err)
			}
		}
	}
	files, err := filepath.Glob(filepath.Join(rejectDir, "*.json"))
	if err != nil || len(files) != len(rejects) {
		t.Errorf("%d expectations, want %d (-update writes them)", len(files), len(rejects))
	}
	var total int64
	for _, r := range rejects {
		t.Run(r.Name(), func(t *testing.T) {
			path := filepath.Join(rejectDir, r.Name()+".tensor")
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			total += int64(len(b))
			if !bytes.Equal(b, r.Make()) {
				t.Error("the file is not what the generator makes")
			}
			text, err := os.ReadFile(strings.TrimSuffix(path, ".tensor") + ".json")
			if err != nil {
				t.Fatal(err)
			}
			var want expectation
			if err := json.Unmarshal(text, &want); err != nil {
				t.Fatal(err)
			}
			if want != (expectation{r.Rule, r.Kind, r.At.String(), r.What}) {
				t.Errorf("expectation %+v", want)
			}
			for _, o := range []tensorfile.OpenOptions{{}, {NoMmap: true}} {
				stage, errs := reject(t, path, &o)
				i := slices.IndexFunc(errs, func(err error) bool {
					var e *tensorfile.Error
					return errors.As(err, &e) && e.Rule == want.Rule
				})
				if i < 0 || stage > r.At {
					t.Fatalf("found %v at %v, want rule %s by %s", errs, stage, want.Rule, want.At)
				}
				if !errors.Is(errs[i], kinds[want.Kind]) {
					t.Errorf("%v is not %s", errs[i], want.Kind)
				}
				if !strings.Contains(errs[i].Error(), path) || !strings.Contains(errs[i].Error(), "offset") {
					t.Errorf("no path or offset in %v", errs[i])
				}
				// A file breaks its rule and no other.
				for _, err := range errs {
					var e *tensorfile.Error
					if errors.As(err, &e) && e.Rule != want.Rule && e.Rule != "padding.zero" {
						t.Errorf("breaks %s, too: %v", e.Rule, err)
					}
				}
			}
		})
	}
	if total > 4<<20 {
		t.Errorf("%d KiB of files", total>>10)
	}
}

// reject returns the errors of the first stage that has any.
func reject(t *testing.T, path string, o *tensorfile.OpenOptions) (Stage, []error) {
	f, err := tensorfile.Open(path, o)
	if err != nil {
		return Open, []error{err}
	}
	defer f.Close()
	var errs []error
	add := func(err error) {
		if err != nil && !errors.Is(err, tensorfile.ErrEncoded) {
			errs = append(errs, err)
		}
	}
	_, err = f.Attrs()
	add(err)
	for x, err := range f.Tensors() {
		add(err)
		if err != nil {
			continue
		}
		_, err = x.Attrs()
		add(err)
		if _, _, composite := x.Composite(); composite {
			_, err := x.ReadComposite(context.Background())
			add(err)
			continue
		}
		v, err := x.Read(context.Background())
		add(err)
		if err == nil && x.DType() == tensor.Bool {
			_, err := tensor.Data[bool](v)
			if err != nil && !o.NoMmap {
				_, err = tensorfile.Data[bool](x) // knows where it is
			}
			add(placed(err, path))
		}
	}
	if errs != nil {
		return Use, errs
	}
	rep, err := f.Verify(context.Background(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(rep.Findings) > 0 {
		return Verify, rep.Findings
	}
	// On a copy: what is wrong with a writer that goes on must not change the corpus.
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	own := filepath.Join(t.TempDir(), filepath.Base(path))
	if err := os.WriteFile(own, b, 0o666); err != nil {
		t.Fatal(err)
	}
	w, err := tensorfile.OpenAppend(own, nil)
	if err != nil {
		return Write, []error{located(err, own, path)}
	}
	w.Close()
	return Write, nil
}

// located gives an error about a copy the path of the original.
func located(err error, own, path string) error {
	var e *tensorfile.Error
	if errors.As(err, &e) && e.Path == own {
		e.Path = path
	}
	return err
}

// placed gives an error about the values of elements, which are in memory by
// then, path and place.
func placed(err error, path string) error {
	var e *tensorfile.Error
	if errors.As(err, &e) {
		e.Path, e.Offset = path, max(e.Offset, 0)
	}
	return err
}

// Every rule of the specification has a reject file, or a reason why not, and
// they agree on the kind and on where it shows.
func TestRejectsCoverRules(t *testing.T) {
	rules, err := spec.Rules()
	if err != nil {
		t.Fatal(err)
	}
	have := map[string]Reject{}
	for _, r := range Rejects() {
		if r.Case != "" {
			continue // one more
		}
		if _, ok := have[r.Rule]; ok {
			t.Errorf("two files for %s", r.Rule)
		}
		have[r.Rule] = r
	}
	found := map[Stage]string{Open: "open", Use: "first touch", Verify: "verify", Write: "write"}
	for _, rule := range rules {
		r, ok := have[rule.ID]
		delete(have, rule.ID)
		why := Waiting(rule.ID)
		switch {
		case !ok && why == "":
			t.Errorf("no file for %s (%s)", rule.ID, rule.Text)
		case ok && why != "":
			t.Errorf("%s has a file, and a reason for none", rule.ID)
		case !ok:
			t.Logf("%s: %s", rule.ID, why)
		case !slices.Contains(rule.Kinds, r.Kind):
			t.Errorf("%s is %v in the specification, %s in its file", rule.ID, rule.Kinds, r.Kind)
		case !slices.Contains(rule.Found, found[r.At]) && !(r.At == Verify && strings.HasPrefix(rule.ID, "root.")):
			// A bad slot is found at open, which goes on with the other one.
			t.Errorf("%s is found at %v, its file says %v", rule.ID, rule.Found, r.At)
		}
	}
	for id := range have {
		t.Errorf("the specification has no rule %s", id)
	}
}

// TestRejectRows takes the files of testdata/reject through the rules that hold
// for all inputs, and through the tool.
func TestRejectRows(t *testing.T) {
	var rows []Row
	for _, x := range Rejects() {
		r := Row{ID: "reject", What: x.Name() + ": " + x.What, Format: "tensorfile", Kind: kinds[x.Kind], At: x.At, Rule: x.Rule, Make: File(x.Name()+".tensor", x.Make())}
		switch x.Name() {
		case "header.magic", "dtype.bool":
			continue // a PNG, by its magic; elements that only a reader interprets
		case "name.order":
			r.At = Use // the tool lists all names
		}
		r.Converts = r.At == Verify && x.Rule != "storage.crc" || copied(x.Rule) && x.Name() != "composite.index-group"
		rows = append(rows, r)
	}
	Run(t, rows)
}

// copied reports whether a copy keeps what breaks a rule: nothing is decoded or
// interpreted that goes as it is.
func copied(rule string) bool {
	for _, begin := range []string{"storage.id", "pipeline.stage", "grid.stored", "chunk.length", "chunk.stream", "chunk.window", "attr.reserved", "composite.layout", "composite.orphan", "composite.pointer", "composite.index", "composite.utf8"} {
		if strings.HasPrefix(rule, begin) {
			return true
		}
	}
	return false
}
