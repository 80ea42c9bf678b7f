package openapi_test

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/perfcast/perfcast/openapi"
	"github.com/perfcast/perfcast/openapi/openapitest"
	"github.com/perfcast/perfcast/rest"
)

// bodies are the request schemas of the document, by path.
func bodies(t testing.TB, d openapi.Document) map[string]*jsonschema.Schema {
	t.Helper()
	doc, out := openapitest.Parse(t, d.JSON()), map[string]*jsonschema.Schema{}
	for _, r := range d.Routes {
		if r.HasBody() {
			_, pointer := doc.Operation(r.Method, r.Path)
			out[r.Path] = doc.Schema(t, pointer+"/requestBody/content/application~1json/schema")
		}
	}
	return out
}

// hardNumber matches numbers that float64 and exact arithmetic may judge
// differently.
var hardNumber = regexp.MustCompile(`[0-9.]{16}|[0-9][eE]`)

// FuzzDecode: the decoder never panics, takes exactly what the document says it
// takes, and never echoes much.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		`{"model_name":"bert-base-uncased","batch_size":"8","hardware":"cuda","precision":"fp16","mode":"training"}`,
		`{"model_name":"b","hardware":["cuda","cpu"],"sequence_length":1.0,"model_family":null,"predict_performance":"Yes","available_hardware":[]}`,
		`{"model_name":"b","hardware_platform":"cpu","throughput":"0.5","latency":0,"memory_usage":NaN,"environment":{"a":"b"},"source":"x"}`,
		`{"model_name":"b","hardware_platform":"cpu","throughput":-0.0,"latency":"-0","ttft_ms":"000.5","days":"-0"}`,
		`{"recommendation_id":" x ","accepted":"off","feedback":"é\ud83d\ude00\u0007"}`,
		`{"model_type":"t","target_metric":"m","serialized_model_path":"","hardware_platform":"qnn","features":[""],"training_score":-1e3,"artefact":"QUI="}`,
		`{"model_configs":[{"name":"a","category":null}],"hardware_platforms":["cpu"],"batch_sizes":["1",2],"precision_options":[]}`,
		`{"num_models":"1000000"}`, `{"days":-100000,"metric":""}`, `[1,2`, `{"a":Infinity,"b":-Infinity}`, "{\"model_name\":\"\xff\"}", `{"model_name":"\ud800"}`,
	} {
		f.Add([]byte(seed))
	}
	table := rest.Document(false)
	schemas := bodies(f, table)
	f.Fuzz(func(t *testing.T, body []byte) {
		comparable := json.Valid(body) && utf8.Valid(body) && !hardNumber.Match(body)
		var v any
		if comparable {
			var err error
			if v, err = jsonschema.UnmarshalJSON(bytes.NewReader(body)); err != nil {
				t.Fatal(err)
			}
		}
		for _, r := range table.Routes {
			if !r.HasBody() {
				continue
			}
			refusals, err := r.Refusals(body)
			if err != nil || len(refusals) > 50_000 {
				t.Fatalf("errors of %d bytes: %v", len(refusals), err)
			}
			if !comparable {
				continue
			}
			if err := schemas[r.Path].Validate(v); (err == nil) != (refusals == nil) {
				t.Errorf("%s %s: the document says %v, the decoder %s", r.Path, body, err, refusals)
			}
		}
	})
}

// TestDefaults: a request that says nothing gets the documented defaults.
func TestDefaults(t *testing.T) {
	for path, c := range map[string]struct{ body, want string }{
		"predict-performance":  {`{"model_name":"b","hardware":"cpu"}`, `"batch_size":1,"sequence_length":128,"mode":"inference","precision":"fp32"`},
		"generate-matrix":      {`{"model_configs":[],"hardware_platforms":[],"batch_sizes":[]}`, `"precision_options":["fp32"],"mode":"inference"`},
		"generate-sample-data": {`{}`, `{"num_models":5}`},
	} {
		routes := rest.Document(false).Routes
		i := slices.IndexFunc(routes, func(r openapi.Route) bool { return strings.HasSuffix(r.Path, path) })
		in, err := routes[i].Defaults(c.body)
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := json.Marshal(in); !strings.Contains(string(got), c.want) {
			t.Errorf("%s: %s, want %s", path, got, c.want)
		}
	}
}

// TestPanic: a fault of ours is logged with its stack and answered without a
// word about it.
func TestPanic(t *testing.T) {
	var log bytes.Buffer
	h := openapi.Server{Log: slog.New(slog.NewTextHandler(&log, nil))}
	s := httptest.NewServer(h.Recovering(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("the secret") })))
	defer s.Close()
	r, err := http.Get(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Body.Close() }()
	body, _ := io.ReadAll(r.Body)
	if r.StatusCode != 500 || string(body) != "Internal Server Error" || !strings.HasPrefix(r.Header.Get("Content-Type"), "text/plain") {
		t.Errorf("%d %s %s", r.StatusCode, r.Header.Get("Content-Type"), body)
	}
	if !strings.Contains(log.String(), "the secret") {
		t.Errorf("log: %s", log.String())
	}
}
