package loader

// Checked says that late uses are caught, Faults how.
const (
	Checked = checked
	Faults  = faults
)
