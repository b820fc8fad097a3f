package reduce

// A Pattern is the number of entries of a sparse matrix in each pixel. It
// belongs to one goroutine.
type Pattern struct {
	frame
	counts []int64
}

// NewPattern returns a Pattern of a matrix of rows x columns in at most height x
// width pixels.
func NewPattern(rows, columns int64, height, width int) *Pattern {
	f := newFrame(rows, columns, height, width)
	return &Pattern{frame: f, counts: make([]int64, f.height*f.width)}
}

// Add takes entries by their coordinates, of which there are as many in both.
// Those outside the matrix are left out.
func (p *Pattern) Add(rows, columns []int64) {
	for i, row := range rows {
		if column := columns[i]; row >= 0 && row < p.rows.n && column >= 0 && column < p.columns.n {
			p.counts[p.rows.of(row)*p.width+p.columns.of(column)]++
		}
	}
}

// Count is the number of entries in a pixel.
func (p *Pattern) Count(y, x int) int64 { return p.counts[y*p.width+x] }
