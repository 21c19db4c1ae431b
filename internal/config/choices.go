package config

// A choice is a string with a fixed set of values.
type choice interface{ choices() []string }

// Kind is what an upstream runs. It presets the upstream's Traits.
type Kind string

const (
	KindFaasNetes    Kind = "faas-netes"
	KindFaasd        Kind = "faasd"
	KindOpenFaaSLoki Kind = "openfaas-loki"
	KindLogmux       Kind = "logmux"
	KindGeneric      Kind = "generic"
)

func (Kind) choices() []string {
	return []string{"faas-netes", "faasd", "openfaas-loki", "logmux", "generic"}
}

// Warnings says whether failed upstreams add a line to the answer.
type Warnings string

const (
	WarningsInline Warnings = "inline"
	WarningsOff    Warnings = "off"
)

func (Warnings) choices() []string { return []string{"inline", "off"} }

// TailMode says which lines a provider keeps when it is asked for N.
type TailMode string

const (
	TailNewest TailMode = "newest"
	TailOldest TailMode = "oldest"
	TailAll    TailMode = "all" // not to be relied on: it is asked without a tail
)

func (TailMode) choices() []string { return []string{"newest", "oldest", "all"} }

// FollowMode says how new lines are got from a provider.
type FollowMode string

const (
	FollowStream FollowMode = "stream" // one request that stays open
	FollowPoll   FollowMode = "poll"   // repeated bounded requests
)

func (FollowMode) choices() []string { return []string{"stream", "poll"} }
