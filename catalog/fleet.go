package catalog

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"

	"gopkg.in/yaml.v3"

	"github.com/perfcast/perfcast/perf"
)

// Limits of a fleet file.
const (
	maxFleet      = 1 << 20 // bytes
	maxFleetRows  = 10_000
	maxCount      = 1_000_000
	maxPricePerHr = 1e9
)

// fleetFile is a fleet file, YAML or JSON:
//
//	devices:
//	  - device: NVIDIA H100 SXM 80GB # a name or alias of the catalogue
//	    platform: cuda               # may be left out where the name says it
//	    count: 8                     # 1 when left out
//	    price_per_hour: 2.49         # of one device; left out = not known
//	    aliases: [p5.48xlarge]
type fleetFile struct {
	Devices []fleetRow `yaml:"devices"`
}

type fleetRow struct {
	Device       string   `yaml:"device"`
	Platform     string   `yaml:"platform"`
	Count        *int     `yaml:"count"`
	PricePerHour float64  `yaml:"price_per_hour"`
	Aliases      []string `yaml:"aliases"`
}

// Fleet reads a fleet file (YAML or JSON) and checks it against the catalogue.
// Devices come back under their canonical names, in the file's order. Errors
// are *perf.Error and name the row and field: "devices[2].count".
func (c *Catalog) Fleet(data []byte) ([]perf.FleetEntry, error) {
	if len(data) > maxFleet {
		return nil, &perf.Error{Code: perf.CodeTooLarge, Field: "fleet", Message: "a fleet file is at most 1 MiB"}
	}
	var file fleetFile
	d := yaml.NewDecoder(bytes.NewReader(data)) // JSON is YAML
	d.KnownFields(true)
	if err := d.Decode(&file); err != nil && !errors.Is(err, io.EOF) {
		return nil, perf.Invalid("fleet", "is no fleet file: %s", firstLine(err))
	}
	if len(file.Devices) > maxFleetRows {
		return nil, perf.Invalid("devices", "%d entries are more than %d", len(file.Devices), maxFleetRows)
	}
	fleet := make([]perf.FleetEntry, 0, len(file.Devices))
	for _, row := range file.Devices {
		e := perf.FleetEntry{Device: row.Device, Platform: perf.Platform(row.Platform), Count: 1,
			PricePerHour: row.PricePerHour, Aliases: row.Aliases}
		if row.Count != nil {
			e.Count = *row.Count
		}
		fleet = append(fleet, e)
	}
	return c.CheckFleet(fleet)
}

// CheckFleet checks a fleet against the catalogue and gives it with canonical
// device names. Errors name the row and field: "devices[2].count".
func (c *Catalog) CheckFleet(fleet []perf.FleetEntry) ([]perf.FleetEntry, error) {
	if len(fleet) > maxFleetRows {
		return nil, perf.Invalid("devices", "%d entries are more than %d", len(fleet), maxFleetRows)
	}
	out := make([]perf.FleetEntry, 0, len(fleet))
	for i, e := range fleet {
		e, err := c.checkFleetEntry(e)
		if err != nil {
			p := *perf.AsError(err)
			p.Field = fmt.Sprintf("devices[%d].%s", i, p.Field)
			return nil, &p
		}
		out = append(out, e)
	}
	return out, checkDoubles(out)
}

// checkFleetEntry checks one entry and gives it its device's canonical name
// and platform.
func (c *Catalog) checkFleetEntry(e perf.FleetEntry) (perf.FleetEntry, error) {
	if e.Platform != "" {
		if err := checkPlatform(e.Platform); err != nil {
			return e, err
		}
	}
	d, err := c.Device(e.Device, e.Platform)
	if err != nil {
		return e, err
	}
	if e.Count < 1 || e.Count > maxCount {
		return e, perf.Invalid("count", "%d is outside 1 to %d", e.Count, maxCount)
	}
	if err := within("price_per_hour", e.PricePerHour, 0, maxPricePerHr, "an hour"); err != nil {
		return e, err
	}
	for _, a := range e.Aliases {
		if err := checkName("aliases", a); err != nil {
			return e, err
		}
	}
	e.Device, e.Platform = d.Name, d.Platform
	e.Aliases = slices.Clone(e.Aliases)
	return e, nil
}

// checkDoubles wants each device once on a platform and each alias for one device.
func checkDoubles(fleet []perf.FleetEntry) error {
	devices, aliases := map[string]int{}, map[string]int{}
	for i, e := range fleet {
		key := string(e.Platform) + " " + e.Device
		if j, ok := devices[key]; ok {
			return perf.Invalid(fmt.Sprintf("devices[%d].device", i), "%s is already entry %d: add up the counts", e.Device, j)
		}
		devices[key] = i
		for _, a := range e.Aliases {
			if j, ok := aliases[normalise(a)]; ok && j != i {
				return perf.Invalid(fmt.Sprintf("devices[%d].aliases", i), "%s already names entry %d", quoted(a), j)
			}
			aliases[normalise(a)] = i
		}
	}
	return nil
}

// InFleet is the entry that a name means: an alias, or a device's name or
// alias in the catalogue; nil when the fleet has none.
func (c *Catalog) InFleet(fleet []perf.FleetEntry, name string) *perf.FleetEntry {
	want := normalise(name)
	for i := range fleet {
		if slices.ContainsFunc(fleet[i].Aliases, func(a string) bool { return normalise(a) == want }) {
			return &fleet[i]
		}
	}
	for i := range fleet {
		if d, err := c.Device(name, fleet[i].Platform); err == nil && d.Name == fleet[i].Device {
			return &fleet[i]
		}
	}
	return nil
}

// firstLine is an error's first line, cut to a length that a user can read.
func firstLine(err error) string {
	s := err.Error()
	for i, r := range s {
		if r == '\n' && i > 0 && s[i-1] != ':' || i > 200 {
			return s[:i]
		}
	}
	return s
}
