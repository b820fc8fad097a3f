// Command wineprng writes the bcryptprimitives.dll that Wine before 8.13 lacks and
// without which no Go program starts there: one function, ProcessPrng, which is
// SystemFunction036 (RtlGenRandom) of advapi32 by another name. The file has no
// code, only an export that is forwarded.
//
//	wineprng PREFIX/drive_c/windows/system32/bcryptprimitives.dll
package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: wineprng FILE")
		os.Exit(2)
	}
	if err := os.WriteFile(os.Args[1], library(), 0o666); err != nil {
		fmt.Fprintln(os.Stderr, "wineprng:", err)
		os.Exit(1)
	}
}

const (
	align = 0x200  // of sections in the file
	page  = 0x1000 // and in memory
)

// library is a DLL for x86-64: headers, and a section that holds the table of
// exports (Microsoft, "PE Format": .edata).
func library() []byte {
	edata := exports(page)
	var b bytes.Buffer
	put := func(values ...any) {
		for _, v := range values {
			binary.Write(&b, binary.LittleEndian, v) // a Buffer does not fail
		}
	}
	dos := make([]byte, 64)
	copy(dos, "MZ")
	dos[60] = 64 // where the next header is
	put(dos, []byte("PE\x00\x00"))
	put(uint16(0x8664), uint16(1), uint32(0), uint32(0), uint32(0), uint16(112+16*8), uint16(0x2022))              // x86-64, one section; a DLL
	put(uint16(0x20b), uint16(0), uint32(0), uint32(align), uint32(0), uint32(0), uint32(page))                    // PE32+, without code
	put(uint64(0x1_8000_0000), uint32(page), uint32(align), uint16(6), uint16(0), uint32(0), uint16(6), uint16(0)) // where it would like to be; Windows 6.0
	put(uint32(0), uint32(2*page), uint32(align), uint32(0), uint16(3), uint16(0x100))                             // sizes; console; no code in data
	put(uint64(1<<20), uint64(page), uint64(1<<20), uint64(page), uint32(0), uint32(16))                           // stack, heap; tables
	put(uint32(page), uint32(len(edata)), make([]byte, 15*8))                                                      // the first table: exports
	put([]byte(".edata\x00\x00"), uint32(len(edata)), uint32(page), uint32(align), uint32(align), make([]byte, 12), uint32(0x4000_0040))
	put(make([]byte, align-b.Len()), edata, make([]byte, align-len(edata)))
	return b.Bytes()
}

// exports is the table at an address. A function whose address lies in the table
// is the name of another.
func exports(at uint32) []byte {
	const head, lists = 40, 4 + 4 + 2
	texts := []string{"bcryptprimitives.dll", "ProcessPrng", "advapi32.SystemFunction036"}
	var where [3]uint32
	var text []byte
	for i, s := range texts {
		where[i] = at + head + lists + uint32(len(text))
		text = append(text, s+"\x00"...)
	}
	b := make([]byte, 12, head)
	for _, v := range []uint32{where[0], 1, 1, 1, at + head, at + head + 4, at + head + 8, where[2], where[1]} {
		b = binary.LittleEndian.AppendUint32(b, v)
	}
	return append(append(b, 0, 0), text...)
}
