package millrace

import "math/bits"

// Validity says which rows of a column have a value. It is part of every column; the zero value
// says that all have one.
type Validity struct {
	// One bit per row, the least significant one first, 1 where there is a value; nil if no row
	// is null.
	bits  []byte
	rows  int
	nulls int
}

// ValidityOf has a value for each row for which valid is true.
func ValidityOf(valid []bool) Validity {
	v := Validity{bits: packed(valid), rows: len(valid)}
	for _, has := range valid {
		if !has {
			v.nulls++
		}
	}
	if v.nulls == 0 {
		return Validity{}
	}
	return v
}

// NullCount is the number of rows without a value.
func (v *Validity) NullCount() int { return v.nulls }

// IsNull says whether the row has no value.
func (v *Validity) IsNull(row int) bool { return v.nulls != 0 && !bit(v.bits, row) }

// IsValid says whether the row has a value.
func (v *Validity) IsValid(row int) bool { return v.nulls == 0 || bit(v.bits, row) }

// KeepValid keeps those of rows that have a value, in place.
func (v *Validity) KeepValid(rows []uint32) []uint32 {
	if v.nulls == 0 {
		return rows
	}
	kept := 0
	for _, row := range rows {
		if bit(v.bits, int(row)) {
			rows[kept] = row
			kept++
		}
	}
	return rows[:kept]
}

// And has a value for each row for which both have one. Both are of as many rows.
func (v Validity) And(other Validity) Validity {
	switch {
	case v.nulls == 0:
		return other
	case other.nulls == 0:
		return v
	}
	both := Validity{bits: make([]byte, len(v.bits)), rows: v.rows, nulls: v.rows}
	for i := range both.bits {
		both.bits[i] = v.bits[i] & other.bits[i]
		if left := v.rows - i*8; left < 8 {
			both.bits[i] &= 1<<left - 1
		}
		both.nulls -= bits.OnesCount8(both.bits[i])
	}
	return both
}

func bit(bits []byte, row int) bool { return bits[row>>3]>>(row&7)&1 == 1 }

// packed makes one bit of each value.
func packed(values []bool) []byte {
	out := make([]byte, (len(values)+7)/8)
	whole := len(values) / 8
	for i := range whole {
		group := values[i*8 : i*8+8 : i*8+8]
		var b byte
		for at, value := range group {
			if value {
				b |= 1 << at
			}
		}
		out[i] = b
	}
	for row := whole * 8; row < len(values); row++ {
		if values[row] {
			out[row>>3] |= 1 << (row & 7)
		}
	}
	return out
}
