package main

import (
	"fmt"
	"math"

	"millrace"
)

// Outcome says where a row goes that a rule matches: it is the name of the port.
type Outcome string

// The outcomes.
const (
	Fraud  Outcome = "fraud"
	Review Outcome = "review"
)

// UnmarshalText reads an outcome.
func (o *Outcome) UnmarshalText(text []byte) error {
	*o = Outcome(text)
	if *o != Fraud && *o != Review {
		return fmt.Errorf("unknown variant `%s`, expected `fraud` or `review`", text)
	}
	return nil
}

// Rule matches a row if all of its conditions hold.
type Rule struct {
	Name       string
	Outcome    Outcome
	Reason     string
	conditions []Condition
}

// keepMatching keeps those of rows that the rule matches, one column after the other. It is done in
// place.
func (r *Rule) keepMatching(batch *millrace.Batch, rows []uint32) ([]uint32, error) {
	var err error
	for _, condition := range r.conditions {
		column := batch.Columns()[condition.column]
		if rows, err = condition.test.keep(column, rows); err != nil {
			return nil, err
		}
	}
	return rows, nil
}

// Condition is a test of one column.
type Condition struct {
	// column is its place among those that the plugin reads.
	column int
	test   Test
}

// Test keeps the rows of a column that pass it, in place. Null passes none.
type Test interface {
	keep(column millrace.AnyColumn, rows []uint32) ([]uint32, error)
}

// over and under are passed by numbers above and below a limit, inHours by hours whose bit is set,
// oneOf by texts that are in a list, or are not.
type (
	over    struct{ limit float64 }
	under   struct{ limit float64 }
	inHours struct{ bits uint32 }
	oneOf   struct {
		words   *words
		negated bool
	}
)

// isNumber says whether numbers of this type can be tested.
func isNumber(t millrace.Type) bool {
	switch t.Kind {
	case millrace.KindFloat64, millrace.KindFloat32, millrace.KindInt64, millrace.KindInt32,
		millrace.KindDecimal128:
		return true
	}
	return false
}

func (t over) keep(column millrace.AnyColumn, rows []uint32) ([]uint32, error) {
	values, err := floats(column)
	if err != nil {
		return nil, err
	}
	kept := 0
	rows = column.KeepValid(rows)
	for _, row := range rows {
		if values[row] > t.limit {
			rows[kept] = row
			kept++
		}
	}
	return rows[:kept], nil
}

func (t under) keep(column millrace.AnyColumn, rows []uint32) ([]uint32, error) {
	values, err := floats(column)
	if err != nil {
		return nil, err
	}
	kept := 0
	rows = column.KeepValid(rows)
	for _, row := range rows {
		if values[row] < t.limit {
			rows[kept] = row
			kept++
		}
	}
	return rows[:kept], nil
}

func (t inHours) keep(column millrace.AnyColumn, rows []uint32) ([]uint32, error) {
	values, err := floats(column)
	if err != nil {
		return nil, err
	}
	kept := 0
	rows = column.KeepValid(rows)
	for _, row := range rows {
		hour := values[row]
		if hour >= 0 && hour < 24 && t.bits>>int(hour)&1 == 1 {
			rows[kept] = row
			kept++
		}
	}
	return rows[:kept], nil
}

func (t oneOf) keep(column millrace.AnyColumn, rows []uint32) ([]uint32, error) {
	texts, ok := column.(*millrace.TextColumn)
	if !ok {
		return nil, fmt.Errorf("a text can't be of type %s", column.Type())
	}
	kept := 0
	rows = column.KeepValid(rows)
	for _, row := range rows {
		if t.words.contain(texts.Bytes(int(row))) != t.negated {
			rows[kept] = row
			kept++
		}
	}
	return rows[:kept], nil
}

// floats are the values of a column of numbers, without a copy where it has such numbers.
func floats(column millrace.AnyColumn) ([]float64, error) {
	switch numbers := column.(type) {
	case *millrace.Column[float64]:
		return numbers.Values, nil
	case *millrace.Column[float32]:
		return converted(numbers.Values), nil
	case *millrace.Column[int64]:
		return converted(numbers.Values), nil
	case *millrace.Column[int32]:
		return converted(numbers.Values), nil
	case *millrace.Column[millrace.Int128]:
		unit := math.Pow10(int(numbers.Type().Scale))
		values := make([]float64, numbers.Len())
		for row, number := range numbers.Values {
			values[row] = number.Float64() / unit
		}
		return values, nil
	}
	return nil, fmt.Errorf("a number can't be of type %s", column.Type())
}

func converted[T float32 | int64 | int32](numbers []T) []float64 {
	values := make([]float64, len(numbers))
	for row, number := range numbers {
		values[row] = float64(number)
	}
	return values
}

// words are a fixed set of texts.
type words struct {
	all map[string]struct{}
	// first has a bit for each byte that a word begins with, lengths for each length up to 63: most
	// texts are told apart by these. Bit 63 is for longer words.
	first   [4]uint64
	lengths uint64
}

func newWords(texts []string) *words {
	w := &words{all: map[string]struct{}{}}
	for _, text := range texts {
		w.all[text] = struct{}{}
		w.lengths |= 1 << min(len(text), 63)
		if len(text) > 0 {
			w.first[text[0]>>6] |= 1 << (text[0] & 63)
		}
	}
	return w
}

func (w *words) contain(text []byte) bool {
	if w.lengths>>min(len(text), 63)&1 == 0 {
		return false
	}
	if len(text) > 0 && w.first[text[0]>>6]>>(text[0]&63)&1 == 0 {
		return false
	}
	_, found := w.all[string(text)]
	return found
}
