package bench

import (
	"bufio"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

//go:embed peer.py
var peerSource string

// peer is a Python process that runs what NumPy does and says how long it
// took, by its own clock.
type peer struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Scanner

	ratio float64 // of the last operation, if it was one of a codec
}

func startPeer(python string) (*peer, error) {
	p := &peer{cmd: exec.Command(python, "-c", peerSource)}
	p.cmd.Stderr = os.Stderr
	var err error
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.out = bufio.NewScanner(out)
	return p, p.cmd.Start()
}

func (p *peer) close() error {
	return errors.Join(p.in.Close(), p.cmd.Wait())
}

// call runs operation op n times. Preparation is not in the time.
func (p *peer) call(op string, n int, args ...any) (time.Duration, error) {
	line, err := json.Marshal(map[string]any{"op": op, "n": n, "args": args})
	if err != nil {
		return 0, err
	}
	if _, err := p.in.Write(append(line, '\n')); err != nil {
		return 0, err
	}
	if !p.out.Scan() {
		return 0, fmt.Errorf("the peer ended during %s: %w", op, errors.Join(p.out.Err(), io.EOF))
	}
	var r struct {
		NS    int64
		Ratio float64
		Error string
	}
	if err := json.Unmarshal(p.out.Bytes(), &r); err != nil {
		return 0, err
	}
	if r.Error != "" {
		return 0, fmt.Errorf("peer: %s: %s", op, r.Error)
	}
	p.ratio = r.Ratio
	return time.Duration(r.NS), nil
}

// Python runs an operation of the peer; ok is false if there is no Python.
func (e *Env) Python(op string, n int, args ...any) (d time.Duration, ok bool, err error) {
	return call(&e.peer, e.python, op, n, args)
}

// Torch is Python for a peer that has PyTorch.
func (e *Env) Torch(op string, n int, args ...any) (d time.Duration, ok bool, err error) {
	return call(&e.second, e.torch, op, n, args)
}

func call(p **peer, python, op string, n int, args []any) (d time.Duration, ok bool, err error) {
	if python == "" {
		return 0, false, nil
	}
	if *p == nil {
		if *p, err = startPeer(python); err != nil {
			return 0, false, err
		}
	}
	d, err = (*p).call(op, n, args...)
	return d, true, err
}

// PeerPIDs are the processes of the peers that run.
func (e *Env) PeerPIDs() (list []int) {
	for _, p := range []*peer{e.peer, e.second} {
		if p != nil {
			list = append(list, p.cmd.Process.Pid)
		}
	}
	return list
}

// inPython is the body of a benchmark of an operation of the peer, by the
// peer's own clock.
func (e *Env) inPython(b *testing.B, bytes int64, op string, args ...any) {
	e.inPeer(b, bytes, e.Python, op, args...)
	if e.peer.ratio > 0 {
		b.ReportMetric(e.peer.ratio, Compression)
	}
}

// inPeer is inPython for either of the peers.
func (e *Env) inPeer(b *testing.B, bytes int64, call func(op string, n int, args ...any) (time.Duration, bool, error), op string, args ...any) {
	var total time.Duration
	n := 0
	for b.Loop() {
		d, ok, err := call(op, 1, args...)
		if err != nil && strings.Contains(err.Error(), "ModuleNotFoundError") {
			b.Skip(err)
		}
		check(b, err)
		if !ok {
			b.Skip("no such Python: TENSORFILE_PYTHON or TENSORFILE_TORCH is not set")
		}
		total += d
		n++
	}
	b.ReportMetric(float64(total)/float64(n), "ns/op")
	if bytes > 0 {
		b.ReportMetric(float64(bytes)*float64(n)/total.Seconds()/1e6, "MB/s")
	}
}
