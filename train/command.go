package train

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
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
	f.Usage = usage(f, stderr, "train [flags] FILE|DIR...", "fits an artefact on files of measurements and operations (CSV, gzipped or not) and folders of kernel tables (parquet); a corpus folder stands for all that it holds")
	if code, ok := parseFlags(f, args); !ok {
		return code
	}
	in, err := InputsOf(f.Args())
	if err == nil && *store == "" {
		err = in.measured()
	}
	if err == nil {
		var s *Store
		if s, err = openStore(open, *store); err == nil {
			err = trainFiles(s, in, *out, *calibrated, stdout, stderr)
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

func trainFiles(s *Store, in Inputs, out string, calibrated bool, stdout, stderr io.Writer) error {
	started := time.Now()
	c, err := in.Corpus(context.Background(), s.Catalog)
	if err == nil {
		c.Operations, err = in.SingleOperations(context.Background(), s.Catalog)
	}
	if err != nil {
		return err
	}
	c.Cases = append(c.Cases, Recorded(s.Catalog, s.Measurements)...)
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
	_, err = fmt.Fprintf(stdout, "%s: %d bytes from %d rows in %.1f s\n%s", out, len(b), len(c.Cases), time.Since(started).Seconds(), unusable(c.Cases))
	return err
}

// unusable says of which rows nothing was learned, a line for each reason.
func unusable(cases []Case) string {
	count := map[string]int{}
	for i := range cases {
		if r := cases[i].Reason; r != "" {
			count[merged(r)]++
		}
	}
	var b strings.Builder
	for _, r := range slices.Sorted(maps.Keys(count)) {
		fmt.Fprintf(&b, "%d not used: %s\n", count[r], r)
	}
	return b.String()
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
