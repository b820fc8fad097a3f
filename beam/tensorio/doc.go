// Package tensorio is the source and the sink of Apache Beam pipelines for .tensor
// files, sets of shards, and what else package convert opens.
//
//	p, s := beam.NewPipelineWithRoot()
//	chunks := tensorio.Read(s, tensorio.ReadOptions{}, "s3://bucket/images.shards.json")
//	...
//	tensorio.Write(s, tensorio.Output{Path: "out.shards.json", Shards: 16, Tensors: specs}, changed)
//
// Read is a splittable DoFn: the workers get ranges of chunks, and decode them. Write
// makes an ordinary .tensor file of each shard, and the index of package shard from all
// of them. WriteShard and WriteIndex are the two halves of it, for pipelines whose
// workers fetch the rows of a shard themselves: nothing is then sent through the engine.
//
// Workers open paths and addresses on their own machine. Schemes and formats are those
// that the program imports, such as package remote/s3.
//
// # Bundles that fail, and that run twice
//
// The name of a shard says its number, and its bytes follow from its content and the
// Output: whoever writes it writes the same bytes. A shard appears in one step, by a
// rename or the end of an upload, so the last writer changes nothing. The index is
// written once, from all shards, and only if each is there once; before it is, there is
// no data set. A pipeline that broke off is run again, over what it left.
package tensorio
