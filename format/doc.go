// Package format is the layout of a .tensor file as pure functions between
// bytes and validated structs: header, root records, catalog runs with their
// records, dtype descriptors, raw storages and their checksums. It opens no
// file, starts no goroutine and compresses nothing.
//
// What a hostile file can do here: make a call fail with a *tensor.Error that
// names offset, field and rule. What it cannot do: make a call panic, read
// outside the bytes that it was given, or allocate more than a small multiple
// of bytes that are really there. Every count and length is checked against
// what remains before anything is allocated; a record is copied out of the
// source, the copy is validated, and only the copy is used, so a file that
// changes under a mapping cannot change what was checked.
//
// The specification is spec/tensorfile-1.0.md; each structure here names its
// section, and the ids in rules.go are those of its index of rules.
//
// Values returned are the caller's own unless stated. A Catalog is safe for
// concurrent use; everything else is plain data.
package format
