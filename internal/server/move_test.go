package server

import (
	"io"
	"net"
	"net/http"
	"testing"
)

func TestMove(t *testing.T) {
	remote := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.RemoteAddr) })
	logs, taken, letGo := hanging()
	defer letGo()
	d := start(t, &Site{Logs: logs, Passthrough: remote, ShutdownTimeout: soon})
	running := d.begin(taken)
	before := d.get("/")

	l := listen(t)
	d.Move(l)
	if got := d.get("/"); got.err != nil || got.body != before.body {
		t.Errorf("an idle connection of the old address: got %+v, want %q", got, before.body)
	}
	eventually(t, "the old address is closed", func() bool {
		conn, err := net.Dial("tcp", d.address)
		if err == nil {
			conn.Close()
		}
		return err != nil
	})
	old := d.url
	d.url = "http://" + l.Addr().String()
	if got := d.get("/"); got.code != 200 {
		t.Errorf("the new address: got %+v", got)
	}
	letGo()
	if got := within(t, running); got.body != "complete" {
		t.Errorf("a request of the old address: got %+v", got)
	}
	d.Move(l)
	if got := d.get("/"); got.code != 200 {
		t.Errorf("moved to where it is: got %+v", got)
	}
	d.url = old
	d.client.CloseIdleConnections()
	if got := d.get("/"); got.err == nil {
		t.Errorf("the old address: got %+v", got)
	}
	d.stop()
	if err := within(t, d.ended); err != nil {
		t.Error(err)
	}
	late := listen(t)
	d.Move(late)
	if conn, err := late.Accept(); err == nil {
		conn.Close()
		t.Error("a listener that came after the end is open")
	}
}

func TestMoveBeforeRun(t *testing.T) {
	l := listen(t)
	s := &Server{}
	s.Move(l)
	d := startServer(t, s, &Site{Passthrough: answer("moved")})
	d.url = "http://" + l.Addr().String()
	if got := d.get("/"); got.body != "moved" {
		t.Errorf("got %+v", got)
	}
	if conn, err := net.Dial("tcp", d.address); err == nil {
		conn.Close()
		t.Error("the listener of Run is open")
	}
}
