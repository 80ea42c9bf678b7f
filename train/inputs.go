package train

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/perfcast/perfcast/catalog"
	"github.com/perfcast/perfcast/perf"
	"github.com/perfcast/perfcast/predictor/kernel"
)

// Inputs are the files that a command's arguments stand for.
type Inputs struct {
	Measurements []string // CSV, gzipped or not
	Operations   []string // CSV of single operations, gzipped or not
	Tables       []string // folders of kernel tables (parquet)
}

// InputsOf sorts arguments. A file called operations*.csv holds operations,
// any other measurements. A folder stands for what a corpus has in it
// (measurements*.csv, operations*.csv, a folder serving_ops), or for the
// parquet tables that it holds.
func InputsOf(args []string) (Inputs, error) {
	var in Inputs
	for _, a := range args {
		info, err := os.Stat(a)
		switch {
		case err != nil:
			return in, err
		case info.IsDir():
			if err := in.folder(a); err != nil {
				return in, err
			}
		case strings.HasSuffix(a, ".parquet"):
			return in, fmt.Errorf("%s: kernel tables are read by the folder; name %s", a, filepath.Dir(a))
		case strings.HasPrefix(filepath.Base(a), "operations"):
			in.Operations = append(in.Operations, a)
		default:
			in.Measurements = append(in.Measurements, a)
		}
	}
	return in, nil
}

func (in *Inputs) folder(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	found := Inputs{}
	loose := false
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		table := strings.HasSuffix(e.Name(), ".csv") || strings.HasSuffix(e.Name(), ".csv.gz")
		switch {
		case e.Name() == "serving_ops":
			found.Tables = append(found.Tables, path)
		case strings.HasSuffix(e.Name(), ".parquet"):
			loose = true
		case table && strings.HasPrefix(e.Name(), "measurements"):
			found.Measurements = append(found.Measurements, path)
		case table && strings.HasPrefix(e.Name(), "operations"):
			found.Operations = append(found.Operations, path)
		}
	}
	if loose {
		found.Tables = append(found.Tables, dir)
	}
	if len(found.Measurements)+len(found.Operations)+len(found.Tables) == 0 {
		return fmt.Errorf("%s holds no measurements*.csv, no operations*.csv and no *.parquet", dir)
	}
	in.Measurements, in.Operations, in.Tables = append(in.Measurements, found.Measurements...), append(in.Operations, found.Operations...), append(in.Tables, found.Tables...)
	return nil
}

// measured refuses inputs without measurements.
func (in *Inputs) measured() error {
	if len(in.Measurements) == 0 {
		return errors.New("no measurements: name CSV files of them, or a corpus folder")
	}
	return nil
}

// Files reads the measurement files as one, which must have the same columns.
func (in *Inputs) Files() (*File, error) {
	var all File
	for _, path := range in.Measurements {
		f, err := ReadFile(path)
		if err != nil {
			return nil, err
		}
		if all.Columns == nil {
			all.Columns = f.Columns
		}
		if !slices.Equal(all.Columns, f.Columns) {
			return nil, fmt.Errorf("%s has other columns than %s: name them in commands of their own", path, in.Measurements[0])
		}
		all.Rows = append(all.Rows, f.Rows...)
	}
	return &all, nil
}

// Corpus reads and understands measurements and kernel tables.
func (in *Inputs) Corpus(ctx context.Context, cat *catalog.Catalog) (*Corpus, error) {
	var rows []*Row
	for _, path := range in.Measurements {
		f, err := ReadFile(path)
		if err != nil {
			return nil, err
		}
		rows = append(rows, f.Rows...)
	}
	return in.understand(ctx, cat, rows)
}

// understand is Corpus of measurements that have been read.
func (in *Inputs) understand(ctx context.Context, cat *catalog.Catalog, rows []*Row) (*Corpus, error) {
	o := NewObserver(cat)
	c := &Corpus{Cases: make([]Case, len(rows))}
	for i, r := range rows {
		c.Cases[i] = o.Observe(r)
	}
	for _, dir := range in.Tables {
		kernels, err := ReadServingKernels(ctx, dir, boardIn(cat))
		if err != nil {
			return nil, err
		}
		c.Kernels = append(c.Kernels, kernels...)
	}
	return c, nil
}

// SingleOperations reads the measured operations, the matrix products of the
// kernel tables among them.
func (in *Inputs) SingleOperations(ctx context.Context, cat *catalog.Catalog) ([]kernel.Row, error) {
	var all []kernel.Row
	for _, path := range in.Operations {
		rows, _, err := ReadOperations(path, boardIn(cat))
		if err != nil {
			return nil, err
		}
		all = append(all, rows...)
	}
	for _, dir := range in.Tables {
		rows, err := ReadMatrixProducts(ctx, dir, boardIn(cat))
		if err != nil {
			return nil, err
		}
		all = append(all, rows...)
	}
	return all, nil
}

// boardIn finds the boards that operations were timed on by their full names.
func boardIn(c *catalog.Catalog) func(name string) *perf.Device {
	return func(name string) *perf.Device {
		for _, p := range []perf.Platform{perf.CUDA, perf.ROCm, "xpu"} {
			if d, err := c.Device(name, p); err == nil && d.Name == name {
				return d
			}
		}
		return nil
	}
}
