// Command plugin_name counts the rows of each key, and forgets a key that has been silent for an
// hour.
package main

import (
	"millrace"
	"millrace/keyed"
)

func init() {
	keyed.Export(millrace.About{
		Name:    "plugin_name",
		Version: "0.1.0",
		Summary: "plugin_summary",
	}, &Count{})
}

func main() {}

const hour = 3_600_000_000

// forget is the timer that forgets a key.
const forget = 0

// Count is the plugin; its exported fields are its configuration.
type Count struct {
	Limit uint64 `json:"limit"`
}

// State is what is remembered of a key. After a change of this type, give the plugin a method
// StateVersion that returns 2.
type State struct {
	Count uint64
}

// Start says what the plugin adds.
func (p *Count) Start(input millrace.Schema, key []string) (*millrace.Description, error) {
	added := []millrace.Field{
		{Name: "count", Type: millrace.Uint64},
		{Name: "above", Type: millrace.Boolean},
	}
	return &millrace.Description{Ports: []millrace.Port{{Name: "main", Adds: added}}}, nil
}

// Process counts the rows of a batch.
func (p *Count) Process(batch *keyed.Batch[State], out *millrace.Output) error {
	var rows []uint32
	var counts []uint64
	var above []bool
	for batch.Next() {
		if _, due := batch.Timer(); due {
			batch.Clear()
			continue
		}
		state := batch.Update()
		state.Count++
		rows = append(rows, batch.Row())
		counts = append(counts, state.Count)
		above = append(above, state.Count > p.Limit)
		if time, known := batch.Time(); known {
			batch.SetTimer(forget, time+hour)
		}
	}
	out.Some("main", rows, millrace.NewColumn(counts), millrace.NewBoolColumn(above))
	return nil
}
