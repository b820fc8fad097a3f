package httprange

import (
	"context"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/mmap"
)

// registeredDownload is what convert.Open reads whole from a server that does
// not know ranges: such servers are what people start on their own machine.
const registeredDownload = 64 << 20

func init() {
	open := func(ctx context.Context, address string) (*mmap.Map, error) {
		src, err := Open(ctx, address, &Options{MaxDownload: registeredDownload})
		if err != nil {
			return nil, err
		}
		return src.Map(), nil
	}
	convert.RegisterScheme("http", open)
	convert.RegisterScheme("https", open)
}
