package zipfile

import "slices"

// BadCases gives the archives to the test of the format that reads them.
var BadCases = badCases

// Zeros is an archive of one deflated member: head and n MiB of zeros.
func Zeros(head []byte, n int) []byte {
	data := append(slices.Clone(head), make([]byte, n<<20)...)
	return buildZip(nil, "", testMember{name: "zeros.npy", data: data, method: Deflated, raw: append(flushed(head), deflatedZeros(n)...)})
}
