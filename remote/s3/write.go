package s3

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/tensorfile/tensorfile/tensor"
)

const (
	defaultPart  = 16 << 20
	leastPart    = 5 << 20 // of all but the last, as the interface has it
	maxParts     = 10_000
	defaultParts = 4
	// cleanUp is how long the end of an upload that failed may take: the context of
	// the caller may have ended by then.
	cleanUp = 30 * time.Second
)

// An Upload is an object that is being written. It belongs to one goroutine. What it
// holds in memory is PartSize for each part that is on its way, and one more.
type Upload struct {
	address     string
	bucket, key string
	o           Options
	store       *store
	ctx         context.Context // ends with Close
	cancel      context.CancelFunc

	part []byte // that is being filled
	free chan []byte
	sent int64 // bytes before part
	id   string
	wg   sync.WaitGroup // parts that are on their way

	mu    sync.Mutex // guards parts and err
	parts []string   // what the store knows each by; "": on its way
	err   error

	flushed bool // nothing is written any more
	closed  bool
}

// Create begins an object at an address s3://BUCKET/KEY. It makes one request, to see
// that none is there, unless o.Overwrite. ctx is the context of all that the Upload
// does until it is closed.
func Create(ctx context.Context, address string, o *Options) (*Upload, error) {
	u := &Upload{address: address}
	if o != nil {
		u.o = *o
	}
	u.o.PartSize, u.o.Parts = max(cmp.Or(u.o.PartSize, defaultPart), leastPart), max(cmp.Or(u.o.Parts, defaultParts), 1)
	var err error
	if u.bucket, u.key, err = split(address); err != nil {
		return nil, err
	}
	if u.store, err = newStore(u.bucket, &u.o); err != nil {
		return nil, err
	}
	u.ctx, u.cancel = context.WithCancel(ctx)
	u.free = make(chan []byte, u.o.Parts)
	for range u.o.Parts {
		u.free <- nil
	}
	if !u.o.Overwrite {
		there, err := u.store.there(u.ctx, u.key)
		if there {
			err = u.exists()
		}
		if err != nil {
			u.cancel()
			return nil, u.fail(err, "destination", -1)
		}
	}
	return u, nil
}

func (u *Upload) exists() error {
	return &tensor.Error{Kind: tensor.ErrExists, Path: u.address, Offset: -1, Field: "destination", Got: "an object that is there", Want: "none, or leave to overwrite it"}
}

// fail makes err a *tensor.Error with the address.
func (u *Upload) fail(err error, field string, off int64) error {
	var e *tensor.Error
	if err == nil || errors.As(err, &e) {
		return err
	}
	if cause := context.Cause(u.ctx); cause != nil && errors.Is(err, context.Canceled) {
		err = cause
	}
	var r *refusal
	if errors.As(err, &r) {
		err = &r.StatusError
	}
	return &tensor.Error{Kind: tensor.ErrIO, Path: u.address, Offset: off, Field: field, Err: err}
}

// Write appends p, which is not kept. A part that failed is told by the next call.
func (u *Upload) Write(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		if err := u.failed(); err != nil {
			return n, err
		}
		if u.flushed {
			return n, &tensor.Error{Kind: tensor.ErrUnsupported, Path: u.address, Offset: u.sent, Field: "write", Got: "one after Flush", Want: "Commit or Close"}
		}
		if u.part == nil {
			select {
			case u.part = <-u.free:
			case <-u.ctx.Done():
				return n, u.fail(u.ctx.Err(), "write", u.sent)
			}
			if u.part == nil {
				u.part = make([]byte, 0, u.o.PartSize)
			}
			u.part = u.part[:0]
		}
		m := min(len(p)-n, cap(u.part)-len(u.part))
		u.part = append(u.part, p[n:n+m]...)
		n += m
		// The last byte of a part waits for the next one: an object of one part needs
		// no upload in parts.
		if len(u.part) == cap(u.part) && n < len(p) {
			if err := u.send(); err != nil {
				return n, err
			}
		}
	}
	return n, nil
}

// failed is why the upload cannot go on, or nil.
func (u *Upload) failed() error {
	if u.closed {
		return &tensor.Error{Kind: tensor.ErrClosed, Path: u.address, Offset: -1}
	}
	if err := u.ctx.Err(); err != nil {
		return u.fail(err, "write", u.sent)
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.err
}

// send puts the part that is being filled on its way.
func (u *Upload) send() error {
	if u.id == "" {
		if err := u.ctx.Err(); err != nil {
			return u.fail(err, "upload", 0)
		}
		// An upload whose name did not come back could not be removed: the answer is
		// waited for.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(u.ctx), cleanUp)
		defer cancel()
		id, err := u.store.begin(ctx, u.key, http.Header{"Content-Type": {contentType}})
		if err != nil {
			return u.fail(err, "upload", 0)
		}
		u.id = id
	}
	u.mu.Lock()
	number := len(u.parts) + 1
	u.parts = append(u.parts, "")
	u.mu.Unlock()
	if number > maxParts {
		return &tensor.Error{Kind: tensor.ErrLimit, Path: u.address, Offset: u.sent, Field: "parts", Got: "more than " + strconv.Itoa(maxParts), Want: fmt.Sprintf("parts larger than %d bytes (PartSize), or shards", u.o.PartSize)}
	}
	b, off := u.part, u.sent
	u.part, u.sent = nil, u.sent+int64(len(b))
	u.wg.Go(func() {
		defer func() { u.free <- b }()
		etag, err := u.store.putPart(u.ctx, u.key, u.id, number, b)
		u.mu.Lock()
		defer u.mu.Unlock()
		if err == nil {
			u.parts[number-1] = etag
		} else if u.err == nil {
			u.err = u.fail(err, "write", off)
		}
	})
	return nil
}

const contentType = "application/octet-stream"

// Flush sends what is left, and waits until the store has all of it: Commit is one short
// request then, and the memory of the parts is free. Nothing can be written after it.
func (u *Upload) Flush() error {
	if err := u.failed(); err != nil || u.flushed {
		return err
	}
	u.flushed = true
	if len(u.part) > 0 {
		if err := u.send(); err != nil {
			return err
		}
	}
	u.wg.Wait()
	for range cap(u.free) {
		<-u.free
	}
	return u.failed()
}

// Commit sends what is left and makes the object visible, whole. If the error is
// ErrCommitUnknown it is there or it is not; after any other, what was there is there
// as it was.
func (u *Upload) Commit() error {
	if err := u.failed(); err != nil {
		return err
	}
	head := http.Header{}
	if !u.o.Overwrite {
		head.Set("If-None-Match", "*") // someone may have been faster
	}
	commit := func() error {
		head.Set("Content-Type", contentType)
		return u.store.put(u.ctx, u.key, u.part, head)
	}
	if u.id != "" {
		if !u.flushed {
			if err := u.send(); err != nil {
				return err
			}
		}
		u.wg.Wait()
		if err := u.failed(); err != nil {
			return err
		}
		commit = func() error { return u.store.complete(u.ctx, u.key, u.id, u.parts, head) }
	}
	err := commit()
	status, _ := refusedWith(err)
	if status == http.StatusNotImplemented && !u.o.Overwrite {
		head.Del("If-None-Match") // a store without conditions: the look at the start must do
		err = commit()
		status, _ = refusedWith(err)
	}
	switch {
	case err == nil:
		u.id = "" // nothing to abort
		return u.end()
	case status == http.StatusPreconditionFailed || status == http.StatusConflict && !u.o.Overwrite:
		return u.exists()
	case u.id == "" && status/100 == 4:
		return u.fail(err, "write", -1)
	}
	// The answer may have been lost. An upload that can be aborted has not become an
	// object.
	if u.id != "" && u.abort() == nil {
		u.id = ""
		return u.fail(err, "commit", -1)
	}
	return fmt.Errorf("%w: %w", tensor.ErrCommitUnknown, u.fail(err, "commit", -1))
}

// Remove takes away the object that Commit made, or what has taken its place since.
func (u *Upload) Remove() error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(u.ctx), cleanUp)
	defer cancel()
	return u.fail(u.store.remove(ctx, u.key), "removal", -1)
}

// Close ends the upload. Without Commit before, nothing of it stays.
func (u *Upload) Close() error {
	if u.closed {
		return nil
	}
	return u.end()
}

func (u *Upload) end() error {
	u.closed = true
	u.cancel()
	u.wg.Wait() // a part that comes later would stay
	if u.id == "" {
		return nil
	}
	if err := u.abort(); err != nil {
		return u.fail(err, "removal of the parts of upload "+tensor.Quote(u.id), -1)
	}
	return nil
}

// abort removes the parts that have been sent.
func (u *Upload) abort() error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(u.ctx), cleanUp)
	defer cancel()
	err := u.store.abort(ctx, u.key, u.id)
	if _, code := refusedWith(err); code == "NoSuchUpload" && u.closed {
		return nil // it has gone by itself
	}
	return err
}
