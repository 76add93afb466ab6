// Command safe_parse turns raw bytes into typed columns: one JSON object per row in, one column per
// declared field out. A row that does not fit its schema is refused with a code, the column and a
// reason; the rows beside it go on.
//
// The way of a row: Process checks its text, row walks its fields, the columns decide what they
// accept of JSON, and json reads it.
package main

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"millrace"
	"millrace/transform"
)

func init() {
	transform.Export(millrace.About{
		Name:    "safe_parse",
		Version: "0.1.0",
		Summary: "Parses JSON into typed columns; what does not fit becomes a dead letter with a " +
			"reason",
	}, New())
}

func main() {}

// SafeParse is the plugin, with its configuration.
type SafeParse struct {
	// Column holds the JSON text.
	Column string `json:"column,omitempty"`
	// Schema is the columns to make, in this order.
	Schema millrace.Ordered[string] `json:"schema"`
	// KeepRaw says whether the raw column goes on.
	KeepRaw bool `json:"keep_raw,omitempty"`
	// UnknownFields says what to do with a field that the schema does not have.
	UnknownFields UnknownFields `json:"unknown_fields,omitempty"`

	declared []Declared
	byName   map[string]int
}

// New is the plugin with its usual configuration.
func New() *SafeParse { return &SafeParse{Column: "value"} }

// Start checks the configuration against the input.
func (p *SafeParse) Start(input millrace.Schema) (*millrace.Description, error) {
	var mistakes millrace.ConfigErrors
	p.declared = resolve(p.Schema, &mistakes)
	p.byName = map[string]int{}
	main := millrace.Port{Name: "main"}
	for at, declared := range p.declared {
		p.byName[declared.Name] = at
		main.Adds = append(main.Adds, declared.Field)
	}
	_, replaced := p.byName[p.Column]
	if p.KeepRaw && replaced {
		mistakes.Add("schema."+p.Column,
			"`%s` is also the raw column; rename the field's column or drop `keep_raw`", p.Column)
	}
	if !p.KeepRaw && !replaced {
		main.Drops = []string{p.Column}
	}
	field, found := input.Field(p.Column)
	switch {
	case !found:
		mistakes.Add("column", "the input has no column `%s`; it has %s",
			p.Column, strings.Join(input.Names(), ", "))
	case field.Type.Kind != millrace.KindBinary && field.Type.Kind != millrace.KindUtf8:
		mistakes.Add("column", "`%s` has type %s; it must be binary or utf8", p.Column, field.Type)
	}
	return &millrace.Description{
		Reads: []string{p.Column}, Ports: []millrace.Port{main},
	}, mistakes.Err()
}

// Process parses each row.
func (p *SafeParse) Process(batch *millrace.Batch, out *millrace.Output) error {
	var raw interface{ Bytes(row int) []byte }
	isText := false
	switch column := batch.Columns()[0].(type) {
	case *millrace.TextColumn:
		raw, isText = column, true
	case *millrace.BinaryColumn:
		raw = column
		_, isText = column.AsText()
	default:
		return fmt.Errorf("the raw column has type %s; it must be binary or utf8", column.Type())
	}
	rows := batch.Rows()
	table := newTable(p, rows)
	taken := make([]uint32, 0, rows)
	for row := range rows {
		var refused *refusal
		text := []byte(nil)
		if batch.Columns()[0].IsNull(row) {
			refused = &refusal{code: missing, message: "the raw value is null"}
		} else if text = raw.Bytes(row); !isText && !utf8.Valid(text) {
			refused = &refusal{code: malformed, message: "not UTF-8: " + wrongBytes(text)}
		} else {
			refused = table.push(text)
		}
		if refused == nil {
			taken = append(taken, uint32(row))
			continue
		}
		column := p.Column
		if refused.column != "" {
			column = refused.column
		}
		out.ErrorIn(uint32(row), shortened(column), refused.code, shortened(refused.message))
	}
	if len(taken) == rows {
		out.All("main", table.finish()...)
	} else {
		out.Some("main", taken, table.finish()...)
	}
	return nil
}
