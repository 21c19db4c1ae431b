package server

import (
	"crypto/tls"
	"log/slog"
	"net"
	"time"
)

// A front makes of each connection what the current site wants: a patient one,
// with TLS or without. net/http does the handshake, each connection's for itself
// and within the time that it has for a header.
type front struct {
	net.Listener
	sites  *sites
	logger *slog.Logger

	given, used *tls.Config // what the last site gave, and what was made of it
	complained  time.Time
}

// complaintInterval is the least time between two log lines about one trouble.
const complaintInterval = time.Minute

func (f *front) Accept() (net.Conn, error) {
	for {
		conn, err := f.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if conn, err = f.prepare(conn); err == nil {
			return conn, nil
		}
		if now := time.Now(); now.Sub(f.complained) >= complaintInterval {
			f.complained = now
			f.logger.Error("connections are closed: no TLS", "error", err)
		}
	}
}

func (f *front) prepare(raw net.Conn) (net.Conn, error) {
	site := f.sites.enter()
	defer f.sites.leave(site)
	if site == nil {
		return newPatientConn(raw, 0, defaultWriteTimeout), nil
	}
	conn := newPatientConn(raw, site.era, site.writeTimeout())
	if site.TLS == nil {
		return conn, nil
	}
	config, err := site.TLS()
	if err != nil {
		raw.Close()
		return nil, err
	}
	return tls.Server(conn, f.http1(config)), nil
}

// http1 is a config for HTTP/1.1, because a stream of lines relies on chunks and
// trailers. It is made once, for clones cannot resume each other's sessions.
func (f *front) http1(config *tls.Config) *tls.Config {
	if f.used == nil || f.given != config {
		f.given, f.used = config, config.Clone()
		f.used.NextProtos = []string{"http/1.1"}
		f.used.MinVersion = max(f.used.MinVersion, tls.VersionTLS12)
	}
	return f.used
}
