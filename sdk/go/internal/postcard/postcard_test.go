package postcard

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

type inner struct {
	Tags []string
	Next *inner
}

type everything struct {
	Truth   bool
	Small   int8
	Number  int64
	Natural uint32
	Share   float32
	Exact   float64
	Text    string
	Raw     []byte
	Four    [4]uint8
	Maybe   *int
	Counts  map[string]uint64
	Nested  []inner
	At      time.Time
}

func TestValuesComeBackAsTheyWere(t *testing.T) {
	number := -7
	for _, value := range []everything{
		{Raw: []byte{}, Counts: map[string]uint64{}, Nested: []inner{}},
		{
			true, -128, -1 << 63, 1<<32 - 1, 0.1, 1e300, "Zürich", []byte{0, 255}, [4]uint8{1, 2, 3, 4},
			&number, map[string]uint64{"b": 2, "a": 1, "": 1 << 63},
			[]inner{{[]string{"x", ""}, &inner{[]string{}, nil}}}, time.Unix(5, 6).UTC(),
		},
	} {
		if err := Check(reflect.TypeOf(value)); err != nil {
			t.Fatal(err)
		}
		bytes, err := Append([]byte("before"), reflect.ValueOf(&value).Elem())
		if err != nil {
			t.Fatal(err)
		}
		bytes = bytes[len("before"):]
		var back everything
		if err := Read(bytes, reflect.ValueOf(&back).Elem()); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(value, back) {
			t.Errorf("%+v became %+v", value, back)
		}
		for end := range bytes {
			if err := Read(bytes[:end], reflect.ValueOf(new(everything)).Elem()); err == nil {
				t.Fatalf("%d of %d bytes were taken", end, len(bytes))
			}
		}
		if err := Read(append(bytes, 0), reflect.ValueOf(&back).Elem()); err == nil {
			t.Error("a byte too many was taken")
		}
	}
}

// The format is that of the crate postcard.
func TestBytesAreThoseOfPostcard(t *testing.T) {
	value := struct {
		A uint16
		B int32
		C *uint8
		D string
		E []uint64
	}{300, -3, new(uint8), "hi", []uint64{1, 128}}
	bytes, err := Append(nil, reflect.ValueOf(value))
	want := []byte{0xac, 0x02, 0x05, 1, 0, 2, 'h', 'i', 2, 1, 0x80, 0x01}
	if err != nil || !reflect.DeepEqual(bytes, want) {
		t.Errorf("%x, and should be %x: %v", bytes, want, err)
	}
}

func TestWhatWouldBeLostIsRefused(t *testing.T) {
	for expected, value := range map[string]any{
		"`hidden` of":        struct{ hidden int }{},
		"chan int can't be":  struct{ C chan int }{},
		"func() can't be":    []func(){},
		"interface {} can't": map[string]any{},
		"have no order":      map[[2]int]int{},
		"`inner` of":         struct{ S struct{ inner int } }{},
	} {
		err := Check(reflect.TypeOf(value))
		if err == nil || !strings.Contains(err.Error(), expected) {
			t.Errorf("%s: %v", expected, err)
		}
	}
}
