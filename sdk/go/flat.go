package millrace

import (
	"fmt"
	"slices"
	"unsafe"
)

// Flat is columns as they cross the boundary to the host. A plugin has nothing to do with it.
type Flat struct {
	Nodes   []Node
	Buffers [][]byte
}

// Node is a column, or a child of a nested one.
type Node struct {
	Length    int
	NullCount int
}

// Flatten makes columns ready to cross, without copying their values.
func Flatten(columns ...AnyColumn) *Flat {
	flat := &Flat{}
	for _, column := range columns {
		column.flatten(flat)
	}
	return flat
}

// Unflatten are the columns of a schema that have crossed, without a copy of their values.
func Unflatten(schema []Field, flat *Flat, rows int) ([]AnyColumn, error) {
	reader := flatReader{nodes: flat.Nodes, buffers: flat.Buffers}
	columns := make([]AnyColumn, len(schema))
	for i, field := range schema {
		column, err := reader.column(field.Type)
		if err == nil && column.Len() != rows {
			err = fmt.Errorf("%d values for %d rows", column.Len(), rows)
		}
		if err != nil {
			return nil, fmt.Errorf("column `%s`: %w", field.Name, err)
		}
		columns[i] = column
	}
	return columns, nil
}

func (f *Flat) node(rows int, validity Validity, buffers ...[]byte) {
	f.Nodes = append(f.Nodes, Node{Length: rows, NullCount: validity.nulls})
	bits := validity.bits
	if validity.nulls == 0 {
		bits = nil
	}
	f.Buffers = append(append(f.Buffers, bits), buffers...)
}

func (c *Column[T]) flatten(flat *Flat) { flat.node(len(c.Values), c.Validity, bytesOf(c.Values)) }

func (c *BoolColumn) flatten(flat *Flat) { flat.node(c.rows, c.Validity, c.bits) }

func (c *FixedBinaryColumn) flatten(flat *Flat) { flat.node(c.rows, c.Validity, c.bytes) }

func (c *texts) flatten(flat *Flat) {
	flat.node(c.Len(), c.Validity, bytesOf(c.offsets), c.bytes)
}

func (c *ListColumn) flatten(flat *Flat) {
	flat.node(c.Len(), c.Validity, bytesOf(c.offsets))
	c.items.flatten(flat)
}

func (c *StructColumn) flatten(flat *Flat) {
	flat.node(c.rows, c.Validity)
	for _, column := range c.columns {
		column.flatten(flat)
	}
}

func (c *MapColumn) flatten(flat *Flat) {
	flat.node(c.Len(), c.Validity, bytesOf(c.offsets))
	c.pairs.flatten(flat)
}

// flatReader takes columns off their nodes and buffers.
type flatReader struct {
	nodes   []Node
	buffers [][]byte
}

func (r *flatReader) column(dataType Type) (AnyColumn, error) {
	if len(r.nodes) == 0 {
		return nil, fmt.Errorf("its node is missing")
	}
	node := r.nodes[0]
	r.nodes = r.nodes[1:]
	bits, err := r.buffer((node.Length+7)/8, node.NullCount == 0)
	if err != nil {
		return nil, err
	}
	validity := Validity{}
	if node.NullCount > 0 {
		validity = Validity{bits: bits, rows: node.Length, nulls: node.NullCount}
	}
	switch dataType.Kind {
	case KindBoolean:
		bits, err := r.buffer((node.Length+7)/8, false)
		return &BoolColumn{Validity: validity, bits: bits, rows: node.Length}, err
	case KindInt8:
		return numbers[int8](r, dataType, node, validity)
	case KindInt16:
		return numbers[int16](r, dataType, node, validity)
	case KindInt32, KindDate32:
		return numbers[int32](r, dataType, node, validity)
	case KindInt64, KindTime64, KindTimestamp, KindDuration:
		return numbers[int64](r, dataType, node, validity)
	case KindUint8:
		return numbers[uint8](r, dataType, node, validity)
	case KindUint16:
		return numbers[uint16](r, dataType, node, validity)
	case KindUint32:
		return numbers[uint32](r, dataType, node, validity)
	case KindUint64:
		return numbers[uint64](r, dataType, node, validity)
	case KindFloat32:
		return numbers[float32](r, dataType, node, validity)
	case KindFloat64:
		return numbers[float64](r, dataType, node, validity)
	case KindDecimal128:
		return numbers[Int128](r, dataType, node, validity)
	case KindUtf8:
		values, err := r.texts(node, validity)
		return &TextColumn{values}, err
	case KindBinary:
		values, err := r.texts(node, validity)
		return &BinaryColumn{values}, err
	case KindFixedSizeBinary:
		size := int(dataType.Size)
		bytes, err := r.buffer(node.Length*size, false)
		return &FixedBinaryColumn{
			Validity: validity, size: size, rows: node.Length, bytes: bytes,
		}, err
	case KindList:
		return r.list(dataType, node, validity)
	case KindStruct:
		return r.records(dataType, node, validity)
	case KindMap:
		return r.maps(dataType, node, validity)
	}
	return nil, fmt.Errorf("its type %s is unknown", dataType)
}

func numbers[T Fixed](
	r *flatReader, dataType Type, node Node, validity Validity,
) (AnyColumn, error) {
	width := int(unsafe.Sizeof(*new(T)))
	buffer, err := r.buffer(node.Length*width, false)
	if err != nil {
		return nil, err
	}
	values := sliceOf[T](buffer)[:node.Length]
	return &Column[T]{Validity: validity, Values: values, dataType: dataType}, nil
}

func (r *flatReader) texts(node Node, validity Validity) (texts, error) {
	offsets, err := r.offsets(node)
	if err != nil {
		return texts{}, err
	}
	bytes, err := r.buffer(int(offsets[node.Length]), false)
	return texts{Validity: validity, offsets: offsets, bytes: bytes}, err
}

func (r *flatReader) list(dataType Type, node Node, validity Validity) (AnyColumn, error) {
	offsets, err := r.offsets(node)
	if err != nil {
		return nil, err
	}
	items, err := r.column(dataType.Children[0].Type)
	item := dataType.Children[0]
	return &ListColumn{Validity: validity, item: item, offsets: offsets, items: items}, err
}

func (r *flatReader) records(dataType Type, node Node, validity Validity) (*StructColumn, error) {
	column := &StructColumn{Validity: validity, fields: dataType.Children, rows: node.Length}
	for _, field := range dataType.Children {
		values, err := r.column(field.Type)
		if err != nil {
			return nil, err
		}
		column.columns = append(column.columns, values)
	}
	return column, nil
}

func (r *flatReader) maps(dataType Type, node Node, validity Validity) (AnyColumn, error) {
	offsets, err := r.offsets(node)
	if err != nil {
		return nil, err
	}
	entries := dataType.Children[0]
	pairs, err := r.column(entries.Type)
	if err != nil {
		return nil, err
	}
	column := &MapColumn{Validity: validity, entries: entries, offsets: offsets}
	column.pairs, _ = pairs.(*StructColumn)
	return column, nil
}

// offsets are those of a column of so many rows; there is always one more, also where the host
// sends none for an empty column.
func (r *flatReader) offsets(node Node) ([]int32, error) {
	buffer, err := r.buffer((node.Length+1)*4, node.Length == 0)
	if err != nil || len(buffer) == 0 {
		return []int32{0}, err
	}
	return sliceOf[int32](buffer)[:node.Length+1], nil
}

// buffer is the next buffer, of at least so many bytes unless it may be empty.
func (r *flatReader) buffer(bytes int, mayBeEmpty bool) ([]byte, error) {
	if len(r.buffers) == 0 {
		return nil, fmt.Errorf("a buffer is missing")
	}
	buffer := r.buffers[0]
	r.buffers = r.buffers[1:]
	if len(buffer) < bytes && !(mayBeEmpty && len(buffer) == 0) {
		return nil, fmt.Errorf("%d bytes where %d are needed", len(buffer), bytes)
	}
	return buffer, nil
}

// bytesOf are the bytes of numbers, without a copy: host and plugin are little-endian both.
func bytesOf[T Fixed](values []T) []byte {
	width := int(unsafe.Sizeof(*new(T)))
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(values))), len(values)*width)
}

// sliceOf are bytes as numbers, without a copy where they lie as numbers must.
func sliceOf[T Fixed](bytes []byte) []T {
	count := len(bytes) / int(unsafe.Sizeof(*new(T)))
	start := unsafe.Pointer(unsafe.SliceData(bytes))
	if uintptr(start)%unsafe.Alignof(*new(T)) != 0 {
		values := make([]T, count)
		copy(bytesOf(values), bytes)
		return values
	}
	return unsafe.Slice((*T)(start), count)
}

// AppendValues appends numbers to bytes as they lie in memory, for states.
func AppendValues[T Fixed](bytes []byte, values []T) []byte {
	return append(bytes, bytesOf(values)...)
}

// ReadValues appends the numbers that AppendValues has written to values. Bytes behind the last
// whole number are ignored.
func ReadValues[T Fixed](values []T, bytes []byte) []T {
	old := len(values)
	values = slices.Grow(values, len(bytes)/int(unsafe.Sizeof(*new(T))))
	values = values[:old+len(bytes)/int(unsafe.Sizeof(*new(T)))]
	copy(bytesOf(values[old:]), bytes)
	return values
}
