package s3

import (
	"strings"

	"github.com/tensorfile/tensorfile/tensor"
)

// Scheme of the addresses of objects.
const Scheme = "s3"

// split takes an address apart.
func split(address string) (bucket, key string, err error) {
	scheme, rest, ok := strings.Cut(address, "://")
	bucket, key, slash := strings.Cut(rest, "/")
	if !ok || !strings.EqualFold(scheme, Scheme) || !slash || key == "" || !isBucket(bucket) {
		return "", "", &tensor.Error{Kind: tensor.ErrUnsupported, Path: address, Offset: -1, Field: "address", Got: "another one", Want: "s3://BUCKET/KEY"}
	}
	return bucket, key, nil
}

// isBucket reports whether s can be the name of a bucket: it becomes part of the name
// of a host.
func isBucket(s string) bool {
	if len(s) < 3 || len(s) > 63 {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		case c == '-' || c == '.' || c == '_':
			if i == 0 || i == len(s)-1 {
				return false
			}
		default:
			return false
		}
	}
	return !strings.Contains(s, "..")
}
