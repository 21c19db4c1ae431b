//go:build linux

package faults_test

import (
	"net/netip"
	"syscall"
	"testing"
)

// A port of loopback is ours also while nobody listens at it. Otherwise some
// other connection may get it, and a wire that was down could not come up again.
type port struct {
	socket  int // bound to it, and never listening
	address string
}

func newPort(t testing.TB) *port {
	t.Helper()
	socket, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	// net.Listen sets it as well, and two that do may share the port.
	if err := syscall.SetsockoptInt(socket, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1); err != nil {
		t.Fatal(err)
	}
	loopback := netip.AddrFrom4([4]byte{127, 0, 0, 1})
	if err := syscall.Bind(socket, &syscall.SockaddrInet4{Addr: loopback.As4()}); err != nil {
		t.Fatal(err)
	}
	bound, err := syscall.Getsockname(socket)
	if err != nil {
		t.Fatal(err)
	}
	number := uint16(bound.(*syscall.SockaddrInet4).Port)
	return &port{socket, netip.AddrPortFrom(loopback, number).String()}
}

func (p *port) close() { syscall.Close(p.socket) }
