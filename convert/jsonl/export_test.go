package jsonl

// SetBudget makes the memory for values smaller.
func SetBudget(n int64) (restore func()) {
	was := budget
	budget = n
	return func() { budget = was }
}
