package glob

import (
	"strings"
	"testing"
)

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		pattern, name string
		want          bool
	}{
		{"", "", true}, {"", "a", false}, {"a", "", false},
		{"*", "", true}, {"*", "a/b.c", true}, {"?", "", false},
		{"layers.*.weight", "layers.0.weight", true},
		{"layers.*.weight", "layers.0.mlp/up.weight", true},
		{"layers.*.weight", "layers.0.bias", false},
		{"layers.?.weight", "layers.10.weight", false},
		{"*a*b*c", "xaxbxbxc", true}, {"*a*b*c", "xaxbxb", false},
		{"[a-c]x", "bx", true}, {"[a-c]x", "dx", false}, {"[!a-c]x", "dx", true}, {"[^a-c]x", "ax", false},
		{"[]a]", "]", true}, {"[a-]", "-", true}, {`[\]]`, "]", true}, {`\*`, "*", true}, {`\*`, "a", false},
		{"w[0]", "w[0]", true}, // a name is itself first
		{"w[0]", "w0", true}, {"[", "[", true}, {"[", "a", false}, {`\`, `\`, true},
		{"?", "é", true}, {"[à-ü]", "é", true}, {"*é", "caché", true},
		{"\xc7", "\xb0", false}, {"\ufffd", "\xb0", false}, {"a\xb0*", "a\xb0b", true}, {"a\xc7*", "a\xb0b", false}, // no UTF-8
		{"?", "\xb0", true}, {"[\xa0-\xbf]", "\xb0", true}, {"[\xa0-\xaf]", "\xb0", false}, {`\` + "\xb0", "\xb0", true}, {"\xc3*", "é", false},
	} {
		if got := Match(c.pattern, c.name); got != c.want {
			t.Errorf("Match(%q, %q) = %v, want %v", c.pattern, c.name, got, c.want)
		}
	}
}

func TestCheck(t *testing.T) {
	for p, ok := range map[string]bool{"a*": true, "[a": false, "[]": false, `a\`: false, "[a-": false, `[\`: false, "[]]": true} {
		if got := Check(p) == nil; got != ok {
			t.Errorf("Check(%q): sound %v, want %v", p, got, ok)
		}
	}
}

// What matches a pattern begins with its prefix.
func TestPrefix(t *testing.T) {
	for p, want := range map[string]string{"": "", "abc": "abc", "*": "", "layers.*.w": "layers.", "a?": "a", "w[0]": "w", `a\*b`: "a", "é*": "é"} {
		if got := Prefix(p); got != want {
			t.Errorf("Prefix(%q) = %q, want %q", p, got, want)
		}
		for _, name := range []string{"abc", "layers.7.w", "ab", "w0", "w[0]", "a*b", `a\*b`, "é", ""} {
			if Match(p, name) && !strings.HasPrefix(name, Prefix(p)) {
				t.Errorf("%q matches %q, which does not begin with %q", p, name, Prefix(p))
			}
		}
	}
}

func TestManyStars(t *testing.T) {
	if Match(strings.Repeat("*a", 200)+"b", strings.Repeat("a", 20_000)) {
		t.Error("matched")
	}
}
