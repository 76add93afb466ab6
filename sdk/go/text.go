package millrace

import (
	"math"
	"slices"
	"unicode/utf8"
	"unsafe"
)

// texts are values of any length, one after the other.
type texts struct {
	Validity
	// Where each value begins in bytes, and where the last one ends.
	offsets []int32
	bytes   []byte
}

// Len is the number of rows.
func (c *texts) Len() int { return max(len(c.offsets)-1, 0) }

// Bytes are the bytes of a row, not to be changed.
func (c *texts) Bytes(row int) []byte {
	ends := c.offsets[row : row+2]
	return c.bytes[ends[0]:ends[1]]
}

// TextColumn is a column of text.
type TextColumn struct{ texts }

// NewTextColumn is a column of these texts. None of them is null.
func NewTextColumn(values []string) *TextColumn {
	var builder TextBuilder
	for _, value := range values {
		builder.Append(value)
	}
	return builder.Finish()
}

// WithValidity is the column with other nulls.
func (c *TextColumn) WithValidity(validity Validity) *TextColumn {
	return &TextColumn{texts{Validity: validity, offsets: c.offsets, bytes: c.bytes}}
}

// Type is Utf8.
func (c *TextColumn) Type() Type { return Utf8 }

// Value is the text of a row, without a copy: it keeps the whole batch in memory as long as it is
// kept itself.
func (c *TextColumn) Value(row int) string {
	bytes := c.Bytes(row)
	return unsafe.String(unsafe.SliceData(bytes), len(bytes))
}

// Get is the text of a row, and whether it has one.
func (c *TextColumn) Get(row int) (string, bool) {
	if c.IsNull(row) {
		return "", false
	}
	return c.Value(row), true
}

// BinaryColumn is a column of bytes.
type BinaryColumn struct{ texts }

// NewBinaryColumn is a column of these values. None of them is null.
func NewBinaryColumn(values [][]byte) *BinaryColumn {
	var builder BinaryBuilder
	for _, value := range values {
		builder.Append(value)
	}
	return builder.Finish()
}

// WithValidity is the column with other nulls.
func (c *BinaryColumn) WithValidity(validity Validity) *BinaryColumn {
	return &BinaryColumn{texts{Validity: validity, offsets: c.offsets, bytes: c.bytes}}
}

// Type is Binary.
func (c *BinaryColumn) Type() Type { return Binary }

// Value are the bytes of a row, not to be changed.
func (c *BinaryColumn) Value(row int) []byte { return c.Bytes(row) }

// Get are the bytes of a row, and whether it has a value.
func (c *BinaryColumn) Get(row int) ([]byte, bool) {
	if c.IsNull(row) {
		return nil, false
	}
	return c.Value(row), true
}

// AsText is the column as text, without a copy, if all of its values are valid UTF-8.
func (c *BinaryColumn) AsText() (text *TextColumn, ok bool) {
	if !isASCII(c.bytes) {
		for row := range c.Len() {
			if c.IsValid(row) && !utf8.Valid(c.Bytes(row)) {
				return nil, false
			}
		}
	}
	return &TextColumn{c.texts}, true
}

// isASCII looks at eight bytes at once: most text is nothing else.
func isASCII(bytes []byte) bool {
	words := sliceOf[uint64](bytes)
	var seen uint64
	for _, word := range words {
		seen |= word
	}
	for _, b := range bytes[len(words)*8:] {
		seen |= uint64(b)
	}
	return seen&0x8080808080808080 == 0
}

// textsBuilder grows values of any length.
type textsBuilder struct {
	offsets []int32
	bytes   []byte
	valid   validityBuilder
}

// Len is the number of rows so far.
func (b *textsBuilder) Len() int { return max(len(b.offsets)-1, 0) }

// Reserve makes room for so many more rows and bytes.
func (b *textsBuilder) Reserve(rows, bytes int) {
	b.offsets = slices.Grow(b.offsets, rows+1)
	b.bytes = slices.Grow(b.bytes, bytes)
}

// AppendNull adds a row without a value.
func (b *textsBuilder) AppendNull() {
	b.end()
	b.valid.null(len(b.offsets) - 2)
}

func (b *textsBuilder) forgetNulls() { b.valid = validityBuilder{} }

// Truncate forgets all rows from rows on.
func (b *textsBuilder) Truncate(rows int) {
	if b.Len() <= rows {
		return
	}
	b.offsets = b.offsets[:rows+1]
	b.bytes = b.bytes[:b.offsets[rows]]
	b.valid.truncate(rows)
}

// end notes that a value has been added to bytes.
func (b *textsBuilder) end() {
	if len(b.offsets) == 0 {
		b.offsets = append(b.offsets, 0)
	}
	if len(b.bytes) > math.MaxInt32 {
		panic("a column of more than 2 GiB")
	}
	b.offsets = append(b.offsets, int32(len(b.bytes)))
}

func (b *textsBuilder) finish() texts {
	if len(b.offsets) == 0 {
		b.offsets = []int32{0}
	}
	return texts{Validity: b.valid.finish(b.Len()), offsets: b.offsets, bytes: b.bytes}
}

// TextBuilder grows a column of text, row by row.
type TextBuilder struct{ textsBuilder }

// Append adds a text. It must be valid UTF-8.
func (b *TextBuilder) Append(value string) {
	b.bytes = append(b.bytes, value...)
	b.end()
}

// AppendBytes adds a text, given as its bytes.
func (b *TextBuilder) AppendBytes(value []byte) {
	b.bytes = append(b.bytes, value...)
	b.end()
}

// AppendWith adds the text that write appends to what it is given.
func (b *TextBuilder) AppendWith(write func(text []byte) []byte) {
	b.bytes = write(b.bytes)
	b.end()
}

// Finish is the column; the builder is then to be thrown away.
func (b *TextBuilder) Finish() *TextColumn { return &TextColumn{b.finish()} }

// BinaryBuilder grows a column of bytes, row by row.
type BinaryBuilder struct{ textsBuilder }

// Append adds a value.
func (b *BinaryBuilder) Append(value []byte) {
	b.bytes = append(b.bytes, value...)
	b.end()
}

// AppendWith adds the bytes that write appends to what it is given.
func (b *BinaryBuilder) AppendWith(write func(bytes []byte) []byte) {
	b.bytes = write(b.bytes)
	b.end()
}

// Finish is the column; the builder is then to be thrown away.
func (b *BinaryBuilder) Finish() *BinaryColumn { return &BinaryColumn{b.finish()} }
