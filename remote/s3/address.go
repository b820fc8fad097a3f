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
	got := ""
	switch {
	case !ok || !strings.EqualFold(scheme, Scheme):
		got = "another one"
	case !isBucket(bucket):
		got = "the bucket " + tensor.Quote(bucket)
	case !slash || key == "":
		got = "no key"
	default:
		return bucket, key, nil
	}
	return "", "", &tensor.Error{Kind: tensor.ErrUnsupported, Path: address, Offset: -1, Field: "address", Got: got, Want: "s3://BUCKET/KEY, the name of the bucket 3 to 63 letters, digits, dots and hyphens"}
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
