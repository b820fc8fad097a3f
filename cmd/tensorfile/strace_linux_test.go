package main

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// A deed is what a program did to what is outside of it, as strace saw it.
type deed struct {
	kind deedKind
	what string // path, program, or address; the call itself of others
	call string // the line, for messages
}

type deedKind int

const (
	looked   deedKind = iota // at a name: what and where it is, not what it holds
	opened                   // for reading
	listed                   // a folder
	locked                   // opened for reading and writing as it is
	changed                  // made, opened to be written, named, removed, or its owner, mode or times
	started                  // a program
	dialled                  // an address
	networks                 // anything else about networks, and calls that could do any of this unseen
)

func (k deedKind) String() string {
	return [...]string{"looks at", "reads", "lists", "locks", "changes", "starts", "connects to", "calls"}[k]
}

// tracedCalls are the system calls that take names or addresses, those that change
// a file by its descriptor alone, and those that would hide others.
const tracedCalls = "%file,%network,getdents,getdents64,fchmod,fchown,fsetxattr,fremovexattr,open_by_handle_at,io_uring_setup,bpf,ptrace,process_vm_writev,pidfd_getfd"

// lookCalls take a name and change nothing.
var lookCalls = []string{
	"stat", "lstat", "stat64", "lstat64", "newfstatat", "fstatat64", "statx", "access", "faccessat", "faccessat2", "readlink", "readlinkat",
	"statfs", "statfs64", "getcwd", "chdir", "getxattr", "lgetxattr", "listxattr", "llistxattr",
}

// quietCalls are about sockets that are there: none sends to an address.
var quietCalls = []string{"getsockopt", "setsockopt", "getsockname", "getpeername", "shutdown", "recvfrom", "recvmsg", "recvmmsg"}

var (
	traceLine   = regexp.MustCompile(`^(\d+) +([a-z_0-9]+)\((.*)$`)
	unreadCall  = regexp.MustCompile(`^\d+ +\?\?\?\((?:\) += \?| <(?:detached|unfinished) \.\.\.>)$`)
	atName      = regexp.MustCompile(`(?:AT_FDCWD|\d+)(?:<((?:[^<>\\]|\\.)*)>)?, "((?:[^"\\]|\\.)*)"`)
	quoted      = regexp.MustCompile(`"((?:[^"\\]|\\.)*)"`)
	descriptor  = regexp.MustCompile(`^\d+<(/(?:[^<>\\]|\\.)*)>`)
	writeFlags  = regexp.MustCompile(`O_WRONLY|O_CREAT|O_TRUNC|O_APPEND|O_TMPFILE`)
	ownProcess  = regexp.MustCompile(`^/proc/[0-9]+/`)
	inet        = regexp.MustCompile(`sin_port=htons\((\d+)\), sin_addr=inet_addr\("([0-9.]+)"\)`)
	inet6       = regexp.MustCompile(`sin6_port=htons\((\d+)\).*inet_pton\(AF_INET6, "([0-9a-f:.]+)"`)
	unixAddress = regexp.MustCompile(`sun_path=@?"((?:[^"\\]|\\.)*)"`)
)

// deeds reads what strace -f -y wrote of a program that was started in dir.
func deeds(trace []byte, dir string) (list []deed, err error) {
	for line := range strings.Lines(string(trace)) {
		line = strings.TrimSpace(line)
		m := traceLine.FindStringSubmatch(line)
		if m == nil {
			if strings.Contains(line, "resumed>") || strings.Contains(line, "+++") || strings.Contains(line, "---") {
				continue // the rest of a call whose arguments were seen, or the end of a process
			}
			if unreadCall.MatchString(line) {
				continue // a thread whose process ended before the call that it entered could be read, so the call is not made
			}
			return nil, fmt.Errorf("strace writes %q", line)
		}
		call, args := m[2], m[3]
		add := func(k deedKind, what string) { list = append(list, deed{k, what, line}) }
		switch {
		case call == "socket":
			if !strings.HasPrefix(args, "AF_INET, SOCK_STREAM") && !strings.HasPrefix(args, "AF_INET6, SOCK_STREAM") {
				add(networks, args)
			}
		case call == "connect" || call == "bind":
			address := socketAddress(args)
			if host, port, _ := net.SplitHostPort(address); call == "bind" && port == "0" && net.ParseIP(host).IsLoopback() {
				break // how the standard library finds out whether there is IPv6
			}
			if call == "bind" {
				address = line
			}
			add(map[string]deedKind{"connect": dialled, "bind": networks}[call], address)
		case slices.Contains(quietCalls, call):
		case call == "sendto" && strings.Contains(args, ", NULL, 0") || call == "sendmsg" && strings.Contains(args, "msg_name=NULL"):
		case call == "execve":
			add(started, names(call, args, dir)[0])
		case slices.Contains(lookCalls, call):
			for _, name := range names(call, args, dir) {
				add(looked, name)
			}
		case strings.HasPrefix(call, "open") && call != "open_by_handle_at":
			kind, flags := opened, quoted.ReplaceAllString(args, `""`)
			switch {
			case writeFlags.MatchString(flags):
				kind = changed
			case strings.Contains(flags, "O_RDWR"):
				kind = locked
			}
			for _, name := range names(call, args, dir) {
				add(kind, name)
			}
		case strings.HasPrefix(call, "getdents"):
			for _, name := range names(call, args, dir) {
				add(listed, name)
			}
		default:
			// Whatever is not known takes a name to change it, or is not for us.
			list := names(call, args, dir)
			for _, name := range list {
				add(changed, name)
			}
			if len(list) == 0 {
				add(networks, line)
			}
		}
	}
	return list, nil
}

// names are those among the arguments of a call, as absolute paths.
func names(call, args, dir string) (list []string) {
	join := func(base, name string) {
		if s, err := strconv.Unquote(`"` + name + `"`); err == nil {
			name = s
		}
		if !filepath.IsAbs(name) {
			name = filepath.Join(base, name)
		}
		if filepath.IsAbs(name) { // else a pipe, or the like
			list = append(list, ownProcess.ReplaceAllString(filepath.Clean(name), "/proc/self/"))
		}
	}
	if at := atName.FindAllStringSubmatch(args, -1); at != nil && call != "execve" {
		for _, m := range at {
			base := m[1]
			if base == "" {
				base = dir
			}
			join(base, m[2])
		}
		return list
	}
	if strings.HasPrefix(args, `"`) {
		n := 1
		if call == "rename" || call == "link" || call == "symlink" {
			n = 2
		}
		for _, m := range quoted.FindAllStringSubmatch(args, n) {
			join(dir, m[1])
		}
		return list
	}
	if m := descriptor.FindStringSubmatch(args); m != nil {
		join("/", m[1])
	}
	return list
}

func socketAddress(args string) string {
	if m := inet.FindStringSubmatch(args); m != nil {
		return net.JoinHostPort(m[2], m[1])
	}
	if m := inet6.FindStringSubmatch(args); m != nil {
		return net.JoinHostPort(m[2], m[1])
	}
	if m := unixAddress.FindStringSubmatch(args); m != nil {
		return m[1]
	}
	return args
}

// A leave says what a run may do; the rest is an error. All paths are absolute.
type leave struct {
	dir       string   // where the program starts
	locks     []string // files that are opened as if to write to them, for a lock
	reads     []string // files and folders that the command line names, and what belongs to them
	writes    []string // files; each may have a temporary file beside it
	temps     string   // a folder for temporary files, or ""
	programs  []string // names of programs
	addresses []string
	system    []string // what else of the system is read, by its begin
}

// The system's own, which every program reads that the Go runtime starts and the
// loader links.
var systemFiles = []string{
	"/proc/self/", "/sys/kernel/mm/transparent_hugepage/", "/sys/fs/cgroup/", "/sys/devices/system/cpu", "/sys/devices/system/node",
	"/etc/ld.so.", "/lib/", "/lib64/", "/usr/lib/", "/usr/lib64/", "/usr/local/lib/", "/etc/localtime", "/usr/share/zoneinfo/", "/dev/null", "/dev/urandom",
}

// tempOf says whether path is a temporary file of target, as internal/fsys names
// them.
func tempOf(path, target string) bool {
	name, isTemp := strings.CutPrefix(path, filepath.Join(filepath.Dir(target), "."+filepath.Base(target)+"."))
	number, isTemp2 := strings.CutSuffix(name, ".tmp")
	_, err := strconv.ParseUint(number, 10, 16)
	return isTemp && isTemp2 && err == nil
}

func below(path string, dirs ...string) bool {
	return slices.ContainsFunc(dirs, func(dir string) bool { return path == dir || strings.HasPrefix(path, strings.TrimSuffix(dir, "/")+"/") })
}

// allows says whether a deed is within l.
func (l *leave) allows(d deed) bool {
	written := func() bool {
		return slices.Contains(l.writes, d.what) || slices.ContainsFunc(l.writes, func(w string) bool { return tempOf(d.what, w) }) ||
			l.temps != "" && strings.HasPrefix(d.what, l.temps+"/")
	}
	begins := func(path string) bool {
		return slices.ContainsFunc(slices.Concat(systemFiles, l.system), func(s string) bool { return strings.HasPrefix(path, s) })
	}
	switch d.kind {
	case started:
		return slices.Contains(l.programs, filepath.Base(d.what))
	case dialled:
		return slices.Contains(l.addresses, d.what)
	case changed:
		return written() || d.what == "/dev/null"
	case locked:
		return l.allows(deed{changed, d.what, d.call}) || slices.Contains(l.locks, d.what)
	case listed:
		return below(d.what, l.reads...) || l.temps != "" && below(d.what, l.temps) || begins(d.what+"/")
	case opened:
		// Folders of what is written are opened to sync them.
		return written() || below(d.what, l.reads...) || begins(d.what) || l.temps != "" && d.what == l.temps ||
			slices.ContainsFunc(l.writes, func(w string) bool { return d.what == filepath.Dir(w) })
	case looked:
		// Of a folder on the way to a file it may be asked what it is, and for a
		// program in all of $PATH.
		named := slices.ContainsFunc(slices.Concat(l.reads, l.writes, []string{l.dir, l.temps}), func(p string) bool { return below(p, d.what) })
		return named || begins(d.what+"/") || slices.Contains(l.programs, filepath.Base(d.what)) || l.allows(deed{opened, d.what, d.call})
	}
	return false
}

// exceeds lists what a program did without leave, each once. The first program is
// the one that was traced.
func (l *leave) exceeds(list []deed) (bad []string) {
	for i, d := range list {
		if i == 0 && d.kind == started {
			continue
		}
		if s := fmt.Sprintf("%s %s", d.kind, d.what); !l.allows(d) && !slices.Contains(bad, s) {
			bad = append(bad, s)
		}
	}
	return bad
}

// strace runs a command in dir and says what it did.
func strace(t *testing.T, cmd *exec.Cmd) (did []deed, stdout, stderr string, code int) {
	t.Helper()
	log := filepath.Join(t.TempDir(), "trace")
	cmd.Args = slices.Concat([]string{"strace", "-f", "--seccomp-bpf", "-qq", "-y", "-s", "4096", "-e", "trace=" + tracedCalls, "-e", "signal=none", "-o", log, cmd.Path}, cmd.Args[1:])
	var err error
	if cmd.Path, err = exec.LookPath("strace"); err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	if did, err = deeds(text, cmd.Dir); err != nil {
		t.Fatal(err)
	}
	return did, out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// canTrace skips a test where nothing can be traced.
var canTrace = sync.OnceValue(func() string {
	if _, err := exec.LookPath("strace"); err != nil {
		return "there is no strace (Debian: strace)"
	}
	if out, err := exec.Command("strace", "-f", "--seccomp-bpf", "-qq", "-e", "trace=execve", "-o", "/dev/null", "true").CombinedOutput(); err != nil {
		return fmt.Sprintf("strace does not work here: %v: %s", err, bytes.TrimSpace(out))
	}
	return ""
})

func needTrace(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("each command under a trace: in long runs")
	}
	if why := canTrace(); why != "" {
		t.Skip(why)
	}
}

// What must not be done is found: a program does one such thing at a time, and the
// trace of it has that and nothing else.
func TestTraceFinds(t *testing.T) {
	needTrace(t)
	for _, c := range []struct{ deed, want string }{
		{"nothing", ""},
		{"read", "reads DIR/other"},
		{"look", "looks at DIR/other"},
		{"list", "lists DIR"},
		{"write", "changes DIR/other"},
		{"make", "changes DIR/made"},
		{"append", "changes DIR/in"},
		{"lock", "locks DIR/in"},
		{"truncate", "changes DIR/in"},
		{"rename", "looks at DIR/made; changes DIR/other; changes DIR/made"},
		{"link", "changes DIR/other; changes DIR/made"},
		{"symlink", "changes DIR/made"},
		{"remove", "changes DIR/other"},
		{"mkdir", "changes DIR/made"},
		{"chmod", "changes DIR/in"},
		{"fchmod", "changes DIR/in"},
		{"times", "changes DIR/in"},
		{"start", "starts /bin/true"},
		{"connect", "connects to 127.0.0.1:9"},
		{"udp", "calls"},
		{"listen", "calls"},
		{"unix", "calls"},
	} {
		t.Run(c.deed, func(t *testing.T) {
			t.Parallel()
			dir := realDir(t)
			write(t, filepath.Join(dir, "in"), []byte("in"))
			write(t, filepath.Join(dir, "other"), []byte("other"))
			cmd := exec.Command("planted", c.deed)
			cmd.Dir = dir
			did, _, stderr, _ := strace(t, cmd)
			l := leave{dir: dir, reads: []string{filepath.Join(dir, "in")}, writes: []string{filepath.Join(dir, "out")}}
			bad := strings.ReplaceAll(strings.Join(l.exceeds(did), "; "), dir, "DIR")
			if bad != c.want && (c.want != "calls" || !strings.Contains(bad, c.want)) {
				t.Errorf("found %q, want %q\n%s", bad, c.want, stderr)
			}
		})
	}
}

// A thread that dies while it enters a call leaves a line without one, in one of
// three forms. Any other line that is not understood is an error.
func TestDeedsUnread(t *testing.T) {
	for _, end := range []string{"???( <detached ...>", "???( <unfinished ...>", "???()                             = ?"} {
		did, err := deeds([]byte("12  openat(AT_FDCWD</d>, \"f\", O_RDONLY) = 3\n12  "+end+"\n12  +++ exited with 0 +++\n"), "/d")
		if err != nil || len(did) != 1 || did[0].kind != opened || did[0].what != "/d/f" {
			t.Errorf("%q: %v, %v", end, did, err)
		}
	}
	for _, line := range []string{"12  ???()                             = 3", "12  ???", "12  ???(\"f\" <unfinished ...>"} {
		if did, err := deeds([]byte(line+"\n"), "/d"); err == nil {
			t.Errorf("%q is %v, want an error", line, did)
		}
	}
}
