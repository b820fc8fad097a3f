package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"

	"github.com/spf13/cobra"
	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/viewer"
)

func init() { commands = append(commands, newViewCmd) }

func newViewCmd(t *tool) *cobra.Command {
	addr, noOpen := "127.0.0.1:0", false
	cmd := &cobra.Command{
		Use:   "view FILE|DIR...",
		Short: "Look at tensors in a browser",
		Long: `Look at tensors in a browser: values, heat maps, pictures, waves, statistics,
sparse patterns, the bytes of a file, its generations, and differences. Files of
any format are read where they lie, on a disk, a web server or in a bucket, and
nothing is changed. Of a folder the files whose names say that they can be read are
shown.

The page is served by this program until it is interrupted, on this machine only
unless --addr says otherwise. Its address holds a random token, without which the
server answers nothing; no request leaves the machine but those for the files
themselves.`,
		Example: `  tensorfile view model.tensor
  tensorfile view --no-open weights.npz images/
  tensorfile view --at 3 model.tensor
  tensorfile view https://example.com/model.safetensors`,
		Annotations: map[string]string{exitStatus: exitText("2    there is nothing to show, or the address cannot be used", "130  interrupted: it serves until then")},
		Args:        nArgs(1, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			for _, arg := range args {
				if arg == convert.Stream {
					return usage(cmd, "standard input cannot be looked at; save it first")
				}
			}
			return t.view(cmd.Context(), files(args), addr, !noOpen)
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVar(&addr, "addr", addr, "listen on `HOST:PORT`; port 0 is any that is free")
	f.BoolVar(&noOpen, "no-open", false, "print the address, do not open a browser")
	return cmd
}

// view serves files until the context ends.
func (t *tool) view(ctx context.Context, paths []string, addr string, browse bool) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return &usageError{fmt.Sprintf("--addr %s: %v", addr, err), "such as 127.0.0.1:8080 or :0"}
	}
	o := &viewer.Options{Open: t.openOptions(), Generation: uint64(t.at), Jobs: t.jobs, Version: tensorfile.Version}
	if host != "" {
		o.Hosts = []string{host}
	}
	s, err := viewer.New(paths, o)
	if err != nil {
		return err
	}
	defer s.Close()
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		return &hinted{err, "--addr 127.0.0.1:0 takes any port that is free"}
	}
	if a, ok := l.Addr().(*net.TCPAddr); ok && !a.IP.IsLoopback() {
		t.note("%s can be reached from other machines: whoever knows the address below sees these files", l.Addr())
	}
	address := "http://" + shownHost(l.Addr(), host) + s.Path()
	fmt.Fprintln(t.out, address)
	if err := t.out.Flush(); err != nil {
		l.Close()
		return err
	}
	if browse {
		if err := openBrowser(address); err != nil {
			t.note("no browser can be opened (%v); the address above is the page", err)
		}
	}
	if err := s.Serve(ctx, l); err != nil {
		return err
	}
	return ctx.Err() // nothing else ends it
}

// shownHost is the host and port of the page: that of the listener, by the name that was
// asked for. Of all addresses of the machine it is that of the loopback interface.
func shownHost(a net.Addr, asked string) string {
	_, port, _ := net.SplitHostPort(a.String())
	if ip := net.ParseIP(asked); asked == "" || ip != nil && ip.IsUnspecified() {
		asked = "127.0.0.1"
	}
	return net.JoinHostPort(asked, port)
}

// openBrowser opens an address as the desktop does, and does not wait for it.
func openBrowser(address string) error {
	name, args := "xdg-open", []string{address}
	switch runtime.GOOS {
	case "darwin":
		name = "open"
	case "windows":
		name, args = "rundll32", []string{"url.dll,FileProtocolHandler", address}
	default:
		if os.Getenv("DISPLAY") == "" && os.Getenv("WAYLAND_DISPLAY") == "" {
			return fmt.Errorf("no display")
		}
	}
	cmd := exec.Command(name, args...)
	if err := cmd.Start(); err != nil {
		return err
	}
	go cmd.Wait()
	return nil
}
