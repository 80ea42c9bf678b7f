package relay

import (
	"encoding/base64"
	"encoding/json"
	"strings"

	"github.com/perfcast/perfcast/perf"
)

// Node is anything that has a global id.
type Node any

// Prefixes of the global ids of what has no id of its own. Stored records keep
// theirs, whose prefixes end in a hyphen.
const (
	deviceID = "device:"
	modelID  = "model:"
	askID    = "predict:"
)

// DeviceID is the global id of a catalogue device.
func DeviceID(d *perf.Device) string { return deviceID + string(d.Platform) + ":" + d.Name }

// ParseDeviceID undoes DeviceID.
func ParseDeviceID(id string) (platform perf.Platform, name string, ok bool) {
	if rest, ok := strings.CutPrefix(id, deviceID); ok {
		p, name, ok := strings.Cut(rest, ":")
		return perf.Platform(p), name, ok
	}
	return "", "", false
}

// ModelID is the global id of a catalogue model.
func ModelID(m *perf.Model) string { return modelID + m.Name }

// ParseModelID undoes ModelID.
func ParseModelID(id string) (name string, ok bool) { return strings.CutPrefix(id, modelID) }

// ConfigID is the global id of a prediction that was not stored. It holds the
// whole configuration, so that it can be asked again, and so that a client that
// keeps objects by id takes no two for one.
func ConfigID(c perf.Config) string {
	b, err := json.Marshal(c)
	if err != nil {
		panic(err) // a Config is text and integers
	}
	return askID + base64.RawURLEncoding.EncodeToString(b)
}

// ParseConfigID undoes ConfigID.
func ParseConfigID(id string) (c perf.Config, ok bool) {
	rest, ok := strings.CutPrefix(id, askID)
	if !ok {
		return c, false
	}
	b, err := base64.RawURLEncoding.DecodeString(rest)
	return c, err == nil && json.Unmarshal(b, &c) == nil
}
