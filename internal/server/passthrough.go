package server

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/openfaas-logmux/logmux/internal/via"
)

// A Passthrough hands requests on to one provider, as if the client had asked it:
// what a sidecar does with all that is not about logs. Method, path and query go
// on byte for byte, as do all headers but hop-by-hop ones. Bodies are streamed,
// both ways and at once if need be; upgrades such as to WebSocket work, redirects
// are the client's to follow, and an answer may take as long as it likes.
//
// The Host header is the client's: the provider is the one that was asked before
// there was a sidecar, and what it builds from that name, as redirects and links
// are, has to lead the client to the sidecar.
//
// X-Forwarded-For is appended to, X-Forwarded-Host and X-Forwarded-Proto are set
// if the client did not.
type Passthrough struct {
	// Target is where the provider is: its scheme, its host, and a path that is
	// put before each request's. User info and query are not used. It is required.
	Target *url.URL

	// Via names this instance in the Via header. A request that was here before
	// is answered 508. If empty, nothing is added and no loop is noticed.
	Via string

	// Logger is told of requests that failed, but for those whose client left. It
	// is required.
	Logger *slog.Logger

	init      sync.Once
	transport *http.Transport
	proxy     *httputil.ReverseProxy
}

const (
	passDialTimeout = 5 * time.Second

	// passIdleTimeout is shorter than any that a provider is likely to have: a
	// request with a body cannot be repeated where the provider just closed the
	// connection.
	passIdleTimeout = 5 * time.Second

	// passContinueTimeout is how long a provider may leave a client's `Expect:
	// 100-continue` unanswered before it is sent the body anyway.
	passContinueTimeout = time.Second

	passIdleConns = 64
	passBuffer    = 32 << 10
)

// bodyKey is that of a request's *body in its context.
type bodyKey struct{}

func (p *Passthrough) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.init.Do(p.setUp)
	switch {
	case r.Method == http.MethodConnect || r.ProtoMajor != 1:
		refuse(w, r, "this is no forward proxy", http.StatusNotImplemented)
		return
	case p.Via != "" && via.Names(r.Header["Via"], p.Via):
		refuse(w, r, "loop: the request was here before", http.StatusLoopDetected)
		return
	}
	if r.ContentLength != 0 {
		b := newBody(w, r)
		defer b.end()
		r = r.WithContext(context.WithValue(r.Context(), bodyKey{}, b))
		r.Body = b
	}
	p.proxy.ServeHTTP(w, r)
}

// CloseIdleConnections closes those to the provider that no request uses.
func (p *Passthrough) CloseIdleConnections() {
	p.init.Do(p.setUp)
	p.transport.CloseIdleConnections()
}

func (p *Passthrough) setUp() {
	p.transport = &http.Transport{
		DialContext:           (&net.Dialer{Timeout: passDialTimeout}).DialContext,
		TLSHandshakeTimeout:   passDialTimeout,
		ExpectContinueTimeout: passContinueTimeout,
		IdleConnTimeout:       passIdleTimeout,
		MaxIdleConnsPerHost:   passIdleConns,
		DisableCompression:    true,
	}
	p.proxy = &httputil.ReverseProxy{
		Transport:      p.transport,
		Rewrite:        p.rewrite,
		ModifyResponse: closeUnlessRead,
		ErrorHandler:   p.fail,
		ErrorLog:       errorLog(p.Logger),
		FlushInterval:  -1,
		BufferPool:     buffers{},
	}
}

// rewrite undoes what ReverseProxy does to the query and to headers that it
// does not trust: here, whoever asks is trusted as before.
func (p *Passthrough) rewrite(r *httputil.ProxyRequest) {
	in, out := r.In, r.Out
	aim(out.URL, p.Target, in)
	out.Trailer = in.Trailer // it is filled when the body has been read
	header := out.Header
	host, proto := in.Header["X-Forwarded-Host"], in.Header["X-Forwarded-Proto"]
	header["X-Forwarded-For"] = in.Header["X-Forwarded-For"]
	r.SetXForwarded()
	if host != nil {
		header["X-Forwarded-Host"] = host
	}
	if proto != nil {
		header["X-Forwarded-Proto"] = proto
	}
	if forwarded := in.Header["Forwarded"]; forwarded != nil {
		header["Forwarded"] = forwarded
	}
	if p.Via != "" {
		header["Via"] = via.Append(header["Via"], p.Via)
	}
}

// aim gives a request's URL the target's address, and the path and query of in
// as they were sent.
func aim(u, target *url.URL, in *http.Request) {
	path := in.URL.EscapedPath()
	if strings.HasPrefix(in.RequestURI, "/") {
		path, _, _ = strings.Cut(in.RequestURI, "?")
	}
	*u = url.URL{
		Scheme:     target.Scheme,
		Host:       target.Host,
		Path:       strings.TrimSuffix(target.Path, "/") + in.URL.Path,
		RawPath:    strings.TrimSuffix(target.EscapedPath(), "/") + path,
		RawQuery:   in.URL.RawQuery,
		ForceQuery: in.URL.ForceQuery,
	}
	// An odd but legible path would be encoded anew. What is opaque is sent as it
	// is, unless it could be taken for a host.
	if u.EscapedPath() != u.RawPath && !strings.HasPrefix(u.RawPath, "//") {
		u.Opaque = u.RawPath
	}
}

// closeUnlessRead ends a connection with an answer that came before all of the
// request was read: what is left of it must not pass for the next one.
func closeUnlessRead(resp *http.Response) error {
	b, _ := resp.Request.Context().Value(bodyKey{}).(*body)
	if b != nil && !b.whole.Load() && resp.StatusCode != http.StatusSwitchingProtocols {
		resp.Header.Set("Connection", "close")
	}
	return nil
}

// fail answers in the place of a provider that did not.
func (p *Passthrough) fail(w http.ResponseWriter, out *http.Request, err error) {
	if out.Context().Err() != nil {
		panic(http.ErrAbortHandler) // the client left
	}
	if b, _ := out.Context().Value(bodyKey{}).(*body); b != nil && b.broken.Load() {
		refuse(w, out, "the request's body cannot be read", http.StatusBadRequest)
		return
	}
	p.Logger.Warn("passthrough failed", "method", out.Method, "path", out.URL.Path, "error", unquoted(err))
	refuse(w, out, "the provider did not answer", http.StatusBadGateway)
}

// unquoted is err, unless it is one of an answer that is no HTTP: net/http quotes
// that, and it may repeat what the client sent in secret.
func unquoted(err error) error {
	var network *net.OpError
	if strings.Contains(err.Error(), "transport connection broken") && !errors.As(err, &network) {
		return errors.New("its answer is no HTTP")
	}
	return err
}

// refuse answers without having read the request's body.
func refuse(w http.ResponseWriter, r *http.Request, text string, code int) {
	if r.ContentLength != 0 {
		w.Header().Set("Connection", "close")
	}
	http.Error(w, text, code)
}

// buffers are those that answers are copied through.
type buffers struct{}

var bufferPool = sync.Pool{New: func() any { return new([passBuffer]byte) }}

func (buffers) Get() []byte  { return bufferPool.Get().(*[passBuffer]byte)[:] }
func (buffers) Put(b []byte) { bufferPool.Put((*[passBuffer]byte)(b)) }
