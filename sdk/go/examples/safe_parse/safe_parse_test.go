package main

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"millrace"
	"millrace/millracetest"
)

func run(t *testing.T, config string, rows ...string) *millracetest.Outcome {
	t.Helper()
	var raw [][]byte
	for _, row := range rows {
		raw = append(raw, []byte(row))
	}
	return runColumn(t, config, millrace.NewBinaryColumn(raw))
}

func runColumn(t *testing.T, config string, raw millrace.AnyColumn) *millracetest.Outcome {
	t.Helper()
	input := millracetest.Batch(millracetest.Named{Name: "value", Column: raw})
	outcome, err := millracetest.Transform(New(), config, input)
	if err != nil {
		t.Fatal(err)
	}
	return outcome
}

// onlyRefusal is the only one of a row.
func onlyRefusal(t *testing.T, config, row string) millrace.RowError {
	t.Helper()
	outcome := run(t, config, row)
	if outcome.Port("main").Rows() != 0 || len(outcome.Errors) != 1 {
		t.Fatalf("%s: %+v", row, outcome.Errors)
	}
	return outcome.Errors[0]
}

func checkRefused(t *testing.T, config, row, code, column string) {
	t.Helper()
	found := onlyRefusal(t, config, row)
	if found.Code != code || found.Column != column || found.Message == "" {
		t.Errorf("%s: %+v, and should be %s in %s", row, found, code, column)
	}
}

func check(t *testing.T, batch *millrace.Batch, column string, want ...any) {
	t.Helper()
	if got := millracetest.Values(batch, column); !reflect.DeepEqual(got, want) {
		t.Errorf("%s: %v, and should be %v", column, got, want)
	}
}

// one is {"schema": {"a": KIND}}.
func one(kind string) string { return fmt.Sprintf(`{"schema": {"a": "%s"}}`, kind) }

// What every type looks like on its way through.
func TestEveryTypeBecomesItsColumn(t *testing.T) {
	outcome := run(t, `{"schema": {"s": "string", "b": "bool", "i": "int32", "l": "int64",
		"f": "float64", "m": "decimal(10,2)", "d": "date", "t": "timestamp",
		"ts": "timestamp[s]", "tms": "timestamp[ms]", "tus": "timestamp[us]", "j": "json"}}`,
		` {"s":"a\nb\u00e9","b":true,"i":-7,"l":9223372036854775807,"f":12.30,
		"m":12.3,"d":"1970-01-02","t":"1970-01-01T00:00:01Z","ts":2,"tms":3000,"tus":4000000,
		"j":{"k": [1, "x"]}} `)
	if len(outcome.Errors) > 0 {
		t.Fatalf("%+v", outcome.Errors)
	}
	main := outcome.Port("main")
	if names := strings.Join(main.Schema().Names(), " "); names != "s b i l f m d t ts tms tus j" {
		t.Error(names)
	}
	check(t, main, "s", "a\nbé")
	check(t, main, "b", true)
	check(t, main, "i", int32(-7))
	check(t, main, "l", int64(math.MaxInt64))
	check(t, main, "f", 12.30)
	check(t, main, "m", millrace.Int128Of(1230))
	check(t, main, "d", int32(1))
	for i, name := range []string{"t", "ts", "tms", "tus"} {
		check(t, main, name, int64(i+1)*second)
	}
	check(t, main, "j", `{"k": [1, "x"]}`)
	if m, _ := main.Schema().Field("m"); !m.Type.Equal(millrace.Decimal128(10, 2)) {
		t.Error(m.Type)
	}
}

// Refused rows between good ones must leave no trace in any column.
func TestARefusedRowIsRolledBack(t *testing.T) {
	outcome := run(t, `{"schema": {"s": "string", "b": "bool?", "n": "int64?", "z": "int32"}}`,
		`{"s":"one","b":true,"n":1,"z":1}`,
		`{"s":"lost","b":false,"n":2,"z":"no"}`,
		`{"z":3,"s":"two"}`,
		`{"s":"lost","n":null}`,
		"{\"s\":\"cut off",
		`{"s":"three","n":null,"z":5,"b":false}`)
	main := outcome.Port("main")
	check(t, main, "s", "one", "two", "three")
	check(t, main, "b", true, nil, false)
	check(t, main, "n", int64(1), nil, nil)
	var codes []string
	for _, e := range outcome.Errors {
		codes = append(codes, fmt.Sprint(e.Row, " ", e.Code))
	}
	if want := []string{"1 wrong_type", "3 missing", "4 malformed"}; !slices.Equal(codes, want) {
		t.Errorf("%q", codes)
	}
}

// Every code, with the column that it blames.
func TestEachRefusalHasItsCodeAndColumn(t *testing.T) {
	for _, row := range []string{"", "nonsense", "[1]", `"a"`, `{"a":1} {`, `{"a":1}x`, `{"a":01}`} {
		checkRefused(t, one("int64"), row, "malformed", "value")
	}
	for _, test := range [][2]string{
		{"int64", `{}`}, {"int64", `{"a":null}`}, {"decimal(4,2)", `{"a":null}`},
		{"json", `{"a":null}`}, {"string", `{"A":"x"}`},
	} {
		checkRefused(t, one(test[0]), test[1], "missing", "a")
	}
	for code, tests := range map[string][][2]string{
		"wrong_type": {
			{"string", "1"}, {"string", `["x"]`}, {"bool", "0"}, {"int32", "1.0"}, {"int64", "1.5"},
			{"int64", "1e3"}, {"int64", `"1"`}, {"int64", `{"x":1}`}, {"float64", `"1"`},
			{"decimal(4,2)", `"x"`}, {"decimal(4,2)", "true"}, {"date", "1"}, {"timestamp", "1"},
			{"timestamp[s]", `"2023-11-14T22:13:20Z"`},
		},
		"out_of_range": {
			{"int32", "2147483648"}, {"int64", "9223372036854775808"},
			{"int64", "-9223372036854775809"}, {"int64", "123456789012345678901234567890"},
			{"float64", "1e999"}, {"decimal(4,2)", "123.4"}, {"decimal(4,2)", "0.001"},
			{"timestamp[s]", "1700000000000"}, {"timestamp[ms]", "9223372036854775807"},
		},
		"bad_timestamp": {{"timestamp", `"yesterday"`}, {"timestamp", `""`}, {"date", `"2023-02-30"`}},
	} {
		for _, test := range tests {
			checkRefused(t, one(test[0]), `{"a":`+test[1]+`}`, code, "a")
		}
	}
}

// Fields that nobody declared are skipped, however deep, unless they are to be rejected.
func TestUnknownFieldsAreSkippedOrRejected(t *testing.T) {
	deep := `{"x":` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) +
		`,"a":1,"y":1e999,"z":{"p":[{"q":{}},[]],"r":null}}`
	if errors := run(t, one("int64"), deep).Errors; len(errors) > 0 {
		t.Errorf("%+v", errors)
	}
	config := `{"schema": {"a": "int64"}, "unknown_fields": "reject"}`
	checkRefused(t, config, `{"a":1,"b":2}`, "unknown_field", "b")
}

// JSON leaves duplicates open; here the last counts.
func TestOfAFieldThatComesTwiceTheLastCounts(t *testing.T) {
	main := run(t, `{"schema": {"a": "string?", "b": "int64"}}`,
		`{"a":"first","b":1,"a":"last"}`, `{"a":"x","b":2,"a":null}`).Port("main")
	check(t, main, "a", "last", nil)
}

// Numbers come out as they were written.
func TestNumbersAreExact(t *testing.T) {
	texts := []string{"0.1", "0.30000000000000004", "123456.789012345678", "5e-324", "3", "-0"}
	var rows []string
	var want []any
	for _, text := range texts {
		number, _ := strconv.ParseFloat(text, 64)
		rows, want = append(rows, `{"a":`+text+`}`), append(want, number)
	}
	check(t, run(t, one("float64"), rows...).Port("main"), "a", want...)
	check(t, run(t, one("int64"), `{"a":-9223372036854775808}`, `{"a":-0}`).Port("main"), "a",
		int64(math.MinInt64), int64(0))
	check(t, run(t, one("timestamp[s]"), `{"a":1700000000.123456}`).Port("main"), "a",
		int64(1_700_000_000_123_456))
}

// Numbers of every length and form are those of package strconv.
func TestNumbersAreThoseOfStrconv(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var rows []string
	var floats, integers []any
	for range 5000 {
		number := math.Ldexp(random.Float64()-0.5, random.IntN(80)-30)
		text := strconv.FormatFloat(number, 'f', random.IntN(12), 64)
		number, _ = strconv.ParseFloat(text, 64)
		integer := int64(random.Uint64()) >> random.IntN(64)
		rows = append(rows, fmt.Sprintf(`{"f": %s,"i":%d}`, text, integer))
		floats, integers = append(floats, number), append(integers, integer)
	}
	main := run(t, `{"schema": {"f": "float64", "i": "int64"}}`, rows...).Port("main")
	check(t, main, "f", floats...)
	check(t, main, "i", integers...)
	for _, text := range []string{"00", "01", "-", "-01", "1.", ".5", "1.e1", "1..2", "0x1", "1e", "+1"} {
		checkRefused(t, one("float64"), `{"a":`+text+`}`, "malformed", "value")
	}
}

// A name that JSON writes with escapes must not be taken for the text that it is not.
func TestNamesMayNeedEscapes(t *testing.T) {
	config := `{"schema": {"a\"b": "int64", "c\\": "int64?"}}`
	check(t, run(t, config, `{"a\"b":1,"c\\":2}`).Port("main"), "c\\", int64(2))
	checkRefused(t, config, `{"a"b":1}`, "malformed", "value")
}

func TestDecimalsAreTakenDigitByDigit(t *testing.T) {
	for text, want := range map[string]int64{
		"0": 0, "-0.00": 0, "12.3": 1230, "-12.30": -1230, "0.07": 7, "1.5e3": 150_000,
		"150E-2": 150, "1.00000000000000000000000000000000000000000000": 100, "0e99999": 0,
		"99999999.99": 9_999_999_999,
	} {
		if got, wrong := decimal(text, 10, 2); wrong != right || got != millrace.Int128Of(want) {
			t.Errorf("%s is %s (%d)", text, got, wrong)
		}
	}
	nines := strings.Repeat("9", 38)
	if got, wrong := decimal(nines, 38, 0); wrong != right || got.String() != nines {
		t.Errorf("%s (%d)", got, wrong)
	}
	for expected, texts := range map[wrong][]string{
		tooLarge: {"100000000", "1e8", "1e2000000000", strings.Repeat("9", 60)},
		tooFine:  {"0.001", "1e-3", "1e-2000000000"},
		noNumber: {"", "-", "1.", ".5", "01", "+1", "1e", "1e99999999999", "0x1", "1 ", "--1"},
	} {
		for _, text := range texts {
			if got, wrong := decimal(text, 10, 2); wrong != expected {
				t.Errorf("%s is %s (%d)", text, got, wrong)
			}
		}
	}
}

func TestTimestampsHaveManyForms(t *testing.T) {
	const instant = 1_700_000_000 * second
	for text, want := range map[string]int64{
		"2023-11-14T22:13:20Z": instant, "2023-11-14t22:13:20z": instant,
		"2023-11-14 22:13:20": instant, "2023-11-14T22:13:20.000": instant,
		"2023-11-14T23:13:20+01:00": instant, "2023-11-14T23:13:20+01": instant,
		"2023-11-14T16:43:20-0530":       instant,
		"2023-11-14T22:13:20.5Z":         instant + 500_000,
		"2023-11-14T22:13:20,123456789Z": instant + 123_456,
		"1969-12-31T23:59:59.999999Z":    -1,
		"2016-12-31T23:59:60Z":           1_483_228_800 * second,
		"1970-01-01T00:01":               60 * second,
		"0001-01-01T00:00:00Z":           timestampMin,
		"9999-12-31T23:59:59.999999Z":    timestampMax,
	} {
		if got, ok := timestampOf([]byte(text)); !ok || got != want {
			t.Errorf("%s is %d, and should be %d", text, got, want)
		}
	}
	for _, text := range []string{
		"", "2023-11-14", "2023-02-29T00:00:00Z", "1900-02-29T00:00:00Z", "2023-13-01T00:00:00Z",
		"2023-00-01T00:00:00Z", "2023-11-14T24:00:00Z", "2023-11-14T22:60:00Z",
		"2023-11-14T22:13:20.Z", "2023-11-14T22:13:20+1:00", "2023-11-14T22:13:20 UTC",
		"2023-11-14T22:13:20Zjunk", "2023/11/14T22:13:20Z", "20é3-11-14T22:13:20Z",
		"2023-11-14T22", "2023-11-14T22:1", "2023-11-14T22:13:2",
	} {
		if got, ok := timestampOf([]byte(text)); ok {
			t.Errorf("%s is %d", text, got)
		}
	}
}

// Bytes that are no text spoil their own row alone.
func TestInvalidUTF8IsMalformed(t *testing.T) {
	outcome := run(t, one("string"), `{"a":"x"}`, "{\"a\":\"\xff\"}", "{\"a\":\"\xc3", "\xa9\"}", `{"a":"y"}`)
	var messages []string
	for _, e := range outcome.Errors {
		messages = append(messages, fmt.Sprint(e.Row, " ", e.Code, " ", e.Message))
	}
	want := []string{
		"1 malformed not UTF-8: invalid utf-8 sequence of 1 bytes from index 6",
		"2 malformed not UTF-8: incomplete utf-8 byte sequence from index 6",
		"3 malformed not UTF-8: invalid utf-8 sequence of 1 bytes from index 0",
	}
	if !slices.Equal(messages, want) || outcome.Port("main").Rows() != 2 {
		t.Errorf("%q", messages)
	}
}

// The raw column may be text as well, may be null, and may be kept or replaced.
func TestTheRawColumnIsDroppedKeptOrReplaced(t *testing.T) {
	raw := millracetest.Column("value", millrace.Utf8, `{"value":1}`, nil).Column
	outcome := runColumn(t, `{"schema": {"value": "int64"}}`, raw)
	check(t, outcome.Port("main"), "value", int64(1))
	if outcome.Errors[0].Code != "missing" {
		t.Errorf("%+v", outcome.Errors)
	}
	for config, want := range map[string]string{
		`{"schema": {"a": "int64?"}}`:                   "a",
		`{"schema": {"a": "int64?"}, "keep_raw": true}`: "value a",
	} {
		names := runColumn(t, config, raw).Port("main").Schema().Names()
		if got := strings.Join(names, " "); got != want {
			t.Errorf("%s: %s", config, got)
		}
	}
}

// A refusal must stay small, whatever the row holds.
func TestMessagesAreBounded(t *testing.T) {
	long := strings.Repeat("é", 100_000)
	if found := onlyRefusal(t, one("int64"), `{"a":"`+long+`"}`); len(found.Message) > 1000 {
		t.Errorf("%d bytes", len(found.Message))
	}
	config := `{"schema": {"a": "int64"}, "unknown_fields": "reject"}`
	found := onlyRefusal(t, config, `{"`+long+`":1}`)
	if len(found.Column) > 1000 || len(found.Message) > 1000 {
		t.Errorf("%d and %d bytes", len(found.Column), len(found.Message))
	}
}

// The wording is for the author of a producer: what was found, what belongs there.
func TestMessagesSayWhatWasFoundAndExpected(t *testing.T) {
	for _, test := range [][3]string{
		{"int64", `{"a":"12 at line 9"}`, `invalid type: string "12 at line 9", expected an integer`},
		{"int32", `{"a":2147483648}`, "2147483648 does not fit int32"},
		{"int64", `{"a":1e20}`, "1e20 does not fit int64"},
		{"int64", `{"a":1.50}`, "invalid type: floating point `1.5`, expected an integer"},
		{"bool", `{"a":[1]}`, "invalid type: sequence, expected a boolean"},
		{"decimal(4,2)", `{"a":1.234}`, "1.234 has more than the 2 decimals of decimal(4,2)"},
		{"int64", `{"a":null}`, "is null and must have a value"},
		{"int64", `{"a":1} x`, "trailing characters at line 1 column 9"},
		{"int64", `{"a":`, "EOF while parsing a value at line 1 column 5"},
		{"int64", `{"a":1`, "EOF while parsing an object at line 1 column 6"},
		{"int64", `{"a" 1}`, "expected `:` at line 1 column 6"},
		{"int64", `{"a":1 "b":2}`, "expected `,` or `}` at line 1 column 8"},
		{"int64", "{\n\"a\":1,}", "trailing comma at line 2 column 7"},
		{"int64", `{a:1}`, "key must be a string at line 1 column 2"},
		{"int64", `{"b":[1,],"a":1}`, "trailing comma at line 1 column 9"},
		{"string", `{"a":"\x"}`, "invalid escape at line 1 column 8"},
		{"string", `{"a":"\ud800"}`, "unexpected end of hex escape at line 1 column 13"},
	} {
		if got := onlyRefusal(t, one(test[0]), test[1]).Message; got != test[2] {
			t.Errorf("%s: %q, and should be %q", test[1], got, test[2])
		}
	}
}

// Every mistake in a configuration names its place and the remedy.
func TestMistakesInTheConfigurationAreNamed(t *testing.T) {
	input := millracetest.Batch(
		millracetest.Column("value", millrace.Binary), millracetest.Column("offset", millrace.Int64),
	)
	for config, expected := range map[string][]string{
		`{"schema": {"a": "int", "b": "decimal(2,3)?"}, "column": "raw"}`: {
			"schema.a: `int` is no type; the types are string, bool",
			"schema.b: `decimal(2,3)` is no type",
			"column: the input has no column `raw`; it has value, offset",
		},
		`{"schema": {}}`: {"schema: no column is declared"},
		`{}`:             {"missing field `schema`"},
		`{"schema": {"a": "int64"}, "keepraw": true}`: {"keepraw"},
		`{"schema": {"a": "int64"}, "column": "offset"}`: {
			"`offset` has type Int64; it must be binary or utf8",
		},
		`{"schema": {"value": "int64"}, "keep_raw": true}`:       {"schema.value"},
		`{"schema": {"a": "int64"}, "unknown_fields": "refuse"}`: {"unknown variant `refuse`"},
	} {
		_, err := millracetest.Transform(New(), config, input)
		for _, text := range expected {
			if err == nil || !strings.Contains(err.Error(), text) {
				t.Errorf("%q is not in %v", text, err)
			}
		}
	}
}

// What is no JSON must be refused, and what is JSON must not: encoding/json says which.
func FuzzJSON(f *testing.F) {
	for _, seed := range []string{
		`{"a":1}`, `{"a":{"b":[1,2,{"c":null}]},"d":"\u00e9\n"}`, `{"a":[]}`, `{"a":-0.5e+3}`, `{`,
		`{"a":"\ud83e\udd80"}`, `{"a":tru}`, `{"a":[1,]}`, "{\"a\":\"\x01\"}", `{"a":1}}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		outcome := run(t, `{"schema": {"a": "json?"}}`, text)
		var object map[string]json.RawMessage
		valid := json.Valid([]byte(text)) && json.Unmarshal([]byte(text), &object) == nil &&
			object != nil && strings.ToValidUTF8(text, "") == text
		if taken := len(outcome.Errors) == 0; taken && !valid {
			t.Errorf("%q was taken", text)
		} else if !taken && valid && !strings.Contains(text, `\u`) {
			// A surrogate alone is refused here, and replaced there.
			t.Errorf("%q was refused: %+v", text, outcome.Errors)
		}
	})
}
