package keyed

// Store keeps the maps and lists of keys: the host, or memory in a test. Keys are numbers within
// the batch.
type Store interface {
	MapGet(key uint32, name string, entry []byte) (value []byte, found bool)
	MapPut(key uint32, name string, entry, value []byte)
	MapRemove(key uint32, name string, entry []byte)
	MapScan(key uint32, name string, after []byte, limit uint32) []Entry
	ListAppend(key uint32, name string, value []byte)
	ListRange(key uint32, name string) (first, end uint64)
	ListRead(key uint32, name string, from uint64, limit uint32) [][]byte
	ListRemove(key uint32, name string, before uint64)
}

// Entry is an entry of a map.
type Entry struct {
	Key   []byte
	Value []byte
}

// Map is a map of the current key, for what is too large to come and go with each batch. Every call
// crosses to the host. An entry has at most 64 KiB, a value 16 MiB.
type Map struct {
	store Store
	key   uint32
	name  string
}

// Map is the map of the current key with this name; it need not be made.
func (e *events) Map(name string) Map { return Map{e.store, uint32(e.key), name} }

// Get is the value of an entry, if it is there.
func (m Map) Get(entry []byte) (value []byte, found bool) {
	return m.store.MapGet(m.key, m.name, entry)
}

// Put sets an entry.
func (m Map) Put(entry, value []byte) { m.store.MapPut(m.key, m.name, entry, value) }

// Remove removes an entry, if it is there.
func (m Map) Remove(entry []byte) { m.store.MapRemove(m.key, m.name, entry) }

// Scan are up to limit entries in the order of their bytes: those after the entry after, or from
// the first one on if it is nil.
func (m Map) Scan(after []byte, limit uint32) []Entry {
	return m.store.MapScan(m.key, m.name, after, limit)
}

// List is a list of the current key; see Map.
type List struct {
	store Store
	key   uint32
	name  string
}

// List is the list of the current key with this name; it need not be made.
func (e *events) List(name string) List { return List{e.store, uint32(e.key), name} }

// Append adds a value at the end.
func (l List) Append(value []byte) { l.store.ListAppend(l.key, l.name, value) }

// Range are the positions of the first value, and one beyond the last. A value keeps its position
// when others before it are removed.
func (l List) Range() (first, end uint64) { return l.store.ListRange(l.key, l.name) }

// Read are up to limit values from the position from on.
func (l List) Read(from uint64, limit uint32) [][]byte {
	return l.store.ListRead(l.key, l.name, from, limit)
}

// Remove removes the values before the position before.
func (l List) Remove(before uint64) { l.store.ListRemove(l.key, l.name, before) }
