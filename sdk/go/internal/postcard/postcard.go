// Package postcard writes values in the format of the same name (https://postcard.jamesmunns.com):
// the exported fields of a struct in their order and without names, integers as varints, texts and
// lists with their lengths in front. The SDK for Rust keeps its states in it, too.
package postcard

import (
	"cmp"
	"encoding"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
)

// Check says whether values of a type can be written and read.
func Check(of reflect.Type) error { return check(of, map[reflect.Type]bool{}) }

func check(of reflect.Type, seen map[reflect.Type]bool) error {
	if seen[of] || isBinary(of) {
		return nil
	}
	seen[of] = true
	switch of.Kind() {
	case reflect.Struct:
		for i := range of.NumField() {
			field := of.Field(i)
			if !field.IsExported() {
				return fmt.Errorf("field `%s` of %s is not exported: export it, or write the "+
					"methods AppendBinary and UnmarshalBinary", field.Name, of)
			}
			if err := check(field.Type, seen); err != nil {
				return err
			}
		}
		return nil
	case reflect.Map:
		if err := check(of.Key(), seen); err != nil {
			return err
		}
		switch of.Key().Kind() {
		case reflect.Struct, reflect.Pointer, reflect.Array, reflect.Bool:
			return fmt.Errorf("the keys of %s have no order", of)
		}
		return check(of.Elem(), seen)
	case reflect.Pointer, reflect.Slice, reflect.Array:
		return check(of.Elem(), seen)
	case reflect.Bool, reflect.String, reflect.Float32, reflect.Float64,
		reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return nil
	}
	return fmt.Errorf("%s can't be written", of)
}

var (
	appender    = reflect.TypeFor[encoding.BinaryAppender]()
	unmarshaler = reflect.TypeFor[encoding.BinaryUnmarshaler]()
)

// isBinary says whether a type writes and reads itself, as time.Time does.
func isBinary(of reflect.Type) bool {
	pointer := reflect.PointerTo(of)
	return pointer.Implements(appender) && pointer.Implements(unmarshaler)
}

// Append adds a value to bytes. Its type must have passed Check.
func Append(bytes []byte, value reflect.Value) ([]byte, error) {
	var err error
	switch kind := value.Kind(); kind {
	case reflect.Bool:
		return append(bytes, truth(value.Bool())), nil
	case reflect.Int8:
		return append(bytes, byte(value.Int())), nil
	case reflect.Uint8:
		return append(bytes, byte(value.Uint())), nil
	case reflect.Int, reflect.Int16, reflect.Int32, reflect.Int64:
		return binary.AppendVarint(bytes, value.Int()), nil
	case reflect.Uint, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return binary.AppendUvarint(bytes, value.Uint()), nil
	case reflect.Float32:
		bits := math.Float32bits(float32(value.Float()))
		return binary.LittleEndian.AppendUint32(bytes, bits), nil
	case reflect.Float64:
		return binary.LittleEndian.AppendUint64(bytes, math.Float64bits(value.Float())), nil
	case reflect.String:
		bytes = binary.AppendUvarint(bytes, uint64(value.Len()))
		return append(bytes, value.String()...), nil
	}
	if isBinary(value.Type()) {
		own, err := addressable(value).(encoding.BinaryAppender).AppendBinary(nil)
		bytes = binary.AppendUvarint(bytes, uint64(len(own)))
		return append(bytes, own...), err
	}
	switch value.Kind() {
	case reflect.Pointer:
		bytes = append(bytes, truth(!value.IsNil()))
		if value.IsNil() {
			return bytes, nil
		}
		return Append(bytes, value.Elem())
	case reflect.Slice, reflect.Array:
		if value.Kind() == reflect.Slice {
			bytes = binary.AppendUvarint(bytes, uint64(value.Len()))
			if value.Type().Elem().Kind() == reflect.Uint8 {
				return append(bytes, value.Bytes()...), nil
			}
		}
		for i := range value.Len() {
			if bytes, err = Append(bytes, value.Index(i)); err != nil {
				return bytes, err
			}
		}
	case reflect.Map:
		bytes = binary.AppendUvarint(bytes, uint64(value.Len()))
		for _, key := range sorted(value.MapKeys()) {
			if bytes, err = Append(bytes, key); err != nil {
				return bytes, err
			}
			if bytes, err = Append(bytes, value.MapIndex(key)); err != nil {
				return bytes, err
			}
		}
	case reflect.Struct:
		for i := range value.NumField() {
			if bytes, err = Append(bytes, value.Field(i)); err != nil {
				return bytes, err
			}
		}
	default:
		err = fmt.Errorf("%s can't be written", value.Type())
	}
	return bytes, err
}

// Read gives into the value that bytes hold, all of them.
func Read(bytes []byte, into reflect.Value) error {
	rest, err := read(bytes, into)
	if err == nil && len(rest) > 0 {
		err = fmt.Errorf("%d bytes are left over", len(rest))
	}
	return err
}

var errShort = errors.New("the bytes end too early")

func read(bytes []byte, into reflect.Value) (rest []byte, err error) {
	switch kind := into.Kind(); kind {
	case reflect.Bool, reflect.Int8, reflect.Uint8:
		if len(bytes) < 1 {
			return nil, errShort
		}
		switch kind {
		case reflect.Bool:
			into.SetBool(bytes[0] != 0)
		case reflect.Int8:
			into.SetInt(int64(int8(bytes[0])))
		default:
			into.SetUint(uint64(bytes[0]))
		}
		return bytes[1:], nil
	case reflect.Int, reflect.Int16, reflect.Int32, reflect.Int64:
		number, size := binary.Varint(bytes)
		if size <= 0 || into.OverflowInt(number) {
			return nil, errShort
		}
		into.SetInt(number)
		return bytes[size:], nil
	case reflect.Uint, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		number, size := binary.Uvarint(bytes)
		if size <= 0 || into.OverflowUint(number) {
			return nil, errShort
		}
		into.SetUint(number)
		return bytes[size:], nil
	case reflect.Float32:
		if len(bytes) < 4 {
			return nil, errShort
		}
		into.SetFloat(float64(math.Float32frombits(binary.LittleEndian.Uint32(bytes))))
		return bytes[4:], nil
	case reflect.Float64:
		if len(bytes) < 8 {
			return nil, errShort
		}
		into.SetFloat(math.Float64frombits(binary.LittleEndian.Uint64(bytes)))
		return bytes[8:], nil
	case reflect.String:
		text, rest, err := prefixed(bytes)
		into.SetString(string(text))
		return rest, err
	}
	if isBinary(into.Type()) {
		own, rest, err := prefixed(bytes)
		if err == nil {
			err = into.Addr().Interface().(encoding.BinaryUnmarshaler).UnmarshalBinary(own)
		}
		return rest, err
	}
	return readMany(bytes, into)
}

func readMany(bytes []byte, into reflect.Value) (rest []byte, err error) {
	count := 0
	if kind := into.Kind(); kind == reflect.Slice || kind == reflect.Map {
		number, size := binary.Uvarint(bytes)
		// Each item takes a byte at least, unless it holds nothing.
		if size <= 0 || number > uint64(len(bytes)) && into.Type().Elem().Size() > 0 {
			return nil, errShort
		}
		bytes, count = bytes[size:], int(number)
	}
	switch into.Kind() {
	case reflect.Pointer:
		if len(bytes) < 1 {
			return nil, errShort
		}
		into.SetZero()
		if bytes[0] == 0 {
			return bytes[1:], nil
		}
		into.Set(reflect.New(into.Type().Elem()))
		return read(bytes[1:], into.Elem())
	case reflect.Slice:
		into.Set(reflect.MakeSlice(into.Type(), count, count))
		if into.Type().Elem().Kind() == reflect.Uint8 {
			if len(bytes) < count {
				return nil, errShort
			}
			reflect.Copy(into, reflect.ValueOf(bytes[:count]).Convert(into.Type()))
			return bytes[count:], nil
		}
		fallthrough
	case reflect.Array:
		for i := range into.Len() {
			if bytes, err = read(bytes, into.Index(i)); err != nil {
				return nil, err
			}
		}
	case reflect.Map:
		into.Set(reflect.MakeMapWithSize(into.Type(), count))
		for range count {
			key := reflect.New(into.Type().Key()).Elem()
			item := reflect.New(into.Type().Elem()).Elem()
			if bytes, err = read(bytes, key); err != nil {
				return nil, err
			}
			if bytes, err = read(bytes, item); err != nil {
				return nil, err
			}
			into.SetMapIndex(key, item)
		}
	case reflect.Struct:
		for i := range into.NumField() {
			if bytes, err = read(bytes, into.Field(i)); err != nil {
				return nil, err
			}
		}
	default:
		return nil, fmt.Errorf("%s can't be read", into.Type())
	}
	return bytes, nil
}

// prefixed are bytes with their length in front, and what follows them.
func prefixed(bytes []byte) (own, rest []byte, err error) {
	length, size := binary.Uvarint(bytes)
	if size <= 0 || length > uint64(len(bytes)-size) {
		return nil, nil, errShort
	}
	end := size + int(length)
	return bytes[size:end], bytes[end:], nil
}

// addressable is a pointer to the value, or to a copy of one in a map.
func addressable(value reflect.Value) any {
	if !value.CanAddr() {
		copied := reflect.New(value.Type())
		copied.Elem().Set(value)
		return copied.Interface()
	}
	return value.Addr().Interface()
}

// sorted are the keys of a map in their order, so that equal maps are equal bytes.
func sorted(keys []reflect.Value) []reflect.Value {
	slices.SortFunc(keys, func(a, b reflect.Value) int {
		switch {
		case a.CanInt():
			return cmp.Compare(a.Int(), b.Int())
		case a.CanUint():
			return cmp.Compare(a.Uint(), b.Uint())
		case a.CanFloat():
			return cmp.Compare(a.Float(), b.Float())
		}
		return cmp.Compare(a.String(), b.String())
	})
	return keys
}

func truth(value bool) byte {
	if value {
		return 1
	}
	return 0
}
