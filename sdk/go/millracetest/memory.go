package millracetest

import (
	"maps"
	"slices"

	"millrace/keyed"
)

// memory is large state where there is no host.
type memory struct {
	maps  map[place]map[string][]byte
	lists map[place]*list
}

// place is a map or list of a key.
type place struct {
	key  int
	name string
}

// list is the values of a list, from the position first on.
type list struct {
	first  uint64
	values [][]byte
}

// store is the memory as a call sees it, with the number that each key of the batch has in it.
type store struct {
	memory *memory
	known  []int
}

func (s store) place(key uint32, name string) place { return place{s.known[key], name} }

func (s store) MapGet(key uint32, name string, entry []byte) ([]byte, bool) {
	value, found := s.memory.maps[s.place(key, name)][string(entry)]
	return slices.Clone(value), found
}

func (s store) MapPut(key uint32, name string, entry, value []byte) {
	at := s.place(key, name)
	if s.memory.maps[at] == nil {
		s.memory.maps[at] = map[string][]byte{}
	}
	s.memory.maps[at][string(entry)] = slices.Clone(value)
}

func (s store) MapRemove(key uint32, name string, entry []byte) {
	delete(s.memory.maps[s.place(key, name)], string(entry))
}

func (s store) MapScan(key uint32, name string, after []byte, limit uint32) []keyed.Entry {
	var found []keyed.Entry
	values := s.memory.maps[s.place(key, name)]
	for _, entry := range slices.Sorted(maps.Keys(values)) {
		if after != nil && entry <= string(after) {
			continue
		}
		if len(found) == int(limit) {
			break
		}
		value := slices.Clone(values[entry])
		found = append(found, keyed.Entry{Key: []byte(entry), Value: value})
	}
	return found
}

func (s store) ListAppend(key uint32, name string, value []byte) {
	at := s.place(key, name)
	if s.memory.lists[at] == nil {
		s.memory.lists[at] = &list{}
	}
	values := s.memory.lists[at]
	values.values = append(values.values, slices.Clone(value))
}

func (s store) ListRange(key uint32, name string) (first, end uint64) {
	if values := s.memory.lists[s.place(key, name)]; values != nil {
		return values.first, values.first + uint64(len(values.values))
	}
	return 0, 0
}

func (s store) ListRead(key uint32, name string, from uint64, limit uint32) [][]byte {
	first, end := s.ListRange(key, name)
	start := min(max(from, first), end)
	stop := min(start+uint64(limit), end)
	if start == stop {
		return nil
	}
	return slices.Clone(s.memory.lists[s.place(key, name)].values[start-first : stop-first])
}

func (s store) ListRemove(key uint32, name string, before uint64) {
	first, end := s.ListRange(key, name)
	if before = min(before, end); before > first {
		values := s.memory.lists[s.place(key, name)]
		values.values = values.values[before-first:]
		values.first = before
	}
}
