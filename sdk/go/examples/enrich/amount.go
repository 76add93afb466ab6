package main

import (
	"fmt"
	"math"

	"millrace"
)

// amount multiplies amounts with the rate of their currency.
type amount struct {
	// amount and currency are places among the columns that are read.
	amount, currency int
	// currencyName is for a refusal.
	currencyName string
	base         string
	codes        *codes
	// rates are, by the place of a currency in codes, how much of the base one unit is worth; 0
	// where that is not known.
	rates []float64
}

// convert gives the amounts of all rows in the base currency, and these rows less those that are
// refused because there is no rate.
func (a *amount) convert(
	batch *millrace.Batch, rows []uint32, out *millrace.Output,
) (millrace.AnyColumn, []uint32, error) {
	column := batch.Columns()[a.amount]
	amounts, err := floats(column)
	if err != nil {
		return nil, nil, err
	}
	currencies, err := textAt(batch, a.currency)
	if err != nil {
		return nil, nil, err
	}
	var converted millrace.Builder[float64]
	converted.Reserve(len(rows))
	kept := rows[:0]
	for _, row := range rows {
		if column.IsNull(int(row)) {
			// Nothing is nothing in any currency.
			converted.AppendNull()
			kept = append(kept, row)
			continue
		}
		currency, known := currencies.Get(int(row))
		rate := 0.0
		if at, found := a.codes.find(currency); known && found {
			rate = a.rates[at]
		}
		if rate == 0 {
			out.ErrorIn(row, a.currencyName, "no_rate", a.noRate(currency, known))
			continue
		}
		converted.Append(amounts[row] * rate)
		kept = append(kept, row)
	}
	return converted.Finish(), kept, nil
}

func (a *amount) noRate(currency string, known bool) string {
	if !known {
		return fmt.Sprintf("the currency is null, so there is no rate to %s", a.base)
	}
	// More of a text does not help to find the mistake.
	return fmt.Sprintf("there is no rate from `%.40s` to %s", currency, a.base)
}

// isAmount says whether amounts of this type can be converted.
func isAmount(t millrace.Type) bool {
	switch t.Kind {
	case millrace.KindFloat64, millrace.KindFloat32, millrace.KindInt64, millrace.KindInt32,
		millrace.KindDecimal128:
		return true
	}
	return false
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
	return nil, fmt.Errorf("an amount can't be of type %s", column.Type())
}

func converted[T float32 | int64 | int32](numbers []T) []float64 {
	values := make([]float64, len(numbers))
	for row, number := range numbers {
		values[row] = float64(number)
	}
	return values
}
