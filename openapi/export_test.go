package openapi

import "encoding/json"

// Refusals decodes a body, and gives back the list of errors as it is answered.
func (rt *Route) Refusals(body []byte) ([]byte, error) {
	var d decoder
	d.body(rt.body, body, true, rt.fresh())
	if len(d.errs) == 0 {
		return nil, nil
	}
	return json.Marshal(HTTPValidationError{d.errs})
}

// HasBody reports whether the route takes a body.
func (rt *Route) HasBody() bool { return rt.body != nil }

// Defaults decodes a body into its request.
func (rt *Route) Defaults(body string) (any, error) {
	var d decoder
	v := rt.fresh()
	d.body(rt.body, []byte(body), true, v)
	if len(d.errs) > 0 {
		return nil, Invalid(d.errs)
	}
	return v.Interface(), nil
}
