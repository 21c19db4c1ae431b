package probe

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
)

// guess says what the upstream seems to be, by the strongest evidence there is.
func (i *inquiry) guess(ctx context.Context) {
	i.told = i.information(ctx)
	var kinds []string
	switch {
	case i.isLogmux():
		kinds = []string{"logmux"}
	case strings.Contains(i.told, "faas-netes"), strings.Contains(i.told, "kubernetes"):
		kinds = []string{"faas-netes"}
	case strings.Contains(i.told, "faasd"), strings.Contains(i.told, "containerd"):
		kinds = []string{"faasd"}
	case i.absent:
		kinds = []string{"faas-netes"}
	case i.seen.processIDs:
		kinds = []string{"faasd"}
	case i.seen.tail == tailOldest && i.seen.unsorted > 0:
		kinds = []string{"openfaas-loki"}
	default: // nothing, for a function that is not there
		kinds = []string{"faasd", "openfaas-loki"}
	}
	i.Seems = strings.Join(kinds, " or ")
	if i.Kind != "generic" && !slices.Contains(kinds, i.Kind) {
		i.note("kind is %s, but it seems to be %s", i.Kind, i.Seems)
	}
}

func (i *inquiry) isLogmux() bool {
	for field := range i.header {
		if strings.HasPrefix(field, "X-Logmux-") {
			return true
		}
	}
	return false
}

// information is what a provider of faas-provider, or a gateway in front of one,
// says of itself, in lower case.
func (i *inquiry) information(ctx context.Context) string {
	resp, err := i.Get(ctx, "/system/info", nil)
	if err != nil {
		return ""
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return ""
	}
	var info struct {
		Provider      json.RawMessage `json:"provider"` // a name, or behind a gateway an object like this one
		Orchestration string          `json:"orchestration"`
	}
	body, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10)) // half of it decodes to nothing
	_ = json.Unmarshal(body, &info)
	return strings.ToLower(string(info.Provider) + " " + info.Orchestration)
}
