// Package shard makes one namespace of many .tensor files: a set of shards.
//
//	import _ "github.com/tensorfile/tensorfile/shard"
//
//	f, err := convert.Open(ctx, "model.shards.json", nil) // ctx is for as long as f is open
//
// A set is its shards, which are ordinary .tensor files, and an index beside them: a
// JSON file with the name, dtype and shape of each tensor, in which shards its rows
// are, and the size, UUID and SHA-256 of each shard. A tensor is in one shard, or its
// rows along axis 0 are in several, in their order.
//
// The index is all that opening reads. A shard is opened when something of it is
// wanted first, from where the index is: a folder, or an address of a scheme that the
// program has (package remote/httprange, package remote/s3). One that is missing, too
// short, too long or another file than the index says is an error that names it. The
// hash is for Verify, which reads all bytes.
//
// Reads of rows that several shards have go to all of them at the same time, and copy
// what is asked for. A tensor in one shard is that shard's own: it is mapped and used
// in place as ever.
//
// To make a set, write shards with package tensorfile as ordinary files, by whatever
// processes, then make the index: Describe looks at one shard, and Join puts what was
// seen of several together. Both results are an Index, which AppendJSON and Parse carry
// from one process to another. Split and Merge do it for a file that is there.
//
// An index comes from strangers. Names of shards are plain names beside it, numbers and
// texts are checked before anything is made of them, and what the index says of a
// tensor is compared with the shard that has it.
package shard
