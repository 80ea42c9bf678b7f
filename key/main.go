package key

import (
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"
)

const usage = `usage:
  perfcast key create --name NAME [--scope read|write|admin] [--expires 720h|2027-01-31]
  perfcast key list
  perfcast key revoke NAME

  --db-path FILE   the database whose keys to edit (they live in FILE.keys)
  --keys FILE      the key file itself

The file may be edited while the server runs. create prints the new key as its
last line; it is kept nowhere else.
`

// Main is "perfcast key": it edits a key file and returns the exit status.
func Main(args []string, stdout, stderr io.Writer) int {
	if len(args) == 0 {
		fmt.Fprint(stderr, usage)
		return 2
	}
	f := flag.NewFlagSet("perfcast key "+args[0], flag.ContinueOnError)
	f.SetOutput(stderr)
	f.Usage = func() { fmt.Fprint(stderr, usage) }
	db := f.String("db-path", defaultDB(), "the database whose keys to edit")
	f.StringVar(db, "db", *db, "the same")
	path := f.String("keys", "", "the key file")
	name := f.String("name", "", "the key's name")
	scope := f.String("scope", string(Read), "read, write or admin")
	expires := f.String("expires", "", "when the key ends: a duration or a day")
	flags, first := args[1:], []string{}
	if len(flags) > 0 && !strings.HasPrefix(flags[0], "-") { // the name before the flags
		first, flags = flags[:1], flags[1:]
	}
	if err := f.Parse(flags); err != nil {
		return 2
	}
	positional := append(first, f.Args()...)
	if *path == "" {
		*path = DefaultPath(*db)
	}
	if *name == "" && len(positional) == 1 {
		*name = positional[0]
	} else if len(positional) > 0 {
		fmt.Fprintf(stderr, "unexpected argument %q\n%s", positional[len(positional)-1], usage)
		return 2
	}
	var err error
	switch args[0] {
	case "create":
		err = create(stdout, *path, *name, *scope, *expires)
	case "list":
		err = list(stdout, *path)
	case "revoke":
		if err = Revoke(*path, *name); err == nil {
			fmt.Fprintf(stdout, "key %q is revoked\n", *name)
		}
	default:
		fmt.Fprint(stderr, usage)
		return 2
	}
	if err != nil {
		fmt.Fprintln(stderr, "perfcast key:", err)
		return 1
	}
	return 0
}

func defaultDB() string {
	if p := os.Getenv("PREDICTIVE_PERFORMANCE_DB"); p != "" {
		return p
	}
	return "predictive_performance.duckdb"
}

func create(w io.Writer, path, name, scope, expires string) error {
	s, err := ParseScope(scope)
	if err != nil {
		return err
	}
	now := time.Now()
	end, err := parseExpiry(expires, now)
	if err != nil {
		return err
	}
	secret, err := Create(path, name, s, now, end)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "key %q with scope %s is in %s; its text is shown only here:\n%s\n", name, s, path, secret)
	return nil
}

// parseExpiry reads a duration from now ("720h", "30d"), a day ("2027-01-31",
// its end in UTC) or a moment (RFC 3339); "" is never.
func parseExpiry(s string, now time.Time) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	var days int
	if n, err := fmt.Sscanf(s, "%dd", &days); n == 1 && err == nil && s == fmt.Sprintf("%dd", days) {
		return now.AddDate(0, 0, days), nil
	}
	if d, err := time.ParseDuration(s); err == nil {
		return now.Add(d), nil
	}
	if t, err := time.Parse(time.DateOnly, s); err == nil {
		return t.AddDate(0, 0, 1), nil
	}
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t, nil
	}
	return time.Time{}, fmt.Errorf("expires %q is no duration (720h, 30d), day (2027-01-31) or time (RFC 3339)", s)
}

func list(w io.Writer, path string) error {
	keys, err := Load(path)
	if err != nil {
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "NAME\tSCOPE\tCREATED\tEXPIRES\tHASH")
	for _, k := range keys {
		end := "never"
		if k.Expires != nil {
			end = k.Expires.Format(time.RFC3339)
			if k.Expired(time.Now()) {
				end += " (over)"
			}
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", k.Name, k.Scope, k.Created.Format(time.RFC3339), end, k.Hash[:12])
	}
	return t.Flush()
}
