package train

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/perfcast/perfcast/predictor"
)

// evaluation is what the command "perfcast evaluate" was asked for.
type evaluation struct {
	rows, cv, artefact, store string
	folds, few, limit         int
	json, bars, card          bool
	operations                bool

	in             Inputs
	stdout, stderr io.Writer
}

// EvaluateMain is the command "perfcast evaluate": it returns the exit code.
// open opens the database of --db-path; without the flag none is opened.
func EvaluateMain(args []string, open OpenStore, stdout, stderr io.Writer) int {
	e := evaluation{stdout: stdout, stderr: stderr}
	f := flag.NewFlagSet("evaluate", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.StringVar(&e.rows, "rows", "", "write every row with its prediction to this CSV file")
	f.BoolVar(&e.json, "json", false, "write the summary as JSON")
	f.StringVar(&e.cv, "cv", "", "train without each fold of this split and judge on it: "+strings.Join(Splits, ", "))
	f.IntVar(&e.folds, "folds", 5, "folds of --cv")
	f.IntVar(&e.few, "few", 0, "with --cv device: measurements of each held-out device that are learned first")
	f.StringVar(&e.artefact, "artefact", "", "judge this artefact instead of the embedded one")
	f.BoolVar(&e.bars, "bars", false, "cross-validate by all that is to be judged and print the accuracy table; with --cv, the lines of that split alone")
	f.BoolVar(&e.operations, "operations", false, "judge single operations instead: each design of GPU is left out of the fit and predicted")
	f.BoolVar(&e.card, "card", false, "write a model card (Markdown) instead of the summary, by cross-validation: by "+strings.Join(cardSplits, ", ")+", or by --cv")
	f.IntVar(&e.limit, "limit", 12, "sets shown of each kind in the table; 0 = all")
	f.StringVar(&e.store, "db-path", "", "answer with this database's devices, models, measurements and promoted artefact; stop the server that has it open first")
	f.Usage = usage(f, stderr, "evaluate [flags] FILE|DIR...", "compares predictions with measurement files, which are never training data unless --cv asks")
	if code, ok := parseFlags(f, args); !ok {
		return code
	}
	var err error
	if e.in, err = InputsOf(f.Args()); err == nil {
		err = e.check()
	}
	if err == nil {
		err = e.run(open)
	}
	return fail(stderr, err)
}

// check refuses flags that do not go together.
func (e *evaluation) check() error {
	if e.operations {
		if len(e.in.Operations)+len(e.in.Tables) == 0 {
			return errors.New("no operations: name CSV files of them, or a corpus folder")
		}
		return nil
	}
	if e.rows != "" && slices.ContainsFunc(e.in.Measurements, func(path string) bool { return sameFile(path, e.rows) }) {
		return fmt.Errorf("--rows %s would overwrite what is judged: name another file", e.rows)
	}
	if e.few != 0 && (e.few < 0 || e.cv != "device") {
		return errors.New("--few needs --cv device, and a number that is not negative")
	}
	return e.in.measured()
}

// sameFile reports whether two paths lead to one file.
func sameFile(a, b string) bool {
	x, err := os.Stat(a)
	if err != nil {
		return false
	}
	y, err := os.Stat(b)
	return err == nil && os.SameFile(x, y)
}

func (e *evaluation) run(open OpenStore) error {
	switch {
	case e.bars:
		return barsOf(e.in, e.cv, e.folds, e.stdout, e.stderr)
	case e.operations:
		return e.runOperations()
	}
	s, err := openStore(open, e.store)
	if err != nil {
		return err
	}
	if e.card {
		return e.writeCard(s)
	}
	results, columns, err := e.results(s)
	if err != nil {
		return err
	}
	if e.rows != "" {
		if err := writeRowsFile(e.rows, columns, results); err != nil {
			return err
		}
	}
	rep := NewReport(results, e.cv)
	if e.cv != "" {
		rep.Folds, rep.Few = e.folds, e.few
	}
	if e.json {
		j := json.NewEncoder(e.stdout)
		j.SetIndent("", "  ")
		return j.Encode(rep)
	}
	rep.Write(e.stdout, e.limit)
	return nil
}

// results are those of all rows, with the files' columns.
func (e *evaluation) results(s *Store) ([]Result, []string, error) {
	file, err := e.in.Files()
	if err != nil {
		return nil, nil, err
	}
	if e.cv != "" {
		c, err := e.in.understand(context.Background(), s.Catalog, file.Rows)
		if err != nil {
			return nil, nil, err
		}
		results, err := CrossValidate(c, e.cv, e.folds, e.few, DefaultOptions(), progressBar(e.stderr))
		return results, file.Columns, err
	}
	p, err := e.predictor(s)
	if err != nil {
		return nil, nil, err
	}
	o := NewObserver(s.Catalog)
	cases := make([]Case, len(file.Rows))
	for i, r := range file.Rows {
		cases[i] = o.Observe(r)
	}
	bar := progressBar(e.stderr)
	return Evaluate(p, cases, func(done, total int) { bar("rows", done, total) }), file.Columns, nil
}

// predictor is the one that answers: of the artefact named, the database's, or
// the embedded one.
func (e *evaluation) predictor(s *Store) (*predictor.Predictor, error) {
	switch {
	case e.artefact != "":
		b, err := os.ReadFile(e.artefact)
		if err != nil {
			return nil, err
		}
		return predictor.New(b)
	case s.Predictor != nil:
		return s.Predictor, nil
	}
	return predictor.Default()
}

// writeCard writes the model card of the artefact, with the errors of models
// trained the same way on less.
func (e *evaluation) writeCard(s *Store) error {
	b := predictor.Embedded()
	if e.artefact != "" {
		var err error
		if b, err = os.ReadFile(e.artefact); err != nil {
			return err
		}
	}
	a, err := predictor.Decode(b)
	if err != nil {
		return err
	}
	p, err := predictor.New(b)
	if err != nil {
		return err
	}
	c, err := e.in.Corpus(context.Background(), s.Catalog)
	if err != nil {
		return err
	}
	splits := cardSplits
	if e.cv != "" {
		splits = []string{e.cv}
	}
	var reports []Report
	for _, split := range splits {
		results, err := CrossValidate(c, split, e.folds, e.few, DefaultOptions(), progressBar(e.stderr))
		if err != nil {
			return err
		}
		rep := NewReport(results, split)
		rep.Folds, rep.Few = e.folds, e.few
		reports = append(reports, rep)
	}
	return WriteCard(e.stdout, a, p.Version(), reports)
}

// runOperations judges single operations.
func (e *evaluation) runOperations() error {
	scores, err := operationScores(e.in, progressBar(e.stderr))
	if err != nil {
		return err
	}
	if err := WriteOperationScores(e.stdout, scores); err != nil {
		return err
	}
	_, err = fmt.Fprintf(e.stdout, "\n%s\n", kernelNote(scores))
	return err
}

func operationScores(in Inputs, progress func(stage string, done, total int)) ([]OperationScore, error) {
	s, err := openStore(nil, "")
	if err != nil {
		return nil, err
	}
	rows, err := in.SingleOperations(context.Background(), s.Catalog)
	if err != nil {
		return nil, err
	}
	return JudgeOperations(rows, progress)
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
