/* Counts and sums the rows of each key within a sliding time. */

#include "config.h"
#include "window.h"

static const millrace_field added[] = {
    { .name = "velocity_count", .type = { .kind = MILLRACE_UINT64 } },
    { .name = "velocity_sum", .type = { .kind = MILLRACE_FLOAT64 } },
    { .name = "velocity_flag", .type = { .kind = MILLRACE_UTF8 }, .nullable = true },
};

static millrace_status start(millrace_start *start) {
    settings *plugin = MILLRACE_NEW(start->arena, settings);
    settings_configure(plugin, start);
    if (plugin->amount != NULL) {
        millrace_reads(start, plugin->amount);
    }
    /* A row leaves the window only when another is more than so much later. */
    millrace_state_ttl(start, (uint64_t)plugin->within_us + 1);
    millrace_port(start, MAIN, added, 3);
    if (plugin->flagged != NULL) {
        millrace_port(start, plugin->flagged, added, 3);
    }
    start->plugin = plugin;
    return MILLRACE_OK;
}

/* Rows for one port, with the columns that are added, as they grow. */
typedef struct port_rows {
    size_t count;
    uint32_t *rows;
    uint64_t *counts;
    double *sums;
    millrace_text *flags;
} port_rows;

static port_rows port_rows_new(millrace_arena *arena, size_t capacity) {
    return (port_rows){
        .rows = MILLRACE_ARRAY(arena, uint32_t, capacity),
        .counts = MILLRACE_ARRAY(arena, uint64_t, capacity),
        .sums = MILLRACE_ARRAY(arena, double, capacity),
        .flags = MILLRACE_ARRAY(arena, millrace_text, capacity),
    };
}

static void emit(
    millrace_arena *arena, millrace_output *out, const char *port, const port_rows *rows
) {
    millrace_column columns[] = {
        millrace_column_of_uint64s(arena, rows->counts, NULL, rows->count),
        millrace_column_of_doubles(arena, rows->sums, NULL, rows->count),
        millrace_column_of_texts(arena, rows->flags, rows->count),
    };
    millrace_out_some(out, port, rows->rows, rows->count, columns, 3);
}

/* The amount of each row; null counts as 0. */
static const double *amounts_of(const millrace_batch *rows, const settings *settings) {
    if (settings->amount == NULL) {
        return millrace_alloc_zeroed(rows->arena, rows->rows, sizeof(double));
    }
    const millrace_column *column = &rows->columns[0];
    const double *numbers = millrace_numbers(rows->arena, column);
    const bool *valid = millrace_valid(rows->arena, column);
    if (valid == NULL) {
        return numbers;
    }
    double *amounts = MILLRACE_ARRAY(rows->arena, double, rows->rows);
    for (uint32_t row = 0; row < rows->rows; row++) {
        amounts[row] = valid[row] ? numbers[row] : 0;
    }
    return amounts;
}

/* The time so long before another one. */
static int64_t before(int64_t time, int64_t span) {
    return time < INT64_MIN + span ? INT64_MIN : time - span;
}

static millrace_status process(void *self, millrace_keyed_batch *batch, millrace_output *out) {
    const settings *settings = self;
    millrace_arena *arena = millrace_call_arena(batch);
    const millrace_batch *rows = millrace_rows(batch);
    const double *amounts = amounts_of(rows, settings);
    port_rows main = port_rows_new(arena, rows->rows);
    port_rows flagged = port_rows_new(arena, settings->flagged == NULL ? 0 : rows->rows);
    millrace_event event;
    while (millrace_next(batch, &event)) {
        if (event.kind != MILLRACE_ROW || !event.has_time) {
            return "rows need event time: declare it, and keep its order";
        }
        int64_t oldest = before(event.time, settings->within_us);
        const window *window = window_add(batch, oldest, event.time, amounts[event.row]);
        double sum = fixed_value(window->sum);
        millrace_text flag = settings_flag(settings, window->count, sum);
        port_rows *port = flag.bytes != NULL && settings->flagged != NULL ? &flagged : &main;
        port->rows[port->count] = event.row;
        port->counts[port->count] = window->count;
        port->sums[port->count] = sum;
        port->flags[port->count] = flag;
        port->count++;
    }
    emit(arena, out, MAIN, &main);
    if (settings->flagged != NULL) {
        emit(arena, out, settings->flagged, &flagged);
    }
    return MILLRACE_OK;
}

const millrace_keyed millrace_plugin = {
    .about = {
        .name = "velocity",
        .version = "0.1.0",
        .summary = "Counts and sums the rows of each key within a sliding time and flags what is "
                   "above a limit",
    },
    .start = start,
    .process = process,
};
