package catalog

import (
	"fmt"
	"slices"
	"strings"

	"github.com/perfcast/perfcast/perf"
)

// fold makes one model of those that are one: the same network under the same
// name but for its owner and spelling (bert-base-uncased and
// google-bert/bert-base-uncased; resnet-50 and torchvision/resnet50), with every
// fact alike. The first in the table stays, the others become its aliases, so
// that what is recorded under one name counts for the other. A model with rows
// for several input sizes stands for itself.
func fold(all []*perf.Model) []*perf.Model {
	rows := map[string]int{}
	for _, m := range all {
		rows[m.Name]++
	}
	type same struct {
		name  string
		facts string
	}
	first := map[same]*perf.Model{}
	return slices.DeleteFunc(all, func(m *perf.Model) bool {
		if rows[m.Name] > 1 {
			return false
		}
		key := same{normalise(m.Name[strings.LastIndexByte(m.Name, '/')+1:]), facts(*m)}
		kept := first[key]
		if kept == nil {
			first[key] = m
			return false
		}
		kept.Aliases = append(append(kept.Aliases, m.Name), m.Aliases...)
		return true
	})
}

// facts is everything that a model is, but for its names and where they are from.
func facts(m perf.Model) string {
	m.Name, m.Aliases, m.Notes, m.Source = "", nil, "", ""
	return fmt.Sprintf("%+v", m)
}
