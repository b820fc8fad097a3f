package viewer

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"time"
)

// The limits of Serve. A connection that asks for nothing costs some kilobytes, so
// that all of them are cheap.
const (
	mostConnections = 512
	idleTime        = 2 * time.Minute
	headerBytes     = 64 << 10 // names of tensors have up to 1024 bytes
)

// How long a client may take for the head of a request, and for pieceBytes of an
// answer. Tests are in a hurry.
var (
	headerTime = 10 * time.Second
	writeTime  = 30 * time.Second
)

// Serve answers the connections of l, which it closes, until ctx ends: with limits
// on their number, on the time and the size of a request, and on the time that a
// client takes to read a piece of an answer.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	server := &http.Server{
		Handler:           s,
		ReadHeaderTimeout: headerTime,
		IdleTimeout:       idleTime,
		MaxHeaderBytes:    headerBytes,
		ErrorLog:          log.New(io.Discard, "", 0),
	}
	stop := context.AfterFunc(ctx, func() { server.Close() })
	defer stop()
	err := server.Serve(&limited{Listener: l, room: make(chan struct{}, mostConnections)})
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// limited takes no more connections than there is room for; others wait in the
// queue of the system.
type limited struct {
	net.Listener
	room chan struct{}
}

func (l *limited) Accept() (net.Conn, error) {
	l.room <- struct{}{}
	c, err := l.Listener.Accept()
	if err != nil {
		<-l.room
		return nil, err
	}
	return &counted{Conn: c, done: sync.OnceFunc(func() { <-l.room })}, nil
}

type counted struct {
	net.Conn
	done func()
}

func (c *counted) Close() error {
	defer c.done()
	return c.Conn.Close()
}

// pieceBytes of an answer have a time of their own.
const pieceBytes = 64 << 10

// paced writes an answer piece by piece, each with a time of its own, so that a
// client may be slow and an answer long, but nobody holds on to one for ever.
type paced struct {
	w    http.ResponseWriter
	ctrl *http.ResponseController
}

func newPaced(w http.ResponseWriter) *paced { return &paced{w, http.NewResponseController(w)} }

func (p *paced) Write(b []byte) (n int, err error) {
	for {
		// Not every ResponseWriter has deadlines; tests have none.
		p.ctrl.SetWriteDeadline(time.Now().Add(writeTime))
		m, err := p.w.Write(b[n:min(len(b), n+pieceBytes)])
		n += m
		if err != nil || n == len(b) {
			return n, err
		}
	}
}

func (p *paced) flush() error {
	if err := p.ctrl.Flush(); !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	return nil
}
