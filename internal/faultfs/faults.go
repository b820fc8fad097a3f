package faultfs

// Faults are the ways in which operation n, which is op, is made to fail with
// the errors of hard (a disk's) and soft (a signal's, which must be survived).
func Faults(n int, op Op, hard []error, soft error) []Fault {
	var all []Fault
	for _, err := range hard {
		modes := []Mode{Before, Dead}
		switch {
		case op.Transfer():
			modes = append(modes, Half)
			if op.Writes() {
				modes = append(modes, After)
			}
		case op.Kind == "Rename" || op.Kind == "RenameNew" || op.Kind == "Remove" || op.Kind == "Truncate" || op.Kind == "Chmod" || op.Syncs():
			modes = append(modes, After)
		}
		for _, m := range modes {
			all = append(all, Fault{n, m, err})
		}
	}
	all = append(all, Fault{n, Before, soft})
	if op.Transfer() && op.Len > 1 {
		all = append(all, Fault{n, Short, nil}, Fault{n, Half, soft})
	}
	return all
}

// Soft reports whether a fault must be survived.
func (f Fault) Soft(soft error) bool { return f.Err == nil || f.Err == soft }
