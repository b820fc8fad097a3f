package term

import (
	"fmt"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestAnswered(t *testing.T) {
	for answer, want := range map[string]Protocol{
		"\x1b[?62;4;22c": Sixel, "\x1b[?65;1;9c": None, "\x1b[?4c": None, "\x1b[?64;44c": None, "\x1b[?c": None,
		"\x1b_Gi=31;OK\x1b\\\x1b[?62;c": Kitty, "\x1b_Gi=31;OK\x1b\\\x1b[?62;4c": Kitty, "\x1b_Gi=31;EINVAL:c\x1b\\\x1b[?62;4c": Sixel,
	} {
		if got, whole := answered(answer); got != want || !whole {
			t.Errorf("%q: %v, %v", answer, got, whole)
		}
		for n := range answer {
			if got, whole := answered(answer[:n]); got != None || whole {
				t.Errorf("%q: %v, %v", answer[:n], got, whole)
			}
		}
	}
	if _, whole := answered("4;4c"); whole {
		t.Error("this is no answer")
	}
}

// A terminal that is not this process's is not asked: its group is another's.
func TestAskIsCareful(t *testing.T) {
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skip(err)
	}
	defer master.Close()
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err != nil {
		t.Skip(err)
	}
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skip(err)
	}
	defer slave.Close()
	if p := Ask(slave, slave, time.Millisecond); p != None {
		t.Errorf("a terminal of nobody: %v", p)
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	if Ask(null, null, time.Millisecond) != None || Ask(null, slave, time.Millisecond) != None {
		t.Error("there is no terminal")
	}
	if waits(int(master.Fd()), 0) {
		t.Error("the terminal was written to")
	}
}

func TestAskable(t *testing.T) {
	for _, c := range []struct {
		env  map[string]string
		want bool
	}{
		{map[string]string{"TERM": "xterm-256color"}, true},
		{map[string]string{"TERM": "xterm-256color", "TMUX": "x"}, false},
		{map[string]string{"TERM": "xterm", "SSH_CONNECTION": "x"}, false},
		{map[string]string{"TERM": "linux"}, false},
	} {
		if got := Askable(func(name string) string { return c.env[name] }); got != c.want {
			t.Errorf("%v: %v", c.env, got)
		}
	}
}
