// Package watch notices when symbolic links make a path lead to another file.
// That is how Kubernetes updates a mounted ConfigMap: config.yaml links to
// ..data/config.yaml and ..data to a directory of its own for each version, and
// the kubelet renames a new link over ..data.
//
//	fsnotify ──something changed in a directory with a link──┐
//	                                                         ├──> where does the path lead? ──elsewhere──> changed
//	ticker ──in case nothing is told────────────────────────┘
//
// A file that is edited in place is not noticed, on purpose: there is no telling
// when its writer is done, and half a file can be a valid one. A swapped link
// leads from one whole file to another.
package watch

import (
	"context"
	"os"
	"path/filepath"
	"time"
)

const (
	// pollInterval finds what nobody tells: network file systems, and hosts out
	// of inotify watches.
	pollInterval = 10 * time.Second
	// settleTime makes one look of the half dozen notifications of a swap, and
	// bounds the looks in a directory where other files change all the time.
	settleTime = 100 * time.Millisecond
)

// A Watcher knows where a path led.
type Watcher struct {
	// Failed, if not nil, is told why notifications are missing, which is no end
	// of watching: what changes is then found within ten seconds. It is called
	// by the goroutine that runs Run, and not for the same reason twice in a row.
	Failed func(error)

	path   string
	leads  string // to this file, when last seen; empty before it was there
	unsaid string // the reason that Failed was told last

	open         func() (*notices, error)
	poll, settle time.Duration
}

// New notes where the path leads now. A program that calls it before it first
// reads the file misses no change: one that comes before Run is Run's first.
func New(path string) *Watcher {
	// The program may take another working directory. The path is not cleaned,
	// as filepath.Abs does: what dir/.. leads to depends on what dir links to.
	if dir, err := os.Getwd(); err == nil && !filepath.IsAbs(path) {
		path = dir + string(filepath.Separator) + path
	}
	w := &Watcher{path: path, open: openNotices, poll: pollInterval, settle: settleTime}
	w.moved()
	return w
}

// Run calls changed each time the path leads to another file, until ctx is done.
// Changes in quick succession may be one call, and a file that is gone is not
// missed until there is another. All calls are from this goroutine; what the
// path leads to when changed reads it is what was noticed or something later,
// for which there will be another call.
//
// A Watcher runs once.
func (w *Watcher) Run(ctx context.Context, changed func()) {
	heard, err := w.open()
	w.tell(err)
	if heard != nil {
		defer heard.close()
	}
	poll := time.NewTicker(w.poll)
	defer poll.Stop()
	for ctx.Err() == nil {
		// Followed before it is looked, so that no change comes between.
		w.tell(heard.follow(linkDirs(w.path)))
		if w.moved() {
			changed()
		}
		w.wait(ctx, heard, poll.C)
	}
}

// wait returns when it is time to look again, or ctx is done.
func (w *Watcher) wait(ctx context.Context, heard *notices, poll <-chan time.Time) {
	var settled <-chan time.Time
	for {
		select {
		case err := <-heard.arrive():
			w.tell(err)
			if settled == nil {
				settled = time.After(w.settle)
			}
		case <-settled:
			return
		case <-poll:
			return
		case <-ctx.Done():
			return
		}
	}
}

// moved reports whether the path leads elsewhere than when it was last asked. A
// path that leads nowhere is not news: it is in the middle of a change.
func (w *Watcher) moved() bool {
	leads, err := filepath.EvalSymlinks(w.path)
	if err != nil || leads == w.leads {
		return false
	}
	w.leads = leads
	return true
}

func (w *Watcher) tell(err error) {
	if err == nil || w.Failed == nil || err.Error() == w.unsaid {
		return
	}
	w.unsaid = err.Error()
	w.Failed(err)
}
