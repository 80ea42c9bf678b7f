package train

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/perfcast/perfcast/catalog"
	"github.com/perfcast/perfcast/perf"
	"github.com/perfcast/perfcast/predictor"
	"github.com/perfcast/perfcast/predictor/kernel"
	"github.com/perfcast/perfcast/predictor/serving"
)

// Corpus is what an artefact is trained on.
type Corpus struct {
	Cases      []Case
	Operations []kernel.Row        // single operations; may be empty
	Kernels    []serving.KernelRow // serving engines' kernels; may be empty
}

// Load reads and understands measurement files.
func Load(c *catalog.Catalog, paths ...string) (*Corpus, error) {
	o := NewObserver(c)
	var corpus Corpus
	for _, path := range paths {
		f, err := ReadFile(path)
		if err != nil {
			return nil, err
		}
		for _, r := range f.Rows {
			corpus.Cases = append(corpus.Cases, o.Observe(r))
		}
	}
	return &corpus, nil
}

// LoadTables adds what a corpus folder holds besides measurements: its table of
// operations and its kernel tables (parquet), where it has them.
func (c *Corpus) LoadTables(ctx context.Context, dir string, cat *catalog.Catalog) error {
	if _, err := os.Stat(filepath.Join(dir, "operations.csv.gz")); err != nil {
		return nil
	}
	rows, err := Operations(ctx, dir, cat)
	if err != nil {
		return err
	}
	c.Operations = append(c.Operations, rows...)
	return c.LoadKernels(ctx, dir, cat)
}

// LoadKernels adds the kernel tables of a corpus folder, where it has them.
func (c *Corpus) LoadKernels(ctx context.Context, dir string, cat *catalog.Catalog) error {
	find := func(name string) *perf.Device {
		for _, p := range []perf.Platform{perf.CUDA, perf.ROCm, "xpu"} {
			if d, err := cat.Device(name, p); err == nil && d.Name == name {
				return d
			}
		}
		return nil
	}
	kernels, err := ReadServingKernels(ctx, filepath.Join(dir, "serving_ops"), find)
	c.Kernels = append(c.Kernels, kernels...)
	return err
}

// Train fits an artefact. The same corpus and options give the same bytes.
func Train(c *Corpus, o Options) (*predictor.Artefact, error) {
	screened := screen(c.Cases)
	pts := Points(screened)
	if len(pts) < 20 {
		return nil, fmt.Errorf("%d usable measurements: at least 20 are needed", len(pts))
	}
	l, err := FitLearned(pts, o)
	if err != nil {
		return nil, err
	}
	if o.Calibrate {
		if err := calibrate(l, screened, o); err != nil {
			return nil, err
		}
	}
	prune(l, pts)
	a := &predictor.Artefact{Learned: l, Provenance: provenance(c.Cases)}
	if o.NoExperts {
		return a, nil
	}
	if err := fitServing(a, c, screened, o.Progress); err != nil {
		return nil, err
	}
	if len(c.Operations) > 0 {
		m, err := kernel.Fit(c.Operations, func(done, total int) {
			if o.Progress != nil {
				o.Progress("operations", done, total)
			}
		})
		if err != nil {
			return nil, fmt.Errorf("operations: %w", err)
		}
		a.Kernel = m.Encode()
	}
	return a, nil
}

// screen leaves out what cannot be true: steps at less than half the
// attainable bound, where a fact or the row is wrong.
func screen(cases []Case) []Case {
	out := make([]Case, 0, len(cases))
	for _, k := range cases {
		if k.Reason != "" {
			continue
		}
		ok := true
		for _, v := range primary(k.Views) {
			in, err := predictor.InputOf(k.W, v.Of, k.Manner)
			ok = ok && err == nil && v.Latent(v.Actual) > 0.5*in.Cost.Attainable
		}
		if ok {
			out = append(out, k)
		}
	}
	return out
}

// prune drops effects that say next to nothing, and those of cells that a
// single configuration stands in: an artefact holds no value of one
// configuration.
func prune(l *predictor.Learned, pts []Point) {
	first := map[uint64]string{}
	several := map[uint64]bool{}
	for i := range pts {
		g := pts[i].In.Groups[predictor.NumGroups-1]
		c := pts[i].Case.Group
		if f, ok := first[g]; !ok {
			first[g] = c
		} else if f != c {
			several[g] = true
		}
	}
	for g := range first {
		if !several[g] {
			delete(l.Effects, g)
		}
	}
}

// provenance counts the usable rows by file, design and device. Of benchmarks
// with a file per run the folder stands for its files.
func provenance(cases []Case) predictor.Provenance {
	var p predictor.Provenance
	files := map[predictor.SourceFile]int{}
	groups := map[predictor.SourceGroup]int{}
	for i := range cases {
		k := &cases[i]
		if k.Reason != "" {
			continue
		}
		r := k.Row
		f := predictor.SourceFile{Source: r.Source, Path: folder(r.Path), Commit: r.Commit, License: r.License}
		if _, ok := files[f]; !ok {
			files[f] = len(p.Files)
			p.Files = append(p.Files, f)
		}
		groups[predictor.SourceGroup{File: files[f], Stem: k.Stem, Name: k.W.Hardware.Name}]++
	}
	for g, n := range groups {
		g.Count = n
		p.Groups = append(p.Groups, g)
	}
	slices.SortFunc(p.Groups, func(a, b predictor.SourceGroup) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.File, b.File), strings.Compare(a.Stem, b.Stem), strings.Compare(a.Name, b.Name))
	})
	return p
}

// folder is a path's first two folders, or the path where it is no deeper.
func folder(path string) string {
	parts := strings.SplitN(path, "/", 3)
	if len(parts) < 3 {
		return path
	}
	return parts[0] + "/" + parts[1]
}
