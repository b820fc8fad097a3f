// Package httprange reads an object on an HTTP server as if it were a file: an
// io.ReaderAt over range requests.
//
//	src, err := httprange.Open(ctx, "https://host/model.tensor", nil)
//	...
//	f, err := convert.OpenMap(ctx, src.Map(), &convert.OpenOptions{
//		OpenOptions: tensorfile.OpenOptions{TailFirst: true},
//	})
//
// Importing the package also makes convert.Open take http and https addresses.
//
// Opening costs one request, for the last 64 KiB, which stay in memory: a
// finished file that was never appended to is opened from them alone, any other
// after one request more. What is read later comes in blocks through a cache of
// bounded size. Blocks that lie side by side are asked for together, and one
// that several goroutines want is asked for once.
//
// All bytes of a Source are of one version of the object. Each answer must have
// the ETag, the Last-Modified date where there is no strong ETag, and the length
// of the first; one that has not is an error of kind ErrChanged, and so is every
// read after it. Of a server that sends neither ETag nor date only a change of
// length can be seen.
//
// Requests that fail in passing (429, 5xx, a broken connection, a body that is
// too short, a server that falls silent) are made again a limited number of
// times. A server that does not know ranges, or encodes the body, is refused with
// ErrUnsupported.
//
// A redirect is followed, but not from https to http. On the way to another host
// the credentials stay behind: user and password of the address and every header
// of Options.Header. Addresses in errors have neither user, password nor query.
//
// A Source is safe for concurrent use. It lives until Close, or until the context
// that it was opened with ends. Nothing of it, no goroutine and no idle connection
// of its own, is left when Close returns.
package httprange
