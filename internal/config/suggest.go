package config

import "strings"

// maxTypos is how far a key may be from a known one to be taken for it.
const maxTypos = 2

func unknownKey(path, key string, fields fieldSet) string {
	if path == "defaults" && (key == "name" || key == "url") {
		return "unknown key; only an upstream itself has one"
	}
	if near := nearest(key, fields); near != "" {
		return "unknown key; did you mean " + near + "?"
	}
	return "unknown key"
}

// nearest is the known key that is closest to key, or "" where none is close.
func nearest(key string, fields fieldSet) string {
	best, typos := "", maxTypos+1
	for _, f := range fields {
		known := f.Tag.Get("yaml")
		// Two typos in a word of four letters are another word.
		if d := distance(folded(key), folded(known)); d < typos && 2*d < len(known) {
			best, typos = known, d
		}
	}
	return best
}

// folded is a key without the differences between headerTimeout, header-timeout and header_timeout.
func folded(key string) string {
	return strings.ToLower(strings.NewReplacer("_", "", "-", "").Replace(key))
}

// distance is Levenshtein's, in bytes.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			swap := diagonal
			if a[i] != b[j] {
				swap++
			}
			diagonal = row[j+1]
			row[j+1] = min(swap, row[j+1]+1, row[j]+1)
		}
	}
	return row[len(b)]
}
