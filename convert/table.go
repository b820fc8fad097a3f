package convert

// Choice is yes, no, or what a rule of the format says.
type Choice int

// The choices.
const (
	Auto Choice = iota
	Yes
	No
)

// Missing says what becomes of values that a table lacks: empty fields of CSV,
// NULL of SQL, null and absent keys of JSON.
type Missing int

const (
	// MissingNaN makes columns of numbers and bools in which values are missing
	// f64, with NaN in their place. Texts become empty.
	MissingNaN Missing = iota
	// MissingMask lets columns keep their dtype, with zeros, NaN in f64 and empty
	// texts, and adds a tensor of bools, NAME.valid, for each that has some.
	MissingMask
	// MissingError refuses the table.
	MissingError
)

// TableOptions say how tables of CSV, JSON lines and SQL are read. The zero
// value is the default.
type TableOptions struct {
	// Delimiter is what stands between fields of csv; tsv has tabs. An ASCII
	// character, no letter, digit, quote, line end or one of "+-. \t". Default: a
	// comma.
	Delimiter byte
	// Header says whether the first record has the names of the columns. Default:
	// it has if none of its fields is a number or a bool, and some are not empty.
	Header Choice
	// Matrix asks for one tensor of rank 2 instead of one for each column.
	// Default: if there is no header and all columns are numbers, or all bools.
	Matrix Choice
	// Missing says what becomes of missing values.
	Missing Missing
}
