package merge

import "sync/atomic"

// A Budget is an amount of memory that several sorters share. One past its
// limit makes each of them spill what it holds; it never makes one wait.
type Budget struct {
	// Limit is in bytes. If zero, there is none.
	Limit int64

	used atomic.Int64
}

// Used returns the bytes that sorters hold of the budget.
func (b *Budget) Used() int64 { return b.used.Load() }

func (b *Budget) add(n int64) {
	if b != nil {
		b.used.Add(n)
	}
}

func (b *Budget) exceeded() bool {
	return b != nil && b.Limit > 0 && b.used.Load() > b.Limit
}
