package kernels

import (
	"cmp"
	"slices"

	"github.com/tensorfile/tensorfile/gpu/internal/ptx"
)

// A Family is kernels of one module, and the devices that have run them.
type Family struct {
	Name      string         // of the module
	Kernels   []string       // its entries
	Confirmed []Confirmation // none: no device has run them yet
}

// A Confirmation says where `make gpu-test` has passed: every kernel of the family
// made the bytes that its reference in Go makes.
type Confirmation struct {
	Device string // "NVIDIA H100 PCIe"
	Driver string // "12.8", what CUDA the driver supports
	Date   string // "2026-11-21"
}

// confirmed is by family, what docs/gpu-verified.md has.
var confirmed = map[string][]Confirmation{}

// Families are all kernels, by name, and what is known of them beside the tests: those run
// the PTX in an interpreter and compare it with the references in Go, which is no
// proof of what a device does.
func Families() []Family {
	list := make([]Family, len(ptx.Modules))
	for i, m := range ptx.Modules {
		list[i] = Family{Name: m.Name, Confirmed: confirmed[m.Name]}
		for _, k := range m.Kernels {
			list[i].Kernels = append(list[i].Kernels, k.Name)
		}
	}
	slices.SortFunc(list, func(a, b Family) int { return cmp.Compare(a.Name, b.Name) })
	return list
}
