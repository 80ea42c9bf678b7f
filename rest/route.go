package rest

import (
	"context"
	"net/http"

	"github.com/perfcast/perfcast/app"
	"github.com/perfcast/perfcast/document"
	"github.com/perfcast/perfcast/openapi"
)

const artefactLimit = 8 << 20 // base64 of an artefact of up to 6 MB

// start is a POST that starts the task that job describes.
func start[In any](h *handler, r openapi.Route, job func(In) app.Job) openapi.Route {
	r.Method, r.Tag, r.Starts = http.MethodPost, "tasks", "getTask"
	r.Statuses = []int{http.StatusServiceUnavailable}
	return openapi.Handle(r, func(_ context.Context, in In) (document.AcceptedBody, error) {
		task, err := h.app.Start(job(in))
		return document.Accepted(task), err
	})
}

// list is a GET of the newest rows that match a filter.
func list[In, Out any](h *handler, r openapi.Route, rows func(context.Context, *app.App, In) (Out, error)) openapi.Route {
	r.Method, r.Tag = http.MethodGet, "lists"
	return openapi.Handle(r, func(ctx context.Context, in In) (Out, error) { return rows(ctx, h.app, in) })
}
