package flac

import "math/bits"

// What tests build files of.
var (
	CRC8  = crc8
	CRC16 = crc16
)

// Bits collects bits, the highest of a byte first.
type Bits struct{ w bitWriter }

func (b *Bits) Put(x uint64, n uint) *Bits { b.w.put(x, n); return b }

func (b *Bits) Bytes() []byte { b.w.flush(); return b.w.b }

// Variable makes the encoder cut blocks at the given lengths, for a stream in
// which they differ.
func Variable(x []int64, depth uint, rate int64, blocks ...int) []byte {
	s := &info{minBlock: 16, maxBlock: maxBlock, rate: rate, channels: 1, bits: depth, total: int64(len(x))}
	b := appendBlock([]byte("fLaC"), blockInfo, true, s.append(nil))
	e := &encoder{info: s}
	at := 0
	for at < len(x) {
		for _, n := range blocks {
			n = min(n, len(x)-at)
			if n == 0 {
				break
			}
			e.x = [][]int64{append([]int64(nil), x[at:at+n]...)}
			frame := e.frame(nil, int64(at))
			frame[1] |= 1 // numbers are those of samples
			h := 4 + max(bits.LeadingZeros8(^frame[4]), 1)
			if frame[2]>>4 == 6 {
				h++
			} else if frame[2]>>4 == 7 {
				h += 2
			}
			switch frame[2] & 15 {
			case 12:
				h++
			case 13, 14:
				h += 2
			}
			frame[h] = crc8(frame[:h])
			frame = be.AppendUint16(frame[:len(frame)-2], crc16(frame[:len(frame)-2]))
			b = append(b, frame...)
			at += n
		}
	}
	return b
}
