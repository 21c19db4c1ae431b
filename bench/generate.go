//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"time"
)

// A Layout is the order in which an upstream sends its lines.
type Layout string

// The layouts. Timestamps are the same in all of them; they interleave
// between upstreams, and no two lines share one.
const (
	Ordered  Layout = "ordered"  // ascending
	Pods     Layout = "pods"     // three pods in turn, a block each, as faas-netes sends them
	Window   Layout = "window"   // shuffled within windows of 1,000 lines
	Shuffled Layout = "shuffled" // no order at all
)

const (
	meanLine = 345 // bytes, newline included: the lines PERFORMANCE.md speaks of
	pods     = 3   // of each upstream
	podBlock = 200 // lines of a pod before the next one's, in Pods
	window   = 1000
	step     = time.Millisecond // between two lines, on average
)

var epoch = time.Date(2024, 5, 1, 6, 0, 0, 0, time.UTC)

// A Dataset generates the lines of k upstreams. The same numbers give the
// same bytes.
type Dataset struct {
	prefixes [][pods][]byte
	texts    [][]byte
}

func newDataset(upstreams int) *Dataset {
	d := &Dataset{prefixes: make([][pods][]byte, upstreams), texts: makeTexts(1024)}
	for u := range d.prefixes {
		for p := range pods {
			id := mix(uint64(u*pods + p))
			d.prefixes[u][p] = fmt.Appendf(nil,
				`{"name":"orders","namespace":"openfaas-fn","instance":"orders-%08x-%05x","timestamp":"`,
				uint32(id), id>>44)
		}
	}
	return d
}

// appendLine appends the line with the number i, which upstream u sends,
// its newline included.
func (d *Dataset) appendLine(dst []byte, u, i int, at time.Time) []byte {
	dst = append(dst, d.prefixes[u][podOf(i)]...)
	dst = at.AppendFormat(dst, time.RFC3339Nano)
	return d.appendText(dst, i)
}

// appendText appends what follows the timestamp.
func (d *Dataset) appendText(dst []byte, i int) []byte {
	dst = append(dst, `","text":"`...)
	dst = append(dst, d.texts[mix(uint64(i))>>32%uint64(len(d.texts))]...)
	return append(dst, "\"}\n"...)
}

// timestamp is that of line i of all upstreams, ascending in i. It has
// nanoseconds, or microseconds in one line of eight, as faasd sends them.
func timestamp(i int) time.Time {
	within := time.Duration(mix(uint64(i)+1<<40) % uint64(step))
	if i%8 == 0 {
		within = within.Truncate(time.Microsecond)
	}
	return epoch.Add(time.Duration(i)*step + within)
}

// deal gives each of k upstreams the numbers of its lines, in the order it
// sends them.
func deal(k, lines int, layout Layout) [][]int32 {
	dealt := make([][]int32, k)
	for i := range lines {
		u := mix(uint64(i)+1<<41) % uint64(k)
		dealt[u] = append(dealt[u], int32(i))
	}
	for u, numbers := range dealt {
		random := rand.New(rand.NewPCG(uint64(u), 1))
		switch layout {
		case Pods:
			dealt[u] = podBlocks(numbers)
		case Window:
			for len(numbers) > 0 {
				n := min(window, len(numbers))
				shuffle(random, numbers[:n])
				numbers = numbers[n:]
			}
		case Shuffled:
			shuffle(random, numbers)
		}
	}
	return dealt
}

func shuffle(random *rand.Rand, numbers []int32) {
	random.Shuffle(len(numbers), func(a, b int) {
		numbers[a], numbers[b] = numbers[b], numbers[a]
	})
}

// podBlocks deals sorted lines into blocks of one pod each; within a pod they
// stay sorted.
func podBlocks(numbers []int32) []int32 {
	var of [pods][]int32
	for _, i := range numbers {
		p := podOf(int(i))
		of[p] = append(of[p], i)
	}
	out := make([]int32, 0, len(numbers))
	for len(out) < len(numbers) {
		for p := range of {
			n := min(podBlock, len(of[p]))
			out = append(out, of[p][:n]...)
			of[p] = of[p][n:]
		}
	}
	return out
}

func podOf(i int) int { return int(mix(uint64(i)+1<<42) % pods) }

// makeTexts returns JSON string contents that make lines of meanLine bytes on
// average, each as encoding/json writes it.
func makeTexts(n int) [][]byte {
	pieces := []string{
		"level=info ", "msg=\"order accepted\" ", "method=POST ", "path=/api/v2/orders ", "status=201 ",
		"customer=<none> ", "retry & continue ", "took=12.417ms ", "trace=5f3a9c0e77b1 ", "items:\t3 ",
		"upstream connect error or disconnect before headers ", "\n    at orders.handle (index.js:42)\n",
	}
	for i, piece := range pieces {
		encoded, _ := json.Marshal(piece) // a string always encodes
		pieces[i] = string(encoded[1 : len(encoded)-1])
	}
	const around = 90 + 30 + 10 + 3 // prefix, timestamp, and what encloses the text
	random := rand.New(rand.NewPCG(345, 1))
	texts := make([][]byte, n)
	for i := range texts {
		spread := i / 2 * 300 / n // lengths come in pairs, so the mean is exact
		if i%2 == 0 {
			spread = -spread
		}
		texts[i] = makeText(random, pieces, meanLine-around+spread)
	}
	return texts
}

func makeText(random *rand.Rand, pieces []string, length int) []byte {
	text := make([]byte, 0, length)
	for {
		piece := pieces[random.IntN(len(pieces))]
		if len(text)+len(piece) > length {
			break
		}
		text = append(text, piece...)
	}
	for len(text) < length {
		text = append(text, "0123456789abcdef"[random.IntN(16)])
	}
	return text
}

// mix is splitmix64: one number's fixed, well spread other.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// A Content is what a set of lines comes to, whatever their order.
type Content struct {
	Lines int64  `json:"lines"`
	Bytes int64  `json:"bytes"`
	Sum   uint64 `json:"sum"` // of the lines' CRC-32C
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// add counts a line, its newline included.
func (c *Content) add(line []byte) {
	c.Lines++
	c.Bytes += int64(len(line))
	c.Sum += uint64(crc32.Checksum(line, castagnoli))
}
