package host

const (
	// addressable bounds the device by what a process can have: half of the
	// addresses if they have 32 bits.
	addressable = 1 << (31 + 31*(^uint(0)>>63))
	// assumed is the memory of a machine that cannot be asked: 8 GiB, or what is
	// addressable.
	assumed = min(8<<30, addressable)
)
