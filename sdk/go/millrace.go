// Package millrace is what all Millrace plugins in Go share: schemas, columns, batches and what a
// plugin returns.
//
// A plugin is a type that implements the interface of its world, handed over in an init function:
//
//	package main
//
//	import (
//		"millrace"
//		"millrace/transform"
//	)
//
//	// FlagLarge marks rows whose amount is above a limit.
//	type FlagLarge struct {
//		Limit float64 `json:"limit"`
//	}
//
//	func (p *FlagLarge) Start(input millrace.Schema) (*millrace.Description, error) {
//		large := millrace.Field{Name: "large", Type: millrace.Boolean, Nullable: true}
//		return &millrace.Description{
//			Reads: []string{"amount"},
//			Ports: []millrace.Port{{Name: "main", Adds: []millrace.Field{large}}},
//		}, nil
//	}
//
//	func (p *FlagLarge) Process(batch *millrace.Batch, out *millrace.Output) error {
//		amount, err := batch.Float64("amount")
//		if err != nil {
//			return err
//		}
//		large := make([]bool, batch.Rows())
//		for row, value := range amount.Values {
//			large[row] = value > p.Limit
//		}
//		out.All("main", millrace.NewBoolColumn(large).WithValidity(amount.Validity))
//		return nil
//	}
//
//	func init() {
//		transform.Export(millrace.About{Name: "flag_large", Version: "0.1.0"}, &FlagLarge{})
//	}
//
//	func main() {}
//
// The worlds are the packages transform, keyed, aggregate and scalar; a plugin imports one of them.
// The exported fields of the plugin are its configuration. Package millracetest runs a plugin
// natively, in a plain go test.
package millrace

// About says who a plugin is.
type About struct {
	Name    string
	Version string
	// One sentence.
	Summary string
}
