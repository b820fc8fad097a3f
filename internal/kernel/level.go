package kernel

// A level is a set of instructions that loops may use. Higher ones include
// lower ones.
type level uint8

const (
	levelGo     level = iota
	levelAVX2         // and F16C
	levelAVX512       // F, BW, DQ and VL
	levelGFNI         // on registers of 64 bytes
	levelCount
)

var levelNames = [levelCount]string{"go", "avx2", "avx512", "gfni"}

func (l level) String() string { return levelNames[l] }

// best is what the processor has, active what is used: less in tests only.
var (
	best   = detect()
	active = best
)

// Level names the instructions in use: "go", "avx2", "avx512" or "gfni".
func Level() string { return active.String() }
