//go:build invariants

package mmap

// invariants keeps closed mappings in quarantine for ever.
const invariants = true
