package main

import (
	"math"
	"reflect"
	"strings"
	"testing"

	"millrace"
	"millrace/millracetest"
)

func payments() *millrace.Batch {
	return millracetest.Batch(
		millracetest.Column("country", millrace.Utf8, "germany", " usa ", nil, "Atlantis"),
		millracetest.Column("currency", millrace.Utf8, "€", "usd", "GBP", nil),
		millracetest.Column("amount", millrace.Float64, 10, 100, 5, 1),
		millracetest.Column("card", millrace.Utf8, "4111111111111234", "äöü€12", "12", nil),
		millracetest.Column("ts", millrace.Timestamp("UTC"), 1_700_000_000_000_000, -1, nil, 0),
	)
}

func run(t *testing.T, config string, input *millrace.Batch) *millracetest.Outcome {
	t.Helper()
	outcome, err := millracetest.Transform(&Enrich{}, config, input)
	if err != nil {
		t.Fatal(err)
	}
	return outcome
}

func check(t *testing.T, outcome *millracetest.Outcome, column string, want ...any) {
	t.Helper()
	if got := millracetest.Values(outcome.Port("main"), column); !reflect.DeepEqual(got, want) {
		t.Errorf("%s: %v, and should be %v", column, got, want)
	}
}

// Codes replace what was written; what is unknown becomes null.
func TestCountriesAndCurrenciesBecomeCodes(t *testing.T) {
	config := `{"country": {"column": "country"}, "currency": {"column": "currency", "as": "iso"}}`
	outcome := run(t, config, payments())
	check(t, outcome, "country", "DE", "US", nil, nil)
	check(t, outcome, "iso", "EUR", "USD", "GBP", nil)
	check(t, outcome, "currency", "€", "usd", "GBP", nil)
	if columns := len(outcome.Port("main").Schema()); columns != 6 {
		t.Errorf("%d columns", columns)
	}
}

func TestCodesAreFoundByWhateverPeopleWrite(t *testing.T) {
	for code, texts := range map[string][]string{
		"DE": {"DE", "de", " deu ", "Germany", "GERMANY", "deutschland"},
		"GB": {"UK"}, "US": {"u.s.a.", "united  states\tof America"}, "CI": {"Côte d’Ivoire"},
		"KR": {"korea, republic of"}, "GW": {"guinea bissau"}, "TR": {"türkiye"},
	} {
		for _, text := range texts {
			codes := countries()
			if at, found := codes.find(text); !found || codes.codes[at] != code {
				t.Errorf("%q is not found", text)
			}
		}
	}
	for code, texts := range map[string][]string{
		"EUR": {"eur", "€"}, "USD": {" $ ", "US$"}, "GBP": {"£", "pounds"}, "CZK": {"kč"},
		"CHF": {"Swiss francs"},
	} {
		for _, text := range texts {
			codes := currencies()
			if at, found := codes.find(text); !found || codes.codes[at] != code {
				t.Errorf("%q is not found", text)
			}
		}
	}
	for _, text := range []string{"", " ", "XX", "Atlantis", "D E"} {
		if _, found := countries().find(text); found {
			t.Errorf("%q is found", text)
		}
	}
	if len(countries().codes) != 249 || len(currencies().codes) != 172 {
		t.Errorf("%d and %d codes", len(countries().codes), len(currencies().codes))
	}
}

// A currency without a rate would otherwise pass as an amount in another one.
func TestAmountsWithoutARateAreRefused(t *testing.T) {
	outcome := run(t, `{"country": {"column": "country"}, "amount": {"column": "amount",
		"currency": "currency", "base": "EUR", "rates": {"USD": 0.5}}}`, payments())
	check(t, outcome, "amount_base", 10.0, 50.0)
	check(t, outcome, "country", "DE", "US")
	want := []millrace.RowError{
		{Row: 2, Code: "no_rate", Message: "there is no rate from `GBP` to EUR", Column: "currency"},
		{Row: 3, Code: "no_rate", Message: "the currency is null, so there is no rate to EUR",
			Column: "currency"},
	}
	if !reflect.DeepEqual(outcome.Errors, want) {
		t.Errorf("%+v", outcome.Errors)
	}
}

// An amount of nothing needs no rate, and decimals are amounts too.
func TestNullAmountsStayNullAndDecimalsConvert(t *testing.T) {
	input := millracetest.Batch(
		millracetest.Column("a", millrace.Decimal128(10, 2), 1250, nil),
		millracetest.Column("c", millrace.Utf8, "USD", nil),
	)
	config := `{"amount": {"column": "a", "currency": "c", "base": "EUR", "rates": {"USD": 2},
		"as": "a"}}`
	check(t, run(t, config, input), "a", 25.0, nil)
}

// 2023-11-14 22:13:20 UTC was a Tuesday; two hours further east it was Wednesday.
func TestTimesAreSplitAtAnOffset(t *testing.T) {
	outcome := run(t, `{"time": {"column": "ts"}}`, payments())
	check(t, outcome, "hour", int32(22), int32(23), nil, int32(0))
	check(t, outcome, "weekday", int32(2), int32(3), nil, int32(4))
	config := `{"time": {"column": "ts", "hour": "h", "weekday": "d", "utc_offset_minutes": 120}}`
	outcome = run(t, config, payments())
	check(t, outcome, "h", int32(0), int32(1), nil, int32(2))
	check(t, outcome, "d", int32(3), int32(4), nil, int32(4))
	for us, want := range map[int64][2]int32{
		0: {0, 4}, -1: {23, 3}, day * 3: {0, 7}, day * 4: {0, 1}, math.MinInt64: {19, 7},
		math.MaxInt64: {4, 7},
	} {
		if got := [2]int32{hourOf(us), weekdayOf(us)}; got != want {
			t.Errorf("%d is %v, and should be %v", us, got, want)
		}
	}
}

// Characters are counted, not bytes.
func TestMasksHideAllButTheEnd(t *testing.T) {
	outcome := run(t, `{"mask": [{"column": "card"},
		{"column": "card", "keep_last": 0, "as": "hidden"}]}`, payments())
	check(t, outcome, "card", "************1234", "**ü€12", "12", nil)
	check(t, outcome, "hidden", strings.Repeat("*", 16), "******", "**", nil)
}

// Every mistake in a configuration names its place and the remedy.
func TestMistakesInTheConfigurationAreNamed(t *testing.T) {
	for config, expected := range map[string][]string{
		`{}`:                                {"nothing is to be done"},
		`{"contry": {"column": "country"}}`: {"contry"},
		`{"country": {"column": "land"}, "currency": {"column": "amount"},
			"amount": {"column": "card", "currency": "currency", "base": "euro",
				"rates": {"USD": 0, "XYZ": 1}},
			"time": {"column": "ts", "utc_offset_minutes": 900},
			"mask": [{"column": "card"}, {"column": "card"}]}`: {
			"country.column: the input has no column `land`; it has country, currency, amount",
			"currency.column: `amount` has type Float64; it must be utf8",
			"amount.column: `card` has type Utf8; it must be a number",
			"amount.base: `euro` is no ISO 4217 code such as EUR",
			"amount.rates.USD: 0 is no rate; it must be above 0",
			"amount.rates.XYZ: `XYZ` is no ISO 4217 code",
			"time.utc_offset_minutes: 900 is no offset",
			"mask[1]: `card` is already written by another section",
		},
		`{"amount": {"column": "amount", "currency": "currency", "base": "EUR",
			"rates": {"EUR": 2}}}`: {"amount.rates.EUR: is the rate of the base currency"},
	} {
		_, err := millracetest.Transform(&Enrich{}, config, payments())
		for _, text := range expected {
			if err == nil || !strings.Contains(err.Error(), text) {
				t.Errorf("%q is not in %v", text, err)
			}
		}
	}
}
