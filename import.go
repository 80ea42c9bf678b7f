package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"

	"github.com/perfcast/perfcast/intake"
)

// defaultReports is the documented folder of reports where none is named.
const defaultReports = "benchmark_results"

// importBenchmarks takes in what was measured before: the old suite's database
// and the folder of reports. What was imported at an earlier start is not
// imported again.
func (s *server) importBenchmarks(ctx context.Context, c config, out io.Writer) error {
	if c.benchmarkDB != "" {
		found, err := intake.Database(ctx, c.benchmarkDB)
		if err != nil {
			return fmt.Errorf("--benchmark-db: %w", err)
		}
		if err := s.take(ctx, found, c.benchmarkDB, out); err != nil {
			return fmt.Errorf("--benchmark-db: %w", err)
		}
	}
	dir := or(c.benchmarkDir, defaultReports)
	found, err := intake.Folder(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist) && c.benchmarkDir == "":
		return nil
	case errors.Is(err, fs.ErrNotExist): // the benchmark component makes it
		fmt.Fprintf(out, "--benchmark-dir: %s does not exist yet; nothing is imported\n", dir)
		return nil
	case err == nil:
		err = s.take(ctx, found, dir, out)
	}
	if err != nil {
		return fmt.Errorf("--benchmark-dir: %w", err)
	}
	return nil
}

// maxLines is how many lines an import says about what it left out.
const maxLines = 20

// take imports what was found, and says what became of it.
func (s *server) take(ctx context.Context, found intake.Found, from string, out io.Writer) error {
	done, err := s.app.Import(ctx, found.Measurements)
	if err != nil {
		return fmt.Errorf("importing %s: %w", from, err)
	}
	left := maps.Clone(found.LeftOut)
	total := 0
	for why, n := range done.Refused {
		left[why] += n
	}
	for _, n := range left {
		total += n
	}
	fmt.Fprintf(out, "Measurements in %s: %d imported, %d there already, %d left out\n", from, done.Stored, done.Known, total)
	var lines []string
	if done.Quarantined > 0 {
		lines = append(lines, fmt.Sprintf("of those imported, %d contradict what is known: kept out of answers until confirmed or repeated", done.Quarantined))
	}
	if done.Unlearned > 0 {
		lines = append(lines, fmt.Sprintf("of those imported, %d are of models that are not in the catalogue: not learned from until their facts are added", done.Unlearned))
	}
	whys := slices.SortedFunc(maps.Keys(left), func(a, b string) int { return cmp.Or(left[b]-left[a], cmp.Compare(a, b)) })
	for _, why := range whys {
		lines = append(lines, fmt.Sprintf("left out %d: %s", left[why], why))
	}
	for _, file := range found.Skipped {
		lines = append(lines, "skipped "+file)
	}
	for i, line := range lines {
		if i == maxLines {
			fmt.Fprintf(out, "  and %d more such lines\n", len(lines)-i)
			break
		}
		fmt.Fprintln(out, "  "+line)
	}
	return nil
}
