package train

import (
	"bufio"
	"compress/gzip"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
)

// Row is one line of a measurements file in the corpus's columns. Numbers that
// are empty or not finite are 0: not known.
type Row struct {
	Record []string // as read, in the file's column order

	Source, Path, Commit, License  string
	Model, Family, Task            string
	Platform, Device               string
	Devices                        int
	Framework, Precision, Mode     string
	Batch, SequenceIn, SequenceOut float64
	ImageSize                      string
	Params, MACs, Activations      float64 // the row's own: facts of models that the catalogue lacks
	Throughput                     float64
	Unit                           string
	LatencyMs, MemoryMB            float64
	Extra                          map[string]any

	Fault string // why the row cannot be read; empty when it can
}

const unreadable = " cannot be read"

// merged is a reason without the row that it is of.
func merged(reason string) string {
	if _, why, ok := strings.Cut(reason, unreadable+": "); ok {
		column, _, _ := strings.Cut(why, ": ")
		return "a cell" + unreadable + ", " + column
	}
	return reason
}

// File is a measurements file: its columns and rows.
type File struct {
	Columns []string
	Rows    []*Row
}

// ReadFile reads a CSV file of measurements, gzipped or not.
func ReadFile(path string) (*File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	file, err := Read(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return file, nil
}

// Read reads measurements as CSV with a header, gzipped or not. A row with a
// cell that is not what its column holds comes back with its Fault.
func Read(r io.Reader) (*File, error) {
	b := bufio.NewReaderSize(r, 1<<16)
	var in io.Reader = b
	if magic, _ := b.Peek(2); len(magic) == 2 && magic[0] == 0x1f && magic[1] == 0x8b {
		z, err := gzip.NewReader(b)
		if err != nil {
			return nil, err
		}
		defer z.Close()
		in = z
	}
	c := csv.NewReader(in)
	c.FieldsPerRecord = -1
	header, err := c.Read()
	if err != nil {
		return nil, fmt.Errorf("no header: %w", err)
	}
	header[0] = strings.TrimPrefix(header[0], "\ufeff")
	at := map[string]int{}
	for i, name := range header {
		at[strings.TrimSpace(name)] = i
	}
	for _, must := range []string{"model_name", "hardware_name"} {
		if _, ok := at[must]; !ok {
			return nil, fmt.Errorf("the header has no column %q", must)
		}
	}
	file := &File{Columns: header}
	for line := 2; ; line++ {
		record, err := c.Read()
		if errors.Is(err, io.EOF) {
			return file, nil
		}
		if err != nil {
			return nil, err
		}
		row, err := parse(at, record)
		if err != nil { // counted with those that cannot be predicted; the others can
			row.Fault = fmt.Sprintf("row %d%s: %v", line, unreadable, err)
		}
		file.Rows = append(file.Rows, row)
	}
}

func parse(at map[string]int, record []string) (*Row, error) {
	text := func(name string) string {
		if i, ok := at[name]; ok && i < len(record) {
			return record[i]
		}
		return ""
	}
	var failed error
	number := func(name string) float64 {
		s := strings.TrimSpace(text(name))
		if s == "" {
			return 0
		}
		x, err := strconv.ParseFloat(s, 64)
		if err != nil {
			failed = fmt.Errorf("column %s: %q is no number", name, s)
			return 0
		}
		if x-x != 0 || x < 0 {
			return 0
		}
		return x
	}
	r := &Row{
		Record: record,
		Source: text("source"), Path: text("source_path"), Commit: text("source_commit"), License: text("license"),
		Model: text("model_name"), Family: text("model_family"), Task: text("task"),
		Platform: text("hardware_platform"), Device: text("hardware_name"), Devices: int(number("num_devices")),
		Framework: text("framework"), Precision: text("precision"), Mode: text("mode"),
		Batch: number("batch_size"), SequenceIn: number("sequence_length_in"), SequenceOut: number("sequence_length_out"),
		ImageSize: text("image_size"),
		Params:    number("params_m") * 1e6, MACs: number("gmacs") * 1e9, Activations: number("macts_m") * 1e6,
		Throughput: number("throughput"), Unit: text("throughput_unit"),
		LatencyMs: number("latency_ms"), MemoryMB: number("memory_mb"),
	}
	if e := text("extra"); e != "" {
		if err := json.Unmarshal([]byte(e), &r.Extra); err != nil {
			failed = fmt.Errorf("column extra: %w", err)
		}
	}
	return r, failed
}

// say is a text of extra; empty when it is not there.
func (r *Row) say(key string) string {
	switch v := r.Extra[key].(type) {
	case string:
		return v
	case bool:
		return strconv.FormatBool(v)
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	}
	return ""
}

// num is a number of extra; 0 when it is none.
func (r *Row) num(key string) float64 {
	switch v := r.Extra[key].(type) {
	case float64:
		return v
	case string:
		x, err := strconv.ParseFloat(v, 64)
		if err == nil && x-x == 0 {
			return x
		}
	}
	return 0
}
