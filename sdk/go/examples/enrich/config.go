package main

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"millrace"
)

// offsetMinutesMax is the largest offset from UTC in use, and more than the smallest.
const offsetMinutesMax = 14 * 60

// Config is [step.X.config]. Every section may be left out, but not all of them.
type Config struct {
	Country  *CodeText   `json:"country"`
	Currency *CodeText   `json:"currency"`
	Amount   *AmountText `json:"amount"`
	Time     *TimeText   `json:"time"`
	Mask     []MaskText  `json:"mask,omitempty"`
}

// CodeText is a column whose texts become codes.
type CodeText struct {
	Column string `json:"column"`
	As     string `json:"as,omitempty"`
}

// AmountText is amounts that become those of one currency.
type AmountText struct {
	Column   string             `json:"column"`
	Currency string             `json:"currency"`
	Base     string             `json:"base"`
	Rates    map[string]float64 `json:"rates"`
	As       string             `json:"as,omitempty"`
}

// TimeText is a timestamp that is split.
type TimeText struct {
	Column           string `json:"column"`
	Hour             string `json:"hour,omitempty"`
	Weekday          string `json:"weekday,omitempty"`
	UTCOffsetMinutes int64  `json:"utc_offset_minutes,omitempty"`
}

// MaskText is a text of which only the end is shown.
type MaskText struct {
	Column   string `json:"column"`
	KeepLast *uint  `json:"keep_last"`
	As       string `json:"as,omitempty"`
}

// planner collects what the plugin reads, does and adds, and what is wrong.
type planner struct {
	input       millrace.Schema
	reads       []string
	adds        []millrace.Field
	amount      *amount
	derivations []derivation
	mistakes    millrace.ConfigErrors
}

func (p *planner) plan(config *Config) {
	if config.Amount != nil {
		p.planAmount(config.Amount)
	}
	if config.Country != nil {
		p.code("country", config.Country, countries)
	}
	if config.Currency != nil {
		p.code("currency", config.Currency, currencies)
	}
	if config.Time != nil {
		p.time(config.Time)
	}
	for at := range config.Mask {
		p.mask(fmt.Sprintf("mask[%d]", at), &config.Mask[at])
	}
	if len(p.adds) == 0 && len(p.mistakes) == 0 {
		p.mistakes.Add("", "nothing is to be done; configure country, currency, amount, time or mask")
	}
}

func (p *planner) code(path string, text *CodeText, codes func() *codes) {
	column, field, found := p.text(path+".column", text.Column)
	if !found {
		return
	}
	p.add(path, or(text.As, field.Name), millrace.Utf8, true)
	p.derivations = append(p.derivations, &codeOf{column: column, codes: codes()})
}

func (p *planner) planAmount(text *AmountText) {
	codes := currencies()
	base, hasBase := p.currency("amount.base", text.Base, codes)
	rates := make([]float64, len(codes.codes))
	for _, currency := range slices.Sorted(maps.Keys(text.Rates)) {
		rate, path := text.Rates[currency], "amount.rates."+currency
		if rate <= 0 {
			p.mistakes.Add(path, "%s is no rate; it must be above 0", number(rate))
		}
		if at, found := p.currency(path, currency, codes); found {
			rates[at] = rate
		}
	}
	if hasBase {
		if rates[base] != 0 && rates[base] != 1 {
			p.mistakes.Add("amount.rates."+text.Base,
				"is the rate of the base currency, which is 1; leave it out")
		}
		rates[base] = 1
	}
	column, field, hasColumn := p.column("amount.column", text.Column, "a number", isAmount)
	currency, _, hasCurrency := p.text("amount.currency", text.Currency)
	if hasColumn {
		p.add("amount", or(text.As, "amount_base"), millrace.Float64, field.Nullable)
	}
	if hasColumn && hasCurrency && hasBase {
		p.amount = &amount{
			amount: column, currency: currency, currencyName: text.Currency,
			base: text.Base, codes: codes, rates: rates,
		}
	}
}

// currency is the place of a code. It must be written as such here: it is the configuration, not
// data.
func (p *planner) currency(path, code string, codes *codes) (at int, found bool) {
	at, found = codes.find(code)
	if !found || codes.codes[at] != code {
		p.mistakes.Add(path, "`%s` is no ISO 4217 code such as EUR", code)
		return 0, false
	}
	return at, true
}

func (p *planner) time(text *TimeText) {
	if offset := text.UTCOffsetMinutes; offset > offsetMinutesMax || offset < -offsetMinutesMax {
		p.mistakes.Add("time.utc_offset_minutes", "%d is no offset; write -%d to %d minutes",
			offset, offsetMinutesMax, offsetMinutesMax)
		return
	}
	isTime := func(t millrace.Type) bool { return t.Kind == millrace.KindTimestamp }
	column, field, found := p.column("time.column", text.Column, "a timestamp", isTime)
	if !found {
		return
	}
	p.add("time.hour", or(text.Hour, "hour"), millrace.Int32, field.Nullable)
	p.add("time.weekday", or(text.Weekday, "weekday"), millrace.Int32, field.Nullable)
	offset := text.UTCOffsetMinutes * minute
	p.derivations = append(p.derivations, &timeParts{column: column, offset: offset})
}

func (p *planner) mask(path string, text *MaskText) {
	column, field, found := p.text(path+".column", text.Column)
	if !found {
		return
	}
	p.add(path, or(text.As, field.Name), millrace.Utf8, field.Nullable)
	mask := &mask{column: column, keepLast: 4}
	if text.KeepLast != nil {
		mask.keepLast = int(*text.KeepLast)
	}
	p.derivations = append(p.derivations, mask)
}

func (p *planner) text(path, name string) (at int, field millrace.Field, found bool) {
	isText := func(t millrace.Type) bool { return t.Kind == millrace.KindUtf8 }
	return p.column(path, name, "utf8", isText)
}

// column is the place of a column among those that are read, and its field.
func (p *planner) column(
	path, name, expected string, fits func(millrace.Type) bool,
) (at int, field millrace.Field, found bool) {
	field, found = p.input.Field(name)
	switch {
	case !found:
		p.mistakes.Add(path, "the input has no column `%s`; it has %s",
			name, strings.Join(p.input.Names(), ", "))
		return 0, field, false
	case !fits(field.Type):
		p.mistakes.Add(path, "`%s` has type %s; it must be %s", name, field.Type, expected)
		return 0, field, false
	}
	if at = slices.Index(p.reads, name); at < 0 {
		at = len(p.reads)
		p.reads = append(p.reads, name)
	}
	return at, field, true
}

func (p *planner) add(path, name string, dataType millrace.Type, nullable bool) {
	if millrace.Schema(p.adds).Index(name) >= 0 {
		p.mistakes.Add(path, "`%s` is already written by another section; name it otherwise", name)
	}
	p.adds = append(p.adds, millrace.Field{Name: name, Type: dataType, Nullable: nullable})
}

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

func number(value float64) string { return strconv.FormatFloat(value, 'f', -1, 64) }
