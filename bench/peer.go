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
	if e.python == "" {
		return 0, false, nil
	}
	if e.peer == nil {
		if e.peer, err = startPeer(e.python); err != nil {
			return 0, false, err
		}
	}
	d, err = e.peer.call(op, n, args...)
	return d, true, err
}

// PeerPID is the process of the peer, 0 if there is none.
func (e *Env) PeerPID() int {
	if e.peer == nil {
		return 0
	}
	return e.peer.cmd.Process.Pid
}

// inPython is the body of a benchmark of an operation of the peer, by the
// peer's own clock.
func (e *Env) inPython(b *testing.B, bytes int64, op string, args ...any) {
	var total time.Duration
	n := 0
	for b.Loop() {
		d, ok, err := e.Python(op, 1, args...)
		if err != nil && strings.Contains(err.Error(), "ModuleNotFoundError") {
			b.Skip(err)
		}
		check(b, err)
		if !ok {
			b.Skip("TENSORFILE_PYTHON is not set")
		}
		total += d
		n++
	}
	b.ReportMetric(float64(total)/float64(n), "ns/op")
	if bytes > 0 {
		b.ReportMetric(float64(bytes)*float64(n)/total.Seconds()/1e6, "MB/s")
	}
	if e.peer.ratio > 0 {
		b.ReportMetric(e.peer.ratio, Compression)
	}
}
