// Command plugin_name is the longest text of a group.
package main

import (
	"errors"

	"millrace"
	"millrace/aggregate"
)

func init() {
	aggregate.Export(millrace.About{
		Name:    "plugin_name",
		Version: "0.1.0",
		Summary: "plugin_summary",
	}, &Longest{})
}

func main() {}

// Longest is the plugin. It has no configuration.
type Longest struct{}

// State is what is kept of a group's rows; the zero value is that of no rows. After a change of
// this type, give the plugin a method StateVersion that returns 2.
type State struct {
	Text *string
}

// Start checks that there is one text.
func (p *Longest) Start(arguments millrace.Schema) (millrace.Field, error) {
	if len(arguments) != 1 || !arguments[0].Type.Equal(millrace.Utf8) {
		return millrace.Field{}, errors.New("it takes one text: cast the argument")
	}
	return millrace.Field{Name: "longest", Type: millrace.Utf8, Nullable: true}, nil
}

// Update adds rows to the states of their groups.
func (p *Longest) Update(states []State, groups []uint32, rows *millrace.Batch) error {
	texts, err := rows.Text("a0")
	if err != nil {
		return err
	}
	for row, group := range groups {
		if text, ok := texts.Get(row); ok {
			states[group].add(text)
		}
	}
	return nil
}

// Merge adds the rows of one state to another.
func (p *Longest) Merge(state, other *State) error {
	if other.Text != nil {
		state.add(*other.Text)
	}
	return nil
}

// Evaluate is the result for each state.
func (p *Longest) Evaluate(states []State) (millrace.AnyColumn, error) {
	var longest millrace.TextBuilder
	for _, state := range states {
		if state.Text == nil {
			longest.AppendNull()
		} else {
			longest.Append(*state.Text)
		}
	}
	return longest.Finish(), nil
}

// add keeps the longer text. Of two of one length it is the smaller one: the result must not depend
// on their order.
func (s *State) add(text string) {
	if s.Text == nil || len(text) > len(*s.Text) || len(text) == len(*s.Text) && text < *s.Text {
		s.Text = &text
	}
}
