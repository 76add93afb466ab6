// Command top_k is an aggregate function for SQL: the most frequent texts of a group, with their
// counts.
package main

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"

	"millrace"
	"millrace/aggregate"
)

func init() {
	aggregate.Export(millrace.About{
		Name:    "top_k",
		Version: "0.1.0",
		Summary: "The most frequent texts of a group, with their counts",
	}, New())
}

func main() {}

// TopK is the plugin, with its configuration.
type TopK struct {
	// K says how many texts.
	K uint `json:"k,omitempty"`
	// MaxValues is how many different texts a group may have; with more it fails.
	MaxValues uint `json:"max_values,omitempty"`
}

// New is the plugin with its usual configuration.
func New() *TopK { return &TopK{K: 10, MaxValues: 100_000} }

// Counts says how often each text came.
type Counts map[string]uint64

// The fields of an item of the result.
var fields = []millrace.Field{
	{Name: "value", Type: millrace.Utf8}, {Name: "count", Type: millrace.Uint64},
}

// Start checks that there is one text.
func (p *TopK) Start(arguments millrace.Schema) (millrace.Field, error) {
	if p.K == 0 {
		return millrace.Field{}, millrace.ConfigError{Path: "k", Message: "must be at least 1"}
	}
	if len(arguments) != 1 || !arguments[0].Type.Equal(millrace.Utf8) {
		return millrace.Field{}, errors.New("it takes one text: cast the argument")
	}
	item := millrace.Field{Name: "item", Type: millrace.Struct(fields...)}
	return millrace.Field{Name: "top", Type: millrace.List(item), Nullable: true}, nil
}

// Update counts texts; nulls don't count.
func (p *TopK) Update(states []Counts, groups []uint32, rows *millrace.Batch) error {
	texts, err := rows.Text("a0")
	if err != nil {
		return err
	}
	for row, group := range groups {
		text, ok := texts.Get(row)
		if !ok {
			continue
		}
		if states[group] == nil {
			states[group] = Counts{}
		}
		states[group][text]++
		if err := p.check(states[group]); err != nil {
			return err
		}
	}
	return nil
}

// Merge adds the counts of other to state.
func (p *TopK) Merge(state, other *Counts) error {
	if *state == nil {
		*state = Counts{}
	}
	for text, count := range *other {
		(*state)[text] += count
	}
	return p.check(*state)
}

// Evaluate ranks the texts of each state.
func (p *TopK) Evaluate(states []Counts) (millrace.AnyColumn, error) {
	var values millrace.TextBuilder
	var counts millrace.Builder[uint64]
	lengths := make([]int, len(states))
	for at, state := range states {
		texts := slices.Collect(maps.Keys(state))
		// Of two texts that came as often, the smaller one is first.
		slices.SortFunc(texts, func(a, b string) int {
			return cmp.Or(cmp.Compare(state[b], state[a]), cmp.Compare(a, b))
		})
		texts = texts[:min(len(texts), int(p.K))]
		for _, text := range texts {
			values.Append(text)
			counts.Append(state[text])
		}
		lengths[at] = len(texts)
	}
	items := millrace.NewStructColumn(fields, values.Finish(), counts.Finish())
	return millrace.NewListColumn(millrace.Field{Name: "item"}, lengths, items), nil
}

func (p *TopK) check(counts Counts) error {
	if len(counts) > int(p.MaxValues) {
		return fmt.Errorf("more than %d different texts", p.MaxValues)
	}
	return nil
}

// AppendBinary writes each text and its count. They are in order, so that equal states are equal
// bytes.
func (c *Counts) AppendBinary(bytes []byte) ([]byte, error) {
	for _, text := range slices.Sorted(maps.Keys(*c)) {
		bytes = binary.AppendUvarint(bytes, uint64(len(text)))
		bytes = append(bytes, text...)
		bytes = binary.AppendUvarint(bytes, (*c)[text])
	}
	return bytes, nil
}

// UnmarshalBinary reads what AppendBinary has written.
func (c *Counts) UnmarshalBinary(bytes []byte) error {
	*c = Counts{}
	for len(bytes) > 0 {
		length, size := binary.Uvarint(bytes)
		if size <= 0 || length > uint64(len(bytes)-size) {
			return errors.New("a text is cut off")
		}
		text := string(bytes[size : size+int(length)])
		bytes = bytes[size+int(length):]
		count, size := binary.Uvarint(bytes)
		if size <= 0 {
			return errors.New("a count is cut off")
		}
		(*c)[text] = count
		bytes = bytes[size:]
	}
	return nil
}
