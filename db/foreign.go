package db

import (
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/duckdb/duckdb-go/v2"
)

// OpenReadOnly opens a DuckDB file that another program wrote, to read it and
// nothing else: the file stays as it is, and its views reach no other file.
// Errors are one line for an operator, as Open's are.
func OpenReadOnly(path string) (*sql.DB, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("database %s: there is no such file: name one that exists", path)
	case err != nil:
		return nil, err
	case info.IsDir():
		return nil, fmt.Errorf("database %s: it is a directory: name a file", path)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("database %s: it is not a regular file: name one", path)
	}
	address, err := dsn(path, Options{})
	if err != nil {
		return nil, openError(path, err)
	}
	connector, err := duckdb.NewConnector(address+"&access_mode=read_only", nil)
	if err != nil {
		return nil, openError(path, err)
	}
	d := sql.OpenDB(connector)
	if _, err := d.Exec(`SET lock_configuration = true`); err != nil {
		_ = d.Close() // the first error is the one to tell
		return nil, openError(path, err)
	}
	return d, nil
}
