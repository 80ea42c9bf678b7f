package component

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// Command is a command that the operator allows to be run. In the
// configuration file:
//
//	commands:
//	  benchmark:
//	    - name: onnx
//	      argv: [python3, bench/onnx_bench.py, --model, "{model}", --batch-size, "{batch_size}",
//	             --precision, "{precision}", --device, "{device}"]
//	      hardware: [cpu, cuda]     # what it can measure; empty = anything
//	      timeout: 10m              # standard: 10m
//	      env: [OMP_NUM_THREADS]    # besides PATH, HOME, LANG, TMPDIR
//	      dir: /srv/perfcast        # working directory
//	  test:
//	    - name: unit
//	      argv: [go, test, -json, ./...]
//	      types: [basic]            # test types it serves; empty = any
//	      results: gotest           # exit (the standard), junit, gotest or pytest
//
// The placeholders are {model}, {batch_size}, {precision}, {device} and, for
// tests, {report}: a path to write JUnit XML to.
type Command struct {
	Name     string
	Argv     []string
	Hardware []string
	Types    []string
	Results  Format
	Timeout  time.Duration
	Env      []string
	Dir      string
}

// Commands are the operator's commands by component.
type Commands struct {
	Benchmark, Test []Command
}

const standardTimeout = 10 * time.Minute

// UnmarshalYAML reads and checks one command.
func (c *Command) UnmarshalYAML(n *yaml.Node) error {
	var m struct {
		Name     string   `yaml:"name"`
		Argv     []string `yaml:"argv"`
		Hardware []string `yaml:"hardware"`
		Types    []string `yaml:"types"`
		Results  Format   `yaml:"results"`
		Timeout  string   `yaml:"timeout"`
		Env      []string `yaml:"env"`
		Dir      string   `yaml:"dir"`
	}
	b, err := yaml.Marshal(n)
	if err != nil {
		return err
	}
	d := yaml.NewDecoder(bytes.NewReader(b))
	d.KnownFields(true)
	if err := d.Decode(&m); err != nil {
		return err
	}
	*c = Command{m.Name, m.Argv, m.Hardware, m.Types, m.Results, standardTimeout, m.Env, m.Dir}
	if m.Timeout != "" {
		if c.Timeout, err = time.ParseDuration(m.Timeout); err != nil || c.Timeout <= 0 {
			return fmt.Errorf("command %q: timeout %q is no duration such as 90s or 10m", m.Name, m.Timeout)
		}
	}
	if c.Results == "" {
		c.Results = FormatExit
	}
	return c.check()
}

func (c *Command) check() error {
	if !SafeModel(c.Name) {
		return fmt.Errorf("command %q needs a name of letters, digits and ._-", c.Name)
	}
	if len(c.Argv) == 0 || c.Argv[0] == "" {
		return fmt.Errorf("command %q has no argv", c.Name)
	}
	if placeholder.MatchString(c.Argv[0]) {
		return fmt.Errorf("command %q: what is run cannot come from a request", c.Name)
	}
	if !slices.Contains(Formats, c.Results) {
		return fmt.Errorf("command %q: results %q is none of %v", c.Name, c.Results, Formats)
	}
	for _, a := range c.Argv {
		for _, p := range placeholder.FindAllString(a, -1) {
			if name := strings.Trim(p, "{}"); names[name] == nil && name != "report" {
				return fmt.Errorf("command %q: there is no placeholder %s", c.Name, p)
			}
		}
	}
	return nil
}

// LoadCommands reads the section "commands" of a YAML or JSON file. An empty
// path, or a file without the section, allows none.
func LoadCommands(path string) (Commands, error) {
	if path == "" {
		return Commands{}, nil
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return Commands{}, err
	}
	return parseCommands(path, b)
}

func parseCommands(path string, b []byte) (Commands, error) {
	var f struct {
		Commands struct {
			Benchmark []Command `yaml:"benchmark"`
			Test      []Command `yaml:"test"`
		} `yaml:"commands"`
	}
	if err := yaml.Unmarshal(b, &f); err != nil && !errors.Is(err, io.EOF) {
		return Commands{}, fmt.Errorf("%s: %w", path, err)
	}
	return Commands{f.Commands.Benchmark, f.Commands.Test}, nil
}

// serves reports whether a command is for the hardware and, if it names types,
// the type.
func (c *Command) serves(hardware, kind string) bool {
	return (len(c.Hardware) == 0 || slices.Contains(c.Hardware, hardware)) &&
		(len(c.Types) == 0 || kind == "" || slices.Contains(c.Types, kind))
}

// Values are what a request puts in a command's placeholders.
type Values struct {
	Model     string
	BatchSize int
	Precision string
	Device    string
	Report    string // path; never a request's
}

var placeholder = regexp.MustCompile(`\{[a-z_]+\}`)

// names are the placeholders that a request fills, and what each may hold. All
// begin with a letter or digit, so that none can pass for an option; no segment
// of a model's name is "..".
var names = map[string]*regexp.Regexp{
	"model":      regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:+@-]*(/(\.?([A-Za-z0-9_:+@-][A-Za-z0-9._:+@-]*)?|\.\.[A-Za-z0-9._:+@-]+))*$`),
	"batch_size": regexp.MustCompile(`^[1-9][0-9]{0,8}$`),
	"precision":  regexp.MustCompile(`^[a-z][a-z0-9_]{0,31}$`),
	"device":     regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9 ._:+-]{0,99}$`),
}

const maxModelName = 200 // bytes

// SafeModel reports whether a model's name may become a part of an argument.
func SafeModel(name string) bool {
	return len(name) <= maxModelName && names["model"].MatchString(name)
}

// Expand is the command's arguments with the values in place. A value is
// checked only where it is used; it stays inside its own argument, whatever it
// holds.
func (c *Command) Expand(v Values) ([]string, error) {
	values := map[string]string{"model": v.Model, "batch_size": strconv.Itoa(v.BatchSize), "precision": v.Precision, "device": v.Device}
	out := make([]string, len(c.Argv))
	for i, a := range c.Argv {
		var bad error
		out[i] = placeholder.ReplaceAllStringFunc(a, func(p string) string {
			name := strings.Trim(p, "{}")
			if name == "report" {
				return v.Report
			}
			x := values[name]
			if !names[name].MatchString(x) || name == "model" && !SafeModel(x) {
				bad = fmt.Errorf("%s %q cannot be put into a command: it must match %s", name, x, names[name])
			}
			return x
		})
		if bad != nil {
			return nil, bad
		}
	}
	return out, nil
}
