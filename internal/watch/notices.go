package watch

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/fsnotify/fsnotify"
)

// notices tell that something changed in the directories that they follow. A nil
// one tells nothing.
type notices struct {
	watcher *fsnotify.Watcher
	arrived chan error // nil for a change
	drained chan struct{}
}

// openNotices starts a goroutine, which close ends.
func openNotices() (*notices, error) {
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, fmt.Errorf("watch: %w", err)
	}
	n := &notices{watcher, make(chan error, 1), make(chan struct{})}
	go n.drain()
	return n, nil
}

// drain takes what fsnotify sends. It has a goroutine of its own because fsnotify
// may hold, while it sends, the lock that follow needs.
func (n *notices) drain() {
	defer close(n.drained)
	events, failures := n.watcher.Events, n.watcher.Errors
	for events != nil || failures != nil {
		var failure error
		var open bool
		select {
		case _, open = <-events:
			if !open {
				events = nil
				continue
			}
		case failure, open = <-failures:
			if !open {
				failures = nil
				continue
			}
			// Something may have been missed, as when the kernel's queue was full.
			failure = fmt.Errorf("watch: %w", failure)
		}
		select {
		case n.arrived <- failure:
		default: // one that waits tells as much
		}
	}
}

// arrive tells that something changed; an error says that something was missed.
func (n *notices) arrive() <-chan error {
	if n == nil {
		return nil
	}
	return n.arrived
}

// follow follows these directories and no others.
func (n *notices) follow(dirs []string) error {
	if n == nil {
		return nil
	}
	for _, dir := range n.watcher.WatchList() {
		if !slices.Contains(dirs, dir) {
			n.watcher.Remove(dir) // fails if the directory is gone, which is as well
		}
	}
	// The first reason is enough to tell: a version's directory has another name
	// each time, and would make it a new one.
	var failure error
	for _, dir := range dirs {
		// Once more for those that are followed: another directory may have
		// taken the name.
		err := n.watcher.Add(dir)
		if err != nil && failure == nil && !errors.Is(err, fs.ErrNotExist) {
			failure = fmt.Errorf("watch %s: %w", dir, err)
		}
	}
	return failure
}

func (n *notices) close() {
	n.watcher.Close()
	<-n.drained
}
