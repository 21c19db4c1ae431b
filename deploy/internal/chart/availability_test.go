package chart_test

import (
	"testing"

	apps "k8s.io/api/apps/v1"
	autoscaling "k8s.io/api/autoscaling/v2"
	core "k8s.io/api/core/v1"
	policy "k8s.io/api/policy/v1"
)

// Either the Deployment or the autoscaler says how many pods there are. Where there
// may be one only, no budget holds the drain of its node back.
func TestReplicas(t *testing.T) {
	for _, tt := range []struct {
		values   string
		replicas int32 // 0: it is not the Deployment's to say
		budget   bool
	}{
		{"", 2, true},
		{"replicas: 1", 1, false},
		{"replicas: 3", 3, true},
		{"{replicas: 3, podDisruptionBudget: {enabled: false}}", 3, false},
		{"{replicas: 1, autoscaling: {enabled: true}}", 0, true},
		{"{replicas: 3, autoscaling: {enabled: true, minReplicas: 1}}", 0, false},
	} {
		r := install(t, tt.values)
		d := one[*apps.Deployment](t, r)
		scalers := all[*autoscaling.HorizontalPodAutoscaler](r)
		switch got := d.Spec.Replicas; {
		case tt.replicas == 0 && got != nil:
			t.Errorf("%s: %d replicas, and an autoscaler", tt.values, *got)
		case tt.replicas != 0 && (got == nil || *got != tt.replicas):
			t.Errorf("%s: got %v replicas, want %d", tt.values, got, tt.replicas)
		}
		if got, want := len(scalers) == 1, tt.replicas == 0; got != want {
			t.Errorf("%s: autoscaler %t, want %t", tt.values, got, want)
		}
		for _, s := range scalers {
			if ref := s.Spec.ScaleTargetRef; ref.APIVersion != "apps/v1" || ref.Kind != "Deployment" || ref.Name != d.Name {
				t.Errorf("%s: the autoscaler scales %+v", tt.values, ref)
			}
		}
		if got := len(all[*policy.PodDisruptionBudget](r)) == 1; got != tt.budget {
			t.Errorf("%s: budget %t, want %t", tt.values, got, tt.budget)
		}
	}
}

func TestAutoscaler(t *testing.T) {
	r := install(t, read(t, "testdata/everything.yaml"))
	s := one[*autoscaling.HorizontalPodAutoscaler](t, r).Spec
	got := map[string]int32{}
	for _, m := range s.Metrics {
		got[string(m.Resource.Name)] = *m.Resource.Target.AverageUtilization
	}
	if *s.MinReplicas != 3 || s.MaxReplicas != 9 || len(got) != 2 || got["cpu"] != 80 || got["memory"] != 70 {
		t.Errorf("got %d to %d by %v", *s.MinReplicas, s.MaxReplicas, got)
	}
	// Utilization is that of a request.
	for name := range got {
		if _, ok := container(t, install(t, "")).Resources.Requests[core.ResourceName(name)]; !ok {
			t.Errorf("by default there is no request of %s", name)
		}
	}
}

// No pod is taken before another is there.
func TestRollout(t *testing.T) {
	s := one[*apps.Deployment](t, install(t, "")).Spec.Strategy
	if s.Type != apps.RollingUpdateDeploymentStrategyType || s.RollingUpdate.MaxUnavailable.IntValue() != 0 || s.RollingUpdate.MaxSurge.IntValue() != 1 {
		t.Errorf("got %+v", s)
	}
}

func TestSpread(t *testing.T) {
	r := install(t, read(t, "testdata/everything.yaml"))
	got := pod(t, r).Spec.TopologySpreadConstraints
	if len(got) != 2 {
		t.Fatalf("got %d constraints, want 2", len(got))
	}
	want := one[*apps.Deployment](t, r).Spec.Selector.MatchLabels
	for key, value := range want {
		if got[0].LabelSelector.MatchLabels[key] != value {
			t.Errorf("the first spreads %v, want %v", got[0].LabelSelector.MatchLabels, want)
		}
	}
	if own := got[1].LabelSelector.MatchLabels; len(own) != 1 || own["app"] != "gateway" {
		t.Errorf("the second has a selector of its own, and got %v", own)
	}
}
