// Package e2e holds no code. Its tests run the logmux command as an operator does: a YAML file, a process, real
// HTTP on loopback, and in front of it providers with the habits of the real ones (see internal/sample).
package e2e
