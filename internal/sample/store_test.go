package sample

import (
	"fmt"
	"sync"
	"testing"
	"time"
)

func TestStoreIsSharedByWritersAndReaders(t *testing.T) {
	const writers, each = 4, 50
	store := new(Store)
	store.Append("f", Line{Instance: "start", Text: "start", Time: time.Now()})
	answer := follow(t, &FaasNetes{Store: store}, "name=f")
	answer.lines(1)
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			for i := range each {
				store.Append("f", Line{Instance: fmt.Sprint(w), Text: fmt.Sprint(i), Time: time.Now()})
			}
		})
	}
	next := make(map[string]int)
	for _, m := range messages(t, answer.lines(writers*each)) {
		if want := fmt.Sprintf("%d\n", next[m.Instance]); m.Text != want {
			t.Errorf("%s: got %q, want %q", m.Instance, m.Text, want)
		}
		next[m.Instance]++
	}
	all.Wait()
}

func TestAViewStaysAsItWas(t *testing.T) {
	store := new(Store)
	store.Append("f", Line{Instance: "a", Text: "1"})
	before := store.view("f")
	store.Append("f", Line{Instance: "a", Text: "2"}, Line{Instance: "b", Text: "3"})
	if len(before.lines) != 1 || len(before.streams) != 1 || before.streams[0].len() != 1 {
		t.Errorf("view changed: %+v", before)
	}
	select {
	case <-before.changed:
	default:
		t.Error("the change was not told")
	}
	store.Remove("f")
	if now := store.view("f"); now.of != nil || len(now.streams) != 0 {
		t.Errorf("after Remove: %+v", now)
	}
}
