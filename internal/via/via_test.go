package via

import (
	"slices"
	"testing"
)

func TestNames(t *testing.T) {
	for _, tt := range []struct {
		name   string
		fields []string
		want   bool
	}{
		{"nothing", nil, false},
		{"alone", []string{"1.1 me"}, true},
		{"among others", []string{"1.0 a, 1.1 me, 1.1 b"}, true},
		{"in another field", []string{"1.1 a", "HTTP/1.1 me"}, true},
		{"with a comment", []string{"1.1 me (logmux 1.2)"}, true},
		{"a longer name", []string{"1.1 me-too, 1.1 notme"}, false},
		{"in a comment", []string{"1.1 a (me)"}, false},
		{"no protocol", []string{"me"}, false},
		{"as the protocol", []string{"me a"}, false},
		{"garbage", []string{",, ,  ,"}, false},
	} {
		if got := Names(tt.fields, "me"); got != tt.want {
			t.Errorf("%s: got %t, want %t", tt.name, got, tt.want)
		}
	}
}

func TestAppend(t *testing.T) {
	before := append(make([]string, 0, 4), "1.1 a")
	after := Append(before, "me")
	if want := []string{"1.1 a", "1.1 me"}; !slices.Equal(after, want) || !Names(after, "me") {
		t.Errorf("got %q, want %q", after, want)
	}
	if other := Append(before, "other"); after[1] == other[1] {
		t.Error("two share what was appended")
	}
}
