package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/perfcast/perfcast/gateway"
)

// config is what the command line and the environment say. Flags beat the
// environment, which beats the defaults.
type config struct {
	host                        string
	gatewayPort, predictivePort int
	dbPath                      string
	predictiveOnly, unifiedOnly bool
	benchmarkDir, benchmarkDB   string
	scriptsDir                  string
	fleet, keys, file           string
	requireKeys                 bool
	components                  map[string]gateway.Target
	origins                     []string
}

const serveUsage = `perfcast predicts how fast machine-learning models run on hardware.

usage: perfcast [flags]              start the servers
       perfcast key ...              create, list and revoke API keys
       perfcast train ...            fit the predictor to measurements
       perfcast evaluate FILE...     compare predictions with measurements
       perfcast version

flags:
`

// parse reads the command line. What it prints on errors goes to out.
func parse(args []string, env func(string) string, out io.Writer) (config, error) {
	c := config{components: map[string]gateway.Target{}}
	f := flag.NewFlagSet("perfcast", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.StringVar(&c.host, "host", "127.0.0.1", "address to listen on")
	f.IntVar(&c.gatewayPort, "gateway-port", 8080, "port of the unified gateway; 0 = any free one")
	f.IntVar(&c.predictivePort, "predictive-port", 8500, "port of the predictive API; 0 = any free one")
	port := f.Int("port", 0, "the same as --predictive-port")
	f.StringVar(&c.dbPath, "db-path", or(env("PREDICTIVE_PERFORMANCE_DB"), "predictive_performance.duckdb"), "database file (environment: PREDICTIVE_PERFORMANCE_DB)")
	db := f.String("db", "", "the same as --db-path")
	f.BoolVar(&c.predictiveOnly, "predictive-only", false, "start only the predictive API")
	f.BoolVar(&c.unifiedOnly, "unified-only", false, "start only the gateway, in front of a predictive API that runs already; opens no database")
	f.StringVar(&c.benchmarkDir, "benchmark-dir", env("BENCHMARK_DIR"), "folder of benchmark reports: those in it are imported at start, and the benchmark component keeps its own there (environment: BENCHMARK_DIR; without either, ./benchmark_results is imported if it exists)")
	f.StringVar(&c.benchmarkDB, "benchmark-db", env("BENCHMARK_DB"), "database of the old benchmark suite whose results are imported at start; it is only read (environment: BENCHMARK_DB)")
	f.StringVar(&c.scriptsDir, "scripts-dir", "", "folder that the generator also writes its scripts to; without it they are had from its API alone")
	f.StringVar(&c.fleet, "fleet", "", "file of the devices you have or can rent (YAML or JSON)")
	f.StringVar(&c.keys, "keys", "", "file of the API keys (default: the database's name with .keys)")
	f.BoolVar(&c.requireKeys, "require-keys", false, "put GraphQL's mutations and subscriptions and REST's writes behind API keys too")
	f.StringVar(&c.file, "config", "", "file of the gateway's components (YAML), re-read when it changes")
	f.Func("component", "NAME=TARGET: what stands behind test, generator, benchmark or predictive: builtin, off or a URL (repeatable)", c.component)
	f.Func("origin", "host pattern of web pages that may open WebSockets, besides our own (repeatable)", func(s string) error {
		c.origins = append(c.origins, s)
		return nil
	})
	err := f.Parse(args)
	if err != nil {
		if errors.Is(err, flag.ErrHelp) {
			fmt.Fprint(out, serveUsage)
			f.SetOutput(out)
			f.PrintDefaults()
		}
		return c, err
	}
	if f.NArg() > 0 {
		return c, fmt.Errorf("unexpected argument %q; 'perfcast --help' lists the commands", f.Arg(0))
	}
	given := map[string]bool{}
	f.Visit(func(f *flag.Flag) { given[f.Name] = true })
	if given["port"] {
		if given["predictive-port"] && *port != c.predictivePort {
			return c, fmt.Errorf("--port %d and --predictive-port %d are the same setting with two values", *port, c.predictivePort)
		}
		c.predictivePort = *port
	}
	if given["db"] {
		if given["db-path"] && *db != c.dbPath {
			return c, fmt.Errorf("--db %s and --db-path %s are the same setting with two values", *db, c.dbPath)
		}
		c.dbPath = *db
	}
	if err := c.oldPorts(given); err != nil {
		return c, err
	}
	return c, c.check()
}

func (c *config) component(s string) error {
	name, target, ok := strings.Cut(s, "=")
	if !ok {
		return errors.New("must be NAME=TARGET")
	}
	t, err := gateway.ParseTarget(target)
	if err != nil {
		return err
	}
	c.components[name] = t
	return nil
}

// oldPorts takes the ports that the documented gateway's configuration names,
// where the command line names none.
func (c *config) oldPorts(given map[string]bool) error {
	if c.file == "" {
		return nil
	}
	f, err := gateway.LoadConfig(c.file)
	if err != nil {
		return fmt.Errorf("--config: %w", err)
	}
	if f.GatewayPort != 0 && !given["gateway-port"] {
		c.gatewayPort = f.GatewayPort
	}
	if f.PredictivePort != 0 && !given["predictive-port"] && !given["port"] {
		c.predictivePort = f.PredictivePort
	}
	return nil
}

func (c *config) check() error {
	if c.predictiveOnly && c.unifiedOnly {
		return errors.New("--predictive-only and --unified-only exclude each other; give neither to start both")
	}
	for name, port := range map[string]int{"gateway-port": c.gatewayPort, "predictive-port": c.predictivePort} {
		if port < 0 || port > 65535 {
			return fmt.Errorf("--%s must be from 0 to 65535, not %d", name, port)
		}
	}
	if c.unifiedOnly && c.predictivePort == 0 {
		return errors.New("--unified-only needs the --predictive-port of the API that runs already")
	}
	if c.dbPath == "" {
		return errors.New("--db-path must not be empty")
	}
	return nil
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// environment is os.Getenv; tests pass their own.
var environment = os.Getenv
