package catalog

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/perfcast/perfcast/perf"
)

// Catalog is a set of devices and models. It is immutable: WithDevice and
// WithModel give a new one. The devices and models it hands out are shared and
// must not be changed.
type Catalog struct {
	devices *deviceIndex // embedded
	models  *modelIndex  // embedded

	ownDevices *deviceIndex // the user's; looked up first
	ownModels  *modelIndex

	// Made when first asked for:
	allDevices func() []*perf.Device // by platform and name, the user's in place of those they correct
	allModels  func() []*perf.Model  // by name, likewise
	modelNames func() []known
}

var loaded = sync.OnceValues(func() (*Catalog, error) {
	devices, err := loadDevices()
	if err != nil {
		return nil, err
	}
	models, stem, err := loadModels()
	if err != nil {
		return nil, err
	}
	c := &Catalog{}
	if c.devices, err = indexDevices(devices, true); err != nil {
		return nil, err
	}
	if c.models, err = indexModels(models, true); err != nil {
		return nil, err
	}
	c.models.stem = stem
	for _, m := range c.models.all {
		m.Stem = c.Stem(m)
	}
	return c.with(nil, nil)
})

// with is the embedded catalogue under the user's devices and models.
func (c *Catalog) with(devices []*perf.Device, models []*perf.Model) (*Catalog, error) {
	n := &Catalog{devices: c.devices, models: c.models}
	var err error
	if n.ownDevices, err = indexDevices(devices, false); err != nil {
		return nil, err
	}
	if n.ownModels, err = indexModels(models, false); err != nil {
		return nil, err
	}
	n.allDevices = sync.OnceValue(n.mergeDevices)
	n.allModels = sync.OnceValue(n.mergeModels)
	n.modelNames = sync.OnceValue(n.listModelNames)
	return n, nil
}

func (c *Catalog) mergeDevices() []*perf.Device {
	all := slices.Clone(c.ownDevices.all)
	for _, d := range c.devices.all {
		if own := c.ownDevices.find(d.Name, d.Platform); own == nil || own.Name != d.Name {
			all = append(all, d)
		}
	}
	slices.SortStableFunc(all, byPlatformAndName)
	return all
}

func (c *Catalog) mergeModels() []*perf.Model {
	all := slices.Clone(c.ownModels.all)
	corrected := map[string]bool{}
	for _, m := range all {
		corrected[m.Name] = true
	}
	for _, m := range c.models.all {
		if !corrected[m.Name] {
			all = append(all, m)
		}
	}
	slices.SortStableFunc(all, func(a, b *perf.Model) int { return strings.Compare(a.Name, b.Name) })
	return all
}

func byPlatformAndName(a, b *perf.Device) int {
	return cmp.Or(strings.Compare(string(a.Platform), string(b.Platform)), strings.Compare(a.Name, b.Name))
}

// Load is the embedded catalogue. It is parsed once; an error means that the
// embedded tables are broken.
func Load() (*Catalog, error) { return loaded() }

// Model is the facts of the model of that name or alias, at its usual input
// size. An unknown name is a *perf.Error with CodeUnknown and near names.
func (c *Catalog) Model(name string) (*perf.Model, error) { return c.ModelAt(name, 0) }

// ModelAt is Model at another input size in pixels of one side; 0 is the usual
// one. Where that size is not in the table, multiply-accumulates and
// activations are scaled with the area and the notes say so.
func (c *Catalog) ModelAt(name string, imageSize int) (*perf.Model, error) {
	return c.ModelFor(name, Hint{ImageSize: imageSize})
}

// Hint is what a measurement says of its model beside the name. Zero fields
// say nothing.
type Hint struct {
	ImageSize int     // pixels of one side
	Params    float64 // parameters
	Variant   string  // a size or file that the name leaves out: "2-70b-hf"
	Batch     int
	Sequence  int
}

// ModelFor is Model for a name that a source may use for several models or
// sizes: the hint tells them apart. A name and a variant are read as one name,
// "meta-llama/Llama" and "2-70b-hf-8-1" as meta-llama/Llama-2-70b-hf.
func (c *Catalog) ModelFor(name string, h Hint) (*perf.Model, error) {
	if err := checkName("model_name", name); err != nil {
		return nil, err
	}
	for v := h.Variant; v != ""; {
		if rows := c.modelRows(name + "-" + v); rows != nil {
			return atSize(ofSize(rows, h.Params), h.ImageSize), nil
		}
		cut := strings.LastIndexAny(v, "- ")
		if cut < 0 {
			break
		}
		v = v[:cut]
	}
	for _, n := range []string{name, shared(name, h)} {
		if rows := c.modelRows(n); rows != nil {
			return atSize(ofSize(rows, h.Params), h.ImageSize), nil
		}
	}
	return nil, &perf.Error{
		Code:        perf.CodeUnknown,
		Field:       "model_name",
		Message:     "unknown model " + quoted(name) + ": name one of the catalogue's models or add its facts (a config.json will do)",
		Suggestions: nearest(name, c.modelNames(), 5),
	}
}

// shared tells apart what NVIDIA's DeepLearningExamples publish under one
// name: nnU-Net's slices come in large batches and its volumes in small ones,
// Transformer-XL base ran on 64 tokens and large on 128.
func shared(name string, h Hint) string {
	switch base(name) {
	case "nnUNet":
		if h.Batch >= 16 {
			return name + "#2d"
		}
		return name + "#3d"
	case "Transformer-XL":
		if h.Sequence >= 128 {
			return "dle/pytorch/LanguageModeling/Transformer-XL#large"
		}
		return "dle/pytorch/LanguageModeling/Transformer-XL#base"
	}
	return name
}

func (c *Catalog) modelRows(name string) []*perf.Model {
	if rows := c.ownModels.lookup(name); rows != nil {
		return rows
	}
	return c.models.lookup(name)
}

// Device is the device of that name or alias, driven through platform; an
// empty platform means any. An unknown name is a *perf.Error with CodeUnknown
// and near names.
func (c *Catalog) Device(name string, platform perf.Platform) (*perf.Device, error) {
	if err := checkName("device", name); err != nil {
		return nil, err
	}
	bare, _, _ := strings.Cut(string(platform), " ") // "gpu (backend not stated)" is gpu
	platform = perf.Platform(bare)
	for _, x := range []*deviceIndex{c.ownDevices, c.devices} {
		if d := x.lookup(name, platform); d != nil {
			return d, nil
		}
	}
	message := "unknown device " + quoted(name)
	if platform != "" {
		if d, err := c.Device(name, ""); err == nil {
			return nil, &perf.Error{
				Code:        perf.CodeUnknown,
				Field:       "device",
				Message:     quoted(d.Name) + " is a device of platform " + string(d.Platform) + ", not of " + string(platform),
				Suggestions: nearest(name, c.deviceNames(platform), 5),
			}
		}
		message += " for platform " + string(platform)
	}
	return nil, &perf.Error{
		Code:        perf.CodeUnknown,
		Field:       "device",
		Message:     message + ": name one of the catalogue's devices or add its facts",
		Suggestions: nearest(name, c.deviceNames(platform), 5),
	}
}

// Devices lists all devices by platform and name, the user's in place of the
// embedded ones they correct.
func (c *Catalog) Devices() []*perf.Device { return slices.Clone(c.allDevices()) }

// DevicesOn lists the devices that a platform drives, by name: its own and
// those of the platforms that it drives too, as Device gives them. webgpu and
// qnn have no devices of their own, yet many here.
func (c *Catalog) DevicesOn(p perf.Platform) []*perf.Device {
	var list []*perf.Device
	seen := map[string]bool{}
	for _, d := range c.allDevices() {
		if !seen[d.Name] && (d.Platform == p || slices.Contains(drivenAs[p], d.Platform) && drivable(d, p)) {
			if on, err := c.Device(d.Name, p); err == nil && !seen[on.Name] {
				seen[on.Name] = true
				list = append(list, on)
			}
		}
	}
	slices.SortStableFunc(list, byPlatformAndName)
	return list
}

// Models lists all models by name, one row per input size with the usual size
// first, the user's in place of the embedded ones they correct.
func (c *Catalog) Models() []*perf.Model { return slices.Clone(c.allModels()) }

// Platforms lists the platforms that have devices of their own or answer for
// another's: the documented eight first, then the rest by name.
func (c *Catalog) Platforms() []perf.Platform {
	all := slices.Clone(perf.RESTPlatforms)
	var rest []perf.Platform
	for _, d := range c.allDevices() {
		if !slices.Contains(all, d.Platform) && !slices.Contains(rest, d.Platform) {
			rest = append(rest, d.Platform)
		}
	}
	slices.Sort(rest)
	return append(all, rest...)
}

// WithDevice is the catalogue with devices added or, where name and platform
// are there already, corrected. A device that cannot be is refused (see
// CheckDevice) and nothing is added.
func (c *Catalog) WithDevice(devices ...perf.Device) (*Catalog, error) {
	all := slices.Clone(c.ownDevices.all)
	for _, d := range devices {
		if err := CheckDevice(d); err != nil {
			return nil, err
		}
		d.Custom = true
		d.Aliases = slices.Clone(d.Aliases)
		all = slices.DeleteFunc(all, func(e *perf.Device) bool { return e.Name == d.Name && e.Platform == d.Platform })
		all = append(all, &d)
	}
	return c.with(all, c.ownModels.all)
}

// WithModel is the catalogue with models added or corrected: a model replaces
// all rows of its name. A family that is not given is inferred. A model that
// cannot be is refused (see CheckModel) and nothing is added.
func (c *Catalog) WithModel(models ...perf.Model) (*Catalog, error) {
	all := slices.Clone(c.ownModels.all)
	for _, m := range models {
		if err := CheckModel(m); err != nil {
			return nil, err
		}
		m.Custom = true
		m.Family = Family(m)
		m.Stem = c.Stem(&m)
		m.Makeup = perf.Makeup{}
		if rows := c.models.name[m.Name]; rows != nil { // other facts of the same network
			m.Makeup = rows[0].Makeup
		}
		m.Aliases = slices.Clone(m.Aliases)
		all = slices.DeleteFunc(all, func(e *perf.Model) bool { return e.Name == m.Name })
		all = append(all, &m)
	}
	return c.with(c.ownDevices.all, all)
}

func (c *Catalog) listModelNames() []known {
	var names []known
	for _, m := range c.allModels() {
		if len(names) == 0 || names[len(names)-1].name != m.Name {
			names = append(names, knownAs(m.Name, m.Name))
		}
		for _, a := range m.Aliases {
			names = append(names, knownAs(a, a))
		}
	}
	return names
}

// deviceNames lists the names that answer on a platform, with the platforms it
// stands in for; all when that leaves none.
func (c *Catalog) deviceNames(p perf.Platform) []known {
	var own, all []known
	for _, d := range c.allDevices() {
		names := []known{knownAs(d.Name, d.Name), knownAs(d.Name, withoutVendor(d.Name))}
		for _, a := range d.Aliases {
			names = append(names, knownAs(d.Name, a))
		}
		all = append(all, names...)
		if d.Platform == p || slices.Contains(drivenAs[p], d.Platform) && drivable(d, p) {
			own = append(own, names...)
		}
	}
	if len(own) == 0 {
		return all
	}
	return own
}

// quoted is a name as an error shows it, cut to a length that fits a line.
func quoted(s string) string {
	if r := []rune(s); len(r) > 80 {
		s = string(r[:80]) + "..."
	}
	return strconv.Quote(s)
}
