// Command remember does with state, timers and large state what its rows say, for tests of SDKs.
// plugins/remember/README.md says what each row may ask for.
package main

import (
	"fmt"
	"strconv"
	"strings"

	"millrace"
	"millrace/keyed"
)

func init() {
	keyed.Export(millrace.About{
		Name:    "remember",
		Version: "0.1.0",
		Summary: "Does with state, timers and large state what its rows say, for tests of SDKs",
	}, &Remember{})
}

func main() {}

const (
	second     = 1_000_000
	entriesMax = 100
)

// Totals is what is remembered of a key.
type Totals struct {
	Count uint64
	Sum   int64
}

// Remember is the plugin. It has no configuration.
type Remember struct {
	// name is the first column of the key.
	name string
}

// remembered is what rows on main have besides their own columns.
type remembered struct {
	Count     uint64  `column:"count"`
	Sum       int64   `column:"sum"`
	Entries   uint64  `column:"entries"`
	First     *string `column:"first"`
	ListStart uint64  `column:"list_start"`
	ListEnd   uint64  `column:"list_end"`
	Last      *string `column:"last"`
}

// report is a row that a timer makes.
type report struct {
	Name  *string `column:"name"`
	Timer *uint32 `column:"timer"`
	Clock *string `column:"clock"`
	Due   *int64  `column:"due"`
	Count *uint64 `column:"count"`
	Sum   *int64  `column:"sum"`
}

// Start checks the columns.
func (p *Remember) Start(input millrace.Schema, key []string) (*millrace.Description, error) {
	var mistakes millrace.ConfigErrors
	is := func(name string, expected millrace.Type) bool {
		field, has := input.Field(name)
		return has && field.Type.Equal(expected)
	}
	if !is("op", millrace.Utf8) {
		mistakes.Add("", "column `op` must be %s", millrace.Utf8)
	}
	if !is("value", millrace.Int64) {
		mistakes.Add("", "column `value` must be %s", millrace.Int64)
	}
	if len(key) > 0 {
		p.name = key[0]
	}
	if !is(p.name, millrace.Utf8) {
		mistakes.Add("", "the first column of the key must be Utf8")
	}
	return &millrace.Description{
		Reads: []string{"op", "value"},
		Keys:  []string{p.name},
		Ports: []millrace.Port{
			{Name: "main", Adds: millrace.FieldsIn[remembered]()},
			{Name: "reports", Adds: millrace.FieldsIn[report]()},
		},
	}, mistakes.Err()
}

// StateVersion is that of Totals.
func (p *Remember) StateVersion() uint32 { return 2 }

// ReadsVersions are the versions that Migrate understands.
func (p *Remember) ReadsVersions() []uint32 { return []uint32{1} }

// Migrate reads version 1, which is COUNT,SUM as text.
func (p *Remember) Migrate(_ uint32, state []byte) (Totals, error) {
	count, sum, found := strings.Cut(string(state), ",")
	var totals Totals
	var err error
	if totals.Count, err = strconv.ParseUint(count, 10, 64); err == nil {
		totals.Sum, err = strconv.ParseInt(sum, 10, 64)
	}
	if err != nil || !found {
		return totals, fmt.Errorf("`%s` is no state of version 1", state)
	}
	return totals, nil
}

// Process does what each row asks for, and reports each timer.
func (p *Remember) Process(batch *keyed.Batch[Totals], out *millrace.Output) error {
	ops, err := batch.Rows().Text("op")
	if err != nil {
		return err
	}
	values, err := batch.Rows().Int64("value")
	if err != nil {
		return err
	}
	names, err := batch.Keys().Text(p.name)
	if err != nil {
		return err
	}
	var rows, reported []uint32
	var added []remembered
	var reports []report
	for batch.Next() {
		if timer, due := batch.Timer(); due {
			reports = append(reports, reportOf(batch, names, timer))
			reported = append(reported, batch.KeyRow())
			if timer.ID == 2 {
				batch.SetTimer(1, timer.At+second)
				batch.Update().Count++
			}
			continue
		}
		row := batch.Row()
		op, _ := ops.Get(int(row))
		value, _ := values.Get(int(row))
		if err := do(batch, op, value); err != nil {
			out.Refuse(row, err)
			continue
		}
		rows = append(rows, row)
		added = append(added, look(batch))
	}
	out.Some("main", rows, millrace.ColumnsFrom(added)...)
	out.Some("reports", reported, millrace.ColumnsFrom(reports)...)
	return nil
}

// do does what a row asks for; an error refuses the row.
func do(batch *keyed.Batch[Totals], op string, value int64) error {
	time, _ := batch.Time()
	text := strconv.AppendInt(nil, value, 10)
	switch op {
	case "add":
		totals := batch.Update()
		totals.Count++
		totals.Sum += value
	case "timer":
		batch.SetTimer(1, time+value*second)
	case "timer2":
		batch.SetTimer(2, time+value*second)
	case "delay":
		batch.SetProcessingTimer(3, uint64(max(value, -value))*second)
	case "cancel":
		batch.CancelTimer(1)
	case "forget":
		batch.Clear()
	case "put":
		batch.Map("m").Put(text, strconv.AppendUint(nil, totalsOf(batch).Count, 10))
	case "drop":
		batch.Map("m").Remove(text)
	case "append":
		batch.List("l").Append(text)
	case "trim":
		batch.List("l").Remove(uint64(max(value, 0)))
	case "refuse":
		return &millrace.RowError{
			Code: "refused", Message: "the row asks to be refused", Column: "op",
		}
	default:
		message := fmt.Sprintf("`%s` is no operation", op)
		return &millrace.RowError{Code: "unknown_op", Message: message, Column: "op"}
	}
	return nil
}

// look is what is remembered of the key at hand.
func look(batch *keyed.Batch[Totals]) remembered {
	totals := totalsOf(batch)
	entries := batch.Map("m").Scan(nil, entriesMax)
	start, end := batch.List("l").Range()
	seen := remembered{
		Count: totals.Count, Sum: totals.Sum, Entries: uint64(len(entries)),
		ListStart: start, ListEnd: end,
	}
	if len(entries) > 0 {
		first := fmt.Sprintf("%s=%s", entries[0].Key, entries[0].Value)
		seen.First = &first
	}
	if start < end {
		last := string(batch.List("l").Read(end-1, 1)[0])
		seen.Last = &last
	}
	return seen
}

// reportOf is what a timer of the key at hand reports.
func reportOf(
	batch *keyed.Batch[Totals], names *millrace.TextColumn, timer keyed.DueTimer,
) report {
	totals := totalsOf(batch)
	clock := timer.Clock.String()
	row := report{Timer: &timer.ID, Clock: &clock, Count: &totals.Count, Sum: &totals.Sum}
	if name, ok := names.Get(int(batch.Key())); ok {
		row.Name = &name
	}
	if timer.Clock == keyed.EventTime {
		row.Due = &timer.At
	}
	return row
}

func totalsOf(batch *keyed.Batch[Totals]) Totals {
	if totals := batch.State(); totals != nil {
		return *totals
	}
	return Totals{}
}
