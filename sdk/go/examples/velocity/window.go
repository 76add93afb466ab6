package main

import (
	"fmt"

	"millrace"
)

// Window is the rows of a key that are not older than the window. Rows of one time are one entry,
// so that it grows with the distinct times and not with its rows.
type Window struct {
	times  []int64
	counts []uint32
	sums   []fixed
	// first is the entry that has not been forgotten yet.
	first int
	count uint64
	sum   fixed
}

// Forget forgets rows before time.
func (w *Window) Forget(time int64) {
	for w.first < len(w.times) && w.times[w.first] < time {
		w.count -= uint64(w.counts[w.first])
		w.sum = w.sum.Sub(w.sums[w.first])
		w.first++
	}
}

// Add adds a row; times never go back.
func (w *Window) Add(time int64, amount float64) {
	value := fixedOf(amount)
	w.count++
	w.sum = w.sum.Add(value)
	if last := len(w.times) - 1; last >= w.first && w.times[last] == time {
		w.counts[last]++
		w.sums[last] = w.sums[last].Add(value)
		return
	}
	w.times = append(w.times, time)
	w.counts = append(w.counts, 1)
	w.sums = append(w.sums, value)
}

// Count is the number of rows.
func (w *Window) Count() uint64 { return w.count }

// Sum is the sum of their amounts, rounded once.
func (w *Window) Sum() float64 { return w.sum.Float64() / places }

// Reset forgets everything but the memory.
func (w *Window) Reset() {
	*w = Window{times: w.times[:0], counts: w.counts[:0], sums: w.sums[:0]}
}

// entryBytes is what an entry takes in a state: its time, sum and count.
const entryBytes = 8 + 16 + 4

// AppendBinary writes the window as all its times, then all its sums, then all its counts.
func (w *Window) AppendBinary(bytes []byte) ([]byte, error) {
	bytes = millrace.AppendValues(bytes, w.times[w.first:])
	bytes = millrace.AppendValues(bytes, w.sums[w.first:])
	return millrace.AppendValues(bytes, w.counts[w.first:]), nil
}

// UnmarshalBinary reads what AppendBinary has written.
func (w *Window) UnmarshalBinary(bytes []byte) error {
	entries := len(bytes) / entryBytes
	if entries*entryBytes != len(bytes) {
		return fmt.Errorf("%d bytes are no entries of %d", len(bytes), entryBytes)
	}
	w.Reset()
	w.times = millrace.ReadValues(w.times, bytes[:entries*8])
	w.sums = millrace.ReadValues(w.sums, bytes[entries*8:entries*24])
	w.counts = millrace.ReadValues(w.counts, bytes[entries*24:])
	for i, count := range w.counts {
		w.count += uint64(count)
		w.sum = w.sum.Add(w.sums[i])
	}
	return nil
}

// fixed is a number with 64 binary places. A running sum of floating-point numbers would keep the
// rounding errors of rows that have left; these come and go without a trace, in any order. Sums
// that overflow on the way come back as the numbers that made them leave.
type fixed = millrace.Int128

// places is what 1 is as a fixed.
const places = 1 << 64

// fixedOf is the number nearest to value within +-9.2e18; what is no number counts as 0.
func fixedOf(value float64) fixed { return millrace.Int128OfFloat(value * places) }
