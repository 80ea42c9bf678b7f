package gateway

import (
	"net/http"
	"path"
	"strings"

	"github.com/perfcast/perfcast/perf"
)

// canonical is the one reading of a request's path: percent-decoded once. What
// is checked, served and forwarded is this very text, so there is no second
// reading for a trick to hide in. Paths that another server might read in
// another way ("//", "..", "%252e", ";x", "\", control characters) are refused.
func canonical(r *http.Request) (string, error) {
	p := r.URL.Path
	switch {
	case !strings.HasPrefix(p, "/"):
		return "", perf.Invalid("path", "must begin with /")
	case strings.ContainsAny(p, "\\;"):
		return "", perf.Invalid("path", `must not contain \ or ;`)
	case strings.IndexFunc(p, func(c rune) bool { return c < ' ' || c == 0x7f || c == '\uFFFD' }) >= 0:
		return "", perf.Invalid("path", "must be text without control characters")
	case strings.TrimSuffix(p, "/") != path.Clean(p) && p != "/":
		return "", perf.Invalid("path", "must not contain //, . or .. segments")
	}
	for i := range p {
		if p[i] == '%' && i+2 < len(p) && isHex(p[i+1]) && isHex(p[i+2]) {
			return "", perf.Invalid("path", "is percent-encoded twice")
		}
	}
	return p, nil
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

// cut splits the first segment off a path: "/db/runs" is "db" and "/runs".
func cut(p string) (segment, rest string) {
	p = strings.TrimPrefix(p, "/")
	if i := strings.IndexByte(p, '/'); i >= 0 {
		return p[:i], p[i:]
	}
	return p, ""
}

// below reports whether p is dir or lies below it, and what follows.
func below(p, dir string) (rest string, ok bool) {
	rest, ok = strings.CutPrefix(p, dir)
	if !ok || rest != "" && rest[0] != '/' {
		return "", false
	}
	return rest, true
}

// isDatabase reports whether the path behind a component's name is that of its
// database, which needs a key. A component elsewhere may be careless about
// case, so this is too; a first segment that isn't plain ASCII might be folded
// to anything, and counts as the database.
func isDatabase(rest string) bool {
	segment, _ := cut(rest)
	if strings.EqualFold(strings.TrimSpace(segment), "db") {
		return true
	}
	return strings.IndexFunc(segment, func(c rune) bool { return c <= ' ' || c >= 0x7f }) >= 0
}
