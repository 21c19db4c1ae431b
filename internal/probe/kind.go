package probe

import (
	"context"
	"encoding/json"
	"io"
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
	case i.seen.processIDs:
		kinds = []string{"faasd"}
	case i.seen.tail == tailOldest && i.seen.unsorted > 0:
		kinds = []string{"openfaas-loki"}
	// A gateway tells of its function provider, which need not be that of logs.
	case strings.Contains(i.told, "faas-netes"), strings.Contains(i.told, "kubernetes"):
		kinds = []string{"faas-netes"}
	case strings.Contains(i.told, "faasd"), strings.Contains(i.told, "containerd"):
		kinds = []string{"faasd"}
	case i.absent:
		kinds = []string{"faas-netes"}
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
	var info struct {
		Provider      json.RawMessage `json:"provider"` // a name, or behind a gateway an object like this one
		Orchestration string          `json:"orchestration"`
	}
	_, err := i.Ask(ctx, "/system/info", nil, func(body io.Reader) error {
		return json.NewDecoder(io.LimitReader(body, 64<<10)).Decode(&info)
	})
	if err != nil {
		return "" // openfaas-loki, for one, has no such page
	}
	return strings.ToLower(string(info.Provider) + " " + info.Orchestration)
}
