package probe

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/openfaas-logmux/logmux/proxy"
)

// A line is what of a message tells about the provider.
type line struct {
	Instance  string    `json:"instance"`
	Timestamp time.Time `json:"timestamp"`
	Text      string    `json:"text"`
}

// A behaviour is what the lines of a function show.
type behaviour struct {
	lines      int
	unsorted   int  // lines that stand behind a later one
	processIDs bool // instances are numbers
	tail       tailBehaviour
	late       time.Duration // how long after `since` the answer began, 0 if it did not
	early      time.Duration // how long before
}

type tailBehaviour string

const (
	tailUnknown     tailBehaviour = ""
	tailNewest      tailBehaviour = "newest"
	tailNewestEach  tailBehaviour = "newest of each instance"
	tailOldest      tailBehaviour = "oldest"
	tailIgnored     tailBehaviour = "all"
	tailUnspecified tailBehaviour = "others"
)

const (
	lookback = time.Hour
	// maxLines is enough to see how a provider behaves, and no load for it.
	maxLines = 2000
	tailed   = 3
)

// behave asks for the function's lines, and then for some of them in two ways.
func (i *inquiry) behave(ctx context.Context) {
	since := time.Now().Add(-lookback).Truncate(time.Second)
	all, err := i.lines(ctx, url.Values{"since": {since.Format(time.RFC3339Nano)}})
	if errors.Is(err, proxy.ErrAbsent) {
		i.note("it does not have %s", i.Function)
		return
	}
	if err != nil {
		i.note("the lines of %s cannot be read: %v", i.Function, err)
		return
	}
	if i.seen.lines = len(all); len(all) == 0 {
		i.note("%s has logged nothing in the last hour: what it makes of order, tail and since cannot be seen", i.Function)
		return
	}
	i.seen.processIDs = !slices.ContainsFunc(all, func(l line) bool { return !digits.MatchString(l.Instance) })
	i.seen.unsorted = unsorted(all)
	whole := len(all) < maxLines
	slices.SortStableFunc(all, byTime)
	if len(all) > 2*tailed && whole {
		i.tails(ctx, since, all)
		i.sinces(ctx, all)
	}
	i.Saw = i.seen.String()
	i.compare()
}

// String says what was seen, for one who wonders whether anything was.
func (b *behaviour) String() string {
	order := "in order"
	if b.unsorted > 0 {
		order = "not in order"
	}
	text := fmt.Sprintf("%d lines, %s", b.lines, order)
	if b.tail != tailUnknown {
		text += ", tail keeps the " + string(b.tail)
	}
	switch {
	case b.late > 0:
		text += fmt.Sprintf(", since starts %v late", b.late)
	case b.early > 0:
		text += fmt.Sprintf(", since starts %v early", b.early)
	}
	return text
}

var digits = regexp.MustCompile(`^[0-9]+$`)

func unsorted(lines []line) (n int) {
	for k := 1; k < len(lines); k++ {
		if lines[k].Timestamp.Before(lines[k-1].Timestamp) {
			n++
		}
	}
	return n
}

func byTime(a, b line) int { return a.Timestamp.Compare(b.Timestamp) }

// tails finds out which lines are kept of a tail.
func (i *inquiry) tails(ctx context.Context, since time.Time, all []line) {
	got, err := i.lines(ctx, url.Values{"since": {since.Format(time.RFC3339Nano)}, "tail": {strconv.Itoa(tailed)}})
	if err != nil {
		return
	}
	// What was logged meanwhile is not among all.
	end := all[len(all)-1].Timestamp
	now := slices.ContainsFunc(got, func(l line) bool { return l.Timestamp.After(end) })
	slices.SortStableFunc(got, byTime)
	newest, oldest := all[len(all)-tailed:], all[:tailed]
	switch {
	case now:
		i.seen.tail = tailNewest
	case slices.Equal(got, newest):
		i.seen.tail = tailNewest
	case slices.Equal(got, oldest):
		i.seen.tail = tailOldest
	case len(got) >= len(all):
		i.seen.tail = tailIgnored
	case len(got) > tailed && contains(got, newest):
		i.seen.tail = tailNewestEach
	default:
		i.seen.tail = tailUnspecified
	}
}

func contains(lines, some []line) bool {
	return !slices.ContainsFunc(some, func(l line) bool { return !slices.Contains(lines, l) })
}

// sinces finds out how exact a start is: that of a line in the middle, which is
// wanted itself.
func (i *inquiry) sinces(ctx context.Context, all []line) {
	start := all[len(all)/2].Timestamp
	got, err := i.lines(ctx, url.Values{"since": {start.UTC().Format(time.RFC3339Nano)}})
	if err != nil || len(got) == 0 {
		return
	}
	first := slices.MinFunc(got, byTime).Timestamp
	i.seen.late, i.seen.early = max(first.Sub(start), 0), max(start.Sub(first), 0)
}

// compare notes what was seen where it is not what the config says.
func (i *inquiry) compare() {
	u, seen := &i.Question.Upstream, &i.seen
	if seen.unsorted > 0 && u.Ordered {
		i.note("%d of %d lines stand behind a later one: it needs ordered: false", seen.unsorted, seen.lines)
	}
	if seen.late > u.SinceSlack {
		i.note("it starts %v after the since that it is asked for: it needs a since_slack of more than that", seen.late)
	}
	mode := u.TailMode
	if mode == "" {
		mode = proxy.TailNewest
	}
	switch seen.tail {
	case tailUnknown:
	case tailNewest, tailNewestEach:
		if mode == proxy.TailOldest {
			i.note("it keeps the newest lines of a tail: it needs tail_mode: newest")
		}
	case tailOldest:
		if mode == proxy.TailNewest {
			i.note("it keeps the oldest lines of a tail: it needs tail_mode: oldest")
		}
	case tailIgnored, tailUnspecified:
		if mode != proxy.TailAll {
			i.note("what it makes of a tail is not the newest lines: it needs tail_mode: all")
		}
	}
}

// lines asks for lines of the function, in the order in which they come.
func (i *inquiry) lines(ctx context.Context, query url.Values) ([]line, error) {
	query.Set("name", i.Function)
	if i.Namespace != "" {
		query.Set("namespace", i.Namespace)
	}
	var lines []line
	_, err := i.Ask(ctx, "/system/logs", query, func(body io.Reader) error {
		for decoder := json.NewDecoder(body); len(lines) < maxLines; {
			var l line
			if err := decoder.Decode(&l); err == io.EOF {
				return nil
			} else if err != nil {
				return err
			}
			lines = append(lines, l)
		}
		return nil
	})
	return lines, err
}
