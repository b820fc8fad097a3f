package glob

import (
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzMatch matches any pattern with any name: as the same rule written as a
// regular expression says, and a malformed one only itself.
func FuzzMatch(f *testing.F) {
	for _, s := range [][2]string{
		{"layers.*.weight", "layers.0.weight"}, {"*a*b*c", "xaxbxbxc"}, {"[!a-c]x", "dx"}, {"[]a]", "]"}, {`[\]]`, "]"}, {"w[0]", "w[0]"}, {"[", "["},
		{"?", "é"}, {"[à-ü]", "é"}, {"[z-a]", "b"}, {strings.Repeat("*a", 30), strings.Repeat("a", 60) + "b"},
	} {
		f.Add(s[0], s[1])
	}
	f.Fuzz(func(t *testing.T, pattern, name string) {
		if len(pattern) > 200 || len(name) > 2000 {
			return
		}
		got := Match(pattern, name)
		if pattern == name && !got {
			t.Fatalf("%q is not itself", name)
		}
		if Check(pattern) != nil {
			if got && pattern != name {
				t.Fatalf("%q is malformed and matches %q", pattern, name)
			}
			return
		}
		if !Has(pattern) && got != (pattern == name) {
			t.Fatalf("%q has no sign and matches %q: %v", pattern, name, got)
		}
		// A pattern without sets, as a regular expression.
		if strings.ContainsAny(pattern, `[\`) || !utf8.ValidString(pattern) || !utf8.ValidString(name) || pattern == name {
			return
		}
		twin := strings.NewReplacer(`\*`, ".*", `\?`, ".").Replace(regexp.QuoteMeta(pattern))
		if want := regexp.MustCompile("^(?s:" + twin + ")$").MatchString(name); got != want {
			t.Fatalf("Match(%q, %q) = %v, the regular expression says %v", pattern, name, got, want)
		}
	})
}
