package resolvers

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/perfcast/perfcast/app/apptest"
)

// serve measures one request, from its bytes to the answer's, without a network.
func serve(b *testing.B, query string) {
	h := New(apptest.New(b), Options{})
	b.Cleanup(h.Close)
	body, err := json.Marshal(map[string]string{"query": query})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		req := httptest.NewRequest(http.MethodPost, "/graphql", strings.NewReader(string(body)))
		req.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, req)
		if w.Code != 200 || !strings.HasPrefix(w.Body.String(), `{"data"`) {
			b.Fatalf("%d %.300s", w.Code, w.Body)
		}
	}
}

// A prediction with its interval and explanation.
func BenchmarkGraphQLPredict(b *testing.B) {
	serve(b, `{ predict(input: { model: "bert-base-uncased", device: "NVIDIA A100 SXM 80GB", batchSize: 8, precision: fp16 }) {
		throughput { value low high } latencyMs { value low high } memoryMb { value low high } basis fits bound modelVersion warnings } }`)
}

// A sweep of 10,000 points, eight fields each.
func BenchmarkGraphQLSweep(b *testing.B) {
	serve(b, `{ sweep(input: { model: "bert-base-uncased" }, devices: ["NVIDIA A100 SXM 80GB", "NVIDIA H100 SXM 80GB"], precisions: [fp32, fp16],
		batchSizes: `+upTo(50)+`, sequenceLengths: `+upTo(50)+`) { batchSize sequenceLength precision device throughput { value } latencyMs { value } fits } }`)
}
