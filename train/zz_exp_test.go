package train

import (
	"fmt"
	"github.com/perfcast/perfcast/catalog"
	"github.com/perfcast/perfcast/predictor"
	"math"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

func load(t *testing.T) []Case {
	f, err := ReadFile("/work/shared/corpus/measurements.csv.gz")
	if err != nil {
		t.Fatal(err)
	}
	c, _ := catalog.Load()
	o := NewObserver(c)
	var cs []Case
	for _, r := range f.Rows {
		k := o.Observe(r)
		if k.Reason == "" {
			cs = append(cs, k)
		}
	}
	return cs
}
func env(k string, d float64) float64 {
	if s := os.Getenv(k); s != "" {
		x, _ := strconv.ParseFloat(s, 64)
		return x
	}
	return d
}

type errs struct{ e, w []float64 }

func report(name string, es []float64) {
	a := make([]float64, len(es))
	m := 0.0
	for i, e := range es {
		a[i] = 100 * math.Abs(math.Exp(e)-1)
		m += math.Min(a[i], 1e4)
	}
	fmt.Printf("  %-44s n=%6d  mean %6.1f  median %5.1f  p90 %6.1f  bias %+.2f\n", name, len(es), m/float64(len(es)), med(a), quantile(a, .9), med(es))
}
func TestExp(t *testing.T) {
	cs := load(t)
	if s := os.Getenv("ONLY"); s != "" {
		var o []Case
		for _, k := range cs {
			if strings.Contains(k.Row.Source, s) {
				o = append(o, k)
			}
		}
		cs = o
	}
	opt := DefaultOptions()
	opt.Trees = int(env("TREES", 100))
	opt.Depth = int(env("DEPTH", 7))
	opt.Rate = env("RATE", 0.15)
	opt.Folds = int(env("FOLDS", 4))

	opt.Columns = env("COLS", 0.4)
	opt.Rows = env("ROWS", 0.6)
	opt.MinChild = env("MINC", 8)
	opt.Monotone = env("MONO", 1) == 1
	opt.Sweeps = int(env("SWEEPS", 25))
	splits := strings.Split(os.Getenv("SPLITS"), ",")
	nf := int(env("K", 4))
	use := int(env("USE", 1))
	for _, s := range splits {
		var hs []Holdout
		u := use
		if s == "gpu" {
			u = 3
			for _, d := range []string{"NVIDIA GeForce RTX 3090", "NVIDIA GeForce RTX 4090", "NVIDIA RTX PRO 6000 Blackwell Max-Q"} {
				h := Holdout{Name: d}
				for i := range cs {
					if cs[i].W.Hardware.Name == d {
						if strings.Contains(cs[i].Row.Source, "image-models") {
							h.Test = append(h.Test, i)
						}
					} else {
						h.Train = append(h.Train, i)
					}
				}
				hs = append(hs, h)
			}
		} else {
			hs, _ = Split(cs, s, nf)
		}
		var all, noeff, st []float64
		bySrc := map[string][]float64{}
		t0 := time.Now()
		for i, h := range hs {
			if i >= u {
				break
			}
			pts := Points(pick(cs, h.Train))
			l, err := FitLearned(pts, opt)
			if err != nil {
				t.Fatal(err)
			}
			if i == 0 {
				fmt.Println(s, len(pts), "points", len(l.Effects), "effects noise", l.Noise, time.Since(t0))
				if os.Getenv("TAU") != "" {
					for g, tau := range l.Tau {
						fmt.Printf(" %s=%.2f", predictor.GroupNames[g], tau)
					}
					fmt.Println()
				}
			}
			var es []float64
			for _, p := range Points(pick(cs, h.Test)) {
				m, _ := l.Opinion(&p.In, p.Stem)
				f := l.Trees(&p.In, p.Stem) + math.Log(p.In.Cost.Stated)
				e := m - p.Y
				if lim := math.Log(p.In.Cost.Attainable); m < lim {
					e = lim - p.Y
				}
				all = append(all, e)
				es = append(es, e)
				noeff = append(noeff, f-p.Y)
				st = append(st, math.Log(p.In.Cost.Stated)-p.Y)
				bySrc[p.Case.Row.Source] = append(bySrc[p.Case.Row.Source], e)
			}
			report("    "+h.Name, es)
		}
		report(s+" ALL", all)
		report(s+" trees only", noeff)
		report(s+" stated", st)
		if os.Getenv("SRC") != "" {
			for k, v := range bySrc {
				report(k, v)
			}
		}
	}
}
func TestDump(t *testing.T) {
	cs := load(t)
	opt := DefaultOptions()
	opt.Trees = 100
	opt.Rate = .15
	opt.Columns = .4
	opt.Rows = .6
	s := os.Getenv("SPLITS")
	hs, _ := Split(cs, s, int(env("K", 4)))
	out, _ := os.Create("/tmp/dump_" + s + ".csv")
	defer out.Close()
	fmt.Fprint(out, "source,model,stem,design,family,kind,device,dkind,platform,runtime,version,prec,mode,manner,q,batch,y,f,m,var,stated,attain,tm,cmp,mem,ovh,macs,acts,params,layers,ub,up,group,weight")
	for _, f := range predictor.Features {
		fmt.Fprint(out, ",x_"+f.Name)
	}
	fmt.Fprintln(out)
	for i, h := range hs {
		if i >= int(env("USE", 4)) {
			break
		}
		var tr, te []Case
		for _, j := range h.Train {
			tr = append(tr, cs[j])
		}
		for _, j := range h.Test {
			te = append(te, cs[j])
		}
		l, err := FitLearned(Points(tr), opt)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range Points(te) {
			m, v := l.Opinion(&p.In, p.Stem)
			f := l.Trees(&p.In, p.Stem) + math.Log(p.In.Cost.Stated)
			w := p.Case.W
			c := p.In.Cost
			fmt.Fprintf(out, "%q,%q,%q,%q,%s,%s,%q,%s,%s,%s,%s,%s,%s,%d,%d,%d,%.4f,%.4f,%.4f,%.4f,%.4g,%.4g,%.4g,%.4g,%.4g,%.4g,%.4g,%.4g,%.4g,%d,%v,%v,%q,%.3f", p.Case.Row.Source, p.Case.Row.Model, p.Stem, "", w.Facts.Family, w.Facts.Kind, w.Hardware.Name, w.Hardware.Kind, w.Platform, w.Runtime, w.RuntimeVersion, w.Precision, w.Mode, p.Case.Manner, p.Of, w.BatchSize, p.Y, f, m, v, c.Stated, c.Attainable, math.Exp(p.Y), c.Parts[0], c.Parts[1], c.Parts[4], w.Facts.MACs, w.Facts.Activations, w.Facts.Params, w.Facts.Layers, w.Unknown.Batch, w.Unknown.Precision, p.Case.Group, p.Weight)
			for _, x := range p.In.X {
				fmt.Fprintf(out, ",%.4g", x)
			}
			fmt.Fprintln(out)
		}
	}
}
