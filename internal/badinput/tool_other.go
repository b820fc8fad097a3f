//go:build !unix

package badinput

import (
	"errors"
	"testing"
)

// Tool is not built here: the limits of its processes are those of Unix.
func Tool() (string, error) { return "", errors.New("no limits on processes here") }

func hasTools() bool { return false }

func (r *Row) tool(testing.TB, string, string) {}
