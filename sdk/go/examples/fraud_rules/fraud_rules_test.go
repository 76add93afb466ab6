package main

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"millrace"
	"millrace/millracetest"
)

func transactions() *millrace.Batch {
	return millracetest.Batch(
		millracetest.Column("amount", millrace.Float64, 10.0, 20_000.0, 600.0, nil, 5.0),
		millracetest.Column("country", millrace.Utf8, "DE", "KP", "US", "KP", nil),
		millracetest.Column("hour", millrace.Int32, 12, 3, 23, 12, 2),
	)
}

func run(t *testing.T, config string) *millracetest.Outcome {
	t.Helper()
	outcome, err := millracetest.Transform(New(), config, transactions())
	if err != nil {
		t.Fatal(err)
	}
	return outcome
}

// check compares a column of a port; amounts say which rows are on it.
func check(t *testing.T, outcome *millracetest.Outcome, port, column string, want ...any) {
	t.Helper()
	got := millracetest.Values(outcome.Port(port), column)
	if !reflect.DeepEqual(got, append([]any{}, want...)) {
		t.Errorf("%s on %s: %v, and should be %v", column, port, got, want)
	}
}

// The shortest configuration.
func TestMaxAmountAloneIsARule(t *testing.T) {
	outcome := run(t, `{"max_amount": 10000}`)
	check(t, outcome, "fraud", "amount", 20_000.0)
	check(t, outcome, "fraud", "rule", "max_amount")
	check(t, outcome, "fraud", "reason", "amount over 10000")
	check(t, outcome, "main", "amount", 10.0, 600.0, nil, 5.0)
	check(t, outcome, "review", "amount")
	if reads := outcome.Description.Reads; !reflect.DeepEqual(reads, []string{"amount"}) {
		t.Errorf("it reads %q", reads)
	}
}

// Fraud comes before review, whatever the order of the rules; within each the first wins.
func TestTheFirstFraudRuleWinsThenTheFirstReviewRule(t *testing.T) {
	outcome := run(t, `{"rules": [
		{"name": "night", "outcome": "review", "hours": [22, 23, 0, 1, 2, 3], "reason": "late"},
		{"name": "large", "outcome": "review", "amount_over": 500},
		{"name": "embargo", "outcome": "fraud", "countries": ["KP", "IR"]},
		{"name": "huge", "outcome": "fraud", "amount_over": 10000}
	]}`)
	check(t, outcome, "main", "amount", 10.0)
	check(t, outcome, "fraud", "amount", 20_000.0, nil)
	check(t, outcome, "fraud", "rule", "embargo", "embargo")
	check(t, outcome, "fraud", "reason", "country is one of KP, IR", "country is one of KP, IR")
	check(t, outcome, "review", "amount", 600.0, 5.0)
	check(t, outcome, "review", "rule", "night", "night")
	check(t, outcome, "review", "reason", "late", "late")
}

// A rule is the conjunction of its conditions.
func TestAllConditionsMustHold(t *testing.T) {
	outcome := run(t, `{"rules": [{"name": "r", "outcome": "review",
		"amount_over": 5, "amount_under": 20000, "hours": [12, 23], "countries_not": ["DE"]}]}`)
	check(t, outcome, "review", "amount", 600.0)
	check(t, outcome, "review", "reason",
		"amount over 5, amount under 20000, hour is one of 12, 23, country is none of DE")
}

// What is unknown is no evidence, also not for a negated list.
func TestNullPassesNoCondition(t *testing.T) {
	for test, rows := range map[string]int{
		`"amount_over": -1`: 4, `"amount_under": 1e9`: 4, `"countries_not": ["DE"]`: 3,
	} {
		config := fmt.Sprintf(`{"rules": [{"name": "r", "outcome": "fraud", %s}]}`, test)
		if got := run(t, config).Port("fraud").Rows(); got != rows {
			t.Errorf("%s: %d rows", test, got)
		}
	}
}

// Amounts come in many types, and columns under many names.
func TestNumbersOfEveryTypeAndOtherNames(t *testing.T) {
	number := millrace.Int128Of
	for _, column := range []millracetest.Named{
		millracetest.Column("total", millrace.Decimal128(10, 2), number(1_000_001), number(-5)),
		millracetest.Column("total", millrace.Int64, 10_001, 10_000),
		millracetest.Column("total", millrace.Int32, 10_001, nil),
		millracetest.Column("total", millrace.Float32, 10_001, 0),
	} {
		config := `{"columns": {"amount": "total"}, "max_amount": 10000}`
		outcome, err := millracetest.Transform(New(), config, millracetest.Batch(column))
		if err != nil || outcome.Port("fraud").Rows() != 1 {
			t.Errorf("%s: %v", column.Column.Type(), err)
		}
	}
}

// Every mistake in a configuration names its place and the remedy.
func TestMistakesInTheConfigurationAreNamed(t *testing.T) {
	for config, expected := range map[string][]string{
		`{}`: {"rules: there is no rule"},
		`{"max_amount": 1, "rules": [
			{"name": "max_amount", "outcome": "fraud", "merchants": ["m1"]},
			{"name": "b", "outcome": "fraud"},
			{"name": "c", "outcome": "fraud", "hours": [24]},
			{"name": "d", "outcome": "fraud", "countries": []},
			{"name": "e", "outcome": "fraud", "amount_over": 5, "amount_under": 5}
		]}`: {
			"rules[0].name: another rule is called `max_amount`",
			"rules[0].merchants: tests `merchant`, which the input lacks; it has amount, country, hour",
			"rules[1]: has no condition",
			"rules[2].hours: 24 is no hour",
			"rules[3].countries: is an empty list",
			"rules[4].amount_over: no amount is over 5 and under 5",
		},
		`{"max_amount": 1, "columns": {"amount": "country"}}`: {
			"max_amount: tests `country` of type Utf8; it must be a number",
		},
		`{"rules": [{"name": "a", "outcome": "fraud", "amount_above": 5}]}`: {"amount_above"},
		`{"rules": [{"name": "a", "outcome": "block"}]}`:                    {"block"},
	} {
		_, err := millracetest.Transform(New(), config, transactions())
		for _, text := range expected {
			if err == nil || !strings.Contains(err.Error(), text) {
				t.Errorf("%q is not in %v", text, err)
			}
		}
	}
}
