/* The most frequent texts of a group, with their counts. */

#include <stdlib.h>

#include "counts.h"

typedef struct top_k {
    uint64_t k;
    uint64_t max_values; /* a group with more different texts than this fails */
} top_k;

static const millrace_field entry[] = {
    { .name = "value", .type = { .kind = MILLRACE_UTF8 } },
    { .name = "count", .type = { .kind = MILLRACE_UINT64 } },
};

static const millrace_field item = {
    .name = "item",
    .type = { .kind = MILLRACE_STRUCT, .children = entry, .child_count = 2 },
};

static millrace_status start(millrace_start *start) {
    top_k *plugin = MILLRACE_NEW(start->arena, top_k);
    *plugin = (top_k){ .k = 10, .max_values = 100000 };
    millrace_config config = millrace_config_root(start);
    millrace_config_uint64(&config, "k", MILLRACE_OPTIONAL, &plugin->k);
    millrace_config_uint64(&config, "max_values", MILLRACE_OPTIONAL, &plugin->max_values);
    millrace_config_end(&config);
    if (plugin->k == 0) {
        millrace_config_error(start, "k", "must be at least 1");
    }
    if (start->input.count != 1 || start->input.fields[0].type.kind != MILLRACE_UTF8) {
        return "it takes one text: cast the argument";
    }
    millrace_type result = { .kind = MILLRACE_LIST, .children = &item, .child_count = 1 };
    millrace_result(start, result);
    start->plugin = plugin;
    return MILLRACE_OK;
}

static millrace_status check(const top_k *plugin, const counts *counts) {
    if (counts->used > plugin->max_values) {
        return millrace_format(
            counts->arena, "more than %llu different texts", (unsigned long long)plugin->max_values
        );
    }
    return MILLRACE_OK;
}

#define NO_STATE "can't read a state"

static millrace_status update(
    void *self, millrace_states *states, const uint32_t *groups, const millrace_batch *rows
) {
    const top_k *plugin = self;
    millrace_arena *arena = rows->arena;
    const millrace_column *texts = &rows->columns[0];
    counts *all = millrace_alloc_zeroed(arena, millrace_states_count(states), sizeof(counts));
    for (uint32_t row = 0; row < rows->rows; row++) {
        counts *counts = &all[groups[row]];
        if (counts->arena == NULL) {
            counts->arena = arena;
            if (!counts_read(counts, millrace_states_get(states, groups[row]))) {
                return NO_STATE;
            }
        }
        if (millrace_is_valid(texts, row)) {
            counts_add(counts, millrace_text_at(texts, row), 1);
        }
    }
    for (size_t group = 0; group < millrace_states_count(states); group++) {
        millrace_status status = check(plugin, &all[group]);
        if (status != MILLRACE_OK) {
            return status;
        }
        if (all[group].arena != NULL) {
            counts_write(&all[group], states, group);
        }
    }
    return MILLRACE_OK;
}

static millrace_status merge(
    void *self, millrace_states *states, size_t group, millrace_bytes other
) {
    counts counts = { .arena = millrace_states_arena(states) };
    if (!counts_read(&counts, millrace_states_get(states, group)) || !counts_read(&counts, other)) {
        return NO_STATE;
    }
    counts_write(&counts, states, group);
    return check(self, &counts);
}

/* Of two texts that came as often, the smaller one is first. */
static int by_rank(const void *a, const void *b) {
    const count *left = a;
    const count *right = b;
    if (left->count != right->count) {
        return left->count > right->count ? -1 : 1;
    }
    return millrace_text_compare(left->text, right->text);
}

static millrace_status evaluate(
    void *self, const millrace_states *states, millrace_builder *results
) {
    const top_k *plugin = self;
    millrace_builder *entries = millrace_builder_child(results, 0);
    for (size_t group = 0; group < millrace_states_count(states); group++) {
        counts counts = { .arena = millrace_states_arena(states) };
        if (!counts_read(&counts, millrace_states_get(states, group))) {
            return NO_STATE;
        }
        count *ranked = counts_sorted(&counts);
        qsort(ranked, counts.used, sizeof(count), by_rank);
        for (size_t at = 0; at < counts.used && at < plugin->k; at++) {
            millrace_append_text(millrace_builder_child(entries, 0), ranked[at].text);
            millrace_append_uint(millrace_builder_child(entries, 1), ranked[at].count);
            millrace_append_struct(entries);
        }
        millrace_append_list(results);
    }
    return MILLRACE_OK;
}

const millrace_aggregate millrace_plugin = {
    .about = {
        .name = "top_k",
        .version = "0.1.0",
        .summary = "The most frequent texts of a group, with their counts",
    },
    .start = start,
    .update = update,
    .merge = merge,
    .evaluate = evaluate,
};
