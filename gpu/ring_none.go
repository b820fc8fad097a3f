//go:build !unix

package gpu

import "errors"

// anonymous is for systems where memory outside of the Go heap is the driver's.
func anonymous(int64) ([]byte, func() error, error) {
	return nil, nil, errors.New("no anonymous memory on this system")
}
