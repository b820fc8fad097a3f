package zipfile

import (
	"strings"

	"github.com/tensorfile/tensorfile/tensor"
)

// CheckName fails with ErrPath if name must not be the name of a member that
// somebody may extract: it must be a relative path with single slashes, no
// "." or ".." elements, no backslash, no drive letter, no control characters,
// and no element that is a device on Windows. Case does not matter: "X" and
// "x" are two names.
func CheckName(name string) error {
	at, why := checkName(name)
	if why == "" {
		at, why = checkDevice(name)
	}
	if why == "" {
		return nil
	}
	return &tensor.Error{Kind: tensor.ErrPath, Offset: -1, Field: "name", Got: tensor.Quote(name) + ": " + why + " at byte " + count(int64(at)), Want: "a plain relative path"}
}

// checkName returns the position and nature of what makes name unsafe as a
// path, or an empty reason. Device names are left to checkDevice: inside an
// archive they do no harm.
func checkName(name string) (at int, why string) {
	if name == "" {
		return 0, "empty name"
	}
	for i := 0; i < len(name); i++ {
		switch c := name[i]; {
		case c < 0x20 || c == 0x7f:
			return i, "control character " + hex(uint64(c), 2)
		case c == '\\':
			return i, "backslash"
		}
	}
	if name[0] == '/' {
		return 0, "absolute path"
	}
	if len(name) >= 2 && name[1] == ':' && (name[0]|0x20 >= 'a' && name[0]|0x20 <= 'z') {
		return 0, "drive letter"
	}
	for at := 0; at <= len(name); {
		elem, _, _ := strings.Cut(name[at:], "/")
		switch elem {
		case "":
			if at == len(name) {
				return at - 1, "directory"
			}
			return at, "empty path element"
		case ".", "..":
			return at, "path element \"" + elem + "\""
		}
		at += len(elem) + 1
	}
	return 0, ""
}

// checkDevice finds an element that Windows takes for a device, with or
// without an extension.
func checkDevice(name string) (at int, why string) {
	for at <= len(name) {
		elem, _, _ := strings.Cut(name[at:], "/")
		base, _, _ := strings.Cut(elem, ".")
		switch base = strings.ToUpper(strings.TrimRight(base, " ")); {
		case base == "CON" || base == "PRN" || base == "AUX" || base == "NUL" || base == "CONIN$" || base == "CONOUT$":
			return at, "device name \"" + base + "\""
		case strings.HasPrefix(base, "COM") || strings.HasPrefix(base, "LPT"):
			switch base[3:] {
			case "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "\u00b9", "\u00b2", "\u00b3":
				return at, "device name \"" + base + "\""
			}
		}
		at += len(elem) + 1
	}
	return 0, ""
}
