// Command plugin_name marks rows whose amount is above a limit.
package main

import (
	"millrace"
	"millrace/transform"
)

func init() {
	transform.Export(millrace.About{
		Name:    "plugin_name",
		Version: "0.1.0",
		Summary: "plugin_summary",
	}, &FlagLarge{})
}

func main() {}

// FlagLarge is the plugin; its exported fields are its configuration.
type FlagLarge struct {
	Limit float64 `json:"limit"`
}

// Start says what the plugin reads and adds.
func (p *FlagLarge) Start(input millrace.Schema) (*millrace.Description, error) {
	large := millrace.Field{Name: "large", Type: millrace.Boolean, Nullable: true}
	return &millrace.Description{
		Reads: []string{"amount"},
		Ports: []millrace.Port{{Name: "main", Adds: []millrace.Field{large}}},
	}, nil
}

// Process marks the rows of a batch.
func (p *FlagLarge) Process(batch *millrace.Batch, out *millrace.Output) error {
	amount, err := batch.Float64("amount")
	if err != nil {
		return err
	}
	large := make([]bool, batch.Rows())
	for row, value := range amount.Values {
		large[row] = value > p.Limit
	}
	// Where there is no amount, it is not known whether it is large.
	out.All("main", millrace.NewBoolColumn(large).WithValidity(amount.Validity))
	return nil
}
