package httprange

import (
	"net/http"
	"time"

	"github.com/tensorfile/tensorfile/format"
)

// Options say how to read an object. The zero value, and nil, are the defaults.
type Options struct {
	// Header is sent with every request to the host of the address, and to no
	// other: Authorization, Cookie and what else a server wants. Default: none.
	Header http.Header
	// Name is what errors call the object. Default: its address, redacted.
	Name string
	// Transport makes the requests, one hop each. It must leave bodies as they
	// come. Default: one of the Source's own, with the proxy that the
	// environment names.
	Transport http.RoundTripper
	// BlockSize is the unit of reading and caching in bytes. Default: 64 KiB.
	BlockSize int
	// CacheBytes bounds the blocks that are kept; the last 64 KiB of the object
	// are kept besides. Negative: none. Default: 64 MiB.
	CacheBytes int64
	// CacheDir is a directory in which blocks are kept, too, for later Sources, of this
	// process and others. It is made if it is not there. Only objects with a strong
	// ETag are kept. Default: "", none.
	CacheDir string
	// CacheDirBytes bounds the blocks in CacheDir, whatever number of processes uses it:
	// those that were used last stay. Default: 10 GiB.
	CacheDirBytes int64
	// Parallel is how many requests are under way at a time. Default: 8.
	Parallel int
	// Retries is how often a request that brought nothing new is made again.
	// Negative: never. Default: 4.
	Retries int
	// Backoff is the wait before the first retry; it doubles with each, up to
	// 100 times of it, and half of it is left to chance. A server's Retry-After
	// makes it longer, up to a minute. Default: 100 ms.
	Backoff time.Duration
	// Stall is how long a server may send nothing before the request counts as
	// broken. Default: 30 s.
	Stall time.Duration
	// MaxDownload is how large an object may be that is read whole into memory
	// because its server does not know ranges. Default: 0, such servers are
	// refused, unless the object has no more than the 64 KiB asked for first.
	MaxDownload int64
}

const (
	tailSize = format.TailSize

	defaultCache    = 64 << 20
	defaultParallel = 8
	defaultRetries  = 4
	// maxRun bounds the bytes of one request.
	maxRun = 4 << 20
	// maxRedirects is how many hops one request may take.
	maxRedirects = 10
	// maxRetryAfter bounds what a server may make us wait.
	maxRetryAfter = time.Minute
)

func (o *Options) filled() Options {
	var f Options
	if o != nil {
		f = *o
	}
	set := func(p *int, v int) {
		if *p == 0 {
			*p = v
		}
	}
	set(&f.BlockSize, 64<<10)
	set(&f.Parallel, defaultParallel)
	set(&f.Retries, defaultRetries)
	f.BlockSize, f.Parallel, f.Retries = max(f.BlockSize, 512), max(f.Parallel, 1), max(f.Retries, 0)
	if f.CacheBytes == 0 {
		f.CacheBytes = defaultCache
	}
	if f.Backoff <= 0 {
		f.Backoff = 100 * time.Millisecond
	}
	if f.Stall <= 0 {
		f.Stall = 30 * time.Second
	}
	f.Header = f.Header.Clone()
	return f
}
