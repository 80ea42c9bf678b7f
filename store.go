package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"

	"github.com/perfcast/perfcast/train"
)

// openStore reads what training and evaluation need of a database that exists.
// It is closed again before they begin.
func openStore(path string) (_ *train.Store, err error) {
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("--db-path: %w", err)
	}
	ctx := context.Background()
	s := newServer(slog.New(slog.NewTextHandler(os.Stderr, nil)))
	defer func() {
		if closed := s.close(); err == nil {
			err = closed
		}
	}()
	if err := s.openApp(ctx, config{dbPath: path}); err != nil {
		return nil, err
	}
	ms, err := s.app.Recorded(ctx)
	return &train.Store{Catalog: s.app.Catalog(), Predictor: s.app.Predictor(), Measurements: ms}, err
}
