package main

import (
	"bufio"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"syscall"
)

// traced is what a trace has of an operation.
type traced struct {
	calls         map[string]int64
	read, written int64
}

// markName is a file that is not there: a call that asks for it stands in the
// trace where an operation begins or ends.
const markName = "/tensorfile-gate-mark/"

func mark(what, name string) { syscall.Access(markName+what+"/"+name, 0) }

var (
	callLine = regexp.MustCompile(`^(\d+) +(\w+)\((.*)\) += (0x[0-9a-f]+|-?\d+|\?)`)
	cutLine  = regexp.MustCompile(`^(\d+) +(\w+\(.*) <unfinished \.\.\.>$`)
	restLine = regexp.MustCompile(`^(\d+) +<\.\.\. \w+ resumed>(.*)$`)
	address  = regexp.MustCompile(`^0x[0-9a-f]+`)
)

// readTrace sums the calls of "strace -f -y" on files below dir, and the
// openings of others, between the marks of each operation; of all of it as the
// operation "" if whole is set.
func readTrace(path, dir string, whole bool) (map[string]*traced, error) {
	in, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	all := map[string]*traced{}
	var now *traced
	if whole {
		now = &traced{calls: map[string]int64{}}
		all[""] = now
	}
	cut := map[string]string{}
	maps := map[uint64]uint64{} // mappings of the files: address and length
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Text()
		if m := cutLine.FindStringSubmatch(line); m != nil {
			cut[m[1]] = m[2]
			continue
		}
		if m := restLine.FindStringSubmatch(line); m != nil {
			line = m[1] + " " + cut[m[1]] + m[2]
			delete(cut, m[1])
		}
		m := callLine.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		call, args, result := m[2], m[3], m[4]
		if i := strings.Index(args, markName); i >= 0 {
			name := strings.SplitN(args[i+len(markName):], `"`, 2)[0]
			what, name, _ := strings.Cut(name, "/")
			now = nil
			if what == "begin" {
				now = &traced{calls: map[string]int64{}}
				all[name] = now
			}
			continue
		}
		ours := strings.Contains(args, dir)
		switch call {
		case "mmap":
			if ours {
				at, _ := strconv.ParseUint(result, 0, 64)
				n, _ := strconv.ParseUint(strings.Split(args, ", ")[1], 0, 64)
				maps[at] = n
			}
		case "munmap", "madvise":
			at, _ := strconv.ParseUint(address.FindString(args), 0, 64)
			for begin, n := range maps {
				ours = ours || begin <= at && at < begin+n
			}
			if call == "munmap" {
				delete(maps, at)
			}
		case "fallocate":
			continue // only some file systems are asked for room; fstatfs, which finds that out, is counted
		case "openat":
			if !ours && !whole {
				call, ours = "openat of others", true
			}
		}
		if now == nil || !ours {
			continue
		}
		now.calls[call]++
		if n, err := strconv.ParseInt(result, 10, 64); err == nil && n > 0 {
			switch call {
			case "read", "pread64", "readv", "preadv", "preadv2":
				now.read += n
			case "write", "pwrite64", "writev", "pwritev", "pwritev2":
				now.written += n
			case "copy_file_range", "sendfile", "splice":
				now.read += n
				now.written += n
			}
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s: no operation in the trace", path)
	}
	return all, lines.Err()
}
