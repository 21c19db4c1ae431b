package server

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"testing"
)

// echoing is a provider that upgrades to a protocol in which all is said twice.
func echoing(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Upgrade") != "websocket" || r.Header.Get("Connection") != "Upgrade" {
		http.Error(w, "no upgrade", http.StatusBadRequest)
		return
	}
	conn, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(err)
	}
	defer conn.Close()
	io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
	io.Copy(conn, rw)
	io.WriteString(conn, "bye")
}

func upgraded(t *testing.T, d *daemon) (net.Conn, *bufio.Reader) {
	t.Helper()
	conn := d.dial()
	io.WriteString(conn, "GET /chat HTTP/1.1\r\nHost: logmux\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
	in := bufio.NewReader(conn)
	resp, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusSwitchingProtocols || resp.Header.Get("Upgrade") != "websocket" {
		t.Fatalf("got %+v", resp)
	}
	return conn, in
}

func TestPassthroughOfAnUpgrade(t *testing.T) {
	d, _, _ := passing(t, http.HandlerFunc(echoing), "")
	conn, in := upgraded(t, d)
	for _, text := range []string{"hello\n", "again\n"} {
		io.WriteString(conn, text)
		if got, err := in.ReadString('\n'); err != nil || got != text {
			t.Errorf("got %q, %v", got, err)
		}
	}
	conn.(*net.TCPConn).CloseWrite()
	if got, err := io.ReadAll(in); err != nil || string(got) != "bye" {
		t.Errorf("got %q, %v", got, err)
	}
}

// A provider may end what it says before its client does.
func TestPassthroughOfAnUpgradeThatIsHalfClosed(t *testing.T) {
	heard := make(chan string, 1)
	d, _, _ := passing(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(err)
		}
		defer conn.Close()
		io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nbye")
		conn.(*net.TCPConn).CloseWrite()
		got, _ := io.ReadAll(rw)
		heard <- string(got)
	}), "")
	conn, in := upgraded(t, d)
	if got, err := io.ReadAll(in); err != nil || string(got) != "bye" {
		t.Errorf("got %q, %v", got, err)
	}
	io.WriteString(conn, "one more thing")
	conn.(*net.TCPConn).CloseWrite()
	if got := within(t, heard); got != "one more thing" {
		t.Errorf("the provider got %q", got)
	}
}

func TestAShutdownEndsUpgradedConnections(t *testing.T) {
	closed := make(chan struct{})
	d, p, _ := passing(t, http.HandlerFunc(echoing), "")
	d.Swap(&Site{Passthrough: p, Close: func() { close(closed) }})
	_, in := upgraded(t, d)
	d.stop()
	if err := within(t, d.ended); err != nil {
		t.Error(err)
	}
	select {
	case <-closed:
	default:
		t.Error("Run ended before the site was closed")
	}
	if got, err := in.ReadByte(); err == nil {
		t.Errorf("got %q", got)
	}
}
