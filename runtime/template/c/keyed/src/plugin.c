/* Counts the rows of each key, and forgets a key that has been silent for an hour. */

#include <millrace/keyed.h>

#define HOUR INT64_C(3600000000)
/* The timer that forgets a key. */
#define FORGET 0

typedef struct counter {
    uint64_t limit;
} counter;

/* What is remembered of a key. After a change of this type, count up `state_version`. */
typedef struct count {
    uint64_t rows;
} count;

static millrace_status start(millrace_start *start) {
    counter *plugin = MILLRACE_NEW(start->arena, counter);
    millrace_config config = millrace_config_root(start);
    millrace_config_uint64(&config, "limit", MILLRACE_REQUIRED, &plugin->limit);
    millrace_config_end(&config);

    static const millrace_field added[] = {
        { .name = "count", .type = { .kind = MILLRACE_UINT64 } },
        { .name = "above", .type = { .kind = MILLRACE_BOOLEAN } },
    };
    millrace_port(start, "main", added, 2);
    start->plugin = plugin;
    return MILLRACE_OK;
}

static millrace_status process(void *self, millrace_keyed_batch *batch, millrace_output *out) {
    const counter *plugin = self;
    millrace_arena *arena = millrace_call_arena(batch);
    size_t room = millrace_rows(batch)->rows;
    uint32_t *rows = MILLRACE_ARRAY(arena, uint32_t, room);
    uint64_t *counts = MILLRACE_ARRAY(arena, uint64_t, room);
    bool *above = MILLRACE_ARRAY(arena, bool, room);
    size_t row_count = 0;
    millrace_event event;
    while (millrace_next(batch, &event)) {
        if (event.kind == MILLRACE_TIMER) {
            millrace_clear_state(batch);
            continue;
        }
        count *state = millrace_edit_state(batch, sizeof *state);
        state->rows += 1;
        rows[row_count] = event.row;
        counts[row_count] = state->rows;
        above[row_count] = state->rows > plugin->limit;
        row_count++;
        if (event.has_time) {
            millrace_set_timer(batch, FORGET, event.time + HOUR);
        }
    }
    millrace_column columns[] = {
        millrace_column_of_uint64s(arena, counts, NULL, row_count),
        millrace_column_of_bools(arena, above, NULL, row_count),
    };
    millrace_out_some(out, "main", rows, row_count, columns, 2);
    return MILLRACE_OK;
}

const millrace_keyed millrace_plugin = {
    .about = {
        .name = "plugin_name",
        .version = "0.1.0",
        .summary = "plugin_summary",
    },
    .state_version = 1,
    .start = start,
    .process = process,
};
