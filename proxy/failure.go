package proxy

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/openfaas-logmux/logmux/internal/line"
)

// A Reason says in a word why an upstream failed.
type Reason string

// The reasons. A status that is none of an answer's is "status-NNN".
const (
	ReasonDial      Reason = "dial"      // no connection
	ReasonTLS       Reason = "tls"       // no trusted one
	ReasonAuth      Reason = "auth"      // 401, 403
	ReasonTimeout   Reason = "timeout"   // header, idle or total
	ReasonTruncated Reason = "truncated" // reset, broken chunking, an end in mid-line
	ReasonMalformed Reason = "malformed" // no log lines, or no HTTP
	ReasonBreaker   Reason = "breaker"   // not asked, for it has failed several times in a row
)

func reasonStatus(code int) Reason {
	if code == http.StatusUnauthorized || code == http.StatusForbidden {
		return ReasonAuth
	}
	return Reason(fmt.Sprintf("status-%d", code))
}

// A Failure is an error of one upstream with its reason.
type Failure struct {
	Reason Reason
	Err    error
}

func (f *Failure) Error() string { return string(f.Reason) + ": " + f.Err.Error() }
func (f *Failure) Unwrap() error { return f.Err }

// errTotal is the cause that ends a request's context at its deadline.
var errTotal = errors.New("not done within query.timeout")

// reasonGone is that of an upstream that was given up because the client left;
// it is nobody's failure.
const reasonGone Reason = "gone"

// failed finds the reason of an error that ended an exchange under ctx.
func failed(ctx context.Context, err error) *Failure {
	var f *Failure
	if errors.As(err, &f) {
		return f
	}
	switch cause := context.Cause(ctx); {
	case cause == nil:
	case errors.Is(cause, errTotal), errors.Is(cause, errCaller), errors.Is(cause, errBacklog):
		return &Failure{ReasonTimeout, cause}
	default: // also where it is a deadline of the client's own
		return &Failure{reasonGone, cause}
	}
	// url.Error repeats the URL, which is known and may hold credentials.
	if e := (*url.Error)(nil); errors.As(err, &e) {
		err = e.Err
	}
	return &Failure{reasonOf(err), err}
}

func reasonOf(err error) Reason {
	var (
		network *net.OpError
		timeout net.Error

		untrusted *tls.CertificateVerificationError
	)
	isNetwork := errors.As(err, &network)
	switch {
	case errors.Is(err, errTLS), errors.As(err, &untrusted): // the latter, behind a proxy
		return ReasonTLS
	case isNetwork && network.Op == "remote error":
		return ReasonTLS // an alert after the handshake: of TLS 1.3, that the client's certificate is missing or refused
	case isNetwork && (network.Op == "dial" || network.Op == "proxyconnect"):
		return ReasonDial
	case errors.As(err, &timeout) && timeout.Timeout():
		return ReasonTimeout
	case isNetwork, errors.Is(err, line.ErrCut), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return ReasonTruncated
	}
	// What follows net/http does not export.
	switch text := err.Error(); {
	case strings.Contains(text, "malformed MIME header"):
		return ReasonTruncated // a head that ends in the middle of a line is told so, too
	case strings.Contains(text, "transport connection broken"), strings.Contains(text, "response headers exceeded"):
		return ReasonMalformed
	}
	return ReasonTruncated
}
