package s3

import (
	"cmp"
	"context"
	"os"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/mmap"
	"github.com/tensorfile/tensorfile/remote/httprange"
)

func init() {
	convert.RegisterScheme(Scheme, func(ctx context.Context, address string) (*mmap.Map, error) {
		o := &Options{}
		var err error
		if o.Range.CacheDir, o.Range.CacheDirBytes, err = httprange.CacheDir(os.Getenv(httprange.CacheVariable)); err != nil {
			return nil, err
		}
		src, err := Open(ctx, address, o)
		if err != nil {
			return nil, err
		}
		return src.Map(), nil
	})
	convert.RegisterOutput(Scheme, func(ctx context.Context, address string, overwrite bool) (convert.Output, error) {
		return Create(ctx, address, &Options{Overwrite: overwrite})
	})
}

// Stores answer many requests at a time, each at the speed of a connection: so many
// fill a link of 8 Gbit/s. The cache holds what is under way.
const (
	defaultParallel = 32
	defaultCache    = 128 << 20
)

// Open opens the object at an address s3://BUCKET/KEY for reading. It makes one
// request, and more where the store fails in passing or names another region. The
// Source is that of package httprange: ctx is the context of all that it does until
// it is closed.
func Open(ctx context.Context, address string, o *Options) (*httprange.Source, error) {
	if o == nil {
		o = &Options{}
	}
	bucket, key, err := split(address)
	if err != nil {
		return nil, err
	}
	s, err := newStore(bucket, o)
	if err != nil {
		return nil, err
	}
	r := o.Range
	r.Parallel, r.CacheBytes = cmp.Or(r.Parallel, defaultParallel), cmp.Or(r.CacheBytes, defaultCache)
	r.Header, r.Transport, r.Name = nil, reader{s}, address
	return httprange.Open(ctx, s.url(key).String(), &r)
}
