package viewer_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"
)

// scenes are what is looked at; those with a theme are in the documentation.
var scenes = []struct{ name, theme, fragment string }{
	{"overview", "", "#v=file"},
	{"heat", "light", "#t=layers.2.attention.weight&v=heat"},
	{"values", "light", "#t=volume&v=values&i=5,0,0&sel=18:23,20:26"},
	{"volume", "", "#t=volume&v=heat&i=9,0,0&scale=log&lo=0.01"},
	{"zoomed", "", "#t=layers.1.attention.weight&v=heat&cx=8&cy=7&zx=62&zy=40"},
	{"image", "", "#t=photo&v=image"},
	{"batch", "light", "#t=digits.images&v=image&many=grid&labels=digits.labels"},
	{"animation", "", "#t=animation&v=image&i=7,0,0,0"},
	{"audio", "dark", "#t=sound&v=audio&spec=1024&play=20000:44000"},
	{"lines", "light", "#t=series&v=line&along=0&by=1&many=5&xt=clock"},
	{"statistics", "", "#t=layers.2.attention.weight&v=hist&bins=50"},
	{"sparse", "", "#t=adjacency&v=sparse&row=600"},
	{"rows", "", "#t=tokens&v=rows&row=20"},
	{"strings", "", "#t=words&v=rows&row=4"},
	{"bytes", "light", "#v=bytes&byte=20000"},
	{"history", "", "#v=log"},
	{"compare", "", "#v=compare&g=1"},
	{"diff", "dark", "#t=layers.2.attention.weight&v=diff&g=1"},
	{"vector", "", "#t=clock&v=values"},
	{"thin", "", "#t=series&v=heat"},
}

// TestPictures makes the pictures of the documentation when TENSORFILE_PICTURES names
// a folder. With TENSORFILE_PICTURES_ALL it makes every one in both themes, to be looked
// at; with TENSORFILE_PICTURES_WIDE those are of a wall of a screen.
func TestPictures(t *testing.T) {
	to := os.Getenv("TENSORFILE_PICTURES")
	if to == "" {
		t.Skip("TENSORFILE_PICTURES names no folder: make pictures")
	}
	to, err := filepath.Abs(to)
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("SOURCE_DATE_EPOCH", "1790000000") // of the generations
	t.Chdir(demo(t))                            // paths are shown
	p := start(t).open(t, "demo.tensor", "other.tensor")
	width, height, suffix, all := int64(1280), int64(800), "", os.Getenv("TENSORFILE_PICTURES_ALL") != ""
	if os.Getenv("TENSORFILE_PICTURES_WIDE") != "" {
		width, height, suffix, all = 3840, 2160, "-wide", true
	}
	p.run(chromedp.EmulateViewport(width, height))
	for _, theme := range []string{"light", "dark"} {
		p.theme(theme)
		for _, s := range scenes {
			if !all && s.theme != theme {
				continue
			}
			p.show(s.fragment)
			p.settle()
			if err := os.WriteFile(filepath.Join(to, "view-"+s.name+"-"+theme+suffix+".png"), p.screenshot(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	if !all {
		return
	}
	p.press("?")
	p.wait("document.getElementById('sheet').open")
	if err := os.WriteFile(filepath.Join(to, "view-keys-dark"+suffix+".png"), p.screenshot(), 0o644); err != nil {
		t.Fatal(err)
	}
}
