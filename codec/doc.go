// Package codec turns the raw bytes of a chunk into stored bytes and back, as
// the text of a pipeline says: "shuffle|zstd:3", "predict:a0,1|planes". What
// the stages mean is fixed, byte for byte, by the section "Pipelines" of the
// specification.
//
// A Pipeline is parsed once and used for any number of chunks. Stages are
// filters, which keep the length (shuffle, bitshuffle, delta, xordelta,
// predict), and stages that change it (bitpack, planes, zstd, lz4, s2,
// deflate).
//
// Stored bytes are believed in nothing. Whatever they hold, Decode writes
// within dst, never panics, and besides dst takes at most raw + raw/8 + 4096
// bytes for a stage and a fixed amount for the library behind it. Errors are of
// type *tensor.Error and name the stage, the rule of the specification and
// numbers; they have no offset, as only the caller knows where a chunk stands.
//
// Pipelines are immutable; everything here may be used by any number of
// goroutines. Buffers and the state of the libraries behind the stages come
// from pools, so that a chunk costs no allocation once they are warm.
package codec
