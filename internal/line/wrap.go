package line

import (
	"fmt"

	"github.com/openfaas-logmux/logmux/merge"
)

// wrapMalformed sends a line that is no message as the text of one: it is not
// lost, and not passed on to a client that would read no further.
func (r *Reader) wrapMalformed(b *merge.Block, line []byte, last bool) {
	if last && line[0] == '{' {
		r.cut = true
	}
	r.wrap(b, string(line))
}

// wrapCut sends the start of a line that is over MaxLineBytes.
func (r *Reader) wrapCut(b *merge.Block, line []byte) {
	limit := r.opts.MaxLineBytes
	r.Stats.Cut++
	r.wrap(b, fmt.Sprintf("%s [logmux: the line is cut here, at %d bytes]", line[:limit], limit))
}

// wrap makes a message of the text. It passes every filter.
func (r *Reader) wrap(b *merge.Block, text string) {
	key := r.keys.previous(r.opts.Now)
	from := len(r.made)
	r.made = Append(r.made, Message{
		Name:      r.opts.Name,
		Namespace: r.opts.Namespace,
		Instance:  r.opts.Upstream,
		Timestamp: Time(key),
		Text:      text,
	})
	id := key
	if r.keys.madeUp {
		id = 0 // another asking makes up another
	}
	r.add(b, key, identity(id, nil, []byte(text)), r.base(b)+from, r.base(b)+len(r.made))
	r.Stats.Malformed++
}
