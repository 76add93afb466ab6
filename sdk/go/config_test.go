package millrace_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"millrace"
)

type shop struct {
	Name  string             `json:"name"`
	Limit *float64           `json:"limit"`
	Size  uint8              `json:"size,omitempty"`
	Rules []rule             `json:"rules,omitempty"`
	Rates map[string]float64 `json:"rates,omitempty"`
	Span  millrace.Span      `json:"span,omitempty"`
	inner int
}

type rule struct {
	When string `json:"when"`
}

// What the configuration leaves out keeps the value that it had.
func TestAConfigurationIsReadOverItsDefaults(t *testing.T) {
	config := shop{Size: 4, inner: 1}
	source := `{"name": "a", "rules": [{"when": "x"}], "rates": {"USD": 2}, "span": "5m"}`
	if err := millrace.Configure(source, &config); err != nil {
		t.Fatal(err)
	}
	if config.Name != "a" || config.Limit != nil || config.Size != 4 || config.inner != 1 ||
		config.Rules[0].When != "x" || config.Rates["USD"] != 2 || config.Span != 300_000_000 {
		t.Errorf("%+v", config)
	}
}

// The author of a pipeline mends all mistakes in one go, so they are told at once, with places.
func TestAllMistakesAreNamedWithTheirPlace(t *testing.T) {
	err := millrace.Configure(`{"limit": "7", "size": 300, "rules": [{"when": 1}, {"wen": "y"}],
		"rates": {"USD": "x"}, "span": "60", "nam": "a"}`, &shop{})
	if err == nil {
		t.Fatal("it was taken")
	}
	for _, expected := range []string{
		"missing field `name`",
		"limit: invalid type: string \"7\", expected a number",
		"size: invalid value: integer `300`, expected uint8",
		"rules[0].when: invalid type: integer `1`, expected a string",
		"rules[1]: missing field `when`",
		"rules[1].wen: unknown field `wen`, expected `when`",
		"rates.USD: invalid type: string \"x\", expected a number",
		"span: `60` is no time span",
		"nam: unknown field `nam`, expected one of `name`, `limit`",
	} {
		if !strings.Contains(err.Error(), expected) {
			t.Errorf("%q is not in %s", expected, err)
		}
	}
	if told := millrace.ConfigErrorsOf(err); len(told) != 9 {
		t.Errorf("%d mistakes: %s", len(told), err)
	}
}

func TestAPluginWithoutAConfigurationTakesNoKeys(t *testing.T) {
	err := millrace.Configure(`{"a": 1}`, &struct{}{})
	if err == nil || !strings.Contains(err.Error(), "there are no fields") {
		t.Errorf("%v", err)
	}
	if err := millrace.Configure(`[]`, &struct{}{}); err == nil {
		t.Error("a list was taken")
	}
}

func TestSpansHaveAUnit(t *testing.T) {
	for text, expected := range map[string]millrace.Span{
		"500ms": 500_000, "60s": 60_000_000, "5m": 300_000_000, "24h": 86_400_000_000,
		"7d": 604_800_000_000, "2 min": 120_000_000,
	} {
		var span millrace.Span
		if err := span.UnmarshalText([]byte(text)); err != nil || span != expected {
			t.Errorf("%s is %d: %v", text, span, err)
		}
	}
	for _, text := range []string{"", "60", "0s", "-1s", "1.5h", "5 weeks", "99999999999d"} {
		var span millrace.Span
		if err := span.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%s is %d", text, span)
		}
	}
}

type outcome string

func (o *outcome) UnmarshalText(text []byte) error {
	if *o = outcome(text); *o != "fraud" {
		return fmt.Errorf("unknown variant `%s`", text)
	}
	return nil
}

// What a text may be is for its type to say, and a table may have an order.
func TestTypesReadTheirOwnTexts(t *testing.T) {
	var config struct {
		Outcome outcome                  `json:"outcome"`
		Schema  millrace.Ordered[string] `json:"schema"`
		Any     any                      `json:"any,omitempty"`
	}
	source := `{"outcome": "fraud", "schema": {"z": "int", "a": "te\u00e9\ud83e\udd80xt"}, "any": [1, {"a": null}]}`
	if err := millrace.Configure(source, &config); err != nil {
		t.Fatal(err)
	}
	schema := millrace.Ordered[string]{{Key: "z", Value: "int"}, {Key: "a", Value: "teé🦀xt"}}
	if config.Outcome != "fraud" || !slices.Equal(config.Schema, schema) {
		t.Errorf("%+v", config)
	}
	err := millrace.Configure(`{"outcome": "block", "schema": {"a": 1}}`, &config)
	for _, expected := range []string{
		"outcome: unknown variant `block`", "schema.a: invalid type: integer `1`, expected a string",
	} {
		if err == nil || !strings.Contains(err.Error(), expected) {
			t.Errorf("%q is not in %v", expected, err)
		}
	}
	for _, source := range []string{"", "{", `{"a"}`, `{"a": 1,}`, "[1 2]", `"x`, "nul", "{} x", `"\q"`} {
		if err := millrace.Configure(source, &struct{}{}); err == nil {
			t.Errorf("%s was taken", source)
		}
	}
}
