package main

import (
	"unicode/utf8"

	"millrace"
)

// mask replaces all but the last characters with stars.
type mask struct {
	column int
	// keepLast is how many characters stay.
	keepLast int
}

func (d *mask) derive(batch *millrace.Batch, rows []uint32) ([]millrace.AnyColumn, error) {
	texts, err := textAt(batch, d.column)
	if err != nil {
		return nil, err
	}
	var out millrace.TextBuilder
	out.Reserve(len(rows), 0)
	for _, row := range rows {
		text, ok := texts.Get(int(row))
		if !ok {
			out.AppendNull()
			continue
		}
		out.AppendWith(func(masked []byte) []byte { return d.append(masked, text) })
	}
	return []millrace.AnyColumn{out.Finish()}, nil
}

func (d *mask) append(masked []byte, text string) []byte {
	hidden := max(utf8.RuneCountInString(text)-d.keepLast, 0)
	shown := len(text)
	for at := range text {
		if hidden == 0 {
			shown = at
			break
		}
		masked = append(masked, '*')
		hidden--
	}
	return append(masked, text[shown:]...)
}
