package term

import (
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// questions are whether a terminal takes a picture of kitty's protocol, which one that
// does not know it leaves out, and what its attributes are ("Primary Device Attributes"
// of DEC STD 070), which every emulator answers.
const questions = "\x1b_Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA\x1b\\" + "\x1b[c"

// Ask asks a terminal for the best protocol that has pixels: [Kitty], [Sixel], or [None].
// It waits no longer than timeout, and asks only if that is safe: in and out are one
// terminal, to which this process may write, and nobody has typed ahead.
func Ask(in, out *os.File, timeout time.Duration) Protocol {
	fd := int(in.Fd())
	var a, b unix.Stat_t
	if unix.Fstat(fd, &a) != nil || unix.Fstat(int(out.Fd()), &b) != nil || a.Rdev != b.Rdev || a.Mode&unix.S_IFMT != unix.S_IFCHR {
		return None
	}
	if group, err := unix.IoctlGetInt(fd, unix.TIOCGPGRP); err != nil || group != unix.Getpgrp() {
		return None
	}
	before, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return None
	}
	raw := *before
	raw.Lflag &^= unix.ICANON | unix.ECHO
	raw.Cc[unix.VMIN], raw.Cc[unix.VTIME] = 0, 0
	if unix.IoctlSetTermios(fd, unix.TCSETS, &raw) != nil {
		return None
	}
	if waits(fd, 0) { // what was typed is for whoever comes next
		unix.IoctlSetTermios(fd, unix.TCSETS, before)
		return None
	}
	defer unix.IoctlSetTermios(fd, unix.TCSETSF, before)
	if _, err := out.WriteString(questions); err != nil {
		return None
	}
	var answer []byte
	for end := time.Now().Add(timeout); len(answer) < 300; {
		if !waits(fd, time.Until(end)) {
			return None
		}
		var p [1]byte
		n, err := unix.Read(fd, p[:])
		if err != nil || n == 0 {
			return None
		}
		answer = append(answer, p[0])
		if p, whole := answered(string(answer)); whole {
			return p
		}
	}
	return None
}

// waits reports whether there is something to read, if need be after a while.
func waits(fd int, d time.Duration) bool {
	for end := time.Now().Add(d); ; {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, int(max(time.Until(end), 0)/time.Millisecond))
		if err != unix.EINTR {
			return err == nil && n > 0
		}
	}
}

// answered says what an answer means, and whether it is whole: questions are answered in
// order, so it ends with the attributes, "ESC [ ? 62 ; 4 ; 22 c". 4 means sixels; the
// first number is a class of terminals.
func answered(answer string) (p Protocol, whole bool) {
	picture, list, ok := strings.Cut(answer, "\x1b[?")
	list, whole = strings.CutSuffix(list, "c")
	switch attributes := strings.Split(list, ";"); {
	case !ok || !whole:
		return None, false
	case strings.Contains(picture, "\x1b_Gi=31;OK\x1b\\"):
		return Kitty, true
	case slices.Contains(attributes[1:], "4"):
		return Sixel, true
	}
	return None, true
}
