#include "counts.h"

#include <stdlib.h>

static size_t hash(millrace_text text) {
    uint32_t hash = UINT32_C(2166136261);
    for (size_t at = 0; at < text.length; at++) {
        hash = (hash ^ (uint8_t)text.bytes[at]) * UINT32_C(16777619);
    }
    return hash ^ hash >> 15;
}

/* The slot of a text, or the free one where it belongs. */
static count *slot_of(const counts *counts, millrace_text text) {
    for (size_t at = hash(text);; at++) {
        count *slot = &counts->slots[at & (counts->capacity - 1)];
        if (slot->text.bytes == NULL || millrace_text_equal(slot->text, text)) {
            return slot;
        }
    }
}

static void grow(counts *counts) {
    struct counts old = *counts;
    counts->capacity = old.capacity == 0 ? 16 : old.capacity * 2;
    counts->slots = millrace_alloc_zeroed(counts->arena, counts->capacity, sizeof(count));
    for (size_t at = 0; at < old.capacity; at++) {
        if (old.slots[at].text.bytes != NULL) {
            *slot_of(counts, old.slots[at].text) = old.slots[at];
        }
    }
}

void counts_add(counts *counts, millrace_text text, uint64_t more) {
    if (counts->used * 2 >= counts->capacity) {
        grow(counts);
    }
    count *slot = slot_of(counts, text);
    if (slot->text.bytes == NULL) {
        slot->text = text;
        counts->used++;
    }
    slot->count += more;
}

bool counts_read(counts *counts, millrace_bytes state) {
    millrace_reader reader = millrace_read_from(state);
    while (millrace_read_more(&reader)) {
        millrace_text text = millrace_read_text(&reader);
        uint64_t count = millrace_read_uint(&reader);
        if (!reader.failed) {
            counts_add(counts, text, count);
        }
    }
    return !reader.failed;
}

static int by_text(const void *a, const void *b) {
    return millrace_text_compare(((const count *)a)->text, ((const count *)b)->text);
}

count *counts_sorted(const counts *counts) {
    count *sorted = MILLRACE_ARRAY(counts->arena, count, counts->used);
    size_t left = 0;
    for (size_t at = 0; at < counts->capacity; at++) {
        if (counts->slots[at].text.bytes != NULL) {
            sorted[left++] = counts->slots[at];
        }
    }
    qsort(sorted, left, sizeof(count), by_text);
    return sorted;
}

void counts_write(const counts *counts, millrace_states *states, size_t group) {
    millrace_writer writer = { .arena = counts->arena };
    const count *sorted = counts_sorted(counts);
    for (size_t at = 0; at < counts->used; at++) {
        millrace_write_text(&writer, sorted[at].text);
        millrace_write_uint(&writer, sorted[at].count);
    }
    millrace_bytes written = millrace_written(&writer);
    millrace_states_set(states, group, written.bytes, written.length);
}
