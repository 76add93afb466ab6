#include "large.h"

#include "../cross.h"

/* The bindings lack a const; what goes to the host is only read. */
static guest_list_u8_t list_of(millrace_bytes bytes) {
    return (guest_list_u8_t){ (uint8_t *)(uintptr_t)bytes.bytes, bytes.length };
}

static millrace_bytes bytes_of(guest_list_u8_t list) {
    static const uint8_t none[1] = { 0 };
    return (millrace_bytes){ list.len == 0 ? none : list.ptr, list.len };
}

static bool map_get(
    void *self, uint32_t key, const char *map, millrace_bytes entry, millrace_bytes *value
) {
    (void)self;
    guest_string_t name = mr_cross_string(map);
    guest_list_u8_t bytes = list_of(entry);
    guest_list_u8_t found;
    if (!millrace_plugin_state_map_get(key, &name, &bytes, &found)) {
        return false;
    }
    *value = bytes_of(found);
    return true;
}

static void map_put(
    void *self, uint32_t key, const char *map, millrace_bytes entry, millrace_bytes value
) {
    (void)self;
    guest_string_t name = mr_cross_string(map);
    guest_list_u8_t bytes = list_of(entry);
    guest_list_u8_t written = list_of(value);
    millrace_plugin_state_map_put(key, &name, &bytes, &written);
}

static void map_remove(void *self, uint32_t key, const char *map, millrace_bytes entry) {
    (void)self;
    guest_string_t name = mr_cross_string(map);
    guest_list_u8_t bytes = list_of(entry);
    millrace_plugin_state_map_remove(key, &name, &bytes);
}

static size_t map_scan(
    void *self, uint32_t key, const char *map, millrace_bytes after, uint32_t limit,
    const millrace_entry **entries
) {
    (void)self;
    guest_string_t name = mr_cross_string(map);
    guest_list_u8_t bytes = list_of(after);
    guest_list_tuple2_list_u8_list_u8_t found;
    millrace_plugin_state_map_scan(key, &name, after.bytes == NULL ? NULL : &bytes, limit, &found);
    millrace_entry *all = MILLRACE_ARRAY(&mr_call_arena, millrace_entry, found.len);
    for (size_t at = 0; at < found.len; at++) {
        all[at] = (millrace_entry){ bytes_of(found.ptr[at].f0), bytes_of(found.ptr[at].f1) };
    }
    *entries = all;
    return found.len;
}

static void list_append(void *self, uint32_t key, const char *list, millrace_bytes value) {
    (void)self;
    guest_string_t name = mr_cross_string(list);
    guest_list_u8_t written = list_of(value);
    millrace_plugin_state_list_append(key, &name, &written);
}

static millrace_positions list_range(void *self, uint32_t key, const char *list) {
    (void)self;
    guest_string_t name = mr_cross_string(list);
    guest_tuple2_u64_u64_t range;
    millrace_plugin_state_list_range(key, &name, &range);
    return (millrace_positions){ range.f0, range.f1 };
}

static size_t list_read(
    void *self, uint32_t key, const char *list, uint64_t from, uint32_t limit,
    const millrace_bytes **values
) {
    (void)self;
    guest_string_t name = mr_cross_string(list);
    guest_list_list_u8_t found;
    millrace_plugin_state_list_read(key, &name, from, limit, &found);
    millrace_bytes *all = MILLRACE_ARRAY(&mr_call_arena, millrace_bytes, found.len);
    for (size_t at = 0; at < found.len; at++) {
        all[at] = bytes_of(found.ptr[at]);
    }
    *values = all;
    return found.len;
}

static void list_remove(void *self, uint32_t key, const char *list, uint64_t before) {
    (void)self;
    guest_string_t name = mr_cross_string(list);
    millrace_plugin_state_list_remove(key, &name, before);
}

const large_state mr_host_large_state = {
    .map_get = map_get,
    .map_put = map_put,
    .map_remove = map_remove,
    .map_scan = map_scan,
    .list_append = list_append,
    .list_range = list_range,
    .list_read = list_read,
    .list_remove = list_remove,
};
