package postgres_test

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// server is a PostgreSQL that the tests started.
type server struct {
	address string // of the database "postgres", as an owner of everything, without a password
	port    int
	skip    string // why there is none
}

const (
	owner    = "tensors"
	password = "a s3cret/with@odd:characters%"
)

var shared server

func TestMain(m *testing.M) {
	stop := func() {}
	func() {
		defer func() {
			if p := recover(); p != nil {
				fmt.Println(p)
				os.Exit(1)
			}
		}()
		shared, stop = start()
	}()
	code := m.Run()
	stop()
	os.Exit(code)
}

// postgres is a test that needs the server.
func postgres(t testing.TB) server {
	t.Helper()
	if shared.skip != "" {
		t.Skip(shared.skip)
	}
	return shared
}

// with is the address with user and password in it.
func (s server) with(user, password string) string {
	u, _ := url.Parse(s.address)
	u.User = url.UserPassword(user, password)
	return u.String()
}

// programs finds the programs of a server: in PATH, or where Debian has them.
func programs(name string) string {
	if path, err := exec.LookPath(name); err == nil {
		if real, err := filepath.EvalSymlinks(path); err == nil {
			return real
		}
		return path
	}
	list, _ := filepath.Glob("/usr/lib/postgresql/*/bin/" + name)
	if len(list) == 0 {
		return ""
	}
	return list[len(list)-1]
}

// start makes a server with data of its own, which listens on a free port of
// loopback alone and asks for passwords. It refuses to run as root, and runs as
// another user then.
func start() (s server, stop func()) {
	stop = func() {}
	initdb, ctl := programs("initdb"), programs("pg_ctl")
	if initdb == "" || ctl == "" {
		return server{skip: "no PostgreSQL is installed: initdb and pg_ctl are missing"}, stop
	}
	as := func(args ...string) *exec.Cmd { return exec.Command(args[0], args[1:]...) }
	dir, err := os.MkdirTemp("", "tensorfile-postgres-*")
	if err != nil {
		panic(err)
	}
	clean := func() { os.RemoveAll(dir) }
	if os.Getuid() == 0 {
		nobody := ""
		for _, name := range []string{"postgres", "nobody"} {
			if u, err := user.Lookup(name); err == nil {
				nobody = name
				uid, _ := strconv.Atoi(u.Uid)
				gid, _ := strconv.Atoi(u.Gid)
				if err := os.Chown(dir, uid, gid); err != nil {
					panic(err)
				}
				break
			}
		}
		setpriv, err := exec.LookPath("setpriv")
		if err != nil || nobody == "" {
			clean()
			return server{skip: "PostgreSQL does not run as root, and there is no other user, or no setpriv"}, stop
		}
		as = func(args ...string) *exec.Cmd {
			return exec.Command(setpriv, append([]string{"--reuid=" + nobody, "--regid=" + nobody, "--clear-groups", "--"}, args...)...)
		}
	}
	run := func(args ...string) {
		cmd := as(args...)
		cmd.Dir = dir
		log, err := os.Create(filepath.Join(os.TempDir(), filepath.Base(dir)+".log"))
		if err != nil {
			panic(err)
		}
		defer os.Remove(log.Name())
		cmd.Stdout, cmd.Stderr = log, log // a server keeps what it is given
		if err := cmd.Run(); err != nil {
			b, _ := os.ReadFile(log.Name())
			clean()
			panic(fmt.Sprintf("%q: %v\n%s", args, err, b))
		}
		log.Close()
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	l.Close()
	secret := filepath.Join(dir, "password")
	if err := os.WriteFile(secret, []byte(password+"\n"), 0o644); err != nil {
		panic(err)
	}
	data := filepath.Join(dir, "data")
	run(initdb, "-D", data, "-U", owner, "--pwfile", secret, "-A", "scram-sha-256", "-E", "UTF8", "--locale=C", "--no-sync")
	options := fmt.Sprintf("-p %d -c listen_addresses=127.0.0.1 -c unix_socket_directories=%s -c fsync=off -c shared_buffers=16MB -c max_connections=20", port, dir)
	run(ctl, "-D", data, "-w", "-t", "60", "-l", filepath.Join(dir, "log"), "-o", options, "start")
	for _, name := range []string{"PGHOST", "PGPORT", "PGUSER", "PGDATABASE", "PGPASSFILE", "PGSERVICE", "PGOPTIONS"} {
		os.Unsetenv(name)
	}
	os.Setenv("PGPASSWORD", password)
	os.Setenv("PGSSLMODE", "disable")
	return server{address: fmt.Sprintf("postgres://%s@127.0.0.1:%d/postgres", owner, port), port: port}, func() {
		cmd := as(ctl, "-D", data, "-m", "immediate", "-w", "stop")
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			fmt.Printf("pg_ctl stop: %v\n%s", err, out)
		}
		clean()
	}
}

// within is a context of a test that is not to hang.
func within(t testing.TB, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// redacted reports a password in a text.
func redacted(t testing.TB, what, text string) {
	t.Helper()
	for _, form := range []string{password, url.QueryEscape(password), url.PathEscape(password), "s3cret"} {
		if strings.Contains(text, form) {
			t.Errorf("%s shows the password: %s", what, text)
		}
	}
}
