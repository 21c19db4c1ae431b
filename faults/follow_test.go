//go:build linux

package faults_test

import "testing"

// TestFollow lets faults come and go, in every way, while lines are logged. In
// the end each line is there once, for all providers can be asked again.
func TestFollow(t *testing.T) {
	for broken, k := range kinds(lokiCap) {
		for _, f := range faults(liveBytes) {
			t.Run(k.name+"/"+f.name, func(t *testing.T) {
				t.Parallel()
				g := newFollowing(t, broken, f)
				g.start()
				for range 2 {
					g.heal()
					before := g.failed()
					f.strike(g.broken.wire)
					g.endure(f, before)
				}
				g.heal()
				g.holdTo(g.finish(), func(heldLine) bool { return false })
				if n := len(g.failures); f.reasons == nil && n > 0 || f.stays && n != 2 {
					t.Errorf("failures: %v", g.failures)
				}
			})
		}
	}
}

// TestFollowOfABrokenUpstream strikes before the follow begins. What the
// upstream has logged since then is there once; what it had logged before may be
// missing, and then it is named.
func TestFollowOfABrokenUpstream(t *testing.T) {
	for broken, k := range kinds(lokiCap) {
		for _, f := range faults(liveBytes) {
			t.Run(k.name+"/"+f.name, func(t *testing.T) {
				t.Parallel()
				g := newFollowing(t, broken, f)
				if f.silences() {
					impatient(&g.Upstreams[broken])
				}
				f.strike(g.broken.wire)
				g.start()
				g.endure(f, 0)
				g.heal()
				g.holdTo(g.finish(), func(l heldLine) bool {
					return len(g.failures) > 0 && l.upstream == broken && l.at.Before(g.begin)
				})
				if n := len(g.failures); f.reasons == nil && n > 0 || f.stays && n == 0 {
					t.Errorf("failures: %v", g.failures)
				}
			})
		}
	}
}
