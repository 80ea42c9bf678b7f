package gateway

import (
	"io"
	"net/http"
	"time"
)

// slowest is how long a client may take to send a body.
var slowest = 5 * time.Minute

// limitBody bounds a body's length and the time it may take to come.
func limitBody(w http.ResponseWriter, body io.ReadCloser, most int64) io.ReadCloser {
	c := http.NewResponseController(w)
	_ = c.SetReadDeadline(time.Now().Add(slowest))
	return &timedBody{http.MaxBytesReader(w, body, most), c}
}

// timedBody lifts the connection's deadline when the body has come: it is not
// for an answer that takes longer, which the server also watches by reading.
type timedBody struct {
	io.ReadCloser
	conn *http.ResponseController
}

func (b *timedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err == io.EOF {
		_ = b.conn.SetReadDeadline(time.Time{})
	}
	return n, err
}
