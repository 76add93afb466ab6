package main

import (
	"fmt"
	"strconv"
	"strings"

	"millrace"
)

// types are those that are known, as an error shows them.
const types = "string, bool, int32, int64, float64, decimal(p,s), date, timestamp, " +
	"timestamp[s], timestamp[ms], timestamp[us] and json, each with `?` where it may be missing"

// UnknownFields says what to do with a field that the schema does not have: true rejects the row.
type UnknownFields bool

// UnmarshalText reads `ignore` or `reject`.
func (u *UnknownFields) UnmarshalText(text []byte) error {
	*u = string(text) == "reject"
	if !*u && string(text) != "ignore" {
		return fmt.Errorf("unknown variant `%s`, expected `ignore` or `reject`", text)
	}
	return nil
}

// Declared is one column to make.
type Declared struct {
	millrace.Field
	// unit is, for a timestamp from a number, how many microseconds 1 stands for.
	unit int64
	// isJSON says that a text takes any value as it was written.
	isJSON bool
}

// resolve gives the declared columns of the table `schema`; what can't be understood goes to
// mistakes.
func resolve(
	schema millrace.Ordered[string], mistakes *millrace.ConfigErrors,
) []Declared {
	if len(schema) == 0 {
		mistakes.Add("schema", "no column is declared; give at least one, as `name = \"type\"`")
	}
	var all []Declared
	for _, column := range schema {
		kind, nullable := strings.CutSuffix(column.Value, "?")
		declared, err := parseKind(kind)
		if err != nil {
			mistakes.Add("schema."+column.Key, "%s", err)
			continue
		}
		declared.Name, declared.Nullable = column.Key, nullable
		all = append(all, declared)
	}
	return all
}

func parseKind(text string) (declared Declared, err error) {
	switch text {
	case "string":
		declared.Type = millrace.Utf8
	case "bool":
		declared.Type = millrace.Boolean
	case "int32":
		declared.Type = millrace.Int32
	case "int64":
		declared.Type = millrace.Int64
	case "float64":
		declared.Type = millrace.Float64
	case "date":
		declared.Type = millrace.Date32
	case "timestamp":
		declared.Type = millrace.Timestamp("UTC")
	case "timestamp[s]":
		declared.Type, declared.unit = millrace.Timestamp("UTC"), 1_000_000
	case "timestamp[ms]":
		declared.Type, declared.unit = millrace.Timestamp("UTC"), 1_000
	case "timestamp[us]":
		declared.Type, declared.unit = millrace.Timestamp("UTC"), 1
	case "json":
		declared.Type, declared.isJSON = millrace.Utf8, true
	default:
		size, isDecimal := strings.CutPrefix(text, "decimal(")
		size, closed := strings.CutSuffix(size, ")")
		if !isDecimal || !closed {
			return declared, fmt.Errorf("`%s` is no type; the types are %s", text, types)
		}
		before, after, _ := strings.Cut(size, ",")
		precision, err := strconv.ParseUint(strings.TrimSpace(before), 10, 8)
		scale, err2 := strconv.ParseUint(strings.TrimSpace(after), 10, 8)
		if err != nil || err2 != nil || precision < 1 || precision > 38 || scale > precision {
			return declared, fmt.Errorf("`decimal(%s)` is no type; write decimal(p,s) with 1 to 38 "+
				"digits, s of them after the point", size)
		}
		declared.Type = millrace.Decimal128(uint8(precision), int8(scale))
	}
	return declared, nil
}
