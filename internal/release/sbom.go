package main

import (
	"cmp"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"time"
)

// bill is a CycloneDX document, version 1.6: what one tool is made of.
type bill struct {
	Schema       string       `json:"$schema"`
	Format       string       `json:"bomFormat"`
	Spec         string       `json:"specVersion"`
	Serial       string       `json:"serialNumber"`
	Version      int          `json:"version"`
	Metadata     metadata     `json:"metadata"`
	Components   []component  `json:"components"`
	Dependencies []dependency `json:"dependencies"`
}

type metadata struct {
	Timestamp  string      `json:"timestamp"`
	Lifecycles []lifecycle `json:"lifecycles"`
	Component  component   `json:"component"`
}

type lifecycle struct {
	Phase string `json:"phase"`
}

type component struct {
	Type       string     `json:"type"`
	Ref        string     `json:"bom-ref"`
	Name       string     `json:"name"`
	Version    string     `json:"version"`
	Scope      string     `json:"scope,omitempty"`
	Hashes     []digest   `json:"hashes,omitempty"`
	Licences   []licence  `json:"licenses,omitempty"`
	Purl       string     `json:"purl"`
	Properties []property `json:"properties,omitempty"`
}

type digest struct {
	Alg     string `json:"alg"`
	Content string `json:"content"`
}

type licence struct {
	Licence terms `json:"license"`
}

// terms have the identifier of SPDX, or a name where that has none.
type terms struct {
	ID   string `json:"id,omitempty"`
	Name string `json:"name,omitempty"`
}

type property struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type dependency struct {
	Ref       string   `json:"ref"`
	DependsOn []string `json:"dependsOn"`
}

// sbom says what is in a tool: the modules that its build information names, which
// are those that are linked, and what the page of the viewer is made of beside our
// own, with their terms by docs/licences.md.
func (c *commit) sbom(tool string, t target) ([]byte, error) {
	b, err := os.ReadFile(tool)
	if err != nil {
		return nil, err
	}
	info, err := buildinfo.ReadFile(tool)
	if err != nil {
		return nil, err
	}
	page, err := os.ReadFile(filepath.Join(c.root, "docs", "licences.md"))
	if err != nil {
		return nil, err
	}
	doc, err := billOf(info, sha256.Sum256(b), c.version(), c.when, termsOf(string(page)))
	if err != nil {
		return nil, err
	}
	if err := doc.check(); err != nil {
		return nil, err
	}
	if info.GoVersion == "" || setting(info, "GOOS") != t.goos || setting(info, "GOARCH") != t.goarch || setting(info, "vcs.revision") != c.revision {
		return nil, fmt.Errorf("it is of %s/%s, revision %q", setting(info, "GOOS"), setting(info, "GOARCH"), setting(info, "vcs.revision"))
	}
	text, err := json.MarshalIndent(doc, "", "  ")
	return append(text, '\n'), err
}

func setting(info *debug.BuildInfo, key string) string {
	i := slices.IndexFunc(info.Settings, func(s debug.BuildSetting) bool { return s.Key == key })
	if i < 0 {
		return ""
	}
	return info.Settings[i].Value
}

func billOf(info *debug.BuildInfo, sum [sha256.Size]byte, version string, when time.Time, known map[string][]terms) (*bill, error) {
	stamp := when.UTC().Format(time.RFC3339)
	id := sha256.Sum256(append([]byte("sbom"), sum[:]...)) // a UUID of version 8: custom
	id[6], id[8] = id[6]&0x0f|0x80, id[8]&0x3f|0x80
	main := component{
		Type: "application", Ref: purl(info.Main.Path, version), Name: info.Path, Version: version,
		Hashes:   []digest{{"SHA-256", fmt.Sprintf("%x", sum)}},
		Licences: []licence{{terms{ID: "Apache-2.0"}}},
		Purl:     purl(info.Main.Path, version),
	}
	for _, key := range []string{"GOOS", "GOARCH", "CGO_ENABLED", "-tags", "-ldflags", "vcs.revision", "vcs.time", "vcs.modified"} {
		if v := setting(info, key); v != "" {
			main.Properties = append(main.Properties, property{"go:" + key, v})
		}
	}
	d := &bill{
		Schema: "http://cyclonedx.org/schema/bom-1.6.schema.json", Format: "CycloneDX", Spec: "1.6", Version: 1,
		Serial:   fmt.Sprintf("urn:uuid:%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:16]),
		Metadata: metadata{Timestamp: stamp, Lifecycles: []lifecycle{{"build"}}, Component: main},
	}
	add := func(path, version, sum, at string, t []terms) {
		x := component{Type: "library", Ref: at, Name: path, Version: version, Scope: "required", Purl: at}
		for _, one := range t {
			x.Licences = append(x.Licences, licence{one})
		}
		if sum != "" { // of go.sum: not of a file, so it is no hash of CycloneDX
			x.Properties = []property{{"go:sum", sum}}
		}
		d.Components = append(d.Components, x)
	}
	add("std", info.GoVersion, "", purl("std", info.GoVersion), []terms{{ID: "BSD-3-Clause"}})
	for _, m := range info.Deps {
		if m.Replace != nil {
			return nil, fmt.Errorf("%s is replaced by %s", m.Path, m.Replace.Path)
		}
		t, ok := known[m.Path+" "+m.Version]
		if !ok {
			return nil, fmt.Errorf("%s %s has no row in docs/licences.md", m.Path, m.Version)
		}
		add(m.Path, m.Version, m.Sum, purl(m.Path, m.Version), t)
	}
	for row, t := range known {
		if name, version, _ := strings.Cut(row, " "); name != "" && !strings.Contains(name, ".") && version != "" && version[0] >= '0' && version[0] <= '9' { // no module: embedded
			add(name, version, "", "pkg:npm/"+strings.ToLower(name)+"@"+url.PathEscape(version), t)
		}
	}
	slices.SortFunc(d.Components, func(a, b component) int { return cmp.Compare(a.Name, b.Name) })
	needs := dependency{Ref: main.Ref, DependsOn: []string{}}
	for _, x := range d.Components {
		needs.DependsOn = append(needs.DependsOn, x.Ref)
	}
	d.Dependencies = []dependency{needs}
	return d, nil
}

// purl is the address of a package: https://github.com/package-url/purl-spec.
func purl(path, version string) string {
	return "pkg:golang/" + path + "@" + url.PathEscape(version)
}

// termsOf reads the table of docs/licences.md: by module and version.
func termsOf(page string) map[string][]terms {
	m := map[string][]terms{}
	for line := range strings.Lines(page) {
		cells := strings.Split(line, "|")
		if len(cells) != 8 {
			continue
		}
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		key := cells[1] + " " + cells[2]
		for _, kind := range strings.Split(cells[5], ", ") {
			one := terms{ID: kind}
			switch kind {
			case "a list", "public domain":
				one = terms{Name: kind}
			}
			if !slices.Contains(m[key], one) {
				m[key] = append(m[key], one)
			}
		}
	}
	return m
}

// check looks for what the schema of CycloneDX wants, and for what this module
// promises of it.
func (d *bill) check() error {
	var bad []error
	want := func(ok bool, format string, args ...any) {
		if !ok {
			bad = append(bad, fmt.Errorf("sbom: "+format, args...))
		}
	}
	want(d.Format == "CycloneDX" && d.Spec == "1.6" && d.Version == 1, "format %q %q %d", d.Format, d.Spec, d.Version)
	want(len(d.Serial) == len("urn:uuid:")+36 && strings.HasPrefix(d.Serial, "urn:uuid:"), "serial number %q", d.Serial)
	_, err := time.Parse(time.RFC3339, d.Metadata.Timestamp)
	want(err == nil, "timestamp %q", d.Metadata.Timestamp)
	main := d.Metadata.Component
	want(main.Type == "application" && len(main.Hashes) == 1 && len(main.Hashes[0].Content) == 64, "the tool: %+v", main)
	refs := map[string]bool{}
	for _, x := range append([]component{main}, d.Components...) {
		want(x.Name != "" && x.Version != "" && x.Ref != "" && !refs[x.Ref], "component %q: name, version and a reference of its own", x.Name)
		want((strings.HasPrefix(x.Purl, "pkg:golang/") || strings.HasPrefix(x.Purl, "pkg:npm/")) && strings.Contains(x.Purl, "@"), "component %q: purl %q", x.Name, x.Purl)
		want(len(x.Licences) > 0, "component %q: no licence", x.Name)
		for _, l := range x.Licences {
			want((l.Licence.ID == "") != (l.Licence.Name == ""), "component %q: a licence has an identifier or a name", x.Name)
		}
		refs[x.Ref] = true
	}
	want(refs["pkg:golang/std@"+versionOf(d, "std")], "Go's own library is not in it")
	want(len(d.Components) > 1, "nothing is linked")
	for _, dep := range d.Dependencies {
		want(refs[dep.Ref] && len(dep.DependsOn) == len(d.Components), "dependencies of %q", dep.Ref)
		for _, ref := range dep.DependsOn {
			want(refs[ref], "the reference %q leads nowhere", ref)
		}
	}
	return errors.Join(bad...)
}

func versionOf(d *bill, name string) string {
	for _, x := range d.Components {
		if x.Name == name {
			return x.Version
		}
	}
	return ""
}
