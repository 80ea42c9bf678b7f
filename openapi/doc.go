// Package openapi serves and describes an API from one table of routes, each
// a request type, a response type and what it does.
//
// The table and the types' tags say everything once. From them come the
// decoding and validation of requests, the 422 bodies in the shape of pydantic
// 2, and the OpenAPI 3.1 document. The tags of a request's field:
//
//	json      its name; ",omitempty" marks it optional; a pointer accepts null
//	default   its value where it is left out
//	min, max  bounds of a number (of each number of a list); in a body, max is a
//	          power of ten
//	over      exclusive lower bound of a number
//	maxlen    most characters of a text, or of items of a list; texts and
//	          lists without one get defaultMaxText and defaultMaxItems
//	itemlen   most characters of each text of a list
//	text      "plain": no control characters; "filled": and one visible character
//	pattern   regular expression that a text must match
//	in        "path" or "query": taken from there; "server": not a request's at all
//	doc       description in the OpenAPI document
//	example   example there, as JSON
//
// A field of the type url.Values has the parameters of the URL that no other
// field names.
package openapi
