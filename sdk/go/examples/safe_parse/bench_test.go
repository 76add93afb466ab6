package main

import (
	"fmt"
	"testing"

	"millrace"
	"millrace/transform"
)

// What a row costs natively; with -cpuprofile, where.
func BenchmarkParse(b *testing.B) {
	const rows = 8192
	var raw millrace.BinaryBuilder
	for i := range rows {
		raw.Append(fmt.Appendf(nil, `{"txn_id":"t%d","user_id":"u%d","amount":%.2f,`+
			`"merchant":"m%d","country":"DE","ts":%d}`, i, i*7919%100_000,
			float64(i*31%100_000)/100, i%500, 1_700_000_000_000+i*2))
	}
	config := `{"schema": {"txn_id": "string", "user_id": "string", "amount": "float64",
		"merchant": "string", "country": "string", "ts": "timestamp[ms]"}}`
	schema := millrace.Schema{{Name: "value", Type: millrace.Binary}}
	plugin, err := transform.Start(New(), config, schema)
	if err != nil {
		b.Fatal(err)
	}
	flat := millrace.Flatten(raw.Finish())
	b.ReportAllocs()
	for b.Loop() {
		if _, err := plugin.Process(flat, rows); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/rows, "ns/row")
}
