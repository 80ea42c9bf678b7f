package train

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/perfcast/perfcast/catalog"
	"github.com/perfcast/perfcast/predictor"
)

// Main is the command "perfcast train": it returns the exit code. open opens
// the database of --db-path.
func Main(args []string, open OpenStore, stdout, stderr io.Writer) int {
	f := flag.NewFlagSet("train", flag.ContinueOnError)
	f.SetOutput(stderr)
	out := f.String("out", "artefact.bin", "where the artefact is written")
	calibrated := f.Bool("calibrate", true, "hold out rows, models, devices and sources to calibrate the intervals; without, those of the embedded artefact are kept")
	store := f.String("db-path", "", "also learn from what this database holds; stop the server that has it open first")
	f.Usage = usage(f, stderr, "train [flags] FILE|DIR...", "fits an artefact on measurement files (CSV, gzipped or not); a folder stands for a corpus")
	if code, ok := parseFlags(f, args); !ok {
		return code
	}
	paths, err := files(f.Args())
	if err == nil && len(paths) == 0 {
		err = errors.New("no files: name measurement files, or a corpus folder")
	}
	if err == nil {
		var s *Store
		if s, err = openStore(open, *store); err == nil {
			err = trainFiles(s, f.Args(), paths, *out, *calibrated, stdout, stderr)
		}
	}
	return fail(stderr, err)
}

// openStore is the database's contents, or the catalogue alone when no database
// is named: an artefact of an older format must not keep a new one from being
// trained.
func openStore(open OpenStore, path string) (*Store, error) {
	if path != "" {
		return open(path)
	}
	cat, err := catalog.Load()
	if err != nil {
		return nil, err
	}
	return &Store{Catalog: cat}, nil
}

func trainFiles(s *Store, args, paths []string, out string, calibrated bool, stdout, stderr io.Writer) error {
	cat := s.Catalog
	started := time.Now()
	c, err := Load(cat, paths...)
	if err != nil {
		return err
	}
	for _, a := range args {
		if info, err := os.Stat(a); err == nil && info.IsDir() {
			if err := c.LoadTables(context.Background(), a, cat); err != nil {
				return err
			}
		}
	}
	c.Cases = append(c.Cases, Recorded(cat, s.Measurements)...)
	o := DefaultOptions()
	o.Calibrate, o.Progress = calibrated, progressBar(stderr)
	a, err := Train(c, o)
	if err != nil {
		return err
	}
	b, err := a.Encode()
	if err != nil {
		return err
	}
	if _, err := predictor.New(b); err != nil {
		return fmt.Errorf("the artefact does not read back: %w", err)
	}
	if err := os.WriteFile(out, b, 0o644); err != nil {
		return err
	}
	_, err = fmt.Fprintf(stdout, "%s: %d bytes from %d rows in %.1f s\n", out, len(b), len(c.Cases), time.Since(started).Seconds())
	return err
}

// EvaluateMain is the command "perfcast evaluate": it returns the exit code.
// open opens the database of --db-path; without the flag none is opened.
func EvaluateMain(args []string, open OpenStore, stdout, stderr io.Writer) int {
	f := flag.NewFlagSet("evaluate", flag.ContinueOnError)
	f.SetOutput(stderr)
	rows := f.String("rows", "", "write every row with its prediction to this CSV file")
	asJSON := f.Bool("json", false, "write the summary as JSON")
	cv := f.String("cv", "", "train without each fold of this split and judge on it: "+strings.Join(Splits, ", "))
	folds := f.Int("folds", 5, "folds of --cv")
	few := f.Int("few", 0, "with --cv device: measurements of each held-out device that are learned first")
	artefact := f.String("artefact", "", "judge this artefact instead of the embedded one")
	bars := f.Bool("bars", false, "cross-validate by all that is to be judged and print the accuracy table; with --cv, the lines of that split alone")
	operations := f.Bool("operations", false, "judge the operations of a corpus folder instead: each design of GPU is left out of the fit and predicted")
	card := f.Bool("card", false, "write a model card (Markdown) instead of the summary")
	limit := f.Int("limit", 12, "sets shown of each kind in the table; 0 = all")
	store := f.String("db-path", "", "answer with this database's devices, models, measurements and promoted artefact; stop the server that has it open first")
	f.Usage = usage(f, stderr, "evaluate [flags] FILE|DIR...", "compares predictions with measurement files, which are never training data unless --cv asks")
	if code, ok := parseFlags(f, args); !ok {
		return code
	}
	paths, err := files(f.Args())
	if err == nil && len(paths) == 0 {
		err = errors.New("no files: name measurement files, or a corpus folder")
	}
	if err == nil && *rows != "" && slices.Contains(paths, *rows) {
		err = fmt.Errorf("--rows %s would overwrite what is judged: name another file", *rows)
	}
	if err == nil && *few != 0 && (*few < 0 || *cv != "device") {
		err = errors.New("--few needs --cv device, and a number that is not negative")
	}
	if err != nil {
		return fail(stderr, err)
	}
	if *bars {
		return fail(stderr, barsOf(f.Args(), paths, *cv, *folds, stdout, stderr))
	}
	if *operations {
		return fail(stderr, operationsOf(f.Arg(0), stdout, stderr))
	}
	s, err := openStore(open, *store)
	if err != nil {
		return fail(stderr, err)
	}
	results, columns, err := evaluateFiles(s, f.Args(), paths, *artefact, *cv, *folds, *few, stderr)
	if err != nil {
		return fail(stderr, err)
	}
	if *rows != "" {
		if err := writeRowsFile(*rows, columns, results); err != nil {
			return fail(stderr, err)
		}
	}
	split := ""
	if *cv != "" {
		split = fmt.Sprintf("cross-validated by %s, %d folds, %d measurements of each device first", *cv, *folds, *few)
	}
	if *card {
		return fail(stderr, writeCardOf(*artefact, results, split, stdout))
	}
	rep := NewReport(results, split)
	if *asJSON {
		e := json.NewEncoder(stdout)
		e.SetIndent("", "  ")
		return fail(stderr, e.Encode(rep))
	}
	rep.Write(stdout, *limit)
	return 0
}

// operationsOf judges the operations of a corpus folder.
func operationsOf(dir string, stdout, stderr io.Writer) error {
	scores, err := operationScores(dir, progressBar(stderr))
	if err != nil {
		return err
	}
	if err := WriteOperationScores(stdout, scores); err != nil {
		return err
	}
	_, err = fmt.Fprintf(stdout, "\n%s\n", kernelNote(scores))
	return err
}

func operationScores(dir string, progress func(stage string, done, total int)) ([]OperationScore, error) {
	cat, err := catalog.Load()
	if err != nil {
		return nil, err
	}
	rows, err := Operations(context.Background(), dir, cat)
	if err != nil {
		return nil, err
	}
	return JudgeOperations(rows, progress)
}

func evaluateFiles(s *Store, args, paths []string, artefact, cv string, folds, few int, stderr io.Writer) ([]Result, []string, error) {
	var columns []string
	var cases []Case
	o := NewObserver(s.Catalog)
	for _, path := range paths {
		f, err := ReadFile(path)
		if err != nil {
			return nil, nil, err
		}
		if columns == nil {
			columns = f.Columns
		}
		if !slices.Equal(columns, f.Columns) && len(paths) > 1 {
			return nil, nil, fmt.Errorf("%s has other columns than %s: evaluate them apart", path, paths[0])
		}
		for _, r := range f.Rows {
			cases = append(cases, o.Observe(r))
		}
	}
	if cv != "" {
		c := &Corpus{Cases: cases}
		if err := c.loadKernels(args, s.Catalog); err != nil {
			return nil, nil, err
		}
		results, err := CrossValidate(c, cv, folds, few, DefaultOptions(), progressBar(stderr))
		return results, columns, err
	}
	p, err := s.Predictor, error(nil)
	switch {
	case artefact != "":
		var b []byte
		if b, err = os.ReadFile(artefact); err == nil {
			p, err = predictor.New(b)
		}
	case p == nil:
		p, err = predictor.Default()
	}
	if err != nil {
		return nil, nil, err
	}
	bar := progressBar(stderr)
	return Evaluate(p, cases, func(done, total int) { bar("rows", done, total) }), columns, nil
}

// loadKernels adds the kernel tables of those arguments that are folders.
func (c *Corpus) loadKernels(args []string, cat *catalog.Catalog) error {
	for _, a := range args {
		if err := c.LoadKernels(context.Background(), a, cat); err != nil {
			return err
		}
	}
	return nil
}

func writeCardOf(path string, results []Result, held string, stdout io.Writer) error {
	b := predictor.Embedded()
	if path != "" {
		var err error
		if b, err = os.ReadFile(path); err != nil {
			return err
		}
	}
	a, err := predictor.Decode(b)
	if err != nil {
		return err
	}
	return WriteCard(stdout, a, results, held)
}

func writeRowsFile(path string, columns []string, results []Result) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	if err := WriteRows(f, columns, results); err != nil {
		return errors.Join(err, f.Close())
	}
	return f.Close()
}

// files expands folders into the measurement files of a corpus.
func files(args []string) ([]string, error) {
	var out []string
	for _, a := range args {
		info, err := os.Stat(a)
		if err != nil {
			return nil, err
		}
		if !info.IsDir() {
			out = append(out, a)
			continue
		}
		found, err := filepath.Glob(filepath.Join(a, "measurements*.csv*"))
		if err != nil {
			return nil, err
		}
		if len(found) == 0 {
			return nil, fmt.Errorf("%s holds no measurements*.csv", a)
		}
		out = append(out, found...)
	}
	return out, nil
}

// progressBar draws stages on one line, at most ten times a second.
func progressBar(w io.Writer) func(stage string, done, total int) {
	var last time.Time
	return func(stage string, done, total int) {
		if done < total && time.Since(last) < 100*time.Millisecond {
			return
		}
		last = time.Now()
		n := 30 * done / max(1, total)
		_, _ = fmt.Fprintf(w, "\r%-24.24s [%s%s] %3d %%", stage, strings.Repeat("#", n), strings.Repeat(".", 30-n), 100*done/max(1, total))
		if done >= total {
			_, _ = fmt.Fprintln(w)
		}
	}
}

func usage(f *flag.FlagSet, w io.Writer, line, what string) func() {
	return func() {
		_, _ = fmt.Fprintf(w, "perfcast %s\n%s\n\n", line, what)
		f.PrintDefaults()
	}
}

// parseFlags lets flags follow the file names.
func parseFlags(f *flag.FlagSet, args []string) (code int, ok bool) {
	var names []string
	for {
		if err := f.Parse(args); err != nil {
			if errors.Is(err, flag.ErrHelp) {
				return 0, false
			}
			return 2, false
		}
		if f.NArg() == 0 {
			return 0, f.Parse(append([]string{"--"}, names...)) == nil
		}
		names = append(names, f.Arg(0))
		args = f.Args()[1:]
	}
}

func fail(w io.Writer, err error) int {
	if err == nil {
		return 0
	}
	_, _ = fmt.Fprintln(w, "perfcast:", err)
	return 1
}
