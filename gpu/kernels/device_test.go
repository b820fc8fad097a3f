package kernels_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/tensorfile/tensorfile/gpu"
	"github.com/tensorfile/tensorfile/gpu/kernels"
)

// The tests of this package, built into a program of its own by "make gpu-test",
// are what a device has to pass: docs/gpu-verified.md. The same bodies run on the
// host backend and on the fake driver in every test run.
var device = flag.String("device", "", "run on this `device` alone: cuda, or host")

func TestMain(m *testing.M) {
	flag.Parse()
	switch *device {
	case "":
	case "host":
		places = places[:1]
	case "cuda":
		d, err := gpu.Open(0, nil)
		if err != nil {
			fmt.Printf("%s\nWith a device this would run:\n", strings.TrimPrefix(err.Error(), "gpu: "))
			flag.Set("test.list", ".")
			m.Run()
			os.Exit(2)
		}
		i := d.Info()
		fmt.Printf("%s, %v\n%d copy engines, %d multiprocessors, NUMA node %d, memory that is there can be pinned: %v\n", time.Now().UTC().Format(time.DateOnly), i, i.CopyEngines, i.Multiprocessors, i.NUMANode, i.HostRegister)
		if err := d.Close(); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		places = []place{{"cuda", func(t testing.TB) *gpu.Device { return get(gpu.Open(0, nil))(t) }}}
	default:
		fmt.Printf("-device %s: it is cuda or host\n", *device)
		os.Exit(2)
	}
	os.Exit(m.Run())
}

// What has been confirmed on a device is what docs/gpu-verified.md tells.
func TestConfirmed(t *testing.T) {
	text, err := os.ReadFile("../../docs/gpu-verified.md")
	if *device != "" && err != nil {
		t.Skip("without the source: ", err)
	} else if err != nil {
		t.Fatal(err)
	}
	var rows []string
	for line := range strings.Lines(string(text)) {
		if cells := strings.Split(line, "|"); len(cells) == 6 && strings.HasPrefix(strings.TrimSpace(cells[3]), "20") {
			rows = append(rows, strings.Join(strings.Fields(strings.Join(cells[1:5], "|")), " "))
		}
	}
	n := 0
	for _, f := range kernels.Families() {
		for _, c := range f.Confirmed {
			n++
			found := false
			for _, r := range rows {
				found = found || strings.Contains(r, c.Device+" | "+c.Driver+" | "+c.Date) && strings.Contains(r, f.Name)
			}
			if !found {
				t.Errorf("%s: no row of docs/gpu-verified.md has %v", f.Name, c)
			}
		}
	}
	if n == 0 && !strings.Contains(string(text), "No device has confirmed anything yet.") {
		t.Error("docs/gpu-verified.md does not say that nothing has been confirmed")
	}
}
