package hdf5

// For tests that make files.
var (
	Lookup3    = lookup3
	Fletcher32 = fletcher32
	Unlzf      = lzf
)
