package main

import (
	_ "embed"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"millrace"
)

//go:embed data/countries.tsv
var countryTable string

//go:embed data/currencies.tsv
var currencyTable string

// codes finds codes by any of their names, whatever the case, spaces and punctuation.
type codes struct {
	codes  []string
	byName map[string]int
	// folded is room for a name in the form that byName has.
	folded []byte
}

// countries are ISO 3166-1 alpha-2, found by alpha-2, alpha-3 or name.
func countries() *codes { return newCodes(countryTable) }

// currencies are ISO 4217, found by code, name or symbol.
func currencies() *codes { return newCodes(currencyTable) }

// newCodes reads a table: each line has a code and its other names; `#` starts a comment.
func newCodes(table string) *codes {
	c := &codes{byName: map[string]int{}}
	for line := range strings.Lines(table) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		for at, name := range strings.Split(strings.TrimRight(line, "\r\n"), "\t") {
			if at == 0 {
				c.codes = append(c.codes, name)
			}
			c.byName[string(fold(nil, name))] = len(c.codes) - 1
		}
	}
	return c
}

// find is the place of a code in the table.
func (c *codes) find(text string) (at int, found bool) {
	// Most texts are codes already.
	if at, found = c.byName[text]; found {
		return at, true
	}
	c.folded = fold(c.folded[:0], text)
	at, found = c.byName[string(c.folded)]
	return at, found
}

// fold adds a text in upper case, with one space for any run of spaces and punctuation, and none at
// the ends.
func fold(folded []byte, text string) []byte {
	gap, start := false, len(folded)
	for _, letter := range text {
		switch {
		case unicode.IsSpace(letter) || strings.ContainsRune(".,'’-()&_", letter):
			gap = len(folded) > start
			continue
		case gap:
			folded = append(folded, ' ')
			gap = false
		}
		if letter == 'ß' {
			folded = append(folded, "SS"...)
			continue
		}
		folded = utf8.AppendRune(folded, unicode.ToUpper(letter))
	}
	return folded
}

// codeOf makes codes of a column of text; null where there is none.
type codeOf struct {
	column int
	codes  *codes
}

func (d *codeOf) derive(batch *millrace.Batch, rows []uint32) ([]millrace.AnyColumn, error) {
	texts, err := textAt(batch, d.column)
	if err != nil {
		return nil, err
	}
	const codeBytesMax = 3
	var out millrace.TextBuilder
	out.Reserve(len(rows), len(rows)*codeBytesMax)
	for _, row := range rows {
		at, found := 0, false
		if text, ok := texts.Get(int(row)); ok {
			at, found = d.codes.find(text)
		}
		if found {
			out.Append(d.codes.codes[at])
		} else {
			out.AppendNull()
		}
	}
	return []millrace.AnyColumn{out.Finish()}, nil
}

func textAt(batch *millrace.Batch, column int) (*millrace.TextColumn, error) {
	texts, ok := batch.Columns()[column].(*millrace.TextColumn)
	if !ok {
		return nil, fmt.Errorf("a text can't be of type %s", batch.Columns()[column].Type())
	}
	return texts, nil
}
