// Package apptest opens an App for tests: the real one, on a real database.
package apptest

import (
	"context"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/perfcast/perfcast/app"
	"github.com/perfcast/perfcast/catalog"
	"github.com/perfcast/perfcast/db"
	"github.com/perfcast/perfcast/predictor"
)

// New opens an App on a database in memory, which ends with the test.
func New(t testing.TB) *app.App {
	t.Helper()
	a, stop := Open(t, "")
	t.Cleanup(stop)
	return a
}

// Open opens an App on a database file, and gives what closes both.
func Open(t testing.TB, path string) (a *app.App, stop func()) {
	t.Helper()
	d, err := db.Open(path, db.Options{})
	if err != nil {
		t.Fatal(err)
	}
	cat, err := catalog.Load()
	if err != nil {
		t.Fatal(err)
	}
	pred, err := predictor.Default()
	if err != nil {
		t.Fatal(err)
	}
	a, err = app.New(context.Background(), app.Options{DB: d, Catalog: cat, Predictor: pred, Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err != nil {
		t.Fatal(err)
	}
	return a, func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		a.Close(ctx)
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}
}
