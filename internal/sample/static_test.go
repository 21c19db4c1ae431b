package sample

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestStaticNeverEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		answer := start(t, static(t), "name=hello&tail=1&since=2030-01-01T00:00:00Z")
		if got, want := answer.take(), fixture(t, "static-example.ndjson"); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		time.Sleep(time.Hour)
		answer.end()

		answer = start(t, &Static{}, "name=hello&namespace=there")
		if sent := messages(t, answer.take()); len(sent) != 3 || sent[0].Namespace != "there" {
			t.Errorf("got %v", sent)
		}
		answer.end()
	})
}
