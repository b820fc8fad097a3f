//go:build mutants

package mutant

import (
	"os"
	"sync/atomic"
)

var planted atomic.Pointer[string]

func init() { Set(os.Getenv("TENSORFILE_MUTANT")) }

// Set plants the mistake called name, and takes away the one before; "" is none.
func Set(name string) { planted.Store(&name) }

// On reports whether the mistake called name is planted.
func On(name string) bool { return *planted.Load() == name }
