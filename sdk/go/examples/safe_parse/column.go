package main

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"strings"

	"millrace"
)

// column is one output column while it grows, row by row, with a way back: a row is only known to
// be good at its end.
type column interface {
	Len() int
	AppendNull()
	// Truncate forgets all rows from rows on, if there are any.
	Truncate(rows int)
	// read takes the next value; none if it is null.
	read(json *reader) *refusal
	finish() millrace.AnyColumn
}

func newColumn(declared Declared, rows int) column {
	switch declared.Type.Kind {
	case millrace.KindBoolean:
		return &bools{}
	case millrace.KindInt32:
		column := &int32s{}
		column.Reserve(rows)
		return column
	case millrace.KindInt64:
		column := &int64s{}
		column.Reserve(rows)
		return column
	case millrace.KindFloat64:
		column := &float64s{}
		column.Reserve(rows)
		return column
	case millrace.KindDecimal128:
		return &decimals{dataType: declared.Type}
	case millrace.KindDate32:
		return &dates{}
	case millrace.KindTimestamp:
		column := &timestamps{dataType: declared.Type, unit: declared.unit}
		column.Reserve(rows)
		return column
	}
	column := &texts{isJSON: declared.isJSON}
	column.Reserve(rows, 0)
	return column
}

type texts struct {
	millrace.TextBuilder
	isJSON bool
}

func (c *texts) read(json *reader) *refusal {
	if c.isJSON {
		source, refused := json.source()
		if source != nil {
			c.AppendBytes(source)
		}
		return refused
	}
	if json.space() == '"' {
		json.at++
		text, refused := json.str()
		c.AppendBytes(text)
		return refused
	}
	value, refused := json.scalar()
	return orWrong(refused, value, "a string")
}

func (c *texts) finish() millrace.AnyColumn { return c.Finish() }

type bools struct{ millrace.BoolBuilder }

func (c *bools) read(json *reader) *refusal {
	value, refused := json.scalar()
	if refused == nil && (value.kind == isTrue || value.kind == isFalse) {
		c.Append(value.kind == isTrue)
		return nil
	}
	return orWrong(refused, value, "a boolean")
}

func (c *bools) finish() millrace.AnyColumn { return c.Finish() }

type int32s struct{ millrace.Builder[int32] }

func (c *int32s) read(json *reader) *refusal {
	value, number, refused := whole(json)
	if refused != nil || value.kind == isNull {
		return refused
	}
	if number < math.MinInt32 || number > math.MaxInt32 {
		return &refusal{code: outOfRange, message: fmt.Sprintf("%d does not fit int32", number)}
	}
	c.Append(int32(number))
	return nil
}

func (c *int32s) finish() millrace.AnyColumn { return c.Finish() }

type int64s struct{ millrace.Builder[int64] }

func (c *int64s) read(json *reader) *refusal {
	value, number, refused := whole(json)
	if refused == nil && value.kind != isNull {
		c.Append(number)
	}
	return refused
}

func (c *int64s) finish() millrace.AnyColumn { return c.Finish() }

// whole reads an integer; the value's kind says if it was null.
func whole(json *reader) (scalar, int64, *refusal) {
	at := json.at
	if digits, decimals, ok := json.plain(); ok && decimals == 0 {
		return scalar{kind: isInteger}, digits, nil
	}
	json.at = at
	value, refused := json.scalar()
	if refused != nil || value.kind != isFloat {
		if refused == nil && value.kind != isInteger {
			refused = orWrong(nil, value, "an integer")
		}
		return value, value.integer, refused
	}
	number, inRange := float(value.text)
	switch {
	case !inRange:
		return value, 0, &refusal{code: outOfRange, message: numberOutOfRange}
	case number == 0 && math.Signbit(number):
		return value, 0, nil
	case math.Abs(number) >= 1<<63:
		text := strings.Replace(strconv.FormatFloat(number, 'e', -1, 64), "e+", "e", 1)
		return value, 0, &refusal{code: outOfRange, message: text + " does not fit int64"}
	}
	return value, 0, orWrong(nil, value, "an integer")
}

type float64s struct{ millrace.Builder[float64] }

const numberOutOfRange = "number out of range"

func (c *float64s) read(json *reader) *refusal {
	if digits, decimals, ok := json.plain(); ok {
		// Both are exact, so that the quotient is rounded once: the fast path of Clinger, "How to
		// read floating point numbers accurately" (1990).
		c.Append(float64(digits) / powers[decimals])
		return nil
	}
	value, refused := json.scalar()
	if refused != nil || value.kind != isInteger && value.kind != isFloat {
		return orWrong(refused, value, "a number")
	}
	if value.kind == isInteger {
		c.Append(float64(value.integer))
		return nil
	}
	number, inRange := float(value.text)
	if !inRange {
		return &refusal{code: outOfRange, message: numberOutOfRange}
	}
	c.Append(number)
	return nil
}

func (c *float64s) finish() millrace.AnyColumn { return c.Finish() }

type decimals struct {
	millrace.Builder[millrace.Int128]
	dataType millrace.Type
}

// read takes a number, or a string that holds one, as many producers write exact amounts.
func (c *decimals) read(json *reader) *refusal {
	source, refused := json.source()
	if source == nil {
		return refused
	}
	text := source
	if len(source) >= 2 && source[0] == '"' {
		text = source[1 : len(source)-1]
	}
	value, wrong := decimal(string(text), c.dataType.Precision, c.dataType.Scale)
	is := fmt.Sprintf("decimal(%d,%d)", c.dataType.Precision, c.dataType.Scale)
	switch wrong {
	case noNumber:
		message := "invalid type: " + shortened(string(source)) + ", expected a decimal"
		return &refusal{code: wrongType, message: message}
	case tooLarge:
		message := shortened(string(text)) + " does not fit " + is
		return &refusal{code: outOfRange, message: message}
	case tooFine:
		message := "%s has more than the %d decimals of %s"
		message = fmt.Sprintf(message, shortened(string(text)), c.dataType.Scale, is)
		return &refusal{code: outOfRange, message: message}
	}
	c.Append(value)
	return nil
}

func (c *decimals) finish() millrace.AnyColumn { return c.Finish().As(c.dataType) }

type dates struct{ millrace.Builder[int32] }

func (c *dates) read(json *reader) *refusal {
	value, refused := json.scalar()
	if refused != nil || value.kind != isString {
		return orWrong(refused, value, "a date as text")
	}
	days, ok := daysOf(value.text)
	if !ok {
		return noTimestamp(value.text, "a date as YYYY-MM-DD")
	}
	c.Append(int32(days))
	return nil
}

func (c *dates) finish() millrace.AnyColumn { return c.Finish().As(millrace.Date32) }

type timestamps struct {
	millrace.Builder[int64]
	dataType millrace.Type
	// unit is how many microseconds 1 stands for; 0 where they are texts.
	unit int64
}

func (c *timestamps) read(json *reader) *refusal {
	at := json.at
	if c.unit != 0 {
		digits, decimals, ok := json.plain()
		if ok && decimals == 0 && c.inRange(digits) {
			c.Append(digits * c.unit)
			return nil
		}
		json.at = at
	}
	value, refused := json.scalar()
	switch {
	case c.unit == 0 && refused == nil && value.kind == isString:
		us, ok := timestampOf(value.text)
		if !ok {
			return noTimestamp(value.text, "a timestamp as YYYY-MM-DDTHH:MM:SSZ")
		}
		c.Append(us)
		return nil
	case c.unit == 0:
		return orWrong(refused, value, "a timestamp as text")
	case refused == nil && value.kind == isInteger:
		if !c.inRange(value.integer) {
			return outOfYears(string(value.text))
		}
		c.Append(value.integer * c.unit)
		return nil
	case refused == nil && value.kind == isFloat:
		number, inRange := float(value.text)
		if !inRange {
			return &refusal{code: outOfRange, message: numberOutOfRange}
		}
		us := math.Round(number * float64(c.unit))
		if us < timestampMin || us > timestampMax {
			return outOfYears(strconv.FormatFloat(number, 'f', -1, 64))
		}
		c.Append(int64(us))
		return nil
	}
	return orWrong(refused, value, "a timestamp as a number")
}

// inRange says whether a number is within the years 1 to 9999.
func (c *timestamps) inRange(value int64) bool {
	return value >= timestampMin/c.unit && value <= timestampMax/c.unit
}

func (c *timestamps) finish() millrace.AnyColumn { return c.Finish().As(c.dataType) }

// orWrong is the refusal that there is already, or that of a value of another type; null is of any
// type.
func orWrong(refused *refusal, value scalar, expected string) *refusal {
	if refused != nil || value.kind == isNull {
		return refused
	}
	message := "invalid type: " + value.words() + ", expected " + expected
	return &refusal{code: wrongType, message: message}
}

func outOfYears(value string) *refusal {
	message := value + " lies outside of the years 1 to 9999; check the unit"
	return &refusal{code: outOfRange, message: message}
}

func noTimestamp(text []byte, expected string) *refusal {
	message := `"` + shortened(string(bytes.Clone(text))) + `" is not ` + expected
	return &refusal{code: badTimestamp, message: message}
}
