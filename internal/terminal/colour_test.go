package terminal

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"testing"
)

// luminance is that of one of the colours 16 to 231, from 0 to 1, as WCAG has it.
func luminance(t *testing.T, colour string) float64 {
	t.Helper()
	n, err := strconv.Atoi(strings.TrimPrefix(colour, "38;5;"))
	if err != nil || n < 16 || n > 231 {
		t.Fatalf("%q is none of the 216", colour)
	}
	levels := [6]float64{0, 95, 135, 175, 215, 255}
	linear := func(i int) float64 {
		if v := levels[i] / 255; v > 0.03928 {
			return math.Pow((v+0.055)/1.055, 2.4)
		}
		return 0
	}
	n -= 16
	return 0.2126*linear(n/36) + 0.7152*linear(n/6%6) + 0.0722*linear(n%6)
}

func TestColoursAreReadableOnBlackAndWhite(t *testing.T) {
	for _, colour := range append([]string{warning}, palette...) {
		l := luminance(t, colour)
		if black, white := (l+0.05)/0.05, 1.05/(l+0.05); min(black, white) < 3 {
			t.Errorf("%s: contrast %.1f on black and %.1f on white, want 3", colour, black, white)
		}
	}
}

// Nothing but a new palette may change this.
func TestANameKeepsItsColour(t *testing.T) {
	for name, want := range map[string]string{"eu-west": "38;5;30", "edge": "38;5;163", "figlet-7c6d5b94f-m5rjd": "38;5;99", "": "38;5;32"} {
		if got := colourOf(name); got != want {
			t.Errorf("%q: got %s, want %s", name, got, want)
		}
	}
}

// By their hashes edge and archive would share one.
func TestUpstreamsShareNoColourWhileThereAreOthers(t *testing.T) {
	names := []string{"eu-west", "edge", "archive"}
	for i := range 2 * len(palette) {
		names = append(names, fmt.Sprint("cluster-", i))
	}
	colours := distinct(names)
	for _, name := range names[:2] {
		if colours[name] != colourOf(name) {
			t.Errorf("%s has to give way", name)
		}
	}
	seen := map[string]bool{}
	for _, name := range names[:len(palette)] {
		seen[colours[name]] = true
	}
	if len(seen) != len(palette) {
		t.Errorf("the first %d have %d colours", len(palette), len(seen))
	}
	for _, name := range names[len(palette):] {
		if colours[name] != colourOf(name) {
			t.Errorf("%s: got %s, want that of its hash", name, colours[name])
		}
	}
}

func TestNamesSpreadOverThePalette(t *testing.T) {
	seen := map[string]int{}
	for i := range 1200 {
		seen["x"+colourOf("figlet-7d9c4b5f6d-"+strconv.FormatInt(int64(i)*7919, 36))]++
	}
	if len(seen) != len(palette) {
		t.Errorf("%d of %d colours are used", len(seen), len(palette))
	}
	for colour, n := range seen {
		if n < 50 || n > 200 {
			t.Errorf("%s: %d of 1200 names", colour, n)
		}
	}
}

func TestNewStream(t *testing.T) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	for when, want := range map[When]bool{Auto: false, Always: true, Never: false} {
		if s := NewStream(&bytes.Buffer{}, when); s.Colour != want || s.Terminal {
			t.Errorf("a buffer, %s: got %+v", when, s)
		}
		if s := NewStream(null, when); s.Colour != want || s.Terminal {
			t.Errorf("a file that is no terminal, %s: got %+v", when, s)
		}
	}
}
