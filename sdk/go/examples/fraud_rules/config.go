package main

import (
	"fmt"
	"strconv"
	"strings"

	"millrace"
)

// maxAmount is the name of the rule that `max_amount` stands for.
const maxAmount = "max_amount"

// Config is [step.X.config].
type Config struct {
	// Columns says what the columns are called.
	Columns Columns `json:"columns,omitempty"`
	// MaxAmount is short for a first rule: amounts above it are fraud.
	MaxAmount *float64 `json:"max_amount"`
	// Rules are in the order in which they are asked.
	Rules []RuleText `json:"rules,omitempty"`
}

// Columns are names of columns.
type Columns struct {
	Amount   string `json:"amount,omitempty"`
	Country  string `json:"country,omitempty"`
	Merchant string `json:"merchant,omitempty"`
	Hour     string `json:"hour,omitempty"`
	Segment  string `json:"segment,omitempty"`
}

// RuleText is a rule as it was written.
type RuleText struct {
	Name         string    `json:"name"`
	Outcome      Outcome   `json:"outcome"`
	Reason       *string   `json:"reason"`
	AmountOver   *float64  `json:"amount_over"`
	AmountUnder  *float64  `json:"amount_under"`
	Countries    *[]string `json:"countries"`
	CountriesNot *[]string `json:"countries_not"`
	Merchants    *[]string `json:"merchants"`
	MerchantsNot *[]string `json:"merchants_not"`
	Hours        *[]uint32 `json:"hours"`
	Segments     *[]string `json:"segments"`
	SegmentsNot  *[]string `json:"segments_not"`
}

// resolve gives the rules and the columns that they read.
func (c *Config) resolve(input millrace.Schema) ([]*Rule, []string, error) {
	r := resolver{columns: c.Columns, input: input}
	var rules []*Rule
	names := map[string]bool{}
	if c.MaxAmount != nil {
		limit := *c.MaxAmount
		rules = append(rules, &Rule{
			Name: maxAmount, Outcome: Fraud, Reason: "amount over " + float(limit),
			conditions: r.number(nil, maxAmount, over{limit}),
		})
		names[maxAmount] = true
	}
	if c.MaxAmount == nil && len(c.Rules) == 0 {
		r.errors.Add("rules", "there is no rule; give `rules` or `max_amount`")
	}
	for at := range c.Rules {
		text, path := &c.Rules[at], fmt.Sprintf("rules[%d]", at)
		if names[text.Name] {
			r.errors.Add(path+".name", "another rule is called `%s`; give it its own name", text.Name)
		}
		names[text.Name] = true
		rules = append(rules, r.rule(path, text))
	}
	return rules, r.reads, r.errors.Err()
}

// resolver finds columns, and collects those that are read.
type resolver struct {
	columns Columns
	input   millrace.Schema
	reads   []string
	errors  millrace.ConfigErrors
}

func (r *resolver) rule(path string, text *RuleText) *Rule {
	var conditions []Condition
	var reasons []string
	if text.AmountOver != nil && text.AmountUnder != nil && *text.AmountOver >= *text.AmountUnder {
		r.errors.Add(path+".amount_over", "no amount is over %s and under %s",
			float(*text.AmountOver), float(*text.AmountUnder))
	}
	if limit := text.AmountOver; limit != nil {
		conditions = r.number(conditions, path+".amount_over", over{*limit})
		reasons = append(reasons, "amount over "+float(*limit))
	}
	if limit := text.AmountUnder; limit != nil {
		conditions = r.number(conditions, path+".amount_under", under{*limit})
		reasons = append(reasons, "amount under "+float(*limit))
	}
	if text.Hours != nil {
		conditions = r.hours(conditions, path+".hours", *text.Hours)
		reasons = append(reasons, "hour is one of "+listed(*text.Hours))
	}
	for _, test := range []struct {
		key, what, column string
		words             *[]string
	}{
		{"countries", "country", r.columns.Country, text.Countries},
		{"countries_not", "country", r.columns.Country, text.CountriesNot},
		{"merchants", "merchant", r.columns.Merchant, text.Merchants},
		{"merchants_not", "merchant", r.columns.Merchant, text.MerchantsNot},
		{"segments", "segment", r.columns.Segment, text.Segments},
		{"segments_not", "segment", r.columns.Segment, text.SegmentsNot},
	} {
		if test.words == nil {
			continue
		}
		negated := strings.HasSuffix(test.key, "_not")
		conditions = r.words(conditions, path+"."+test.key, test.column, *test.words, negated)
		is := "is one of"
		if negated {
			is = "is none of"
		}
		reasons = append(reasons, test.what+" "+is+" "+listed(*test.words))
	}
	if len(reasons) == 0 {
		r.errors.Add(path, "has no condition and would match every row; give one")
	}
	rule := &Rule{Name: text.Name, Outcome: text.Outcome, conditions: conditions}
	rule.Reason = strings.Join(reasons, ", ")
	if text.Reason != nil {
		rule.Reason = *text.Reason
	}
	return rule
}

func (r *resolver) number(conditions []Condition, path string, test Test) []Condition {
	column, found := r.column(path, r.columns.Amount, "a number", isNumber)
	if !found {
		return conditions
	}
	return append(conditions, Condition{column, test})
}

func (r *resolver) hours(conditions []Condition, path string, hours []uint32) []Condition {
	var bits uint32
	for _, hour := range hours {
		if hour > 23 {
			r.errors.Add(path, "%d is no hour; hours are 0 to 23", hour)
			return conditions
		}
		bits |= 1 << hour
	}
	if !r.notEmpty(path, len(hours)) {
		return conditions
	}
	isHour := func(t millrace.Type) bool {
		return t.Kind == millrace.KindInt32 || t.Kind == millrace.KindInt64
	}
	column, found := r.column(path, r.columns.Hour, "int32 or int64", isHour)
	if !found {
		return conditions
	}
	return append(conditions, Condition{column, inHours{bits}})
}

func (r *resolver) words(
	conditions []Condition, path, column string, words []string, negated bool,
) []Condition {
	if !r.notEmpty(path, len(words)) {
		return conditions
	}
	isText := func(t millrace.Type) bool { return t.Kind == millrace.KindUtf8 }
	at, found := r.column(path, column, "utf8", isText)
	if !found {
		return conditions
	}
	return append(conditions, Condition{at, oneOf{newWords(words), negated}})
}

func (r *resolver) notEmpty(path string, length int) bool {
	if length == 0 {
		r.errors.Add(path, "is an empty list; name at least one value or leave it out")
	}
	return length > 0
}

// column is the place of a column among those that are read.
func (r *resolver) column(
	path, name, expected string, fits func(millrace.Type) bool,
) (at int, found bool) {
	field, found := r.input.Field(name)
	switch {
	case !found:
		r.errors.Add(path, "tests `%s`, which the input lacks; it has %s; `columns` can name another",
			name, strings.Join(r.input.Names(), ", "))
		return 0, false
	case !fits(field.Type):
		r.errors.Add(path, "tests `%s` of type %s; it must be %s", name, field.Type, expected)
		return 0, false
	}
	for at, read := range r.reads {
		if read == name {
			return at, true
		}
	}
	r.reads = append(r.reads, name)
	return len(r.reads) - 1, true
}

func listed[T any](values []T) string {
	texts := make([]string, len(values))
	for i, value := range values {
		texts[i] = fmt.Sprint(value)
	}
	return strings.Join(texts, ", ")
}

func float(value float64) string { return strconv.FormatFloat(value, 'f', -1, 64) }
