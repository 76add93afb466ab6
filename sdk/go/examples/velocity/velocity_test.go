package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"millrace"
	"millrace/millracetest"
)

const second = 1_000_000

// payment is a row of user, second and amount.
type payment struct {
	user   string
	second int64
	amount float64
}

func payments(rows ...payment) *millrace.Batch {
	var users, times, amounts []any
	for _, row := range rows {
		users, times = append(users, row.user), append(times, row.second*second)
		amounts = append(amounts, row.amount)
	}
	return millracetest.Batch(
		millracetest.Column("user", millrace.Utf8, users...),
		millracetest.Column("at", millrace.Timestamp("UTC"), times...),
		millracetest.Column("amount", millrace.Float64, amounts...),
	)
}

func start(config string) (*millracetest.Keyed[Window], error) {
	schema := payments().Schema()
	return millracetest.StartKeyed(&Velocity{}, config, schema, []string{"user"}, "at")
}

func run(t *testing.T, config string, size int, rows ...payment) *millracetest.Keyed[Window] {
	t.Helper()
	velocity, err := start(config)
	if err != nil {
		t.Fatal(err)
	}
	for chunk := range slices.Chunk(rows, size) {
		if err := velocity.Rows(payments(chunk...)); err != nil {
			t.Fatal(err)
		}
	}
	return velocity
}

func check(t *testing.T, got []any, want ...any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%v, and should be %v", got, want)
	}
}

// Exactly as old as the window is still within it.
func TestRowsCountAsLongAsTheyAreWithinTheTime(t *testing.T) {
	velocity := run(t, `{"within": "60s", "amount": "amount"}`, 10,
		payment{"a", 0, 1}, payment{"a", 60, 2}, payment{"a", 61, 4}, payment{"a", 200, 8})
	main := velocity.Port("main")
	check(t, millracetest.Values(main, "velocity_count"), uint64(1), uint64(2), uint64(2), uint64(1))
	check(t, millracetest.Values(main, "velocity_sum"), 1.0, 3.0, 6.0, 8.0)
}

// What a key has seen must not depend on which rows shared a batch.
func TestBatchesMakeNoDifference(t *testing.T) {
	var rows []payment
	for n := range int64(200) {
		user := []string{"a", "b", "c"}[n%3]
		rows = append(rows, payment{user, n*n%977/7 + n, float64(n%13) / 10})
	}
	slices.SortStableFunc(rows, func(a, b payment) int { return int(a.second - b.second) })
	lines := func(size int) []string {
		config := `{"within": "20s", "amount": "amount", "max_count": 3}`
		main := run(t, config, size, rows...).Port("main")
		var lines []string
		for row := range main.Rows() {
			line := ""
			for _, column := range main.Columns() {
				line += fmt.Sprint(millrace.Value(column, row), " ")
			}
			lines = append(lines, line)
		}
		slices.Sort(lines)
		return lines
	}
	whole := lines(1000)
	if len(whole) != 200 || !slices.Equal(whole, lines(1)) || !slices.Equal(whole, lines(7)) {
		t.Error("batches of 1, 7 and 200 differ")
	}
}

// Flags say which limit was passed; a port of their own takes them off `main`.
func TestWhatIsAboveALimitIsFlagged(t *testing.T) {
	velocity := run(t, `{"within": "60s", "amount": "amount", "max_count": 2, "max_sum": 100,
		"flagged": "suspicious"}`, 10,
		payment{"a", 0, 10}, payment{"a", 1, 95}, payment{"b", 1, 5}, payment{"a", 2, 1})
	if rows := velocity.Port("main").Rows(); rows != 2 {
		t.Errorf("%d rows on main", rows)
	}
	check(t, millracetest.Values(velocity.Port("suspicious"), "velocity_flag"), "sum", "count,sum")
}

// Keys that fall silent would otherwise be kept for ever.
func TestASilentKeyMayBeForgotten(t *testing.T) {
	velocity, err := start(`{"within": "60s"}`)
	if err != nil || velocity.Description().StateTTL != 60_000_001 {
		t.Errorf("%+v: %v", velocity.Description(), err)
	}
}

// Sums that came and went must leave nothing behind, whatever their size.
func TestSumsAreExact(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var window Window
	for n := range int64(1000) {
		window.Forget(n - 10)
		window.Add(n, math.Ldexp(random.Float64()-0.5, random.IntN(60)))
	}
	window.Forget(5000)
	if window.Count() != 0 || window.Sum() != 0 {
		t.Errorf("%d rows with the sum %v are left", window.Count(), window.Sum())
	}
	tenth, fifth := 0.1, 0.2
	window.Add(6000, tenth)
	window.Add(6000, fifth)
	bytes, err := window.AppendBinary(nil)
	var back Window
	back.Add(1, 7)
	if err != nil || back.UnmarshalBinary(bytes) != nil || back.Count() != 2 ||
		back.Sum() != tenth+fifth {
		t.Errorf("%d rows with the sum %v came back: %v", back.Count(), back.Sum(), err)
	}
	if back.UnmarshalBinary(bytes[1:]) == nil {
		t.Error("a state that is cut off was taken")
	}
}

// All that is wrong is said at once, each with its place.
func TestAWrongConfigurationIsRefused(t *testing.T) {
	for config, problem := range map[string]string{
		`{"within": "60"}`:                    "no time span",
		`{"within": "0s"}`:                    "no time span",
		`{"within": "1m", "max_sum": 5}`:      "max_sum: needs `amount`",
		`{"within": "1m", "amount": "user"}`:  "is Utf8",
		`{"within": "1m", "amount": "none"}`:  "no column `none`",
		`{"within": "1m", "flagged": "main"}`: "another port",
		`{"within": "1m", "flag": "x"}`:       "unknown field",
	} {
		if _, err := start(config); err == nil || !strings.Contains(err.Error(), problem) {
			t.Errorf("%s: %v", config, err)
		}
	}
}
