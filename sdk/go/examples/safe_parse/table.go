package main

import (
	"strings"

	"millrace"
)

// The codes of refusals.
const (
	// malformed is not one JSON object in valid UTF-8.
	malformed = "malformed"
	// missing is a required field that is absent or null.
	missing = "missing"
	// wrongType is a JSON value of another type.
	wrongType = "wrong_type"
	// badTimestamp is a text that is no timestamp, or no date.
	badTimestamp = "bad_timestamp"
	// outOfRange is a value of the right type that does not fit.
	outOfRange = "out_of_range"
	// unknownField is a field that the schema does not have, where those are rejected.
	unknownField = "unknown_field"
)

// refusal says why a row is refused.
type refusal struct {
	code string
	// column is the one at fault; empty for the raw column.
	column  string
	message string
}

// table is the columns of a batch, filled by walking the fields of one JSON object per row.
//
// Between two calls of push, every column has as many values as there are rows.
type table struct {
	plugin  *SafeParse
	columns []column
	// keys are the names of the columns as JSON usually has them, with quotes and colon.
	keys []string
	rows int
	json reader
}

func newTable(plugin *SafeParse, rows int) *table {
	t := &table{plugin: plugin}
	for _, declared := range plugin.declared {
		t.columns = append(t.columns, newColumn(declared, rows))
		key := `"` + declared.Name + `":`
		if strings.ContainsAny(declared.Name, `"\`) {
			// JSON writes it with escapes, so this is no key.
			key = "\x00"
		}
		t.keys = append(t.keys, key)
	}
	return t
}

// push adds the row that text holds, or nothing and says why.
func (t *table) push(text []byte) *refusal {
	t.json.text, t.json.at = text, 0
	refused := t.object()
	if refused == nil {
		t.rows++
		return nil
	}
	for _, column := range t.columns {
		column.Truncate(t.rows)
	}
	return refused
}

func (t *table) finish() []millrace.AnyColumn {
	columns := make([]millrace.AnyColumn, len(t.columns))
	for i, column := range t.columns {
		columns[i] = column.finish()
	}
	return columns
}

// object reads the whole text of a row.
func (t *table) object() *refusal {
	json := &t.json
	if refused := json.open(); refused != nil {
		return refused
	}
	expected, filled := 0, 0
	for first := true; ; first = false {
		more, refused := json.nextKey(first)
		if refused != nil {
			return refused
		}
		if !more {
			break
		}
		// Most rows name their fields in the order of the schema.
		at, known := expected, expected < len(t.keys) && json.take(t.keys[expected])
		if !known {
			if at, known, refused = t.key(); refused != nil {
				return refused
			}
		}
		if !known {
			if refused := json.skip(); refused != nil {
				return refused
			}
			continue
		}
		if t.columns[at].Len() > t.rows {
			// Of a field that comes twice the last counts.
			t.columns[at].Truncate(t.rows)
		} else {
			filled++
		}
		if refused := t.value(at); refused != nil {
			return refused
		}
		expected = at + 1
	}
	if refused := json.end(); refused != nil {
		return refused
	}
	if filled < len(t.columns) {
		return t.fill()
	}
	return nil
}

// key reads a key and finds its column.
func (t *table) key() (at int, known bool, refused *refusal) {
	t.json.at++
	name, refused := t.json.str()
	if refused != nil {
		return 0, false, refused
	}
	at, known = t.plugin.byName[string(name)]
	if !known && bool(t.plugin.UnknownFields) {
		message := "the schema has no field `" + string(name) + "`"
		return 0, false, &refusal{code: unknownField, column: string(name), message: message}
	}
	return at, known, t.json.colon()
}

// value reads a value into a column.
func (t *table) value(at int) *refusal {
	refused := t.columns[at].read(&t.json)
	if refused == nil && t.columns[at].Len() == t.rows {
		// It was null.
		if t.plugin.declared[at].Nullable {
			t.columns[at].AppendNull()
			return nil
		}
		refused = &refusal{code: missing, message: "is null and must have a value"}
	}
	if refused != nil && refused.code != malformed {
		refused.column = t.plugin.declared[at].Name
	}
	return refused
}

// fill gives its null to every column that the row did not name.
func (t *table) fill() *refusal {
	for at, column := range t.columns {
		if column.Len() > t.rows {
			continue
		}
		if declared := t.plugin.declared[at]; !declared.Nullable {
			message := "is missing and must have a value"
			return &refusal{code: missing, column: declared.Name, message: message}
		}
		column.AppendNull()
	}
	return nil
}
