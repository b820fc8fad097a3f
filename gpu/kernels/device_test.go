package kernels_test

import (
	"flag"
	"fmt"
	"os"
	"slices"
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
	for _, problem := range unwritten(string(text), kernels.Families()) {
		t.Error(problem)
	}
	// It would be seen.
	one := []kernels.Family{{Name: "cast", Confirmed: []kernels.Confirmation{{Device: "Device 1", Driver: "12.8", Date: "2026-12-01"}}}}
	for page, want := range map[string]int{
		"| cast, conv | Device 1 | 12.8 | 2026-12-01 |\n": 0, "| conv | Device 1 | 12.8 | 2026-12-01 |\n": 1,
		"| cast | Device 1 | 12.8 | 2026-12-02 |\n": 1, nothingYet: 2,
	} {
		if got := unwritten(page, one); len(got) != want {
			t.Errorf("%q: %q", page, got)
		}
	}
	if got := unwritten("", []kernels.Family{{Name: "cast"}}); len(got) != 1 {
		t.Errorf("%q", got)
	}
}

const nothingYet = "No device has confirmed anything yet."

// unwritten is what the page does not say of the families, or says though it is not so.
func unwritten(page string, list []kernels.Family) (problems []string) {
	var rows [][]string // what, device, driver, date
	for line := range strings.Lines(page) {
		if cells := strings.Split(strings.TrimSpace(line), "|"); len(cells) == 6 {
			rows = append(rows, cells[1:5])
		}
	}
	confirmed := false
	for _, f := range list {
		for _, c := range f.Confirmed {
			confirmed = true
			if !slices.ContainsFunc(rows, func(row []string) bool {
				is := func(i int, s string) bool { return strings.TrimSpace(row[i]) == s }
				return slices.Contains(strings.FieldsFunc(row[0], func(r rune) bool { return r == ',' || r == ' ' }), f.Name) && is(1, c.Device) && is(2, c.Driver) && is(3, c.Date)
			}) {
				problems = append(problems, fmt.Sprintf("%s: docs/gpu-verified.md has no row for %v", f.Name, c))
			}
		}
	}
	if confirmed == strings.Contains(page, nothingYet) {
		problems = append(problems, fmt.Sprintf("docs/gpu-verified.md and %q do not agree", nothingYet))
	}
	return problems
}
