package demo

import (
	"context"
	"io"
	"net"
	"net/http"
	"testing"
	"time"
)

func TestHistoryIsWithinEveryWindow(t *testing.T) {
	const shortest = 5 * time.Minute // of faas-netes and faasd
	before := shortest - 30*time.Second
	owners := map[string]int{}
	for _, p := range newProviders() {
		for _, instance := range p.instances {
			owners[instance]++
		}
	}
	seen := map[string]bool{}
	for i, h := range history {
		if h.ago >= before {
			t.Errorf("line %d: %v is not after %v, or out of the window", i, h.ago, before)
		}
		before = h.ago
		if owners[h.instance] != 1 {
			t.Errorf("line %d: %s is at %d providers", i, h.instance, owners[h.instance])
		}
		seen[h.instance] = true
	}
	if len(seen) != len(owners) {
		t.Errorf("%d of %d instances have a history", len(seen), len(owners))
	}
}

func TestLiveLinesDifferAndGoRound(t *testing.T) {
	ps := newProviders()
	texts, instances := map[string]bool{}, map[string]int{}
	for i := range liveLines {
		e := live(ps, "live", i)
		texts[e.text] = true
		instances[e.instance]++
	}
	if len(texts) != liveLines {
		t.Errorf("%d of %d texts differ", len(texts), liveLines)
	}
	if len(instances) != 5 {
		t.Errorf("got %v, want all 5 instances", instances)
	}
}

func TestAStoppedProviderComesBackOnItsPort(t *testing.T) {
	ps := newProviders()
	p := ps[0]
	if err := p.start(); err != nil {
		t.Fatal(err)
	}
	defer p.stop()
	address := p.address
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	ask := func(query string) (*http.Response, error) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		t.Cleanup(cancel)
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/system/logs?name=figlet"+query, nil)
		if err != nil {
			t.Fatal(err)
		}
		return client.Do(req)
	}
	following, err := ask("&follow=true")
	if err != nil {
		t.Fatal(err)
	}
	defer following.Body.Close()

	p.stop()
	if _, err := io.Copy(io.Discard, following.Body); err == nil {
		t.Error("the follow ended cleanly")
	}
	if conn, err := net.Dial("tcp", address); err == nil {
		conn.Close()
		t.Error("it still listens")
	}
	ps.log(entry{west1, "meanwhile"}, time.Now())

	if err := p.start(); err != nil {
		t.Fatal(err)
	}
	if p.address != address {
		t.Errorf("was at %s, is back at %s", address, p.address)
	}
	resp, err := ask("&tail=1")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Error(resp.Status)
	}
}
