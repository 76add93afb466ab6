// Package codec writes states as bytes and reads them back.
package codec

import (
	"encoding"
	"fmt"
	"reflect"

	"millrace/internal/postcard"
)

// Codec writes and reads the states of one variable. It is found out once how, and not for each of
// them.
type Codec struct {
	value     reflect.Value
	raw       *[]byte
	appender  encoding.BinaryAppender
	marshaler encoding.BinaryMarshaler
	reader    encoding.BinaryUnmarshaler
}

// Of is the codec of the variable that state points to.
func Of(state any) Codec {
	c := Codec{value: reflect.ValueOf(state).Elem()}
	c.raw, _ = state.(*[]byte)
	c.appender, _ = state.(encoding.BinaryAppender)
	c.marshaler, _ = state.(encoding.BinaryMarshaler)
	c.reader, _ = state.(encoding.BinaryUnmarshaler)
	return c
}

// Check says whether such states can be written and read.
func (c *Codec) Check() error {
	if c.Overwrites() {
		return nil
	}
	if err := postcard.Check(c.value.Type()); err != nil {
		return fmt.Errorf("a state of type %s can't be kept: %w", c.value.Type(), err)
	}
	return nil
}

// Overwrites says that Read leaves nothing of what the variable had before.
func (c *Codec) Overwrites() bool {
	return c.raw != nil || c.reader != nil && (c.appender != nil || c.marshaler != nil)
}

// Append adds the variable's value to bytes.
func (c *Codec) Append(bytes []byte) ([]byte, error) {
	var own []byte
	var err error
	switch {
	case c.raw != nil:
		return append(bytes, *c.raw...), nil
	case c.reader != nil && c.appender != nil:
		bytes, err = c.appender.AppendBinary(bytes)
	case c.reader != nil && c.marshaler != nil:
		own, err = c.marshaler.MarshalBinary()
	default:
		bytes, err = postcard.Append(bytes, c.value)
	}
	if err != nil {
		return bytes, fmt.Errorf("can't write a state: %w", err)
	}
	return append(bytes, own...), nil
}

// Read gives the variable the value that bytes hold.
func (c *Codec) Read(bytes []byte) error {
	var err error
	switch {
	case c.raw != nil:
		*c.raw = append([]byte(nil), bytes...)
	case c.Overwrites():
		err = c.reader.UnmarshalBinary(bytes)
	default:
		err = postcard.Read(bytes, c.value)
	}
	if err != nil {
		return fmt.Errorf("can't read a state: %w", err)
	}
	return nil
}
