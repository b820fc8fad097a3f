package main

import (
	"errors"
	"io/fs"
	"net"
	"strings"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/remote/httprange" // and http and https addresses with it
	"github.com/tensorfile/tensorfile/remote/s3"        // and s3
)

// shown is a path as it is printed: an address without the credentials in it.
func shown(path string) string { return convert.Redact(httprange.Redact(path)) }

// remoteHint adds to the error of opening an address what to try.
func remoteHint(path string, err error) error {
	var status *httprange.StatusError
	var lookup *net.DNSError
	var e *tensorfile.Error
	switch {
	case errors.As(err, &lookup) && isObject(path):
		return &hinted{err, "the store is that of AWS_ENDPOINT_URL_S3 and AWS_REGION, else Amazon's in us-east-1: docs/remote.md"}
	case errors.As(err, &status) && errors.Is(err, fs.ErrPermission) && isObject(path):
		return &hinted{err, "who asks, and where, is found in AWS_PROFILE, AWS_ACCESS_KEY_ID, AWS_REGION and AWS_ENDPOINT_URL_S3: docs/remote.md"}
	case errors.As(err, &status) && errors.Is(err, fs.ErrPermission):
		return &hinted{err, "credentials can stand in the address: https://USER:PASSWORD@HOST/PATH"}
	case errors.As(err, &e) && e.Kind == tensorfile.ErrUnsupported && shown(path) != path && e.Field == "address":
		return &hinted{err, "in a user name or password, write / as %2F, @ as %40, : as %3A and # as %23"}
	case errors.As(err, &e) && e.Kind == tensorfile.ErrUnsupported && (e.Field == "ranges" || e.Field == "Content-Encoding"):
		return &hinted{err, "download the file and read it from disk"}
	}
	return err
}

// isObject reports whether a path is the address of an object in a bucket.
func isObject(path string) bool { return strings.HasPrefix(strings.ToLower(path), s3.Scheme+"://") }
