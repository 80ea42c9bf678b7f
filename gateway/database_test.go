package gateway

import (
	"bufio"
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/perfcast/perfcast/app"
	"github.com/perfcast/perfcast/app/apptest"
	"github.com/perfcast/perfcast/key"
	"github.com/perfcast/perfcast/perf"
)

// withRows is a gateway over a database with n measurements of bert-base on the
// CPU; the i-th has a throughput of i+1 samples/s and a batch of 1 or 8.
func withRows(t *testing.T, n int) (*app.App, *httptest.Server) {
	t.Helper()
	a := apptest.New(t)
	_, s := newGateway(t, Options{App: a, Builtin: allEchoes()})
	var rs []app.MeasurementRequest
	for i := range n {
		x, l := float64(i+1), 1/float64(i+1)
		c := app.DefaultConfig()
		c.Model, c.Platform, c.BatchSize = "bert-base-uncased", perf.CPU, 1+7*(i%2)
		rs = append(rs, app.MeasurementRequest{Measurement: perf.Measurement{Config: c, Throughput: &x, Latency: &l, Source: "test"}})
	}
	if _, err := a.Record(context.Background(), rs...); err != nil {
		t.Fatal(err)
	}
	return a, s
}

const db = "/api/db/predictive-performance/"

type listed struct {
	Count int
	Rows  []row  `json:"measurements"`
	Next  string `json:"next_cursor"`
}

func list(t *testing.T, s *httptest.Server, query string) listed {
	t.Helper()
	code, b := do(t, "GET", s.URL+db+"measurements?"+query, reader, "")
	if code != 200 {
		t.Fatalf("%s: %d %s", query, code, b)
	}
	return decode[listed](t, b)
}

func TestDatabaseFilters(t *testing.T) {
	_, s := withRows(t, 40)
	for query, want := range map[string]int{
		"":                           10,
		"limit=0":                    0,
		"limit=100":                  40,
		"limit=100&throughput_ge=31": 10,
		"limit=100&throughput_gt=31": 9,
		"limit=100&throughput_ge=5&throughput_lt=8":                3,
		"limit=100&latency_le=100":                                 31, // ms: 1/10 s and less
		"limit=100&latency_s_le=0.1":                               31,
		"limit=100&batch_size=8":                                   20,
		"limit=100&batch_size_in=8,16":                             20,
		"limit=100&batch_size_ne=8":                                20,
		"limit=100&throughput_in=1,2,99":                           2,
		"limit=100&model_name=bert-base-uncased":                   40,
		"limit=100&model_name=nothing":                             0,
		"limit=100&model_name_like=BERT%25":                        40,
		"limit=100&model_name_contains=base":                       40,
		"limit=100&memory_usage_null=true":                         40,
		"limit=100&memory_usage_null=false":                        0,
		"limit=100&hardware=cpu&days=1":                            40,
		"limit=100&days=-1":                                        0,
		"limit=100&timestamp_ge=2001-01-01":                        40,
		"limit=100&timestamp_lt=2001-01-01T00:00:00Z":              0,
		"limit=100&measurement_source=test%27%20OR%20%271%27=%271": 0,
	} {
		if got := list(t, s, query); got.Count != want || len(got.Rows) != want {
			t.Errorf("%s: %d rows, want %d", query, got.Count, want)
		}
	}
	now := url.QueryEscape(time.Now().Add(time.Minute).Format("2006-01-02T15:04:05"))
	if got := list(t, s, "limit=100&timestamp_le="+now); got.Count != 40 {
		t.Errorf("a local time without a zone: %d", got.Count)
	}
}

func TestDatabaseBodyIsTheDocumentedOne(t *testing.T) {
	_, s := withRows(t, 2)
	got := list(t, s, "sort=-throughput")
	if got.Next != "" || got.Rows[0]["throughput"] != 2.0 || got.Rows[0]["latency"] != 500.0 || got.Rows[0]["hardware_platform"] != "cpu" ||
		got.Rows[0]["measurement_source"] != "test" {
		t.Fatalf("%+v", got)
	}
	for _, name := range []string{"predictions", "recommendations", "models"} {
		code, b := do(t, "GET", s.URL+db+name, reader, "")
		if v := decode[map[string]any](t, b); code != 200 || v[name] == nil || v["count"] == nil {
			t.Errorf("%s: %d %s", name, code, b)
		}
	}
}

// Following the cursors gives every row once, in order, though rows are added
// on the way.
func TestDatabaseCursors(t *testing.T) {
	a, s := withRows(t, 25)
	for _, sorting := range []string{"", "&sort=-throughput", "&sort=batch_size,-latency", "&columns=measurement_id,throughput&sort=throughput"} {
		seen, query := map[any]bool{}, "limit=10"+sorting
		for page := 0; ; page++ {
			got := list(t, s, query)
			for _, r := range got.Rows {
				if seen[r["measurement_id"]] {
					t.Fatalf("%s: %v comes twice", sorting, r["measurement_id"])
				}
				seen[r["measurement_id"]] = true
			}
			if got.Next == "" {
				break
			}
			if page == 0 {
				x := 1000.0
				c := app.DefaultConfig()
				c.Model, c.Platform = "gpt2", perf.CPU
				if _, err := a.Record(context.Background(), app.MeasurementRequest{Measurement: perf.Measurement{Config: c, Throughput: &x}}); err != nil {
					t.Fatal(err)
				}
			}
			query = "limit=10" + sorting + "&cursor=" + got.Next
		}
		if len(seen) < 25 {
			t.Errorf("%s: %d rows", sorting, len(seen))
		}
	}
}

func TestDatabaseMistakes(t *testing.T) {
	_, s := withRows(t, 1)
	for query, field := range map[string]string{
		"limit=abc": "limit", "limit=-1": "limit", "limit=10001": "limit", "nonsense=1": "nonsense", "sort=nonsense": "nonsense",
		"columns=nonsense": "nonsense", "throughput_ge=fast": "throughput_per_s", "days=x": "days", "cursor=xyz": "after",
		"throughput_null=perhaps": "throughput_null", "timestamp_ge=yesterday": "created_at", "columns=model_name%22;drop": "",
	} {
		code, b := do(t, "GET", s.URL+db+"measurements?"+strings.ReplaceAll(query, ";", "%3B"), reader, "")
		v := decode[struct{ Detail []struct{ Loc []string } }](t, b)
		if code != 422 || len(v.Detail) != 1 || field != "" && v.Detail[0].Loc[1] != field {
			t.Errorf("%s: %d %s", query, code, b)
		}
	}
	for path, want := range map[string]int{"nonsense": 404, "measurements/1": 404, "search": 405} {
		if code, b := do(t, "GET", s.URL+db+path, reader, ""); code != want {
			t.Errorf("%s: %d %s", path, code, b)
		}
	}
	if code, _ := do(t, "DELETE", s.URL+db+"measurements", writer, ""); code != 405 {
		t.Errorf("DELETE: %d", code)
	}
}

func accept(t *testing.T, address, media string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequest("GET", address, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", media)
	req.Header.Set(key.Header, reader)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(b)
}

func TestDatabaseExports(t *testing.T) {
	n := exportPage + 5
	_, s := withRows(t, n)
	at := s.URL + db + "measurements?columns=throughput,model_name,latency,memory_usage,timestamp&sort=throughput"
	res, text := accept(t, at, "text/csv")
	records, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil || len(records) != n+1 || !strings.HasPrefix(res.Header.Get("Content-Type"), "text/csv") {
		t.Fatalf("%v: %d lines of %s", err, len(records), res.Header.Get("Content-Type"))
	}
	if got := strings.Join(records[0], ","); got != "throughput,model_name,latency,memory_usage,timestamp" {
		t.Errorf("header %s", got)
	}
	if got := strings.Join(records[2][:4], ","); got != "2,bert-base-uncased,500," {
		t.Errorf("row %s", got)
	}
	res, text = accept(t, at+"&limit=3", "application/x-ndjson")
	in, lines := bufio.NewScanner(strings.NewReader(text)), 0
	for in.Scan() {
		lines++
		if r := decode[row](t, in.Bytes()); r["throughput"] != float64(lines) || r["memory_usage"] != nil {
			t.Errorf("%v", r)
		}
	}
	if lines != 3 || res.Header.Get("Content-Type") != "application/x-ndjson" || !strings.Contains(res.Header.Get("Link"), `rel="next"`) {
		t.Errorf("%d lines, %v", lines, res.Header)
	}
	if _, text = accept(t, s.URL+db+"measurements?limit=1", "text/csv"); !strings.Contains(text, "throughput_per_s") {
		t.Errorf("all columns: %s", text)
	}
	if res, text = accept(t, s.URL+db+"measurements?columns=nonsense", "text/csv"); res.StatusCode != 422 {
		t.Errorf("%d %s", res.StatusCode, text)
	}
	for media, want := range map[string]string{"text/html": "application/json", "text/csv;q=0.5, application/json": "application/json",
		"application/json;q=0.1, text/csv": "text/csv; charset=utf-8; header=present", "garbage;;": "application/json", "": "application/json"} {
		if res, _ = accept(t, s.URL+db+"measurements?limit=1", media); res.Header.Get("Content-Type") != want {
			t.Errorf("Accept %q: %s", media, res.Header.Get("Content-Type"))
		}
	}
}

func TestDatabaseSearchAndStats(t *testing.T) {
	_, s := withRows(t, 3)
	code, b := do(t, "POST", s.URL+"/api/db/search?query=BERT&limit=2", reader, "")
	v := decode[struct {
		Results []found `json:"predictive_results"`
	}](t, b)
	if code != 200 || len(v.Results) != 2 || v.Results[0].Type != "measurements" {
		t.Fatalf("%d %s", code, b)
	}
	code, b = do(t, "GET", s.URL+"/api/predictive-performance/stats?model_name=bert-base-uncased", "", "")
	if v := decode[map[string]any](t, b); code != 200 || v["measurements"] != 3.0 {
		t.Fatalf("%d %s", code, b)
	}
	code, b = do(t, "GET", s.URL+"/api/db/overview", reader, "")
	if v := decode[map[string]any](t, b); code != 200 || v["predictive_stats"].(map[string]any)["measurements"] != 3.0 {
		t.Fatalf("%d %s", code, b)
	}
}

// No name of a column ends like an operator, or a filter on it would be read
// as another.
func TestColumnsDoNotEndLikeOperators(t *testing.T) {
	a := apptest.New(t)
	for _, r := range relations {
		g, err := a.Rows(context.Background(), r.table, app.Query{})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range g.Columns {
			for _, s := range suffixes {
				if strings.HasSuffix(c.Name, s.suffix) {
					t.Errorf("%s.%s", r.table, c.Name)
				}
			}
			switch c.Name {
			case "limit", "cursor", "days", "sort", "columns":
				t.Errorf("%s.%s", r.table, c.Name)
			}
		}
	}
}

// A predictive server of its own keys its database as the gateway does.
func TestPredictiveDatabaseAlone(t *testing.T) {
	ring, err := key.Open("", nil)
	if err != nil {
		t.Fatal(err)
	}
	ring.Add("reader", reader, key.Read)
	s := httptest.NewServer(PredictiveDatabase(apptest.New(t), ring, slog.Default(), echo("next")))
	defer s.Close()
	for path, want := range map[string]string{"/api/predictive-performance/models": "next", "/health": "next"} {
		_, b := do(t, "GET", s.URL+path, "", "")
		if h := decode[heard](t, b); h.Component != want {
			t.Errorf("%s: %s", path, b)
		}
	}
	for path, want := range map[string]int{"/db/models": 403, "/DB/models": 403, "/%64b/models": 403, "/stats": 200} {
		if code, b := do(t, "GET", s.URL+"/api/predictive-performance"+path, "", ""); code != want {
			t.Errorf("%s: %d %s", path, code, b)
		}
	}
	if code, b := do(t, "GET", s.URL+"/api/predictive-performance/db/models", reader, ""); code != 200 {
		t.Errorf("%d %s", code, b)
	}
}

func FuzzParseAsk(f *testing.F) {
	f.Add("throughput_ge=1&sort=-latency&columns=a,b")
	f.Add("_ge=1&x_null=t&_in=,&timestamp_lt=2020-01-01")
	f.Fuzz(func(t *testing.T, s string) {
		q, err := url.ParseQuery(s)
		if err != nil {
			return
		}
		in := tableParameters{Sort: q.Get("sort"), Columns: q.Get("columns"), Filters: q}
		_, p := parseAsk(in)
		_, again := parseAsk(in)
		if fmt.Sprint(p) != fmt.Sprint(again) {
			t.Errorf("%q is answered with %v and with %v", s, p, again)
		}
	})
}
