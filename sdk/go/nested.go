package millrace

import "fmt"

// ListColumn is a column of lists.
type ListColumn struct {
	Validity
	item    Field
	offsets []int32
	items   AnyColumn
}

// NewListColumn is a column of lists with these lengths, whose items stand one after the other in
// items. The field says how an item is called and whether it may be null; its type is that of
// items. It panics if the lengths don't add up.
func NewListColumn(item Field, lengths []int, items AnyColumn) *ListColumn {
	item.Type = items.Type()
	return &ListColumn{item: item, offsets: offsetsOf(lengths, items.Len()), items: items}
}

// WithValidity is the column with other nulls. A list that is null has the length 0.
func (c *ListColumn) WithValidity(validity Validity) *ListColumn {
	return &ListColumn{Validity: validity, item: c.item, offsets: c.offsets, items: c.items}
}

// Type is a List.
func (c *ListColumn) Type() Type { return List(c.item) }

// Len is the number of rows.
func (c *ListColumn) Len() int { return max(len(c.offsets)-1, 0) }

// Range says where the items of a row stand in Items: from start to before end.
func (c *ListColumn) Range(row int) (start, end int) {
	return int(c.offsets[row]), int(c.offsets[row+1])
}

// Items are the items of all rows.
func (c *ListColumn) Items() AnyColumn { return c.items }

// StructColumn is a column of records.
type StructColumn struct {
	Validity
	fields  []Field
	columns []AnyColumn
	rows    int
}

// NewStructColumn is a column of records with these fields, one column for each, all of one length.
// The types of the fields are those of the columns. It panics if there are not as many columns as
// fields.
func NewStructColumn(fields []Field, columns ...AnyColumn) *StructColumn {
	if len(fields) != len(columns) || len(columns) == 0 {
		panic(fmt.Sprintf("%d columns for %d fields of a struct", len(columns), len(fields)))
	}
	typed := make([]Field, len(fields))
	for i, field := range fields {
		field.Type = columns[i].Type()
		typed[i] = field
	}
	return &StructColumn{fields: typed, columns: columns, rows: columns[0].Len()}
}

// WithValidity is the column with other nulls.
func (c *StructColumn) WithValidity(validity Validity) *StructColumn {
	return &StructColumn{Validity: validity, fields: c.fields, columns: c.columns, rows: c.rows}
}

// Type is a Struct.
func (c *StructColumn) Type() Type { return Struct(c.fields...) }

// Len is the number of rows.
func (c *StructColumn) Len() int { return c.rows }

// Fields are the names and types of the fields.
func (c *StructColumn) Fields() Schema { return c.fields }

// Column has the values of the field at this place, one for each row.
func (c *StructColumn) Column(at int) AnyColumn { return c.columns[at] }

// MapColumn is a column of key-value pairs.
type MapColumn struct {
	Validity
	entries Field
	offsets []int32
	pairs   *StructColumn
}

// NewMapColumn is a column of maps with so many entries each; the entries of all rows stand one
// after the other in keys and values. It panics if the lengths don't add up.
func NewMapColumn(lengths []int, keys, values AnyColumn) *MapColumn {
	fields := Map(keys.Type(), values.Type()).Children[0]
	pairs := NewStructColumn(fields.Type.Children, keys, values)
	return &MapColumn{entries: fields, offsets: offsetsOf(lengths, pairs.Len()), pairs: pairs}
}

// WithValidity is the column with other nulls.
func (c *MapColumn) WithValidity(validity Validity) *MapColumn {
	return &MapColumn{Validity: validity, entries: c.entries, offsets: c.offsets, pairs: c.pairs}
}

// Type is a Map.
func (c *MapColumn) Type() Type { return Type{Kind: KindMap, Children: []Field{c.entries}} }

// Len is the number of rows.
func (c *MapColumn) Len() int { return max(len(c.offsets)-1, 0) }

// Range says where the entries of a row stand in Keys and Values: from start to before end.
func (c *MapColumn) Range(row int) (start, end int) {
	return int(c.offsets[row]), int(c.offsets[row+1])
}

// Keys are the keys of all rows; none is null.
func (c *MapColumn) Keys() AnyColumn { return c.pairs.columns[0] }

// Values are the values of all rows.
func (c *MapColumn) Values() AnyColumn { return c.pairs.columns[1] }

func offsetsOf(lengths []int, total int) []int32 {
	offsets := make([]int32, len(lengths)+1)
	end := 0
	for i, length := range lengths {
		end += length
		offsets[i+1] = int32(end)
	}
	if end != total {
		panic(fmt.Sprintf("the lengths add up to %d, and there are %d items", end, total))
	}
	return offsets
}
