// Pictures draws the pictures of docs/img: what strides do to views. They are
// drawn from real views, so that they show what the code says.
//
//	go run ./docs/pictures
//
// A new picture is an entry of the list in pictures.go.
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	dir := filepath.Join("docs", "img")
	if err := os.MkdirAll(dir, 0o777); err != nil {
		fail(err)
	}
	for _, p := range pictures {
		svg, err := p.draw()
		if err != nil {
			fail(fmt.Errorf("%s: %w", p.name, err))
		}
		if err := os.WriteFile(filepath.Join(dir, p.name+".svg"), svg, 0o666); err != nil {
			fail(err)
		}
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "pictures:", err)
	os.Exit(1)
}
