package server

import (
	"bytes"
	"log"
	"log/slog"
)

// errorLog is what net/http complains to.
func errorLog(logger *slog.Logger) *log.Logger { return log.New(complaints{logger}, "", 0) }

type complaints struct{ logger *slog.Logger }

// Write leaves out clients that leave before they said anything, as the checks
// of load balancers do.
func (c complaints) Write(line []byte) (int, error) {
	text := bytes.TrimSpace(line)
	if !bytes.HasPrefix(text, []byte("http: TLS handshake error")) || !bytes.HasSuffix(text, []byte(": EOF")) {
		c.logger.Warn(string(text))
	}
	return len(line), nil
}
