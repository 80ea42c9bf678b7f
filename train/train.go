package train

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

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

// Train fits an artefact. The same corpus and options give the same bytes,
// however many cores there are: what is fitted side by side does not depend on
// what is fitted beside it.
func Train(c *Corpus, o Options) (*predictor.Artefact, error) {
	s, err := newStudy(c.Cases)
	if err != nil {
		return nil, err
	}
	pts := s.pointsOf(s.every())
	if len(pts) < 20 {
		return nil, fmt.Errorf("%d usable measurements: at least 20 are needed", len(pts))
	}
	a := &predictor.Artefact{Provenance: provenance(c.Cases)}
	fits := []func() error{func() (err error) { // those that take longest first
		a.Learned, err = s.fit(pts, o)
		return err
	}}
	if !o.NoExperts {
		fits = append(fits, func() error { return fitServing(a, s.cases, c.Kernels) }, func() error { return fitKernel(a, c.Operations) })
	}
	var judged [][]held
	if o.Calibrate {
		hs, err := holdouts(s.cases, o)
		if err != nil {
			return nil, err
		}
		judged = make([][]held, len(hs))
		for i, h := range hs {
			fits = append(fits, func() (err error) {
				judged[i], err = s.errorsOf(h, o)
				return err
			})
		}
	}
	if err := fitAll(fits, o.Progress); err != nil {
		return nil, err
	}
	if o.Calibrate {
		if err := fitInterval(a.Learned, slices.Concat(judged...)); err != nil {
			return nil, err
		}
	}
	prune(a.Learned, pts)
	return a, nil
}

// fitServing fits the artefact's model of language models under load, where
// there are rows to learn it from.
func fitServing(a *predictor.Artefact, cases []Case, kernels []serving.KernelRow) error {
	rows := ServingRows(cases)
	if len(rows) == 0 {
		return nil
	}
	m, err := serving.Fit(rows, kernels, serving.Options{})
	if err != nil {
		return fmt.Errorf("serving: %w", err)
	}
	a.Serving = m.Encode()
	return nil
}

func fitKernel(a *predictor.Artefact, rows []kernel.Row) error {
	if len(rows) == 0 {
		return nil
	}
	m, err := kernel.Fit(rows, nil)
	if err != nil {
		return fmt.Errorf("operations: %w", err)
	}
	a.Kernel = m.Encode()
	return nil
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
		groups[predictor.SourceGroup{File: files[f], Stem: k.Stem, Name: k.W.Hardware.Name, Runtime: k.W.Runtime, Version: k.W.RuntimeVersion, Mode: k.W.Mode}]++
	}
	for g, n := range groups {
		g.Count = n
		p.Groups = append(p.Groups, g)
	}
	slices.SortFunc(p.Groups, func(a, b predictor.SourceGroup) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.File, b.File), strings.Compare(a.Stem, b.Stem), strings.Compare(a.Name, b.Name),
			strings.Compare(a.Runtime, b.Runtime), strings.Compare(a.Version, b.Version), strings.Compare(string(a.Mode), string(b.Mode)))
	})
	return p
}

// folder is a path's first two folders, or the path where it is no deeper,
// whatever its line.
func folder(path string) string {
	path, _, _ = strings.Cut(path, "#L")
	parts := strings.SplitN(path, "/", 3)
	if len(parts) < 3 {
		return path
	}
	return parts[0] + "/" + parts[1]
}
