// Package s3 reads and writes objects of stores that speak S3: Amazon's, Google's by
// its interoperable interface, MinIO, Ceph, R2 and others.
//
//	import _ "github.com/tensorfile/tensorfile/remote/s3"
//
//	f, err := convert.Open(ctx, "s3://bucket/models/m.tensor", nil)
//
// An address is s3://BUCKET/KEY; the key stands in it as it is, without escapes. Where
// the store is and who asks is found as other programs find it (see Options): in the
// variables AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL, AWS_REGION, AWS_PROFILE,
// AWS_ACCESS_KEY_ID and their like, in ~/.aws/config and ~/.aws/credentials, from the
// container or the machine that the program runs on. Without any of these, requests are
// not signed, which public buckets take.
//
// Requests to read are those of package httprange, signed: one opens a finished file,
// blocks come through its cache, what fails in passing is asked for again inside the
// deadline of the context, and each answer must be of the version that was opened.
// Credentials that have run out are asked for anew once for each request.
//
// Create writes an object: in parts, while it is made, or with one request if it is
// small. Nothing of it is visible before Commit, and nothing stays of one that is
// closed without. An object is not added to or changed in place; a set of shards
// (package shard) grows by one more.
package s3
