package resolvers

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/perfcast/perfcast/app/apptest"
)

// Whatever is posted gets a JSON answer, and never "internal error".
func FuzzBody(f *testing.F) {
	for _, seed := range []string{
		`{"query":"{ __typename }"}`, `{"query":"{ predict(input: { model: \"gpt2\", platform: cuda }) { id } }","variables":{},"operationName":null}`,
		`{"query":"query($i: PredictInput!) { predict(input: $i) { id throughput { value } } }","variables":{"i":{"model":"gpt2","batchSize":1e9,"precision":"FP16"}}}`,
		`{"query":"{ node(id: \"predict:e30\") { id } nodes(ids: [\"device:cuda:x\", \"\"]) { id } }"}`,
		`{"query":"{ measurements(first: 1, after: \"eyJvIjoiIn0\") { totalCount } devices(before: \"AA\") { nodes { id } } }"}`,
		`{"query":"mutation($m: MeasurementInput!) { recordMeasurement(input: $m) { errors { metric } } }","variables":{"m":{"model":"x","platform":"cpu","latencyMs":1e-300,"environment":{"a":1}}}}`,
		`{"query":"mutation { upsertModel(input: { name: \"x\", configJson: { model_type: \"llama\" } }) { id } }"}`,
		`{"query":"","extensions":{"persistedQuery":{"version":1,"sha256Hash":"x"}}}`, `[]`, `{`, `{"query":7}`, "\xff", ``,
	} {
		f.Add(seed)
	}
	h := New(apptest.New(f), Options{})
	f.Cleanup(h.Close)
	f.Fuzz(func(t *testing.T, body string) {
		req := httptest.NewRequest(http.MethodPost, "/graphql", strings.NewReader(body))
		req.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, req)
		var r reply
		if err := json.Unmarshal(w.Body.Bytes(), &r); err != nil {
			t.Fatalf("%v in %d %q", err, w.Code, w.Body)
		}
		for _, e := range r.Errors {
			if e.Extensions.Code == "" || e.Extensions.Code == "INTERNAL" || e.Message == "" {
				t.Fatalf("%+v to %q", e, body)
			}
		}
	})
}
