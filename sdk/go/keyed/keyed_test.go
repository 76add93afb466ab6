package keyed_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"millrace"
	"millrace/keyed"
	"millrace/millracetest"
)

// script is a plugin that does what its rows say, and writes down what happens: `3+5` sets timer 3
// five microseconds after the row, `3-` cancels it, `3~5` sets it in processing time.
type script struct {
	Early bool `json:"early,omitempty"`
}

type seen struct{ Count int }

func (p *script) Start(input millrace.Schema, key []string) (*millrace.Description, error) {
	text := millrace.Field{Name: "saw", Type: millrace.Utf8}
	return &millrace.Description{
		Reads: []string{"do"}, Keys: key,
		Ports: []millrace.Port{{Name: "main", Adds: []millrace.Field{text}}},
	}, nil
}

func (p *script) Process(batch *keyed.Batch[seen], out *millrace.Output) error {
	orders, err := batch.Rows().Text("do")
	if err != nil {
		return err
	}
	var rows []uint32
	var saw []string
	for batch.Next() {
		state := batch.Update()
		state.Count++
		if timer, due := batch.Timer(); due {
			rows = append(rows, batch.KeyRow())
			saw = append(saw, fmt.Sprintf("%d timer %d %s", state.Count, timer.ID, timer.Clock))
			if timer.Clock == keyed.EventTime {
				saw[len(saw)-1] += fmt.Sprintf(" %d", timer.At)
			}
			if timer.ID == 9 && timer.At < 40 {
				// Again and again.
				batch.SetTimer(9, timer.At+10)
			}
			continue
		}
		row := batch.Row()
		time, known := batch.Time()
		rows = append(rows, row)
		saw = append(saw, fmt.Sprintf("%d row %d %t", state.Count, time, known))
		for order := range strings.FieldsSeq(orders.Value(int(row))) {
			var id uint32
			var by int64
			switch {
			case strings.HasSuffix(order, "-"):
				fmt.Sscanf(order, "%d-", &id)
				batch.CancelTimer(id)
			case strings.Contains(order, "~"):
				fmt.Sscanf(order, "%d~%d", &id, &by)
				batch.SetProcessingTimer(id, uint64(by))
			case order == "clear":
				batch.Clear()
			case order == "fail":
				return errors.New("as it was told")
			default:
				fmt.Sscanf(order, "%d+%d", &id, &by)
				batch.SetTimer(id, time+by)
			}
		}
		if p.Early {
			break
		}
	}
	out.Some("main", rows, millrace.NewTextColumn(saw))
	return nil
}

type order struct {
	user string
	at   int64
	do   string
}

func batchOf(orders []order) *millrace.Batch {
	var users, times, texts []any
	for _, o := range orders {
		users, times, texts = append(users, o.user), append(times, o.at), append(texts, o.do)
	}
	return millracetest.Batch(
		millracetest.Column("user", millrace.Utf8, users...),
		millracetest.Column("at", millrace.Timestamp("UTC"), times...),
		millracetest.Column("do", millrace.Utf8, texts...),
	)
}

func start(t *testing.T, config, time string) *millracetest.Keyed[seen] {
	t.Helper()
	keys := []string{"user"}
	k, err := millracetest.StartKeyed(&script{}, config, batchOf(nil).Schema(), keys, time)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func saw(k *millracetest.Keyed[seen]) []string {
	var texts []string
	for _, value := range millracetest.Values(k.Port("main"), "saw") {
		texts = append(texts, value.(string))
	}
	return texts
}

// The contract's `keyed-transformer`, under "Timers".
func TestTimersComeInTheirPlaceBetweenRows(t *testing.T) {
	for name, test := range map[string]struct {
		orders []order
		want   []string
	}{
		"between two rows": {
			[]order{{"a", 10, "1+5"}, {"a", 20, ""}},
			[]string{"1 row 10 true", "2 timer 1 event 15", "3 row 20 true"},
		},
		"before the row of its own time": {
			[]order{{"a", 10, "1+10"}, {"a", 20, ""}},
			[]string{"1 row 10 true", "2 timer 1 event 20", "3 row 20 true"},
		},
		"not after the row": {
			[]order{{"a", 10, "1+0 2+-5"}, {"a", 20, ""}},
			[]string{"1 row 10 true", "2 timer 1 event 11", "3 timer 2 event 11", "4 row 20 true"},
		},
		"by time, then by id": {
			[]order{{"a", 10, "3+5 1+5 2+4"}, {"a", 20, ""}},
			[]string{
				"1 row 10 true", "2 timer 2 event 14", "3 timer 1 event 15", "4 timer 3 event 15",
				"5 row 20 true",
			},
		},
		"moved and cancelled": {
			[]order{{"a", 10, "1+2 1+20 2+2 2-"}, {"a", 20, ""}},
			[]string{"1 row 10 true", "2 row 20 true"},
		},
		"set by a timer": {
			[]order{{"a", 10, "9+5"}, {"a", 36, ""}},
			[]string{
				"1 row 10 true", "2 timer 9 event 15", "3 timer 9 event 25", "4 timer 9 event 35",
				"5 row 36 true",
			},
		},
		"of another key": {
			[]order{{"a", 10, "1+5"}, {"b", 20, ""}},
			[]string{"1 row 10 true", "1 row 20 true"},
		},
	} {
		k := start(t, `{}`, "at")
		if err := k.Rows(batchOf(test.orders)); err != nil {
			t.Fatal(err)
		}
		if got := saw(k); !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s: %q, and should be %q", name, got, test.want)
		}
	}
}

// Which rows share a batch is the host's choice, and must not be seen.
func TestBatchesMakeNoDifference(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	do := []string{"", "1+3", "2+7 1-", "1+0", "9+4", "3+30 2-", "clear", "1+1 2+1 3+1", "3-"}
	for range 200 {
		var orders []order
		time := int64(0)
		for range 30 {
			time += int64(random.IntN(8))
			user := []string{"a", "b", "c"}[random.IntN(3)]
			orders = append(orders, order{user, time, do[random.IntN(len(do))]})
		}
		run := func(size int) []string {
			k := start(t, `{}`, "at")
			for chunk := range slices.Chunk(orders, size) {
				if err := k.Rows(batchOf(chunk)); err != nil {
					t.Fatal(err)
				}
			}
			if err := k.Watermark(1000); err != nil {
				t.Fatal(err)
			}
			// Of each key in its order, whatever the order of the keys.
			var all []string
			users := millracetest.Values(k.Port("main"), "user")
			for i, text := range saw(k) {
				all = append(all, fmt.Sprint(users[i], " ", text))
			}
			slices.SortStableFunc(all, func(a, b string) int { return strings.Compare(a[:1], b[:1]) })
			return all
		}
		whole := run(1000)
		for _, size := range []int{1, 2, 7} {
			if got := run(size); !reflect.DeepEqual(got, whole) {
				t.Fatalf("in batches of %d\n%q, and at once\n%q", size, got, whole)
			}
		}
	}
}

func TestProcessingTimersGoByTheHostsClock(t *testing.T) {
	k := start(t, `{}`, "at")
	if err := k.Rows(batchOf([]order{{"a", 10, "4~50 5~20"}, {"a", 20, "5-"}})); err != nil {
		t.Fatal(err)
	}
	for _, pass := range []uint64{49, 1} {
		if err := k.Pass(pass); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{"1 row 10 true", "2 row 20 true", "3 timer 4 processing"}
	if got := saw(k); !reflect.DeepEqual(got, want) || k.Timers() != 0 {
		t.Errorf("%q, %d timers", got, k.Timers())
	}
}

func TestRowsInOrderOfArrivalHaveNoTime(t *testing.T) {
	k := start(t, `{}`, "")
	if err := k.Rows(batchOf([]order{{"a", 10, "1+5"}, {"a", 5, "clear"}})); err != nil {
		t.Fatal(err)
	}
	if got := saw(k); !reflect.DeepEqual(got, []string{"1 row 0 false", "2 row 0 false"}) {
		t.Errorf("%q", got)
	}
	if k.States() != 0 {
		t.Errorf("%d states are left", k.States())
	}
}

// A call that fails must not leave half of what it did.
func TestWhatFailsChangesNothing(t *testing.T) {
	k := start(t, `{}`, "at")
	if err := k.Rows(batchOf([]order{{"a", 1, "1+5"}, {"a", 2, "fail"}})); err == nil {
		t.Error("it did not fail")
	}
	if k.States() != 0 || k.Timers() != 0 {
		t.Errorf("%d states and %d timers", k.States(), k.Timers())
	}
	k = start(t, `{"early": true}`, "at")
	err := k.Rows(batchOf([]order{{"a", 1, ""}, {"a", 2, ""}}))
	if err == nil || !strings.Contains(err.Error(), "before it had handled all") {
		t.Errorf("a plugin that leaves rows: %v", err)
	}
}

// counter is a state in bytes of its own.
type counter struct{ count uint8 }

func (c *counter) AppendBinary(bytes []byte) ([]byte, error) { return append(bytes, c.count), nil }

func (c *counter) UnmarshalBinary(bytes []byte) error {
	if len(bytes) != 1 {
		return errors.New("it must be one byte")
	}
	c.count = bytes[0]
	return nil
}

// counts counts the rows of each key.
type counts[S any] struct {
	add  func(*S)
	read func(*S) int
}

func (p *counts[S]) Start(millrace.Schema, []string) (*millrace.Description, error) {
	count := millrace.Field{Name: "count", Type: millrace.Int64}
	ports := []millrace.Port{{Name: "main", Adds: []millrace.Field{count}}}
	return &millrace.Description{Ports: ports}, nil
}

func (p *counts[S]) Process(batch *keyed.Batch[S], out *millrace.Output) error {
	values := make([]int64, batch.Rows().Rows())
	for batch.Next() {
		p.add(batch.Update())
		values[batch.Row()] = int64(p.read(batch.State()))
	}
	out.All("main", millrace.NewColumn(values))
	return nil
}

func (p *counts[S]) StateVersion() uint32    { return 3 }
func (p *counts[S]) ReadsVersions() []uint32 { return []uint32{2} }
func (p *counts[S]) Migrate(_ uint32, state []byte) (S, error) {
	var migrated S
	for range len(state) {
		p.add(&migrated)
	}
	return migrated, nil
}

func testCounts[S any](t *testing.T, plugin *counts[S]) {
	t.Helper()
	schema := batchOf(nil).Schema()
	k, err := millracetest.StartKeyed(plugin, `{}`, schema, []string{"user"}, "at")
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := k.Rows(batchOf([]order{{"a", 1, ""}, {"b", 1, ""}, {"a", 2, ""}})); err != nil {
			t.Fatal(err)
		}
	}
	got := millracetest.Values(k.Port("main"), "count")
	want := []any{int64(1), int64(2), int64(1), int64(3), int64(4), int64(2)}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%v, and should be %v", got, want)
	}
	instance, err := keyed.Start(plugin, `{}`, schema, []string{"user"})
	if err != nil {
		t.Fatal(err)
	}
	if writes, reads := instance.Versions(); writes != 3 || !reflect.DeepEqual(reads, []uint32{2}) {
		t.Errorf("version %d, which reads %v", writes, reads)
	}
	old := millrace.NewBinaryColumn([][]byte{[]byte("xxx")})
	if states, err := instance.Migrate(2, old); err != nil || states.Len() != 1 {
		t.Errorf("%v: %v", states, err)
	}
}

func TestStatesAreKeptInEachForm(t *testing.T) {
	testCounts(t, &counts[counter]{
		add: func(c *counter) { c.count++ }, read: func(c *counter) int { return int(c.count) },
	})
	testCounts(t, &counts[[]byte]{
		add: func(b *[]byte) { *b = append(*b, 'x') }, read: func(b *[]byte) int { return len(*b) },
	})
	testCounts(t, &counts[seen]{
		add: func(s *seen) { s.Count++ }, read: func(s *seen) int { return s.Count },
	})
}
