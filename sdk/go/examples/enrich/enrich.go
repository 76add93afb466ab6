// Command enrich derives columns: countries and currencies by their codes, amounts in one currency,
// the parts of a time, and masked text.
//
// Config is checked and made into a list of derivations; each takes its columns of a batch and
// makes new ones. Only the amount may refuse a row, so it goes first and the others see the rows
// that are left.
package main

import (
	"millrace"
	"millrace/transform"
)

func init() {
	transform.Export(millrace.About{
		Name:    "enrich",
		Version: "0.1.0",
		Summary: "Normalises countries and currencies, converts amounts, splits time and masks text",
	}, &Enrich{})
}

func main() {}

// Enrich is the plugin, with its configuration.
type Enrich struct {
	Config
	amount      *amount
	derivations []derivation
}

// derivation makes columns for the rows of a batch with these numbers.
type derivation interface {
	derive(batch *millrace.Batch, rows []uint32) ([]millrace.AnyColumn, error)
}

// Start checks the configuration against the input.
func (p *Enrich) Start(input millrace.Schema) (*millrace.Description, error) {
	planner := planner{input: input}
	planner.plan(&p.Config)
	p.amount, p.derivations = planner.amount, planner.derivations
	return &millrace.Description{
		Reads: planner.reads, Ports: []millrace.Port{{Name: "main", Adds: planner.adds}},
	}, planner.mistakes.Err()
}

// Process derives one column after the other.
func (p *Enrich) Process(batch *millrace.Batch, out *millrace.Output) error {
	rows := make([]uint32, batch.Rows())
	for row := range rows {
		rows[row] = uint32(row)
	}
	var columns []millrace.AnyColumn
	if p.amount != nil {
		var converted millrace.AnyColumn
		var err error
		if converted, rows, err = p.amount.convert(batch, rows, out); err != nil {
			return err
		}
		columns = append(columns, converted)
	}
	for _, derivation := range p.derivations {
		derived, err := derivation.derive(batch, rows)
		if err != nil {
			return err
		}
		columns = append(columns, derived...)
	}
	if len(rows) == batch.Rows() {
		out.All("main", columns...)
	} else {
		out.Some("main", rows, columns...)
	}
	return nil
}
