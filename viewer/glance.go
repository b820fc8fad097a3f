package viewer

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"strings"
)

// What the page shows until its script has begun, and where there is none: the first
// file and its largest tensors, or some of them while names are still being read, from
// the answers that are sent ahead. It looks like the overview of js/file.js.

// glanceMark stands in index.html for it.
const glanceMark = "{{glance}}"

//go:embed glance.html
var glanceText string

var glancePage = template.Must(template.New("glance").Parse(glanceText))

// glance is nothing where the file is not known yet, or bad.
func glance(docs []aheadDoc) []byte {
	var list struct {
		Files []struct {
			Name, Path, Format string
			Bytes, Tensors     number
			Counting           bool
			Error              any
		}
	}
	var largest struct {
		Rows []struct {
			Name, DType string
			Shape       []number
			Bytes       number
		}
	}
	for _, d := range docs {
		switch d.Name {
		case "files":
			_ = json.Unmarshal(d.Answer, &list) // what is not as expected is not shown
		case "tensors":
			_ = json.Unmarshal(d.Answer, &largest)
		}
	}
	if len(list.Files) == 0 || list.Files[0].Format == "" || list.Files[0].Error != nil {
		return nil
	}
	type row struct{ Name, DType, Shape, Size string }
	f := list.Files[0]
	shown := struct {
		Name, Path, Format, Count, Tensors, Size, Which string
		Rows                                            []row
	}{Name: f.Name, Path: f.Path, Format: f.Format, Count: grouped(f.Tensors), Tensors: "tensors", Size: sizeText(f.Bytes), Which: "Largest tensors"}
	switch {
	case f.Counting:
		shown.Tensors, shown.Which = "tensors so far", "Tensors"
	case f.Tensors == 1:
		shown.Tensors, shown.Which = "tensor", "Tensor"
	}
	for _, r := range largest.Rows {
		x := row{r.Name, r.DType, strings.ReplaceAll(strings.Trim(fmt.Sprint(r.Shape), "[]"), " ", "×"), sizeText(r.Bytes)}
		if len(r.Shape) == 0 {
			x.Shape = "scalar"
		}
		if x.DType == "none" {
			x.DType = "string"
		}
		shown.Rows = append(shown.Rows, x)
	}
	var b bytes.Buffer
	if glancePage.Execute(&b, shown) != nil {
		return nil
	}
	return b.Bytes()
}

// grouped writes an integer as the page does, with thin spaces.
func grouped(n number) string {
	s := fmt.Sprint(int64(n))
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "\u2009" + s[i:]
	}
	return s
}

// sizeText writes a number of bytes as the page does.
func sizeText(n number) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"}
	x, u := float64(n), 0
	for x >= 1024 && u < len(units)-1 {
		x, u = x/1024, u+1
	}
	switch {
	case u == 0:
		return fmt.Sprint(int64(n), " B")
	case x < 10:
		return fmt.Sprintf("%.2f %s", x, units[u])
	}
	return fmt.Sprintf("%.1f %s", x, units[u])
}
