package httprange

import (
	"context"
	"os"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/mmap"
)

// registeredDownload is what convert.Open reads whole from a server that does
// not know ranges: such servers are what people start on their own machine.
const registeredDownload = 64 << 20

func init() {
	open := func(ctx context.Context, address string) (*mmap.Map, error) {
		o := &Options{MaxDownload: registeredDownload}
		var err error
		if o.CacheDir, o.CacheDirBytes, err = CacheDir(os.Getenv(CacheVariable)); err != nil {
			return nil, err
		}
		src, err := Open(ctx, address, o)
		if err != nil {
			return nil, err
		}
		return src.Map(), nil
	}
	convert.RegisterScheme("http", open)
	convert.RegisterScheme("https", open)
}
