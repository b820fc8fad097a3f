package kernel

// A level is a set of instructions that loops may use. Higher ones include
// lower ones.
type level uint8

const (
	levelGo     level = iota
	levelAVX2         // with F16C
	levelAVX512       // F, BW, VL, DQ, and GFNI
	levelCount
)

var levelNames = [levelCount]string{"go", "avx2", "avx512"}

func (l level) String() string { return levelNames[l] }

// best is what the processor has, active what is used: lower in tests only.
var (
	best   = detect()
	active = best
)

// Level names the instructions in use: "go", "avx2" or "avx512".
func Level() string { return active.String() }
