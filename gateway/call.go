package gateway

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/perfcast/perfcast/key"
)

// A component has this long to answer its part of a fan-out, and this much
// room for the answer.
const (
	callTimeout = 10 * time.Second
	callLimit   = 16 << 20
)

// call asks a component on behalf of a request that has been let in, wherever
// the component is. What goes wrong there, a panic included, is an error here.
func (g *Gateway) call(r *http.Request, name, method, path string, query url.Values, body []byte) (_ []byte, err error) {
	m := g.mount(name)
	if m.handler == nil {
		return nil, fmt.Errorf("the %s component is not configured", name)
	}
	ctx, cancel := context.WithTimeout(r.Context(), callTimeout)
	defer cancel()
	u := url.URL{Path: prefixes[name] + path, RawQuery: query.Encode()}
	req, err := http.NewRequestWithContext(ctx, method, u.String(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Host, req.RemoteAddr, req.RequestURI = r.Host, r.RemoteAddr, u.RequestURI()
	req.Header.Set("Accept", "application/json")
	req.Header.Set(key.Header, r.Header.Get(key.Header)) // goes on only to a component that may have it
	if len(body) > 0 {
		req.Header.Set("Content-Type", "application/json")
	}
	answer := &capture{header: http.Header{}}
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("the %s component broke off: %v", name, v)
		}
	}()
	m.handler.ServeHTTP(answer, req)
	switch {
	case answer.full:
		return nil, fmt.Errorf("the %s component's answer is too large", name)
	case answer.status == 0 && ctx.Err() != nil:
		return nil, ctx.Err()
	case answer.status > 299:
		return nil, fmt.Errorf("the %s component answered %d", name, answer.status)
	}
	return answer.body.Bytes(), nil
}

// capture is a ResponseWriter that keeps the answer.
type capture struct {
	header http.Header
	status int
	body   bytes.Buffer
	full   bool
}

func (c *capture) Header() http.Header { return c.header }

func (c *capture) WriteHeader(status int) {
	if c.status == 0 && status >= 200 {
		c.status = status
	}
}

func (c *capture) Write(b []byte) (int, error) {
	c.WriteHeader(http.StatusOK)
	if c.body.Len()+len(b) > callLimit {
		c.full = true
		return 0, errors.New("too large")
	}
	return c.body.Write(b)
}
