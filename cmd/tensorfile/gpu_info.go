package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/tensorfile/tensorfile/gpu"
	"github.com/tensorfile/tensorfile/gpu/kernels"
)

// gpuInfoJSON is the document of gpu info.
type gpuInfoJSON struct {
	Schema  string          `json:"schema"`
	Devices []gpuDeviceJSON `json:"devices"`
	Kernels []gpuFamilyJSON `json:"kernels"`
}

type gpuDeviceJSON struct {
	Backend         string `json:"backend"` // cuda, host
	Why             string `json:"why,omitempty"`
	Ordinal         int    `json:"ordinal"`
	Name            string `json:"name"`
	UUID            string `json:"uuid,omitempty"`
	PCI             string `json:"pci,omitempty"`
	NUMANode        *int   `json:"numa_node"`
	Capability      string `json:"compute_capability,omitempty"`
	Driver          string `json:"driver,omitempty"` // what CUDA it supports
	Memory          int64  `json:"memory"`
	Multiprocessors int    `json:"multiprocessors"`
	CopyEngines     int    `json:"copy_engines"`
	HostRegister    bool   `json:"host_register"`
}

type gpuFamilyJSON struct {
	Family    string   `json:"family"`
	Kernels   []string `json:"kernels"`
	Confirmed []string `json:"confirmed"` // on what; none: on no device yet
}

func newGPUInfoCmd(t *tool) *cobra.Command {
	var w where
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "info",
		Short: "List devices and kernels",
		Long: `List the devices and what limits them, and the kernels that come with this program,
by family, with the devices on which they are known to make the bytes that they
should. "not confirmed" are those that have only been run by an interpreter.`,
		Example:           "  tensorfile gpu info\n  tensorfile gpu info --json | jq .devices[0].memory\n  tensorfile gpu info --device host",
		Annotations:       map[string]string{exitStatus: exitText("0  done", "2  there is no driver or no device")},
		Args:              nArgs(0, 0),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			list, err := w.list()
			if err != nil {
				return err
			}
			doc := gpuInfoJSON{Schema: schema("gpu-info")}
			for _, i := range list {
				doc.Devices = append(doc.Devices, deviceJSON(i))
			}
			for _, f := range kernels.Families() {
				j := gpuFamilyJSON{Family: f.Name, Kernels: f.Kernels, Confirmed: []string{}}
				for _, c := range f.Confirmed {
					j.Confirmed = append(j.Confirmed, c.Device+", CUDA "+c.Driver+", "+c.Date)
				}
				doc.Kernels = append(doc.Kernels, j)
			}
			if asJSON {
				return t.writeJSON(doc)
			}
			doc.write(t)
			return nil
		},
	}
	cmd.Flags().SortFlags = false
	w.deviceFlag(cmd)
	cmd.Flags().Lookup("device").Usage = "list this `DEVICE`: cuda for all that there are, cuda:1 and so on, host, auto"
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	return cmd
}

// list are the devices that the flag means; none is opened but the host.
func (w where) list() ([]gpu.Info, error) {
	if w == "host" || w == "auto" {
		d, err := w.open()
		if err != nil {
			return nil, err
		}
		return []gpu.Info{d.Info()}, d.Close()
	}
	all, err := gpu.Probe()
	if n, _ := w.ordinal(); err == nil && w != "cuda" {
		if n >= len(all) {
			return nil, fmt.Errorf("there is no device %d: CUDA has %s", n, counted(int64(len(all)), "device"))
		}
		all = all[n : n+1]
	}
	return all, noDevice(err)
}

func deviceJSON(i gpu.Info) gpuDeviceJSON {
	j := gpuDeviceJSON{
		Backend: i.Backend, Why: i.Why, Ordinal: i.Ordinal, Name: i.Name, UUID: i.UUID, PCI: i.PCI,
		Memory: i.Memory, Multiprocessors: i.Multiprocessors, CopyEngines: i.CopyEngines, HostRegister: i.HostRegister,
	}
	if i.NUMANode >= 0 {
		j.NUMANode = &i.NUMANode
	}
	if i.Backend == "cuda" {
		j.Capability, j.Driver = fmt.Sprintf("%d.%d", i.Major, i.Minor), cudaVersion(i.Driver)
	}
	return j
}

// cudaVersion is 12.8 of 12080.
func cudaVersion(n int) string { return fmt.Sprintf("%d.%d", n/1000, n%1000/10) }

// write prints the devices, a fact on a line, and the kernels as a table.
func (doc *gpuInfoJSON) write(t *tool) {
	for _, d := range doc.Devices {
		facts := newTable("", "")
		fact := func(name, text string) {
			if text != "" {
				facts.cell("  " + name)
				facts.cell(text)
			}
		}
		fmt.Fprintf(t.out, "%s: %s\n", d.id(), clean(d.Name))
		fact("because", clean(strings.TrimPrefix(d.Why, "gpu: ")))
		fact("memory", sizeText(d.Memory))
		if d.Backend == "cuda" {
			fact("compute capability", d.Capability)
			fact("driver", "CUDA "+d.Driver)
			fact("multiprocessors", itoa(d.Multiprocessors))
			fact("copy engines", itoa(d.CopyEngines))
			fact("uuid", clean(d.UUID))
			fact("pci", clean(d.PCI))
			if d.NUMANode != nil {
				fact("numa node", itoa(*d.NUMANode))
			}
			pins := "yes"
			if !d.HostRegister {
				pins = "no, memory of the driver is used"
			}
			fact("pins memory", pins)
		}
		facts.write(t.out, false, false)
		fmt.Fprintln(t.out)
	}
	table := newTable("KERNELS", ">ENTRIES", "<CONFIRMED ON")
	for _, f := range doc.Kernels {
		on := "not confirmed"
		if len(f.Confirmed) > 0 {
			on = strings.Join(f.Confirmed, "; ")
		}
		for _, s := range []string{f.Family, itoa(len(f.Kernels)), on} {
			table.cell(s)
		}
	}
	table.write(t.out, true, t.colored())
}

// id is how --device calls the device.
func (d *gpuDeviceJSON) id() string {
	if d.Backend == "cuda" {
		return "cuda:" + itoa(d.Ordinal)
	}
	return d.Backend
}
