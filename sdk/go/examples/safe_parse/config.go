package main

import (
	"bytes"
	"encoding/json"
	"errors"
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

// UnmarshalJSON reads `ignore` or `reject`.
func (u *UnknownFields) UnmarshalJSON(source []byte) error {
	var text string
	if err := json.Unmarshal(source, &text); err != nil {
		return err
	}
	*u = text == "reject"
	if !*u && text != "ignore" {
		return fmt.Errorf("unknown variant `%s`, expected `ignore` or `reject`", text)
	}
	return nil
}

// SchemaText is the table `schema` as it was written: names and types in order, which a map would
// lose.
type SchemaText [][2]string

// UnmarshalJSON reads an object of texts.
func (s *SchemaText) UnmarshalJSON(source []byte) error {
	wrong := errors.New("it must be a table of column names and types as `schema`")
	decoder := json.NewDecoder(bytes.NewReader(source))
	if start, err := decoder.Token(); err != nil || start != json.Delim('{') {
		return wrong
	}
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return wrong
		}
		var kind string
		if err := decoder.Decode(&kind); err != nil {
			return wrong
		}
		*s = append(*s, [2]string{fmt.Sprint(name), kind})
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

// resolve gives the declared columns; what can't be understood goes to mistakes.
func (s SchemaText) resolve(mistakes *millrace.ConfigErrors) []Declared {
	if len(s) == 0 {
		mistakes.Add("schema", "no column is declared; give at least one, as `name = \"type\"`")
	}
	var all []Declared
	for _, pair := range s {
		kind, nullable := strings.CutSuffix(pair[1], "?")
		declared, err := parseKind(kind)
		if err != nil {
			mistakes.Add("schema."+pair[0], "%s", err)
			continue
		}
		declared.Name, declared.Nullable = pair[0], nullable
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
