package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Every module that is linked has its row in docs/licences.md, by version and by
// the text itself.
func TestDocument(t *testing.T) {
	list, err := linked("../..")
	if err != nil {
		t.Fatal(err)
	}
	old, err := os.ReadFile(filepath.Join("../..", document))
	if err != nil {
		t.Fatal(err)
	}
	want, err := page(string(old), list)
	if err != nil {
		t.Fatal(err)
	}
	if want != string(old) {
		t.Errorf("%s is not what is linked: make licences", document)
		has := strings.Split(string(old), "\n")
		for line := range strings.Lines(want) {
			if line = strings.TrimSpace(line); !strings.Contains(string(old), line) {
				t.Log("it lacks ", line)
			}
		}
		for _, line := range has {
			if !strings.Contains(want, line) {
				t.Log("it has ", line)
			}
		}
	}
	t.Logf("%d modules", len(list))
	if len(list) < 15 {
		t.Error("too few")
	}
}

func TestKinds(t *testing.T) {
	const mit = "Permission is hereby granted, free of\n charge, to any person obtaining a copy. The above copyright notice and this permission notice shall be included. THE SOFTWARE IS PROVIDED \"AS IS\"."
	const bsd2 = "Redistributions of source code must retain. Redistributions in binary form must reproduce. THIS SOFTWARE IS PROVIDED BY"
	for _, c := range []struct{ text, want string }{
		{mit, "MIT"},
		{bsd2, "BSD-2-Clause"},
		{bsd2 + "\n * Neither the\n * name of", "BSD-3-Clause"},
		{mit + bsd2, "BSD-2-Clause MIT"},
		{"GNU GENERAL PUBLIC LICENSE\nVersion 3", `it has "gnu general public"`},
		{mit + " With the Commons-Clause restriction.", `it has "commons clause"`},
		{"Mozilla Public License, version 2.0", `it has "mozilla public license"`},
		{"You may use this code.", "no kind that is known"},
		{"", "no kind that is known"},
	} {
		list, err := kindsOf(c.text)
		got := strings.Join(list, " ")
		if err != nil {
			got = err.Error()
		}
		if got != c.want && (err == nil || !strings.Contains(got, c.want)) {
			t.Errorf("%.60q is %q, want %q", c.text, got, c.want)
		}
	}
}

// A module without a text, or with one that is not allowed beside one that is,
// is an error.
func TestTexts(t *testing.T) {
	dir := t.TempDir()
	m := module{Path: "m", Dir: dir}
	if err := m.read(); err == nil || !strings.Contains(err.Error(), "no licence text") {
		t.Error(err)
	}
	for name, text := range map[string]string{"LICENSE": "All of the code and documentation in SQLite has been dedicated to the public domain", "COPYING.LESSER": "GNU Lesser General Public License"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.read(); err == nil || !strings.Contains(err.Error(), "COPYING.LESSER") {
		t.Error(err)
	}
}

// Go's own terms go with a binary, too.
func TestGo(t *testing.T) {
	version, text, err := goText()
	if err != nil {
		t.Fatal(err)
	}
	if kinds, err := kindsOf(string(text)); err != nil || strings.Join(kinds, " ") != "BSD-3-Clause" || !strings.HasPrefix(version, "go1.") {
		t.Errorf("%s: %v, %v", version, kinds, err)
	}
}
