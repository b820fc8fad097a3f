package term

import "strings"

// Detect is the protocol by which a terminal shows pictures best, as far as its
// environment says. Inside of tmux and screen only half blocks get through.
func Detect(getenv func(string) string) Protocol {
	name, program := getenv("TERM"), getenv("TERM_PROGRAM")
	if name == "dumb" {
		return None
	}
	prefixed := func(list ...string) bool {
		for _, p := range list {
			if strings.HasPrefix(name, p) {
				return true
			}
		}
		return false
	}
	inside := getenv("TMUX") != "" || getenv("STY") != "" || prefixed("screen", "tmux")
	switch {
	case inside:
	case getenv("KITTY_WINDOW_ID") != "", prefixed("xterm-kitty", "xterm-ghostty"), program == "ghostty":
		return Kitty
	case prefixed("foot", "mlterm", "contour", "yaft"), strings.Contains(name, "sixel"), program == "WezTerm", program == "mintty", program == "iTerm.app":
		return Sixel
	}
	colours := getenv("COLORTERM")
	switch {
	case colours == "truecolor", colours == "24bit", strings.HasSuffix(name, "-direct"), getenv("WT_SESSION") != "":
		return Half
	case strings.Contains(name, "256color"), program == "Apple_Terminal":
		return Half256
	}
	return None
}

// Askable reports whether a terminal that the environment says little of may be asked
// what it can do: one of the family of xterm, that is here and answers at once.
func Askable(getenv func(string) string) bool {
	for _, name := range []string{"TMUX", "STY", "SSH_CONNECTION", "SSH_TTY", "CI", "EMACS", "INSIDE_EMACS"} {
		if getenv(name) != "" {
			return false
		}
	}
	return strings.HasPrefix(getenv("TERM"), "xterm")
}
