// Command plugin_name masks all but the last characters of a text.
package main

import (
	"errors"
	"strings"
	"unicode/utf8"

	"millrace"
	"millrace/scalar"
)

func init() {
	scalar.Export(millrace.About{
		Name:    "plugin_name",
		Version: "0.1.0",
		Summary: "plugin_summary",
	}, &Mask{})
}

func main() {}

// Mask is the plugin; its exported fields are its configuration.
type Mask struct {
	// Keep says how many characters stay.
	Keep int `json:"keep"`
}

// Start checks that there is one text.
func (p *Mask) Start(arguments millrace.Schema) (millrace.Field, error) {
	if len(arguments) != 1 || !arguments[0].Type.Equal(millrace.Utf8) {
		return millrace.Field{}, errors.New("it takes one text: cast the argument")
	}
	return millrace.Field{Name: "masked", Type: millrace.Utf8, Nullable: true}, nil
}

// Evaluate masks one text for each row.
func (p *Mask) Evaluate(
	arguments *millrace.Batch, refused *scalar.Errors,
) (millrace.AnyColumn, error) {
	texts, err := arguments.Text("a0")
	if err != nil {
		return nil, err
	}
	var masked millrace.TextBuilder
	for row := range arguments.Rows() {
		text, ok := texts.Get(row)
		if !ok {
			masked.AppendNull()
			continue
		}
		hidden := utf8.RuneCountInString(text) - p.Keep
		if hidden <= 0 {
			refused.Error(uint32(row), "too_short", "masking would hide nothing")
			hidden = 0
		}
		masked.Append(strings.Repeat("*", hidden) + string([]rune(text)[hidden:]))
	}
	return masked.Finish(), nil
}
