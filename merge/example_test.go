package merge_test

import (
	"fmt"
	"log"
	"os"
	"time"

	"github.com/openfaas-logmux/logmux/merge"
)

// blockOf returns a block of lines, of which each has a key.
func blockOf(keys ...int64) *merge.Block {
	b := merge.GetBlock(64)
	for _, key := range keys {
		start := uint32(len(b.Bytes))
		b.Bytes = fmt.Appendf(b.Bytes, "line %d\n", key)
		b.Lines = append(b.Lines, merge.Line{Key: key, Start: start, End: uint32(len(b.Bytes))})
	}
	return b
}

func show(lines []byte) error {
	_, err := os.Stdout.Write(lines)
	return err
}

// Streams that are in order are merged while they arrive.
func ExampleOrdered() {
	source := func(blocks ...*merge.Block) merge.Source {
		return func() *merge.Block {
			if len(blocks) == 0 {
				return nil // the end
			}
			b := blocks[0]
			blocks = blocks[1:]
			return b
		}
	}
	err := merge.Ordered(show,
		source(blockOf(1, 4), blockOf(5)),
		source(blockOf(2, 3, 6)),
	)
	if err != nil {
		log.Fatal(err)
	}
	// Output:
	// line 1
	// line 2
	// line 3
	// line 4
	// line 5
	// line 6
}

// Streams in no order are gathered, and the newest lines of all are sent.
func ExampleSorter() {
	sorter := merge.Sorter{Newest: 3, Memory: 64 << 20}
	defer sorter.Close()
	sorter.Add(0, blockOf(5, 1))
	sorter.Add(1, blockOf(4, 2, 6))
	sorter.Add(0, blockOf(3))
	missing, err := sorter.Emit(show)
	if err != nil {
		log.Fatal(err)
	}
	if missing != nil {
		fmt.Println("not all could be held:", missing.Err)
	}
	// Output:
	// line 4
	// line 5
	// line 6
}

// Live lines wait a second for those that are older and come later.
func ExampleWindow() {
	window := merge.Window{Hold: time.Second}
	start := time.Now()
	window.Add(start, 0, blockOf(20))
	window.Add(start.Add(300*time.Millisecond), 1, blockOf(10, 30))

	window.Due(start.Add(time.Second), show) // the first is due, and what is older goes first
	fmt.Println("after a second")
	late := window.Add(start.Add(1100*time.Millisecond), 0, blockOf(15))
	window.Flush(show)
	fmt.Println(late, "was late")
	// Output:
	// line 10
	// line 20
	// after a second
	// line 15
	// line 30
	// 1 was late
}
