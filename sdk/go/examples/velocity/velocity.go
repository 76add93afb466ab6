// Command velocity counts and sums the rows of each key within a sliding time, and flags what is
// above a limit.
package main

import (
	"errors"

	"millrace"
	"millrace/keyed"
)

func init() {
	keyed.Export(millrace.About{
		Name:    "velocity",
		Version: "0.1.0",
		Summary: "Counts and sums the rows of each key within a sliding time and flags what is " +
			"above a limit",
	}, &Velocity{})
}

func main() {}

// mainPort is the port of rows that are not flagged.
const mainPort = "main"

// Velocity is the plugin, with its configuration.
type Velocity struct {
	// Within says how far back rows count, such as `60s`, `5m`, `24h` or `7d`.
	Within millrace.Span `json:"within"`
	// Amount is the column that is summed; without it every row counts as 0.
	Amount *string `json:"amount"`
	// MaxCount flags more rows than this within the time.
	MaxCount *uint64 `json:"max_count"`
	// MaxSum flags a sum above this.
	MaxSum *float64 `json:"max_sum"`
	// Flagged is the port to which flagged rows go instead of main.
	Flagged *string `json:"flagged"`
}

// Start checks the configuration against the input.
func (p *Velocity) Start(input millrace.Schema, _ []string) (*millrace.Description, error) {
	reads, err := p.inputColumns(input)
	if err != nil {
		return nil, err
	}
	added := []millrace.Field{
		{Name: "velocity_count", Type: millrace.Uint64},
		{Name: "velocity_sum", Type: millrace.Float64},
		{Name: "velocity_flag", Type: millrace.Utf8, Nullable: true},
	}
	description := &millrace.Description{
		Reads: reads,
		Ports: []millrace.Port{{Name: mainPort, Adds: added}},
		// A row leaves the window only when another is more than so much later.
		StateTTL: uint64(p.Within) + 1,
	}
	if p.Flagged != nil {
		description.Ports = append(description.Ports, millrace.Port{Name: *p.Flagged, Adds: added})
	}
	return description, nil
}

// inputColumns are the columns that are read: that of the amount, if there is one.
func (p *Velocity) inputColumns(input millrace.Schema) ([]string, error) {
	var mistakes millrace.ConfigErrors
	if p.MaxSum != nil && p.Amount == nil {
		mistakes.Add("max_sum", "needs `amount`, the column that is summed")
	}
	if p.Flagged != nil && p.MaxCount == nil && p.MaxSum == nil {
		mistakes.Add("flagged", "needs a limit: `max_count` or `max_sum`")
	}
	if p.Flagged != nil && *p.Flagged == mainPort {
		mistakes.Add("flagged", "must be another port than `main`")
	}
	if p.Amount == nil {
		return nil, mistakes.Err()
	}
	field, found := input.Field(*p.Amount)
	switch {
	case !found:
		mistakes.Add("amount", "the input has no column `%s`", *p.Amount)
	case field.Type.Kind != millrace.KindFloat64 && field.Type.Kind != millrace.KindInt64:
		mistakes.Add("amount", "column `%s` is %s; it must be float64 or int64 (SQL can cast)",
			*p.Amount, field.Type)
	}
	return []string{*p.Amount}, mistakes.Err()
}

// Process counts each row within its window.
func (p *Velocity) Process(batch *keyed.Batch[Window], out *millrace.Output) error {
	amounts, err := p.amounts(batch.Rows())
	if err != nil {
		return err
	}
	main, flagged := newPortRows(batch.Rows().Rows()), newPortRows(0)
	for batch.Next() {
		time, known := batch.Time()
		if _, due := batch.Timer(); due || !known {
			return errors.New("rows need event time: declare it, and keep its order")
		}
		row := batch.Row()
		window := batch.Update()
		if since := time - int64(p.Within); since < time {
			window.Forget(since)
		}
		window.Add(time, amounts[row])
		count, sum := window.Count(), window.Sum()
		flag := p.flag(count, sum)
		if flag != "" && p.Flagged != nil {
			flagged.add(row, count, sum, flag)
		} else {
			main.add(row, count, sum, flag)
		}
	}
	main.emit(mainPort, out)
	if p.Flagged != nil {
		flagged.emit(*p.Flagged, out)
	}
	return nil
}

// flag says which limit is passed; it is empty if none is.
func (p *Velocity) flag(count uint64, sum float64) string {
	tooMany := p.MaxCount != nil && count > *p.MaxCount
	tooMuch := p.MaxSum != nil && sum > *p.MaxSum
	switch {
	case tooMany && tooMuch:
		return "count,sum"
	case tooMany:
		return "count"
	case tooMuch:
		return "sum"
	}
	return ""
}

// amounts has the number that is summed for each row; null counts as 0.
func (p *Velocity) amounts(rows *millrace.Batch) ([]float64, error) {
	if p.Amount == nil {
		return make([]float64, rows.Rows()), nil
	}
	column, err := rows.Column(*p.Amount)
	if err != nil {
		return nil, err
	}
	var values []float64
	switch numbers := column.(type) {
	case *millrace.Column[float64]:
		if numbers.NullCount() == 0 {
			return numbers.Values, nil
		}
		values = append(values, numbers.Values...)
	case *millrace.Column[int64]:
		values = make([]float64, len(numbers.Values))
		for row, number := range numbers.Values {
			values[row] = float64(number)
		}
	}
	for row := range values {
		if column.IsNull(row) {
			values[row] = 0
		}
	}
	return values, nil
}

// portRows are rows for one port, with the columns that are added.
type portRows struct {
	rows   []uint32
	counts []uint64
	sums   []float64
	flags  millrace.TextBuilder
}

func newPortRows(rows int) *portRows {
	p := &portRows{
		rows: make([]uint32, 0, rows), counts: make([]uint64, 0, rows),
		sums: make([]float64, 0, rows),
	}
	p.flags.Reserve(rows, 0)
	return p
}

func (p *portRows) add(row uint32, count uint64, sum float64, flag string) {
	p.rows = append(p.rows, row)
	p.counts = append(p.counts, count)
	p.sums = append(p.sums, sum)
	if flag == "" {
		p.flags.AppendNull()
	} else {
		p.flags.Append(flag)
	}
}

func (p *portRows) emit(port string, out *millrace.Output) {
	out.Some(port, p.rows,
		millrace.NewColumn(p.counts), millrace.NewColumn(p.sums), p.flags.Finish())
}
