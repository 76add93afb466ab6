// Command mirror gives back what it reads, for tests of SDKs: every type goes in and out, and every
// way to emit and to refuse a row is used. plugins/mirror/README.md says what its configuration
// does.
package main

import (
	"errors"

	"millrace"
	"millrace/transform"
)

func init() {
	transform.Export(millrace.About{
		Name:    "mirror",
		Version: "0.1.0",
		Summary: "Gives back what it reads, for tests of SDKs",
	}, &Mirror{Repeat: 1})
}

func main() {}

// Columns that say what is to become of a row, where the input has them.
var asking = millrace.Schema{
	{Name: "refuse", Type: millrace.Boolean},
	{Name: "fail", Type: millrace.Boolean},
	{Name: "port", Type: millrace.Utf8},
}

// Mirror is the plugin, with its configuration.
type Mirror struct {
	// Repeat says how often each row comes out.
	Repeat uint32 `json:"repeat,omitempty"`
}

// Start adds a copy of each column.
func (p *Mirror) Start(input millrace.Schema) (*millrace.Description, error) {
	var mistakes millrace.ConfigErrors
	if p.Repeat == 0 {
		mistakes.Add("repeat", "must be at least 1")
	}
	for _, expected := range asking {
		if field, has := input.Field(expected.Name); has && !field.Type.Equal(expected.Type) {
			mistakes.Add("", "column `%s` must be %s", expected.Name, expected.Type)
		}
	}
	main, other := millrace.Port{Name: "main"}, millrace.Port{Name: "other"}
	for _, field := range input {
		field.Name, field.Nullable = "copy_"+field.Name, true
		main.Adds = append(main.Adds, field)
	}
	if input.Index("port") >= 0 {
		other.Drops = []string{"port"}
	}
	description := &millrace.Description{Reads: input.Names(), Ports: []millrace.Port{main, other}}
	return description, mistakes.Err()
}

// Process takes every value out of its column and puts it into a new one.
func (p *Mirror) Process(batch *millrace.Batch, out *millrace.Output) error {
	copies := make([]*millrace.AnyBuilder, len(batch.Schema()))
	for i, field := range batch.Schema() {
		copies[i] = millrace.NewAnyBuilder(field.Type)
	}
	var main, other []uint32
	for row := range batch.Rows() {
		port, err := portOf(batch, row)
		if err != nil {
			out.Refuse(uint32(row), err)
			continue
		}
		for range p.Repeat {
			if port == "other" {
				other = append(other, uint32(row))
				continue
			}
			main = append(main, uint32(row))
			for i, column := range batch.Columns() {
				if err := copies[i].Append(millrace.Value(column, row)); err != nil {
					return err
				}
			}
		}
	}
	columns := make([]millrace.AnyColumn, len(copies))
	for i, builder := range copies {
		columns[i] = builder.Finish()
	}
	out.Some("main", main, columns...)
	out.Some("other", other)
	return nil
}

// portOf is the port that a row asks for; an error refuses the row.
func portOf(batch *millrace.Batch, row int) (string, error) {
	asks := func(name string) any {
		column, err := batch.Column(name)
		if err != nil {
			return nil
		}
		return millrace.Value(column, row)
	}
	if asks("refuse") == true {
		return "", &millrace.RowError{
			Code: "refused", Message: "the row asks to be refused", Column: "refuse",
		}
	}
	if asks("fail") == true {
		return "", errors.New("the row asks to fail")
	}
	port, _ := asks("port").(string)
	return port, nil
}
