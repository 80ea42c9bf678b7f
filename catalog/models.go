package catalog

import (
	"bytes"
	_ "embed"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/perfcast/perfcast/perf"
)

//go:embed models.csv
var modelsCSV []byte

// loadModels parses the embedded table. Units: millions of parameters and
// activations, 10^9 multiply-accumulates of one sample. A model with several
// input sizes has a row for each, its usual size first.
func loadModels() (all []*perf.Model, stem map[string]string, err error) {
	stem = map[string]string{}
	makeups, err := loadMakeups()
	if err != nil {
		return nil, nil, err
	}
	err = rows("models.csv", bytes.NewReader(modelsCSV), func(r *row) error {
		size, err := ParseImageSize(r.text("image_size"))
		if err != nil {
			return err
		}
		m := &perf.Model{
			Name:         r.text("name"),
			Family:       r.text("family"),
			Kind:         r.text("kind"),
			Architecture: r.text("architecture"),
			Aliases:      r.list("aliases"),

			Params:       r.number("params_m", 1e6),
			ActiveParams: r.number("active_params_m", 1e6),

			Layers:             r.integer("layers"),
			DecoderLayers:      r.integer("decoder_layers"),
			Hidden:             r.integer("hidden"),
			Intermediate:       r.integer("intermediate"),
			Heads:              r.integer("heads"),
			KVHeads:            r.integer("kv_heads"),
			HeadDim:            r.integer("head_dim"),
			Vocab:              r.integer("vocab"),
			MaxPosition:        r.integer("max_position"),
			Experts:            r.integer("experts"),
			ExpertsPerToken:    r.integer("experts_per_token"),
			ExpertIntermediate: r.integer("expert_intermediate"),
			LatentKV:           r.integer("latent_kv"),
			CacheLayers:        r.integer("cache_layers"),
			Window:             r.integer("window"),
			WindowLayers:       r.integer("window_layers"),
			GatedMLP:           r.text("gated") == "1",

			ImageSize:   size,
			Patch:       r.integer("patch"),
			MACs:        r.number("gmacs", 1e9),
			Activations: r.number("macts_m", 1e6),
			Passes:      r.number("passes", 1),

			Notes:  r.text("notes"),
			Source: r.text("source"),
		}
		if design := r.text("design"); design != "" {
			stem[m.Name] = design
		}
		s, ok := stem[m.Name]
		if !ok {
			s = nameStem(m.Name)
		}
		complete(m, s)
		m.Makeup = makeups.of(m, s)
		all = append(all, m)
		return nil
	})
	return fold(all), stem, err
}

// ParseImageSize reads "224", "736x1280" or "128x128x128" as pixels of one
// side: of a rectangle, the side of the square with its area. Empty is 0, not
// known.
func ParseImageSize(s string) (int, error) {
	if s == "" {
		return 0, nil
	}
	sides := strings.Split(strings.ToLower(s), "x")
	product := 1.0
	for _, side := range sides {
		v, err := strconv.ParseFloat(side, 64)
		if err != nil || !(v >= 1 && v < 1e6) || len(sides) > 3 {
			return 0, perf.Invalid("image_size", "%s is neither a side in pixels (224) nor height x width (736x1280)", quoted(s))
		}
		product *= v
	}
	return int(math.Round(math.Pow(product, 1/float64(len(sides))))), nil
}

// modelIndex finds models by every name they have; a name leads to one row per
// input size, the usual size first.
type modelIndex struct {
	all  []*perf.Model // sorted by name, usual size first
	name map[string][]*perf.Model
	stem map[string]string // of the models whose design the table names
}

// indexModels indexes models by name and alias; with short, by the name without
// its owner as well, which users' models do not take (see indexDevices).
func indexModels(all []*perf.Model, short bool) (*modelIndex, error) {
	x := &modelIndex{all: slices.Clone(all), name: map[string][]*perf.Model{}}
	slices.SortStableFunc(x.all, func(a, b *perf.Model) int { return strings.Compare(a.Name, b.Name) })
	groups := map[string][]*perf.Model{}
	var order []string
	for _, m := range x.all {
		if groups[m.Name] == nil {
			order = append(order, m.Name)
		}
		for _, n := range groups[m.Name] {
			if n.ImageSize == m.ImageSize && n.Params == m.Params {
				return nil, fmt.Errorf("model %q is there twice for image size %d", m.Name, m.ImageSize)
			}
		}
		groups[m.Name] = append(groups[m.Name], m)
	}
	for _, name := range order {
		x.name[name] = groups[name] // exact spelling wins over any alias
	}
	for _, name := range order {
		x.addAlias(normalise(name), groups[name])
	}
	for _, name := range order {
		for _, alias := range groups[name][0].Aliases {
			x.addAlias(alias, groups[name])
			x.addAlias(normalise(alias), groups[name])
		}
	}
	if !short {
		return x, nil
	}
	for _, rank := range bareRanks {
		for _, name := range order {
			if owner, bare, ok := strings.Cut(name, "/"); ok && rank(owner) {
				x.addAlias(normalise(bare), groups[name])
			}
		}
	}
	return x, nil
}

// addAlias gives a model a further name unless that is taken.
func (x *modelIndex) addAlias(alias string, rows []*perf.Model) {
	if x.name[alias] == nil {
		x.name[alias] = rows
	}
}

// zoos are owners whose models are exports or timings of others' designs.
var zoos = []string{"timm", "torchvision", "paddleclas", "paddlex", "hailo", "qai", "mlperf", "mlperf-mobile", "mlperf-tiny",
	"mlperf-training", "ncnn", "rknn", "inc", "dle", "litgpt", "ultralytics"}

// bareRanks orders the owners that a name without owner may belong to: the
// authors of a model, then the zoos whose names are a registry of designs.
var bareRanks = []func(owner string) bool{
	func(o string) bool { return !slices.Contains(zoos, o) },
	func(o string) bool { return o == "torchvision" },
	func(o string) bool { return o == "timm" },
	func(o string) bool { return o == "ultralytics" },
	func(o string) bool { return slices.Contains(zoos, o) },
}

// lookup is every row of that name, the usual size first; nil when unknown.
func (x *modelIndex) lookup(name string) []*perf.Model {
	if rows := x.name[name]; rows != nil {
		return rows
	}
	return x.name[normalise(name)]
}

// ofSize leaves the rows whose parameter count is nearest to the one stated:
// a few sources call several sizes by one name.
func ofSize(rows []*perf.Model, params float64) []*perf.Model {
	if params <= 0 || rows[0].Params <= 0 {
		return rows
	}
	off := func(m *perf.Model) float64 { return math.Abs(math.Log(max(m.Params, 1) / params)) }
	best := rows[0]
	for _, m := range rows {
		if off(m) < off(best)-0.05 {
			best = m
		}
	}
	var same []*perf.Model
	for _, m := range rows {
		if math.Abs(off(m)-off(best)) < 0.05 {
			same = append(same, m)
		}
	}
	return same
}

// atSize is the row of that input size. Where only other sizes are known, the
// nearest one's multiply-accumulates and activations are scaled with the area,
// which is exact for fully convolutional designs.
func atSize(rows []*perf.Model, size int) *perf.Model {
	if size <= 0 {
		return rows[0]
	}
	var near *perf.Model
	for _, m := range rows {
		if m.ImageSize == size {
			return m
		}
		if m.ImageSize > 0 && m.MACs > 0 && (near == nil || ratio(m.ImageSize, size) < ratio(near.ImageSize, size)) {
			near = m
		}
	}
	if near == nil {
		return rows[0]
	}
	c := *near
	area := float64(size) / float64(near.ImageSize)
	area *= area
	c.ImageSize = size
	c.MACs *= area
	c.Activations *= area
	c.Notes = strings.TrimPrefix(fmt.Sprintf("%s; multiply-accumulates and activations scaled by area from %d to %d pixels", near.Notes, near.ImageSize, size), "; ")
	return &c
}

func ratio(a, b int) float64 { return math.Abs(math.Log(float64(a) / float64(b))) }
