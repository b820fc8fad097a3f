package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
)

// anonymous is the memory of a process, 0 for this one, that is no file's: the heap
// and what was mapped beside it, without the page cache.
func anonymous(pid int) int64 {
	name := "self"
	if pid != 0 {
		name = strconv.Itoa(pid)
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%s/status", name))
	if err != nil {
		return 0
	}
	for line := range bytes.Lines(text) {
		if x, ok := bytes.CutPrefix(line, []byte("RssAnon:")); ok {
			n, _ := strconv.ParseInt(string(bytes.Fields(x)[0]), 10, 64)
			return n << 10
		}
	}
	return 0
}
