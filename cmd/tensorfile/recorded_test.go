package main

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Environment variables by which tests change what the tool does when they run it.
const (
	// The folder of schemas, and one to note in which documents were seen. What the
	// tool prints is compared with them, and a line that does not fit fails.
	envSchemas, envDocuments = "TEST_SCHEMAS", "TEST_DOCUMENTS"

	// A flag that is left out of all calls: "ls --sort", or "* --mem" for any command.
	envIgnore = "TEST_IGNORE_FLAG"

	// Progress is shown from the beginning.
	envAtOnce = "TEST_PROGRESS_AT_ONCE"
)

// notFitting is the exit status of a document that does not fit its schema.
const notFitting = 99

// recorded is the program as tests run it.
func recorded() {
	if ignored := os.Getenv(envIgnore); ignored != "" {
		os.Args = append(os.Args[:1:1], ignoring(os.Args[1:], ignored)...)
	}
	replaceFileSystem()
	if os.Getenv(envAtOnce) != "" {
		progressAfter, progressEvery = 0, 0
	}
	dir := os.Getenv(envSchemas)
	if dir == "" || !slices.ContainsFunc(os.Args, func(a string) bool { return a == "--json" || a == "json" }) {
		main()
		return
	}
	out := os.Stdout
	r, w, err := os.Pipe()
	if err != nil {
		panic(err)
	}
	var doc bytes.Buffer
	copied := make(chan struct{})
	go func() {
		defer close(copied)
		io.Copy(io.MultiWriter(out, &doc), r)
	}()
	os.Stdout = w
	code := run(os.Args[1:])
	w.Close()
	<-copied
	if bytes.HasPrefix(doc.Bytes(), []byte(`{"schema":`)) {
		code = checked(dir, doc.Bytes(), code)
	}
	os.Exit(code)
}

// checked compares a document with its schema, and notes that it was there.
func checked(dir string, doc []byte, code int) int {
	all, err := readSchemas(dir)
	if err != nil {
		panic(err)
	}
	name, problems := all.check(doc)
	for _, p := range problems {
		fmt.Fprintf(os.Stderr, "document: %s\n", p)
		code = notFitting
	}
	f, err := os.OpenFile(filepath.Join(os.Getenv(envDocuments), name), os.O_CREATE|os.O_WRONLY, 0o666)
	if err != nil {
		panic(err)
	}
	f.Close()
	return code
}

// documentsSeen tells, when all scripts are through, of documents that none of them
// prints.
func documentsSeen(t *testing.T, dir string) {
	t.Cleanup(func() {
		if t.Failed() || partial() {
			return
		}
		for name := range jsonCommands() {
			if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
				t.Errorf("no script prints the document of %s with --json", name)
			}
		}
	})
}

// partial reports whether not all tests run.
func partial() bool {
	given := func(name string) string { return flag.Lookup(name).Value.String() }
	return strings.Contains(given("test.run"), "/") || given("test.skip") != ""
}
