package rest

import (
	"net/http"

	"github.com/perfcast/perfcast/document"
	"github.com/perfcast/perfcast/openapi"
)

const description = `Predicts how fast a machine-learning model runs on hardware, recommends hardware, and learns from measurements.

A POST answers at once with the id of a task. GET task/{task_id} shows its state and, once completed, its result.
A WebSocket on ` + socketPath + `{task_id} streams every state as one JSON message, the last with the result, and closes.

Throughput is samples (requests) per second, latency and all other times are milliseconds, memory is MB (10^6 bytes).
Timestamps are local time without a zone.`

// Document is what the OpenAPI document says of this face. Where its writes
// are put behind keys, it says so.
func Document(keyed bool) openapi.Document {
	results := []*openapi.Shape{
		openapi.ShapeFor[document.HardwareBody](), openapi.ShapeFor[document.PerformanceBody](), openapi.ShapeFor[document.MeasurementBody](),
		openapi.ShapeFor[document.FeedbackBody](), openapi.ShapeFor[document.StoredModelBody](), openapi.ShapeFor[document.MatrixBody](),
		openapi.ShapeFor[document.SampleBody](), openapi.ShapeFor[document.AnalysisBody](),
	}
	routes := (*handler)(nil).routes()
	for i := range routes {
		r := &routes[i]
		if keyed && r.Method == http.MethodPost {
			r.Scope = "write"
		}
		if r.ID == "getTask" {
			r.Response.Union("result", results...)
		}
	}
	return openapi.Document{
		Title: "Predictive Performance API", Description: description, Routes: routes,
		Tags: []openapi.Tag{
			{Name: "tasks", Description: "What is worked on: started by a POST, looked at by its id."},
			{Name: "lists", Description: "What is stored, the newest first."},
			{Name: "health", Description: "Whether the server works."},
		},
		Also: []*openapi.Shape{openapi.ShapeFor[document.TaskMessage]().Union("result", results...)},
	}
}
