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

//go:embed stores.py
var storesSource string

// peer is a Python process that runs what NumPy does and says how long it
// took, by its own clock.
type peer struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Scanner

	ratio float64 // of the last operation, if it was one of a codec
}

// answer is what the process says of an operation.
type answer struct {
	NS       int64
	Ratio    float64
	Error    string
	Differs  string            // what it made is not what was wanted
	Versions map[string]string // of the libraries, or why there is none
}

func startPeer(python string) (*peer, error) {
	p := &peer{cmd: exec.Command(python, "-c", storesSource+peerSource)}
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
	r, err := p.ask(map[string]any{"op": op, "n": n, "args": args})
	p.ratio = r.Ratio
	return time.Duration(r.NS), err
}

func (p *peer) ask(question map[string]any) (r answer, err error) {
	line, err := json.Marshal(question)
	if err != nil {
		return r, err
	}
	if _, err := p.in.Write(append(line, '\n')); err != nil {
		return r, err
	}
	if !p.out.Scan() {
		return r, fmt.Errorf("the peer ended during %s: %w", question["op"], errors.Join(p.out.Err(), io.EOF))
	}
	if err := json.Unmarshal(p.out.Bytes(), &r); err != nil {
		return r, err
	}
	if r.Error != "" {
		return r, fmt.Errorf("peer: %s: %s", question["op"], r.Error)
	}
	return r, nil
}

// same has the peer run an operation once and says how its outcome differs.
func (e *Env) same(w wanted, op string, args ...any) (string, error) {
	if err := e.start(); err != nil {
		return "", err
	}
	r, err := e.peer.ask(map[string]any{"op": op, "n": 1, "args": args, "want": w})
	if missing(err) {
		return "", nil // the case says so itself
	}
	return r.Differs, err
}

// Versions are the libraries of the peers in Python, or why there is none.
func (e *Env) Versions() (map[string]string, error) {
	if e.python == "" {
		return nil, nil
	}
	if err := e.start(); err != nil {
		return nil, err
	}
	r, err := e.peer.ask(map[string]any{"op": "versions", "n": 1, "args": []any{}})
	return r.Versions, err
}

func (e *Env) start() (err error) {
	if e.peer == nil {
		e.peer, err = startPeer(e.python)
	}
	return err
}

// missing reports whether a library is not there.
func missing(err error) bool {
	return err != nil && (strings.Contains(err.Error(), "ModuleNotFoundError") || strings.Contains(err.Error(), "ImportError"))
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
	e.Equal = op == "codec" // which compares by itself
	if e.peer.ratio > 0 {
		b.ReportMetric(e.peer.ratio, Compression)
	}
}

// inPeer is inPython for either of the peers.
func (e *Env) inPeer(b *testing.B, bytes int64, call func(op string, n int, args ...any) (time.Duration, bool, error), op string, args ...any) {
	var total time.Duration
	n := 0
	for b.Loop() {
		e.Asked++
		d, ok, err := call(op, 1, args...)
		if missing(err) {
			e.skip(b, err)
		}
		if err != nil {
			e.Why = err.Error()
		}
		check(b, err)
		if !ok {
			e.skip(b, "no such Python: TENSORFILE_PYTHON or TENSORFILE_TORCH is not set")
		}
		total += d
		n++
	}
	b.ReportMetric(float64(total)/float64(n), "ns/op")
	if bytes > 0 {
		b.ReportMetric(float64(bytes)*float64(n)/total.Seconds()/1e6, "MB/s")
	}
}
