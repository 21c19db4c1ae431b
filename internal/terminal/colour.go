package terminal

import (
	"crypto/sha256"
	"encoding/binary"
)

// palette are the colours of names, of the 256 that terminals have. Each is about
// as far from black as from white, so that it can be read on both; a test holds
// them to it. Reds and yellows are left to errors and warnings.
var palette = []string{
	"38;5;28", "38;5;30", "38;5;32", "38;5;62", "38;5;64", "38;5;67",
	"38;5;97", "38;5;99", "38;5;128", "38;5;130", "38;5;132", "38;5;163",
}

const (
	faint   = "2"
	warning = "38;5;136" // a yellow that white does not swallow
)

// colourOf is the same for the same name in every run. That two names share one
// cannot be avoided then.
func colourOf(name string) string { return palette[hashOf(name)] }

// hashOf is an index of the palette. Names often differ in a single character;
// SHA-256 makes enough of it.
func hashOf(name string) int {
	hash := sha256.Sum256([]byte(name))
	return int(binary.BigEndian.Uint32(hash[:]) % uint32(len(palette)))
}

// distinct gives names colours that none shares with one before it, as long as
// there are some left. They too are the same in every run for the same names.
func distinct(names []string) map[string]string {
	colours, taken := map[string]string{}, map[string]bool{}
	for _, name := range names {
		if colours[name] != "" {
			continue
		}
		colour := colourOf(name)
		for i := range palette {
			if next := palette[(hashOf(name)+i)%len(palette)]; !taken[next] {
				colour = next
				break
			}
		}
		colours[name], taken[colour] = colour, true
	}
	return colours
}

func bold(colour string) string { return "1;" + colour }

// paint appends text in a colour; nothing where there is no text.
func paint(dst []byte, colour, text string) []byte {
	if text == "" {
		return dst
	}
	dst = append(append(append(dst, "\x1b["...), colour...), 'm')
	return append(append(dst, text...), endColour...)
}

const endColour = "\x1b[0m"
