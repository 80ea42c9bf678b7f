package relay

import "time"

// Runtime is software that runs models.
type Runtime struct {
	Name, Title string
	Aliases     []string
	Serves      bool // it schedules requests in flight
}

// Overview is what is stored and what answers.
type Overview struct {
	Status       string
	StartedAt    time.Time
	ModelVersion string
	Learned      int     // measurements
	DatabaseMb   float64 // on disk, 10^6 bytes
	Tables       []TableOverview
}

// TableOverview is one table of the database.
type TableOverview struct {
	Name   string
	Rows   float64
	Newest *time.Time // nil without rows
}
