package relay

import (
	"encoding/json"
	"time"

	"github.com/perfcast/perfcast/perf"
)

// RecordFilter keeps the records of one kind of workload; nil keeps all.
type RecordFilter struct {
	Model, Family *string
	Platform      *perf.Platform
	Device        *string
	Precision     *perf.Precision
	Mode          *perf.Mode
	BatchSize     *int
	Since, Until  *time.Time
}

// ModelInput states a model's facts, or the config.json to read them from.
type ModelInput struct {
	perf.Model
	ConfigJSON json.RawMessage // an object, or text that reads as one; nil = the facts are given
}

// Config is ConfigJSON as an object's bytes, unwrapped if it came as text.
func (m *ModelInput) Config() []byte {
	var text string
	if json.Unmarshal(m.ConfigJSON, &text) == nil {
		return []byte(text)
	}
	return m.ConfigJSON
}

// AccuracyGrouping is what a group of comparisons has in common.
type AccuracyGrouping string

// AccuracyGroup is how well one metric was predicted in one group.
type AccuracyGroup struct {
	Keys     []string // what the group has in common, one for each grouping
	Accuracy perf.Accuracy
}
