package kernel

// A level is a set of instructions that loops may use. Higher ones include
// lower ones; which there are is said where they are detected.
type level uint8

const levelGo level = 0

func (l level) String() string { return levelNames[l] }

// best is what the processor has, active what is used: less in tests only.
var (
	best   = detect()
	active = best
)

// Level names the instructions in use: "go", or "avx2", "avx512", "gfni",
// "neon".
func Level() string { return active.String() }
