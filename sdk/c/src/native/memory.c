#include "memory.h"

#include <stdlib.h>

#include "../arena.h"

static millrace_text text_of(millrace_bytes bytes) {
    return (millrace_text){ (const char *)bytes.bytes, bytes.length };
}

static millrace_bytes copied(const memory *memory, millrace_bytes bytes) {
    return millrace_bytes_of((millrace_text){ millrace_copy(memory->arena, text_of(bytes)),
                                              bytes.length });
}

static bool belongs(const memory *memory, const stored *stored, uint32_t key, const char *name) {
    return stored->key == memory->keys[key] && strcmp(stored->name, name) == 0;
}

static stored *find(const memory *memory, uint32_t key, const char *map, millrace_bytes entry) {
    for (size_t at = 0; at < memory->count; at++) {
        stored *stored = &memory->stored[at];
        if (!stored->removed && !stored->list && belongs(memory, stored, key, map)
            && millrace_text_equal(text_of(stored->entry), text_of(entry))) {
            return stored;
        }
    }
    return NULL;
}

static void add(memory *memory, stored added) {
    if (memory->count == memory->capacity) {
        size_t capacity = memory->capacity * 2 + 8;
        size_t size = sizeof added;
        memory->stored = mr_arena_grow(
            memory->arena, memory->stored, memory->count * size, capacity * size
        );
        memory->capacity = capacity;
    }
    added.name = millrace_copy(memory->arena, millrace_text_of(added.name));
    memory->stored[memory->count++] = added;
}

static bool map_get(
    void *self, uint32_t key, const char *map, millrace_bytes entry, millrace_bytes *value
) {
    const stored *stored = find(self, key, map, entry);
    if (stored == NULL) {
        return false;
    }
    *value = stored->value;
    return true;
}

static void map_put(
    void *self, uint32_t key, const char *map, millrace_bytes entry, millrace_bytes value
) {
    memory *memory = self;
    stored *known = find(memory, key, map, entry);
    if (known != NULL) {
        known->value = copied(memory, value);
        return;
    }
    stored added = {
        .key = memory->keys[key],
        .name = map,
        .entry = copied(memory, entry),
        .value = copied(memory, value),
    };
    add(memory, added);
}

static void map_remove(void *self, uint32_t key, const char *map, millrace_bytes entry) {
    stored *stored = find(self, key, map, entry);
    if (stored != NULL) {
        stored->removed = true;
    }
}

static int by_name(const void *a, const void *b) {
    const millrace_entry *left = a;
    const millrace_entry *right = b;
    return millrace_text_compare(text_of(left->name), text_of(right->name));
}

static size_t map_scan(
    void *self, uint32_t key, const char *map, millrace_bytes after, uint32_t limit,
    const millrace_entry **entries
) {
    const memory *memory = self;
    millrace_entry *found = MILLRACE_ARRAY(memory->arena, millrace_entry, memory->count);
    size_t count = 0;
    for (size_t at = 0; at < memory->count; at++) {
        const stored *stored = &memory->stored[at];
        if (!stored->removed && !stored->list && belongs(memory, stored, key, map)
            && (after.bytes == NULL
                || millrace_text_compare(text_of(stored->entry), text_of(after)) > 0)) {
            found[count++] = (millrace_entry){ stored->entry, stored->value };
        }
    }
    qsort(found, count, sizeof *found, by_name);
    *entries = found;
    return count < limit ? count : limit;
}

static millrace_positions list_range(void *self, uint32_t key, const char *list) {
    const memory *memory = self;
    millrace_positions range = { 0, 0 };
    for (size_t at = 0; at < memory->count; at++) {
        const stored *stored = &memory->stored[at];
        if (stored->list && belongs(memory, stored, key, list)) {
            range.end = stored->position + 1;
            range.first = stored->removed ? range.end : range.first;
        }
    }
    return range;
}

static void list_append(void *self, uint32_t key, const char *list, millrace_bytes value) {
    memory *memory = self;
    stored added = {
        .key = memory->keys[key],
        .name = list,
        .list = true,
        .position = list_range(self, key, list).end,
        .value = copied(memory, value),
    };
    add(memory, added);
}

static size_t list_read(
    void *self, uint32_t key, const char *list, uint64_t from, uint32_t limit,
    const millrace_bytes **values
) {
    const memory *memory = self;
    millrace_bytes *found = MILLRACE_ARRAY(memory->arena, millrace_bytes, memory->count);
    size_t count = 0;
    for (size_t at = 0; at < memory->count && count < limit; at++) {
        const stored *stored = &memory->stored[at];
        if (!stored->removed && stored->list && belongs(memory, stored, key, list)
            && stored->position >= from) {
            found[count++] = stored->value;
        }
    }
    *values = found;
    return count;
}

static void list_remove(void *self, uint32_t key, const char *list, uint64_t before) {
    const memory *memory = self;
    for (size_t at = 0; at < memory->count; at++) {
        stored *stored = &memory->stored[at];
        if (stored->list && belongs(memory, stored, key, list) && stored->position < before) {
            stored->removed = true;
        }
    }
}

const large_state mr_memory_large_state = {
    .map_get = map_get,
    .map_put = map_put,
    .map_remove = map_remove,
    .map_scan = map_scan,
    .list_append = list_append,
    .list_range = list_range,
    .list_read = list_read,
    .list_remove = list_remove,
};
