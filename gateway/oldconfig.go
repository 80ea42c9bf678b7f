package gateway

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// oldServices are the services of the documented gateway's configuration, by
// the components that they are here.
var oldServices = map[string]string{
	"test_api":                   "test",
	"generator_api":              "generator",
	"benchmark_api":              "benchmark",
	"predictive_performance_api": "predictive",
	"gateway":                    "", // itself
}

// oldService is one of them, as the documented gateway has it: {"test_api":
// {"enabled": true, "port": 8000, "host": "0.0.0.0", "module": "...", "args": []}}.
//
// What it started as a Python module is built in here, so an enabled service is
// builtin and another off. Ports are those of the two servers that have one here
// too. Host, module and args say how to start what is not started any more.
type oldService struct {
	Enabled *bool `yaml:"enabled"`
	Port    int   `yaml:"port"`
	Host    any   `yaml:"host"`
	Module  any   `yaml:"module"`
	Args    any   `yaml:"args"`
}

// readOld takes the services out of a file's top level, if there are any.
func (c *Config) readOld(top map[string]yaml.Node) error {
	for _, service := range slices.Sorted(maps.Keys(oldServices)) {
		n, ok := top[service]
		if !ok {
			continue
		}
		var s oldService
		if err := strict(&n, &s); err != nil {
			return fmt.Errorf("%s: %w", service, err)
		}
		if s.Port < 0 || s.Port > 65535 {
			return fmt.Errorf("%s: port must be from 0 to 65535, not %d", service, s.Port)
		}
		c.Old = true
		enabled := s.Enabled == nil || *s.Enabled
		switch name := oldServices[service]; {
		case service == "gateway" && !enabled:
			return errors.New("gateway: enabled: false: start perfcast with --predictive-only instead")
		case service == "gateway":
			c.GatewayPort = s.Port
		case !enabled:
			c.Targets[name] = Target{Kind: KindOff}
		default:
			c.Targets[name] = Target{Kind: KindBuiltin}
			if name == "predictive" {
				c.PredictivePort = s.Port
			}
		}
	}
	return nil
}

// misplaced is an error for a component at the top level of a file, and for a
// section that nobody reads.
func misplaced(top map[string]yaml.Node, old bool) error {
	for _, section := range slices.Sorted(maps.Keys(top)) {
		_, service := oldServices[section]
		switch name, err := ParseName(section); {
		case section == "commands" || service:
		case section == "components" && old:
			return errors.New("it has components and services of the old gateway (test_api, ...): keep one of the two")
		case section == "components":
		case err == nil:
			return fmt.Errorf("%s must stand below components: write components: {%s: builtin}", section, name)
		default:
			return fmt.Errorf("there is no section %q; there are components and commands (and the old gateway's %s)", section,
				strings.Join(slices.Sorted(maps.Keys(oldServices)), ", "))
		}
	}
	return nil
}
