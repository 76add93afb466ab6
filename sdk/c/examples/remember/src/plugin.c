/* Does with state, timers and large state what its rows say, for the tests of SDKs. */

#include <inttypes.h>
#include <millrace/keyed.h>
#include <stdlib.h>

#define SECOND INT64_C(1000000)
#define ENTRIES_MAX 100

/* What is remembered of a key. */
typedef struct totals {
    uint64_t count;
    int64_t sum;
} totals;

static const millrace_field added[] = {
    { .name = "count", .type = { .kind = MILLRACE_UINT64 } },
    { .name = "sum", .type = { .kind = MILLRACE_INT64 } },
    { .name = "entries", .type = { .kind = MILLRACE_UINT64 } },
    { .name = "first", .type = { .kind = MILLRACE_UTF8 }, .nullable = true },
    { .name = "list_start", .type = { .kind = MILLRACE_UINT64 } },
    { .name = "list_end", .type = { .kind = MILLRACE_UINT64 } },
    { .name = "last", .type = { .kind = MILLRACE_UTF8 }, .nullable = true },
};

static const millrace_field reported[] = {
    { .name = "name", .type = { .kind = MILLRACE_UTF8 }, .nullable = true },
    { .name = "timer", .type = { .kind = MILLRACE_UINT32 }, .nullable = true },
    { .name = "clock", .type = { .kind = MILLRACE_UTF8 }, .nullable = true },
    { .name = "due", .type = { .kind = MILLRACE_INT64 }, .nullable = true },
    { .name = "count", .type = { .kind = MILLRACE_UINT64 }, .nullable = true },
    { .name = "sum", .type = { .kind = MILLRACE_INT64 }, .nullable = true },
};

#define ADDED (sizeof added / sizeof added[0])
#define REPORTED (sizeof reported / sizeof reported[0])

static bool has(const millrace_start *start, const char *name, millrace_kind kind) {
    const millrace_field *field = millrace_find_field(start->input, name);
    return field != NULL && field->type.kind == kind;
}

static millrace_status start(millrace_start *start) {
    millrace_config config = millrace_config_root(start);
    millrace_config_end(&config);
    if (!has(start, "op", MILLRACE_UTF8)) {
        millrace_config_error(start, "", "column `op` must be Utf8");
    }
    if (!has(start, "value", MILLRACE_INT64)) {
        millrace_config_error(start, "", "column `value` must be Int64");
    }
    if (start->key_count == 0 || !has(start, start->key[0], MILLRACE_UTF8)) {
        return "the first column of the key must be Utf8";
    }
    millrace_reads(start, "op");
    millrace_reads(start, "value");
    millrace_reads_key(start, start->key[0]);
    millrace_port(start, "main", added, ADDED);
    millrace_port(start, "reports", reported, REPORTED);
    return MILLRACE_OK;
}

/* Rows for one port, value by value. */
typedef struct port_rows {
    size_t count;
    size_t room;
    uint32_t *rows;
    millrace_builder *columns[ADDED];
    size_t column_count;
} port_rows;

static port_rows port_rows_new(
    millrace_arena *arena, const millrace_field *fields, size_t count, size_t room
) {
    port_rows rows = { .room = room,
                       .rows = MILLRACE_ARRAY(arena, uint32_t, room),
                       .column_count = count };
    for (size_t at = 0; at < count; at++) {
        rows.columns[at] = millrace_builder_new(arena, &fields[at].type, room);
    }
    return rows;
}

/* Notes the number of a row whose values were appended. */
static void note_row(millrace_arena *arena, port_rows *rows, uint32_t row) {
    if (rows->count == rows->room) {
        /* Timers may set timers, so nobody knows how many rows there will be. */
        size_t room = rows->room * 2 + 16;
        uint32_t *larger = MILLRACE_ARRAY(arena, uint32_t, room);
        memcpy(larger, rows->rows, rows->count * sizeof(uint32_t));
        rows->rows = larger;
        rows->room = room;
    }
    rows->rows[rows->count++] = row;
}

static void emit(millrace_output *out, const char *port, const port_rows *rows) {
    millrace_column columns[ADDED];
    for (size_t at = 0; at < rows->column_count; at++) {
        columns[at] = millrace_builder_finish(rows->columns[at]);
    }
    millrace_out_some(out, port, rows->rows, rows->count, columns, rows->column_count);
}

static totals totals_of(const millrace_keyed_batch *batch) {
    totals totals = { 0 };
    millrace_bytes state = millrace_state(batch);
    if (state.length == sizeof totals) {
        memcpy(&totals, state.bytes, sizeof totals);
    }
    return totals;
}

/* A number as text. */
static millrace_bytes number_bytes(millrace_arena *arena, int64_t value) {
    return millrace_bytes_of(millrace_text_of(millrace_format(arena, "%" PRId64, value)));
}

static int64_t wrapping_add(int64_t a, int64_t b) { return (int64_t)((uint64_t)a + (uint64_t)b); }

static int64_t seconds(int64_t value) { return (int64_t)((uint64_t)value * (uint64_t)SECOND); }

/* Does what a row asks for; false if there is no such operation. */
static bool done(
    millrace_keyed_batch *batch, millrace_text op, int64_t value, const millrace_event *event
) {
    millrace_arena *arena = millrace_call_arena(batch);
    int64_t after = wrapping_add(event->has_time ? event->time : 0, seconds(value));
    millrace_bytes text = number_bytes(arena, value);
    if (millrace_text_is(op, "add")) {
        totals *totals = millrace_edit_state(batch, sizeof *totals);
        totals->count += 1;
        totals->sum = wrapping_add(totals->sum, value);
    } else if (millrace_text_is(op, "timer")) {
        millrace_set_timer(batch, 1, after);
    } else if (millrace_text_is(op, "timer2")) {
        millrace_set_timer(batch, 2, after);
    } else if (millrace_text_is(op, "delay")) {
        uint64_t magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
        millrace_set_processing_timer(batch, 3, magnitude * (uint64_t)SECOND);
    } else if (millrace_text_is(op, "cancel")) {
        millrace_cancel_timer(batch, 1);
    } else if (millrace_text_is(op, "forget")) {
        millrace_clear_state(batch);
    } else if (millrace_text_is(op, "put")) {
        const char *count = millrace_format(arena, "%" PRIu64, totals_of(batch).count);
        millrace_map_put(batch, "m", text, millrace_bytes_of(millrace_text_of(count)));
    } else if (millrace_text_is(op, "drop")) {
        millrace_map_remove(batch, "m", text);
    } else if (millrace_text_is(op, "append")) {
        millrace_list_append(batch, "l", text);
    } else if (millrace_text_is(op, "trim")) {
        millrace_list_remove(batch, "l", value < 0 ? 0 : (uint64_t)value);
    } else {
        return false;
    }
    return true;
}

/* Appends what is remembered of the key at hand. */
static void look(millrace_keyed_batch *batch, port_rows *rows) {
    millrace_arena *arena = millrace_call_arena(batch);
    totals totals = totals_of(batch);
    const millrace_entry *entries = NULL;
    size_t count = millrace_map_scan(
        batch, "m", (millrace_bytes){ NULL, 0 }, ENTRIES_MAX, &entries
    );
    millrace_positions range = millrace_list_range(batch, "l");
    const millrace_bytes *last = NULL;
    size_t last_count = 0;
    if (range.end > range.first) {
        last_count = millrace_list_read(batch, "l", range.end - 1, 1, &last);
    }
    millrace_append_uint(rows->columns[0], totals.count);
    millrace_append_int(rows->columns[1], totals.sum);
    millrace_append_uint(rows->columns[2], count);
    if (count > 0) {
        const char *first = millrace_format(
            arena, "%.*s=%.*s", (int)entries[0].name.length, (const char *)entries[0].name.bytes,
            (int)entries[0].value.length, (const char *)entries[0].value.bytes
        );
        millrace_append_string(rows->columns[3], first);
    } else {
        millrace_append_null(rows->columns[3]);
    }
    millrace_append_uint(rows->columns[4], range.first);
    millrace_append_uint(rows->columns[5], range.end);
    if (last_count > 0) {
        millrace_append_bytes(rows->columns[6], last[0].bytes, last[0].length);
    } else {
        millrace_append_null(rows->columns[6]);
    }
}

/* Appends what a timer of the key at hand reports. */
static void report(
    const millrace_keyed_batch *batch, const millrace_event *event, port_rows *rows
) {
    totals totals = totals_of(batch);
    const millrace_column *names = &millrace_keys(batch)->columns[0];
    millrace_append_row(rows->columns[0], names, millrace_key(batch));
    millrace_append_uint(rows->columns[1], event->timer);
    if (event->clock == MILLRACE_EVENT_TIME) {
        millrace_append_string(rows->columns[2], "event");
        millrace_append_int(rows->columns[3], event->time);
    } else {
        millrace_append_string(rows->columns[2], "processing");
        millrace_append_null(rows->columns[3]);
    }
    millrace_append_uint(rows->columns[4], totals.count);
    millrace_append_int(rows->columns[5], totals.sum);
}

static millrace_status process(void *self, millrace_keyed_batch *batch, millrace_output *out) {
    (void)self;
    millrace_arena *arena = millrace_call_arena(batch);
    const millrace_batch *rows = millrace_rows(batch);
    const millrace_column *ops = &rows->columns[0];
    const millrace_column *values = &rows->columns[1];
    port_rows main = port_rows_new(arena, added, ADDED, rows->rows);
    port_rows reports = port_rows_new(arena, reported, REPORTED, rows->rows);
    millrace_event event;
    while (millrace_next(batch, &event)) {
        if (event.kind == MILLRACE_TIMER) {
            report(batch, &event, &reports);
            note_row(arena, &reports, millrace_key_row(batch));
            if (event.timer == 2) {
                millrace_set_timer(batch, 1, event.time + SECOND);
                ((totals *)millrace_edit_state(batch, sizeof(totals)))->count += 1;
            }
            continue;
        }
        millrace_text op = { "", 0 };
        if (millrace_is_valid(ops, event.row)) {
            op = millrace_text_at(ops, event.row);
        }
        bool has_value = millrace_is_valid(values, event.row);
        int64_t value = has_value ? millrace_int64s(values)[event.row] : 0;
        if (millrace_text_is(op, "refuse")) {
            millrace_row_error_in(out, event.row, "op", "refused", "the row asks to be refused");
        } else if (done(batch, op, value, &event)) {
            look(batch, &main);
            note_row(arena, &main, event.row);
        } else {
            millrace_row_error_in(
                out, event.row, "op", "unknown_op", "`%.*s` is no operation", (int)op.length,
                op.bytes
            );
        }
    }
    emit(out, "main", &main);
    emit(out, "reports", &reports);
    return MILLRACE_OK;
}

/* Version 1 was `COUNT,SUM` as text. */
static millrace_status migrate(
    millrace_arena *arena, uint32_t version, millrace_bytes state, millrace_bytes *migrated
) {
    (void)version;
    millrace_text text = { (const char *)state.bytes, state.length };
    const char *count = millrace_copy(arena, text);
    char *comma = NULL;
    char *end = NULL;
    totals *totals = MILLRACE_NEW(arena, struct totals);
    totals->count = strtoull(count, &comma, 10);
    if (comma != count && *comma == ',') {
        totals->sum = strtoll(comma + 1, &end, 10);
        if (end != comma + 1 && *end == '\0') {
            *migrated = (millrace_bytes){ (const uint8_t *)totals, sizeof *totals };
            return MILLRACE_OK;
        }
    }
    return millrace_format(arena, "`%s` is no state of version 1", count);
}

static const uint32_t reads_versions[] = { 1 };

const millrace_keyed millrace_plugin = {
    .about = {
        .name = "remember",
        .version = "0.1.0",
        .summary = "Does with state, timers and large state what its rows say, for the tests of "
                   "SDKs",
    },
    .state_version = 2,
    .reads_versions = reads_versions,
    .reads_version_count = 1,
    .start = start,
    .process = process,
    .migrate = migrate,
};
