package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/tensorfile/tensorfile/gpu"
)

func init() { commands = append(commands, newGPUCmd) }

func newGPUCmd(t *tool) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "gpu COMMAND",
		Short: "Look at GPUs, time tensors on their way there, and kernels",
		Long: `Look at the devices that CUDA has, time tensors of a file on their way to one, and
measure the kernels that come with this program, each beside the limits of the
device that were measured in the same run. The driver is looked for when a command
needs it; without one a command says why in one line and ends with 2.

--device host works anywhere: memory of the machine is the device then, and kernels
are their references in Go.`,
		Example: `  tensorfile gpu info
  tensorfile gpu load model.safetensors
  tensorfile gpu bench --device host`,
		Annotations: map[string]string{exitStatus: exitText("0  done", "1  no tensor matches, or a kernel made what it should not", "2  there is no driver or no device, or something could not be read")},
		Args:        needsCommand,
		RunE:        func(*cobra.Command, []string) error { return nil },
	}
	cmd.AddCommand(newGPUInfoCmd(t), newGPULoadCmd(t), newGPUBenchCmd(t))
	return cmd
}

// where is the value of --device.
type where string

func (w *where) String() string { return string(*w) }
func (w *where) Type() string   { return "DEVICE" }

func (w *where) Set(s string) error {
	if _, ok := where(s).ordinal(); !ok && s != "host" && s != "auto" {
		return errors.New("it is cuda, cuda:1 and so on, host, or auto for CUDA where it is and the host else")
	}
	*w = where(s)
	return nil
}

// ordinal is that of a CUDA device.
func (w where) ordinal() (int, bool) {
	if w == "cuda" {
		return 0, true
	}
	text, ok := strings.CutPrefix(string(w), "cuda:")
	n, err := strconv.ParseUint(text, 10, 16)
	return int(n), ok && err == nil
}

// deviceFlag adds --device to a command.
func (w *where) deviceFlag(cmd *cobra.Command) {
	*w = "cuda"
	cmd.Flags().Var(w, "device", "use this `DEVICE`: cuda, cuda:1 and so on, host, auto")
	cmd.RegisterFlagCompletionFunc("device", cobra.FixedCompletions([]string{"cuda", "host", "auto"}, cobra.ShellCompDirectiveNoFileComp))
}

// open opens the device.
func (w where) open() (*gpu.Device, error) {
	switch w {
	case "host":
		return gpu.OpenHost(nil)
	case "auto":
		return gpu.OpenAuto(nil)
	}
	n, _ := w.ordinal()
	d, err := gpu.Open(n, nil)
	return d, noDevice(err)
}

// noDevice is an error of the driver in one line, with what works without.
func noDevice(err error) error {
	if err == nil {
		return nil
	}
	none := func(kind error) bool { return errors.Is(err, kind) }
	if slices.ContainsFunc([]error{gpu.ErrNoDriver, gpu.ErrNoDevice, gpu.ErrDriverTooOld}, none) {
		text := strings.Join(strings.Fields(strings.TrimPrefix(err.Error(), "gpu: ")), " ")
		return fmt.Errorf("%s (--device host works without)", text)
	}
	return err
}

// closeDevice closes a device that nothing else has failed on.
func closeDevice(d *gpu.Device, err *error) {
	if e := d.Close(); *err == nil {
		*err = e
	}
}
