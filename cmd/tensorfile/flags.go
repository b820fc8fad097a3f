package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tensorfile/tensorfile/internal/argument"
)

// choice is the value of a flag that is auto, always or never.
type choice string

var choices = []string{"auto", "always", "never"}

func (c *choice) String() string { return string(*c) }
func (c *choice) Type() string   { return "WHEN" }

func (c *choice) Set(s string) error {
	if !slices.Contains(choices, s) {
		return fmt.Errorf("it is one of %s", strings.Join(choices, ", "))
	}
	*c = choice(s)
	return nil
}

// size is the value of a flag that is a number of bytes: "4096", "512MiB",
// "2G". Letters mean powers of 1024.
type size int64

func (s *size) String() string {
	if *s == 0 {
		return ""
	}
	return sizeText(int64(*s))
}

func (s *size) Type() string { return "SIZE" }

func (s *size) Set(text string) error {
	n, err := argument.Size(text)
	if err != nil {
		return err
	}
	*s = size(n)
	return nil
}
