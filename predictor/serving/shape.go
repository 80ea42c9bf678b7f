package serving

import (
	"math"

	"github.com/perfcast/perfcast/perf"
)

// shape is what the time of a forward pass depends on: how many parameters the
// products read and how much the cache keeps. Counts are of the whole model.
type shape struct {
	layers, hidden float64
	dense          float64 // parameters of one layer outside the experts
	expert         float64 // parameters of one expert in one layer, all layers taken alike
	experts        float64 // in one layer; 0 = no mixture of experts
	chosen         float64 // experts a token passes
	head           float64 // parameters of the output layer
	total          float64 // all parameters

	heads, dim   float64 // query heads and the elements of one head
	kvHeads      float64
	cache        float64 // elements one token keeps in one layer
	cacheLayers  float64 // layers whose cache grows with the context
	window       float64 // tokens a sliding-window layer looks back on; 0 = none
	windowLayers float64
	latent       bool // multi-head latent attention: the cache is shared by all heads
}

// shapeOf derives the shape from the facts. Only the parameter count is
// indispensable: layers and width of a model known by its size alone follow
// the proportions that published decoders keep (32 layers at 7 G, 80 at 70 G).
func shapeOf(m *perf.Model) (shape, error) {
	s := shape{layers: float64(m.Layers), hidden: float64(m.Hidden), total: m.Params}
	if s.total <= 0 && (m.Layers <= 0 || m.Hidden <= 0) {
		return s, perf.Invalid("model", "%s: neither the number of parameters nor layers and width are known; give them", m.Name)
	}
	active := m.ActiveParams
	if active <= 0 || active > s.total {
		active = s.total
	}
	if s.layers <= 0 {
		s.layers = math.Max(1, math.Round(32*math.Pow(active/7e9, 0.38)))
	}
	if s.hidden <= 0 {
		s.hidden = math.Max(64, math.Round(math.Sqrt(active/(12*s.layers))))
	}
	s.heads, s.kvHeads, s.dim = float64(m.Heads), float64(m.KVHeads), float64(m.HeadDim)
	if s.heads <= 0 {
		s.heads = math.Max(1, math.Round(s.hidden/128))
	}
	if s.kvHeads <= 0 {
		s.kvHeads = s.heads
	}
	switch {
	case s.dim > 0:
	case m.LatentKV > 0:
		s.dim = 160 // keys of 128 + 64, values of 128 (DeepSeek-V2, section 2.1)
	default:
		s.dim = s.hidden / s.heads
	}
	s.setCache(m)
	s.setWeights(m, active)
	return s, nil
}

func (s *shape) setCache(m *perf.Model) {
	s.cache = 2 * s.kvHeads * s.dim
	if m.LatentKV > 0 {
		s.latent, s.cache = true, float64(m.LatentKV)
	}
	s.cacheLayers = s.layers
	if m.CacheLayers > 0 && m.CacheLayers < m.Layers {
		s.cacheLayers = float64(m.CacheLayers)
	}
	if m.Window > 0 {
		s.window, s.windowLayers = float64(m.Window), math.Min(float64(m.WindowLayers), s.cacheLayers)
	}
}

// setWeights splits the parameters into dense ones, experts and output layer.
// Where total and active parameters are known the experts follow from them
// without a word about shared experts and dense leading layers:
// total - active = (experts - chosen) x one expert.
func (s *shape) setWeights(m *perf.Model, active float64) {
	s.head = float64(m.Vocab) * s.hidden
	s.experts, s.chosen = float64(m.Experts), math.Max(1, float64(m.ExpertsPerToken))
	inter := float64(m.Intermediate)
	if inter <= 0 {
		inter = 4 * s.hidden
	}
	matrices := 2.0
	if m.GatedMLP {
		matrices = 3
	}
	attention := s.hidden * s.dim * 2 * (s.heads + s.kvHeads)
	if s.latent { // projections through ranks that the facts leave out
		attention /= 4
	}
	if s.total > 0 && active < 0.95*s.total {
		if s.experts <= s.chosen { // a mixture of which only the totals are known
			s.experts, s.chosen = 128, 8
		}
		s.expert = (s.total - active) / (s.experts - s.chosen) / s.layers
		s.dense = math.Max(attention, (active-2*s.head)/s.layers-s.chosen*s.expert)
		return
	}
	if s.experts > s.chosen {
		one := float64(m.ExpertIntermediate)
		if one <= 0 {
			one = inter
		}
		s.expert = 3 * s.hidden * one
		s.dense = attention
		s.total = math.Max(s.total, 2*s.head+s.layers*(s.dense+s.experts*s.expert))
		return
	}
	s.experts, s.chosen = 0, 0
	s.dense = attention + matrices*s.hidden*inter
	known := m.Layers > 0 && m.Hidden > 0 && m.Intermediate > 0
	if s.total <= 0 {
		s.total = s.layers*s.dense + 2*s.head
	} else if !known {
		s.dense = math.Max(s.total-2*s.head, s.total/2) / s.layers
	}
}

// read is how many of a layer's cached tokens a new token attends to, averaged
// over the layers, when context are there.
func (s *shape) read(context float64) float64 {
	full := s.cacheLayers - s.windowLayers
	return (full*context + s.windowLayers*math.Min(context, s.window)) / s.layers
}

// held is how many elements the cache of one sequence of n tokens takes, over
// all layers.
func (s *shape) held(n float64) float64 { return s.cache * s.layers * s.read(n) }

// hit is how many experts of one layer are chosen by at least one of n tokens
// that each choose evenly.
func (s *shape) hit(n float64) float64 {
	if s.experts == 0 || n <= 0 {
		return 0
	}
	return s.experts * -math.Expm1(n*math.Log1p(-s.chosen/s.experts))
}
