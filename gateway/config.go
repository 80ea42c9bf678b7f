package gateway

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// Names are the components' names, in the order in which they are shown.
var Names = []string{"test", "generator", "benchmark", "predictive"}

// prefixes are where the components' routes live.
var prefixes = map[string]string{
	"test":       "/api/test",
	"generator":  "/api/generator",
	"benchmark":  "/api/benchmark",
	"predictive": "/api/predictive-performance",
}

// Kind says what stands behind a component's routes.
type Kind string

// The kinds.
const (
	KindBuiltin Kind = "builtin" // this binary
	KindURL     Kind = "url"     // a server that runs on its own
	KindCommand Kind = "command" // a server that the gateway starts and watches
	KindOff     Kind = "off"     // nothing: the routes are not there
)

// Target is what stands behind a component's routes. In a configuration file
// it is one word (builtin, off or a URL), or a mapping:
//
//	url: http://127.0.0.1:8001    # with command: where the command listens
//	command: [python3, -m, server, --port, "{port}"]
//	health: /health               # path that answers below 500 when all is well
//	dir: /srv/component           # the command's working directory
//	env: [CUDA_VISIBLE_DEVICES]   # variables it gets besides PATH, HOME, LANG, TMPDIR
//	forward_key: true             # pass X-API-Key on to it
//
// A command without a url gets a free port in place of {port}.
type Target struct {
	Kind       Kind
	URL        string
	Command    []string
	Health     string
	Dir        string
	Env        []string
	ForwardKey bool
}

// ParseTarget reads a target of one word.
func ParseTarget(s string) (Target, error) {
	switch s = strings.TrimSpace(s); s {
	case string(KindBuiltin), string(KindOff):
		return Target{Kind: Kind(s)}, nil
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return Target{}, fmt.Errorf("%q is neither builtin, off nor a URL such as http://host:8000", s)
	}
	return Target{Kind: KindURL, URL: strings.TrimSuffix(s, "/"), Health: "/health"}, nil
}

// UnmarshalYAML reads a target as a word or as a mapping.
func (t *Target) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		word := n.Value
		if n.Tag == "!!bool" && (word == "false" || word == "no" || word == "off") { // YAML 1.1's spelling of off
			word = string(KindOff)
		}
		parsed, err := ParseTarget(word)
		*t = parsed
		return err
	}
	var m struct {
		URL        string   `yaml:"url"`
		Command    []string `yaml:"command"`
		Health     string   `yaml:"health"`
		Dir        string   `yaml:"dir"`
		Env        []string `yaml:"env"`
		ForwardKey bool     `yaml:"forward_key"`
	}
	if err := strict(n, &m); err != nil {
		return err
	}
	parsed := Target{Kind: KindCommand}
	if m.URL != "" {
		var err error
		if parsed, err = ParseTarget(m.URL); err != nil {
			return err
		}
	}
	switch {
	case len(m.Command) > 0:
		parsed.Kind = KindCommand
		if m.URL == "" && !slices.ContainsFunc(m.Command, func(a string) bool { return strings.Contains(a, "{port}") }) {
			return errors.New("a command needs a url where it listens, or {port} among its arguments")
		}
	case parsed.Kind != KindURL:
		return errors.New("a component needs a url or a command")
	}
	parsed.Command, parsed.Dir, parsed.Env, parsed.ForwardKey = m.Command, m.Dir, m.Env, m.ForwardKey
	if parsed.Health = "/health"; m.Health != "" {
		if !healthPath.MatchString(m.Health) {
			return fmt.Errorf("health %q is not a path such as /health", m.Health)
		}
		parsed.Health = m.Health
	}
	*t = parsed
	return nil
}

var healthPath = regexp.MustCompile(`^/[A-Za-z0-9/_.~-]*$`)

// strict decodes a node and refuses fields it does not know.
func strict(n *yaml.Node, into any) error {
	b, err := yaml.Marshal(n)
	if err != nil {
		return err
	}
	d := yaml.NewDecoder(bytes.NewReader(b))
	d.KnownFields(true)
	var wrong *yaml.TypeError
	if err = d.Decode(into); errors.As(err, &wrong) { // in one line, and without words about our types
		return errors.New(goTypes.ReplaceAllString(strings.Join(wrong.Errors, "; "), ""))
	}
	return err
}

var goTypes = regexp.MustCompile(`line \d+: | (in type|into) \S+`)

// Config is what a configuration file says.
type Config struct {
	// Targets are what stands behind each component. One that is not mentioned is
	// as the gateway's options say.
	Targets map[string]Target

	Old                         bool // it is the documented gateway's own (see oldService)
	GatewayPort, PredictivePort int  // of an old file; 0 = it does not say
}

// LoadConfig reads the section "components" of a YAML or JSON file, or the
// services of the documented gateway's. The section "commands" is for the
// components to read.
func LoadConfig(path string) (Config, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return Config{}, err
	}
	return parseConfig(path, b)
}

func parseConfig(path string, b []byte) (Config, error) {
	c := Config{Targets: map[string]Target{}}
	var top map[string]yaml.Node
	var file struct {
		Components map[string]Target `yaml:"components"`
	}
	err := yaml.Unmarshal(b, &top)
	if err == nil || errors.Is(err, io.EOF) {
		err = yaml.Unmarshal(b, &file)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return c, fmt.Errorf("%s: %w", path, err)
	}
	for name, t := range file.Components {
		n, err := ParseName(name)
		if err != nil {
			return c, fmt.Errorf("%s: %w", path, err)
		}
		c.Targets[n] = t
	}
	if err = c.readOld(top); err == nil {
		err = misplaced(top, c.Old)
	}
	if err != nil {
		return c, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}

// ParseName reads a component's name; predictive may be written as in its
// routes.
func ParseName(name string) (string, error) {
	if name == "predictive-performance" || name == "predictive_performance" {
		name = "predictive"
	}
	if !slices.Contains(Names, name) {
		return "", fmt.Errorf("there is no component %q; there are %s", name, strings.Join(Names, ", "))
	}
	return name, nil
}
