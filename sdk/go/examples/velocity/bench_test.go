package main

import (
	"testing"

	"millrace"
	"millrace/keyed"
)

// What a row costs natively; with -cpuprofile, where. Each key has eight rows, and eight more in
// its state.
func BenchmarkVelocity(b *testing.B) {
	const keys, perKey = 1024, 8
	const rows = keys * perKey
	amounts, times := make([]float64, rows), make([]int64, rows)
	starts := make([]uint32, keys)
	for row := range rows {
		amounts[row] = float64(row%100) * 1.25
		times[row] = int64(row%perKey) * 4 * second
		starts[row/perKey] = uint32(row / perKey * perKey)
	}
	config := `{"within": "60s", "amount": "amount", "max_count": 12, "max_sum": 100000.0}`
	schema := payments().Schema()
	plugin, err := keyed.Start(&Velocity{}, config, schema, []string{"user"})
	if err != nil {
		b.Fatal(err)
	}
	var none millrace.BinaryBuilder
	for range keys {
		none.AppendNull()
	}
	input := keyed.Input{
		Rows: rows, Columns: millrace.Flatten(millrace.NewColumn(amounts)), Times: times,
		Starts: starts, Keys: millrace.Flatten(), States: millrace.Flatten(none.Finish()),
	}
	first, err := plugin.Process(input)
	if err != nil {
		b.Fatal(err)
	}
	input.States = millrace.Flatten(first.States)
	for row := range times {
		times[row] += perKey * 4 * second
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := plugin.Process(input); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/rows, "ns/row")
}
