// Package chart_test renders the chart as Helm does, reads what comes out as
// strictly as Kubernetes can, and holds it to what logmux needs.
//
//	testdata/*.yaml -> Helm's engine -> release: typed objects and the notes
//
// It renders with Helm 3, which is the smaller of the two to build; what it
// renders, Helm 4 renders too.
//
// Pages and the Dockerfile are outside this module, and so unknown to the cache of
// go test: it takes -count=1 to see a change of theirs.
package chart_test

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/scheme"
	kjson "sigs.k8s.io/json"
	"sigs.k8s.io/yaml"
)

const (
	root     = "../../.."
	chartDir = "../../chart"
)

// The kinds that are not Kubernetes' own.
func init() {
	if err := monitoring.AddToScheme(scheme.Scheme); err != nil {
		panic(err)
	}
}

var loadChart = sync.OnceValues(func() (*chart.Chart, error) { return loader.LoadDir(chartDir) })

// A release is what an installation of the chart consists of.
type release struct {
	name, namespace string
	kubernetes      string // version
	values          map[string]any

	objects []runtime.Object
	notes   string
}

// install is `helm install logmux -n openfaas`.
func install(t *testing.T, values string) release {
	t.Helper()
	return installed(t, release{name: "logmux", namespace: "openfaas", kubernetes: "v1.34.1"}, values)
}

func installed(t *testing.T, r release, values string) release {
	t.Helper()
	files, err := r.render(t, values)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if strings.HasSuffix(name, "/NOTES.txt") {
			r.notes = files[name]
			continue
		}
		objects, err := decode(files[name])
		if err != nil {
			t.Fatalf("%s: %v\n%s", name, err, files[name])
		}
		r.objects = append(r.objects, objects...)
	}
	return r
}

// refused is why the chart cannot be installed with these values.
func refused(t *testing.T, values string) string {
	t.Helper()
	r := release{name: "logmux", namespace: "openfaas", kubernetes: "v1.34.1"}
	if _, err := r.render(t, values); err != nil {
		return err.Error()
	}
	t.Fatalf("installed, want a refusal of:\n%s", values)
	return ""
}

// render returns files by their names.
func (r *release) render(t *testing.T, values string) (map[string]string, error) {
	t.Helper()
	c, err := loadChart()
	if err != nil {
		t.Fatal(err)
	}
	given := map[string]any{} // as helm reads a file of values: its numbers are floats
	if err := yaml.Unmarshal([]byte(values), &given); err != nil {
		t.Fatal(err)
	}
	version, err := chartutil.ParseKubeVersion(r.kubernetes)
	if err != nil {
		t.Fatal(err)
	}
	capabilities := chartutil.DefaultCapabilities.Copy()
	capabilities.KubeVersion = *version
	top, err := chartutil.ToRenderValues(c, given, chartutil.ReleaseOptions{Name: r.name, Namespace: r.namespace, IsInstall: true, Revision: 1}, capabilities)
	if err != nil {
		return nil, err
	}
	r.values = top["Values"].(chartutil.Values)
	return engine.Engine{Strict: true}.Render(c, top)
}

// decode reads the documents of a manifest. Fields and kinds that do not exist are
// errors, and so are keys that are there twice.
func decode(manifest string) ([]runtime.Object, error) {
	var objects []runtime.Object
	for _, document := range strings.Split("\n"+manifest, "\n---\n") {
		asJSON, err := yaml.YAMLToJSONStrict([]byte(document))
		if err != nil {
			return nil, err
		}
		if bytes.Equal(asJSON, []byte("null")) {
			continue
		}
		var kind runtime.TypeMeta
		if err := kjson.UnmarshalCaseSensitivePreserveInts(asJSON, &kind); err != nil {
			return nil, err
		}
		object, err := scheme.Scheme.New(kind.GroupVersionKind())
		if err != nil {
			return nil, err
		}
		wrong, err := kjson.UnmarshalStrict(asJSON, object)
		if err != nil || len(wrong) > 0 {
			return nil, fmt.Errorf("%s: %v %v", kind.GroupVersionKind(), err, wrong)
		}
		objects = append(objects, object)
	}
	return objects, nil
}

// all are the objects of a type.
func all[T runtime.Object](r release) []T {
	var found []T
	for _, object := range r.objects {
		if o, ok := object.(T); ok {
			found = append(found, o)
		}
	}
	return found
}

// one is the only object of a type.
func one[T runtime.Object](t *testing.T, r release) T {
	t.Helper()
	found := all[T](r)
	if len(found) != 1 {
		t.Fatalf("got %d of %T, want 1", len(found), *new(T))
	}
	return found[0]
}

// valuesFiles are the names of testdata's, and "" for none.
func valuesFiles(t *testing.T) []string {
	t.Helper()
	names, err := filepath.Glob("testdata/*.yaml")
	if err != nil || len(names) == 0 {
		t.Fatalf("no files of values: %v", err)
	}
	return append(names, "")
}

func read(t *testing.T, name string) string {
	t.Helper()
	if name == "" {
		return ""
	}
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
