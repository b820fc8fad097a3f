package main

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"strings"
	"sync"
)

// result is a line of the state file: what became of a mutant.
type result struct {
	ID   string
	Sum  uint32 // of the function's text
	What string
	By   string `json:",omitempty"`
}

// state is the results so far, kept in a file to which each new one is added,
// so that a run that was cut off goes on. The last line of a mutant counts.
type state struct {
	mu   sync.Mutex
	file *os.File
	seen map[string]result
}

// openState opens the file at path, "" for none.
func openState(path string) (*state, error) {
	s := &state{seen: map[string]result{}}
	if path == "" {
		return s, nil
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return nil, err
	}
	s.file = f
	b, err := io.ReadAll(f)
	for line := range bytes.Lines(b) {
		var r result
		if json.Unmarshal(line, &r) == nil { // the last line may be cut
			s.seen[r.ID] = r
		}
	}
	if err == nil && len(b) > 0 && b[len(b)-1] != '\n' {
		_, err = f.WriteString("\n")
	}
	return s, err
}

func (s *state) add(r result) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen[r.ID] = r
	if s.file == nil {
		return nil
	}
	b, err := json.Marshal(r)
	if err == nil {
		_, err = s.file.Write(append(b, '\n'))
	}
	return err
}

// reasons reads the page that says why mutants survive: lines of its table that
// begin with a mutant between backquotes.
func reasons(path string) (map[string]string, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	list := map[string]string{}
	for line := range strings.Lines(string(b)) {
		rest, ok := strings.CutPrefix(line, "| `")
		if !ok {
			continue
		}
		if id, why, ok := strings.Cut(rest, "` | "); ok {
			list[strings.ReplaceAll(id, `\|`, "|")] = strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(why), "|"))
		}
	}
	return list, nil
}
